"""What every generated program begins with: classes, context managers, iterators and helpers that print a trace.

``«x»`` suspends on x and ``$def`` begins a durable helper, in the program's style; the asynchronous parts are left out
of generator programs, like everything that a program does not use.
"""

from __future__ import annotations

from tests.frames.differential.prelude_classes import CLASSES
from tests.frames.differential.prelude_helpers import HELPERS
from tests.frames.differential.prelude_managers import MANAGERS

PRELUDE = CLASSES + MANAGERS + HELPERS

# the workflow's variables, in this order; those that a program does not use are left out
VARIABLES = {
    "i0": "1",
    "i1": "2",
    "i2": "3",
    "i3": "4",
    "i4": "5",
    "l0": "[1, 2, 3]",
    "l1": "[5]",
    "d0": "{1: 2, 3: 4}",
    "s0": '"s"',
    "o": "Obj(1, 2, l1)",
    "cl": "bump",
    "it": "iter(())",
    "ai": "None",
    "se": "{3, 1, 2}",
    "fz": "frozenset((1, 'a', None))",
    "by": "b'ab'",
    "ba": "bytearray(b'xy')",
    "dq": "deque([1, 2], 4)",
    "dd": "defaultdict(list)",
    "cn": "Counter('aab')",
    "od": "OrderedDict(a=1, b=2)",
    "nt": "Pair(1, 2)",
    "en": "Color.RED",
    "fg": "Perm.R",
    "bg": "10 ** 30",
    "fl": "2.5",
    "fr": "Fraction(1, 3)",
    "de": "Decimal('1.50')",
    "cx": "1 + 2j",
    "dt": "datetime(2020, 2, 29, 1, 2, 3, 4, timezone.utc)",
    "ns": "SimpleNamespace(a=1)",
    "ex": "E1('kept')",
    "ac": "Account(ctx, 1)",
    "mx": "Mutex(ctx)",
}
