"""A whole store as one file and back: as at one commit, all or nothing, and nothing happens twice.

Users of web apps lose all their data when a cleaner runs: effortdex #3, waistline #962, manifest #361.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from tests.engine import shop
from tests.engine.invariants import Invariants
from weft_core import Context, workflow
from weft_core.client import Dispatcher
from weft_core.engine import check_export, export_store, import_store
from weft_core.engine.transfer.placing import settle
from weft_core.errors import (
    EngineFencedError,
    ExportFileError,
    ExportVersionError,
    StoreNotEmptyError,
    TransferNotFoundError,
    WeftError,
)
from weft_core.machine.sealed import unseal_plain
from weft_core.model import keys
from weft_core.storage import MemoryStorage, ScopedStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

NOW = 1_767_225_600_000
STATED = (keys.STORE, keys.OWNER, keys.EXPORTED, keys.RESTORED)


@workflow
async def counting(ctx: Context, upto: int) -> int:
    total = 0
    for number in range(upto):
        total += await ctx.run(shop.echo, number)
    return total


@pytest.fixture(autouse=True)
def _forget() -> None:
    shop.forget()


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def cut(data: bytes, step: int = 50_000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), step):
        yield data[at : at + step]


def content(storage: MemoryStorage) -> dict[str, bytes]:
    return {key: value for key, value in storage.rows().items() if key not in STATED}


async def imported(data: bytes, storage: MemoryStorage | None = None, **options: Any) -> MemoryStorage:
    storage = storage or MemoryStorage()
    await import_store(storage, cut(data), name="i", now_ms=NOW, **options)
    return storage


async def waiting_checkout(storage: MemoryStorage | None = None) -> TestEngine:
    engine = TestEngine(workflows=[shop.checkout, counting], storage=storage)
    await engine.open()
    await engine.start(shop.checkout, {"id": "o1", "total": 30}, id="o1", idempotency_key="order-1")
    await engine.settle()
    return engine


async def goes_on(storage: MemoryStorage, clock: VirtualClock | None = None) -> TestEngine:
    engine = TestEngine(workflows=[shop.checkout, counting], storage=storage, clock=clock, seed="other")
    await engine.open()
    handle = engine.get_handle("o1")
    await engine.signal("o1", "approval", {"ok": True})
    await engine.advance_time("2 hours")
    assert await handle.result() == shop.CHECKOUT_RESULT
    return engine


# ------------------------------------------------------------------ there and back


@pytest.mark.parametrize("compress", [True, False])
async def test_runs_go_on_in_another_store_and_no_effect_happens_twice(compress: bool) -> None:
    first = await waiting_checkout()
    data = await whole(first.export(compress=compress))
    await first.close()
    done = dict(shop.effects)
    second = await goes_on(await imported(data))
    assert all(shop.effects[key] == count for key, count in done.items()), "what was done is not done again"
    again = await second.start(shop.checkout, {"id": "o1", "total": 30}, idempotency_key="order-1")
    assert again.id == "o1", "G6: keys are spent in the copy, too"
    data = await whole(second.export())
    await second.close()
    third = TestEngine(workflows=[shop.checkout, counting], storage=await imported(data))
    async with third:
        assert await third.get_handle("o1").result() == shop.CHECKOUT_RESULT
        assert (await third.backup_status())["restored"]["generation"] == 2
        Invariants().check(third.storage.rows())  # type: ignore[attr-defined]


async def test_an_import_has_every_row_of_the_store_and_a_greater_epoch() -> None:
    engine = await waiting_checkout()
    data = await whole(engine.export())
    await engine.close()
    source = engine.storage
    assert isinstance(source, MemoryStorage)
    copy = await imported(data)
    assert content(copy) == content(source)
    header, trailer = await check_export(cut(data))
    assert trailer.rows >= len(content(copy))
    before, after = (unseal_plain(keys.OWNER, store.rows()[keys.OWNER])[0] for store in (source, copy))
    assert after == before + 1, "whoever held the store before is fenced"
    ids = [unseal_plain(keys.STORE, store.rows()[keys.STORE])[1] for store in (source, copy)]
    assert ids[0] == ids[1] == header.store_id


async def test_a_copy_as_a_new_store_has_other_idempotency_keys() -> None:
    engine = await waiting_checkout()
    data = await whole(engine.export())
    await engine.close()
    await (await goes_on(await imported(data))).close()
    kept = set(shop.effects)
    await (await goes_on(await imported(data, as_new="another"))).close()
    ships = [key for key in shop.effects if key.startswith("ship")]
    assert len([key for key in ships if key in kept]) == 2 and len(ships) == 4, "both copies have shipped"


async def test_a_store_of_an_engine_that_is_gone_is_exported_without_one() -> None:
    engine = await waiting_checkout()
    await engine.close()
    data = await whole(export_store(engine.storage, now_ms=NOW))
    await (await goes_on(await imported(data))).close()


# ------------------------------------------------------------------ consistency


async def test_an_export_of_a_busy_store_is_that_store_at_one_commit() -> None:
    async with TestEngine(workflows=[counting, shop.checkout]) as engine:
        for number in range(40):
            await engine.start(counting, 30, id=f"before-{number}")
        pieces: list[bytes] = []
        started = 0
        async for piece in engine.export():
            pieces.append(piece)
            for _ in range(5):
                started += 1
                await engine.start(counting, 30, id=f"during-{started}")
                await asyncio.sleep(0)
        handles = [engine.get_handle(f"before-{number}") for number in range(40)]
        assert [await handle.result() for handle in handles] == [435] * 40, "the export has stopped nobody"
    copy = await imported(b"".join(pieces))
    Invariants().check(copy.rows())
    async with TestEngine(workflows=[counting, shop.checkout], storage=copy) as engine:
        assert await engine.count() >= 40
        ends = [await engine.get_handle(run["id"]).result() for run in (await engine.list(limit=100)).items]
        assert set(ends) == {435}
        Invariants().check(copy.rows())


async def test_an_export_equals_the_store_of_the_commit_at_which_it_ended() -> None:
    """The rows are read while runs go on, and what was written meanwhile again: nothing of two moments is mixed."""
    storage = MemoryStorage()
    async with TestEngine(workflows=[counting], storage=storage) as engine:
        for number in range(300):
            await engine.start(counting, 3, id=f"r{number}")
        await engine.settle()
        export = engine.export()
        first = await anext(export)
        for number in range(300):
            await engine.start(counting, 3, id=f"s{number}")
        await engine.settle()
        for number in range(0, 300, 3):
            await engine.purge(f"r{number}")
        await engine.settle()
        there = content(storage)
        data = first + await whole(export)
    assert content(await imported(data)) == there
    assert await engine_status(storage) == NOW


async def engine_status(storage: MemoryStorage) -> Any:
    return unseal_plain(keys.EXPORTED, storage.rows()[keys.EXPORTED])[0]


async def test_a_store_that_is_written_to_without_an_engine_of_ours_is_not_exported_as_if_it_were_still() -> None:
    engine = await waiting_checkout()
    pieces = export_store(engine.storage, now_ms=NOW)
    await anext(pieces)
    await engine.start(counting, 2)
    with pytest.raises(WeftError, match="written to while it was exported"):
        await whole(pieces)
    await engine.close()


# ------------------------------------------------------------------ all or nothing


@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize("replaced", [False, True])
async def test_an_import_that_dies_at_any_write_leaves_the_old_store_or_the_whole_new_one(
    mode: Literal["before", "after"], replaced: bool
) -> None:
    engine = await waiting_checkout()
    data = await whole(engine.export(compress=False))
    await engine.close()
    new = content(engine.storage)  # type: ignore[arg-type]
    old = MemoryStorage()
    if replaced:
        before = await waiting_checkout(old)
        await before.start(counting, 3, id="of the old store")
        await before.settle()
        await before.close()
    outcomes = {"old": 0, "new": 0}
    for crash_at in range(1, 100):
        rows = MemoryStorage(old.rows())
        dying = CrashingStorage(rows, crash_at, mode)
        try:
            await import_store(dying, cut(data, 900), name="i", now_ms=NOW, replace=replaced)
        except SimulatedCrash:
            pass
        await settle(rows)  # what an engine does first
        found = content(rows)
        assert found in (content(old), new), f"half an import after a crash {mode} write {crash_at}"
        outcomes["new" if found == new else "old"] += 1
        if not dying.dead:
            break
    assert outcomes["old"] >= 2 and outcomes["new"] >= 4, outcomes
    assert found == new


async def test_finishing_an_import_survives_a_crash_at_every_write_of_it() -> None:
    engine = await waiting_checkout()
    data = await whole(engine.export())
    await engine.close()
    half = MemoryStorage()
    dying = CrashingStorage(half, record=True)
    await import_store(dying, cut(data), name="i", now_ms=NOW)
    total = dying.writes
    for crash_at in range(1, total + 1):
        rows = MemoryStorage()
        with pytest.raises(SimulatedCrash):
            await import_store(CrashingStorage(rows, crash_at, "after"), cut(data), name="i", now_ms=NOW)
        for again in range(1, 20):
            try:
                await settle(CrashingStorage(rows, again))
                break
            except SimulatedCrash:
                continue
        assert content(rows) in ({}, content(half))


async def test_a_damaged_file_changes_nothing() -> None:
    engine = await waiting_checkout()
    data = await whole(engine.export())
    await engine.close()
    target = await waiting_checkout()
    await target.close()
    storage = target.storage
    assert isinstance(storage, MemoryStorage)
    before = storage.rows()
    for damaged in (data[:-1], data[: len(data) // 2], data[:-40] + b"?" + data[-39:], b"", b"PK\x03\x04"):
        with pytest.raises(ExportFileError):
            await imported(damaged, storage, replace=True)
        assert storage.rows() == before


async def test_a_store_with_runs_is_only_replaced_when_that_is_said() -> None:
    engine = await waiting_checkout()
    data = await whole(engine.export())
    with pytest.raises(StoreNotEmptyError, match="by-state/running/checkout"):
        await imported(data, engine.storage)  # type: ignore[arg-type]
    fresh = TestEngine(workflows=[counting])
    async with fresh:
        pass
    await imported(data, fresh.storage)  # type: ignore[arg-type]
    await engine.close()


async def test_an_engine_that_still_runs_on_the_store_is_fenced() -> None:
    source = await waiting_checkout()
    data = await whole(source.export())
    await source.close()
    late = await waiting_checkout()
    await imported(data, late.storage, replace=True)  # type: ignore[arg-type]
    with pytest.raises(EngineFencedError):
        await late.start(counting, 1)
    await late.close()


async def test_of_two_imports_into_one_store_the_later_wins_and_the_earlier_finds_out() -> None:
    source = await waiting_checkout()
    data = await whole(source.export(compress=False))
    await source.close()
    storage = MemoryStorage()
    slow = import_store(storage, waited(data, gate := asyncio.Event()), name="slow", now_ms=NOW)
    task = asyncio.create_task(slow)
    await asyncio.sleep(0)
    await import_store(storage, cut(data), name="quick", now_ms=NOW)
    gate.set()
    with pytest.raises(TransferNotFoundError):
        await task
    assert content(storage) == content(source.storage)  # type: ignore[arg-type]


async def waited(data: bytes, gate: asyncio.Event) -> AsyncIterator[bytes]:
    yield data[:100]
    await gate.wait()
    yield data[100:]


# ------------------------------------------------------------------ hostile and newer files


async def test_rows_that_no_export_has_are_refused() -> None:
    from weft_core.codec.dump import DumpWriter, Header

    for key in (keys.OWNER, keys.STORE, keys.IMPORT, keys.incoming(3), "scope/other/run/x"):
        writer = DumpWriter()
        header = Header(store_id="s", store_format=1, generation=0, epoch=1, made_ms=NOW, made_by="somebody")
        data = writer.begin(header) + writer.add(key, b"mine") + writer.end(0)
        storage = MemoryStorage()
        with pytest.raises(ExportFileError, match="which no export has"):
            await imported(data, storage, replace=True)
        assert storage.rows() == {}


async def test_an_export_of_a_newer_store_is_refused_before_anything_changes() -> None:
    from weft_core.codec.dump import DumpWriter, Header

    writer = DumpWriter()
    header = Header(store_id="s", store_format=2, generation=0, epoch=1, made_ms=NOW, made_by="weft-engine 9")
    data = writer.begin(header) + writer.add("run/x", b"?") + writer.end(0)
    storage = MemoryStorage()
    with pytest.raises(ExportVersionError, match="use a newer version"):
        await imported(data, storage)
    assert storage.rows() == {}


async def test_other_stores_inside_of_a_store_stay_where_they_are() -> None:
    storage = MemoryStorage()
    await ScopedStorage(storage, "other").put("run/x", b"theirs")
    engine = await waiting_checkout(storage)
    data = await whole(engine.export())
    await engine.close()
    assert b"theirs" not in await whole(export_store(storage, now_ms=NOW, compress=False))
    await imported(data, storage, replace=True)
    assert storage.rows()["scope/other/run/x"] == b"theirs"


# ------------------------------------------------------------------ piece by piece, over the wire


async def told(dispatcher: Dispatcher, method: str, **params: Any) -> Any:
    import json

    answer = json.loads(await dispatcher.call(method, json.dumps(params)))
    if "error" in answer:
        raise WeftError(answer["error"]["code"])
    return answer["ok"]


async def exported(dispatcher: Dispatcher, name: str = "e") -> list[str]:
    await told(dispatcher, "export_begin", export=name)
    pieces: list[str] = []
    while True:
        piece = await told(dispatcher, "export_read", export=name, piece=len(pieces))
        again = await told(dispatcher, "export_read", export=name, piece=len(pieces)) if not piece["done"] else piece
        assert again == piece, "an answer that was lost is given again"
        if piece["done"]:
            return pieces
        pieces.append(piece["data"])


async def test_a_store_travels_over_the_wire_and_lost_answers_are_asked_for_again() -> None:
    source = await waiting_checkout()
    assert (await source.backup_status())["exported_at"] is None
    pieces = await exported(Dispatcher(source))
    status = await source.backup_status()
    assert (status["exported_at"], status["changes"]) == (NOW, 0)
    await source.start(counting, 1)
    assert (await source.backup_status())["changes"] > 0, "what has happened since is what would be lost"
    await source.close()

    storage = MemoryStorage()
    target = TestEngine(workflows=[shop.checkout, counting], storage=storage)
    await target.open()
    wire = Dispatcher(target)
    await told(wire, "import_begin", **{"import": "i"})
    size = 0
    for piece in pieces:
        taken = await told(wire, "import_write", **{"import": "i", "at": size, "data": piece})
        again = await told(wire, "import_write", **{"import": "i", "at": size, "data": piece})
        assert taken == again and taken["size"] > size
        size = taken["size"]
    await target.start(counting, 2)  # the store is in use until the file has been taken whole
    with pytest.raises(WeftError, match="StoreNotEmptyError"):
        await told(wire, "import_finish", **{"import": "i"})
    await settle(storage)

    target = TestEngine(workflows=[shop.checkout, counting], storage=storage)
    await target.open()
    wire = Dispatcher(target)
    with pytest.raises(WeftError, match="TransferNotFoundError"):
        await told(wire, "import_write", **{"import": "i", "at": size, "data": ""})
    await told(wire, "import_begin", **{"import": "i2", "replace": True})
    size = 0
    for piece in pieces:
        size = (await told(wire, "import_write", **{"import": "i2", "at": size, "data": piece}))["size"]
    finished = await told(wire, "import_finish", **{"import": "i2"})
    assert target.status == "closed"
    engine = await goes_on(storage)
    assert await told(Dispatcher(engine), "import_finish", **{"import": "i2"}) == finished, (
        "its answer may be lost, too"
    )
    await engine.close()


async def test_a_file_that_is_not_whole_is_refused_over_the_wire_and_the_engine_goes_on() -> None:
    source = await waiting_checkout()
    wire = Dispatcher(source)
    pieces = await exported(wire)
    await told(wire, "import_begin", **{"import": "i", "replace": True})
    with pytest.raises(WeftError, match="ExportFileError"):
        await told(wire, "import_finish", **{"import": "i"})
    with pytest.raises(WeftError, match="InvalidInputError"):
        await told(wire, "import_write", **{"import": "i", "at": 0, "data": 7})
    with pytest.raises(WeftError, match="ExportFileError"):
        await told(wire, "import_write", **{"import": "i", "at": 0, "data": pieces[0][8:]})
    with pytest.raises(WeftError, match="TransferNotFoundError"):
        await told(wire, "import_write", **{"import": "i", "at": 0, "data": pieces[0]})
    assert source.status == "open"
    await source.close()


async def test_an_export_that_nobody_reads_on_costs_nothing_for_ever() -> None:
    engine = await waiting_checkout()
    for number in range(6):
        await engine.export_begin(f"e{number}")
        await engine.export_read(f"e{number}", 0)
    with pytest.raises(TransferNotFoundError):
        await engine.export_read("e0", 0)
    assert len(engine._parts.committer.watches) <= 4
    await engine.close()
