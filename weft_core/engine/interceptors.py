"""The interceptors of an engine, called in their order. Where none overrides a hook, nothing is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from weft_core import codec
from weft_core.errors import DefinitionError, InterceptorRefusedError, InvalidInputError, LimitExceededError, WeftError
from weft_core.model.limits import Limits
from weft_core.model.messages import CancelRequested, SignalArrived
from weft_core.model.operations import CloseScope, Compensate, NeedsAttention, Operation, StartLater
from weft_core.model.run import RunHeader
from weft_core.ports import enters_authors_code
from weft_core.workflow.attempt import ActivityInfo
from weft_core.workflow.interceptors import (
    CancelCall,
    Interceptor,
    Next,
    OperationCall,
    QueryCall,
    SignalCall,
    StartCall,
    UpdateCall,
)  # fmt: skip


class Interceptors:
    """What the parts of an engine call. ``operation`` is None if no interceptor has that hook."""

    def __init__(self, interceptors: Iterable[Interceptor], limits: Limits) -> None:
        found = tuple(interceptors)
        for each in found:
            if not isinstance(each, Interceptor):
                raise DefinitionError(f"{each!r} is not an interceptor; subclass weft_core.Interceptor")
        self._limits = limits
        self._starts = _hooks(found, "start")
        self._signals = _hooks(found, "signal")
        self._updates = _hooks(found, "update")
        self._queries = _hooks(found, "query")
        self._cancels = _hooks(found, "cancel")
        self._operations = _hooks(found, "operation")
        self._activities = _hooks(found, "activity")
        self.operation = self._operation if self._operations else None
        self.around_activities = bool(self._activities)

    # -- from outside

    def start(
        self, workflow: str, inputs: tuple[Any, ...], run_id: str | None, headers: dict[str, str] | None
    ) -> tuple[tuple[Any, ...], dict[str, str]]:
        """Inputs and headers as they are to be."""
        given = check_headers(headers, "start", self._limits) if headers is not None else {}
        if not self._starts:
            return inputs, given
        call = StartCall(workflow, inputs, run_id, given)
        _call(self._starts, call, f"start of {workflow}")
        return tuple(call.inputs), check_headers(call.headers, "start", self._limits)

    def signal(self, run_id: str, message: SignalArrived) -> SignalArrived:
        if not self._signals:
            return message
        call = SignalCall(run_id, message.name, codec.loads(message.payload))
        _call(self._signals, call, f"signal {message.name!r}")
        return SignalArrived(message.name, codec.dumps(call.payload), message.signal_id)

    def update(self, run_id: str, name: str, payload: Any) -> Any:
        if not self._updates:
            return payload
        call = UpdateCall(run_id, name, payload)
        _call(self._updates, call, f"update {name!r}")
        return call.payload

    def query(self, run_id: str, name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self._queries:
            return args
        call = QueryCall(run_id, name, args)
        _call(self._queries, call, f"query {name!r}")
        return tuple(call.args)

    def cancel(self, run_id: str, message: CancelRequested) -> CancelRequested:
        if not self._cancels:
            return message
        call = CancelCall(run_id, message.reason)
        _call(self._cancels, call, "cancel")
        return CancelRequested(call.reason)

    # -- inside

    def _operation(self, header: RunHeader, op: Operation[Any]) -> Operation[Any]:
        """The operation to begin: a copy, since the author may await the same one again."""
        if type(op) in _OURS:
            return op
        copied = object.__new__(type(op))
        copied.load(op.state())
        call = OperationCall(header.id, header.workflow, copied, dict(header.headers))
        for hook in self._operations:
            hook(call)
        if call.headers and hasattr(copied, "headers"):
            both = check_headers({**(copied.headers or {}), **call.headers}, f"an interceptor of {call.name}",
                                 self._limits)  # fmt: skip
            copied.headers = both
        return copied

    @enters_authors_code
    async def activity(self, info: ActivityInfo, args: tuple[Any, ...], innermost: Next) -> Any:
        """Call an activity through all hooks."""
        chain = innermost
        for hook in reversed(self._activities):
            chain = _link(hook, info, chain)
        return await chain(*args)


_OURS = (StartLater, CloseScope, Compensate, NeedsAttention)
"""What an author does not ask for: nobody may refuse that a scope ends, or that work is undone."""


def _link(hook: Callable[..., Any], info: ActivityInfo, next: Next) -> Next:
    @enters_authors_code
    async def linked(*args: Any) -> Any:
        return await hook(info, args, next)

    return linked


def _hooks(interceptors: tuple[Interceptor, ...], name: str) -> list[Callable[..., Any]]:
    """Those that are overridden, outermost first."""
    plain = getattr(Interceptor, name)
    return [getattr(each, name) for each in interceptors if getattr(type(each), name) is not plain]


def _call(hooks: list[Callable[[Any], None]], call: Any, what: str) -> None:
    for hook in hooks:
        try:
            hook(call)
        except WeftError:
            raise
        except Exception as refusal:
            told = f"{type(refusal).__name__}: {refusal}"
            raise InterceptorRefusedError(call=what, reason=told) from refusal


def check_headers(headers: Any, call: str, limits: Limits) -> dict[str, str]:
    """A copy of headers that can be stored."""
    if not isinstance(headers, dict) or any(not isinstance(v, str) for item in headers.items() for v in item):
        raise InvalidInputError(call=call, reason=f"headers are a dict of texts by name, not {headers!r}")
    size = sum(len(v.encode("utf-8", "surrogatepass")) for item in headers.items() for v in item)
    if size > limits.max_headers_bytes:
        raise LimitExceededError(what=f"the size of the headers of {call}", actual=size, limit=limits.max_headers_bytes)
    return dict(headers)
