"""The routes: runs as JSON, and the messages of handoffs as the bytes that ``weft_core.machine.travel`` makes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from weft_core.engine import Engine
from weft_core.errors import InvalidInputError
from weft_core.model.http import http_error
from weft_server.http.guard import Guard, Policy, TooLarge

Answer = Callable[[Request], Awaitable[Response]]
_MAX_WAIT_S = 25.0


def application(engine: Engine, policy: Policy) -> ASGIApp:
    """The server of an open engine."""
    api = "/api/v1"
    routes = [
        Route(f"{api}/health", _told(lambda request: _health(engine)), methods=["GET"]),
        Route(f"{api}/runs/{{id}}", _told(lambda request: _describe(engine, request)), methods=["GET"]),
        Route(f"{api}/runs/{{id}}/events", _told(lambda request: _events(engine, request)), methods=["GET"]),
        Route(f"{api}/handoff/import", _told(lambda request: _import(engine, request)), methods=["POST"]),
        Route(f"{api}/handoff/takes", _told(lambda request: _takes(engine, request)), methods=["POST"]),
        Route(f"{api}/handoff/{{id}}/{{what}}", _told(lambda request: _speak(engine, request)), methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes), policy)


def _told(answer: Answer) -> Answer:
    """Errors are answers; what is not ours is masked."""

    async def told(request: Request) -> Response:
        try:
            return await answer(request)
        except (TooLarge, asyncio.CancelledError):
            raise
        except Exception as error:
            status, body = http_error(error)
            return JSONResponse({"error": body}, status)

    return told


async def _health(engine: Engine) -> Response:
    return JSONResponse({"state": engine.status}, 200 if engine.status == "open" else 503)


async def _describe(engine: Engine, request: Request) -> Response:
    return JSONResponse(await engine.describe(request.path_params["id"]))


async def _events(engine: Engine, request: Request) -> Response:
    """``?after=`` a number, ``wait=`` seconds for at least one event."""
    run_id = request.path_params["id"]
    try:
        after, wait_s = int(request.query_params.get("after", "0")), float(request.query_params.get("wait", "0"))
    except ValueError as error:
        raise InvalidInputError(call="events", reason=str(error)) from None
    info, events = await engine.describe(run_id), await engine.history(run_id, after=after)
    if not events and info["finished_at"] is None and wait_s > 0:
        await _next_event(engine, run_id, min(wait_s, _MAX_WAIT_S))
        events = await engine.history(run_id, after=after)
    return JSONResponse({"events": events})


async def _next_event(engine: Engine, run_id: str, wait_s: float) -> None:
    came = asyncio.Event()
    leave = engine.events.subscribe(lambda event: came.set(), run_id)
    try:
        await asyncio.wait_for(came.wait(), wait_s)
    except TimeoutError:
        pass
    finally:
        leave()


async def _import(engine: Engine, request: Request) -> Response:
    return _bytes(await engine.answering.take_in(await request.body()))


async def _takes(engine: Engine, request: Request) -> Response:
    return _bytes(await engine.answering.takes(await request.body()))


async def _speak(engine: Engine, request: Request) -> Response:
    run_id, what = request.path_params["id"], request.path_params["what"]
    answering = engine.answering
    verbs = {
        "news": answering.news, "return": answering.give_back, "returned": answering.given_back,
        "declined": answering.declined, "say": answering.say, "whose": answering.whose,
    }  # fmt: skip
    if what not in verbs:
        raise InvalidInputError(call="handoff", reason=f"{what!r} is none of {', '.join(verbs)}")
    return _bytes(await verbs[what](run_id, await request.body()))


def _bytes(body: bytes) -> Response:
    return Response(body, media_type="application/octet-stream")
