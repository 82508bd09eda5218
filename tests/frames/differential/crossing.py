"""One program across several Pythons: stored on one, resumed on another."""

from __future__ import annotations

import random
from collections import Counter

from tests.frames.differential.runner import Mismatch, difference, without_finalisers


class Refused(Exception):
    """Weft refuses the program, and says so."""


def cross(name, text, pythons, counts, some=None):
    """Compare the program on and across all of these Pythons. Raises Mismatch.

    Every Python stores a run at each of its suspension points, and every other one finishes each of these (or ``some``
    of them, and then one round is enough); then the run is handed on at every suspension point, around all of them,
    beginning with each.
    """
    try:
        for group in _agreeing(name, text, pythons, counts):
            _everyone(group, "load", name=name, text=text)
            try:
                _all_pairs(name, group, counts, some)
                begins = range(len(group)) if some is None else [random.Random(name).randrange(len(group))]
                for first in begins:
                    _around(name, group[first:] + group[:first], counts)
            finally:
                _everyone(group, "forget", name=name)
        counts["programs"] += 1
    except Refused as e:
        counts["refused"] += 1
        counts[f"refused: {str(e)[:200]}"] += 1


def _agreeing(name, text, pythons, counts):
    """The Pythons, grouped by what the program without ``@durable`` does there. Versions differ in some messages."""
    groups: dict[str, list] = {}
    for python, plain in zip(pythons, _everyone(pythons, "plain", name=name, text=text)):
        python.plain = plain
        groups.setdefault(repr((plain["result"], plain["trace"])), []).append(python)
    if len(groups) > 1:
        counts["told apart by Python itself"] += 1
    return list(groups.values())


def _everyone(pythons, what, **more):
    """The answers of all, which work at the same time."""
    for python in pythons:
        python.tell(what, **more)
    answers = [python.answer() for python in pythons]
    return [_good(python, answer) for python, answer in zip(pythons, answers)]


def _good(python, answer):
    if "error" in answer:
        if answer["refused"]:
            raise Refused(answer["error"])
        raise Mismatch(f"{python}: {answer['error']}\n{answer['where']}")
    return answer


def _all_pairs(name, pythons, counts, some):
    stored = _everyone(pythons, "moments", name=name)
    for writer, run in zip(pythons, stored):
        _same(writer.plain, run, f"{writer} straight through")
        moments = run["moments"]
        if some is not None and len(moments) > some:
            moments = random.Random(name).sample(moments, some)
        readers = [p for p in pythons if p is not writer]
        for reader, found in zip(readers, _everyone(readers, "finish", name=name, moments=moments)):
            for m, end in zip(moments, found["ends"]):
                counts["crossings"] += 1
                counts[f"{writer} to {reader}"] += 1
                _same(writer.plain, end, f"{writer} to {reader} at {m['at']}")


def _around(name, ring, counts):
    """Handed on at every suspension."""
    if len(ring) < 2:
        return
    stored, hops, plain = None, 0, ring[0].plain
    while True:
        python = ring[hops % len(ring)]
        where = f"handed around {ring}, at {hops} on {python}"
        answer = _good(python, python.ask("hop", name=name, stored=stored))
        if hops:
            counts["crossings"] += 1
            _same_variables(plain["locals"][hops - 1], answer["locals"], where)
        if "moment" not in answer:
            return _same(plain, answer, where)
        stored, hops = answer["moment"], hops + 1


def _same(plain, end, where):
    if without_finalisers(plain["trace"]) != without_finalisers(end["trace"]):
        raise Mismatch(f"{where}: {difference(plain['trace'], end['trace'])}")
    if plain["result"] != end["result"]:
        raise Mismatch(f"{where}:\n   {plain['result']}\n   {end['result']}")


def _same_variables(wanted, found, where):
    for (name, values), (_, there) in zip(wanted, found):
        apart = [(name, k, values.get(k), v) for k, v in there.items() if values.get(k) != v]
        if apart:
            raise Mismatch(f"{where}: variables differ {apart}")


def cross_all(programs, pythons, some=None):
    """Many programs, ``(name, text)`` each. Returns (counts, {name: what differed})."""
    counts: Counter[str] = Counter()
    failures = {}
    for name, text in programs:
        try:
            cross(name, text, pythons, counts, some)
        except Mismatch as e:
            failures[name] = str(e)
    return counts, failures
