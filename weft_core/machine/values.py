"""Durable values, wherever they are kept: how one answers a request, and what each verb asks and makes of the answers.

A value is ``[version, encoded or None]``. Requests and answers are plain: ``["get"]``, ``["put", data]``,
``["swap", version, data]``, ``["add", data]``, ``["push", data]``, ``["delete"]``; an answer is ``[changed, version,
encoded or None]``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from weft_core import codec
from weft_core.errors import OperationMisuseError, PayloadTooLargeError
from weft_core.model.limits import Limits
from weft_core.model.operations import Operation, StateValue
from weft_core.model.run import Value

Request = list[Any]
Answer = list[Any]
ABSENT: Value = [0, None]


def decide(value: Value, request: Request, limits: Limits) -> tuple[Value, Answer]:
    """The value after a request, the same object if nothing has changed, and the answer. Raises what is wrong with the
    request; then nothing has changed."""
    verb, *rest = request
    if verb not in _DECIDE:
        raise OperationMisuseError(operation=f"state {verb!r}", reason="this version does not know it")
    return _DECIDE[verb](value, limits, *rest)


def encoded(value: Any, limits: Limits) -> bytes:
    """A value's stored form. ``NotSerializableError``, ``PayloadTooLargeError``."""
    data = codec.dumps(value)
    if len(data) > limits.max_payload_bytes:
        raise PayloadTooLargeError(what="a state value", actual=len(data), limit=limits.max_payload_bytes)
    return data


def _get(value: Value, limits: Limits) -> tuple[Value, Answer]:
    return value, [False, *value]


def _put(value: Value, limits: Limits, data: bytes) -> tuple[Value, Answer]:
    version = value[0] + 1
    return [version, data], [True, version, None]


def _swap(value: Value, limits: Limits, version: int, data: bytes) -> tuple[Value, Answer]:
    if value[0] != version:
        return value, [False, *value]
    return [version + 1, data], [True, version + 1, data]


def _add(value: Value, limits: Limits, data: bytes) -> tuple[Value, Answer]:
    now, by = 0 if value[1] is None else codec.loads(value[1]), codec.loads(data)
    try:
        if isinstance(now, bool) or isinstance(by, bool) or isinstance(now, (str, list, tuple)):
            raise TypeError
        after = encoded(now + by, limits)
    except TypeError:
        reason = f"the value is a {type(now).__name__}, to which a {type(by).__name__} cannot be added"
        raise OperationMisuseError(operation="increment", reason=reason) from None
    return [value[0] + 1, after], [True, value[0] + 1, after]


def _push(value: Value, limits: Limits, data: bytes) -> tuple[Value, Answer]:
    items = [] if value[1] is None else codec.loads(value[1])
    if type(items) is not list:
        raise OperationMisuseError(operation="append", reason=f"the value is a {type(items).__name__}, not a list")
    items.append(codec.loads(data))
    return [value[0] + 1, encoded(items, limits)], [True, value[0] + 1, None]


def _delete(value: Value, limits: Limits) -> tuple[Value, Answer]:
    if value[1] is None:
        return value, [False, *value]
    return [value[0] + 1, None], [True, value[0] + 1, None]


_DECIDE: dict[str, Callable[..., tuple[Value, Answer]]] = {
    "get": _get, "put": _put, "swap": _swap, "add": _add, "push": _push, "delete": _delete,
}  # fmt: skip

# ------------------------------------------------------------------ verbs


class Again(NamedTuple):
    """A verb is not done: it asks for this."""

    request: Request


class Verb(NamedTuple):
    """What a method of a value asks first, and what it makes of an answer: its value, or what it asks next.

    Both take the method's arguments. ``then`` may call the author's code and raise anything.
    """

    first: Callable[[tuple[Any, ...], Limits], Request]
    then: Callable[[tuple[Any, ...], Limits, Answer], Any]


def _read(args: tuple[Any, ...], limits: Limits) -> Request:
    return ["get"]


def _value(data: bytes | None, default: Any = None) -> Any:
    return default if data is None else codec.loads(data)


def _updated(args: tuple[Any, ...], limits: Limits, answer: Answer) -> Any:
    fn, initial = args
    changed, version, data = answer
    if changed:
        return _value(data)
    new = fn(_value(data, initial))
    if isinstance(new, Operation) or hasattr(new, "__await__"):
        reason = "its function must be an ordinary one that returns the new value; nothing can be awaited in it"
        raise OperationMisuseError(operation="update of a state value", reason=reason)
    return Again(["swap", version, encoded(new, limits)])


def _compared(args: tuple[Any, ...], limits: Limits, answer: Answer) -> Any:
    expected, new = args
    changed, version, data = answer
    if changed:
        return True
    same = version == expected.version if isinstance(expected, StateValue) else _value(data) == expected
    return Again(["swap", version, encoded(new, limits)]) if same else False


VERBS: dict[str, Verb] = {
    "get": Verb(_read, lambda args, limits, answer: _value(answer[2], args[0])),
    "read": Verb(_read, lambda args, limits, answer: StateValue(_value(answer[2]), answer[1], answer[2] is not None)),
    "set": Verb(lambda args, limits: ["put", encoded(args[0], limits)], lambda args, limits, answer: answer[1]),
    "update": Verb(_read, _updated),
    "compare_and_swap": Verb(_read, _compared),
    "increment": Verb(
        lambda args, limits: ["add", encoded(args[0], limits)], lambda args, limits, answer: _value(answer[2])
    ),
    "append": Verb(lambda args, limits: ["push", encoded(args[0], limits)], lambda args, limits, answer: answer[1]),
    "delete": Verb(lambda args, limits: ["delete"], lambda args, limits, answer: answer[0]),
}
