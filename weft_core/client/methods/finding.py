"""Runs by what is known of them, and what is done to many at once."""

from __future__ import annotations

from typing import Any

from weft_core.client.methods.call import Method, Params, instants, need
from weft_core.engine import BulkPlan, BulkResult, Engine
from weft_core.engine.present import jsonable


def _words(p: Params) -> Params:
    """Filters: those of ``engine.list``. An instant is ISO text with a zone, or epoch seconds."""
    words = {name: value for name, value in p.items() if value is not None}
    return {**words, "attributes": instants(words["attributes"])} if "attributes" in words else words


async def _list(engine: Engine, p: Params) -> Any:
    page = await engine.list(**_words(p))
    return {"items": page.items, "cursor": page.cursor}


async def _count(engine: Engine, p: Params) -> Any:
    return {"count": await engine.count(**_words(p))}


async def _aggregate(engine: Engine, p: Params) -> Any:
    found = await engine.aggregate(by=need(p, "by"), **{k: v for k, v in _words(p).items() if k != "by"})
    return {"total": found.total, "groups": found.groups, "truncated": found.truncated}


async def _get_attributes(engine: Engine, p: Params) -> Any:
    return jsonable(await engine.get_attributes(need(p, "id")))


async def _set_attributes(engine: Engine, p: Params) -> Any:
    await engine.set_attributes(need(p, "id"), instants(need(p, "attributes")))


async def _add_tags(engine: Engine, p: Params) -> Any:
    await engine.add_tags(need(p, "id"), need(p, "tags"))


async def _remove_tags(engine: Engine, p: Params) -> Any:
    await engine.remove_tags(need(p, "id"), need(p, "tags"))


_BULK = ("cancel", "terminate", "resume", "signal", "tag", "untag", "delete")


def _bulk(verb: str) -> Method:
    """All parameters are those of the verb: its own, ``dry_run``, ``confirm``, ``all``, ``by`` and the filters."""

    async def call(engine: Engine, p: Params) -> Any:
        answer: BulkPlan | BulkResult = await getattr(engine, verb)(**p)
        return answer.to_json()

    return call


async def _audit(engine: Engine, p: Params) -> Any:
    page = await engine.audit(**{k: p[k] for k in ("limit", "cursor") if p.get(k) is not None})
    return {"items": page.items, "cursor": page.cursor}


METHODS: dict[str, Method] = {
    "list": _list,
    "count": _count,
    "aggregate": _aggregate,
    "get_attributes": _get_attributes,
    "set_attributes": _set_attributes,
    "add_tags": _add_tags,
    "remove_tags": _remove_tags,
    "audit": _audit,
    **{f"bulk_{verb}": _bulk(f"bulk_{verb}") for verb in _BULK},
}
