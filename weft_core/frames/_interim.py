"""@durable, snapshots of coroutine stacks, and their restoration."""
import ast
import functools
import gc
import inspect
import sys
import types

from . import _codec_interim as _codec, compile as _compile, runtime as _rt
from ._codec_interim import (Decoder, Encoder, T_FRAME, T_FUNC, hint_for, _arrlen)
from .compile import CODES, Plan, Root, label_sig, stmt_hash
from weft_core.errors import (CodeChangedError, CorruptRecordError, WeftError, Evict, ForeignAwaitError, NotSerializableError, RestoreError,
                     SnapshotError, TransformError, UnknownFunctionError)

REGISTRY = {}       # key -> Root
_plan_cache = {}    # (filename, line, name, source id) -> Root
U = _rt.U


def durable(fn=None, *, name=None):
    """Compile an ``async def`` (or generator function) so that its frames can be checkpointed."""
    if fn is None:
        return functools.partial(durable, name=name)
    if isinstance(fn, (staticmethod, classmethod)):
        return type(fn)(durable(fn.__func__, name=name))
    if not isinstance(fn, types.FunctionType):
        raise TypeError(f"@durable needs a function defined with def, got {fn!r}")
    if hasattr(fn, "__durable__"):
        return fn
    if hasattr(fn, "__wrapped__"):
        raise TypeError(f"@durable must be the innermost decorator of {fn.__qualname__}: it compiles the "
                        f"function's source, and a wrapper added by another decorator is not that function")
    node, cls, lines = _compile.locate(fn)
    code = fn.__code__
    ck = (code.co_filename, code.co_firstlineno, code.co_name)
    root = _plan_cache.get(ck)
    if root is None or root.lines is not lines:
        kind = _compile.kind_of(node)
        if kind == "plain":
            raise TransformError(f"@durable needs an async function or a generator function; "
                                 f"{fn.__qualname__} is an ordinary function", reason="ordinary-function", filename=code.co_filename, lineno=node.lineno, column=node.col_offset)
        key = name or f"{fn.__module__}:{fn.__qualname__}"
        mangle = cls if cls and _compile.uses_private(node) else None
        root = _compile.build(key, fn.__qualname__, code.co_filename, node, set(code.co_freevars), code.co_flags,
                              mangle, lines)
        _compile.live_code(root.plan)
        _plan_cache[ck] = root
    env = dict(zip(code.co_freevars, fn.__closure__ or ()))
    live = _make(root.plan.live_code, fn.__globals__, env, fn.__name__)
    live.__defaults__, live.__kwdefaults__ = fn.__defaults__, fn.__kwdefaults__
    live.__dict__.update(fn.__dict__)
    live.__qualname__, live.__module__, live.__doc__ = fn.__qualname__, fn.__module__, fn.__doc__
    if sys.version_info >= (3, 14):
        live.__annotate__ = fn.__annotate__
    else:
        live.__annotations__ = fn.__annotations__
    if hasattr(fn, "__type_params__"):
        live.__type_params__ = fn.__type_params__
    root.fn, root.env, root.globals = live, env, fn.__globals__
    live.__durable__ = root
    live.__wrapped_source__ = fn
    REGISTRY[root.key] = root
    return live


def _make(code, globs, env, name, cells=None):
    closure = []
    for n in code.co_freevars:
        if n in _rt.RT:
            closure.append(_RTCELLS[n])
        elif cells is not None and n in cells:
            closure.append(cells[n])
        elif n in env:
            closure.append(env[n])
        else:
            closure.append(types.CellType())
    f = types.FunctionType(code, globs, name, None, tuple(closure))
    return f


_RTCELLS = {n: types.CellType(v) for n, v in _rt.RT.items()}


# ------------------------------------------------------------------ inspection of suspended frames
if sys.version_info >= (3, 13):
    def read_locals(frame):
        return dict(frame.f_locals)
else:
    def read_locals(frame):
        """3.11/3.12 keep the f_locals dict on the frame, which would keep every value alive: empty it."""
        d = frame.f_locals
        out = d.copy()
        d.clear()
        return out


def _parts(o):
    t = type(o)
    if t is types.CoroutineType:
        return o.cr_code, o.cr_frame, o.cr_await, o.cr_running, o.cr_suspended
    if t is types.GeneratorType:
        return o.gi_code, o.gi_frame, o.gi_yieldfrom, o.gi_running, o.gi_suspended
    # ag_running is also true while __anext__() is suspended; ag_suspended is 3.12+
    f = o.ag_frame
    return o.ag_code, f, o.ag_await, False, f is not None and ".pc" in f.f_locals


def plan_of(o):
    c = CODES.get(id(_parts(o)[0]))
    return c[1] if c else None


def position(coro):
    """(plan, Label | None) of a suspended durable coroutine (None = not started)."""
    code, frame, aw, running, susp = _parts(coro)
    hit = CODES.get(id(code))
    if hit is None:
        raise SnapshotError(f"{coro!r} is not durable")
    plan = hit[1]
    if frame is None or not susp:
        return plan, None
    return plan, plan.labels[read_locals(frame)[".pc"] - 1]


def stack(coro):
    """Durable frames from outermost to innermost, for display."""
    out = []
    while coro is not None and isinstance(coro, (types.CoroutineType, types.GeneratorType)):
        hit = CODES.get(id(_parts(coro)[0]))
        if hit is None:
            break
        plan, lb = position(coro)
        out.append((plan.where(), plan.root.filename, lb.lineno if lb else None, lb.id if lb else "start"))
        coro = _parts(coro)[2]
    return out


def _line(root, lineno):
    try:
        return root.lines[lineno - 1].strip()
    except Exception:
        return ""


def _where(plan, lb):
    if lb is None:
        return f"{plan.where()} (not started)"
    return f"{plan.where()}, {plan.root.filename}:{lb.lineno}: {_line(plan.root, lb.lineno)}"


def _is_suspended_gen(v):
    t = type(v)
    if t is types.GeneratorType:
        return v.gi_suspended and id(v.gi_code) in CODES
    if t is types.AsyncGeneratorType:
        return v.ag_frame is not None and id(v.ag_code) in CODES and _parts(v)[4]
    return False


class FrameCodec:
    read_locals = staticmethod(read_locals)

    def __init__(self):
        self.owned = set()
        self.frames = []      # decode: _Shell objects
        self.cur = []

    # -- encoding
    def site(self, e, plan, lb, names):
        """Describe (function, label) once per snapshot."""
        extra = lb is not None and len(names) != len(lb.save)
        k = object() if extra else (id(plan), lb.n if lb else 0)
        i = e.sites.get(k)
        if i is not None:
            e.int(i)
            return
        e.sites[k] = len(e.sites)
        rec = [plan.root.key, plan.path, plan.hash, plan.kind]
        if lb is not None:
            rec += [lb.id, lb.count, label_sig(lb), stmt_hash(lb), lb.lineno]
        else:
            rec += ["", 0, "", "", 0]
        e.arr(len(rec) + 1)
        e.memo[object()] = len(e.memo)
        for x in rec:
            e.sym(x) if type(x) is str else e.int(x)
        e.arr(len(names))
        e.memo[object()] = len(e.memo)
        for n in names:
            e.sym(n)

    def encode_frame(self, e, o):
        code, frame, aw, running, susp = _parts(o)
        if frame is None:
            e.note(o)
            e.tag(T_FRAME, 1)
            e.sym({"coroutine": "coro", "generator": "gen"}.get(type(o).__name__, "agen"))
            return
        hit = CODES.get(id(code))
        if hit is None:
            kind = type(o).__name__
            if kind == "coroutine":
                raise ForeignAwaitError(
                    f"suspended inside {code.co_qualname} ({code.co_filename}:"
                    f"{frame.f_lineno if frame else code.co_firstlineno}), which is not durable: decorate it with "
                    f"@durable, or call it inside a step")
            e.reject(o)
        plan = hit[1]
        if running:
            raise SnapshotError(f"{plan.where()} is running; a checkpoint can only be taken while it is "
                                f"suspended at an await")
        e.note(o)
        loc = read_locals(frame)
        lb = None
        pristine = not susp and ".st" in loc       # restored, and not started since
        if pristine:
            st = loc[".st"][0]
            loc = dict(zip(plan.names, st[2:]))
        if susp:
            pc = loc.get(".pc")
            if pc is None:
                raise SnapshotError(f"{plan.where()} is suspended at an unknown point")
            lb = plan.labels[pc - 1]
        if lb is None:
            names = [n for n in plan.params if n in plan.user_locals]
        else:
            names = lb.save
            if len(loc) > len(names):
                # dead variables are not saved, except generators whose finally blocks are still to run
                extra = [n for n in plan.user_locals if n not in lb.save and _is_suspended_gen(loc.get(n))]
                if extra:
                    names = names + sorted(extra)
        e.tag(T_FRAME, 2)
        self.site(e, plan, lb, names)
        cells = self.cells_of(plan, o, loc, pristine)
        e.maph(len(cells))
        for n, c in cells.items():
            e.sym(n)
            e.enc(c)

        def later(e):
            outer, self.cur = self.cur, [(plan, lb)]
            e.where = (plan, lb)
            soft = lb.soft if lb is not None else ()
            if e.lenient:
                for v in loc.values():
                    e.enc(v)
            b = e.buf
            fk = None
            for n in names:
                e.local = n
                v = loc.get(n, U)
                if v is U:
                    b += b"\xd4\x04\x00"
                elif n in soft:
                    sp = e.save()
                    opened = set(e.open)
                    try:
                        e.enc(v)
                    except (SnapshotError, NotSerializableError):
                        e.rollback(sp)
                        e.open = opened
                        e.buf += b"\xd4\x04\x00"
                else:
                    e.enc(v)
            e.local = None
            if aw is None or lb is None:
                e.buf.append(0xC0)
            else:
                e.local = "(awaited)"
                self.encode_awaited(e, plan, lb, aw)
            self.cur = outer
        e.queue.append(later)

    def cells_of(self, plan, o, loc, pristine):
        if not plan.cells:
            return {}
        probe = loc.get(".cells")
        if probe is not None:
            return dict(zip(probe.__code__.co_freevars, probe.__closure__))
        # not started: the closure is reachable through the function object only
        fn = [x for x in gc.get_referents(o) if isinstance(x, types.FunctionType) and x.__code__ is _parts(o)[0]]
        out = {}
        if fn:
            out = dict(zip(fn[0].__code__.co_freevars, fn[0].__closure__ or ()))
            if pristine:
                return {n: c for n, c in out.items() if n in plan.cells}
            out = {n: c for n, c in out.items() if n in plan.free}
        elif plan.free:
            raise SnapshotError(f"{plan.where()} has been created but not started; start it "
                                f"(ctx.gather / ctx.spawn / await) before the next checkpoint")
        for n in plan.params:
            if n in plan.captured:
                out[n] = types.CellType(loc[n])
        return out

    def encode_awaited(self, e, plan, lb, aw):
        if isinstance(aw, (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)):
            code, frame = _parts(aw)[:2]
            if id(code) not in CODES:
                raise ForeignAwaitError(
                    f"{_where(plan, lb)}\nsuspended inside {code.co_qualname} ({code.co_filename}:"
                    f"{frame.f_lineno if frame else code.co_firstlineno}), which is not durable: decorate it with "
                    f"@durable, or call it inside a step")
            e.enc(aw)
            return
        t = type(aw).__name__
        if t == "async_generator_asend":
            ag = [x for x in gc.get_referents(aw) if isinstance(x, types.AsyncGeneratorType)][0]
            if id(ag.ag_code) not in CODES:
                raise ForeignAwaitError(f"{_where(plan, lb)}\nsuspended inside the async generator "
                                      f"{ag.ag_code.co_qualname}, which is not durable: decorate it with @durable")
            e.keep.append(aw)
            e.tag(_codec.T_ASEND, 1)
            e.memo[object()] = len(e.memo)
            e.enc(ag)
            return
        if t == "coroutine_wrapper":
            for x in gc.get_referents(aw):
                if isinstance(x, types.CoroutineType):
                    e.enc(x)
                    return
        try:
            e.enc(aw)
        except NotSerializableError as ex:
            if getattr(ex, "value", None) is aw:
                raise ForeignAwaitError(
                    f"{_where(plan, lb)}\nsuspended in an await of {type(aw).__module__}."
                    f"{type(aw).__qualname__}, which is not durable. Await ctx operations or @durable functions; do "
                    f"other I/O inside a step") from None
            raise

    def encode_function(self, e, f):
        hit = CODES.get(id(f.__code__))
        root = getattr(f, "__durable__", None)
        if root is not None and root.fn is f:
            return False            # importable by name
        if hit is None or hit[1].parent is None:
            return False
        plan = hit[1]
        e.note(f)
        e.tag(T_FUNC, 7)
        e.sym(plan.root.key)
        e.sym(plan.path)
        e.sym(plan.hash)
        cl = dict(zip(f.__code__.co_freevars, f.__closure__ or ()))
        cl = {n: c for n, c in cl.items() if n not in _rt.RT and n in plan.free}
        e.maph(len(cl))
        for n, c in cl.items():
            e.sym(n)
            e.enc(c)
        e.enc(f.__defaults__)
        e.enc(f.__kwdefaults__)
        e.enc(f.__dict__ or None)
        return True

    # -- decoding
    def decode_function(self, d):
        i = d.hold()
        key, path, h = d.sym(), d.sym(), d.sym()
        root, plan = self.find_plan(key, path, h)
        cells = self.decode_cells(d)
        missing = [n for n in plan.free if n not in cells]
        if missing:
            raise CodeChangedError(f"{plan.where()} now uses variable(s) {', '.join(sorted(missing))} that it did "
                              f"not capture when the checkpoint was taken")
        f = _make(plan.live_code, root.globals, root.env, plan.live_code.co_name, cells)
        f.__qualname__ = plan.live_code.co_qualname
        d.objs[i] = f
        f.__defaults__ = d.dec()
        f.__kwdefaults__ = d.dec()
        dd = d.dec()
        if dd:
            f.__dict__.update(dd)
        f.__module__ = root.fn.__module__
        return f

    def decode_cells(self, d):
        c = d.b[d.p]
        d.p += 1
        n = c & 15 if c < 0x90 else d.u(2)
        out = {}
        for _ in range(n):
            k = d.sym()
            out[k] = d.dec()
        return out

    def find_plan(self, key, path, h):
        root = REGISTRY.get(key)
        if root is None:
            raise UnknownFunctionError(
                f"the checkpoint needs the durable function {key!r}, which is not registered; import its "
                f"module first, or if it was renamed use @durable(name={key!r})")
        plan = root.plans.get(path)
        last = path.rsplit("/", 1)[-1]
        if last.startswith((".", "<")) and (plan is None or plan.hash != h):
            # comprehensions and lambdas have no name: find the same text elsewhere in the same function
            parent = path.rpartition("/")[0]
            same = [p for k, p in root.plans.items() if p.hash == h and k.rpartition("/")[0] == parent]
            if len(same) != 1:
                what = "a lambda" if last.startswith("<") else f"the {last.strip('.0123456789')}"
                raise CodeChangedError(f"{what} inside {root.qualname} that the checkpoint refers to has changed in "
                                  f"the source")
            plan = same[0]
        if plan is None:
            raise CodeChangedError(f"{root.qualname} no longer contains the nested function {path!r}")
        return root, plan

    def site_in(self, d):
        c = d.b[d.p]
        if c == 0x9A:
            d.p += 1
            d.objs.append(None)
            key, path, h, kind, lid, count, sig, sh = [d.sym() if j != 5 else d.dec() for j in range(8)]
            line = d.dec()
            d.p, n = _arrlen(d)
            d.objs.append(None)
            names = [d.sym() for _ in range(n)]
            root, plan = self.find_plan(key, path, h)
            lb = self.match(plan, h, kind, lid, count, sig, sh, names, line)
            site = (plan, lb, names, h == plan.hash)
            d.sites.append(site)
            return site
        return d.sites[d.dec()]

    def match(self, plan, h, kind, lid, count, sig, sh, names, line):
        """Find the label in today's code, or explain why it is not there."""
        if kind != plan.kind:
            raise CodeChangedError(f"{plan.where()} was a {kind} function and is now a {plan.kind} function")
        if lid == "":
            return None
        if h == plan.hash:
            return plan.by_id[lid]
        head = (f"{plan.where()} ({plan.root.filename}) changed while a run was suspended at `{lid}` (line {line} "
                f"then): ")
        base = lid.rsplit("#", 1)[0] if count > 1 else lid
        group = [x for x in plan.labels if x.text == base]
        if not group:
            have = ", ".join(f"`{x.id}`" for x in plan.labels[:12])
            raise CodeChangedError(f"{head}that suspension point no longer exists. Now there are: {have}")
        if len(group) == 1 and count == 1:
            lb = group[0]
        else:
            exact = [x for x in group if stmt_hash(x) == sh and label_sig(x) == sig]
            if len(exact) == 1:
                lb = exact[0]
            elif len(group) == count and lid in plan.by_id and not exact == [] and plan.by_id[lid] in exact:
                lb = plan.by_id[lid]
            else:
                raise CodeChangedError(
                    f"{head}there were {count} suspension points with that name and now there are "
                    f"{len(group)}; cannot tell which one is meant. Give the operations distinct names.")
        if label_sig(lb) != sig:
            raise CodeChangedError(
                f"{head}it is now nested as `{label_sig(lb) or 'top level'}`, it was "
                f"`{sig or 'top level'}`; loops, with blocks and except/finally handlers around a suspended await "
                f"must stay")
        hid_old = {n for n in names if n.startswith(".")}
        hid_new = {n for n in lb.save if n.startswith(".")}
        if (hid_old != hid_new or any(n.startswith(".t") for n in hid_old)) and stmt_hash(lb) != sh:
            raise CodeChangedError(
                f"{head}the statement around it was rewritten, and parts of it had already been evaluated")
        missing = [n for n in lb.save if not n.startswith(".") and n not in names]
        if missing:
            raise CodeChangedError(
                f"{head}the new code needs variable(s) {', '.join(missing)} there, which the checkpoint does "
                f"not have")
        return lb

    def decode_frame(self, d, n):
        i = d.hold()
        if n == 1:
            o = d.objs[i] = _closed(d.sym())
            return o
        plan, lb, names, same = self.site_in(d)
        cells = self.decode_cells(d)
        holder = []
        code = _compile.resume_code(plan)
        if not cells and plan.resume_fn is not None and not plan.free:
            fn = plan.resume_fn
        else:
            fn = _make(code, plan.root.globals, plan.root.env, code.co_name, cells)
            if not cells and not plan.cells:
                plan.resume_fn = fn
        o = fn(holder)
        d.objs[i] = o
        sh = _Shell(o, plan, lb)
        self.frames.append(sh)
        lacking = [n for n in plan.cells if n not in cells]
        if lacking and not same:
            if plan.free and any(n in plan.free for n in lacking):
                raise CodeChangedError(f"{plan.where()} now captures {', '.join(lacking)}")

        def later(d):
            vals = {}
            for n in names:
                vals[n] = d.dec()
            aw = d.dec()
            if aw is not None and isinstance(aw, (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)):
                self.owned.add(id(aw))
            # a variable that became captured (or stopped being) since the snapshot
            for n in list(vals):
                if n in plan.captured and n in cells:
                    pass
            holder.append([lb.n if lb else 0, [aw]] + [vals.get(n, U) for n in plan.names])
        d.queue.append(later)
        return o


class _Shell:
    __slots__ = ("o", "plan", "lb")

    def __init__(self, o, plan, lb):
        self.o, self.plan, self.lb = o, plan, lb


def _closed(kind):
    if kind == "coro":
        async def done():
            pass
        c = done()
        c.close()
        return c
    if kind == "agen":
        async def ag():
            yield
        a = ag()
        try:
            a.aclose().send(None)
        except StopIteration:
            pass
        return a

    def g():
        yield
    c = g()
    c.close()
    return c


# ------------------------------------------------------------------ public API
def frames_in(root, externals=None):
    """Every durable coroutine/generator reachable from ``root``, outermost first."""
    e = Encoder(externals, FrameCodec())
    e.where, e.local = None, None
    e.lenient = True
    try:
        e.document(root)
    except (WeftError, RecursionError):
        pass
    return [x for x in e.keep if isinstance(x, (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType))]


def evict_all(root, externals=None):
    """Drop everything reachable from ``root`` from memory without running user code."""
    for f in frames_in(root, externals):
        evict(f)


def dumps(root, externals=None, verify=False):
    """Serialise ``root`` (a suspended durable coroutine, or any value that contains some).

    verify=True (development): restore the bytes at once and check that they serialise to the same bytes."""
    data = _dumps(root, externals)
    if verify:
        r = loads(data, externals)
        again = _dumps(r.root, externals)
        evict_all(r.root, externals)
        if again != data:
            raise SnapshotError("the checkpoint does not restore to an equal state (set order, or a type whose "
                                "get/set functions are not inverse?)")
    return data


def _dumps(root, externals):
    fc = FrameCodec()
    e = Encoder(externals, fc)
    e.where, e.local = None, None
    try:
        return e.document(root)
    except NotSerializableError as ex:
        _explain(ex, e, root)
        raise
    except RecursionError:
        pass
    old = sys.getrecursionlimit()
    sys.setrecursionlimit(max(old, 200_000))
    try:
        fc = FrameCodec()
        e = Encoder(externals, fc)
        e.where, e.local = None, None
        return e.document(root)
    except NotSerializableError as ex:
        _explain(ex, e, root)
        raise
    finally:
        sys.setrecursionlimit(old)


class Restored:
    """root: the value passed to dumps(); frames are live and suspended where they were."""

    def __init__(self, root, yielded):
        self.root, self.yielded = root, yielded


def loads(data, externals=None):
    def go():
        fc = FrameCodec()
        d = Decoder(data, externals, fc)
        try:
            root = d.document()
            yielded = {}
            for sh in fc.frames:
                if sh.lb is None or id(sh.o) in fc.owned:
                    continue
                yielded[id(sh.o)] = _prime(sh)
            return Restored(root, yielded)
        except BaseException:
            for sh in fc.frames:
                try:
                    evict(sh.o)
                except ValueError:
                    pass
            raise
    try:
        return go()
    except RecursionError:
        pass
    old = sys.getrecursionlimit()
    sys.setrecursionlimit(max(old, 200_000))
    try:
        return go()
    finally:
        sys.setrecursionlimit(old)


def _prime(sh):
    """Run the restore prologue: down to the suspended await, and no user code."""
    o = sh.o
    try:
        if type(o) is types.AsyncGeneratorType:
            try:
                return o.__anext__().send(None)
            except StopIteration as st:
                return st.value
        return o.send(None)
    except StopIteration:
        raise RestoreError(f"internal error: {sh.plan.where()} finished while being restored")


def evict(o):
    """Drop a suspended durable coroutine without running any of its code."""
    if isinstance(o, types.AsyncGeneratorType):
        if o.ag_frame is not None and _parts(o)[4]:
            try:
                o.athrow(Evict()).send(None)
            except (Evict, StopIteration, StopAsyncIteration, RuntimeError):
                pass
        return
    if not isinstance(o, (types.CoroutineType, types.GeneratorType)):
        return
    code, frame, aw, running, susp = _parts(o)
    if frame is None or running:
        return
    if not susp:
        o.close()
        return
    try:
        o.throw(Evict())
    except (Evict, StopIteration, RuntimeError):
        pass


# ------------------------------------------------------------------ error reports
def _children(v):
    t = type(v)
    if t in (list, tuple):
        return [(f"[{i}]", x) for i, x in enumerate(v)]
    if isinstance(v, dict):
        return [(f"[{k!r}]", x) for k, x in v.items()] + [(" (a key)", k) for k in v]
    if isinstance(v, (set, frozenset)):
        return [(" (an element)", x) for x in v]
    if isinstance(v, (tuple, list)):
        return [(f"[{i}]", x) for i, x in enumerate(v)]
    if isinstance(v, types.MethodType):
        return [(".__self__", v.__self__)]
    if isinstance(v, types.FunctionType):
        out = [(f" (captured variable {n})", c) for n, c in zip(v.__code__.co_freevars, v.__closure__ or ())]
        return out + [(f" (default value)", x) for x in (v.__defaults__ or ())]
    if isinstance(v, types.CellType):
        try:
            return [("", v.cell_contents)]
        except ValueError:
            return []
    if isinstance(v, BaseException):
        return [(".args", v.args), (".__cause__", v.__cause__), (".__context__", v.__context__)] + \
               [(f".{k}", x) for k, x in vars(v).items()]
    if isinstance(v, types.BuiltinFunctionType):
        return [(".__self__", v.__self__)]
    d = getattr(v, "__dict__", None)
    out = [(f".{k}", x) for k, x in d.items()] if isinstance(d, dict) else []
    for s in _codec._slots(t):
        try:
            out.append((f".{s}", object.__getattribute__(v, s)))
        except Exception:
            pass
    if not out:
        try:
            r = v.__reduce__()
            if isinstance(r, tuple) and len(r) > 1 and isinstance(r[1], tuple):
                out = [(" (inside)", x) for x in r[1]]
        except Exception:
            pass
    return out


def _find(start, target, limit=100_000):
    """shortest access path from a value to the offending object"""
    if start is target:
        return ""
    seen = {id(start)}
    todo = [("", start)]
    while todo and len(seen) < limit:
        nxt = []
        for path, v in todo:
            for seg, x in _children(v):
                if x is target:
                    return path + seg
                if id(x) not in seen and not isinstance(x, (str, int, float, bytes, type(None), type, types.ModuleType)):
                    seen.add(id(x))
                    nxt.append((path + seg, x))
        todo = nxt
    return None


def _explain(ex, e, root):
    """Fill in function, line, variable and path of a NotSerializableError."""
    bad = getattr(ex, "value", None)
    if ex.facts.get("function") or e.where is None:
        return
    plan, lb = e.where
    ex.facts.update(function=plan.where(), filename=plan.root.filename, line=lb.lineno if lb else None,
                    source=_line(plan.root, lb.lineno) if lb else "(not started)")
    try:
        _explain_path(ex, e, plan, lb, bad)
    finally:
        ex.args = (ex.describe(),)


def _explain_path(ex, e, plan, lb, bad):
    n = e.local
    frames = [x for x in e.keep if isinstance(x, (types.CoroutineType, types.GeneratorType)) and plan_of(x) is plan]
    for fr in frames[::-1]:
        f = _parts(fr)[1]
        if f is None:
            continue
        loc = read_locals(f)
        order = ([n] if n in loc else []) + list(lb.save if lb else plan.params) + plan.cells
        for nm in order:
            if nm not in loc:
                continue
            p = _find(loc[nm], bad)
            if p is not None:
                lines = plan.stores.get(nm)
                if nm.startswith("."):
                    what = {".i": "the iterator of the enclosing for loop", ".m": "the context manager of the "
                            "enclosing with block", ".t": "a partial result of the expression"}.get(nm[:2], "internal state")
                    ex.facts["where"] = f"{what}{p}"
                else:
                    ex.facts["where"] = f"local variable {nm!r}: {nm}{p}" + (
                        f"  (assigned at line {', '.join(map(str, sorted(set(lines))[:4]))})" if lines else
                        "  (parameter)" if nm in plan.params else "")
                return
