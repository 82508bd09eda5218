"""Runtime helpers referenced (as closure cells) by transformed code."""

import gc
import itertools
import sys

from weft_core.errors import Evict


class _Unset:
    __slots__ = ()

    def __repr__(self):
        return "<unset>"


U = _Unset()


class NextOnly:
    """iterators without __iter__ are legal in a for loop"""

    __slots__ = ("it",)

    def __init__(self, it):
        self.it = it

    def __iter__(self):
        return self

    def __next__(self):
        return self.it.__next__()


class DictIter:
    """``for k in d`` / d.items() / d.values() with a position that can be checkpointed."""

    __slots__ = ("d", "kind", "used", "n", "it")

    def __init__(self, d, kind):
        self.d, self.kind, self.used, self.n = d, kind, len(d), 0
        self.it = iter(getattr(d, kind)())

    def __iter__(self):
        return self

    def __next__(self):
        it = self.it
        if it is None:
            it = self.bind()
        try:
            v = next(it)
        except StopIteration:
            self.d, self.it = None, _EMPTY
            raise
        self.n += 1
        return v

    def bind(self):
        """first use after a restore"""
        if len(self.d) != self.used:
            self.it, self.used = DeadIter("dictionary changed size during iteration"), -1
            return self.it
        self.it = iter(getattr(self.d, self.kind)())
        for _ in itertools.islice(self.it, self.n):
            pass
        return self.it


_EMPTY = iter(())


class DeadIter:
    """a dict/set iterator whose container had changed size at snapshot time"""

    __slots__ = ("msg",)

    def __init__(self, msg):
        self.msg = msg

    def __iter__(self):
        return self

    def __next__(self):
        raise RuntimeError(self.msg)


class SetIter:
    """iteration over a set, in the order the set had when the loop began"""

    __slots__ = ("set", "rest", "size")

    def __init__(self, s, rest, size):
        self.set, self.rest, self.size = s, rest, size

    def __iter__(self):
        return self

    def __next__(self):
        if self.set is None:
            raise StopIteration
        if len(self.set) != self.size:
            self.size = -1
            raise RuntimeError("Set changed size during iteration")
        if not self.rest:
            self.set = None
            raise StopIteration
        return self.rest.pop()


_VIEWS = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}


def rt_iter(x):
    t = type(x)
    if t is dict:
        return DictIter(x, "keys")
    if t in _VIEWS:
        d = [d for d in gc.get_referents(x) if isinstance(d, dict)]
        if len(d) == 1 and type(d[0]) is dict:
            return DictIter(d[0], _VIEWS[t])
    elif t is set or t is frozenset:
        return SetIter(x, list(x)[::-1], len(x))
    it = iter(x)
    return it if hasattr(type(it), "__iter__") else NextOnly(it)


# ---------------------------------------------------------------- with
def _check_cm(m):
    t = type(m)
    if not hasattr(t, "__enter__") or not hasattr(t, "__exit__"):
        what = "__enter__" if not hasattr(t, "__enter__") else "__exit__"
        raise TypeError(
            f"'{t.__name__}' object does not support the context manager protocol"
            + (" (missed __exit__ method)" if what == "__exit__" else "")
        )
    return t


class WithC:
    """Pass-through context manager; eviction of the coroutine does not run __exit__."""

    __slots__ = ("m", "t")
    skip = (Evict, GeneratorExit)

    def __init__(self, m):
        self.t = _check_cm(m)
        self.m = m

    def __enter__(self):
        return self.t.__enter__(self.m)

    def __exit__(self, typ, val, tb):
        if typ is not None and issubclass(typ, self.skip):
            return False
        return self.t.__exit__(self.m, typ, val, tb)


class WithG(WithC):
    __slots__ = ()
    skip = (Evict,)


class Reenter(WithC):
    __slots__ = ()
    skip = (Evict, GeneratorExit)

    def __enter__(self):
        return None


class ReenterG(Reenter):
    __slots__ = ()
    skip = (Evict,)


# ---------------------------------------------------------------- async protocols
def rt_aenter(m):
    t = type(m)
    if not hasattr(t, "__aenter__") or not hasattr(t, "__aexit__"):
        extra = "" if not hasattr(t, "__aenter__") else " (missed __aexit__ method)"
        raise TypeError(f"'{t.__name__}' object does not support the asynchronous context manager protocol{extra}")
    return t.__aenter__(m)


def rt_aexit(m, exc):
    if exc is None:
        return type(m).__aexit__(m, None, None, None)
    return type(m).__aexit__(m, type(exc), exc, exc.__traceback__)


def rt_aiter(x):
    t = type(x)
    if not hasattr(t, "__aiter__"):
        raise TypeError(f"'async for' requires an object with __aiter__ method, got {t.__name__}")
    it = t.__aiter__(x)
    if not hasattr(type(it), "__anext__"):
        raise TypeError(
            "'async for' received an object from __aiter__ that does not implement __anext__: " + type(it).__name__
        )
    return it


def rt_anext(it):
    return type(it).__anext__(it)


# ---------------------------------------------------------------- exceptions
_saved = {}


def rt_rex(e):
    """about to raise ``e`` again only to re-enter its handler"""
    _saved[id(e)] = (e, e.__context__, e.__traceback__)
    return e


def rt_fix(e):
    """undo what the raise statement did to ``e``"""
    _, ctx, tb = _saved.pop(id(e))
    e.__context__ = ctx
    e.__traceback__ = tb


class Star:
    """state of an except* statement (mirrors CHECK_EG_MATCH / PREP_RERAISE_STAR)"""

    def __init__(self, exc):
        self.orig, self.rest, self.raised = exc, exc, []


def rt_starmatch(st, typ):
    bad = typ if isinstance(typ, tuple) else (typ,)
    for t in bad:
        if not (isinstance(t, type) and issubclass(t, BaseException)):
            raise TypeError("catching classes that do not inherit from BaseException is not allowed")
        if issubclass(t, BaseExceptionGroup):
            raise TypeError("catching ExceptionGroup with except* is not allowed. Use except instead.")
    r = st.rest
    if r is None:
        return None
    if isinstance(r, typ):
        st.rest = None
        if isinstance(r, BaseExceptionGroup):
            return r
        g = BaseExceptionGroup("", (r,))
        # gh-128799: the implicit group carries the traceback of the wrapped exception (3.14+)
        if sys.version_info >= (3, 14) and r.__traceback__ is not None:
            g.__traceback__ = r.__traceback__
        return g
    if isinstance(r, BaseExceptionGroup):
        m, rest = r.split(typ)
        if m is not None or sys.version_info >= (3, 12):
            st.rest = rest
        return m
    return None


def rt_starraised(st, e):
    st.raised.append(e)


def _same(a, b):
    return (
        getattr(a, "__notes__", None) is getattr(b, "__notes__", None)
        and a.__traceback__ is b.__traceback__
        and a.__cause__ is b.__cause__
        and a.__context__ is b.__context__
    )


def _leaves(e, acc):
    if isinstance(e, BaseExceptionGroup):
        for x in e.exceptions:
            _leaves(x, acc)
    else:
        acc.add(id(e))


def rt_starfinish(st):
    excs = list(st.raised)
    if not isinstance(st.orig, BaseExceptionGroup):
        if st.rest is not None:
            excs.append(st.rest)
        return excs[0] if excs else None
    if st.rest is not None:
        excs.append(st.rest)
    if not excs:
        return None
    raised, re = [], []
    for e in excs:
        (re if _same(e, st.orig) else raised).append(e)
    proj = None
    if re:
        ids = set()
        for e in re:
            _leaves(e, ids)
        proj = _project(st.orig, ids)
    if not raised:
        return proj
    if proj is not None:
        raised.append(proj)
    if len(raised) > 1:
        return BaseExceptionGroup("", raised)
    return raised[0]


def _project(eg, ids):
    return eg.subgroup(lambda e: id(e) in ids)


RT = {
    ".iter": rt_iter,
    ".chain": itertools.chain,
    ".N1": (None,),
    ".U": U,
    ".withC": WithC,
    ".withG": WithG,
    ".reenterC": Reenter,
    ".reenterG": ReenterG,
    ".aenter": rt_aenter,
    ".aexit": rt_aexit,
    ".aiter": rt_aiter,
    ".anext": rt_anext,
    ".rex": rt_rex,
    ".fix": rt_fix,
    ".slice": slice,
    ".set": set,
    ".star": Star,
    ".starmatch": rt_starmatch,
    ".starraised": rt_starraised,
    ".starfinish": rt_starfinish,
    ".BaseException": BaseException,
    ".StopAsyncIteration": StopAsyncIteration,
    ".EvictC": (Evict, GeneratorExit),
    ".EvictG": (Evict,),
}
