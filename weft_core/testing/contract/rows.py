"""Single rows: what is put can be read, exactly."""

from __future__ import annotations

from weft_core.ports import Storage, StorageCapabilities
from weft_core.testing.contract.harness import Subject, everything, promise

ODD_KEYS = [
    " ", "a ", " a", "A", "a", "ä", "a\u0308", "'", '"', "a'b", "%", "_", "*", "[a]", "\\", "../a", "a//b", "\n",
    "\x7f", "__proto__", "constructor", "toString", "null", "undefined", "0", "00", "-1", "1e3", "🙂", "\uffff",
    "\u200b", "\ufeffa",
]  # fmt: skip


class RowPromises(Subject):
    @promise
    async def test_a_store_has_the_shape_of_the_port_and_states_its_capabilities(self, storage: Storage) -> None:
        assert isinstance(storage, Storage)
        assert isinstance(storage.capabilities, StorageCapabilities)

    @promise
    async def test_a_new_store_is_empty(self, storage: Storage) -> None:
        assert await storage.scan("") == []

    @promise
    async def test_an_absent_key_reads_as_none(self, storage: Storage) -> None:
        assert await storage.get("absent") is None
        assert await storage.has("absent") is False

    @promise
    async def test_what_was_put_is_read_back(self, storage: Storage) -> None:
        await storage.put("run/1", b"one")
        assert await storage.get("run/1") == b"one"
        assert await storage.has("run/1") is True

    @promise
    async def test_a_second_put_replaces_the_first(self, storage: Storage) -> None:
        await storage.put("k", b"a long first value")
        await storage.put("k", b"2")
        assert await everything(storage) == {"k": b"2"}

    @promise
    async def test_a_deleted_key_is_absent(self, storage: Storage) -> None:
        await storage.put("k", b"1")
        await storage.delete("k")
        assert await storage.get("k") is None
        assert await storage.has("k") is False
        assert await storage.scan("") == []

    @promise
    async def test_deleting_an_absent_key_changes_nothing(self, storage: Storage) -> None:
        await storage.put("k", b"1")
        await storage.delete("j")
        assert await everything(storage) == {"k": b"1"}

    @promise
    async def test_a_deleted_key_can_be_put_again(self, storage: Storage) -> None:
        for value in (b"1", b"2"):
            await storage.put("k", value)
            assert await storage.scan("k") == [("k", value)]
            await storage.delete("k")

    @promise
    async def test_an_empty_value_is_not_an_absent_one(self, storage: Storage) -> None:
        await storage.put("k", b"")
        value = await storage.get("k")
        assert value == b"" and isinstance(value, bytes)
        assert await storage.has("k") is True
        assert await storage.scan("") == [("k", b"")]

    @promise
    async def test_values_are_any_bytes(self, storage: Storage) -> None:
        values = [
            bytes(range(256)),
            b"\0",
            b"\0\0\0",
            b"\xff\xfe",
            b"\xf0\x9f",
            "🙂".encode(),
            b"null",
            b"\x01\x00\x00",
        ]
        for index, value in enumerate(values):
            await storage.put(f"v/{index}", value)
        rows = await storage.scan("v/")
        assert [value for _, value in rows] == values
        assert all(type(value) is bytes for _, value in rows)

    @promise
    async def test_a_value_of_a_megabyte_survives(self, storage: Storage) -> None:
        value = bytes(range(256)) * 4096
        await storage.batch([("big/1", value), ("big/2", value[::-1])])
        assert await storage.get("big/1") == value
        assert dict(await storage.scan("big/")) == {"big/1": value, "big/2": value[::-1]}

    @promise
    async def test_odd_keys_are_kept_apart_and_given_back_unchanged(self, storage: Storage) -> None:
        for index, key in enumerate(ODD_KEYS):
            await storage.put(key, str(index).encode())
        assert await everything(storage) == {key: str(index).encode() for index, key in enumerate(ODD_KEYS)}
        for index, key in enumerate(ODD_KEYS):
            assert await storage.get(key) == str(index).encode(), ascii(key)

    @promise
    async def test_the_longest_key_is_kept(self, storage: Storage) -> None:
        longest = "k" * self.max_key_bytes
        astral = "🙂" * (self.max_key_bytes // 4)
        await storage.batch([(longest, b"1"), (astral, b"2")])
        assert await storage.get(longest) == b"1"
        assert await storage.scan(astral) == [(astral, b"2")]
