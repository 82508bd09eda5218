"""Models of pydantic, msgspec and attrs, which notice when their validators run."""

from __future__ import annotations

import enum
from functools import cached_property
from typing import Annotated, Any, Generic, Literal, TypeVar

import attrs
import msgspec
import pydantic
import pydantic.dataclasses

from weft_core import codec

codec.allow_module(__name__)

RAN: list[str] = []
T = TypeVar("T")
U = TypeVar("U")


class Size(enum.Enum):
    SMALL = "s"


class Line(pydantic.BaseModel):
    sku: str
    count: int = 1

    @pydantic.field_validator("count")
    @classmethod
    def positive(cls, value: int) -> int:
        RAN.append("Line.count")
        if value < 1:
            raise ValueError("not positive")
        return value


class Order(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", arbitrary_types_allowed=True)

    id: str = pydantic.Field(alias="orderId")
    lines: list[Line] = []
    size: Size = Size.SMALL
    note: Any = None
    _seen: list[Any] = pydantic.PrivateAttr(default_factory=list)
    _later: int

    def model_post_init(self, context: Any) -> None:
        RAN.append("Order")

    @cached_property
    def total(self) -> int:
        RAN.append("total")
        return sum(line.count for line in self.lines)


class Point(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True)

    x: int
    y: int = 0


class Checked(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(validate_assignment=True)

    n: Annotated[int, pydantic.Field(gt=0)]

    @pydantic.model_validator(mode="after")
    def whole(self) -> Checked:
        RAN.append("Checked")
        return self


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]
    next: Page[T] | None = None


class Pair(pydantic.BaseModel, Generic[T, U]):
    left: T
    right: U


class Hooked(pydantic.BaseModel, Generic[T]):
    item: T

    def __init_subclass__(cls, **words: Any) -> None:
        RAN.append("subclass")
        super().__init_subclass__(**words)


class Names(pydantic.RootModel[list[str]]):
    pass


class Tree(pydantic.BaseModel):
    name: str
    parent: Any = None
    children: list[Any] = []


@pydantic.dataclasses.dataclass
class Parcel:
    weight: float
    to: str = "home"

    def __post_init__(self) -> None:
        RAN.append("Parcel")


class Event(msgspec.Struct, frozen=True, tag="event", gc=False):
    id: int
    kind: Literal["a", "b"] = "a"

    def __post_init__(self) -> None:
        RAN.append("Event")


class Row(msgspec.Struct, array_like=True, omit_defaults=True):
    name: str
    value: Any = None
    more: int | msgspec.UnsetType = msgspec.UNSET


class Loose(msgspec.Struct, dict=True, weakref=True, kw_only=True, eq=False, rename="camel"):
    some_name: int
    next: Any = None


class Box(msgspec.Struct, Generic[T]):
    item: T


@attrs.define
class Slotted:
    a: int = attrs.field(validator=attrs.validators.ge(0))
    b: Any = attrs.field(factory=list)
    _private: int = 3

    def __attrs_post_init__(self) -> None:
        RAN.append("Slotted")


@attrs.frozen(slots=False)
class Frozen:
    a: int
    b: Any = None
