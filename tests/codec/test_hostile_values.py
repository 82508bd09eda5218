"""G19: hostile bytes raise only our errors, run no code, do not hang and do not allocate what they only claim."""

from __future__ import annotations

import pickle
import sys
import time

import pytest

from tests.codec import samples
from tests.codec.hostile import CASES, SLACK, damaged, peak, survives
from weft_core import codec
from weft_core.codec import marks, wire
from weft_core.errors import CorruptRecordError, UnknownTypeError, WeftError


def document(root, *parts):
    return wire.pack([wire.FORMAT, root, *parts], careful=True)


def m(number, *rest):
    return [wire.mark(number), *rest]


def refused(root, *parts, error=WeftError):
    with pytest.raises(error):
        codec.loads(document(root, *parts))


@pytest.mark.parametrize("seed", range(4))
def test_damaged_bytes_raise_only_our_errors_G19(seed):
    """G19 over every kind of value."""
    data = codec.dumps(samples.everything())
    for case in damaged(data, CASES // 4, seed):
        survives(codec.loads, case)


def test_every_truncation_is_found():
    data = codec.dumps(samples.everything())
    for size in range(len(data)):
        with pytest.raises(CorruptRecordError):
            codec.loads(data[:size])


def test_bytes_after_the_end_are_found():
    with pytest.raises(CorruptRecordError):
        codec.loads(codec.dumps([1]) + b"\x00")


def test_random_bytes_raise_only_our_errors():
    import random

    rng = random.Random(5)
    for _ in range(CASES // 4):
        survives(codec.loads, rng.randbytes(rng.randrange(60)))
        survives(codec.loads, b"\x92\x01" + rng.randbytes(rng.randrange(60)))


BOMBS = {
    "a huge array": b"\x92\x01\xdd\xff\xff\xff\xff",
    "a huge map": b"\x92\x01\xdf\xff\xff\xff\xff",
    "a huge text": b"\x92\x01\xdb\xff\xff\xff\xff",
    "huge bytes": b"\x92\x01\xc6\xff\xff\xff\xff",
    "a huge extension": b"\x92\x01\xc9\xff\xff\xff\xff\x03",
    "nested arrays that all claim the rest": b"\x92\x01" + b"\xdd\x00\x00\xff\xff" * 500 + bytes(70_000),
    "arrays nested 1,000 deep": b"\x92\x01" + b"\x91" * 1000 + b"\xc0",
    "arrays nested 100,000 deep": b"\x92\x01" + b"\x91" * 100_000 + b"\xc0",
    "maps nested 100,000 deep": b"\x92\x01" + b"\x81\xc0" * 100_000 + b"\xc0",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_claimed_length_allocates_nothing_G19(name):
    bomb = BOMBS[name]
    assert isinstance(survives(codec.loads, bomb), WeftError)
    assert peak(codec.loads, bomb) <= 4 * len(bomb) + SLACK


@pytest.mark.parametrize(
    "root",
    [
        m(marks.RANGE_ITERATOR, m(marks.RANGE, 0, 10**12, 1), 10**11),
        m(marks.SEQUENCE_ITERATOR, [1, 2], 10**12),
        m(marks.REVERSE_ITERATOR, [1, 2], 10**12),
        m(marks.BYTEARRAY, 10**9),
        m(marks.DEQUE, 10**9, 1),
        m(marks.RANGE, 0, 2**62, 1),
    ],
)
def test_a_huge_number_allocates_nothing(root):
    assert peak(codec.loads, document(root)) <= SLACK


def test_a_tower_of_shared_tuples_as_a_key_does_not_take_forever():
    flat = [m(marks.TUPLE, 1, 2)]
    for n in range(80):  # 2**80 elementary hashes, if it were let
        flat.append(m(marks.TUPLE, wire.reference(n + 1), wire.reference(n + 1)))
    started = time.monotonic()
    refused([*flat, m(marks.SET, wire.reference(len(flat)))], error=CorruptRecordError)
    assert time.monotonic() - started < 5


def tower(kind, first, before=(), after=()):
    """200,000 values, each standing on the one before it; the bytes are nested only two deep."""
    flat = [first]
    per_value = 1 + sum(type(x) in (list, dict) for x in after)
    at = 1
    for _ in range(30_000):
        flat.append(m(kind, *before, wire.reference(at), *after))
        at += per_value
    return flat


def test_a_tower_of_references_does_not_overflow_the_stack_of_c():
    """hash() of tuples, and the deallocators of slices and iterators, recurse in C without looking at the stack."""
    import weft_core.frames  # noqa: F401  (iterators)

    refused([*tower(marks.TUPLE, m(marks.TUPLE, 1)), m(marks.SET, wire.reference(30_001))], error=CorruptRecordError)
    refused(tower(marks.FROZENSET, m(marks.TUPLE, 1)), error=CorruptRecordError)
    refused(tower(marks.SLICE, m(marks.SLICE, 1, 2, 3), after=(1, 2)), error=CorruptRecordError)
    refused(tower(marks.ZIP, m(marks.ZIP, None), before=(None,)), error=CorruptRecordError)
    refused(tower(marks.MAP, m(marks.ZIP, None), before=(None, m(marks.NAMED, "builtins:str"))), error=WeftError)
    refused(tower(marks.METHOD, m(marks.TUPLE), after=("__reduce__",)), error=WeftError)
    codec.loads(document(tower(marks.TUPLE, m(marks.TUPLE, 1))))  # harmless unless hashed


def test_keys_that_all_have_one_hash_do_not_take_forever():
    modulus = sys.hash_info.modulus
    keys = [wire.integer(modulus * (1 + (k << 70))) for k in range(20_000)]
    started = time.monotonic()
    refused(m(marks.SET, *keys), error=CorruptRecordError)
    refused(m(marks.DICT, *[x for k in keys for x in (k, 0)]), error=CorruptRecordError)
    plain = {modulus * k: 0 for k in range(1, 2_000) if modulus * k < 2**63}  # many where hashes have 32 bits
    survives(codec.loads, document(plain))
    assert time.monotonic() - started < 10


def test_a_huge_fraction_does_not_take_forever():
    started = time.monotonic()
    codec.loads(document(m(marks.FRACTION, wire.integer(3**600_000), wire.integer(7**400_000))))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "name",
    [
        "os:system", "posix:system", "subprocess:Popen", "builtins:eval", "builtins:exec", "builtins:__import__",
        "builtins:open", "builtins:getattr", "builtins:breakpoint", "weft_core.codec.names:sys", "sys:exit",
        "tests.codec.samples:dt", "tests.codec.samples:codec.loads", "tests.codec.samples:Order.__init__.__globals__",
        "tests.codec.samples:re.compile", "importlib:import_module", "pickle:loads", "nonsense", ":", "", "a:b:c",
        "tests.codec.samples:", "tests.codec.samples:__builtins__", "ctypes:CDLL", "types:FunctionType",
    ],
)  # fmt: skip
def test_bytes_cannot_name_what_is_not_allowed(name):
    """The attacker chooses the name; nothing is imported, nothing found that the encoder would not write."""
    refused(m(marks.NAMED, name), error=UnknownTypeError)
    for kind in (marks.ENUM, marks.EXCEPTION, marks.NAMEDTUPLE, marks.REGISTERED):
        refused(m(kind, name, [], None, None, None, None, None, None))
    refused(m(marks.DATACLASS, wire.pack([name, "id"]), 1))


def test_nothing_is_imported_because_bytes_say_so():
    assert "this" not in sys.modules
    refused(m(marks.MODULE, "this"), error=UnknownTypeError)
    refused(m(marks.NAMED, "this:s"), error=UnknownTypeError)
    assert "this" not in sys.modules


@pytest.mark.parametrize(
    "root",
    [
        m(marks.METHOD, "text", "__class__"),
        m(marks.METHOD, "text", "__reduce_ex__x"),
        m(marks.METHOD, m(marks.NAMED, "tests.codec.samples:double"), "__globals__"),
        m(marks.METHOD, m(marks.NAMED, "tests.codec.samples:double"), "__code__"),
        m(marks.METHOD, m(marks.NAMED, "tests.codec.samples:Order"), "__mro__"),
        m(marks.METHOD, m(marks.NAMED, "tests.codec.samples:Order"), "__subclasses__"),
        m(marks.METHOD, m(marks.NAMED, "tests.codec.samples:Order"), "__init__"),
        m(marks.METHOD, m(marks.NAMED, "builtins:type"), "mro"),
        m(marks.METHOD, m(marks.MODULE, "re"), "compile"),
    ],
)
def test_a_method_is_a_function_or_builtin_method_of_the_objects_class(root):
    survives(codec.loads, document(root))
    loaded = survives(codec.loads, document(root))
    assert isinstance(loaded, WeftError) or callable(loaded)


def test_stored_attributes_do_not_reach_the_class():
    data = document(m(marks.DATACLASS, wire.pack(["tests.codec.samples:Order", "id"]), "1", {"__class__": 5, "x": 6}))
    order = codec.loads(data)
    assert type(order) is samples.Order and order.x == 6
    node = codec.loads(document(m(marks.REGISTERED, "samples:Basket", {"__class__": 5})))
    assert type(node) is samples.Basket
    refused(m(marks.REGISTERED, "samples:Node", {"__class__": 5}))


def test_no_constructor_of_the_author_runs(monkeypatch):
    ran = []
    data = codec.dumps([samples.Order("1"), samples.Basket(1), samples.Node(), samples.ShopError(1), samples.Pair(1)])
    for cls in (samples.Order, samples.Basket, samples.Node, samples.ShopError):
        monkeypatch.setattr(cls, "__init__", lambda self, *a, **k: ran.append(self))
    codec.loads(data)
    assert ran == []


@pytest.mark.parametrize(
    "root",
    [
        m(marks.PATTERN, "(" * 1000, 0),
        m(marks.PATTERN, "a" * 100_000, 0),
        m(marks.PATTERN, "a", 128),
        m(marks.PATTERN, 5, 0),
        m(marks.ZONEINFO, "../../etc/passwd"),
        m(marks.ZONEINFO, "/etc/passwd"),
        m(marks.PATH, "PosixPath", 5),
        m(marks.PATH, "Path.__init__", "x"),
        m(marks.DECIMAL, 5),
        m(marks.DECIMAL, "not a number"),
        m(marks.UUID, b"short"),
        m(marks.DATETIME, 2024, 13, 1, 0, 0, 0, 0, 0),
        m(marks.DATETIME, b"0123456789"),
        m(marks.TIMEDELTA, 10**10, 0, 0),
        m(marks.FRACTION, 1, 0),
        m(marks.FRACTION, 1.5, 2),
        m(marks.TUPLE, wire.reference(0)),
        m(marks.TUPLE, wire.reference(99)),
        m(marks.SET, [1]),
        m(marks.DICT, [1], 2),
        m(marks.DICT, 1),
        m(marks.ENUM, "tests.codec.samples:Color", "GREEN"),
        m(marks.ENUM, "tests.codec.samples:Color", None, 99),
        m(marks.ENUM, "tests.codec.samples:Permission", None, "x"),
        m(marks.NAMEDTUPLE, "tests.codec.samples:Pair", 1, 2, 3),
        m(marks.EXCEPTION, "builtins:ValueError", 5, None, None, False, None, None, None),
        m(marks.EXCEPTION, "builtins:int", [], None, None, False, None, None, None),
        m(marks.EXCEPTION, "builtins:ExceptionGroup", ["g", []], None, None, False, None, None, None),
        m(marks.EXCEPTION, "builtins:UnicodeDecodeError", [1], None, {"__class__": 1}, False, None, 5, 6),
        m(marks.TRACEBACK, "f", "n", 2**63),
        m(marks.TRACEBACK, *(["f", "n", 1] * 100)),
        m(marks.PARTIAL, 5, [], {}),
        m(marks.MAPPING_PROXY, 5),
        m(marks.FRAME, b"\x90"),
        m(marks.CELL),
        m(marks.FUNCTION, "a", "b", "c", 0),
        m(marks.LATE_LIST),
        m(255),
        [wire.mark(0), wire.mark(0)],
        [1, wire.mark(0)],
        {"a": wire.mark(0)},
    ],
    ids=lambda root: repr(root)[:60],
)
def test_what_no_encoder_writes_is_refused(root):
    loaded = survives(codec.loads, document(root))
    assert isinstance(loaded, WeftError)


@pytest.mark.parametrize("value", ["TUPLE in itself", "late part missing", "late part too many", "true as format"])
def test_malformed_documents_are_refused(value):
    data = {
        "TUPLE in itself": document(m(marks.TUPLE, wire.reference(0))),
        "late part missing": document([m(marks.LATE_LIST)]),
        "late part too many": document([], []),
        "true as format": wire.pack([True, 1]),
    }[value]
    with pytest.raises(CorruptRecordError):
        codec.loads(data)


def test_a_pickle_is_not_a_value():
    with pytest.raises(CorruptRecordError):
        codec.loads(pickle.dumps([1]))


N = 5_000
SHAPES = {
    "long texts": (["x" * 200 + str(i) for i in range(1_000)], 4),
    "floats": ([i + 0.5 for i in range(N)], 8),
    "small integers": (list(range(1_000, 1_000 + N)), 32),
    "short texts": ([str(i) for i in range(N)], 32),
    "one-key dicts": ([{"a": None} for _ in range(N)], 100),
    "empty lists": ([[] for _ in range(N)], 200),
    "empty dicts": ([{} for _ in range(N)], 200),
    "empty deques": ([m(marks.DEQUE, None) for _ in range(N)], 200),
    "empty sets": ([m(marks.SET) for _ in range(N)], 200),
    "patterns": ([m(marks.PATTERN, f"a{i}", 0) for i in range(500)], 200),
}


@pytest.mark.parametrize("name", SHAPES)
def test_reading_takes_memory_in_proportion_to_the_bytes_whatever_they_hold_G19(name):
    """The bound of docs/frames.md: objects of CPython are larger than their bytes, an empty deque 150 times."""
    shape, times = SHAPES[name]
    data = document(shape)
    assert peak(codec.loads, data) <= times * len(data) + SLACK
