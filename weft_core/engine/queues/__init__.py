"""Queues: whose turn it is, and places that attempts have while they run."""

from weft_core.engine.queues.keeper import Queues

__all__ = ["Queues"]
