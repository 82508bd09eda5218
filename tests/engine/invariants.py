"""The invariants of CONTRACT.md, checked on the bare rows of a store. Knows the layout, and of weft_core how it
writes a value; nothing else.

``Invariants().check(rows)`` after every operation; one object per store, because it remembers what may never change.
Runs that are being purged are invisible: what is left of them counts for nothing.
Number 10 needs an engine: see ``without_ownership``.
"""

from __future__ import annotations

import struct
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from math import inf, nextafter
from typing import Any
from zlib import crc32

import msgpack

from weft_core import codec

HEADER = (
    "id", "workflow", "version", "status", "created_at", "updated_at", "input", "code", "finished_at", "result",
    "error", "idempotency_key", "cancel_reason", "cancel_requested", "signals", "steps", "epoch", "next_seq",
    "mail_seq", "exposed", "attributes",
)  # fmt: skip
SUMMARY = (
    "steps", "completed", "next_task", "next_seq", "mail_seq", "updated_at", "active", "exposed", "places",
)  # fmt: skip
FINISHED = {"completed", "failed", "cancelled", "timed_out", "terminated"}
ASKING = {"join", "child", "run", "signal_run", "cancel_run", "lock", "unlock", "state"}
AWAY = {"transferring", "moved"}
UNFINISHED = {"needs_attention", "pending", "running", "suspended"}
PLACED = ("run_restarted", "run_forked", "run_rewound")
"""Events from which on a run stands somewhere that the events before do not lead to."""
ENDINGS = {"run_completed", "run_failed", "run_cancelled", "run_timed_out", "run_terminated"}


_OF_ONE_RUN = ("log", "ckpt", "past", "mail", "mail-id", "update", "answers", "review", "state", "stream", "blob")
UPDATE_ENDS = ("update_pending", "update_completed", "update_rejected", "update_unanswered")
"""The event that goes with each status of an update."""


def unseal(key: str, record: bytes) -> list[Any]:
    assert record[:3] == b"\xc1W\x01", f"{key} is no record of format 1"
    body = record[7:]
    assert crc32(body, crc32(key.encode())).to_bytes(4, "big") == record[3:7], f"{key} has a wrong checksum"
    value: list[Any] = msgpack.unpackb(body, strict_map_key=False, unicode_errors="surrogatepass")
    return value


def _header(values: list[Any]) -> dict[str, Any]:
    rare = values[len(HEADER)] if len(values) > len(HEADER) else {}
    return {**dict(zip(HEADER, values[: len(HEADER)], strict=True)), "rare": rare}


def _summary(values: list[Any]) -> dict[str, Any]:
    notes = values[len(SUMMARY)] if len(values) > len(SUMMARY) else {}
    return {**dict(zip(SUMMARY, values[: len(SUMMARY)], strict=True)), "notes": notes}


class View:
    """A store's rows, taken apart."""

    def __init__(self, rows: Mapping[str, bytes]) -> None:
        going = {key.split("/")[1] for key in rows if key.startswith("purging/")}
        assert not going & {key[4:] for key in rows if key.startswith("run/")}, "a run that is being purged is visible"
        self.rows = rows = {
            k: v for k, v in rows.items() if k.startswith("purging/") or not going & set(k.split("/")[1:])
        }
        self.kinds: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        for key, value in rows.items():
            self.kinds[key.partition("/")[0]][key] = value
        self.runs = {k[4:]: _header(unseal(k, v)[1:]) for k, v in self.kinds["run"].items()}
        self.parked = {k[5:]: _summary(unseal(k, v)[1]) for k, v in self.kinds["ckpt"].items()}
        self.chunks = {k: unseal(k, v)[3] for k, v in self.kinds["ckpt"].items() if len(unseal(k, v)) > 3}
        self.past: defaultdict[str, dict[int, list[Any]]] = defaultdict(dict)
        for key, value in self.kinds["past"].items():
            _, run_id, step = key.split("/")
            self.past[run_id][int(step, 16)] = unseal(key, value)
        self.events: defaultdict[str, list[tuple[int, str, dict[str, Any]]]] = defaultdict(list)
        for key in sorted(self.kinds["log"]):
            _, first, _, events = unseal(key, rows[key])
            assert int(key.rsplit("/", 1)[1], 16) == first
            run_id = key.split("/")[1]
            self.events[run_id] += [(first + i, kind, data) for i, (kind, data) in enumerate(events)]
        self.posts = [unseal(k, v) for kind in ("post", "ask", "spawn") for k, v in self.kinds[kind].items()]
        self.handoffs: dict[str, dict[str, Any]] = {k[8:]: unseal(k, v)[1] for k, v in self.kinds["handoff"].items()}
        self.replies: defaultdict[str, list[list[Any]]] = defaultdict(list)
        for key, value in self.kinds["post"].items():
            self.replies[key.split("/")[1]].append(unseal(key, value))
        admissions = {k: v for k, v in self.kinds["shared"].items() if k.startswith("shared/admission/")}
        self.admissions = {k: unseal(k, v)[0] for k, v in admissions.items()}
        self.locks = {}
        for key, value in self.kinds["shared"].items():
            if key.startswith("shared/lock/"):
                permits, token, holders, waiters, *beside = unseal(key, value)[0]
                pages = sorted(k for k in self.kinds["line"] if k.startswith(f"line/{key[7:]}/"))
                numbers = range(*beside[0]) if beside else range(0)
                assert {int(k.rpartition("/")[2], 16) for k in pages} <= set(numbers), f"{key} has stale pages"
                waiters = [*waiters, *(who for k in pages for who in unseal(k, rows[k]))]
                self.locks[key] = [permits, token, holders, waiters]
        self.mail: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        self.update_mail: defaultdict[str, dict[str, tuple[str, bool]]] = defaultdict(dict)
        """By run and update id: its name, and whether a wait has taken it."""
        for key in sorted(self.kinds["mail"]):
            _, run_id, seq = key.split("/")
            name, _, *of_update = unseal(key, rows[key])
            if of_update:
                self.update_mail[run_id][of_update[0]] = name, len(of_update) > 1
            else:
                self.mail[run_id].append((int(seq, 16), name))
        self.streams: dict[tuple[str, str], list[Any]] = {}
        """Entries by run and name."""
        self.values: defaultdict[str, dict[str, list[Any]]] = defaultdict(dict)
        for key, value in self.kinds["state"].items():
            _, run_id, name = key.split("/")
            self.values[run_id][name] = unseal(key, value)
        self.updates: defaultdict[str, dict[str, list[Any]]] = defaultdict(dict)
        for key, value in self.kinds["update"].items():
            _, run_id, update_id = key.split("/")
            self.updates[run_id][update_id] = unseal(key, value)


class Invariants:
    def __init__(self, *, purges: bool = False, windows: bool = False) -> None:
        """``purges``: finished runs may be removed; ``windows``: so may the older events of a run."""
        self._purges, self._windows = purges, windows
        self._final: dict[str, Any] = {}
        self._log: dict[str, bytes] = {}
        self._idem: dict[str, bytes] = {}
        self._generations: dict[str, int] = {}
        self._answered: dict[str, bytes] = {}

    def check(self, rows: Mapping[str, bytes]) -> View:
        view = View(rows)
        for run_id, header in view.runs.items():
            assert header["id"] == run_id
            if header["status"] in UNFINISHED:
                _waits_for_something(view, run_id)
            elif header["status"] in FINISHED:
                _owns_nothing(view, run_id)
            elif header["status"] in AWAY:
                _is_nobodys(view, run_id, header)
            _events_have_no_gap(view, run_id, self._windows)
            if not header["rare"].get("away"):  # else it is a mirror: a record and a log
                _signals_are_accounted_for(view, run_id)
                _updates_are_accounted_for(view, run_id)
        _handoffs(view)
        owners = {key.split("/")[1] for kind in _OF_ONE_RUN for key in view.kinds[kind]}
        assert owners <= set(view.runs), "records of no run"
        for key in view.kinds["answers"]:
            assert view.runs[key[8:]]["status"] in FINISHED, f"{key} of a run that answers by itself"
        _chunks(view)
        _epochs(view)
        _keys(view)
        _children(view)
        _watchers(view)
        _locks(view)
        _admissions(view)
        _forming(view)
        _values(view, self._windows)
        view.streams = _streams(view)
        for key in view.kinds["blob"]:
            assert "blob" in view.runs[key.split("/")[1]]["rare"]["kept"], f"a restart would leave {key}"
        _indexes(view)
        _bulk_operations(view)
        _feed(view)
        _schedules(view)
        self._nothing_changed(view)
        return view

    def _nothing_changed(self, view: View) -> None:
        """5 a recorded outcome never changes, but by a restart or a rewind that the record counts; neither does the
        past, nor whom an idempotency key means."""
        generations = {run_id: h["rare"].get("generation", 0) for run_id, h in view.runs.items()}
        for key in list(self._final):
            if generations.get(key[4:], 0) > self._generations.get(key[4:], 0):
                del self._final[key]
        self._generations = generations
        final = {k: _outcome(view.runs[k[4:]]) for k in view.kinds["run"] if view.runs[k[4:]]["status"] in FINISHED}
        if self._purges:
            self._forget_purged(view)
        if self._windows:
            self._forget_expired(view)
        answered = {k: v for k, v in view.kinds["update"].items() if unseal(k, v)[1]}
        log, idem = (self._log, view.kinds["log"]), (self._idem, view.kinds["idem"])
        for kept, now in ((self._final, final), log, idem, (self._answered, answered)):
            for key, value in kept.items():
                assert now.get(key) == value, f"5: {key} has changed"
            kept.update(now)

    def _forget_expired(self, view: View) -> None:
        """What lies before the first event of a run that there is."""
        for key in list(self._log):
            _, run_id, seq = key.split("/")
            if run_id in view.runs and int(seq, 16) < view.events[run_id][0][0]:
                del self._log[key]

    def _forget_purged(self, view: View) -> None:
        """A finished run may go, with all that is its own; then its key is spent."""
        gone = {key[4:] for key in self._final} - set(view.runs)
        for key, value in list(self._idem.items()):
            if unseal(key, value)[0] in gone and view.rows.get(key) != value:
                now = unseal(key, view.rows[key])
                assert now[:2] == unseal(key, value) and len(now) == 3, f"7: {key} is not spent"
                del self._idem[key]
        for kept in (self._final, self._log, self._answered):
            for key in [key for key in kept if key.split("/")[1] in gone]:
                del kept[key]


def _is_nobodys(view: View, run_id: str, header: dict[str, Any]) -> None:
    """What another engine has, or will have: nothing wakes it here."""
    assert not _timers(view, run_id) and f"active/{run_id}" not in view.rows, f"{run_id} is not ours to wake"
    assert header["rare"]["moves"] > 0 and header["rare"]["origin"], f"{run_id} has moved, and does not count it"
    if header["status"] == "transferring":
        assert run_id in view.parked, f"{run_id} is on its way, and could not come back"
        assert view.handoffs[run_id]["state"] in ("sending", "asking", "doubted")
        return
    owned = [kind for kind in (*_OF_ONE_RUN, "chunk") for key in view.kinds[kind] if key.split("/")[1] == run_id]
    assert set(owned) <= {"log"}, f"the mirror of {run_id} has {set(owned)}"
    assert header["rare"]["away"] and view.handoffs[run_id]["state"] in ("moved", "asking")


def _handoffs(view: View) -> None:
    """What is still to be done of a handoff is found, and its number is that of its run."""
    for run_id, handoff in view.handoffs.items():
        waits = handoff["state"] in ("parking", "asking", "arriving", "doubted") or handoff["owes"]
        waits = waits or (handoff["state"] in ("sending", "moved") and bool(handoff["url"]))
        assert (f"moving/{run_id}" in view.rows) == waits, f"9: nobody goes on with {handoff}"
        header = view.runs.get(run_id)
        assert header is None or header["rare"].get("moves", 0) == handoff["moves"], f"{run_id}: {handoff}"
    assert {key[7:] for key in view.kinds["moving"]} <= set(view.handoffs), "9: handoffs of nothing"


def _outcome(header: dict[str, Any]) -> Any:
    """All of a finished run's record but what searches know of it, which may still be changed."""
    kept = {name: value for name, value in header.items() if name not in ("attributes", "updated_at", "next_seq")}
    return {**kept, "rare": {name: value for name, value in header["rare"].items() if name != "tags"}}


def _timers(view: View, run_id: str) -> Counter[tuple[int, int, int]]:
    """(deadline, task, step) of a run's timer rows."""
    found: Counter[tuple[int, int, int]] = Counter()
    for key in view.kinds["timer"]:
        _, deadline, owner, place = key.split("/")
        if owner == run_id:
            task, step = place.split(".")
            found[int(deadline, 16), int(task), int(step)] += 1
    return found


def _tokens(view: View, run_id: str) -> dict[str, list[int]]:
    """The completion tokens that wait for an answer, by key: task and step."""
    found = {k: unseal(k, v) for k, v in view.kinds["token"].items() if k.split("/")[1] == run_id}
    return {key: [task, step] for key, (task, step, digest) in found.items() if digest is None}


def _wait(place: list[Any]) -> dict[str, Any]:
    """What a task waits for, and until when."""
    task, _, step, kind, name, note = place
    deadline, in_flight, tokens = None, False, []
    if note == ["anew"]:  # it begins when its run is resumed
        pass
    elif kind == "activity":
        phase, _, deadline, *more = note
        in_flight = phase in (0, 2, 4, 6)  # running, put off, verifying, queued
        assert in_flight or deadline or phase in (3, 7), f"1: {name} waits between two attempts, and for nothing"
        tokens = more[0].get("tokens", []) if more else []
        assert phase != 3 or tokens, f"1: {name} is parked, and nobody can complete it"
    elif kind in ("sleep", "signal", "start", "update", "until", "review"):
        deadline = note[0] or None
    return {
        "task": task, "step": step, "kind": kind, "name": name, "deadline": deadline, "in_flight": in_flight,
        "tokens": tokens,
    }  # fmt: skip


def _waits_for_something(view: View, run_id: str) -> None:
    """1 each running run waits for exactly one thing it can be woken by, and 9 for its timers and its active row."""
    summary = view.parked.get(run_id)
    assert summary is not None, f"1: {run_id} runs and has no checkpoint"
    assert summary["places"], f"1: {run_id} waits for nothing"
    places = {place[0]: place for place in summary["places"]}
    assert len(places) == len(summary["places"])
    assert 0 in places, f"1: {run_id} has no root"
    expected: Counter[tuple[int, int, int]] = Counter()
    in_flight = False
    tokens: dict[str, list[int]] = {}
    parents = Counter(place[1] for place in places.values())
    buffered = {name for _, name in view.mail[run_id]}
    for wait in map(_wait, summary["places"]):
        if places[wait["task"]][5] == ["anew"]:
            assert view.runs[run_id]["status"] == "suspended", f"1: {run_id} {wait} does not ask"
            continue
        if wait.get("deadline"):
            expected[wait["deadline"], wait["task"], wait["step"]] += 1
        if wait["kind"] == "activity":
            in_flight = in_flight or wait["in_flight"]
            assert places[wait["task"]][5][0] != 7 or view.runs[run_id]["status"] == "suspended", (
                f"1: {wait} is put back"
            )
            tokens |= {f"token/{run_id}/{mark}": [wait["task"], wait["step"]] for mark in wait["tokens"]}
        elif wait["kind"] == "sleep":
            assert wait["deadline"] is not None
        elif wait["kind"] == "start":
            assert wait["deadline"] or _asked(view, run_id, wait["task"], wait["step"]), f"1: {run_id} {wait}"
        elif wait["kind"] in ASKING:
            assert _asked(view, run_id, wait["task"], wait["step"]), f"1: {run_id} {wait} asked nobody"
        elif wait["kind"] == "attention":
            assert view.runs[run_id]["status"] in ("needs_attention", "suspended"), f"1: {run_id} needs attention"
        elif wait["kind"] == "resume":
            assert view.runs[run_id]["status"] == "suspended"
        elif wait["kind"] == "signal":
            assert wait["name"] not in buffered, f"1: {run_id} waits for {wait['name']}, which lies in its mailbox"
        elif wait["kind"] == "update":
            assert (wait["name"], False) not in view.update_mail[run_id].values(), f"1: {run_id} {wait}"
        elif wait["kind"] == "review":
            assert unseal(key := f"review/{run_id}/{wait['step']:012x}", view.rows[key])[1]["status"] == "pending"
        elif wait["kind"] == "until":
            assert wait["name"] == "until"
        else:
            assert wait["kind"] in ("group", "map", "saga", "saga_step", "compensate") and parents[wait["task"]] > 0, (
                f"1: {run_id} {wait}"
            )
    if view.runs[run_id]["status"] == "needs_attention":
        assert any(place[3] == "attention" for place in places.values()), f"1: {run_id} needs no attention"
    deadline = view.runs[run_id]["rare"].get("deadline")
    timers = _timers(view, run_id)
    if deadline and (deadline, -1, 0) in timers:
        expected[deadline, -1, 0] += 1
    else:  # it has fired: the run is on its way out
        assert not deadline or view.runs[run_id]["cancel_requested"]
    assert _tokens(view, run_id) == tokens, f"1, 9: tokens of {run_id}"
    for task, number, at, fired, _ in summary["notes"].get("scopes", ()):
        assert task in places
        if fired == 0:
            expected[at, -1 - number, 0] += 1
    for task, parent, *_ in places.values():
        assert (parent is None) == (task == 0) and (parent is None or parent in places)
    assert _timers(view, run_id) == expected, f"1, 9: timers of {run_id}: {_timers(view, run_id)} for {expected}"
    assert (f"active/{run_id}" in view.rows) == in_flight == summary["active"], f"1, 9: active row of {run_id}"


def address(header: dict[str, Any], step: int) -> int:
    """How others call a step of a run: with a part of when the run was created."""
    return (header["created_at"] & 0x7FFFFFFF) << 32 | step


def _asked(view: View, run_id: str, task: int, step: int) -> bool:
    """What a step has asked of others, or their answer, is somewhere: nothing that is on its way is lost."""
    asking = [run_id, task, address(view.runs[run_id], step)]
    if any(
        asking in ([*content[-3:]], [*content[-1][:3]] if isinstance(content[-1], list) else [])
        for content in view.posts
    ):
        return True
    if any(content[0] == "reply" and content[1:3] == asking[1:] for content in view.replies[run_id]):
        return True
    if any(asking in run["notes"].get("watchers", ()) for run in view.parked.values()):
        return True
    if any(asking == who[:3] for _, _, waiting in view.admissions.values() for who in waiting):
        return True
    return any(asking in state[3] for state in view.locks.values())


def _owns_nothing(view: View, run_id: str) -> None:
    """2 no finished run owns a timer, lease or mailbox entry."""
    assert run_id not in view.parked, f"2: {run_id} is finished and has a checkpoint"
    assert not view.mail[run_id] and not view.update_mail[run_id], f"2: {run_id} is finished and has mail"
    assert not _timers(view, run_id), f"2: {run_id} is finished and has timers"
    assert f"active/{run_id}" not in view.rows, f"2: {run_id} is finished and active"
    assert not _tokens(view, run_id), f"2: {run_id} is finished and can be completed by a token"


def _chunks(view: View) -> None:
    """9 the chunks of a run are those that the directories of its checkpoint and of its retained ones name."""
    named = set()
    directories = [(key[5:], directory) for key, directory in view.chunks.items()]
    for run_id, retained in view.past.items():
        assert len(retained) <= view.runs[run_id]["rare"].get("retain", 0), f"9: {run_id} retains {sorted(retained)}"
        for step, record in retained.items():
            _, summary, _, *directory = unseal(f"ckpt/{run_id}", record[1])
            assert summary[SUMMARY.index("completed")] == step, f"9: {run_id} retains {step}"
            assert step < view.parked.get(run_id, {"completed": step + 1})["completed"], f"9: {run_id} is at {step}"
            directories += [(run_id, d) for d in directory]
    for run_id, (start, *containers) in directories:
        for number, _, after_last, runs in containers:
            assert number < start
            for first, many in zip(runs[::2], runs[1::2], strict=True):
                assert first + many <= after_last
                named |= {f"chunk/{run_id}/{number:x}.{n:x}" for n in range(first, first + many)}
    stored = set(view.kinds["chunk"])
    assert stored == named, f"9: chunks {sorted(stored ^ named)[:5]}"


def _events_have_no_gap(view: View, run_id: str, windows: bool) -> None:
    """4 sequence numbers of a run's event log have no gap; a run begins once and ends once."""
    seqs = [seq for seq, _, _ in view.events[run_id]]
    first = seqs[0]  # the watermark
    assert windows or first == 1, f"4: {run_id} has no events before {first}"
    assert seqs == list(range(first, first + len(seqs))), f"4: {run_id} has events {seqs}"
    known = view.parked[run_id]["next_seq"] if run_id in view.parked else view.runs[run_id]["next_seq"]
    if view.runs[run_id]["status"] in FINISHED | UNFINISHED:
        assert known == first + len(seqs), f"4: {run_id} goes on with {known} after {len(seqs)}"
    if first > 1:
        return
    events = view.events[run_id]
    again = sum(kind in ("run_restarted", "run_rewound") for _, kind, _ in events)
    assert again == view.runs[run_id]["rare"].get("generation", 0)
    life, placed = since(events, "run_restarted"), since(events, *PLACED)
    kinds = Counter(kind for _, kind, _ in placed)
    ends = sum(kinds[kind] for kind in ENDINGS)
    waited = kinds["run_delayed"] == 1 or kinds["run_queued"] == 1 or kinds["run_kept_back"] == 1
    begun = kinds["run_started"] == 1 or (waited and not kinds["run_started"])
    begun = begun or (placed[0][1] in ("run_forked", "run_rewound") and not kinds["run_started"])
    mirror = view.runs[run_id]["rare"].get("away")  # its log may know of the end before its record does
    assert begun and (mirror or ends == (view.runs[run_id]["status"] in FINISHED)), f"4: {run_id}: {kinds}"
    if placed[0][1] not in ("run_forked", "run_rewound"):
        assert (not kinds["run_started"]) == (view.runs[run_id]["status"] == "pending") or waited
    outcomes = Counter(data["step"] for _, kind, data in life if kind == "activity_completed")
    assert not outcomes or max(outcomes.values()) == 1, f"5: a step of {run_id} has two outcomes"


def since(events: list[tuple[int, str, dict[str, Any]]], *kinds: str) -> list[tuple[int, str, dict[str, Any]]]:
    """From the last event of these kinds on; all, if there is none."""
    first = max((i for i, (_, kind, _) in enumerate(events) if kind in kinds), default=0)
    return events[first:]


def _signals_are_accounted_for(view: View, run_id: str) -> None:
    """6 each signal id appears at most once; and what was received was consumed or lies in the mailbox."""
    if view.events[run_id][0][0] > 1:
        return
    kinds = Counter(kind for _, kind, _ in view.events[run_id])
    ids = Counter(data["signal_id"] for _, kind, data in view.events[run_id] if kind == "signal_received")
    del ids[None]
    assert not ids or max(ids.values()) == 1, f"6: {run_id} received {ids}"
    rows = {key.split("/", 2)[2] for key in view.kinds["mail-id"] if key.split("/")[1] == run_id}
    assert rows == set(ids), f"6: {run_id} received {set(ids)} and knows {rows}"
    if view.runs[run_id]["status"] not in FINISHED:
        placed = since(view.events[run_id], *PLACED)
        kinds = Counter(kind for _, kind, _ in placed)
        gone = kinds["signal_consumed"] + kinds["signal_handled"]
        left = kinds["signal_received"] - gone + kinds["signal_returned"] + placed[0][2].get("signals", 0)
        assert left == len(view.mail[run_id]), f"6: {run_id} has {view.mail[run_id]}, not {left}"


def _updates_are_accounted_for(view: View, run_id: str) -> None:
    """8 each update is accepted once and answered at most once; what owes an answer lies in the mailbox (G8)."""
    happened: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, kind, data in view.events[run_id]:
        if kind == "update_received" or kind in UPDATE_ENDS:
            happened[data["update_id"]][kind] += 1
    whole = view.events[run_id][0][0] == 1  # else its first events are no longer kept
    assert not whole or happened.keys() == view.updates[run_id].keys(), f"G8: {run_id} received {sorted(happened)}"
    pending = {}
    for update_id, (name, status, _, _) in view.updates[run_id].items():
        ends = {UPDATE_ENDS[status]: 1} if status else {}
        told = {"update_received": 1, **ends}
        assert happened[update_id] == told or (not whole and happened[update_id] <= Counter(told)), f"G8: {update_id}"
        if not status:
            pending[update_id] = name
    waiting = {update_id: name for update_id, (name, _) in view.update_mail[run_id].items()}
    assert waiting == pending, f"G8: {run_id} owes {pending} and has {waiting}"


def _epochs(view: View) -> None:
    """3 no record carries an epoch above the current one."""
    if "meta/owner" in view.rows:
        epoch = unseal("meta/owner", view.rows["meta/owner"])[0]
        for run_id, header in view.runs.items():
            assert header["epoch"] <= epoch, f"3: {run_id} has epoch {header['epoch']} over {epoch}"


def _keys(view: View) -> None:
    """7 each idempotency key maps to one run."""
    known = {key[5:]: unseal(key, value) for key, value in view.kinds["idem"].items()}
    named = {key: record[0] for key, record in known.items() if len(record) == 2}
    spent = {record[0] for record in known.values() if len(record) == 3}
    assert not spent & set(view.runs), "7: the key of a run that is there is spent"
    claimed = {h["idempotency_key"]: run_id for run_id, h in view.runs.items() if h["idempotency_key"] is not None}
    assert named == claimed and len(set(claimed.values())) == len(claimed), f"7: {named} and {claimed}"
    assert sum(h["idempotency_key"] is not None for h in view.runs.values()) == len(named), "7: two runs for one key"


def _children(view: View) -> None:
    """8 each child names a parent that names it, or is detached."""
    named = {tuple(key.split("/")[1:]) for key in view.kinds["child"]}
    parents = {(h["rare"]["parent"][0], run_id): h for run_id, h in view.runs.items() if h["rare"].get("parent")}
    unfinished = {pair for pair, header in parents.items() if header["status"] not in FINISHED}
    assert named <= set(parents), f"8: {named - set(parents)}"
    for parent, child in unfinished - named:
        there = view.runs.get(parent)
        rewound = there is not None and there["rare"].get("generation", 0)  # after its end, perhaps
        assert there is None or there["status"] in FINISHED or rewound, f"8: {parent} does not name {child}"
    for key, value in view.kinds["child"].items():
        _, parent, child = key.split("/")
        born = int(value.decode().partition("@")[2], 16)
        there = view.runs.get(parent)
        if there is None or there["created_at"] != born or there["status"] in FINISHED:
            assert f"closing/{parent}/{born:012x}" in view.rows, f"8: nobody tells {child} of the end of {parent}"


def _watchers(view: View) -> None:
    """Who is to be told of the end of a run waits for it, or has said that it does no more."""
    left = [content[1:] for content in view.posts if content[0] == "unwatch"]
    for run_id, summary in view.parked.items():
        for watcher in summary["notes"].get("watchers", ()):
            other = view.runs.get(watcher[0])
            if other is None or other["status"] in FINISHED or watcher[0] not in view.parked:
                continue
            waiting = [[watcher[0], p[0], address(other, p[2])] for p in view.parked[watcher[0]]["places"]]
            rewound = other["rare"].get("generation", 0)  # it hears, and is past that
            later = rewound or address(other, 0) >> 32 != watcher[2] >> 32
            assert watcher in waiting or watcher in left or later, f"8: {watcher} waits for {run_id} no more"


def _locks(view: View) -> None:
    """Who holds a lock is unfinished, or its farewell is on its way; nobody waits for a permit that is free."""
    leaving = {content[1] for content in view.posts if content[0] == ["gone"]}
    forgotten = [[content[1], *content[0][1:]] for content in view.posts if content[0][:1] == ["forget"]]
    asking = {content[1] for content in view.posts if isinstance(content[0], list)}
    for key, (permits, token, holders, waiters) in view.locks.items():
        assert len(holders) <= permits and (len(holders) == permits or not waiters), f"{key}: {holders}, {waiters}"
        tokens = [holder[3] for holder in holders]
        assert tokens == sorted(set(tokens)) and (not tokens or tokens[-1] <= token)
        for run_id in {who[0] for who in holders + waiters if who[:3] not in forgotten}:
            there = run_id in view.runs and view.runs[run_id]["status"] not in FINISHED
            assert there or run_id in leaving, f"{key}: {run_id} has ended"
            noted = view.parked[run_id]["notes"].get("holds", ()) if run_id in view.parked else ()
            assert not there or key.partition("/")[2] in noted or run_id in asking, f"{key}: {run_id} has not noted it"


def _admissions(view: View) -> None:
    """Who counts as going on is unfinished, or its farewell is on its way; nobody waits while there is room."""
    leaving = {content[1] for content in view.posts if content[0] == ["gone"]}
    for key, (limit, admitted, waiting) in view.admissions.items():
        assert admitted and (len(admitted) >= limit or not waiting), f"{key}: {admitted}, {waiting}"
        everybody = [who[0] for who in admitted + waiting]
        assert len(set(everybody)) == len(everybody), f"{key}: {everybody}"
        for run_id in everybody:
            assert view.runs[run_id]["status"] not in FINISHED or run_id in leaving, f"{key}: {run_id} has ended"


def _forming(view: View) -> None:
    """9 the record by which calls find the run that they add to names a run that has not begun, which names it."""
    named = {s["notes"]["forming"]: run_id for run_id, s in view.parked.items() if "forming" in s["notes"]}
    found = {key: unseal(key, value)[0] for key, value in view.kinds["forming"].items()}
    assert found == named, f"9: {found} for {named}"
    for run_id in found.values():
        assert view.parked[run_id]["places"][0][3] == "start", f"9: {run_id} has begun"


def _values(view: View, windows: bool) -> None:
    """G5 a value's version counts the changes of it in the run's log; a run with values says that it has some."""
    for run_id, header in view.runs.items():
        values = view.values[run_id]
        assert not values or "state" in header["rare"].get("kept", ()), f"{run_id} would not find {sorted(values)}"
        if (
            windows
            or header["rare"].get("generation")
            or header["rare"].get("away")
            or "forked_from" in header["rare"].get("lineage", {})
        ):
            continue
        versions: defaultdict[str, list[int]] = defaultdict(list)
        for _, kind, data in view.events[run_id]:
            if kind == "state_changed":
                versions[data["key"]].append(data["version"])
        assert versions == {k: list(range(1, v[0] + 1)) for k, v in values.items()}, f"G5: values of {run_id}"
    for key, value in view.kinds["shared"].items():
        if key.startswith("shared/state/"):
            assert unseal(key, value)[0][0] > 0, f"{key} was never changed"


def _streams(view: View) -> dict[tuple[str, str], list[Any]]:
    """4 the entries of a stream have no gap, and nothing follows the one that closes it."""
    entries: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
    for key in sorted(view.kinds["stream"]):
        _, run_id, name, seq = key.split("/")
        so_far = entries[run_id, name]
        assert int(seq, 16) == len(so_far) + 1, f"4: {key} does not follow on {len(so_far)} entries"
        so_far += unseal(key, view.rows[key])[2]
    for (run_id, name), found in entries.items():
        assert "stream" in view.runs[run_id]["rare"]["kept"], f"{run_id} would not find its streams"
        assert [] not in found[:-1], f"{name} of {run_id} was closed, and went on"
    return entries


def _indexes(view: View) -> None:
    """9 every index equals its rebuild from the records."""
    stored = {key for kind, rows in view.kinds.items() if kind.startswith("by-") for key in rows}
    needed = {row for header in view.runs.values() for row in index_rows(header)}
    assert stored == needed, f"9: missing {sorted(needed - stored)[:5]}, stale {sorted(stored - needed)[:5]}"
    asked = {key: unseal(key, value)[1] for key, value in view.kinds["review"].items()}
    still_open = {k.split("/", 1)[1]: r for k, r in asked.items() if r["status"] == "pending"}
    open_rows = {f"review-open/{r['requested_at']:012x}/{place}" for place, r in still_open.items()}
    assert set(view.kinds["review-open"]) == open_rows, "9: the reviews that are open"
    assert all(view.runs[place.split("/")[0]]["status"] not in FINISHED for place in still_open), "2: an open review"
    running = {run_id for run_id, h in view.runs.items() if h["status"] in ("running", "suspended", "held")}
    assert {key[7:] for key in view.kinds["active"]} <= running, "9: active rows of no running run"
    assert {key.split("/")[2] for key in view.kinds["timer"]} - {""} <= set(view.runs), "9: timers of no run"
    if "meta/ended" in view.rows:
        ended = {
            f"ended/{h['workflow']}/{h['status']}/{h['finished_at']:012x}/{run_id}"
            for run_id, h in view.runs.items()
            if h["finished_at"] is not None
        }
        complete = unseal("meta/ended", view.rows["meta/ended"])[0]
        rows = set(view.kinds["ended"])
        assert rows == ended if complete else rows <= ended, f"9: finished runs {sorted(rows ^ ended)[:3]}"


def _feed(view: View) -> None:
    """9 the feed has no gap, and while nothing of it has been dropped it names the events of every turn there is."""
    rows = sorted(view.kinds["feed"])
    numbers = [int(key[5:], 16) for key in rows]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True, f"9: feed {numbers}"
    named: Counter[tuple[str, int]] = Counter()
    for key in rows:
        _, _, *row = unseal(key, view.rows[key])
        assert row and len(row) % 3 == 0, f"9: {key} names nothing"
        for run_id, first_seq, count in zip(row[::3], row[1::3], row[2::3], strict=True):
            named[f"log/{run_id}/{first_seq:012x}", count] += 1
    logs = [key for key in view.kinds["log"] if key.split("/")[1] not in view.handoffs]  # else it began elsewhere
    stored = Counter((key, len(unseal(key, view.rows[key])[3])) for key in logs)
    assert not stored - named or numbers[:1] != [1], f"9: the feed does not name {stored - named}"


def _schedules(view: View) -> None:
    """9 a schedule has a timer for the instant it is due and no other; its log has no gap, and only so many entries."""
    records = {key.partition("/")[2]: unseal(key, value)[1] for key, value in view.kinds["schedule"].items()}
    timers = {key for key in view.kinds["timer"] if key.split("/")[2] == ""}
    due = {f"timer/{r['due_at']:012x}//s:{name}" for name, r in records.items() if r["due_at"] is not None}
    assert timers == due, f"9: timers of schedules: {timers ^ due}"
    logs: defaultdict[str, list[int]] = defaultdict(list)
    for key in sorted(view.kinds["slog"]):
        _, name, seq = key.split("/")
        logs[name].append(int(seq, 16))
    assert set(logs) <= set(records), "9: logs of no schedule"
    for name, record in records.items():
        last = record["next_seq"] - 1
        assert logs[name] == list(range(max(1, last - 99), last + 1)), f"4: {name} has entries {logs[name]}"
        assert (record["next_at"] is None) == (record["due_at"] is None)
        assert not (record["paused"] and record["due_at"]), f"9: {name} is paused and due"


def _bulk_operations(view: View) -> None:
    """What is left of a bulk operation are its last pages, as long as its audit record says that it goes on."""
    left: defaultdict[str, list[int]] = defaultdict(list)
    for key in sorted(view.kinds["bulk"]):
        _, audit_key, number, _ = unseal(key, view.rows[key])
        assert key == f"bulk/{audit_key.split('/')[2]}/{number:08x}"
        left[audit_key].append(number)
    assert set(left) <= set(view.kinds["audit"]), "pages of no operation"
    for key in view.kinds["audit"]:
        _, _, _, _, _, matched, pages, done, refused, finished_at = unseal(key, view.rows[key])
        assert left[key] == list(range(pages - len(left[key]), pages)), f"{key} has pages {left[key]} of {pages}"
        assert (finished_at is None) == bool(left[key]), key
        assert done + sum(refused.values()) <= matched and (left[key] or done + sum(refused.values()) == matched), key


def index_rows(header: dict[str, Any]) -> set[str]:
    """By what a run is found, written down once more."""
    rare = header["rare"]
    named = [f"by-tag/{_part(tag)}" for tag in rare.get("tags", [])]
    if header["error"]:
        named.append(f"by-failure/{_part(header['error']['code'])}")
    if header["finished_at"] is not None:
        named.append(f"by-finished/{header['finished_at']:012x}")
    if rare.get("deadline"):
        named.append(f"by-deadline/{rare['deadline']:012x}")
    if rare.get("parent"):
        named.append(f"by-parent/{rare['parent'][0]}")
    if "schedule" in rare.get("lineage", {}):
        named.append(f"by-schedule/{_part(rare['lineage']['schedule'])}")
    end = f"{header['created_at']:012x}/{header['id']}"
    rows = {f"by-time/{end}", f"by-state/{header['status']}/{header['workflow']}/{end}"}
    rows |= {f"{name}/{end}" for name in named}
    for name, data in header["attributes"].items():
        value = codec.loads(data)
        for text in {_ordered(item) for item in (value if isinstance(value, list) else [value])}:
            rows.add(f"by-attribute/{_part(name)}/{text}\x01{end}")
    return rows


def _part(text: str) -> str:
    return "".join({"%": "%25", "/": "%2f", "\0": "%00"}.get(char, char) for char in text)


def _ordered(value: Any) -> str:
    if isinstance(value, str):
        return "s" + "".join(f"\x02{ord(char)}" if ord(char) < 3 else char for char in value)
    if isinstance(value, bool):
        return f"b{value:d}"
    if isinstance(value, datetime):
        return f"t{2**62 + round(Fraction(value.timestamp()) * 10**6):016x}"
    low = float(value) if float(value) <= value else nextafter(float(value), -inf)
    bits = struct.pack(">d", low or 0.0)
    text = (bits.hex() if bits[0] < 128 else bytes(255 - byte for byte in bits).hex()).lower()
    first = int(text[0], 16) ^ (8 if bits[0] < 128 else 0)
    return f"n{first:x}{text[1:]}{int(Fraction(value) - Fraction(low)) if isinstance(value, int) else 0:03x}"


def without_ownership(rows: Mapping[str, bytes]) -> dict[str, bytes]:
    """What two recoveries must agree on (10): all but who owns the store, and which code it was last driven with."""
    return {key: value for key, value in rows.items() if not key.startswith(("meta/", "code/"))}
