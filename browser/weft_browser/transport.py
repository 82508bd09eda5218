"""How a browser reaches a server: ``fetch``. The server must list this page's origin."""

from __future__ import annotations

from typing import Any

import js
from pyodide.ffi import JsException, to_js

from weft_browser.local_network import unreached
from weft_core.errors import HandoffDeniedError, HandoffUnansweredError

_TIMEOUT_MS = 60_000


class FetchTransport:
    """``tokens`` are by the address of a server; they are kept in memory only."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}

    async def post(self, url: str, body: bytes) -> bytes:
        headers = {"Content-Type": "application/octet-stream"}
        token = next((token for base, token in self.tokens.items() if url.startswith(base.rstrip("/") + "/")), None)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        options = {
            "method": "POST", "headers": headers, "body": body, "credentials": "omit", "cache": "no-store",
            "redirect": "error",  # the run and the token are for this server alone
            "signal": js.AbortSignal.timeout(_TIMEOUT_MS),
        }  # fmt: skip
        try:
            answer: Any = await js.fetch(url, to_js(options, dict_converter=js.Object.fromEntries))
        except JsException as trouble:
            raise HandoffUnansweredError(url=url, reason=unreached(url, js.location.href, str(trouble))) from None
        if answer.status in (401, 403):
            raise HandoffDeniedError(url=url, status=answer.status)
        if answer.status != 200:
            raise HandoffUnansweredError(url=url, reason=f"HTTP {answer.status}: {(await answer.text())[:500]}")
        data: bytes = (await answer.arrayBuffer()).to_bytes()
        return data
