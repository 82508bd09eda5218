"""The state of an ``except*`` statement, as CPython keeps it (``CHECK_EG_MATCH`` and ``PREP_RERAISE_STAR``)."""

from __future__ import annotations

import sys
from typing import Any


class Star:
    """``orig`` was raised, ``rest`` is what no clause has handled yet, ``raised`` is what clauses raised.

    A checkpoint stores it by the name below.
    """

    __module__ = "weft_core.frames.runtime.helpers"

    def __init__(self, exc: BaseException) -> None:
        self.orig = exc
        self.rest: BaseException | None = exc
        self.raised: list[BaseException] = []


def rt_starmatch(star: Star, typ: Any) -> BaseException | None:
    """The part of the rest that an ``except* typ`` clause handles, or None."""
    _check(typ)
    rest: Any = star.rest
    if rest is None:
        return None
    if isinstance(rest, typ):
        star.rest = None
        return _as_group(rest)
    if isinstance(rest, BaseExceptionGroup):
        matched: BaseException | None
        matched, rest = rest.split(typ)
        # from 3.12 on the copy that split() makes takes the place of the rest even if nothing matched
        if matched is not None or sys.version_info >= (3, 12):
            star.rest = rest
        return matched
    return None


def _check(typ: Any) -> None:
    for t in typ if isinstance(typ, tuple) else (typ,):
        if not (isinstance(t, type) and issubclass(t, BaseException)):
            raise TypeError("catching classes that do not inherit from BaseException is not allowed")
        if issubclass(t, BaseExceptionGroup):
            raise TypeError("catching ExceptionGroup with except* is not allowed. Use except instead.")


def _as_group(exc: BaseException) -> BaseException:
    """A naked exception is handled as a group of one."""
    if isinstance(exc, BaseExceptionGroup):
        return exc
    group = BaseExceptionGroup("", (exc,))
    # from 3.14 on it carries the traceback of what it wraps (gh-128799)
    if sys.version_info >= (3, 14) and exc.__traceback__ is not None:
        group.__traceback__ = exc.__traceback__
    return group


def rt_starraised(star: Star, exc: BaseException) -> None:
    """A clause raised ``exc``."""
    star.raised.append(exc)


def rt_starfinish(star: Star) -> BaseException | None:
    """What the statement raises at its end, or None."""
    pending = list(star.raised)
    if star.rest is not None:
        pending.append(star.rest)
    if not pending:
        return None
    if not isinstance(star.orig, BaseExceptionGroup):
        return pending[0]
    # parts of the original that are merely raised on are merged again, in its shape
    new = [e for e in pending if not _is_part(e, star.orig)]
    merged = _projection(star.orig, [e for e in pending if _is_part(e, star.orig)])
    if not new:
        return merged
    if merged is not None:
        new.append(merged)
    return BaseExceptionGroup("", new) if len(new) > 1 else new[0]


def _is_part(e: BaseException, whole: BaseException) -> bool:
    """CPython compares metadata by identity to tell whether ``e`` was split off ``whole``; notes are not among them."""
    return (
        e.__traceback__ is whole.__traceback__ and e.__cause__ is whole.__cause__ and e.__context__ is whole.__context__
    )


def _projection(whole: BaseExceptionGroup[BaseException], parts: list[BaseException]) -> BaseException | None:
    if not parts:
        return None
    leaves = {id(x) for e in parts for x in _leaves(e)}
    return whole.subgroup(lambda e: id(e) in leaves)


def _leaves(e: BaseException) -> list[BaseException]:
    if isinstance(e, BaseExceptionGroup):
        return [leaf for x in e.exceptions for leaf in _leaves(x)]
    return [e]
