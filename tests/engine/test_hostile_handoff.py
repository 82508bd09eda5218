"""Whoever may hand runs over may send anything: it is refused by name, or it is a run like another (G19).

Damaged bytes change nothing. An envelope that is whole, and lies, is refused, and only its handoff is remembered; or
it is taken in, and then it harms itself alone: another run goes on, and the engine with it. No exception gets out.
"""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgpack
import pytest

from tests.engine.moving import RESULT, SERVER, Pair, Wire, approve, errand
from weft_core import codec
from weft_core.errors import WeftError
from weft_core.machine import travel
from weft_core.machine.travel import Traveller, message, read_message
from weft_core.model import keys
from weft_core.model.limits import DEFAULT_LIMITS
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, VirtualClock
from weft_server.http.app import application
from weft_server.http.guard import Policy

SEED = 20261129
TOKEN = "the token"
POLICY = Policy(TOKEN, frozenset({"server"}), frozenset({"https://shop.example"}), 200_000)
Answer = tuple[int, bytes]
ODD = ("own", "nobody", "x" * 2_000, "a b", "\0", "%2e%2e", "..", "ü", "\ud800")
"""Run ids."""
BOMBS = [
    b"\x91\x01\x00", b"", b"\xc1", b"\x91" * 5_000, b"\x81" * 5_000 + b"\xc0", b"\xdd" + b"\xff" * 4,
    b"\xdf" + b"\xff" * 4, b"\xc6" + b"\xff" * 4, b"\x81\x90\x01", b"\x91\x81\x80\x01", b"\xd6" + b"\xff" * 5,
    b"\xc7\x08\xff" + b"\xff" * 8, b"\x93\xcf" + b"\xff" * 8 + b"\xd3\x80" + b"\0" * 7 + b"\xcb\x7f\xf8" + b"\0" * 6,
    b"\xa2\xff\xfe", b"\x91\xc7\x01\x05\x90",
]  # fmt: skip
"""Bodies of records and messages: too deep, too long, not to be hashed, of no type, not text, beyond 64 bits."""


class Receiver:
    """An engine behind its HTTP application, with a run of its own that waits."""

    def __init__(self) -> None:
        self.rows, self.clock = MemoryStorage(), VirtualClock()
        self.engine = TestEngine(workflows=[errand], storage=self.rows, clock=self.clock, seed="receiver")
        self.app = application(self.engine, POLICY)

    async def __aenter__(self) -> Receiver:
        await self.engine.open()
        self.engine._parts.mover.wait_ms = 0
        await self.engine.start(errand, id="own")
        await self.settle()
        self.own = self._of("own")
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.engine.close()

    async def settle(self) -> None:
        for _ in range(4):
            await self.engine.settle()
            self.clock.advance_to(self.clock.now_ms() + 2_000)
        await self.engine.settle()

    async def post(self, path: str, body: bytes, method: str = "POST", **headers: str) -> Answer:
        """As a server gets it from the network. Errors of the application are errors of the test."""
        sent: list[Any] = []
        given = {"host": "server", "authorization": f"Bearer {TOKEN}", **headers}
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode("utf-8", "replace"),
            "query_string": b"", "headers": [(k.encode(), v.encode()) for k, v in given.items()], "http_version": "1.1",
            "scheme": "http", "server": ("server", 80), "client": ("somebody", 1), "root_path": "",
        }  # fmt: skip
        pieces = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return pieces.pop() if pieces else {"type": "http.disconnect"}

        async def send(event: Any) -> None:
            sent.append(event)

        await self.app(scope, receive, send)  # type: ignore[arg-type]
        status: int = sent[0]["status"]
        assert status != 500, sent
        return status, b"".join(event.get("body", b"") for event in sent[1:])

    def _of(self, run_id: str) -> dict[str, bytes]:
        """All but what is remembered of handoffs."""
        rows = self.rows.rows().items()
        mine = {key: row for key, row in rows if key.endswith(f"/{run_id}") or f"/{run_id}/" in key}
        return {key: row for key, row in mine.items() if not key.startswith("handoff/")}

    def unharmed(self) -> None:
        assert self.engine.status == "open"
        assert self._of("own") == self.own, "another run was touched"

    async def finishes_its_own(self) -> None:
        await self.engine.signal("own", approve, "yes")
        await self.settle()
        assert await self.engine.get_handle("own").result() == RESULT


async def envelope() -> tuple[bytes, Traveller]:
    """Of a run that waits for a signal."""
    async with Pair() as pair:
        await pair.device.start(errand, id="e", tags=["vip"], idempotency_key="k")
        await pair.settle(2_000)
        await pair.device.handoff("e", SERVER)
        await pair.settle(1_000)
        body = next(b for url, b in zip(pair.wire.sent, pair.wire.bodies, strict=True) if url.endswith("/import"))
    return body, travel.unpack(body, DEFAULT_LIMITS)


def code_of(answer: Answer) -> str:
    return str(json.loads(answer[1])["error"]["code"])


def remembered(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


async def test_damaged_envelopes_are_refused_by_name_and_change_nothing() -> None:
    body, _ = await envelope()
    chance = random.Random(SEED)
    async with Receiver() as server:
        before = server.rows.rows()
        cases = [
            bytes([*body[:at], body[at] ^ 1 << chance.randrange(8), *body[at + 1 :]])
            for at in _sample(chance, len(body), 250)
        ]
        cases += [body[:at] for at in _sample(chance, len(body), 100)]
        cases += [body + bytes([chance.randrange(256)]) * n for n in (1, 7, 5_000)]
        cases += [body * 2, body[::-1], b"", b"WEFTRUN1", b"WEFTRUN1" * 10, b"WEFTRUN2" + body[8:]]
        for case in cases:
            answer = await server.post("/api/v1/handoff/import", case)
            assert (answer[0], code_of(answer)) == (422, "EnvelopeDamagedError")
        assert server.rows.rows() == before
        await server.finishes_its_own()


async def test_envelopes_whose_parts_lie_about_their_length_or_name_other_things_change_nothing() -> None:
    _, run = await envelope()
    async with Receiver() as server:
        before = server.rows.rows()
        for body in misbuilt(run):
            answer = await server.post("/api/v1/handoff/import", body)
            assert (answer[0], code_of(answer)) == (422, "EnvelopeDamagedError"), body[:200]
        assert server.rows.rows() == before
        await server.finishes_its_own()


async def test_envelopes_that_are_whole_and_lie_are_refused_or_harm_themselves_alone() -> None:
    _, run = await envelope()
    lies, outcomes = lying(run, random.Random(SEED)), Counter[str]()
    for _ in range(40):
        async with Receiver() as server:
            for lie in islice(lies, 15):
                before = server.rows.rows()
                status, answer = await server.post("/api/v1/handoff/import", travel.pack(lie))
                kind = (
                    read_message(answer, ("accepted", "refused", "conflict"))[0]
                    if status == 200
                    else code_of((status, answer))
                )
                outcomes[kind] += 1
                if kind == "accepted":
                    break
                changed = remembered(before, server.rows.rows())
                assert changed <= ({"handoff/e", "meta/owner"} if kind == "refused" else set()), (kind, changed)
            await server.settle()
            server.unharmed()
            await server.finishes_its_own()
            assert server.engine.status == "open"
    assert set(outcomes) == {"accepted", "refused", "EnvelopeDamagedError"}, outcomes


async def test_messages_of_all_kinds_with_anything_in_them_are_refused_by_name() -> None:
    chance = random.Random(SEED)
    async with Receiver() as server:
        before = server.rows.rows()
        for verb in ("return", "returned", "declined", "news", "takes", "import", "say", "whose", "nothing"):
            for body in messages(verb, chance):
                for run_id in ODD:
                    path = (
                        f"/api/v1/handoff/{verb}" if verb in ("takes", "import") else f"/api/v1/handoff/{run_id}/{verb}"
                    )
                    status, _ = await server.post(path, body)
                    assert status in (200, 400, 404, 405, 409, 413, 422), (verb, run_id, status)
                    if verb in ("takes", "import"):
                        break
        for run_id in ODD:
            for path in (f"/api/v1/runs/{run_id}", f"/api/v1/runs/{run_id}/events"):
                assert (await server.post(path, b"", "GET"))[0] in (200, 400, 404, 422, 429), path
        changed = remembered(before, server.rows.rows())
        assert all(key.startswith("handoff/") or key == "meta/owner" for key in changed), changed
        server.unharmed()
        await server.finishes_its_own()


async def test_a_run_that_did_not_come_by_a_handoff_is_neither_given_away_nor_told_of_nor_spoken_to() -> None:
    async with Receiver() as server:
        at = "/api/v1/handoff/own"
        for left, back in (("a", "b"), ("a", "c"), ("c", "d"), ("", "e")):
            _, asked = await server.post(f"{at}/return", message("return", left or "a", back, 0, 0))
            assert read_message(asked, ("never", "kept")), "also when it was asked before"
            assert read_message((await server.post(f"{at}/news", message("news", 0, 0)))[1], ("unknown",))
            for form in (
                ["cancel", "why"],
                ["signal", "approve", codec.dumps("no"), "s"],
                ["query", "seen", codec.dumps([])],
            ):
                refused = read_message((await server.post(f"{at}/say", message("say", form)))[1], ("refused",))[1]
                assert refused["code"] == "RunNotFoundError"
        server.unharmed()
        await server.finishes_its_own()


async def test_who_has_not_the_token_or_another_origin_or_sends_too_much_gets_no_further() -> None:
    body, _ = await envelope()
    async with Receiver() as server:
        before = server.rows.rows()
        importing = "/api/v1/handoff/import"
        for token in (
            "",
            "Bearer",
            "Bearer ",
            "Bearer the toke",
            "Bearer the tokenn",
            "Basic the token",
            "bearer\tthe token",
            "Bearer ü",
        ):
            assert (await server.post(importing, body, authorization=token))[0] == 401
        assert (await server.post(importing, body, origin="https://evil.example"))[0] == 403
        assert (await server.post(importing, body, origin="null"))[0] == 403
        assert (await server.post(importing, body, host="evil.example"))[0] == 421
        for length in ("200001", "-1", "1e9", "٣", ""):
            assert (await server.post(importing, b"x" * 200_001, **{"content-length": length}))[0] == 413
        assert (await server.post(importing, b"x" * 200_001))[0] == 413, "without a length, it is counted"
        assert server.rows.rows() == before
        assert (await server.post(importing, body, authorization=f"bearer {TOKEN}"))[0] == 200


class Liar(Wire):
    """Its answers are made up, while ``lies`` are left."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance, self.lies = random.Random(seed), 0

    async def post(self, url: str, body: bytes) -> bytes:
        if not self.lies:
            return await super().post(url, body)
        self.lies -= 1
        self.sent.append(url)
        self.bodies.append(body)
        return self._lie(await self._arrive(url, body) if url.endswith("/news") else b"")

    def _lie(self, truth: bytes) -> bytes:
        chance = self.chance
        how = chance.randrange(4)
        if how == 0:
            return chance.choice(BOMBS)
        if how == 1:
            return codec.seal("handoff", chance.choice(BOMBS))
        if how == 2 or not truth:
            kind = chance.choice(["accepted", "conflict", "envelope", "news", "wait", "unknown", "noted"])
            values = [b"x", [], [[1, b"x"]], [["1", 1]], [[]], "e", None, 2**64 - 1, {}]
            return message(kind, *(chance.choice(values) for _ in range(chance.randrange(4))))
        _, record, rows = read_message(truth, ("news",), 1 << 20)
        if rows and chance.random() < 0.6:
            row = chance.choice(rows)
            key = keys.log("e", row[0])
            row[chance.randrange(2)] = chance.choice(
                [
                    0,
                    1,
                    2**63,
                    "x",
                    b"",
                    codec.seal(key, chance.choice(BOMBS)),
                    codec.seal(key, _scratched(row[1], key, chance)),
                ]
            )
        else:
            key = keys.run("e")
            record = codec.seal(key, _scratched(record, key, chance))
        return message("news", record, rows)


async def test_a_server_that_answers_anything_harms_the_run_that_it_has_and_no_other() -> None:
    told = 0
    for seed in range(30):
        wire = Liar(SEED + seed)
        async with Pair(wire) as pair:
            for run_id in ("e", "own"):
                await pair.device.start(errand, id=run_id)
            await pair.settle(2_000)
            await pair.device.handoff("e", SERVER)
            wire.lies = seed % 3 * 3
            await pair.settle(3_000)
            wire.lies = 6
            await pair.settle(6_000)
            if (await pair.device.describe("e"))["finished_at"] is None:
                await pair.device.take_back("e")
                wire.lies = 4
                await pair.settle(6_000)
            told += len(wire.sent)
            assert pair.device.status == "open"
            await pair.device.signal("own", approve, "yes")
            await pair.settle(5_000)
            assert await pair.device.get_handle("own").result() == RESULT
    assert told > 300


class Late(Wire):
    """After each message some of those before arrive once more, in any order; nobody hears their answers."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance, self.again = random.Random(seed), 0

    async def post(self, url: str, body: bytes) -> bytes:
        answer = await super().post(url, body)
        for at in sorted(range(len(self.sent)), key=lambda at: self.chance.random())[: self.chance.randrange(3)]:
            self.again += 1
            try:
                await self._arrive(self.sent[at], self.bodies[at])
            except WeftError:
                pass
        return answer


@pytest.mark.parametrize("back", [False, True], ids=["there", "there and back"])
async def test_G5_messages_that_come_again_late_and_in_any_order_change_nothing(back: bool) -> None:
    again = 0
    for seed in range(25):
        wire = Late(SEED + seed)
        async with Pair(wire) as pair:
            await pair.journey(back)
            before = {side: _run_rows(rows) for side, rows in pair.rows.items()}
            order = list(range(len(wire.sent)))
            wire.chance.shuffle(order)
            for at in order * 2:
                with_answer = await _say_again(wire, at)
                assert with_answer
            await pair.settle(2_000)
            assert {side: _run_rows(rows) for side, rows in pair.rows.items()} == before
        again += wire.again + 2 * len(wire.sent)
    assert again > 400


async def _say_again(wire: Wire, at: int) -> bool:
    try:
        await wire._arrive(wire.sent[at], wire.bodies[at])
    except WeftError as refusal:
        return refusal.code in ("EnvelopeDamagedError", "RunFinishedError")
    return True


def _run_rows(rows: MemoryStorage) -> dict[str, bytes]:
    """All but what a store remembers of handoffs, and its own position."""
    return {
        key: row
        for key, row in rows.rows().items()
        if key.partition("/")[0] in ("run", "ckpt", "log", "mail", "chunk", "moving")
    }


# ---------------------------------------------------------------- what is sent


def _sample(chance: random.Random, length: int, count: int) -> list[int]:
    return sorted(chance.sample(range(length), min(count, length)))


def sealed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


def head_of(run: Traveller) -> list[Any]:
    return [run.run_id, run.workflow, run.version, run.code, run.moves, run.handoff_id, run.goes_on, run.store_id]


def built(head: bytes, rows: list[tuple[bytes, bytes]], length: int | None = None) -> bytes:
    parts = [b"WEFTRUN1", struct.pack(">I", len(head) if length is None else length), head]
    for name, value in rows:
        parts += [struct.pack(">II", len(name), len(value)), name, value]
    return sealed(b"".join(parts))


def misbuilt(run: Traveller) -> Iterator[bytes]:
    head, rows = msgpack.packb(head_of(run)), [(name.encode(), value) for name, value in run.rows.items()]
    for length in (0, 1, len(head) - 1, len(head) + 1, 2**32 - 1):
        yield built(head, rows, length)
    for bomb in BOMBS:
        yield built(bomb, rows)
    for at in range(8):
        for other in (None, 7, -1, 2**64 - 1, "", "x" * 70_000, "a\0b", [], {"a": 1}, b"bytes", 0.5):
            if type(other) is type(head_of(run)[at]) and (at in (2, 3, 7) or (at == 4 and other == 7)):
                continue  # it says something else, and is whole
            yield built(msgpack.packb([*head_of(run)[:at], other, *head_of(run)[at + 1 :]]), rows)
        yield built(msgpack.packb(head_of(run)[:at]), rows)
    yield built(msgpack.packb([*head_of(run), 1]), rows)
    for name in (
        b"",
        b"\xff",
        b"run/",
        b"log",
        b"meta/epoch",
        b"../run",
        b"run\0",
        b"handoff",
        b"idem/k",
        b"x" * 2_000,
        b"timer/1",
    ):
        yield built(head, [*rows, (name, b"")])
    yield built(head, [*rows, rows[0]])
    whole = built(head, rows)[:-32]
    for lie in (
        struct.pack(">II", 2**32 - 1, 0),
        struct.pack(">II", 0, 2**32 - 1),
        struct.pack(">II", 5, 5) + b"ab",
        b"\0",
    ):
        yield sealed(whole + lie)


def lying(run: Traveller, chance: random.Random) -> Iterator[Traveller]:
    """Whole envelopes, each with a handoff of its own: bits, bodies or records of it are others."""
    number = 0
    while True:
        number += 1
        rows, head = dict(run.rows), head_of(run)
        name = chance.choice(list(rows))
        how = number % 6
        if how == 0:
            del rows[name]
        elif how == 1:
            rows[name] = codec.seal(run.key(name), chance.choice(BOMBS))
        elif how == 2:
            rows[
                chance.choice(
                    [
                        "log/ffff",
                        "mail/0",
                        "chunk/zz",
                        "review/1",
                        "state/x",
                        "past/1",
                        "token/t",
                        "update/u",
                        "blob/b",
                        "stream/s",
                    ]
                )
            ] = rows[name]
        elif how == 3:
            at = chance.choice([1, 2, 3, 4, 7])
            head[at] = (
                head[at] + chance.choice([1, 2**40, 2**62])
                if at == 4
                else chance.choice(["", "another", head[3], "9" * 1_000])
            )
        else:
            key = run.key(name) if name != "idem" else keys.idempotency("k")
            rows[name] = codec.seal(key, _scratched(rows[name], key, chance))
        head[5] = f"lie-{number}"
        yield Traveller(*head, rows)


def _scratched(record: bytes, key: str, chance: random.Random) -> bytes:
    """The body of a record, with other bytes in it."""
    body = bytearray(codec.unseal(key, record))
    for _ in range(chance.choice([1, 1, 1, 4]) if body else 0):
        body[chance.randrange(len(body))] = chance.choice([0, 0x80, 0x90, 0xC0, 0xFF, chance.randrange(256)])
    return bytes(body)


def messages(verb: str, chance: random.Random) -> Iterator[bytes]:
    values: list[Any] = [
        None,
        True,
        0,
        -1,
        2**63,
        2**64 - 1,
        "",
        "x" * 300,
        "own",
        b"\0",
        [],
        [[]],
        {},
        0.5,
        ["errand", "1", 5],
        [["errand", "1", "x"]],
    ]
    yield from BOMBS
    for bomb in BOMBS:
        yield codec.seal("handoff", bomb)
    for kind in (verb, "", 5, None, ["return"]):
        for count in range(6):
            yield codec.seal("handoff", msgpack.packb([kind, *(chance.choice(values) for _ in range(count))]))
    if verb == "say":
        for name in ("signal", "cancel", "update", "get_update", "query", "", 5):
            for count in range(6):
                yield message("say", [name, *(chance.choice(values) for _ in range(count))])
    whole = {
        "return": ("a", "b", 1, 0),
        "returned": ("b", "me"),
        "declined": ("b", "why"),
        "news": (0, 0),
        "whose": (1,),
    }.get(verb, ())
    for at in range(len(whole)):
        for value in values:
            if (verb, at) not in (("return", 3), ("news", 1)) or not isinstance(value, int) or value <= 0:
                yield message(verb, *whole[:at], value, *whole[at + 1 :])
