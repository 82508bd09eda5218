"""Large containers are kept in chunks (G3): what is read is what was written, and a step writes what changed."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import os
import random

import msgpack
import pytest

from weft_core import codec
from weft_core.codec.chunks.kept import Chunks
from weft_core.codec.chunks.reader import ChunkReader
from weft_core.codec.chunks.writer import encode_in_chunks
from weft_core.codec.decoder import Decoder, guarded
from weft_core.codec.encoder import NO_EXTERNALS
from weft_core.errors import CorruptRecordError, WeftError

codec.allow_module(__name__)


@dataclasses.dataclass
class Row:
    id: int
    tags: list[str]


@dataclasses.dataclass(slots=True)
class Slotted:
    id: int
    note: str


class Store:
    """Documents of one root, one after the other, with their chunks."""

    def __init__(self):
        self.chunks = Chunks()
        self.stored = {}
        self.written = 0

    def write(self, root):
        """The number of bytes that were written."""
        self.document = encode_in_chunks(root, NO_EXTERNALS, lambda: None, self.chunks)
        puts, drops = self.chunks.changes()
        assert not set(puts) & set(self.stored), "the name of a chunk is never given twice"
        for name in drops:
            del self.stored[name]
        self.stored.update(puts)
        self.directory = self.chunks.directory()
        assert set(self.chunks.names()) == set(self.stored)
        assert self.chunks.size == sum(map(len, self.stored.values()))
        return len(self.document) + len(codec.dumps(self.directory)) + sum(map(len, puts.values()))

    def read(self):
        return read(self.document, self.directory, self.stored)[0]

    def restart(self):
        """What was read, after forgetting all that was in memory."""
        root, self.chunks = read(self.document, self.directory, self.stored)
        return root


def read(document, directory, stored):
    reader = ChunkReader(directory, stored.__getitem__) if directory else None
    if reader is not None:
        reader.load(lambda shared: Decoder(NO_EXTERNALS, None, shared))
    root = Decoder(NO_EXTERNALS, None, reader).document(document)
    return root, reader.chunks if reader is not None else Chunks()


def shape(value, seen=None):
    """Plain text for the structure of a value: types, contents, and which mutable parts are one object."""
    seen = {} if seen is None else seen
    if isinstance(value, (list, dict, set, Row, Slotted, bytearray)):
        if id(value) in seen:
            return f"#{seen[id(value)]}"
        seen[id(value)] = len(seen)
    if isinstance(value, list):
        return "[" + ",".join(shape(x, seen) for x in value) + "]"
    if isinstance(value, tuple):
        return "(" + ",".join(shape(x, seen) for x in value) + ")"
    if isinstance(value, dict):
        return "{" + ",".join(f"{shape(k, seen)}:{shape(v, seen)}" for k, v in value.items()) + "}"
    if isinstance(value, set):
        return "set" + repr(sorted(value))
    if isinstance(value, (Row, Slotted)):
        return type(value).__name__ + shape(tuple(getattr(value, f.name) for f in dataclasses.fields(value)), seen)
    return f"{type(value).__name__} {value!r}"


def same(store, root):
    if shape(store.read()) != shape(root):  # asserting it would have pytest compare megabytes
        raise AssertionError("what was read is not what was written")


# ------------------------------------------------------------------ what is written


def test_a_list_that_grows_is_not_written_again():
    store, items = Store(), []
    root = {"items": items, "n": 0}
    total = 0
    for i in range(1_000):
        items.append(f"{i:05}" + "x" * 1_000)
        root["n"] = i
        total += store.write(root)
    same(store, root)
    assert total < 1.3 * sum(map(len, items))


def test_a_dict_that_grows_is_not_written_again():
    store, table = Store(), {}
    total = 0
    for i in range(1_000):
        table[f"key{i}"] = f"{i:05}" + "x" * 1_000
        total += store.write([table])
    same(store, [table])
    assert total < 1.3 * 1_000 * 1_012


@pytest.mark.parametrize(
    "make",
    [
        lambda i: {"id": i, "text": "x" * 500, "tags": ["a", {"b": [i]}]},
        lambda i: Row(i, ["t" * 500]),
        lambda i: Slotted(i, "t" * 500),
        lambda i: (i, "x" * 500, [i]),
        lambda i: [dt.date(2026, 1, 1), "x" * 500],
    ],
)
def test_rows_that_hold_other_values_are_not_written_again(make):
    store, rows = Store(), []
    written = []
    for i in range(200):
        rows.append(make(i))
        written.append(store.write([rows, rows[-1]]))
    same(store, [rows, rows[-1]])
    assert sum(written[100:]) / 100 < 2_500


def test_one_changed_row_is_written_alone():
    store, rows = Store(), [{"id": i, "text": "x" * 500, "deep": [[i]]} for i in range(200)]
    whole = store.write([rows])
    rows[77]["deep"][0].append(1)
    assert store.write([rows]) < 6_000 < whole
    same(store, [rows])
    assert store.write([rows]) < 1_000


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.pop(0),
        lambda rows: rows.pop(),
        lambda rows: rows.insert(90, "new"),
        lambda rows: rows.insert(0, "new"),
        lambda rows: rows.__setitem__(5, "other"),
        lambda rows: rows.__delitem__(slice(50, 60)),
    ],
)
def test_a_change_at_one_place_leaves_the_other_chunks(change):
    store, rows = Store(), [f"{i:03}" + "x" * 500 for i in range(200)]
    store.write([rows])
    change(rows)
    assert store.write([rows]) < 10_000
    same(store, [rows])


def test_a_queue_that_is_used_for_long_keeps_its_price():
    store, queue = Store(), [f"{i:03}" + "x" * 100 for i in range(500)]
    store.write([queue])
    for i in range(1_500):
        queue.append(f"new{i}" + "x" * 100)
        queue.pop(0)
        assert store.write([queue]) < 15_000
    same(store, [queue])
    assert len(store.stored) < 150


def test_large_text_is_written_once_and_grows_in_pieces():
    store = Store()
    text, data = "ä" * 50_000, b"\0" * 50_000
    root = collections.deque([text, data, 0])
    store.write(root)
    root[2] = 1
    assert store.write(root) < 500
    root[0] += "end"
    assert store.write(root) < 20_000
    assert store.read() == root


def test_equal_is_not_the_same():
    store, flags = Store(), [1] * 2_000
    store.write([flags])
    flags[1_000] = True
    flags[1_001] = 1.0
    store.write([flags])
    same(store, [flags])


def test_what_is_gone_is_deleted():
    store = Store()
    store.write([["x" * 1_000] * 100, 1])
    assert store.stored
    store.write([[], 1])
    assert not store.stored
    assert store.directory == []


# ------------------------------------------------------------------ what is read


def test_a_value_is_shared_between_rows_chunks_and_the_document():
    order = {"id": "o-1", "lines": ["a" * 100]}
    rows = [{"order": order, "n": i, "text": "x" * 300} for i in range(50)]
    root = {"first": rows[0], "rows": rows, "last": rows[-1], "order": order}
    store = Store()
    for _ in range(3):
        store.write(root)
        same(store, root)
        order["lines"].append("b")
        rows.append({"order": order, "n": 0, "text": "y" * 2_000})
        root["last"] = rows[-1]
    assert store.stored


def test_rows_that_a_list_and_an_index_share_are_written_once():
    rows = [{"n": i, "text": "x" * 300} for i in range(100)]
    index = {row["n"]: row for row in rows}
    root, store = {"rows": rows, "index": index}, Store()
    assert store.write(root) < 45_000
    rows[50]["text"] = "changed"
    assert store.write(root) < 10_000
    same(store, root)
    root = store.restart()
    root["rows"][51]["text"] = "changed"
    assert store.write(root) < 10_000
    del root["rows"]
    store.write(root)
    same(store, root)


def test_a_cycle_through_chunks_survives():
    rows = [{"n": i, "text": "x" * 300} for i in range(50)]
    for row in rows:
        row["all"] = rows
    store = Store()
    store.write([rows])
    same(store, [rows])
    assert store.stored


@pytest.mark.parametrize("seed", range(int(os.environ.get("WEFT_CHUNK_SEEDS", "6"))))
def test_random_changes_read_back_as_they_are(seed):
    chance = random.Random(seed)
    world = World(chance)
    store = Store()
    for _ in range(30):
        world.change()
        store.write(world.root)
        same(store, world.root)
        if chance.random() < 0.2:
            world.root = store.restart()
            same(store, world.root)


class World:
    """A root, and random changes to what it holds."""

    def __init__(self, chance):
        self.chance = chance
        self.root = {"list": [], "dict": {}, "other": None, "last": None}
        self.n = 0

    def change(self):
        for _ in range(self.chance.choice([1, 1, 1, 5, 40])):
            self.chance.choice([self._grow, self._grow, self._grow, self._replace, self._remove, self._mutate,
                                self._share, self._rebuild])()  # fmt: skip

    def value(self, depth=0):
        c, self.n = self.chance, self.n + 1
        kind = c.randrange(14 if depth < 3 else 7)
        if kind < 3:
            return f"{self.n}" * c.choice([1, 10, 200, 900])
        if kind < 7:
            return c.choice([self.n, True, 1, 1.0, None, b"x" * 300, dt.date(2026, 1, 1), (1, "two"), 2**70])
        if kind < 9:
            return [self.value(depth + 1) for _ in range(c.randrange(5))]
        if kind < 11:
            return {f"k{i}": self.value(depth + 1) for i in range(c.randrange(5))}
        if kind == 11:
            return Row(self.n, ["tag"] * c.randrange(3))
        if kind == 12:
            return c.choice([Slotted(self.n, "note"), {1, self.n}, bytearray(b"xy")])
        return (self.n, [self.value(depth + 1)])

    def containers(self):
        found, todo, seen = [], [self.root], set()
        while todo:
            x = todo.pop()
            if isinstance(x, (list, dict, tuple, Row)) and id(x) not in seen:
                seen.add(id(x))
                todo += x.values() if isinstance(x, dict) else [x.tags] if isinstance(x, Row) else list(x)
                if isinstance(x, (list, dict)) and x is not self.root:
                    found.append(x)
        return found

    def pick(self):
        big = [self.root["list"], self.root["dict"]]
        return self.chance.choice(big if self.chance.random() < 0.7 else self.containers())

    def _grow(self):
        target, value = self.pick(), self.value()
        self.root["last"] = value
        if isinstance(target, list):
            for _ in range(self.chance.choice([1, 1, 30])):
                target.append(value)
                value = self.value()
        else:
            for _ in range(self.chance.choice([1, 1, 30])):
                target[f"n{self.n}"] = value
                value = self.value()

    def _replace(self):
        target = self.pick()
        if target:
            at = self.chance.choice(range(len(target)) if isinstance(target, list) else list(target))
            target[at] = self.value()

    def _remove(self):
        target = self.pick()
        if target and isinstance(target, list):
            at = self.chance.randrange(len(target))
            del target[at : at + self.chance.choice([1, 1, 10])]
        elif target:
            del target[self.chance.choice(list(target))]

    def _mutate(self):
        target = self.chance.choice(self.containers())
        if isinstance(target, list):
            self.chance.choice([target.reverse, lambda: target.append(1), lambda: target.insert(0, self.value())])()
        else:
            target["changed"] = self.value()

    def _share(self):
        target, value = self.pick(), self.chance.choice(self.containers())
        if isinstance(target, list):
            target.append(value)
        else:
            target[f"s{self.n}"] = value

    def _rebuild(self):
        if self.chance.random() < 0.3:
            self.root["list"] = list(self.root["list"])
        else:
            self.root["other"] = self.value()


# ------------------------------------------------------------------ damage


def test_a_missing_or_foreign_chunk_is_found():
    store = Store()
    store.write([[f"{i}" * 500 for i in range(50)], {f"k{i}": "x" * 500 for i in range(50)}])
    lists = [name for name in store.stored if name[0] == 0]
    dicts = [name for name in store.stored if name[0] == 1]
    with pytest.raises((CorruptRecordError, KeyError)):
        read(store.document, store.directory, {k: v for k, v in store.stored.items() if k != lists[0]})
    with pytest.raises(CorruptRecordError):
        read(store.document, store.directory, {**store.stored, dicts[0]: store.stored[dicts[1]]})


@pytest.mark.parametrize("directory", [[9, [0, 0, 1, [0, 10**9]]], [9, [0, 7, 1, []]], ["x"], [9, [0, 0, 1, [0]]]])
def test_a_directory_that_no_writer_made_is_refused(directory):
    def fetch(name):
        raise CorruptRecordError(key=str(name), reason="gone")

    reader = ChunkReader(directory, fetch)
    with pytest.raises(CorruptRecordError):
        reader.load(lambda shared: Decoder(NO_EXTERNALS, None, shared))


def test_damaged_bytes_raise_our_errors_and_no_other():
    shared = {"of": "all"}
    rows = [{"n": i, "text": "x" * 100, "of": shared, "at": dt.date(2026, 1, 1)} for i in range(40)]
    store = Store()
    store.write(collections.deque([rows, {row["n"]: row for row in rows}, "y" * 5_000]))
    directory = msgpack.packb(store.directory)
    chance, refused = random.Random(5), 0
    for _ in range(1_500):
        stored, document, listed = dict(store.stored), store.document, directory
        where = chance.choice(["chunk", "chunk", "document", "directory"])
        if where == "chunk":
            name = chance.choice(list(stored))
            stored[name] = flipped(stored[name], chance)
        elif where == "document":
            document = flipped(document, chance)
        else:
            listed = flipped(listed, chance)
        try:
            guarded(lambda: read(document, msgpack.unpackb(listed, strict_map_key=False), stored))  # noqa: B023
        except WeftError:
            refused += 1
    assert refused > 500


def flipped(data, chance):
    at = chance.randrange(len(data))
    return data[:at] + bytes((data[at] ^ chance.randrange(1, 256),)) + data[at + 1 :]
