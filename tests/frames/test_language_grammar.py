"""Every place of the grammar where a suspension can stand: it resumes exactly, or it is refused at registration.

The places are taken from the running Python (``ast`` knows its own grammar), so that a version with a new statement or
expression makes these tests fail until someone has decided about it.
"""

from __future__ import annotations

import ast
import re
import sys

import pytest

from tests.frames import comparison
from tests.frames.comparison import behaviour, program
from tests.frames.grammar_samples import ILLEGAL, PRELUDE, REFUSED, SAMPLES
from tests.frames.helpers import module
from weft_core.errors import TransformError

# evaluated once for the module, or not there in a function's tree
OUTSIDE = {"Expression", "Interactive", "FunctionType", "Module"}


def of_this_python(samples):
    return {k: v for k, v in samples.items() if hasattr(ast, k.split(".")[0])}


def places():
    """``Class.field`` for each field of the grammar that holds expressions, statements or parts of them."""
    for cls in sorted(_leaves(ast.AST), key=lambda c: c.__name__):
        signature = re.match(rf"{cls.__name__}\((.*)\)", (cls.__doc__ or "").replace("\n", " "))
        if signature is None or cls.__module__ not in ("ast", "_ast") or cls.__name__ in OUTSIDE:
            continue
        for kind, field in re.findall(r"(\w+)[*?]? (\w+)", signature[1]):
            if kind in _HOLDS:
                yield f"{cls.__name__}.{field}"


_HOLDS = {"expr", "stmt", "arguments", "keyword", "comprehension", "excepthandler", "withitem", "match_case", "arg"}
_HOLDS |= {"pattern", "type_param"}


def _leaves(cls):
    for sub in cls.__subclasses__():
        yield from _leaves(sub)
    if not cls.__subclasses__():
        yield cls


def suspends_at(tree, place):
    """Is there a suspension in this field of a node of this class?"""
    cls, field = place.split(".")
    for n in ast.walk(tree):
        if type(n).__name__ == cls:
            value = getattr(n, field)
            for part in value if isinstance(value, list) else [value]:
                if part is not None and any(isinstance(x, _SUSPENDING) for x in ast.walk(part)):
                    return True
    return False


_SUSPENDING = (ast.Await, ast.Yield, ast.YieldFrom, ast.AsyncFor, ast.AsyncWith)


def test_every_place_of_the_grammar_is_decided():
    decided = SAMPLES.keys() | REFUSED.keys() | ILLEGAL.keys() | NEVER
    assert [p for p in places() if p not in decided] == []


# no await can stand there: the grammar has names and literals there
NEVER = {
    *("arguments.posonlyargs", "arguments.args", "arguments.vararg", "arguments.kwonlyargs", "arguments.kwarg"),
    *("match_case.pattern", "MatchAs.pattern", "MatchClass.cls", "MatchClass.patterns", "MatchMapping.keys"),
    *("MatchClass.kwd_patterns", "MatchMapping.patterns", "MatchOr.patterns", "MatchSequence.patterns"),
    *("MatchValue.value", "NamedExpr.target", "TypeAlias.name"),
}


@pytest.mark.parametrize("place", of_this_python(SAMPLES))
def test_a_suspension_there_resumes_exactly(place):
    text = program(SAMPLES[place])
    assert suspends_at(ast.parse(text), place)
    kind, value = behaviour(comparison.PRELUDE + PRELUDE + text)
    assert kind == "returned", value


@pytest.mark.parametrize("place", of_this_python(REFUSED))
def test_a_suspension_there_is_refused_with_its_line_and_a_remedy(place):
    line, remedy, text = REFUSED[place]
    text = program(text)
    assert suspends_at(ast.parse(text), place)
    if not python_takes(text):
        assert sys.version_info >= (3, 14)  # which refuses what is not evaluated at once
        return
    with pytest.raises(TransformError, match=remedy) as caught:
        module(PRELUDE + text, log=[])
    error = caught.value
    assert error.text.strip() == line
    assert error.text[error.offset - 1 :].startswith(("await", "yield"))
    assert error.facts["reason"]


def python_takes(text):
    try:
        compile(text, "plain", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("place", of_this_python(ILLEGAL))
def test_a_suspension_there_is_not_python(place):
    text = program(ILLEGAL[place])
    assert not python_takes(text)
    with pytest.raises(SyntaxError) as caught:
        module(PRELUDE + text, log=[])
    assert type(caught.value) is SyntaxError


def test_the_samples_name_places_that_exist_in_some_python():
    known = {p.split(".")[0] for p in places()}
    newer = {"TypeAlias", "TemplateStr", "Interpolation", "TypeVar", "ParamSpec", "TypeVarTuple"}
    assert {p.split(".")[0] for p in (*SAMPLES, *REFUSED, *ILLEGAL)} - known <= newer
    if sys.version_info >= (3, 14):
        assert newer <= known
