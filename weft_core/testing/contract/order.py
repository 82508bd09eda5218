"""Order, pages and prefixes."""

from __future__ import annotations

from itertools import pairwise, product

from weft_core.ports import Storage
from weft_core.testing.contract.harness import Subject, everything, promise

BY_BYTES = [
    "a",
    "a/",
    "a/1",
    "a/10",
    "a/2",
    "ab",
    "b",
    "é",
    "中",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\U00010000",
    "🙂",
    "\U0010ffff",
]
"""In the order of their UTF-8 bytes. By UTF-16 units (JavaScript) the last three would stand before U+E000."""


def page_of(
    keys: list[str], prefix: str, after: str | None, before: str | None, limit: int, reverse: bool
) -> list[str]:
    """What a scan must give, said as plainly as possible."""
    ordered = sorted(keys, key=str.encode, reverse=reverse)
    inside = [key for key in ordered if key.startswith(prefix)]
    if after is not None:
        inside = [key for key in inside if key.encode() > after.encode()]
    if before is not None:
        inside = [key for key in inside if key.encode() < before.encode()]
    return inside[:limit]


class OrderPromises(Subject):
    @promise
    async def test_keys_come_in_the_order_of_their_utf8_bytes(self, storage: Storage) -> None:
        assert sorted(BY_BYTES, key=str.encode) == BY_BYTES
        await storage.batch([(key, b"") for key in reversed(BY_BYTES)])
        assert [key for key, _ in await storage.scan("")] == BY_BYTES
        assert [key for key, _ in await storage.scan("", reverse=True)] == BY_BYTES[::-1]

    @promise
    async def test_order_does_not_depend_on_when_keys_came(self, storage: Storage) -> None:
        kept: set[str] = set()
        for step in range(200):
            key = f"{step * 7919 % 211:03d}"
            await storage.put(key, b"")
            kept.add(key)
            if step % 3 == 0:
                gone = f"{step * 31 % 211:03d}"
                await storage.delete(gone)
                kept.discard(gone)
            if step % 20 == 0:
                assert [found for found, _ in await storage.scan("", limit=999)] == sorted(kept)
        assert [found for found, _ in await storage.scan("", limit=999)] == sorted(kept)

    @promise
    async def test_a_scan_respects_after_before_limit_and_reverse_in_every_combination(self, storage: Storage) -> None:
        keys = ["a", "p", "p/", "p/1", "p/2", "p/3", "p/é", "p/🙂", "p0", "q"]
        await storage.batch([(key, key.encode()) for key in keys])
        bounds = [None, "a", "p/", "p/1", "p/15", "p/3", "p/\uffff", "zz"]
        for prefix, after, before, limit, reverse in product(["", "p/"], bounds, bounds, [1, 3, 99], [False, True]):
            rows = await storage.scan(prefix, after=after, before=before, limit=limit, reverse=reverse)
            expected = page_of(keys, prefix, after, before, limit, reverse)
            asked = (prefix, after, before, limit, reverse)
            assert rows == [(key, key.encode()) for key in expected], f"{asked}: {rows} instead of {expected}"

    @promise
    async def test_bounds_are_exclusive(self, storage: Storage) -> None:
        await storage.batch([(key, b"") for key in "abc"])
        assert await storage.scan("", after="a", before="c") == [("b", b"")]
        assert await storage.scan("", after="b", before="b") == []
        assert await storage.scan("", after="c", before="a") == []

    @promise
    async def test_a_page_has_at_most_256_rows_unless_told_otherwise(self, storage: Storage) -> None:
        await storage.batch([(f"{index:04d}", b"") for index in range(600)])
        assert len(await storage.scan("")) == 256
        assert len(await storage.scan("", limit=599)) == 599
        assert len(await storage.scan("", limit=5000)) == 600

    @promise
    async def test_pages_forwards_give_every_row_once(self, storage: Storage) -> None:
        keys = [f"p/{index:03d}" for index in range(100)]
        await storage.batch([(key, b"") for key in [*keys, "o", "q"]])
        assert list(await everything(storage, "p/", page=7)) == keys
        assert list(await everything(storage, "p/", page=100)) == keys

    @promise
    async def test_pages_backwards_give_every_row_once(self, storage: Storage) -> None:
        keys = [f"p/{index:03d}" for index in range(50)]
        await storage.batch([(key, b"") for key in [*keys, "o", "q"]])
        found: list[str] = []
        before: str | None = None
        while page := await storage.scan("p/", before=before, limit=7, reverse=True):
            found += [key for key, _ in page]
            before = page[-1][0]
        assert found == keys[::-1]

    @promise
    async def test_rows_written_between_two_pages_appear_where_they_belong(self, storage: Storage) -> None:
        await storage.batch([(key, b"") for key in ["b", "d", "f"]])
        first = await storage.scan("", limit=2)
        await storage.batch([("a", b""), ("c", b""), ("e", b""), ("d", None)])
        second = await storage.scan("", after=first[-1][0])
        assert [key for key, _ in first] == ["b", "d"]
        assert [key for key, _ in second] == ["e", "f"]

    @promise
    async def test_a_prefix_matches_text_and_not_a_pattern(self, storage: Storage) -> None:
        keys = ["a%1", "a_1", "a*1", "a?1", "a[1", "ab1", "A%1", "a1"]
        await storage.batch([(key, b"") for key in keys])
        for prefix in ["a%", "a_", "a*", "a?", "a["]:
            assert [key for key, _ in await storage.scan(prefix)] == [prefix + "1"]

    @promise
    async def test_a_prefix_that_is_a_key_matches_that_key(self, storage: Storage) -> None:
        await storage.batch([(key, b"") for key in ["run", "run/1", "runs"]])
        assert [key for key, _ in await storage.scan("run")] == ["run", "run/1", "runs"]
        assert [key for key, _ in await storage.scan("run/")] == ["run/1"]
        assert await storage.scan("runner") == []

    @promise
    async def test_a_prefix_ends_where_its_last_character_ends(self, storage: Storage) -> None:
        keys = [
            start + end for start in BY_BYTES for end in ("", "\U0010ffff", "\U0010ffff\U0010ffff", "\U0010ffffz", "z")
        ]
        keys = sorted(set(keys), key=str.encode)
        await storage.batch([(key, b"") for key in keys])
        for prefix in [*BY_BYTES, "a\U0010ffff", "\U0010ffff\U0010ffff", "\ud7ff\U0010ffff"]:
            expected = page_of(keys, prefix, None, None, 999, False)
            assert [key for key, _ in await storage.scan(prefix, limit=999)] == expected, ascii(prefix)
            backwards = await storage.scan(prefix, limit=999, reverse=True)
            assert [key for key, _ in backwards] == expected[::-1], ascii(prefix)

    @promise
    async def test_a_scan_gives_values_with_their_own_keys(self, storage: Storage) -> None:
        rows = [(f"k/{index:02d}", bytes([index]) * index) for index in range(64)]
        await storage.batch(rows)
        assert await storage.scan("k/") == rows
        assert all(one[0] < two[0] for one, two in pairwise(rows))
