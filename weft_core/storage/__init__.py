"""Stores that need no operating system (memory, and wrappers over any other store), and what all stores refuse."""

from weft_core.storage.compressed import CompressedStorage
from weft_core.storage.keys import check_bounds, check_key, check_ops, check_value, encode_text, prefix_end
from weft_core.storage.memory import MemoryStorage
from weft_core.storage.scoped import ScopedStorage

__all__ = [
    "CompressedStorage", "MemoryStorage", "ScopedStorage",
    # for stores of your own
    "check_bounds", "check_key", "check_ops", "check_value", "encode_text", "prefix_end",
]  # fmt: skip
