"""What ``verify`` says of an attempt whose outcome is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Done:
    """The effect has happened; ``result`` becomes the value of the activity, which is not run again."""

    result: Any = None


@dataclass(frozen=True, slots=True)
class NotDone:
    """The effect has not happened: the activity may be attempted again."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It cannot be told: the workflow gets an ``ActivityIndeterminateError``, and nothing is run again."""

    reason: str = "verify could not tell"


Verdict = Done | NotDone | Unknown
