"""Who may speak to the server at all, decided before routing: Host, Origin, bearer token, size of the body.

The Host list keeps out pages that rebind a name of theirs to this machine; the Origin list keeps out other pages; the
token keeps out everybody else.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Policy:
    """``token`` None: anybody who gets this far. Origins are exact, ``https://shop.example``."""

    token: str | None
    hosts: frozenset[str]
    origins: frozenset[str]
    max_body: int


def refusal(status: int, code: str, text: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": text, "facts": {}}}, status, headers)


def _preflight(headers: Headers) -> dict[str, str]:
    """Chromium asks before a page of the open net calls a server in a private one, or on this machine."""
    private = headers.get("access-control-request-private-network") == "true"
    return {"Access-Control-Max-Age": "600"} | ({"Access-Control-Allow-Private-Network": "true"} if private else {})


class TooLarge(Exception):
    """The body of a request is longer than allowed."""


class Guard:
    """ASGI, around the application."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self._app, self._policy = app, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        answer = self._refused(scope, headers, origin)
        allowed = {} if origin is None or answer is not None else self._cors(origin)
        if answer is None and scope["method"] == "OPTIONS":
            answer = Response(None, 204, {**allowed, **_preflight(headers)})
        elif answer is None and not self._knows_token(headers):
            answer = refusal(401, "Unauthorized", "give the bearer token of this server", allowed)
        if answer is not None:
            await answer(scope, receive, send)
            return
        await self._let_in(scope, receive, send, allowed)

    def _refused(self, scope: Scope, headers: Headers, origin: str | None) -> Response | None:
        host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
        if host.strip("[]").lower() not in self._policy.hosts:
            return refusal(421, "HostNotAllowed", "this server does not go by that name; see weft serve --host-name")
        if origin is not None and origin not in self._policy.origins:
            return refusal(403, "OriginNotAllowed", "pages of that origin may not call; see weft serve --origin")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._policy.max_body:
            return refusal(413, "PayloadTooLargeError", f"at most {self._policy.max_body:,} bytes")
        return None

    def _knows_token(self, headers: Headers) -> bool:
        if self._policy.token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), self._policy.token.encode())

    @staticmethod
    def _cors(origin: str) -> dict[str, str]:
        return {
            "Access-Control-Allow-Origin": origin, "Vary": "Origin",
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Allow-Methods": "GET, POST",
        }  # fmt: skip

    async def _let_in(self, scope: Scope, receive: Receive, send: Send, allowed: dict[str, str]) -> None:
        left, over = self._policy.max_body, False

        async def counted() -> Message:
            nonlocal left, over
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:  # its Content-Length was missing, or a lie
                over = True
                raise TooLarge
            return message

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(name.lower().encode(), value.encode()) for name, value in allowed.items()]
            await send(message)

        async def answer(message: Message) -> None:
            if not over:  # what the application makes of half a body is no answer
                await marked(message)

        try:
            await self._app(scope, counted, answer)
        except TooLarge:
            text = f"at most {self._policy.max_body:,} bytes"
            await refusal(413, "PayloadTooLargeError", text)(scope, receive, marked)
