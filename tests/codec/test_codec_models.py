"""Models of pydantic, msgspec and attrs come back as they were, and none of their validators runs."""

from __future__ import annotations

import subprocess
import sys
import types

import msgspec
import pydantic
import pytest

from tests.codec import models
from tests.codec.hostile import damaged, survives
from tests.frames.helpers import every_single_crash
from tests.frames.toy_engine import Ctx
from weft_core import codec
from weft_core.codec import marks, wire
from weft_core.errors import CorruptRecordError, NotSerializableError, UnknownTypeError, WeftError
from weft_core.frames import durable, peek, snapshot


def again(value):
    models.RAN.clear()
    back = codec.loads(codec.dumps(value))
    assert models.RAN == []
    return back


def order():
    made = models.Order(orderId="o-1", lines=[models.Line(sku="a", count=2)], note={"k": (1,)}, colour="red")
    made._seen.append(made.lines[0])
    assert made.total == 2
    return made


VALUES = [
    models.Line(sku="a"), models.Point(x=1), models.Checked(n=3), models.Page[int](items=[1, 2]),
    models.Page[models.Line](items=[models.Line(sku="b")], next=models.Page[models.Line](items=[])),
    models.Pair[list[models.Line], dict[str, int | None]](left=[models.Line(sku="c")], right={"a": None}),
    models.Page[models.Page[int]](items=[models.Page[int](items=[3])]), models.Names(["x", "y"]),
    models.Parcel(1.5), models.Line.model_construct(count=-5), models.Tree(name="t"),
    models.Event(1, "b"), models.Row("r"), models.Row("r", [1], 5), models.Box(7), models.Frozen(1, [2]),
    models.Slotted(1, {"x": (2,)}, 9),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{type(v).__name__} {v!r:.40}")
def test_a_model_comes_back_as_it_was(value):
    back = again(value)
    assert type(back) is type(value) and back == value and repr(back) == repr(value)


def test_everything_a_pydantic_model_holds_comes_back():
    made = order()
    back = again(made)
    assert back == made and back.model_fields_set == made.model_fields_set == {"id", "lines", "note", "colour"}
    assert back.colour == "red" and back.model_extra == {"colour": "red"}
    assert back._seen[0] is back.lines[0] and not hasattr(back, "_later")
    assert back.__dict__["total"] == 2 and back.size is models.Size.SMALL and back.model_dump() == made.model_dump()


def test_a_restored_model_is_as_alive_as_before():
    checked, point = again([models.Checked(n=3), models.Point(x=1)])
    with pytest.raises(pydantic.ValidationError):
        checked.n = -1
    checked.n = 5
    with pytest.raises(pydantic.ValidationError):
        point.x = 2
    assert hash(point) == hash(models.Point(x=1)) and {point: 1}[models.Point(x=1)] == 1
    event, row = again([models.Event(1), models.Row("r")])
    with pytest.raises(AttributeError):
        event.id = 2
    assert (
        row.more is msgspec.UNSET
        and msgspec.structs.asdict(row)["more"] is msgspec.UNSET
        and hash(event) == hash(models.Event(1))
    )
    assert msgspec.json.decode(msgspec.json.encode(event), type=models.Event) == event


def test_a_state_that_would_not_pass_validation_is_kept():
    """It is what the run had: a restore is not the place to judge it."""
    line = models.Line(sku="a")
    line.__dict__["count"] = -7
    slotted = models.Slotted(1)
    object.__setattr__(slotted, "a", -1)
    back, other = again([line, slotted])
    assert back.count == -7 and other.a == -1


def test_models_may_share_and_refer_to_each_other():
    root, leaf = models.Tree(name="root"), models.Tree(name="leaf")
    root.children.append(leaf)
    leaf.parent = root
    loose = models.Loose(some_name=1)
    loose.next, loose.extra = loose, [root]
    slotted = models.Slotted(1)
    slotted.b = slotted
    a, b, c, d = again([root, leaf, loose, slotted])
    assert a.children[0] is b and b.parent is a and c.next is c and c.extra[0] is a and d.b is d
    assert c.some_name == 1


def test_models_nested_very_deep_come_back():
    deep = None
    for n in range(400):
        deep = models.Tree(name=str(n), parent=models.Loose(some_name=n, next=models.Frozen(n, deep)))
    back = again(deep)
    for n in reversed(range(400)):
        assert back.name == str(n)
        back = back.parent.next.b
    assert back is None


@durable
async def keeps_models(ctx, given):
    line = models.Line(sku="x", count=4)
    page = models.Page[models.Line](items=[line])
    event = models.Event(5)
    models.RAN.clear()
    await ctx.run("a")
    page.items[0].count += 1
    await ctx.run("b", event)
    return given, line.count, page.items[0] is line, event, list(models.RAN)


def test_models_in_locals_cross_a_crash_at_every_point():
    assert every_single_crash(keeps_models, models.Point(x=2)) == (models.Point(x=2), 5, True, models.Event(5), [])


def test_a_class_that_has_changed_is_told():
    name = "models_changed"
    module = types.ModuleType(name)
    sys.modules[name] = module
    codec.allow_module(name)

    def define(source):
        exec("import pydantic, msgspec, attrs\n" + source, module.__dict__)

    define(
        "class P(pydantic.BaseModel):\n a: int\nclass S(msgspec.Struct):\n a: int\n@attrs.define\nclass A:\n a: int = 1"
    )
    data = [codec.dumps(x) for x in (module.P(a=1), module.S(1), module.A())]
    define(
        "class P(pydantic.BaseModel):\n a: int\n b: list = pydantic.Field(default_factory=list)\n _c: int = 4\n"
        "class S(msgspec.Struct):\n a: int\n b: list = []\n@attrs.define\nclass A:\n a: int = 1\n b: int = 7"
    )
    p, s, a = map(codec.loads, data)
    assert (p.a, p.b, p._c, s.b, a.b) == (1, [], 4, [], 7)
    define("class P(pydantic.BaseModel):\n b: int\nclass S(msgspec.Struct):\n a: int\n b: int\nclass A:\n pass")
    for bytes_, hint in zip(data, ("lost the field", "new field 'b' without a default", "no longer a model")):
        with pytest.raises(UnknownTypeError, match=hint):
            codec.loads(bytes_)


def test_a_model_class_that_is_not_allowed_is_refused():
    stranger = pydantic.create_model("Stranger", x=(int, 1), __module__="models_elsewhere")
    local = type("Local", (pydantic.BaseModel,), {"__module__": __name__, "__qualname__": "f.<locals>.Local"})
    for value in (stranger(), local(), models.Page[stranger](items=[])):
        with pytest.raises(NotSerializableError, match="workflow's module"):
            codec.dumps(value)
    assert again(models.Page(items=[1])).items == [1]


def test_bytes_cannot_have_a_class_made_that_runs_code():
    data = codec.dumps(models.Hooked[int](item=1)).replace(b"builtins:int", b"builtins:str")
    models.RAN.clear()
    with pytest.raises(UnknownTypeError, match="__init_subclass__"):
        codec.loads(data)
    assert models.RAN == []


def forged(described, *values):
    root = [wire.mark(marks.MODEL), wire.pack([*described], careful=True), *values]
    return wire.pack([1, root], careful=True)


@pytest.mark.parametrize(
    "data",
    [
        forged(["pydantic", ["name", "os:system"]], []),
        forged(["pydantic", ["name", "pydantic.main:BaseModel"]], []),
        forged(["pydantic", ["name", "tests.codec.models:Event"]], None),
        forged(["msgspec", ["name", "tests.codec.models:Line"]], None),
        forged(["pydantic", ["name", "tests.codec.models:Point"], "x"], 1),
        forged(["pydantic", ["name", "tests.codec.models:Point"], "x", "y"], 1, 2, [None, ["x"], 5, None]),
        forged(["pydantic", ["name", "tests.codec.models:Point"], "x", "y"], 1, 2, [None, [5], None, None]),
        forged(["pydantic", ["name", "tests.codec.models:Point"], "__class__"], 1, [None, [], None, None]),
        forged(["msgspec", ["name", "tests.codec.models:Event"], "id", "kind"], 1, 2, {"x": 1}),
        forged(["attrs", ["model", ["name", "builtins:int"], ["any"]]], None),
        forged(["pydantic", ["of", ["name", "tests.codec.models:Page"], ["any"]]], None),
        forged(["other", ["any"]], None),
        forged(["pydantic", ["model"] * 3], None),
    ],
)
def test_a_forged_model_is_refused(data):
    with pytest.raises(WeftError):
        codec.loads(data)


def test_damaged_models_raise_only_our_errors_and_run_no_validator_G19():
    data = codec.dumps([*VALUES, order()])
    models.RAN.clear()
    for case in damaged(data, 600, 11):
        survives(codec.loads, case)
    assert models.RAN == []


def test_a_refusal_inside_a_model_shows_the_way():
    @durable
    async def holds(ctx, value):
        await ctx.run("a")
        return value

    ctx = Ctx()
    for value, path in (
        (models.Tree(name="x", parent=[object()]), ".parent[0]"),
        (models.Row("r", object()), ".value"),
    ):
        frame = holds(ctx, value)
        frame.send(None)
        with pytest.raises(NotSerializableError) as caught:
            snapshot(frame, {"ctx": ctx})
        assert caught.value.facts["path"] == f"value{path}"
        frame.close()


def test_the_core_imports_none_of_the_libraries():
    code = (
        "import sys, weft_core, weft_core.codec as c; c.dumps([1, (2,)])\n"
        "assert not {'pydantic', 'msgspec', 'attr'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_bytes_with_models_are_refused_where_the_library_is_not_loaded():
    with pytest.raises((UnknownTypeError, CorruptRecordError)):
        codec.loads(codec.dumps(models.Row("r")).replace(b"tests.codec.models:Row", b"tests.codec.modelz:Row"))


def test_tools_can_look_into_models_without_their_classes():
    ctx = Ctx()
    frame = keeps_models(ctx, models.Row("r"))
    frame.send(None)
    ((view,),) = (peek(snapshot(frame, {"ctx": ctx}))[0],)
    seen = view.locals
    frame.close()
    assert "Page" in repr(seen["page"]) and "sku" in repr(seen["page"])
    assert "Row" in repr(seen["given"]) and "count" in repr(seen["line"])
