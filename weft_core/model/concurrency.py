"""How many runs of a workflow may be unfinished at once, as its declaration says."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from weft_core.errors import DefinitionError, InvalidInputError

OnLimit = Literal["queue", "reject", "cancel_oldest"]
_LONGEST = 128
"""Characters of a key that are shown in the name of its limit; a longer one is there by its hash."""


@dataclass(frozen=True, slots=True)
class Concurrency:
    """At most ``limit`` runs that have begun and not finished: of the workflow, or, with ``key``, for each key.

    ``key`` names a parameter of the workflow, or is a function of its inputs. ``on_limit`` says what becomes of a start
    beyond the limit: "queue", it waits in order of arrival, pending; "reject", it is refused with
    ``WorkflowConcurrencyLimitExceededError``; "cancel_oldest", the run that came first is cancelled, and the new one
    begins when that has ended.
    """

    limit: int
    key: str | Callable[..., Any] | None = None
    on_limit: OnLimit = "queue"

    def __post_init__(self) -> None:
        if isinstance(self.limit, bool) or not isinstance(self.limit, int) or self.limit < 1:
            raise DefinitionError(f"the limit of Concurrency is a number of runs, at least 1, not {self.limit!r}")
        if self.on_limit not in get_args(OnLimit):
            raise DefinitionError(f"on_limit of Concurrency is one of {get_args(OnLimit)}, not {self.on_limit!r}")
        if self.key is not None and not isinstance(self.key, str) and not callable(self.key):
            raise DefinitionError(f"key of Concurrency names a parameter or is a function, not {self.key!r}")

    def check(self, workflow: str, signature: inspect.Signature) -> None:
        """``DefinitionError``: the workflow has no such parameter."""
        if isinstance(self.key, str) and self.key not in [*signature.parameters][1:]:
            raise DefinitionError(f"Concurrency of workflow {workflow}: it has no input {self.key!r}")

    def admission(self, workflow: str, signature: inspect.Signature, inputs: tuple[Any, ...]) -> list[Any]:
        """``[name of the limit, limit, on_limit]`` for a run with these inputs. ``InvalidInputError``."""
        if self.key is None:
            return [workflow, self.limit, self.on_limit]
        key = self._key(workflow, signature, inputs)
        plain = key.replace("%", "%25").replace("/", "%2F").replace("\0", "%00")
        if len(plain) > _LONGEST:
            plain = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return [f"{workflow}:{plain}", self.limit, self.on_limit]

    def _key(self, workflow: str, signature: inspect.Signature, inputs: tuple[Any, ...]) -> str:
        if isinstance(self.key, str):
            bound = signature.bind(None, *inputs)
            bound.apply_defaults()
            key = bound.arguments[self.key]
        else:
            assert self.key is not None
            try:
                key = self.key(*inputs)
            except Exception as error:
                reason = f"the key function of its Concurrency raised {type(error).__name__}: {error}"
                raise InvalidInputError(call=f"start of {workflow}", reason=reason) from error
        if isinstance(key, bool) or not isinstance(key, (str, int)):
            reason = f"the key of its Concurrency is text or a whole number, not {key!r}"
            raise InvalidInputError(call=f"start of {workflow}", reason=reason)
        return str(key)


def concurrency_of(declared: Concurrency | int | None) -> Concurrency | None:
    """A number stands for that limit of the workflow. ``DefinitionError``."""
    return declared if declared is None or isinstance(declared, Concurrency) else Concurrency(declared)
