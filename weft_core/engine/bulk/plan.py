"""What a bulk operation would do, the token that confirms it, and what it has done."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from weft_core import codec
from weft_core.errors import BulkConfirmationError

TOKEN_MS = 600_000
"""How long a plan may be confirmed."""
SAMPLES = 10


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """The answer to ``dry_run=True``: nothing has been done. Call again with ``confirm=plan.confirmation_token``."""

    verb: str
    matched: int
    sample_ids: list[str]
    scope: dict[str, Any]
    """The filters, JSON-safe."""
    confirmation_token: str
    expires_at: int
    """Epoch ms after which the token is refused."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What a confirmed operation did: ``done`` of ``matched`` runs; others were ``refused``, counted by error code."""

    id: str
    verb: str
    matched: int
    done: int
    refused: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token is bound to, beside the runs that matched."""

    store_id: str
    verb: str
    args: list[Any]
    filters: Mapping[str, Any]

    def digest(self) -> str:
        return _hash([codec.dumps([self.store_id, self.verb, self.args, sorted(self.filters.items())])])


def make_token(scope: Scope, ids: Iterable[str], count: int, expires_at: int) -> str:
    return f"{expires_at:x}.{count:x}.{scope.digest()}.{_of(ids)}"


def check_token(token: str, scope: Scope, ids: list[str], now: int) -> None:
    """``BulkConfirmationError`` says what has changed since the token was given."""

    def refused(reason: str) -> BulkConfirmationError:
        return BulkConfirmationError(verb=scope.verb, reason=reason)

    try:
        expires, count, digest, matched = token.split(".")
        expires_at, then = int(expires, 16), int(count, 16)
    except (AttributeError, ValueError):
        raise refused(f"{token!r} is no confirmation token") from None
    if digest != scope.digest():
        raise refused("the token is for another verb, other arguments or other filters")
    if now > expires_at:
        raise refused("the token has expired")
    if matched != _of(ids):
        raise refused(f"{then} runs matched then, {len(ids)} do now, or they are others")


def _of(ids: Iterable[str]) -> str:
    return _hash(run_id.encode() + b"\0" for run_id in sorted(ids))


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:32]
