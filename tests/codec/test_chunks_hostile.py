"""Large containers in chunks (G3), as a hostile tester found them: wrong once, and right since."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import pytest

from tests.codec.test_chunks import Row, Slotted, Store, same
from weft_core import codec

codec.allow_module(__name__)


@dataclasses.dataclass(frozen=True)
class Place:
    row: int
    column: int


@dataclasses.dataclass(eq=False)
class Holder:
    items: list[str]


def test_the_last_items_of_a_dict_are_read_in_the_order_in_which_they_were_written():
    store, grid = Store(), {(i, "far"): "x" * 200 for i in range(30)}
    shared = ["seen"]
    for i in range(6):
        for j in range(2):
            grid[i, j] = Slotted(i, "n")
            grid[Place(i, j)] = [shared, (i, shared)]
        store.write([grid])
        (read,) = store.read()
        assert list(read.items())[:-24] == list(grid.items())[:-24]
        assert read[Place(i, 1)] == [shared, (i, shared)]
        assert (read[i, 1].id, read[i, 1].note) == (i, "n")
        assert read[Place(i, 1)][0] is read[Place(0, 0)][1][1]


@pytest.mark.parametrize("owner", [Row(1, ["a"]), Slotted(1, "a"), {1, 2}, collections.deque([1]), bytearray(b"x")])
def test_rows_that_share_a_value_of_any_type_are_not_written_again(owner):
    store, rows, index, total = Store(), [], {}, 0
    for i in range(200):
        rows.append({"n": i, "text": "x" * 500, "of": owner})
        index[i] = [owner, rows[-1]]
        total += store.write([rows, index, owner])
    rows, index, owner = store.restart()
    assert all(row["of"] is owner and index[i][0] is owner and index[i][1] is row for i, row in enumerate(rows))
    assert total < 3 * 200 * 600
    rows.insert(3, {"n": -1, "text": "new", "of": owner})  # before those that refer into a chunk of the same list
    rows[0]["of"] = None
    store.write([rows, index, owner])
    rows, index, owner = store.read()
    assert all(row["of"] is owner for row in rows[1:])
    assert rows[0]["of"] is None


def test_a_shared_value_moves_with_the_row_that_held_it_first():
    shared = Slotted(1, "a")
    rows: list[Any] = [{"n": i, "text": "x" * 300, "of": shared if i % 10 == 0 else None} for i in range(60)]
    store = Store()
    store.write([rows])
    for change in (rows.reverse, lambda: rows.pop(0), lambda: rows.insert(0, {"of": shared}), rows.reverse, rows.pop):
        change()
        shared.note += "b"
        store.write([rows])
        same(store, [rows])
        (read,) = store.read()
        assert len({id(row["of"]) for row in read if row["of"] is not None}) == 1


@pytest.mark.parametrize("rare", [2**70, "\ud800"])
def test_a_list_that_must_be_whole_inside_a_chunk_is_whole_also_beside_a_rare_value(rare):
    big = ["x" * 100] * 40
    rows = [{Holder(big): 1, "text": "y" * 700, "rare": rare} for _ in range(3)]
    store = Store()
    for _ in range(3):
        store.write(collections.deque([big, rows]))
        first, others = store.read()
        assert all(next(iter(row)).items is first and row["rare"] == rare for row in others)
        big.append("z" * 50)


def test_text_that_grows_keeps_its_price_while_another_variable_holds_how_it_began():
    store, prompt, total = Store(), "p" * 5_000, 0
    talk = prompt
    for i in range(100):
        talk += f"{i:06}" + "t" * 500
        total += store.write(collections.deque([talk, prompt]))
    assert list(store.read()) == [talk, prompt]
    assert total < 8 * len(talk)


def test_rows_that_a_list_and_its_groups_share_are_not_written_again():
    store, groups, rows, total = Store(), collections.defaultdict(list), [], 0
    for i in range(300):
        row = {"n": i, "text": "x" * 300}
        groups[i % 5].append(row)
        rows.append(row)
        total += store.write(collections.deque([groups, rows]))
    groups, rows = store.restart()
    assert all(groups[row["n"] % 5][row["n"] // 5] is row for row in rows)
    assert total < 4 * 300 * 320


def test_a_dataclass_that_is_given_another_dict_has_changed():
    store, rows = Store(), [Row(i, ["t" * 500]) for i in range(20)]
    store.write([rows])
    rows[3].__dict__ = {"id": 3, "tags": ["other"]}
    store.write([rows])
    same(store, [rows])
