"""Services: objects of the host that workflows and activities use, and that no checkpoint holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from weft_core.errors import InvalidInputError, ServiceNotFoundError


class Services(Mapping[str, Any]):
    """Objects by name: ``ctx.services.mailer`` or ``ctx.services["mailer"]``. A name that is not there raises
    ``ServiceNotFoundError``, which is a ``KeyError`` and an ``AttributeError``."""

    __slots__ = ("_by_name",)

    def __init__(self, by_name: Mapping[str, Any] | None = None) -> None:
        for name in by_name or ():
            if not isinstance(name, str) or not name:
                raise InvalidInputError(call="services", reason=f"{name!r} cannot name a service")
        self._by_name = dict(by_name or ())

    def __getitem__(self, name: str) -> Any:
        try:
            return self._by_name[name]
        except KeyError:
            raise ServiceNotFoundError(service=name, available=sorted(self._by_name)) from None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        return f"<services {sorted(self._by_name)}>"


NO_SERVICES = Services()
