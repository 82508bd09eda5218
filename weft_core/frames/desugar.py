"""Lowering of constructs with hidden interpreter state to simpler ones.

Pass A  (``lower_comprehensions``): comprehensions which suspend -> nested durable async defs.
Pass B  (``Desugar``): async with / async for / try-finally with suspending finally /
        except* / match guards / chained comparisons / augmented and multi-target
        assignments -> constructs that ``_lower`` knows how to re-enter.

Names that start with a dot are hidden locals: they cannot collide with user names.
"""
import ast
import hashlib
import sys

from weft_core.errors import TransformError
from .scope import FUNC, COMP, bound_names

L, S, D = ast.Load(), ast.Store(), ast.Del()


# ------------------------------------------------------------------ small builders
def at(node, ref):
    """Give ``node`` (and its new children) the location of ``ref``."""
    attrs = dict(
        lineno=ref.lineno, col_offset=ref.col_offset,
        end_lineno=ref.lineno if getattr(ref, "end_lineno", None) is None else ref.end_lineno,
        end_col_offset=ref.col_offset if getattr(ref, "end_col_offset", None) is None else ref.end_col_offset,
    )
    todo = [node]
    while todo:
        n = todo.pop()
        if "lineno" in n._attributes:
            if hasattr(n, "lineno") and n is not node:
                continue            # located nodes have located children
            if not hasattr(n, "lineno"):
                n.__dict__.update(attrs)
        for f in n._fields:
            v = getattr(n, f, None)
            if isinstance(v, list):
                for x in v:
                    if isinstance(x, ast.AST):
                        todo.append(x)
            elif isinstance(v, ast.AST):
                todo.append(v)
    return node


def start_of(node):
    """A location covering only the first line of a compound statement."""
    r = ast.Pass()
    r.lineno, r.col_offset = node.lineno, node.col_offset
    r.end_lineno, r.end_col_offset = node.lineno, node.col_offset
    return r


def _nowhere():
    """A location that generates no line events (falls back to line 1 if a future compile() refuses it)."""
    r = ast.Pass()
    r.lineno = r.end_lineno = r.col_offset = r.end_col_offset = -1
    try:
        t = ast.parse("def f():\n  x = 1\n  return x")
        a = t.body[0].body[0]
        for n in ast.walk(a):
            if hasattr(n, "lineno"):
                n.lineno = n.end_lineno = n.col_offset = n.end_col_offset = -1
        compile(t, "<probe>", "exec")
    except ValueError:                                   # pragma: no cover
        r.lineno = r.end_lineno = 1
        r.col_offset = r.end_col_offset = 0
    return r


NOWHERE = _nowhere()


def name(i):
    return ast.Name(id=i, ctx=L)


def store(i):
    return ast.Name(id=i, ctx=S)


def const(v):
    return ast.Constant(value=v)


def assign(i, value):
    t = i if isinstance(i, ast.AST) else store(i)
    return ast.Assign(targets=[t], value=value, type_comment=None)


def call(fn, *args):
    return ast.Call(func=name(fn) if isinstance(fn, str) else fn, args=list(args), keywords=[])


def walrus(i, value):
    return ast.NamedExpr(target=store(i), value=value)


def not_(e):
    return ast.UnaryOp(op=ast.Not(), operand=e)


def if_(test, body, orelse=()):
    return ast.If(test=test, body=list(body) or [ast.Pass()], orelse=list(orelse))


class TryFin(ast.stmt):
    """try/finally whose ``finally`` suspends.  Hidden: .fk (pending kind), .fv, .fx"""

    _fields = ("inner", "finalbody")
    _attributes = ("lineno", "col_offset", "end_lineno", "end_col_offset")
    _field_types = {"inner": list, "finalbody": list}


def dump(n):
    """Canonical text of an AST: stable across Python versions, ignores positions."""
    if isinstance(n, ast.Name) and n.id.startswith("."):
        return "(Hidden " + n.id.rstrip("0123456789") + ")"      # ordinals shift when code is added
    if isinstance(n, ast.AST):
        parts = [type(n).__name__]
        for f in n._fields:
            if f in ("ctx", "type_comment", "kind", "type_params", "type_ignores"):
                continue
            v = getattr(n, f, None)
            if v is None or v == []:
                continue
            parts.append(f + "=" + dump(v))
        return "(" + " ".join(parts) + ")"
    if isinstance(n, list):
        return "[" + " ".join(map(dump, n)) + "]"
    return repr(n)


def _h(text):
    return hashlib.blake2s(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


# ------------------------------------------------------------------ suspension test
class Susp:
    """Memoised: does evaluating/executing this node possibly suspend *this* frame?"""

    def __init__(self, filename="?"):
        self.memo = {}
        self.keep = []
        self.filename = filename

    def __call__(self, n):
        if n is None:
            return False
        if isinstance(n, (list, tuple)):
            return any([self(x) for x in n])
        k = id(n)
        r = self.memo.get(k)
        if r is None:
            r = self.memo[k] = self.compute(n)
            self.keep.append(n)
        return r

    def compute(self, n):
        if isinstance(n, (ast.Await, ast.Yield, ast.YieldFrom, ast.AsyncFor, ast.AsyncWith)):
            return True
        if isinstance(n, FUNC):
            return self(n.decorator_list) or self(n.args.defaults) or self([k for k in n.args.kw_defaults if k])
        if isinstance(n, ast.Lambda):
            return self(n.args.defaults) or self([k for k in n.args.kw_defaults if k])
        if isinstance(n, ast.ClassDef):
            return self(n.decorator_list) or self(n.bases) or self([k.value for k in n.keywords])
        if isinstance(n, ast.GeneratorExp):
            return self(n.generators[0].iter)
        if isinstance(n, COMP):
            return self.comp_suspends(n) or self(n.generators[0].iter)
        return any([self(c) for c in ast.iter_child_nodes(n)])

    def comp_suspends(self, n):
        """Does the comprehension suspend outside its first iterable?"""
        for i, g in enumerate(n.generators):
            if g.is_async or self(g.ifs) or self(g.target) or (i and self(g.iter)):
                return True
        if isinstance(n, ast.DictComp):
            return self(n.key) or self(n.value)
        return self(n.elt)


# ------------------------------------------------------------------ pass A
_LAZY = {"enumerate", "zip", "map", "filter", "reversed", "iter"}


class _CompLower(ast.NodeTransformer):
    def __init__(self, susp, fn, name_prefix=""):
        self.susp, self.fn = susp, fn
        self.defs, self.n = [], 0
        self.long_lived = {}
        self.suspends = susp(fn.body)

    def visit_Lambda(self, node):
        self.defaults(node.args)
        return node

    def visit_FunctionDef(self, node):
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        self.defaults(node.args)
        lower_comprehensions(node, self.susp)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def defaults(self, a):
        a.defaults = [self.visit(x) for x in a.defaults]
        a.kw_defaults = [x and self.visit(x) for x in a.kw_defaults]

    def _comp(self, node):
        if not self.susp(node):
            return node
        if not self.susp.comp_suspends(node):
            node.generators[0].iter = self.visit(node.generators[0].iter)
            return node
        return self.build(node)

    visit_ListComp = visit_SetComp = visit_DictComp = _comp

    def visit_GeneratorExp(self, node):
        # an async generator expression, or one that may be alive while this frame is suspended
        if self.susp.comp_suspends(node) or id(node) in self.long_lived:
            return self.build(node)
        if self.susp(node):
            node.generators[0].iter = self.visit(node.generators[0].iter)
        return node

    def keep_alive(self, e):
        """generator expressions in ``e`` that outlive its evaluation"""
        if not self.suspends:
            return
        if isinstance(e, ast.GeneratorExp):
            self.long_lived[id(e)] = e
            e = e.generators[0].iter
        if isinstance(e, ast.Call) and isinstance(e.func, ast.Name) and e.func.id in _LAZY:
            for x in e.args:
                self.keep_alive(x)

    def visit_For(self, node):
        if self.susp(node.body):
            self.keep_alive(node.iter)
        return self.generic_visit(node)

    def visit_Assign(self, node):
        self.keep_alive(node.value)
        return self.generic_visit(node)

    def build(self, node):
        kind = {ast.ListComp: "list", ast.SetComp: "set", ast.DictComp: "dict", ast.GeneratorExp: "gen"}[type(node)]
        fname = f".{kind}comp{self.n}"
        self.n += 1
        is_async = self.susp.comp_suspends(node)
        digest = _h(dump(node))
        first = self.visit(node.generators[0].iter)
        if kind == "gen":
            inner = [ast.Expr(at(ast.Yield(value=node.elt), node.elt))]
            if not node.generators[0].is_async:
                first = at(call(".iter", first), first)
        elif isinstance(node, ast.DictComp):
            # Python evaluates the key, then the value, then stores
            inner = [assign(".k", node.key),
                     assign(ast.Subscript(value=name(".r"), slice=name(".k"), ctx=S), node.value)]
        else:
            meth = "append" if kind == "list" else "add"
            inner = [assign(".e", node.elt),
                     ast.Expr(call(ast.Attribute(value=name(".r"), attr=meth, ctx=L), name(".e")))]
        for i, g in reversed(list(enumerate(node.generators))):
            for c in reversed(g.ifs):
                inner = [at(if_(c, inner), c)]
            loop = ast.AsyncFor if g.is_async else ast.For
            src = g.iter
            if not i:
                src = name(".it")
                if kind != "gen" and sys.version_info >= (3, 12):
                    # inlined comprehensions own their iterator: do not keep it in the argument too
                    src = ast.Subscript(value=ast.Tuple(elts=[src, walrus(".it", const(None))], ctx=L),
                                        slice=const(0), ctx=L)
            inner = [at(loop(target=g.target, iter=src, body=inner, orelse=[], type_comment=None), g.iter if i else node)]
        empty = {"list": ast.List(elts=[], ctx=L), "dict": ast.Dict(keys=[], values=[]),
                 "set": call(".set"), "gen": None}[kind]
        body = []
        wal = sorted(_walrus_targets(node))
        gl = [w for w in wal if w in _declared(self.fn, ast.Global)]
        nl = [w for w in wal if w not in gl]
        if gl:
            body.append(ast.Global(names=gl))
        if nl:
            body.append(ast.Nonlocal(names=nl))
            self.fn._forced = getattr(self.fn, "_forced", set()) | {
                w for w in nl if w not in _declared(self.fn, ast.Nonlocal)}
        body += [assign(".r", empty)] + inner + [ast.Return(value=name(".r"))] if kind != "gen" else inner
        _fix_super(inner, self.fn)
        args = ast.arguments(posonlyargs=[], args=[ast.arg(arg=".it", annotation=None, type_comment=None)],
                             vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[])
        cls = ast.AsyncFunctionDef if kind != "gen" or is_async else ast.FunctionDef
        fn = cls(name=fname, args=args, body=body, decorator_list=[], returns=None, type_comment=None, type_params=[])
        at(fn, node)
        fn._comp = True
        a0 = self.fn.args.posonlyargs + self.fn.args.args
        fn._first_arg = getattr(self.fn, "_first_arg", None) or (a0[0].arg if a0 else None)
        fn._pretty = "<genexpr>" if kind == "gen" else f"<{kind}comp>"
        lower_comprehensions(fn, self.susp)
        self.defs.append(fn)
        if kind == "gen":
            self.susp.memo.clear()
            return at(call(fname, first), node)
        aw = at(ast.Await(value=call(fname, first)), node)
        aw._kind, aw._h = kind + "comp", digest
        self.susp.memo.pop(id(aw), None)
        return aw


def _fix_super(body, fn):
    """zero-argument super() inside a comprehension that becomes a function of its own"""
    first = getattr(fn, "_first_arg", None)
    if first is None:
        a = fn.args.posonlyargs + fn.args.args
        first = a[0].arg if a else None
    for b in body:
        for n in ast.walk(b):
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "super" and not n.args and first:
                n.args = [at(name("__class__"), n), at(name(first), n)]


def _walrus_targets(comp):
    out = set()

    class V(ast.NodeVisitor):
        def visit_NamedExpr(self, n):
            out.add(n.target.id)
            self.generic_visit(n)

        def visit_Lambda(self, n):
            pass

    for f in ast.iter_child_nodes(comp):
        V().visit(f)
    return out


def _declared(fn, kind):
    out = set()

    class V(ast.NodeVisitor):
        def generic_visit(self, n):
            if isinstance(n, kind):
                out.update(n.names)
            super().generic_visit(n)

        def visit_FunctionDef(self, n):
            pass

        visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = visit_FunctionDef

    for b in fn.body:
        V().visit(b)
    return out


def lower_comprehensions(fn, susp):
    """Pass A, in place and recursive over nested functions."""
    t = _CompLower(susp, fn)
    if isinstance(fn, ast.AsyncFunctionDef):
        fn.body = [t.visit(s) for s in fn.body]
    else:
        # no await possible, but nested async defs are
        fn.body = [t.visit(s) for s in fn.body]
    fn._compdefs = t.defs
    pre = []
    forced = sorted(getattr(fn, "_forced", ()))
    if forced:
        pre.append(at(if_(const(False), [ast.Assign(targets=[store(f) for f in forced], value=const(None),
                                                    type_comment=None)]), NOWHERE))
    fn._prologue = pre + t.defs
    fn.body = pre + t.defs + fn.body
    fn._n_prologue = len(pre) + len(t.defs)
    # memo entries computed before the rewrite may be stale
    susp.memo.clear()
    susp.keep.clear()


# ------------------------------------------------------------------ pass B
class Desugar:
    agen = False

    def __init__(self, fn, susp, stable, filename):
        self.fn, self.susp, self.stable, self.filename = fn, susp, stable, filename
        self.depth = {}
        self.ctx = []      # 'loop' | int depth of a suspending finally
        self.qn = 0

    # -- helpers
    def d(self, kind):
        return f".{kind}{self.depth.get(kind, 0)}"

    class _Deep:
        def __init__(self, o, *kinds):
            self.o, self.kinds = o, kinds

        def __enter__(self):
            for k in self.kinds:
                self.o.depth[k] = self.o.depth.get(k, 0) + 1

        def __exit__(self, *a):
            for k in self.kinds:
                self.o.depth[k] -= 1

    def deeper(self, *kinds):
        return self._Deep(self, *kinds)

    def q(self):
        n = f".q{self.qn}"
        self.qn += 1
        return n

    def error(self, msg, node, code="unsupported"):
        raise TransformError(msg, reason=code, filename=self.filename, lineno=node.lineno, column=node.col_offset)

    # -- expressions
    def e(self, node):
        if node is None or not self.susp(node):
            return node
        return _ExprDesugar(self).visit(node)

    # -- statements
    def block(self, stmts):
        out = []
        for s in stmts:
            out += self.stmt(s)
        return out or [at(ast.Pass(), self.fn)]

    def stmt(self, s):
        self.qn = 0
        m = getattr(self, "s_" + type(s).__name__, None)
        if m is None:
            if self.susp(s):
                s = _ExprDesugar(self).visit(s) if not isinstance(s, FUNC + (ast.ClassDef,)) else self.defs(s)
            return [s]
        return m(s)

    def defs(self, s):
        x = _ExprDesugar(self)
        s.decorator_list = [x.visit(d) for d in s.decorator_list]
        if isinstance(s, FUNC):
            s.args.defaults = [x.visit(d) for d in s.args.defaults]
            s.args.kw_defaults = [d and x.visit(d) for d in s.args.kw_defaults]
        else:
            s.bases = [x.visit(d) for d in s.bases]
            for k in s.keywords:
                k.value = x.visit(k.value)
        return s

    def s_If(self, s):
        s.test = self.e(s.test)
        s.body = self.block(s.body)
        s.orelse = self.block(s.orelse) if s.orelse else []
        return [s]

    def loop_body(self, stmts):
        self.ctx.append("loop")
        try:
            return self.block(stmts)
        finally:
            self.ctx.pop()

    def s_While(self, s):
        s.test = self.e(s.test)
        s.body = self.loop_body(s.body)
        s.orelse = self.block(s.orelse) if s.orelse else []
        return [s]

    def s_For(self, s):
        s.iter = self.e(s.iter)
        body = s.body
        if self.susp(s.target):
            tmp = self.d("n")
            body = [at(assign(s.target, name(tmp)), s.target)] + body
            s.target = at(store(tmp), s.target)
            self.susp.memo.pop(id(s), None)
        s._it = None
        if self.susp(body):
            s._it = self.d("i")
            with self.deeper("i", "n"):
                s.body = self.loop_body(body)
        else:
            with self.deeper("n"):
                s.body = self.loop_body(body)
        s.orelse = self.block(s.orelse) if s.orelse else []
        return [s]

    def s_AsyncFor(self, s):
        it, go, nx = self.d("a"), self.d("g"), self.d("n")
        loc = NOWHERE
        aw = at(ast.Await(value=call(".anext", name(it))), s.iter)
        aw._kind, aw._src = "async for", s.iter
        tgt = at(assign(s.target, name(nx)), s.target)
        clear = at(assign(nx, const(None)), loc)
        tr = at(ast.Try(
            body=[at(assign(nx, aw), loc)],
            handlers=[ast.ExceptHandler(type=name(".StopAsyncIteration"), name=None,
                                        body=[assign(go, const(False))])],
            orelse=[tgt, clear] + s.body, finalbody=[]), loc)
        pre = [at(assign(it, call(".aiter", s.iter)), s.iter), at(assign(go, const(True)), loc)]
        wh = at(ast.While(test=at(name(go), loc), body=[tr], orelse=s.orelse), loc)
        self.susp.memo.clear()
        self.susp.keep.clear()
        out = []
        for p in pre:
            out += self.stmt(p)
        wh._hid, wh._path = (it,), "async for"
        # drop the iterator as soon as the loop is left, as the interpreter would
        inner = at(ast.Try(body=[wh], handlers=[], orelse=[], finalbody=[at(assign(it, const(None)), loc)]), loc)
        inner._quiet = True
        again = at(ast.ExceptHandler(type=None, name=None, body=[ast.Raise(exc=None, cause=None)]), start_of(s))
        guard = at(ast.Try(body=[inner], handlers=[again], orelse=[], finalbody=[]), loc)
        guard._quiet = True
        with self.deeper("a", "g", "n"):
            out += self.s_Try(guard)
        return out

    def s_With(self, s):
        if not self.susp(s):
            s.body = self.block(s.body)
            return [s]
        if len(s.items) > 1:
            inner = ast.With(items=s.items[1:], body=s.body, type_comment=None)
            at(inner, s)
            inner.lineno = s.items[1].context_expr.lineno
            inner.col_offset = s.items[1].context_expr.col_offset
            s = at(ast.With(items=s.items[:1], body=[inner], type_comment=None), s)
        item = s.items[0]
        item.context_expr = self.e(item.context_expr)
        body = s.body
        if item.optional_vars is not None and self.susp(item.optional_vars):
            tmp = self.d("v")
            body = [at(assign(item.optional_vars, name(tmp)), item.optional_vars)] + body
            item.optional_vars = at(store(tmp), item.optional_vars)
        s._m = None
        if self.susp(body):
            s._m = self.d("m")
        with self.deeper("m", "v"):
            s.body = self.block(body)
        return [s]

    def s_AsyncWith(self, s):
        body = s.body
        if len(s.items) > 1:
            inner = at(ast.AsyncWith(items=s.items[1:], body=s.body, type_comment=None), s)
            inner.lineno = s.items[1].context_expr.lineno
            inner.col_offset = s.items[1].context_expr.col_offset
            body = [inner]
        item = s.items[0]
        loc = NOWHERE
        loc2 = start_of(item.context_expr)
        m, v, h, x = self.d("m"), self.d("v"), self.d("h"), self.d("x")
        enter = at(ast.Await(value=call(".aenter", name(m))), item.context_expr)
        enter._kind, enter._src = "async with enter", item.context_expr
        out = []
        out += self.stmt(at(assign(m, item.context_expr), item.context_expr))
        out += self.stmt(at(assign(v, enter), loc2))
        out += self.stmt(at(assign(h, const(False)), loc))
        first = []
        if item.optional_vars is not None:
            first.append(at(assign(item.optional_vars, name(v)), item.optional_vars))
        first.append(at(assign(v, const(None)), loc))

        def aexit(arg):
            a = at(ast.Await(value=call(".aexit", name(m), arg)), item.context_expr)
            a._kind, a._src = "async with exit", item.context_expr
            return a

        ex1 = aexit(name(x))
        ex1._kind = "async with exit(exc)"
        handler = at(ast.ExceptHandler(
            type=name(".BaseException"), name=x,
            body=[assign(h, const(True)), if_(not_(ex1), [at(ast.Raise(exc=None, cause=None), loc2)])]), loc)
        tr = at(ast.Try(body=first + body, handlers=[handler], orelse=[],
                        finalbody=[at(if_(not_(name(h)), [ast.Expr(value=aexit(const(None)))]), loc)]), loc)
        self.susp.memo.clear()
        self.susp.keep.clear()
        with self.deeper("m", "v", "h", "x"):
            out += self.s_Try(tr)
        out.append(at(assign(m, const(None)), loc))
        return out

    def s_Try(self, s):
        if s.finalbody and self.susp(s.finalbody):
            return self.try_fin(s)
        self.handlers(s)
        s.body = self.block(s.body)
        s.orelse = self.block(s.orelse) if s.orelse else []
        s.finalbody = self.block(s.finalbody) if s.finalbody else []
        return [s]

    def handlers(self, s):
        for h in s.handlers:
            if h.type is not None and self.susp(h.type):
                self.error("await inside an 'except' clause's type expression is not supported; "
                           "evaluate it before the try", h.type, "await-in-except-type")
            h._exc = None
            if self.susp(h.body):
                if h.name is None:
                    h._exc = h.name = self.d("e")
                    with self.deeper("e"):
                        h.body = self.block(h.body)
                elif h.name.startswith(".") or h.name not in _rebinds(h.body):
                    h._exc = h.name
                    h.body = self.block(h.body)
                else:
                    # the user rebinds the name: spell out Python's own expansion
                    user, hid = h.name, self.d("e")
                    loc = NOWHERE
                    fin = [at(assign(user, const(None)), loc), at(ast.Delete(targets=[ast.Name(id=user, ctx=D)]), loc)]
                    inner = at(ast.Try(body=h.body, handlers=[], orelse=[], finalbody=fin), loc)
                    h._exc = h.name = hid
                    with self.deeper("e"):
                        h.body = [at(assign(user, name(hid)), loc)] + self.s_Try(inner)
            else:
                h.body = self.block(h.body)

    def try_fin(self, s):
        d = self.depth.get("f", 0)
        loc = NOWHERE
        n = TryFin(inner=[], finalbody=[])
        ast.copy_location(n, s)
        n._d = d
        n._agen = self.agen
        n._kinds = set()
        self.ctx.append(n)
        with self.deeper("f"):
            if s.handlers or s.orelse:
                inner = ast.Try(body=s.body, handlers=s.handlers, orelse=s.orelse, finalbody=[])
                at(inner, s)
                if type(s).__name__ == "TryStar":
                    inner = at(ast.TryStar(body=s.body, handlers=s.handlers, orelse=s.orelse, finalbody=[]), s)
                n.inner = self.stmt(inner)
            else:
                n.inner = self.block(s.body)
            self.ctx.pop()
            self.ctx.append(("final", d))
            n.finalbody = self.block(s.finalbody)
            self.ctx.pop()
        n._in_loop = "loop" in self.ctx
        init = [at(assign(f".fk{d}", const(0)), loc),
                at(ast.Assign(targets=[store(f".fx{d}"), store(f".fv{d}")], value=const(None), type_comment=None), loc)]
        return init + [n]

    def s_TryStar(self, s):
        if s.finalbody and self.susp(s.finalbody):
            return self.try_fin(s)
        if not self.susp(s):
            s.body = self.block(s.body)
            s.orelse = self.block(s.orelse) if s.orelse else []
            s.finalbody = self.block(s.finalbody) if s.finalbody else []
            for h in s.handlers:
                h._exc = None
                h.body = self.block(h.body)
            return [s]
        st, g, x, y, r = (self.d(k) for k in ("st", "sg", "sx", "sy", "sr"))
        loc = NOWHERE
        hb = [at(assign(st, call(".star", name(x))), loc)]
        for h in s.handlers:
            if self.susp(h.type):
                self.error("await inside an 'except*' type expression is not supported", h.type, "await-in-except-type")
            hl = NOWHERE
            hb.append(at(assign(g, call(".starmatch", name(st), h.type)), h.type))
            run = at(ast.Try(
                body=[at(ast.Raise(exc=call(".rex", name(g)), cause=None), start_of(h))],
                handlers=[at(ast.ExceptHandler(
                    type=name(".BaseException"), name=h.name or y,
                    body=[at(ast.Expr(call(".fix", name(h.name or y))), hl)] + h.body), hl)],
                orelse=[], finalbody=[]), hl)
            outer = at(ast.Try(
                body=[run], handlers=[at(ast.ExceptHandler(type=name(".BaseException"), name=y, body=[
                    at(ast.Expr(call(".starraised", name(st), name(y))), hl)]), hl)],
                orelse=[], finalbody=[]), hl)
            hb.append(at(if_(at(ast.Compare(left=name(g), ops=[ast.IsNot()], comparators=[const(None)]), hl),
                             [outer]), hl))
        hb.append(at(assign(r, call(".starfinish", name(st))), loc))
        reraise = ast.Try(
            body=[at(ast.Raise(exc=call(".rex", name(r)), cause=None), start_of(s))],
            handlers=[ast.ExceptHandler(type=name(".BaseException"), name=None, body=[
                ast.Expr(call(".fix", name(r))), at(ast.Raise(exc=None, cause=None), start_of(s))])], orelse=[],
            finalbody=[])
        hb.append(at(if_(ast.Compare(left=name(r), ops=[ast.IsNot()], comparators=[const(None)]), [reraise]), loc))
        tr = at(ast.Try(body=s.body, handlers=[at(ast.ExceptHandler(type=name(".BaseException"), name=x, body=hb), loc)],
                        orelse=s.orelse, finalbody=s.finalbody), s)
        self.susp.memo.clear()
        self.susp.keep.clear()
        with self.deeper("st", "sg", "sx", "sy", "sr"):
            return self.s_Try(tr)

    def s_Match(self, s):
        s.subject = self.e(s.subject)
        if not self.susp([c.guard for c in s.cases if c.guard]):
            for c in s.cases:
                c.body = self.block(c.body)
            s._k = self.d("k")
            return [s]
        sub, k = self.d("s"), self.d("k")
        loc = NOWHERE
        out = [at(assign(sub, s.subject), s.subject), at(assign(k, const(0)), loc)]
        group, chain = [], []

        def flush():
            nonlocal group
            if not group:
                return
            mt = at(ast.Match(subject=name(sub), cases=group), loc)
            mt._k = ".unused"
            group = []
            out.append(at(if_(ast.Compare(left=name(k), ops=[ast.Eq()], comparators=[const(0)]), [mt]), loc))

        for i, c in enumerate(s.cases, 1):
            g = c.guard
            hot = g is not None and self.susp(g)
            cl = start_of(c.pattern)
            group.append(ast.match_case(pattern=c.pattern, guard=None if hot else g,
                                        body=[at(assign(k, const(i)), cl)]))
            if hot:
                flush()
                self.qn = 0
                test = ast.BoolOp(op=ast.And(), values=[
                    ast.Compare(left=name(k), ops=[ast.Eq()], comparators=[const(i)]), not_(self.e(g))])
                out.append(at(if_(at(test, g), [at(assign(k, const(0)), cl)]), g))
            chain.append((i, cl, c.body))
        flush()
        out.append(at(assign(sub, const(None)), loc))
        node = []
        with self.deeper("s", "k"):
            for i, cl, body in reversed(chain):
                node = [at(if_(at(ast.Compare(left=name(k), ops=[ast.Eq()], comparators=[const(i)]), cl),
                               self.block(body), node), cl)]
        self.susp.memo.clear()
        self.susp.keep.clear()
        return out + node

    # -- jumps
    def drop_pending(self, finals):
        """leaving a finally block abandons its pending exception: do not keep it in a cycle"""
        return [at(assign(f".fx{d}", const(None)), NOWHERE) for _, d in finals]

    @staticmethod
    def leaving(ctx):
        """suspending finally blocks that a jump leaves at once, i.e. without another one to run first"""
        out = []
        for c in reversed(ctx):
            if isinstance(c, TryFin):
                break
            if isinstance(c, tuple):
                out.append(c)
        return out

    def s_Return(self, s):
        s.value = self.e(s.value)
        fins = [c for c in self.ctx if isinstance(c, TryFin)]
        finals = self.leaving(self.ctx)
        if not fins and not finals:
            return [s]
        out = []
        if not fins:
            out.append(at(assign(".rv", s.value or const(None)), s))
            v = ".rv"
        else:
            v = f".fv{fins[-1]._d}"
            out.append(at(ast.Assign(targets=[store(f".fv{c._d}") for c in reversed(fins)],
                                     value=s.value or const(None), type_comment=None), s))
            out.append(at(ast.Assign(targets=[store(f".fk{c._d}") for c in fins], value=const(2), type_comment=None), s))
            for c in fins:
                c._kinds.add(2)
        out += self.drop_pending(finals)
        out.append(at(ast.Return(value=None if self.agen else name(v)), s))
        return out

    def _jump(self, s, kind):
        inner = []
        for c in reversed(self.ctx):
            if c == "loop":
                break
            inner.insert(0, c)
        fins = [c for c in reversed(inner) if isinstance(c, TryFin)]
        finals = self.leaving(inner)
        out = []
        if fins:
            for c in fins:
                c._kinds.add(kind)
            out.append(at(ast.Assign(targets=[store(f".fk{c._d}") for c in fins], value=const(kind), type_comment=None), s))
        return out + self.drop_pending(finals) + [s]

    def s_Break(self, s):
        return self._jump(s, 3)

    def s_Continue(self, s):
        return self._jump(s, 4)

    # -- assignments
    def s_AugAssign(self, s):
        if not self.susp(s):
            return [s]
        t = s.target
        if isinstance(t, ast.Name):
            s.value = self.e(s.value)
            if self.stable(t.id) and t.id not in _walrus_names(s.value):
                return [s]
            v = self.q()
            pre, back = [], at(store(t.id), t)
            load = at(name(t.id), t)
        else:
            o, v = self.q(), self.q()
            pre = [at(assign(o, self.e(t.value)), t)]
            if isinstance(t, ast.Attribute):
                load = at(ast.Attribute(value=name(o), attr=t.attr, ctx=L), t)
                back = at(ast.Attribute(value=name(o), attr=t.attr, ctx=S), t)
            else:
                i = self.q()
                sl = self.e(t.slice)
                pre.append(at(assign(i, _slice_value(sl)), t))
                load = at(ast.Subscript(value=name(o), slice=name(i), ctx=L), t)
                back = at(ast.Subscript(value=name(o), slice=name(i), ctx=S), t)
            s.value = self.e(s.value)
        aug = at(ast.AugAssign(target=store(v), op=s.op, value=s.value), s)
        res = pre + [at(assign(v, load), s), aug, at(assign(back, name(v)), s)]
        if not isinstance(t, ast.Name):
            res.append(at(assign(o, const(None)), NOWHERE))
        res.append(at(assign(v, const(None)), NOWHERE))
        return res

    def s_Assign(self, s):
        if not self.susp(s):
            return [s]
        s.value = self.e(s.value)
        hot = self.susp(s.targets)
        if not hot:
            return [s]
        if len(s.targets) == 1 and not isinstance(s.targets[0], (ast.Tuple, ast.List)):
            s.targets[0] = self.e(s.targets[0])
            return [s]
        v = self.q()
        out = [at(assign(v, s.value), s)]
        for t in s.targets:
            out += self.unpack(t, name(v), s)
        out.append(at(assign(v, const(None)), NOWHERE))
        return out

    def unpack(self, t, value, s):
        if not self.susp(t) or not isinstance(t, (ast.Tuple, ast.List)):
            return [at(assign(self.e(t), value), s)]
        names, tmps = [], []
        for x in t.elts:
            n = self.q()
            tmps.append(n)
            names.append(ast.Starred(value=store(n), ctx=S) if isinstance(x, ast.Starred) else store(n))
        out = [at(assign(ast.Tuple(elts=names, ctx=S), value), t)]
        for x, n in zip(t.elts, tmps):
            out += self.unpack(x.value if isinstance(x, ast.Starred) else x, name(n), s)
        out.append(at(ast.Assign(targets=[store(n) for n in tmps], value=const(None), type_comment=None), NOWHERE))
        return out

    def s_AnnAssign(self, s):
        # annotations of locals are never evaluated in functions; dropping them avoids
        # "annotated name can't be nonlocal" in the resume variant
        if s.value is None:
            if isinstance(s.target, ast.Name):
                return [at(if_(const(False), [assign(s.target.id, const(None))]), s)]
            return [at(ast.Expr(value=self.e(_load(x))), s) for x in _parts_of(s.target)]
        return self.s_Assign(at(assign(s.target, s.value), s))

    def s_Delete(self, s):
        if not self.susp(s):
            return [s]
        return [at(ast.Delete(targets=[self.e(t)]), t) for x in s.targets for t in _flat_del(x)]


def _parts_of(t):
    """`a.b: T` / `a[b]: T` without a value evaluate a (and b)"""
    return [t.value] + ([_slice_value(t.slice)] if isinstance(t, ast.Subscript) else [])


def _flat_del(t):
    if isinstance(t, (ast.Tuple, ast.List)):
        for x in t.elts:
            yield from _flat_del(x)
    else:
        yield t


def _load(t):
    t.ctx = L
    return t


def _slice_value(sl):
    """A Slice is only legal directly inside []; make it an ordinary value."""
    if isinstance(sl, ast.Slice):
        return call(".slice", *[x if x is not None else const(None) for x in (sl.lower, sl.upper, sl.step)])
    if isinstance(sl, ast.Tuple) and any(isinstance(x, ast.Slice) for x in sl.elts):
        return ast.Tuple(elts=[_slice_value(x) for x in sl.elts], ctx=L)
    return sl


def _rebinds(body):
    """Names (re)bound or deleted anywhere in these statements, closures included."""
    out = set(bound_names(list(body)))
    for b in body:
        for n in ast.walk(b):
            if isinstance(n, ast.Nonlocal):
                out.update(n.names)
    return out


def _walrus_names(e):
    return {n.target.id for n in ast.walk(e) if isinstance(n, ast.NamedExpr)}


class _ExprDesugar(ast.NodeTransformer):
    """Chained comparisons (and slices inside tuples) that contain a suspension."""

    def __init__(self, d):
        self.d = d

    def visit(self, n):
        if not self.d.susp(n):
            return n
        return super().visit(n)

    def visit_Lambda(self, n):
        a = n.args
        a.defaults = [self.visit(x) for x in a.defaults]
        a.kw_defaults = [x and self.visit(x) for x in a.kw_defaults]
        return n

    def _comp(self, n):
        n.generators[0].iter = self.visit(n.generators[0].iter)
        return n

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comp

    def visit_Subscript(self, n):
        n.value = self.visit(n.value)
        n.slice = self.visit(n.slice)
        if isinstance(n.slice, ast.Tuple) and any(isinstance(x, ast.Slice) for x in n.slice.elts):
            n.slice = at(_slice_value(n.slice), n.slice)
        return n

    def visit_Compare(self, n):
        hot = [self.d.susp(c) for c in n.comparators]
        self.generic_visit(n)
        if not any(hot[1:]):
            return n
        parts, left = [], n.left
        for i, (op, c) in enumerate(zip(n.ops, n.comparators)):
            last = i == len(n.ops) - 1
            if last:
                right, nxt = c, None
            else:
                t = self.d.q()
                right, nxt = at(walrus(t, c), c), at(name(t), c)
            parts.append(at(ast.Compare(left=left, ops=[op], comparators=[right]), n))
            left = nxt
        r = at(ast.BoolOp(op=ast.And(), values=parts), n)
        self.d.susp.memo.pop(id(n), None)
        return r
