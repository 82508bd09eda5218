"""What memory, scoped and compressed stores promise beyond the contract."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft_core.errors import CorruptRecordError, StorageKeyError, StorageValueError, WeftError
from weft_core.storage import CompressedStorage, MemoryStorage, ScopedStorage, prefix_end
from weft_core.testing import CrashingStorage


async def test_a_memory_store_begins_with_given_rows_and_shows_its_rows():
    rows = {"b": b"2", "a": b"1"}
    storage = MemoryStorage(rows)
    await storage.delete("b")
    await storage.put("é", b"3")
    assert storage.rows() == {"a": b"1", "é": b"3"}
    assert rows == {"b": b"2", "a": b"1"}


async def test_closing_one_handle_of_a_memory_store_leaves_the_other_open():
    first = MemoryStorage()
    second = first.reopen()
    await first.put("k", b"1")
    await first.close()
    assert await second.get("k") == b"1"
    assert first.rows() == {"k": b"1"}


async def test_a_memory_store_stays_in_order_over_many_deletions_and_returns():
    """Deleted keys stay in its list as tombstones for a while; more than a thousand of them are swept out."""
    storage = MemoryStorage()
    keys = [f"{number * 7919 % 5003:05d}" for number in range(5003)]
    for round_ in range(3):
        for key in keys:
            await storage.put(key, b"1")
        assert len(await storage.scan("", limit=9999)) == 5003
        for key in keys[: 2500 * (round_ + 1)]:
            await storage.delete(key)
        left = sorted(keys[2500 * (round_ + 1) :])
        assert [key for key, _ in await storage.scan("", limit=9999)] == left
        assert list(storage.rows()) == left
    other = storage.reopen()
    await other.put("x", b"")
    assert await storage.has("x")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), st.text(st.characters(exclude_categories=["Cs"])))
def test_the_end_of_a_prefix_is_above_every_key_with_it_and_below_all_others(prefix: str, other: str):
    end = prefix_end(prefix)
    inside = other.startswith(prefix)
    if end is None:
        assert inside or other < prefix
    else:
        end.encode()
        assert inside == (prefix <= other < end)
        assert prefix + other < end


async def test_scopes_of_one_store_do_not_see_each_other():
    inner = MemoryStorage({"a": b"outside", "scope": b"outside", "scope/": b"outside"})
    names = ["a", "ab", "a b", "é", "%", "\U0010ffff", "a:"]
    scopes = {name: ScopedStorage(inner, name) for name in names}
    for name, scope in scopes.items():
        await scope.batch([("k", name.encode()), ("b/k", name.encode()), ("\U0010ffff", name.encode())])
    for name, scope in scopes.items():
        rows = await scope.scan("")
        assert rows == [("b/k", name.encode()), ("k", name.encode()), ("\U0010ffff", name.encode())]
        assert await scope.scan("", reverse=True) == rows[::-1]
        assert await scope.conditional_batch([("a", None), ("k", name.encode())], [("c", b"")])
    assert await scopes["a"].delete_prefix("") == 4
    assert await scopes["ab"].get("k") == b"ab"
    assert await inner.get("a") == b"outside"
    assert len(await inner.scan("scope/", limit=99)) == 1 + (len(names) - 1) * 4


@pytest.mark.parametrize("scope", ["", "a/b", "/", "a\0", "\ud800", "x" * 1020])
def test_a_scope_that_could_reach_into_another_is_refused(scope: str):
    with pytest.raises(StorageKeyError):
        ScopedStorage(MemoryStorage(), scope)


async def test_a_key_too_long_for_its_scope_is_refused_with_the_room_it_has():
    scope = ScopedStorage(MemoryStorage(), "shop")
    with pytest.raises(StorageKeyError) as refusal:
        await scope.put("k" * 1020, b"")
    assert refusal.value.facts["limit"] == scope.max_key_bytes == 1024 - len("scope/shop/")


async def test_closing_a_scope_leaves_the_store_open():
    inner = MemoryStorage()
    await ScopedStorage(inner, "a").close()
    await inner.put("k", b"1")


async def test_compression_is_worth_it_for_large_values_and_leaves_small_ones_alone():
    inner = MemoryStorage()
    storage = CompressedStorage(inner, threshold=100)
    await storage.batch([("small", b"a" * 99), ("large", b"a" * 10_000), ("random", bytes(range(256)))])
    sizes = {key: len(value) for key, value in inner.rows().items()}
    assert sizes["small"] == 100 and sizes["random"] == 257
    assert sizes["large"] < 200
    assert await storage.get("large") == b"a" * 10_000


async def test_a_condition_holds_for_a_value_that_was_stored_in_another_form():
    """Another threshold or level wrote it; the value is the same."""
    inner = MemoryStorage()
    value = b"state " * 500
    for writer in (CompressedStorage(inner, threshold=10**6), CompressedStorage(inner, level=9)):
        await writer.put("k", value)
        reader = CompressedStorage(inner, level=1)
        assert await reader.conditional_batch([("k", value[:-1])], [("x", b"")]) is False
        assert await reader.conditional_batch([("k", value), ("x", None)], [("x", b"1")]) is True
        assert await reader.conditional_batch([("k", value), ("x", None)], [("x", b"2")]) is False
        await reader.delete("x")


async def test_a_condition_on_another_form_is_still_decided_inside_the_transaction():
    inner = MemoryStorage()
    await CompressedStorage(inner, level=9).put("k", b"old " * 500)

    class Racing(CrashingStorage):
        """Another owner writes between our read and our batch."""

        async def get(self, key: str) -> bytes | None:
            stored = await inner.get(key)
            await CompressedStorage(inner).put("k", b"new " * 500)
            return stored

    racing = CompressedStorage(Racing(inner))
    assert await racing.conditional_batch([("k", b"old " * 500)], [("k", b"lost")]) is False
    assert await CompressedStorage(inner).get("k") == b"new " * 500


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\x02abc",
        b"\x01",
        b"\x01\0\0\0\0\0\0\0\x05",
        b"\x01\0\0\0\0\0\0\0\x05nozlib",
        b"\x01" + b"\xff" * 8 + b"x" * 50,
    ],
)
async def test_a_damaged_stored_form_is_reported_with_its_key(stored: bytes):
    inner = MemoryStorage({"k": stored})
    for read in (CompressedStorage(inner).get("k"), CompressedStorage(inner).scan("")):
        with pytest.raises(CorruptRecordError) as damage:
            await read
        assert damage.value.facts["key"] == "k"


async def test_a_stored_form_that_inflates_beyond_what_it_names_is_refused_without_inflating_it():
    import zlib

    bomb = zlib.compress(b"\0" * 50_000_000, 9)
    for claimed in (10, 1_000_000, 50_000_001):
        stored = b"\x01" + claimed.to_bytes(8, "big") + bomb
        with pytest.raises(CorruptRecordError):
            await CompressedStorage(MemoryStorage({"k": stored})).get("k")
    with pytest.raises(CorruptRecordError):
        stored = b"\x01" + (50_000_000).to_bytes(8, "big") + bomb
        await CompressedStorage(MemoryStorage({"k": stored}), max_value_bytes=1_000_000).get("k")
    with pytest.raises(StorageValueError):
        await CompressedStorage(MemoryStorage(), max_value_bytes=1_000).put("k", b"\0" * 1_001)


@given(st.binary(max_size=200))
def test_hostile_stored_forms_raise_only_our_errors(stored: bytes):
    storage = CompressedStorage(MemoryStorage())
    try:
        storage._decode("k", stored)
    except WeftError:
        pass


@given(st.binary(max_size=3000), st.integers(0, 600))
def test_every_value_comes_back_from_its_stored_form(value: bytes, threshold: int):
    storage = CompressedStorage(MemoryStorage(), threshold=threshold)
    assert storage._decode("k", storage._encode("k", value)) == value
