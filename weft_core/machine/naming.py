"""Names that authors give to what is kept for a run, and that become parts of keys."""

from __future__ import annotations

from typing import Any

from weft_core.errors import OperationMisuseError
from weft_core.model.limits import Limits


def check_name(name: Any, what: str, limits: Limits) -> None:
    """Text, no slash, not too long: else ``OperationMisuseError``. ``what`` it names: "a state key"."""
    if not isinstance(name, str) or not name or "/" in name or "\0" in name:
        reason = f"{name!r} cannot be {what}: it must be non-empty text without slashes"
    elif name != name.encode("utf-8", "replace").decode():
        reason = f"{name!r} holds half a character (a lone surrogate)"
    elif (size := len(name.encode())) > limits.max_id_bytes:
        reason = f"{what} of {size} bytes is over the limit of {limits.max_id_bytes}"
    else:
        return
    raise OperationMisuseError(operation=what, reason=reason)
