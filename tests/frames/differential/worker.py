"""A Python that runs programs for another: JSON lines in, JSON lines out.

It knows nothing but what a request brings: the program's text, and what another process stored of a run of it.
"""

from __future__ import annotations

import base64
import gc
import json
import sys
import traceback
import warnings

from tests.frames.differential.execution import (
    Moment,
    Outcome,
    author_locals,
    begin,
    finish,
    forget_run,
    moment,
    resume,
)
from tests.frames.differential.runner import run
from tests.frames.differential.worlds import World, forget

REFUSALS = ("TransformError", "NotSerializableError", "ForeignAwaitError", "SyntaxError")
_worlds: dict[str, World] = {}

gc.freeze()  # collecting garbage is frequent here, and need not look at all that was imported


def handle(line: str) -> str:
    """The answer to one request. What goes wrong is an answer too."""
    asked = json.loads(line)
    what = asked.pop("do")
    try:
        return json.dumps(_DO[what](**asked))
    except Exception as e:
        told = f"{what}: {type(e).__name__}: {e}"
        where = "".join(traceback.format_exc(limit=-3))
        return json.dumps({"error": told, "where": where, "refused": type(e).__name__ in REFUSALS})


def _hello():
    import msgpack

    packer = "pure" if msgpack.Packer.__module__.endswith("fallback") else "C"
    return {"version": sys.version.split()[0], "platform": sys.platform, "packer": packer}


def _plain(name, text):
    """The program without ``@durable``: its outcome, and its variables at every suspension."""
    seen = []
    world = World(name + "_plain", text, lambda f: f, lambda c: c)
    try:
        out = finish(begin(world), world, Outcome(), lambda i, w: seen.append(_shown(w)))
    finally:
        forget(name + "_plain")
    return {**_ended(out), "locals": seen}


def _load(name, text):
    _worlds[name] = World(name, text)
    return {}


def _forget(name):
    _worlds.pop(name, None)
    forget(name)
    return {}


def _moments(name):
    """A straight run, with a checkpoint at every suspension."""
    world, kept = _worlds[name], []
    out = finish(begin(world), world, Outcome(), lambda i, w: kept.append(_stored(moment(w, world, i))))
    return {**_ended(out), "moments": kept}


def _finish(name, moments):
    """Each of the stored runs goes on to its end, without another crash."""
    return {"ends": [_ended(finish(_resumed(name, m), _worlds[name], Outcome(suspensions=m["at"]))) for m in moments]}


def _hop(name, stored):
    """One suspension further, from a stored run or from the beginning; and the variables where it stood."""
    world = _worlds[name]
    w, at, shown = (begin(world), 0, []) if stored is None else (_resumed(name, stored), stored["at"] + 1, None)
    if shown is None:
        shown = _shown(w)
        finish(w, world, Outcome(suspensions=at - 1), stop=at)
    if w.done:
        return {**_ended(finish(w, world, Outcome(suspensions=at))), "locals": shown}
    m = moment(w, world, at)
    forget_run(w, world)
    return {"moment": _stored(m), "locals": shown}


def _check(seeds):
    """The differential tester itself: these programs, crashed everywhere, on this Python alone."""
    counts, failures = run(seeds)
    return {"counts": counts, "failures": failures}


_DO = {
    "check": _check,
    "hello": _hello,
    "plain": _plain,
    "load": _load,
    "forget": _forget,
    "moments": _moments,
    "finish": _finish,
    "hop": _hop,
}


def _shown(w):
    return [[name, values] for name, values, _ in author_locals(w)]


def _ended(out):
    return {"result": out.result, "trace": out.trace, "suspensions": out.suspensions}


def _stored(m):
    return {"at": m.at, "data": base64.b64encode(m.data).decode(), "carried": m.carried}


def _resumed(name, m):
    gc.collect()  # what an earlier run left behind must not print into this one's trace
    return resume(Moment(m["at"], base64.b64decode(m["data"]), tuple(m["carried"])), _worlds[name])


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # programs leave coroutines un-awaited on purpose
    answers, sys.stdout = sys.stdout, sys.stderr
    for request in sys.stdin:
        print(handle(request), file=answers, flush=True)
