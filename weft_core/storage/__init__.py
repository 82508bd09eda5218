"""Stores that need no operating system: memory, and wrappers over any other store."""

from weft_core.storage.memory import MemoryStorage

__all__ = ["MemoryStorage"]
