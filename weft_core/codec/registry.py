"""Types that their authors have made storable: ``register``."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from weft_core.errors import DuplicateDefinitionError

C = TypeVar("C", bound=type)


@dataclass(frozen=True, slots=True)
class Entry:
    """How instances of one class become a state and back."""

    name: str
    cls: type
    get: Callable[[Any], Any]
    set: Callable[[Any, Any], None]
    new: Callable[[Any], Any] | None
    blank: Callable[[], Any]


REGISTERED_NAMES: dict[str, Entry] = {}
REGISTERED_TYPES: dict[type, Entry] = {}


def home_of(module: str) -> str:
    """The name that bytes have for a module: that of ``__main__`` is the one under which others would import it, so
    that a run begun by ``python app.py`` goes on under ``weft run app.py``, and the other way round."""
    if module != "__main__":
        return module
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:  # python -m package.app
        return str(spec.name)
    file = str(getattr(main, "__file__", None) or "").replace("\\", "/").rpartition("/")[2]
    stem, _, suffix = file.rpartition(".")
    return stem if suffix == "py" and stem.isidentifier() else module  # a notebook or a REPL has no other name


@overload
def register(
    cls: C,
    *,
    name: str | None = None,
    get: Callable[[Any], Any] | None = None,
    set: Callable[[Any, Any], None] | None = None,
    new: Callable[[Any], Any] | None = None,
) -> C: ...


@overload
def register(
    cls: None = None,
    *,
    name: str | None = None,
    get: Callable[[Any], Any] | None = None,
    set: Callable[[Any, Any], None] | None = None,
    new: Callable[[Any], Any] | None = None,
) -> Callable[[C], C]: ...


def register(
    cls: Any = None,
    *,
    name: str | None = None,
    get: Callable[[Any], Any] | None = None,
    set: Callable[[Any, Any], None] | None = None,
    new: Callable[[Any], Any] | None = None,
) -> Any:
    """Make instances of ``cls`` storable; also a decorator, with or without arguments.

    ``get(obj)`` gives the state, any storable value; a flat list is the most compact. ``set(obj, state)`` fills a blank
    instance made by ``object.__new__``, so the state may refer back to the instance. For types that cannot be filled
    give ``new(state) -> obj`` instead. Without functions the state is the instance's ``__dict__`` and slots.
    ``name`` is what is stored; keep it when the class is renamed or moved. Default ``module:qualname``.
    Raises :class:`DuplicateDefinitionError` if another living class has the name.
    """
    if cls is None:
        return lambda c: register(c, name=name, get=get, set=set, new=new)
    stored = name or f"{home_of(cls.__module__)}:{cls.__qualname__}"
    entry = Entry(stored, cls, get or _getter(cls), set or _setter(cls), new, _blank(cls))
    old = REGISTERED_NAMES.get(entry.name)
    if old is not None and (old.cls.__module__, old.cls.__qualname__) != (cls.__module__, cls.__qualname__):
        raise DuplicateDefinitionError(kind="a stored type", name=entry.name)
    REGISTERED_NAMES[entry.name] = entry
    REGISTERED_TYPES[cls] = entry
    from weft_core.codec.encoder import LATE, LOWERINGS

    LOWERINGS.pop(cls, None)
    LATE.pop(cls, None)
    return cls


def _blank(cls: Any) -> Callable[[], Any]:
    """Makes an empty instance with the ``__new__`` of the built-in base, so that none of the author's runs."""
    heap_type = 1 << 9
    base: Any = next(c for c in cls.__mro__ if not c.__flags__ & heap_type)
    return functools.partial(base.__new__, cls)


def slot_names(cls: type) -> list[str]:
    """The attribute names of all ``__slots__`` of a class, mangled as Python does."""
    out: dict[str, None] = {}
    for c in cls.__mro__:
        slots = c.__dict__.get("__slots__", ())
        for n in (slots,) if isinstance(slots, str) else slots:
            if n in ("__dict__", "__weakref__"):
                continue
            mangled = n.startswith("__") and not n.endswith("__")
            out[f"_{c.__name__.lstrip('_')}{n}" if mangled else n] = None
    return list(out)


def _getter(cls: type) -> Callable[[Any], Any]:
    slots = slot_names(cls)

    def get(obj: Any) -> dict[str, Any]:
        state = dict(getattr(obj, "__dict__", ()))
        for slot in slots:
            try:
                state[slot] = object.__getattribute__(obj, slot)
            except AttributeError:  # the slot is empty
                continue
        return state

    return get


def _setter(cls: type) -> Callable[[Any, Any], None]:
    slots = frozenset(slot_names(cls))

    def set_(obj: Any, state: dict[str, Any]) -> None:
        for key, value in state.items():
            if key in slots:
                object.__setattr__(obj, key, value)
            else:
                # Not setattr: stored bytes must not reach __class__ or a property.
                obj.__dict__[key] = value

    return set_
