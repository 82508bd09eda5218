"""What cannot be stored, and what each refusal says to do instead."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import csv
import decimal
import gc
import io
import re
import socket
import sqlite3
import sys
import tempfile
import threading
import types
import weakref

import pytest

from tests.frames.toy_engine import Ctx
from weft_core.errors import NotSerializableError
from weft_core.frames import durable, evict, snapshot

VARIABLE = contextvars.ContextVar("variable")


def generator():
    yield 1


async def async_generator():
    yield 1


def a_token():
    return contextvars.copy_context().run(VARIABLE.set, 1)


def a_local_instance():
    class Local:
        pass

    return Local()


class Target:
    pass


TARGET = Target()

REFUSED = {
    "a file": (lambda: open(__file__), "activity"),
    "a temporary file": (tempfile.TemporaryFile, "activity"),
    "a text buffer": (io.StringIO, "getvalue"),
    "a byte buffer": (io.BytesIO, "getvalue"),
    "a socket": (socket.socket, "address"),
    "a lock": (threading.Lock, "ctx.mutex"),
    "a reentrant lock": (threading.RLock, "ctx.mutex"),
    "an event": (threading.Event, "ctx.wait_for_signal"),
    "a semaphore": (threading.Semaphore, "ctx.semaphore"),
    "a thread": (threading.Thread, "activity"),
    "an executor": (concurrent.futures.ThreadPoolExecutor, "activity"),
    "a concurrent future": (concurrent.futures.Future, "ctx.all"),
    "a future": (lambda: asyncio.Future(loop=asyncio.new_event_loop()), "ctx.all"),
    "an asyncio lock": (asyncio.Lock, "ctx.mutex"),
    "an asyncio event": (asyncio.Event, "ctx.wait_for_signal"),
    "a queue": (asyncio.Queue, "ctx.wait_for_signal"),
    "a module": (lambda: types, "top of the workflow's module"),
    "a frame": (sys._getframe, "line number"),
    "code": ((lambda: generator.__code__), "source"),
    "a plain generator": (generator, "@durable"),
    "a plain async generator": (async_generator, "@durable"),
    "a lambda": (lambda: lambda: 1, "top level"),
    "an instance of a local class": (a_local_instance, "top level"),
    "a weak reference": (lambda: weakref.ref(TARGET), "the object itself"),
    "a weak dict": (weakref.WeakValueDictionary, "ordinary dict"),
    "a memory view": (lambda: memoryview(b"x"), "bytes("),
    "a context variable": (lambda: VARIABLE, "its value"),
    "a token": (a_token, "its value"),
    "a context": (contextvars.copy_context, "its value"),
    "a database": (lambda: sqlite3.connect(":memory:"), "activity"),
    "a cursor": (lambda: sqlite3.connect(":memory:").cursor(), "activity"),
    "a decimal context": (decimal.Context, "decimal.localcontext"),
    "a match": (lambda: re.match("a", "a"), "group"),
    "a csv reader": (lambda: csv.reader([]), "list("),
    "an object()": (object, "register"),
}


@durable
async def holds(ctx, value):
    box = {"deep": [0, value]}
    value = None
    await ctx.run("a")
    return box


@pytest.mark.filterwarnings("ignore")  # the host's things are dropped open
@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_place_and_an_apt_remedy(name):
    make, remedy = REFUSED[name]
    ctx, value = Ctx(), make()
    frame = holds(ctx, value)
    frame.send(None)
    with pytest.raises(NotSerializableError) as caught:
        snapshot(frame, {"ctx": ctx})
    facts = caught.value.facts
    assert (facts["function"], facts["variable"], facts["path"]) == ("holds", "box", "box['deep'][1]")
    assert facts["line"] and facts["source"] == 'await ctx.run("a")'
    assert facts["type"].split(".")[-1] in type(value).__qualname__
    assert remedy in facts["remedy"], facts["remedy"]
    assert facts["remedy"] in str(caught.value)
    evict(frame, {"ctx": ctx})
    del frame, caught, value
    gc.collect()


def test_a_stack_of_exits_is_refused_for_what_is_live_in_it():
    with open(__file__) as file, contextlib.ExitStack() as stack:
        stack.callback(file.close)
        with pytest.raises(NotSerializableError, match="inside an activity") as caught:
            snapshot([stack])
        assert caught.value.facts["type"] == "_io.TextIOWrapper"
