"""Numbering of suspension points, liveness, and emission of the two code variants.

``live``    the code that normally runs: the user's structure, with hidden interpreter
            state copied to named locals.  No dispatch of any kind.
``resume``  the same function with a restore prologue and re-entrant guards.
"""
import ast
import copy

from .desugar import (L, S, D, NOWHERE, TryFin, at, name, store, const, assign, call, walrus, not_, if_)
from .scope import FUNC, COMP



def start_of(_):
    """bookkeeping on normal paths has no location"""
    return NOWHERE


def plain_iterable(e):
    """surely not a generator: releasing the iterator late cannot be observed"""
    if isinstance(e, (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Constant, ast.JoinedStr, ast.ListComp, ast.SetComp,
                      ast.DictComp)):
        return True
    return isinstance(e, ast.Call) and isinstance(e.func, ast.Name) and (
        e.func.id in ("range", "sorted", "list", "tuple", "set", "dict", "frozenset", "str", "bytes")
        or e.func.id in ("enumerate", "reversed", "zip") and all(plain_iterable(x) for x in e.args))


def first_line(node):
    """bookkeeping on exceptional paths: the first line of its statement (f_lineno must not be None there)"""
    r = ast.Pass()
    r.lineno = r.end_lineno = node.lineno if node.lineno > 0 else 1
    r.col_offset = r.end_col_offset = max(0, node.col_offset)
    return r


def first_located(stmts, default):
    """the line of the first real statement: shared with it, hence no extra line event"""
    for b in stmts:
        if b.lineno > 0:
            return first_line(b)
        for n in ast.walk(b):
            if getattr(n, "lineno", 0) > 0:
                return first_line(n)
    return first_line(default)


AWAITS = (ast.Await, ast.Yield, ast.YieldFrom)
TEMPLATE = tuple(x for x in (getattr(ast, "TemplateStr", None),) if x)
INTERP = tuple(x for x in (getattr(ast, "Interpolation", None),) if x)
TRYSTAR = tuple(x for x in (getattr(ast, "TryStar", None),) if x)


class Label:
    __slots__ = ("n", "node", "kind", "text", "lineno", "temps", "hidden", "path", "stmt", "live", "save",
                 "id", "count", "soft", "exprs")

    def __init__(self, n, node):
        self.n, self.node = n, node
        self.temps, self.hidden, self.path = (), frozenset(), ()
        self.stmt = None
        self.live = set()


# ------------------------------------------------------------------ evaluation order
def kids(n):
    """[(container, attr, index)] of child expressions in evaluation order."""
    out = []

    def one(o, attr, allow_none=True):
        if getattr(o, attr, None) is not None:
            out.append((o, attr, None))

    def many(o, attr):
        for i, x in enumerate(getattr(o, attr)):
            if x is not None:
                out.append((o, attr, i))

    t = type(n)
    if t in (ast.Await, ast.YieldFrom, ast.Yield, ast.Starred, ast.NamedExpr, ast.Expr, ast.Return,
             ast.AugAssign, ast.AnnAssign):
        one(n, "value")
    elif t is ast.BinOp:
        one(n, "left"), one(n, "right")
    elif t is ast.UnaryOp:
        one(n, "operand")
    elif t is ast.Call:
        one(n, "func"), many(n, "args")
        for k in n.keywords:
            one(k, "value")
    elif t is ast.Attribute:
        one(n, "value")
    elif t is ast.Subscript:
        one(n, "value"), one(n, "slice")
    elif t is ast.Slice:
        one(n, "lower"), one(n, "upper"), one(n, "step")
    elif t in (ast.List, ast.Tuple, ast.Set):
        many(n, "elts")
    elif t is ast.Dict:
        for i in range(len(n.values)):
            if n.keys[i] is not None:
                out.append((n, "keys", i))
            out.append((n, "values", i))
    elif t is ast.Compare:
        one(n, "left"), many(n, "comparators")
    elif t is ast.FormattedValue or t in INTERP:
        one(n, "value"), one(n, "format_spec")
    elif t is ast.JoinedStr or t in TEMPLATE:
        many(n, "values")
    elif t is ast.Lambda:
        many(n.args, "defaults"), many(n.args, "kw_defaults")
    elif t in COMP:
        one(n.generators[0], "iter")
    elif t is ast.Assign:
        one(n, "value")
        for x in n.targets:
            out += kids(x) if isinstance(x, (ast.Attribute, ast.Subscript)) else []
    elif t is ast.Raise:
        one(n, "exc"), one(n, "cause")
    elif t is ast.Delete:
        for x in n.targets:
            out += kids(x) if isinstance(x, (ast.Attribute, ast.Subscript)) else []
    elif t in FUNC:
        many(n, "decorator_list"), many(n.args, "defaults"), many(n.args, "kw_defaults")
    elif t is ast.ClassDef:
        many(n, "decorator_list"), many(n, "bases")
        for k in n.keywords:
            one(k, "value")
    return out


def get(ref):
    o, a, i = ref
    v = getattr(o, a)
    return v if i is None else v[i]


def put(ref, v):
    o, a, i = ref
    if i is None:
        setattr(o, a, v)
    else:
        getattr(o, a)[i] = v


class Analysis:
    """Numbers labels in evaluation order, decides temporaries, computes hidden state."""

    def __init__(self, fn, stable, is_global, is_generator):
        self.fn, self.stable, self.is_global = fn, stable, is_global
        self.labels = []
        self.rng = {}         # id(node) -> (lo, hi)
        self.acts = {}        # id(expr) -> [temp name | None] per kid
        self.keep = []
        self.hidden = []      # stack of hidden names needed by enclosing constructs
        self.path = []
        self.stmt = None
        self.fins = []
        self.block(fn.body)

    # -- numbering
    def lab(self, n):
        return self.rng.get(id(n))

    def mark(self, n, lo):
        hi = len(self.labels)
        if hi >= lo:
            self.rng[id(n)] = (lo, hi)
            self.keep.append(n)

    def block(self, stmts):
        lo = len(self.labels) + 1
        for s in stmts:
            self.statement(s)
        hi = len(self.labels)
        return (lo, hi) if hi >= lo else None

    def brange(self, stmts):
        lo = hi = None
        for s in stmts:
            r = self.lab(s)
            if r:
                lo = r[0] if lo is None else lo
                hi = r[1]
        return (lo, hi) if lo else None

    def root(self, e, header_of=None):
        """Number + plan one root expression (or simple statement)."""
        self.tn = 0
        self.stmt = header_of if header_of is not None else e
        self.number(e)
        if self.lab(e):
            self.plan(e, ())

    def number(self, n):
        lo = len(self.labels) + 1
        t = type(n)
        if t is ast.BoolOp:
            for v in n.values:
                self.number(v)
        elif t is ast.IfExp:
            self.number(n.test), self.number(n.body), self.number(n.orelse)
        else:
            for k in kids(n):
                self.number(get(k))
        if t in AWAITS:
            lb = Label(len(self.labels) + 1, n)
            lb.lineno = n.lineno
            lb.hidden = frozenset(x for h in self.hidden for x in h)
            lb.path = tuple(self.path)
            lb.stmt = self.stmt
            self.labels.append(lb)
        self.mark(n, lo)

    def statement(self, s):
        lo = len(self.labels) + 1
        m = getattr(self, "s_" + type(s).__name__, None)
        if m:
            m(s)
        elif isinstance(s, (ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom, ast.Pass, ast.Break, ast.Continue)):
            pass
        else:
            self.root(s)
        self.mark(s, lo)

    class _In:
        def __init__(self, a, hid, path):
            self.a, self.hid, self.path = a, hid, path

        def __enter__(self):
            self.a.hidden.append(self.hid)
            if self.path:
                self.a.path.append(self.path)

        def __exit__(self, *x):
            self.a.hidden.pop()
            if self.path:
                self.a.path.pop()

    def s_If(self, s):
        self.root(s.test, s.test)
        self.block(s.body), self.block(s.orelse)

    def s_While(self, s):
        self.root(s.test, s.test)
        with self._In(self, getattr(s, "_hid", ()), getattr(s, "_path", None)):
            self.block(s.body)
        self.block(s.orelse)

    def s_For(self, s):
        self.root(s.iter, s.iter)
        with self._In(self, (s._it,) if getattr(s, "_it", None) else (), "for"):
            self.block(s.body)
        self.block(s.orelse)

    def s_With(self, s):
        for it in s.items:
            self.root(it.context_expr, it.context_expr)
        with self._In(self, (s._m,) if getattr(s, "_m", None) else (), "with"):
            self.block(s.body)

    def s_Try(self, s):
        self.block(s.body)
        for h in s.handlers:
            with self._In(self, (h._exc,) if getattr(h, "_exc", None) else (), "except"):
                self.block(h.body)
        self.block(s.orelse)
        self.block(s.finalbody)

    s_TryStar = s_Try

    def s_TryFin(self, s):
        d = s._d
        self.fins.append(d)
        self.block(s.inner)
        self.fins.pop()
        # a return/break/continue on its way through several finally blocks
        outer = tuple(x for o in self.fins for x in (f".fk{o}", f".fv{o}"))
        with self._In(self, (f".fk{d}", f".fx{d}", f".fv{d}") + outer, "finally"):
            self.block(s.finalbody)

    def s_Match(self, s):
        self.root(s.subject, s.subject)
        for c in s.cases:
            self.block(c.body)

    def s_Assert(self, s):
        self.root(s.test, s)
        if s.msg is not None:
            tn = self.tn
            self.number(s.msg)
            if self.lab(s.msg):
                self.plan(s.msg, ())
                self.tn = max(tn, self.tn)

    # -- temporaries
    def temp(self):
        self.tn += 1
        return f".t{self.tn - 1}"

    def reevaluable(self, e, later, is_func):
        """May ``e`` simply be evaluated again on resume?"""
        t = type(e)
        if t is ast.Constant:
            return True
        if t is ast.Name:
            if e.id.startswith("."):
                return True        # runtime helper or hidden local, never rebound mid-expression
            if self.stable(e.id):
                return e.id not in later
            return is_func and self.is_global(e.id)
        if t is ast.Attribute and is_func:
            x = e
            while isinstance(x, ast.Attribute):
                x = x.value
            return isinstance(x, ast.Name) and (self.is_global(x.id) or x.id.startswith(".rt"))
        if t is ast.Lambda:
            return not e.args.defaults and not any(e.args.kw_defaults)
        if t is ast.Tuple and isinstance(e.ctx, ast.Load):
            return all(self.reevaluable(x, later, False) for x in e.elts)
        if t is ast.JoinedStr:
            return all(isinstance(v, ast.Constant) for v in e.values)
        return False

    @staticmethod
    def soft(e):
        """Attribute chains / names: saved if possible, otherwise re-evaluated on resume."""
        while isinstance(e, ast.Attribute):
            e = e.value
        return isinstance(e, ast.Name)

    def plan(self, e, temps):
        t = type(e)
        if t is ast.BoolOp:
            for v in e.values:
                if self.lab(v):
                    self.plan(v, temps)
            return
        if t is ast.IfExp:
            for v in (e.test, e.body, e.orelse):
                if self.lab(v):
                    self.plan(v, temps)
            return
        ks = kids(e)
        nodes = [get(k) for k in ks]
        labelled = [i for i, x in enumerate(nodes) if self.lab(x)]
        last = labelled[-1] if labelled else -1
        acts = []
        cur = temps
        for i, x in enumerate(nodes):
            if i < last:
                later = set()
                for y in nodes[i + 1:last + 1]:
                    for z in ast.walk(y):
                        if isinstance(z, ast.NamedExpr):
                            later.add(z.target.id)
                is_func = type(e) is ast.Call and ks[i][1] == "func"
                star = isinstance(x, ast.Starred) or (ks[i][1] == "value" and isinstance(ks[i][0], ast.keyword)
                                                      and ks[i][0].arg is None) or (
                    ks[i][1] == "values" and t is ast.Dict and e.keys[ks[i][2]] is None)
                if not self.lab(x) and not star and self.reevaluable(x, later, is_func):
                    acts.append(None)
                elif isinstance(x, INTERP + (ast.FormattedValue,)) and False:
                    pass
                else:
                    if self.lab(x):
                        self.plan(x, cur)
                    tn = self.temp()
                    acts.append(tn)
                    cur = cur + ((tn, (not star) and not self.lab(x) and self.soft(x), x),)
            elif i == last:
                self.plan(x, cur)
                acts.append(None)
            else:
                acts.append(None)
        self.acts[id(e)] = acts
        self.keep.append(e)
        if t in AWAITS:
            lb = self.labels[self.lab(e)[1] - 1]
            assert lb.node is e
            lb.temps = tuple((x[0], x[1]) for x in temps)
            lb.exprs = tuple(x[2] for x in temps)


# ------------------------------------------------------------------ liveness
class _Ctx:
    __slots__ = ("exc", "ret", "brk", "cont")

    def __init__(self, exc=frozenset(), ret=frozenset(), brk=frozenset(), cont=frozenset()):
        self.exc, self.ret, self.brk, self.cont = exc, ret, brk, cont

    def but(self, **kw):
        c = _Ctx(self.exc, self.ret, self.brk, self.cont)
        for k, v in kw.items():
            setattr(c, k, v)
        return c


class Liveness:
    """Backward data flow on the structured (desugared) tree. Conservative."""

    def __init__(self, an, names):
        self.an, self.names = an, frozenset(names)
        self.memo_uses = {}
        self.block(an.fn.body, frozenset(), _Ctx())

    def uses(self, node):
        """All names of ours mentioned anywhere below (closures included)."""
        r = self.memo_uses.get(id(node))
        if r is None:
            r = set()
            todo = [node]
            while todo:
                n = todo.pop()
                if isinstance(n, ast.Name):
                    if n.id in self.names:
                        r.add(n.id)
                elif isinstance(n, FUNC):
                    # names used by the body are captured variables, which are always saved
                    todo += n.decorator_list + n.args.defaults + [k for k in n.args.kw_defaults if k]
                    if not getattr(n, "_root", False):
                        for a in n.args.posonlyargs + n.args.args + n.args.kwonlyargs:
                            if a.annotation is not None:
                                todo.append(a.annotation)
                        if n.returns is not None:
                            todo.append(n.returns)
                elif isinstance(n, ast.Lambda):
                    todo += n.args.defaults + [k for k in n.args.kw_defaults if k]
                else:
                    todo.extend(ast.iter_child_nodes(n))
            r = self.memo_uses[id(node)] = frozenset(r)
        return r

    def record(self, node, after, c):
        lb = self.an.labels[self.an.lab(node)[1] - 1]
        lb.live |= after | c.exc

    def expr(self, e, out, c):
        if e is None:
            return out
        t = type(e)
        if not self.an.lab(e):
            # straight evaluation: uses + kill of certain walrus targets is skipped (conservative)
            return out | self.uses(e)
        if t is ast.BoolOp:
            cur = None
            for v in reversed(e.values):
                cur = self.expr(v, out if cur is None else (cur | out), c)
            return cur
        if t is ast.IfExp:
            return self.expr(e.test, self.expr(e.body, out, c) | self.expr(e.orelse, out, c), c)
        return self.kids(e, out, c)

    def kids(self, e, out, c):
        if isinstance(e, AWAITS):
            self.record(e, out, c)
            # the exception may also be thrown in here: c.exc is recorded too
            out = out | c.exc
        ks = kids(e)
        acts = self.an.acts.get(id(e), [None] * len(ks))
        nodes = [get(k) for k in ks]
        last = max([i for i, x in enumerate(nodes) if self.an.lab(x)], default=-1)
        if isinstance(e, ast.NamedExpr):
            out = out - {e.target.id}
        elif isinstance(e, COMP):
            out = out | self.uses(e)
        cur = out
        for i in range(len(nodes) - 1, -1, -1):
            extra = frozenset()
            for j in range(i):
                if acts[j] is None and j < last:
                    extra |= self.uses(nodes[j])
                elif j < last and self.an.soft(nodes[j]):
                    extra |= self.uses(nodes[j])
            cur = self.expr(nodes[i], cur | extra, c)
        return cur

    # -- statements
    def block(self, stmts, out, c):
        for s in reversed(stmts):
            out = self.stmt(s, out, c)
        return out

    def stmt(self, s, out, c):
        m = getattr(self, "s_" + type(s).__name__, None)
        r = m(s, out, c) if m else self.simple(s, out, c)
        return r | c.exc

    def target(self, t, out):
        """(kills, uses) of an assignment target."""
        if isinstance(t, ast.Name):
            return out - {t.id}
        if isinstance(t, ast.Starred):
            return self.target(t.value, out)
        if isinstance(t, (ast.Tuple, ast.List)):
            for x in t.elts:
                out = self.target(x, out)
            return out
        return out | self.uses(t)

    def simple(self, s, out, c):
        t = type(s)
        if t is ast.Assign:
            if self.an.lab(s) and any(self.an.lab(get(k)) for k in kids(s)[1:]):
                return self.kids(s, out, c)
            for x in reversed(s.targets):
                out = self.target(x, out)
            return self.expr(s.value, out | c.exc, c)
        if t is ast.AugAssign:
            out = out | self.uses(s.target)
            return self.expr(s.value, out | c.exc, c)
        if t is ast.AnnAssign:
            if s.value is None:
                return out
            return self.expr(s.value, self.target(s.target, out), c)
        if t is ast.Return:
            return self.expr(s.value, c.ret, c)
        if t is ast.Raise:
            return self.kids(s, c.exc, c) if self.an.lab(s) else c.exc | self.uses(s)
        if t is ast.Break:
            return c.brk
        if t is ast.Continue:
            return c.cont
        if t is ast.Delete:
            if self.an.lab(s):
                return self.kids(s, out, c)
            return out | self.uses(s)
        if t in (ast.Import, ast.ImportFrom):
            return out - {(a.asname or a.name.split(".")[0]) for a in s.names}
        if isinstance(s, FUNC + (ast.ClassDef,)):
            out = (out - {s.name}) | self.uses(s)
            return self.kids(s, out, c) if self.an.lab(s) else out
        if self.an.lab(s):
            return self.kids(s, out, c)
        return out | self.uses(s)

    def s_Assert(self, s, out, c):
        miss = self.expr(s.msg, c.exc, c) if s.msg is not None else c.exc
        return self.expr(s.test, out | miss, c)

    def s_If(self, s, out, c):
        return self.expr(s.test, self.block(s.body, out, c) | self.block(s.orelse, out, c), c)

    def s_While(self, s, out, c):
        els = self.block(s.orelse, out, c)
        head = frozenset()
        while True:
            body = self.block(s.body, head, c.but(brk=out, cont=head))
            new = self.expr(s.test, body | els, c) | head
            if new == head:
                return head
            head = new

    def s_For(self, s, out, c):
        els = self.block(s.orelse, out, c)
        head = els
        while True:
            body = self.target(s.target, self.block(s.body, head, c.but(brk=out, cont=head)))
            new = body | els | head | c.exc
            if new == head:
                break
            head = new
        return self.expr(s.iter, head, c)

    def s_With(self, s, out, c):
        body = self.block(s.body, out, c.but(exc=c.exc | out))
        for it in reversed(s.items):
            if it.optional_vars is not None:
                body = self.target(it.optional_vars, body)
            body = self.expr(it.context_expr, body, c)
        return body

    def _try(self, body, handlers, orelse, finalbody, out, c):
        if finalbody:
            fout = out | c.exc | c.ret | c.brk | c.cont
            fin = self.block(finalbody, fout, c)
            c = _Ctx(fin, fin, fin, fin)
            out = fin
        hin = c.exc
        for h in handlers:
            b = self.block(h.body, out, c)
            if h.name:
                b = b - {h.name}
            if h.type is not None:
                b = b | self.uses(h.type)
            hin = hin | b
        els = self.block(orelse, out, c)
        return self.block(body, els, c.but(exc=hin))

    def s_Try(self, s, out, c):
        return self._try(s.body, s.handlers, s.orelse, s.finalbody, out, c)

    s_TryStar = s_Try

    def s_TryFin(self, s, out, c):
        return self._try(s.inner, [], [], s.finalbody, out, c)

    def s_Match(self, s, out, c):
        ins = out
        for k in s.cases:
            b = self.block(k.body, out, c)
            if k.guard is not None:
                b = b | self.uses(k.guard) | out
            ins = ins | b | self.uses(k.pattern)
        return self.expr(s.subject, ins, c)


# ------------------------------------------------------------------ emission
class Emit:
    def __init__(self, an, resume, evict):
        self.an, self.resume, self.evict = an, resume, evict
        self.needs_ev = False
        self.clear = []

    lab = property(lambda self: self.an.lab)

    # guards ---------------------------------------------------------
    @staticmethod
    def rs():
        return name(".rs")

    def in_(self, r):
        lo, hi = r
        if lo == hi:
            return ast.Compare(left=self.rs(), ops=[ast.Eq()], comparators=[const(lo)])
        return ast.Compare(left=const(lo), ops=[ast.LtE(), ast.LtE()], comparators=[self.rs(), const(hi)])

    def ge(self, lo):
        return ast.Compare(left=self.rs(), ops=[ast.GtE()], comparators=[const(lo)])

    def le(self, hi):
        if hi == 0:
            return not_(self.rs())
        return ast.Compare(left=self.rs(), ops=[ast.LtE()], comparators=[const(hi)])

    # expressions ----------------------------------------------------
    def ex(self, e):
        if e is None or not self.lab(e):
            return e
        return at(self._ex(e), e)

    def _ex(self, e):
        t = type(e)
        if t is ast.BoolOp:
            n = ast.BoolOp(op=e.op, values=[])
            neutral = isinstance(e.op, ast.And)
            for i, v in enumerate(e.values):
                later = [self.lab(x)[0] for x in e.values[i + 1:] if self.lab(x)]
                x = self.ex(v)
                if later and self.resume:
                    x = at(ast.IfExp(test=self.ge(later[0]), body=const(neutral), orelse=x), v)
                n.values.append(x)
            return n
        if t is ast.IfExp:
            return ast.IfExp(test=self.cond(e.test, self.lab(e.body), self.lab(e.orelse)),
                             body=self.ex(e.body), orelse=self.ex(e.orelse))
        if t in AWAITS:
            return self.suspend(e)
        if t in COMP:
            # a walrus is illegal inside a comprehension's iterable: evaluate it before
            tmp = ".ci"
            n = copy.copy(e)
            n.generators = [copy.copy(g) for g in e.generators]
            n.generators[0].iter = at(name(tmp), e.generators[0].iter)
            n = at(n, e)
            tup = ast.Tuple(elts=[walrus(tmp, self.ex(e.generators[0].iter)), n], ctx=L)
            return ast.Subscript(value=tup, slice=const(1), ctx=L)
        return self.generic(e)

    def cond(self, test, body, orelse):
        """A condition that routes a resume into body/orelse without evaluating test."""
        x = self.ex(test)
        if not self.resume or (not body and not orelse):
            return x
        if orelse:
            x = at(ast.BoolOp(op=ast.And(), values=[not_(self.in_(orelse)), x]), test)
        if body:
            x = at(ast.BoolOp(op=ast.Or(), values=[self.in_(body), x]), test)
        return x

    def suspend(self, e):
        n = self.lab(e)[1]
        x = e.value if e.value is not None else at(const(None), e)
        inner = self.lab(x)
        x = self.ex(x)
        new = copy.copy(e)
        setpc = walrus(".pc", const(n))
        taken = ast.BoolOp(op=ast.Or(), values=[walrus(".rs", const(0)),
                                                call(ast.Attribute(value=name(".aw"), attr="pop", ctx=L))])
        if inner:
            if self.resume:
                x = ast.IfExp(test=ast.Compare(left=self.rs(), ops=[ast.Eq()], comparators=[const(n)]),
                              body=taken, orelse=x)
            first = ast.Tuple(elts=[walrus(".tx", x)], ctx=L)
            new.value = ast.IfExp(test=ast.BoolOp(op=ast.And(), values=[first, setpc]),
                                  body=name(".tx"), orelse=const(None))
        elif self.resume:
            new.value = ast.IfExp(test=ast.Compare(left=self.rs(), ops=[ast.Eq()], comparators=[setpc]),
                                  body=taken, orelse=x)
        else:
            new.value = ast.IfExp(test=setpc, body=x, orelse=const(None))
        at(new.value, e)
        return new

    def generic(self, e):
        """Copy ``e`` with temporaries around operands that stay on the stack."""
        acts = self.an.acts[id(e)]
        n = _copy_containers(e)
        old, new = kids(e), kids(n)
        nodes = [get(k) for k in old]
        last = max([i for i, x in enumerate(nodes) if self.lab(x)])
        for i, (x, ref) in enumerate(zip(nodes, new)):
            if i > last:
                break
            if acts[i] is None:
                if i == last:
                    put(ref, self.ex(x))
                continue
            later = next(self.lab(y)[0] for y in nodes[i + 1:] if self.lab(y))
            put(ref, self.save(acts[i], x, ref, e, later))
        return n

    def save(self, tmp, x, ref, parent, later):
        self.clear.append(tmp)

        def wrap(v):
            w = walrus(tmp, v)
            if self.resume:
                soft = self.an.soft(x) and not self.lab(x) and not isinstance(x, ast.Starred)
                test = self.ge(later)
                if soft:
                    test = ast.BoolOp(op=ast.And(), values=[test, ast.Compare(
                        left=name(tmp), ops=[ast.IsNot()], comparators=[name(".U")])])
                w = ast.IfExp(test=test, body=name(tmp), orelse=w)
            return at(w, x)

        if isinstance(x, ast.Starred):
            v = at(ast.List(elts=[ast.Starred(value=self.ex(x.value), ctx=L)], ctx=L), x)
            return at(ast.Starred(value=wrap(v), ctx=L), x)
        if isinstance(x, ast.FormattedValue):
            v = at(ast.JoinedStr(values=[self.generic(x) if self.lab(x) else x]), x)
            return at(ast.FormattedValue(value=wrap(v), conversion=-1, format_spec=None), x)
        if INTERP and isinstance(x, INTERP):
            y = copy.copy(x)
            y.value = wrap(self.ex(x.value))
            return y
        o, a, i = ref
        if (isinstance(o, ast.keyword) and o.arg is None) or (isinstance(o, ast.Dict) and a == "values"
                                                              and o.keys[i] is None):
            v = at(ast.Dict(keys=[None], values=[self.ex(x)]), x)
            return wrap(v)
        if isinstance(x, ast.Slice):
            args = [y if y is not None else const(None) for y in (x.lower, x.upper, x.step)]
            return wrap(at(call(".slice", *args), x))
        return wrap(self.ex(x))

    # blocks ---------------------------------------------------------
    def block(self, stmts, after_labels=False):
        stmts = list(stmts)
        if not self.resume:
            out = []
            for s in stmts:
                out += self.stmt(s)
            return out
        marks = [i for i, s in enumerate(stmts) if self.lab(s)]
        last = marks[-1] if marks else -1
        out, group = [], []

        def flush():
            nonlocal group
            if group:
                out.append(at(if_(not_(self.rs()), group), start_of(group[0])))
                group = []

        for i, s in enumerate(stmts):
            if i > last:
                out += self.stmt(s)
            elif self.lab(s):
                flush()
                body = self.stmt(s)
                if i == last:
                    out += body
                else:
                    out.append(at(if_(self.le(self.lab(s)[1]), body), start_of(s)))
            else:
                group += self.stmt(s)
        flush()
        return out

    def stmt(self, s):
        self.clear, saved = [], self.clear
        m = getattr(self, "s_" + type(s).__name__, None)
        if m:
            r = m(s)
        elif self.lab(s):
            r = [at(self.generic(s), s)]
            if self.clear and not isinstance(s, (ast.Return, ast.Raise)):
                r.append(at(ast.Assign(targets=[store(t) for t in dict.fromkeys(self.clear)], value=const(None),
                                       type_comment=None), start_of(s)))
        else:
            r = [s]
        self.clear = saved
        return r

    def s_Global(self, s):
        return []

    s_Nonlocal = s_Global

    def s_Assert(self, s):
        if not self.lab(s):
            return [s]
        t = self.ex(s.test)
        if self.resume and s.msg is not None and self.lab(s.msg):
            t = at(ast.BoolOp(op=ast.And(), values=[not_(self.in_(self.lab(s.msg))), t]), s.test)
        return [at(ast.Assert(test=t, msg=self.ex(s.msg)), s)]

    def br(self, stmts):
        return self.an.brange(stmts)

    def s_If(self, s):
        if not self.lab(s):
            return [self.plain(s)]
        return [at(ast.If(test=self.cond(s.test, self.br(s.body), self.br(s.orelse)),
                          body=self.block(s.body), orelse=self.block(s.orelse)), s)]

    def s_While(self, s):
        if not self.lab(s):
            return [self.plain(s)]
        return [at(ast.While(test=self.cond(s.test, self.br(s.body), self.br(s.orelse)),
                             body=self.block(s.body), orelse=self.block(s.orelse)), s)]

    def s_For(self, s):
        if not self.lab(s):
            return [self.plain(s)]
        it = getattr(s, "_it", None)
        if it is None:
            # only the iterable and/or the else clause suspend
            src = self.ex(s.iter)
            if self.resume and self.br(s.orelse):
                src = at(ast.IfExp(test=self.in_(self.br(s.orelse)), body=ast.Tuple(elts=[], ctx=L), orelse=src), s.iter)
            return [at(ast.For(target=s.target, iter=src, body=self.block(s.body), orelse=self.block(s.orelse),
                               type_comment=None), s)]
        src = at(walrus(it, call(".iter", self.ex(s.iter))), s.iter)
        clear = at(assign(it, const(None)), start_of(s))
        if not self.resume:
            return self.release(s, at(ast.For(target=s.target, iter=src, body=self.block(s.body),
                                           orelse=self.block(s.orelse), type_comment=None), s), clear)
        if self.br(s.orelse):
            src = ast.IfExp(test=self.in_(self.br(s.orelse)), body=ast.Tuple(elts=[], ctx=L), orelse=src)
        src = at(ast.IfExp(test=self.in_(self.br(s.body)), body=call(".chain", name(".N1"), name(it)), orelse=src),
                 s.iter)
        var = it.replace(".i", ".iv")
        body = [at(if_(not_(self.rs()), [at(assign(s.target, name(var)), s.target)]), s.target)] + self.block(s.body)
        return self.release(s, at(ast.For(target=at(store(var), s.target), iter=src, body=body,
                                       orelse=self.block(s.orelse), type_comment=None), s), clear)

    def release(self, s, loop, clear):
        """drop the iterator as soon as the loop is left, as the interpreter would"""
        if plain_iterable(s.iter):
            return [loop, clear]
        inner = at(ast.Try(body=[loop], handlers=[], orelse=[], finalbody=[clear]), NOWHERE)
        # the implicit re-raise of a finally without location would leave f_lineno None
        h = at(ast.ExceptHandler(type=None, name=None, body=[ast.Raise(exc=None, cause=None)]), first_line(loop))
        return [at(ast.Try(body=[inner], handlers=[h], orelse=[], finalbody=[]), NOWHERE)]

    def s_With(self, s):
        if not self.lab(s):
            return [self.plain(s)]
        item = s.items[0]
        m = getattr(s, "_m", None)
        if m is None:
            n = copy.copy(s)
            n.items = [ast.withitem(context_expr=self.ex(item.context_expr), optional_vars=item.optional_vars)]
            n.body = self.block(s.body)
            return [n]
        src = at(call(".with" + self.evict[-1], walrus(m, self.ex(item.context_expr))), item.context_expr)
        clear = at(assign(m, const(None)), start_of(s))
        if not self.resume:
            return [at(ast.With(items=[ast.withitem(context_expr=src, optional_vars=item.optional_vars)],
                                body=self.block(s.body), type_comment=None), s), clear]
        src = at(ast.IfExp(test=self.in_(self.br(s.body)), body=call(".reenter" + self.evict[-1], name(m)), orelse=src),
                 item.context_expr)
        body = self.block(s.body)
        ov = None
        if item.optional_vars is not None:
            var = m.replace(".m", ".mv")
            ov = at(store(var), item.optional_vars)
            body = [at(if_(not_(self.rs()), [at(assign(item.optional_vars, name(var)), item.optional_vars),
                                             at(assign(var, const(None)), item.optional_vars)]),
                       item.optional_vars)] + body
        return [at(ast.With(items=[ast.withitem(context_expr=src, optional_vars=ov)], body=body, type_comment=None), s),
                clear]

    # try ------------------------------------------------------------
    def evict_handler(self, ref, flag):
        self.needs_ev = self.needs_ev or flag
        body = [assign(".ev", const(True))] if flag else []
        body = [at(x, ref) for x in body + [ast.Raise(exc=None, cause=None)]]
        return at(ast.ExceptHandler(type=name(self.evict), name=None, body=body), NOWHERE)

    def s_Try(self, s):
        if not self.lab(s):
            return [self.plain(s)]
        loc = start_of(s)
        body = self.block(s.body)
        handlers = []
        hot = [h for h in s.handlers if self.br(h.body)]
        if self.resume and (hot or self.br(s.orelse) or self.br(s.finalbody)):
            top = self.br(s.body)
            body = [at(if_(self.le(top[1] if top else 0), body), loc)]
            pre = []
            for h in hot:
                pre.append(at(if_(self.in_(self.br(h.body)),
                                  [at(ast.Raise(exc=call(".rex", name(h._exc)), cause=None), first_line(h))]), start_of(h)))
            body = pre + body
        for h in s.handlers:
            n = copy.copy(h)
            n.body = self.block(h.body)
            if self.resume and hot:
                r = self.br(h.body)
                typ = h.type if h.type is not None else at(name(".BaseException"), h)
                typ = at(ast.IfExp(test=self.rs(), body=ast.Tuple(elts=[], ctx=L), orelse=typ), typ)
                if r:
                    typ = at(ast.IfExp(test=self.in_(r), body=name(".BaseException"), orelse=typ), typ)
                    n.body = [at(if_(self.rs(), [ast.Expr(call(".fix", name(h._exc)))]), start_of(h))] + n.body
                n.type = typ
            handlers.append(n)
        orelse = self.block(s.orelse)
        ref = first_line(s)
        if getattr(s, "_quiet", False):
            # bookkeeping that must also run when the frame is evicted
            return [at(ast.Try(body=body, handlers=handlers, orelse=[], finalbody=self.block(s.finalbody)), s)]
        fin = [at(if_(not_(name(".ev")), self.block(s.finalbody)), first_located(s.finalbody, s))] if s.finalbody else []
        if s.finalbody and handlers and not hot and not self.br(s.orelse):
            # suspensions only in the body: one statement does it all (block nesting is limited)
            return [at(ast.Try(body=body, handlers=[self.evict_handler(ref, True)] + handlers, orelse=orelse,
                               finalbody=fin), s)]
        if handlers or orelse:
            handlers = [self.evict_handler(ref, False)] + handlers
        if not s.finalbody:
            return [at(ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=[]), s)]
        if handlers or orelse:
            body = [at(ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=[]), s)]
        return [at(ast.Try(body=body, handlers=[self.evict_handler(ref, True)], orelse=[], finalbody=fin), s)]

    def s_TryStar(self, s):
        if not self.lab(s):
            return [self.plain(s)]
        n = copy.copy(s)
        n.body = self.block(s.body)
        if self.resume and (self.br(s.orelse) or self.br(s.finalbody)):
            top = self.br(s.body)
            n.body = [at(if_(self.le(top[1] if top else 0), n.body), start_of(s))]
        n.handlers = []
        for h in s.handlers:
            k = copy.copy(h)
            k.body = self.block(h.body)
            n.handlers.append(k)
        n.orelse = self.block(s.orelse)
        n.finalbody = self.block(s.finalbody)
        return [n]

    def s_TryFin(self, s):
        d, loc = s._d, start_of(s)
        fk, fv, fx = f".fk{d}", f".fv{d}", f".fx{d}"
        inner = self.block(s.inner)
        cap = f".y{d}"
        capture = at(ast.ExceptHandler(type=name(".BaseException"), name=cap, body=[
            assign(fk, const(1)), assign(fx, name(cap)), at(ast.Raise(exc=None, cause=None), first_line(s))]), loc)
        done = at(assign(fk, const(0)), loc)
        body = [at(ast.Try(body=inner, handlers=[self.evict_handler(first_line(s), True), capture],
                           orelse=[done], finalbody=[]), loc)]
        fin = self.block(s.finalbody)
        fr = self.br(s.finalbody)
        if self.resume and fr:
            def eq(k):
                return ast.Compare(left=name(fk), ops=[ast.Eq()], comparators=[const(k)])
            re = [if_(eq(1), [at(ast.Raise(exc=call(".rex", name(fx)), cause=None), first_line(s))])]
            if 2 in s._kinds:
                re.append(if_(eq(2), [ast.Return(value=None if s._agen else name(fv))]))
            if 3 in s._kinds:
                re.append(if_(eq(3), [ast.Break()]))
            if 4 in s._kinds:
                re.append(if_(eq(4), [ast.Continue()]))
            body = [at(if_(self.in_(fr), re, body), loc)]
            fin = [at(if_(ast.BoolOp(op=ast.And(), values=[self.rs(), eq(1)]),
                          [ast.Expr(call(".fix", name(fx)))]), loc)] + fin
        # on the line of the last statement: the implicit re-raise that follows must have a line
        fin = fin + [at(ast.Assign(targets=[store(fx), store(fv)], value=const(None), type_comment=None),
                        first_located(s.finalbody[::-1], s))]
        fin = [at(if_(not_(name(".ev")), fin), first_located(s.finalbody, s))]
        return [at(ast.Try(body=body, handlers=[], orelse=[], finalbody=fin), s)]

    def s_Match(self, s):
        if not self.lab(s):
            return [self.plain(s)]
        if not self.resume or not any(self.br(c.body) for c in s.cases):
            n = copy.copy(s)
            n.subject = self.ex(s.subject)
            n.cases = []
            for c in s.cases:
                k = copy.copy(c)
                k.body = self.block(c.body)
                n.cases.append(k)
            return [at(n, s)]
        k = s._k
        loc = start_of(s)
        sel = copy.copy(s)
        sel.subject = self.ex(s.subject)
        sel.cases = []
        chain = []
        for i, c in enumerate(s.cases, 1):
            cl = start_of(c.pattern)
            sel.cases.append(ast.match_case(pattern=c.pattern, guard=c.guard,
                                            body=[at(assign(k, const(i)), cl)]))
            test = ast.BoolOp(op=ast.And(), values=[
                not_(self.rs()), ast.Compare(left=name(k), ops=[ast.Eq()], comparators=[const(i)])])
            if self.br(c.body):
                test = ast.BoolOp(op=ast.Or(), values=[self.in_(self.br(c.body)), test])
            chain.append((at(test, cl), self.block(c.body), cl))
        top = self.lab(s.subject)
        pre = at(if_(self.le(top[1] if top else 0), [at(assign(k, const(0)), loc), at(sel, s)]), loc)
        node = []
        for test, body, cl in reversed(chain):
            node = [at(if_(test, body, node), cl)]
        return [pre] + node

    def plain(self, s):
        """A compound statement without suspension: only jumps were rewritten, in place."""
        return s


def _copy_containers(e):
    n = copy.copy(e)
    for f, v in ast.iter_fields(n):
        if isinstance(v, list):
            setattr(n, f, list(v))
    if isinstance(n, (ast.Call, ast.ClassDef)):
        n.keywords = [copy.copy(k) for k in n.keywords]
    if isinstance(n, (ast.Lambda,) + FUNC):
        n.args = copy.copy(n.args)
        n.args.defaults = list(n.args.defaults)
        n.args.kw_defaults = list(n.args.kw_defaults)
    if isinstance(n, (ast.Assign, ast.Delete)):
        n.targets = [copy.copy(t) for t in n.targets]
    return n
