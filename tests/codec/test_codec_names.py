"""What may be written is what may be read; refusals say what to do."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
import threading
import types

import pytest

from tests.codec.samples import Order
from weft_core import codec
from weft_core.errors import DuplicateDefinitionError, NotSerializableError, UnknownTypeError


def make(name, source, allow):
    module = types.ModuleType(name)
    sys.modules[name] = module
    if allow:
        codec.allow_module(name)
    exec(source, module.__dict__)
    return module


MODELS = """
import dataclasses, enum
@dataclasses.dataclass
class Order:
    id: int
class Other:
    pass
def helper():
    return 1
"""


def test_a_class_of_an_allowed_module_can_be_written():
    order = make("names_a", MODELS, allow=True).Order(1)
    assert codec.loads(codec.dumps(order)) == order


def test_a_dataclass_imported_into_an_allowed_module_can_be_written():
    models = make("names_b_models", MODELS, allow=False)
    with pytest.raises(NotSerializableError, match="workflow's module"):
        codec.dumps(models.Order(1))
    make("names_b", "from names_b_models import Order as Bestellung", allow=True)
    assert codec.loads(codec.dumps(models.Order(1))) == models.Order(1)


def test_a_plain_class_or_function_imported_into_an_allowed_module_cannot():
    models = make("names_c_models", MODELS, allow=False)
    make("names_c", "from names_c_models import Other, helper", allow=True)
    for value in (models.Other, models.helper):
        with pytest.raises(NotSerializableError):
            codec.dumps(value)


def test_a_registered_name_survives_a_move():
    old = make("names_d", "class Thing:\n    pass", allow=False).Thing
    codec.register(old, name="thing")
    data = codec.dumps(old())
    moved = make("names_d", "class Thing:\n    new_home = True", allow=False).Thing
    codec.register(moved, name="thing")
    assert codec.loads(data).new_home


def test_a_name_belongs_to_one_class():
    codec.register(type("One", (), {"__module__": "m1"}), name="taken")
    with pytest.raises(DuplicateDefinitionError, match="taken"):
        codec.register(type("Two", (), {"__module__": "m2"}), name="taken")


def test_a_type_that_is_not_registered_any_more_is_named():
    from weft_core.codec.registry import REGISTERED_NAMES

    cls = codec.register(type("Gone", (), {}), name="gone")
    data = codec.dumps(cls())
    del REGISTERED_NAMES["gone"]
    with pytest.raises(UnknownTypeError, match="'gone'"):
        codec.loads(data)


def test_register_is_a_decorator_with_and_without_arguments():
    @codec.register
    class A:
        pass

    @codec.register(name="names:B")
    class B:
        pass

    assert type(codec.loads(codec.dumps(A()))) is A and type(codec.loads(codec.dumps(B()))) is B


def test_subclasses_of_builtin_containers_can_be_registered():
    class Bag(list):
        pass

    codec.register(Bag, name="names:Bag", get=list, set=lambda bag, state: bag.extend(state))
    back = codec.loads(codec.dumps(Bag([1, 2])))
    assert type(back) is Bag and back == [1, 2]


def test_a_module_in_a_variable_is_allowed_if_it_is_known():
    assert codec.loads(codec.dumps(json)) is json
    with pytest.raises(NotSerializableError, match="top of the workflow's module"):
        codec.dumps(sys)


class Custom:
    pass


@dataclasses.dataclass
class NotAllowed:
    x: int = 1


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (io.StringIO(), ".getvalue()"),
        (threading.Lock(), "ctx.mutex"),
        ((x for x in [1]), "@durable"),
        (memoryview(b"x"), "bytes"),
        (lambda: 1, "top level"),
        (Custom(), "codec.register(Custom)"),
        (object(), "codec.register(object)"),
        (iter(map), "list(") if False else (sys, "top of"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_refusal_says_what_to_do(value, hint):
    with pytest.raises(NotSerializableError) as caught:
        codec.dumps({"deep": [value]})
    assert hint in caught.value.facts["remedy"] and hint in str(caught.value)
    assert caught.value.facts["type"]


def test_a_local_class_is_refused_with_the_remedy():
    @dataclasses.dataclass
    class Local:
        x: int = 1

    with pytest.raises(NotSerializableError, match="move the class Local to the top level"):
        codec.dumps(Local())


def test_a_get_that_fails_is_the_authors_error():
    def get(value):
        raise KeyError("author")

    cls = codec.register(type("Fails", (), {}), name="names:fails", get=get)
    with pytest.raises(KeyError):
        codec.dumps(cls())


def test_nothing_half_done_is_left_after_a_refusal():
    with pytest.raises(NotSerializableError):
        codec.dumps([Order("1"), object()])
    assert codec.loads(codec.dumps([1])) == [1]
