"""How a server reaches another one: a plain POST in a thread."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from weft_core.errors import HandoffDeniedError, HandoffUnansweredError

_TIMEOUT_S = 60
_MAX_ANSWER = 80 * 1024 * 1024


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Whoever answers with another address would be sent the run, and the token that is for somebody else."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


class HttpTransport:
    """``tokens`` are by the address of a server; they are kept in memory only."""

    def __init__(self, tokens: Mapping[str, str] | None = None) -> None:
        self.tokens = dict(tokens or {})

    async def post(self, url: str, body: bytes) -> bytes:
        return await asyncio.to_thread(self._post, url, body)

    def _post(self, url: str, body: bytes) -> bytes:
        headers = {"Content-Type": "application/octet-stream"}
        token = next((token for base, token in self.tokens.items() if url.startswith(base.rstrip("/") + "/")), None)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(url, body, headers)
        try:
            with _OPENER.open(request, timeout=_TIMEOUT_S) as answer:
                data: bytes = answer.read(_MAX_ANSWER)
        except urllib.error.HTTPError as refused:
            if refused.code in (401, 403):
                raise HandoffDeniedError(url=url, status=refused.code) from None
            reason = f"HTTP {refused.code}: {refused.read(500).decode(errors='replace')}"
            raise HandoffUnansweredError(url=url, reason=reason) from None
        return data
