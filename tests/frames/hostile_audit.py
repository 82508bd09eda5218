"""Thousands of damaged checkpoints in a process that is watched: nothing may be imported, opened, compiled or run.

``python -m tests.frames.hostile_audit SHARD SHARDS`` restores every case of its shard and prints counts as JSON. The
cases are what someone who can write to the store, and recompute checksums, could put there: each byte of a canonical
checkpoint under several masks, each truncation, and changes that keep the bytes well formed (parts swapped, dropped,
doubled, renamed, renumbered; also inside the records that describe functions and classes).
"""

from __future__ import annotations

import copy
import gc
import json
import random
import sys
import time
from collections import Counter

import msgpack

from tests.frames import hostile_workflow
from tests.frames.toy_engine import Ctx
from weft_core.codec import exceptions, seal, unseal
from weft_core.errors import CorruptRecordError, WeftError
from weft_core.frames import REGISTRY, evict, restore
from weft_core.frames.compile import resume_code
from weft_core.frames.live import position

FrameReader = sys.modules["weft_core.frames.checkpoint.restore"].FrameReader
CTX = {"ctx": Ctx()}
STEPS = 3
MASKS = (0x01, 0x08, 0x80, 0xFF)
STRUCTURAL = 12_000
NAMES = (
    "os:system", "builtins:eval", "subprocess:Popen", "weft_core.errors:Evict", "weft_core.errors:RunCancelled",
    "builtins:GeneratorExit", "builtins:StopIteration", "builtins:StopAsyncIteration", "builtins:KeyboardInterrupt",
    "builtins:ValueError", "builtins:KeyError", "builtins:TypeError", "builtins:BaseExceptionGroup", "itertools:chain",
    "itertools:_tee", "toy:Task", "toy:Waiting", "hostile:Manager", "samples:Basket", "this:s", "__main__:CTX",
    "tests.codec.samples:Order", "tests.codec.samples:Order.__init__", "builtins:type", "builtins:object", "",
)  # fmt: skip

WATCHED = (
    "import",
    "open",
    "exec",
    "compile",
    "os.",
    "subprocess.",
    "socket.",
    "ctypes.",
    "marshal.",
    "pickle.",
    "code.",
)
"""The audit events of doing something; a time zone is looked up in its database, which is the only thing opened."""

SEEDS = {exceptions.make_traceback([place]).tb_frame.f_code.co_code for place in (("f", "n", 1),)}
SEEDS |= {exceptions._code_at(1, 1, 0, 5)[0].co_code} if hasattr(exceptions, "_code_at") else set()
TREE = exceptions._seed_tree() if hasattr(exceptions, "_seed_tree") else None
seen: list[str] = []
watching = False


def hook(event, args):
    if watching and event.startswith(WATCHED):
        if (event == "code.__new__" and args[0] in SEEDS) or (event == "compile" and args[0] is TREE):
            return  # a place of a traceback: an empty generator of ours, with another name and line
        detail = repr(args[:2])[:200]
        if "zoneinfo" not in detail and "tzdata" not in detail:
            seen.append(f"{event} {detail}")


def canonical():
    w = hostile_workflow.suspended_at(STEPS)
    data = w.snapshot()
    w.evict()
    return data


# ------------------------------------------------------------------ the cases


def flipped(data):
    for at in range(len(data)):
        for mask in MASKS:
            out = bytearray(data)
            out[at] ^= mask
            yield bytes(out)


def truncated(data):
    for size in range(len(data)):
        yield data[:size]


def unpacked(data):
    return msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogatepass")


def packed(tree):
    return msgpack.packb(tree, unicode_errors="surrogatepass")


def places(tree):
    """Every (container, key) below a tree, and the bytes that are trees themselves."""
    out, todo = [], [tree]
    while todo:
        at = todo.pop()
        for key in at if type(at) is dict else range(len(at)):
            out.append((at, key))
            if type(at[key]) in (list, dict):
                todo.append(at[key])
    return out


def restructured(data, cases, seed):
    rng = random.Random(seed)
    while cases:
        tree = unpacked(data)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            change(rng, tree)
        try:
            out = packed(tree)
        except (TypeError, ValueError, OverflowError):
            continue  # msgpack itself cannot write it
        cases -= 1
        yield out


def change(rng, tree):
    all_ = places(tree)
    at, key = rng.choice(all_)
    other, other_key = rng.choice(all_)
    value = at[key]
    if type(value) is bytes and rng.random() < 0.7:  # the record of a function or class
        try:
            inner = unpacked(value)
        except Exception:
            inner = None
        if type(inner) is list and inner:
            change(rng, inner)
            at[key] = packed(inner)
            return
    match rng.randrange(9):
        case 0:
            at[key], other[other_key] = copy.deepcopy(other[other_key]), copy.deepcopy(value)
        case 1:
            at[key] = copy.deepcopy(other[other_key])
        case 2 if type(at) is list:
            del at[key]
        case 3 if type(at) is list:
            at.insert(key, copy.deepcopy(other[other_key]))
        case 4:
            at[key] = rng.choice((None, True, 0, -1, 1, 2**63, 1.5, "", "x", b"", [], {}, [[]], {"a": []}))
        case 5 if type(value) is str:
            at[key] = rng.choice(NAMES)
        case 6 if isinstance(value, msgpack.ExtType):
            at[key] = msgpack.ExtType(
                rng.choice((1, 2, 3, 4, 5)), rng.choice((value.data, bytes((rng.randrange(120),))))
            )
        case 7 if type(value) is int:
            at[key] = value + rng.choice((-1, 1, 7, -value))
        case _ if type(value) is str and value:
            cut = rng.randrange(len(value))
            at[key] = value[:cut] + rng.choice(("", "0", ":", ".")) + value[cut + 1 :]


# ------------------------------------------------------------------ what is done with each


class Failure(Exception):
    pass


def attempt(data, counts):
    global watching
    hostile_workflow.RAN.clear()
    before, started = len(seen), time.monotonic()
    restored = None
    watching = True
    try:
        restored = restore(data, CTX)
        counts["restored"] += 1
    except WeftError as error:
        counts[type(error).__name__] += 1
    finally:
        watching = False
    if restored is not None:
        evict(restored.root, CTX)
    restored = None
    took = time.monotonic() - started
    counts["slowest ms"] = max(counts["slowest ms"], int(took * 1000))
    if hostile_workflow.RAN:
        raise Failure(f"ran {hostile_workflow.RAN}: {data!r}")
    if len(seen) > before:
        raise Failure(f"did {seen[before:]}: {data!r}")
    if took > 5:
        raise Failure(f"took {took} s: {data!r}")


def watch_positions(patch=None):
    """Each frame must come to stand at the label that its record names, and at no other."""
    prime = FrameReader.prime

    def checked(self):
        yielded = prime(self)
        for frame, site, _ in self.frames:
            stands = position(frame)[1]
            if site.label is not None and stands is not None and stands is not site.label:
                raise Failure(f"a frame of {site.key} stands at {stands.id}, not at {site.label.id}")
        return yielded

    if patch is not None:
        patch.setattr(FrameReader, "prime", checked)
    else:
        FrameReader.prime = checked


def sealed_cases(data):
    """With its checksum every damage is found, whatever the damage is."""
    record, n = seal("weft:run:1", data), 0
    for out in (*flipped(record), *truncated(record)):
        n += 1
        try:
            unseal("weft:run:1", out)
        except CorruptRecordError:
            continue
        raise Failure(f"damage was not found: {out!r}")
    return n


def main(shard, shards):
    data = canonical()
    counts: Counter[str] = Counter()
    for warm in (data, packed(unpacked(data))):  # what is compiled and imported once
        evict(restore(warm, CTX).root, CTX)
    for steps in (0, 1, 5, 8):
        w = hostile_workflow.suspended_at(steps)
        w.crash().evict()
    for root in list(REGISTRY.values()):
        for plan in root.plans.values():
            if plan.durable:
                resume_code(plan)
    watch_positions()
    sys.addaudithook(hook)
    kinds = {
        "flipped": list(flipped(data))[shard::shards],
        "truncated": list(truncated(data))[shard::shards],
        "restructured": restructured(data, STRUCTURAL // shards, shard),
    }
    sizes = {}
    for kind, cases in kinds.items():
        n = 0
        for n, case in enumerate(cases, 1):
            attempt(case, counts)
        sizes[kind] = n
        hostile_workflow.RAN.clear()
        gc.collect()
        if hostile_workflow.RAN:
            raise Failure(f"the collector ran {hostile_workflow.RAN}")
    if shard == 0:
        sizes["sealed"] = sealed_cases(data)
    print(json.dumps({"cases": sizes, "ended": counts}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
