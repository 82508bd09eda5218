"""Tags and search attributes: what may be one, and how a run's record is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from weft_core import codec
from weft_core.errors import InvalidAttributeError, InvalidInputError, LimitExceededError
from weft_core.machine import ordered
from weft_core.model.limits import Limits
from weft_core.model.messages import Annotate
from weft_core.model.names import utf8_size
from weft_core.model.run import RunHeader

TYPES: tuple[Any, ...] = (str, int, float, bool, datetime, list[str])
"""Of search attributes."""
_ANY = "text, a number, a bool, an aware datetime or a list of text"
_NAMES = {
    str: "text", int: "a whole number of 64 bits", float: "a number", bool: "a bool", datetime: "an aware datetime",
    list[str]: "a list of text",
}  # fmt: skip


class EventLog(Protocol):
    def event(self, type_: str, /, **data: Any) -> None: ...


def encode(
    values: Mapping[str, Any], limits: Limits, declared: Mapping[str, Any] | None = None
) -> dict[str, bytes | None]:
    """The durable form of search attributes; None for those that are to be removed.

    ``InvalidAttributeError``: a value of another type than ``declared``, or of one that cannot be searched for.
    ``InvalidInputError``, ``LimitExceededError``: a name, or text that is too long.
    """
    encoded: dict[str, bytes | None] = {}
    for name, value in values.items():
        _check_text(name, "the name of a search attribute", limits.max_attribute_name_bytes)
        if value is None:
            encoded[name] = None
            continue
        check_type(name, value, declared.get(name) if declared else None)
        texts = value if type(value) is list else [value] if type(value) is str else ()
        if len(texts) > limits.max_attribute_items:
            raise _too_much(f"the number of items of search attribute {name!r}", len(texts), limits.max_attribute_items)
        for text in texts:
            _check_text(text, f"search attribute {name!r}", limits.max_attribute_bytes)
        encoded[name] = codec.dumps(value)
    return encoded


def check_type(name: str, value: Any, expected: Any = None) -> None:
    """``InvalidAttributeError`` unless the value is of the ``expected`` type, or of any type of :data:`TYPES`."""
    found = _type(value)
    wanted = found if expected is None or (expected is float and found is int) else expected
    if found is None or found != wanted:
        raise InvalidAttributeError(
            attribute=name, expected=_NAMES.get(expected, _ANY), value=repr(value)[:200], type=type(value).__name__
        )


def _type(value: Any) -> Any:
    """That of :data:`TYPES` which a value is of; None for others."""
    if type(value) is list:
        return list[str] if all(type(item) is str for item in value) else None
    kind = datetime if isinstance(value, datetime) else type(value)
    return kind if ordered.encode(value) is not None else None


def check_tags(tags: Iterable[str], limits: Limits) -> tuple[str, ...]:
    """The tags in order, each once. ``InvalidInputError``, ``LimitExceededError``."""
    if isinstance(tags, str):
        raise InvalidInputError(call="tags", reason=f"tags are a list of text, not the text {tags!r}")
    found = list(tags)
    for tag in found:
        _check_text(tag, "a tag", limits.max_attribute_bytes)
    _check_count("tags", len({*found}), limits.max_tags)
    return tuple(sorted({*found}))


def check_number(attributes: Mapping[str, Any], limits: Limits) -> None:
    _check_count("search attributes", len(attributes), limits.max_attributes)


def _check_text(text: Any, what: str, limit: int) -> None:
    size = utf8_size(text, what)
    if size > limit:
        raise _too_much(f"{what} in bytes", size, limit)


def _check_count(what: str, count: int, limit: int) -> None:
    if count > limit:
        raise _too_much(f"the number of {what} of a run", count, limit)


def _too_much(what: str, actual: int, limit: int) -> LimitExceededError:
    return LimitExceededError(what=what, actual=actual, limit=limit)


def check_change(header: RunHeader, change: Annotate, limits: Limits) -> tuple[dict[str, bytes], set[str]]:
    """Attributes and tags as they will be. ``LimitExceededError``."""
    attributes = {**header.attributes, **change.attributes}
    tags = ({*header.tags} | {*change.add_tags}) - {*change.remove_tags}
    kept = {name: value for name, value in attributes.items() if value is not None}
    check_number(kept, limits)
    _check_count("tags", len(tags), limits.max_tags)
    return kept, tags


def annotate(header: RunHeader, change: Annotate, limits: Limits, log: EventLog) -> bool:
    """Change the record, and log what is different now. False: nothing is.

    ``LimitExceededError`` leaves it as it was.
    """
    kept, tags = check_change(header, change, limits)
    before, tagged = header.attributes, {*header.tags}
    header.attributes, header.tags = kept, sorted(tags)
    for name, value in kept.items():
        if before.get(name) != value:
            log.event("attribute_set", key=name, value=value)
    for name in before:
        if name not in kept:
            log.event("attribute_removed", key=name)
    if added := sorted(tags - tagged):
        log.event("tags_added", tags=added)
    if removed := sorted(tagged - tags):
        log.event("tags_removed", tags=removed)
    return before != kept or tags != tagged
