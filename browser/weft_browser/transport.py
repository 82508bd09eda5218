"""How a browser reaches a server: ``fetch``. The server must list this page's origin."""

from __future__ import annotations

import asyncio
from typing import Any

import js
from pyodide.ffi import JsException, create_proxy, to_js

from weft_browser.local_network import unreached
from weft_core.errors import HandoffDeniedError, HandoffUnansweredError

_TIMEOUT_MS = 60_000
_EVENT_S = 0.05
"""The event of a fetch that was forbidden is a task of its own, and comes about when the fetch fails."""


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
        answer = await self._fetch(url, to_js(options, dict_converter=js.Object.fromEntries))
        if answer.status in (401, 403):
            raise HandoffDeniedError(url=url, status=answer.status)
        if answer.status != 200:
            raise HandoffUnansweredError(url=url, reason=f"HTTP {answer.status}: {(await answer.text())[:500]}")
        data: bytes = (await answer.arrayBuffer()).to_bytes()
        return data

    async def _fetch(self, url: str, options: Any) -> Any:
        """What fetch says of a policy that forbids it is "Failed to fetch"; an event says more."""
        forbidden: list[str] = []
        heard = create_proxy(lambda event: forbidden.append(str(event.blockedURI)))
        js.self.addEventListener("securitypolicyviolation", heard)
        try:
            return await js.fetch(url, options)
        except JsException as trouble:
            await asyncio.sleep(_EVENT_S)
            if any(uri and url.startswith(uri) for uri in forbidden):
                reason = "this site's Content-Security-Policy does not allow it; list the server in connect-src"
                raise HandoffUnansweredError(url=url, reason=reason) from None
            raise HandoffUnansweredError(url=url, reason=unreached(url, js.location.href, str(trouble))) from None
        finally:
            js.self.removeEventListener("securitypolicyviolation", heard)
            heard.destroy()
