"""Attempts in flight: calling activities, limiting their time, cancelling them, and handing in their outcome."""

from weft_core.engine.attempts.in_flight import Attempts
from weft_core.engine.attempts.tokens import Tokens
from weft_core.engine.attempts.transactions import Transactions

__all__ = ["Attempts", "Tokens", "Transactions"]
