"""From a function object to its Plan tree and code objects."""
import ast
import hashlib
import inspect
import linecache
import re
import types

from . import runtime as _rt
from .desugar import (NOWHERE, _h, dump, Desugar, Susp, at, start_of, name, store, const, assign, call, not_, if_,
                       lower_comprehensions, L, S, D)
from .lower import Analysis, Emit, Liveness, AWAITS
from .scope import FUNC, COMP, analyse, captured_names, free_names, rebound_by_closures
from weft_core.errors import SourceUnavailableError, TransformError

_FUTURE_MASK = 0
import __future__ as _f
for _n in _f.all_feature_names:
    _FUTURE_MASK |= getattr(_f, _n).compiler_flag


class Plan:
    """One function (root or nested) of a durable function's source."""

    __slots__ = ("root", "parent", "node", "name", "path", "kind", "scope", "children", "captured", "free",
                 "env", "labels", "by_id", "names", "params", "an", "body", "decls", "unpruned", "cells",
                 "resume_code", "live_code", "hash", "user_locals", "is_comp", "susp", "stable", "pretty",
                 "stores", "n_awaits", "resume_fn", "_ctr", "needs_ev")

    def __init__(self, root, parent, node, name, path, kind):
        self.root, self.parent, self.node, self.name, self.path, self.kind = root, parent, node, name, path, kind
        self.children, self._ctr = [], {}
        self.labels, self.by_id = [], {}
        self.live_code = self.resume_code = self.resume_fn = None
        self.is_comp = getattr(node, "_comp", False)
        self.pretty = getattr(node, "_pretty", name)
        self.needs_ev = False
        self.hash = None
        if parent is not None:
            parent.children.append(self)

    @property
    def durable(self):
        return self.kind in ("coro", "gen", "agen")

    @property
    def key(self):
        return self.root.key + ("" if not self.path else "/" + self.path)

    def where(self):
        return f"{self.root.qualname}{'.<locals>.' + self.path if self.path else ''}"


class Root:
    def __init__(self, key, qualname, filename):
        self.key, self.qualname, self.filename = key, qualname, filename
        self.plans = {}       # path -> Plan
        self.plan = None
        self.fn = None
        self.flags = 0
        self.cls = None
        self.lineno = 0
        self.lines = None


def _own_yield(fn):
    todo = list(fn.body)
    while todo:
        n = todo.pop()
        if isinstance(n, (ast.Yield, ast.YieldFrom)):
            return True
        if isinstance(n, FUNC):
            todo += n.decorator_list + n.args.defaults + [k for k in n.args.kw_defaults if k]
        elif isinstance(n, ast.Lambda):
            todo += n.args.defaults + [k for k in n.args.kw_defaults if k]
        elif isinstance(n, ast.ClassDef):
            todo += n.decorator_list + n.bases
        else:
            todo.extend(ast.iter_child_nodes(n))
    return False


def kind_of(fn):
    if isinstance(fn, ast.Lambda):
        return "lambda"
    y = _own_yield(fn)
    if isinstance(fn, ast.AsyncFunctionDef):
        return "agen" if y else "coro"
    return "gen" if y else "plain"


def _gather(plan, nodes, prefix=""):
    root = plan.root
    todo = list(nodes)[::-1]
    while todo:
        n = todo.pop()
        if isinstance(n, FUNC + (ast.Lambda,)):
            nm = "<lambda>" if isinstance(n, ast.Lambda) else n.name
            full = prefix + nm
            k = plan._ctr[full] = plan._ctr.get(full, 0) + 1
            seg = full if k == 1 else f"{full}#{k}"
            path = f"{plan.path}/{seg}" if plan.path else seg
            p = Plan(root, plan, n, nm, path, kind_of(n))
            p.hash = _h(dump(n.body) if p.is_comp else dump(n))
            root.plans[path] = p
            if isinstance(n, ast.Lambda):
                _gather(p, [n.body])
                rest = n.args.defaults + [x for x in n.args.kw_defaults if x]
            else:
                _gather(p, n.body)
                rest = n.decorator_list + n.args.defaults + [x for x in n.args.kw_defaults if x]
            todo += rest[::-1]
        elif isinstance(n, ast.ClassDef):
            _gather(plan, n.body, prefix + n.name + ".")
            todo += (n.decorator_list + n.bases + [k.value for k in n.keywords])[::-1]
        else:
            todo += list(ast.iter_child_nodes(n))[::-1]


def _hoist_decls(fn):
    """global/nonlocal statements of this function (not nested ones)."""
    g, nl = [], []
    todo = list(fn.body)
    while todo:
        n = todo.pop()
        if isinstance(n, ast.Global):
            g += n.names
        elif isinstance(n, ast.Nonlocal):
            nl += n.names
        elif isinstance(n, FUNC + (ast.Lambda, ast.ClassDef)):
            continue
        else:
            todo.extend(ast.iter_child_nodes(n))
    return sorted(set(g)), sorted(set(nl))


def _mentions(fn, names):
    for n in ast.walk(fn):
        if isinstance(n, ast.Name) and n.id in names:
            return True
    return False


def build(key, qualname, filename, node, env_names, flags, cls_name, lines):
    root = Root(key, qualname, filename)
    root.flags, root.cls, root.lineno, root.lines = flags, cls_name, node.lineno, lines
    susp = Susp(filename)
    node._root = True
    node.decorator_list = []
    node.returns = None
    if hasattr(node, "type_params"):
        node.type_params = []
    a = node.args
    for x in a.posonlyargs + a.args + a.kwonlyargs + [y for y in (a.vararg, a.kwarg) if y]:
        x.annotation = None
    fhash = _h(dump(node))
    if "__class__" in env_names:
        _explicit_super(node)
    a.defaults = [at(const(None), d) for d in a.defaults]
    a.kw_defaults = [d and at(const(None), d) for d in a.kw_defaults]
    lower_comprehensions(node, susp)
    root.plan = plan = Plan(root, None, node, node.name, "", kind_of(node))
    plan.hash = fhash
    root.plans[""] = plan
    _gather(plan, node.body)
    scope, by_node = analyse(node, env_names)
    for p in root.plans.values():
        p.scope = by_node[id(p.node)]
        free = free_names(p.scope)
        p.env = {n for n, d in free.items() if d.kind == "env"}
        p.free = {n for n in free if n not in p.env}
        p.captured = captured_names(p.scope) if not isinstance(p.node, ast.Lambda) else set()
    for p in _post_order(plan):
        if p.durable:
            _process(p, susp)
    return root


def _explicit_super(fn):
    """super() -> super(__class__, self): the resume variant has another first argument"""
    a = fn.args.posonlyargs + fn.args.args
    if not a:
        return
    todo = list(fn.body)
    while todo:
        n = todo.pop()
        if isinstance(n, FUNC + (ast.Lambda, ast.ClassDef, ast.GeneratorExp)):
            continue
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "super" and not n.args \
                and not n.keywords:
            n.args = [at(name("__class__"), n), at(name(a[0].arg), n)]
        todo.extend(ast.iter_child_nodes(n))


def _post_order(p):
    for c in p.children:
        yield from _post_order(c)
    yield p


def _process(p, susp):
    fn, sc = p.node, p.scope
    # stores: name -> line numbers (diagnostics)
    p.stores = {}
    locals_ = {n for n in sc.bound if n not in sc.globals and n not in sc.nonlocals and not n.startswith(".")}
    shaky = rebound_by_closures(sc) & p.captured
    stable_set = locals_ - shaky
    p.stable = stable_set

    def stable(n):
        return n in stable_set or n.startswith(".")

    def is_global(n):
        return sc.lookup(n) is None and n not in sc.globals

    g, nl = _hoist_decls(fn)
    p.decls = (g, nl)
    npro = fn._n_prologue
    prologue, body = fn.body[:npro], fn.body[npro:]
    for n in body:
        for x in ast.walk(n):
            if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store) and x.id in locals_:
                p.stores.setdefault(x.id, []).append(x.lineno)
    doc = []
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) \
            and isinstance(body[0].value.value, str):
        doc, body = body[:1], body[1:]
    fn.body = body or [at(ast.Pass(), fn)]
    susp.memo.clear(), susp.keep.clear()
    d = Desugar(fn, susp, stable, p.root.filename)
    d.agen = p.kind == "agen"
    fn.body = d.block(fn.body)
    p.body = fn.body
    p.an = an = Analysis(fn, stable, is_global, p.kind == "gen")
    p.labels = an.labels
    hidden = set()
    for s in p.body:
        _hidden_stores(s, hidden)
    a = fn.args
    p.params = [x.arg for x in a.posonlyargs + a.args] + ([a.vararg.arg] if a.vararg else []) + \
               [x.arg for x in a.kwonlyargs] + ([a.kwarg.arg] if a.kwarg else [])
    p.user_locals = (locals_ | set(p.params)) - p.captured
    p.unpruned = _mentions(fn, {"locals", "vars", "dir", "eval", "exec"})
    names = p.user_locals | hidden
    Liveness(an, names)
    cells = sorted(p.captured | p.free)
    p.cells = cells
    live_names = set(p.user_locals)
    for lb in an.labels:
        live = (set(lb.live) | (p.user_locals if p.unpruned else set())) & names
        hid = {h for h in lb.hidden if h not in p.captured}
        temps = [t for t, _ in lb.temps]
        lb.save = sorted(live | hid) + temps
        lb.soft = {t for t, s in lb.temps if s}
        live_names.update(lb.save)
    p.names = sorted(live_names)
    _label_ids(p)
    # live emission
    em = Emit(an, False, ".EvictC" if p.kind == "coro" else ".EvictG")
    out = em.block(p.body)
    p.needs_ev = em.needs_ev
    fn._prologue = prologue
    fn.body = doc + _decl_stmts(p) + _prologue(p, prologue) + out


def _hidden_stores(s, acc):
    todo = [s]
    while todo:
        n = todo.pop()
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id.startswith("."):
            acc.add(n.id)
        elif isinstance(n, FUNC + (ast.Lambda,)):
            todo += getattr(n, "decorator_list", []) + n.args.defaults + [k for k in n.args.kw_defaults if k]
        else:
            todo.extend(ast.iter_child_nodes(n))


def _decl_stmts(p, extra_nonlocal=()):
    g, nl = p.decls
    nl = sorted(set(nl) | set(extra_nonlocal))
    out = []
    if g:
        out.append(at(ast.Global(names=list(g)), start_of(p.node)))
    if nl:
        out.append(at(ast.Nonlocal(names=list(nl)), start_of(p.node)))
    return out


def _prologue(p, comp_defs):
    # on the line of the first statement: no line event of its own
    loc = next((start_of(b) for b in p.body if b.lineno > 0), NOWHERE)
    out = []
    if p.cells:
        args = ast.arguments(posonlyargs=[], args=[], vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None,
                             defaults=[])
        out.append(at(assign(".cells", ast.Lambda(args=args, body=ast.Tuple(
            elts=[name(c) for c in p.cells], ctx=L))), loc))
    if p.needs_ev:
        out.append(at(assign(".ev", const(False)), loc))
    return out + list(comp_defs)


# ------------------------------------------------------------------ label identity
def _text(e, limit=60):
    try:
        t = ast.unparse(e)
    except Exception:
        t = type(e).__name__
    return t if len(t) <= limit else t[:limit - 8] + "~" + _h(t)[:7]


def _label_base(lb):
    n = lb.node
    k = getattr(n, "_kind", None)
    if k:
        if hasattr(n, "_h"):
            return f"{k} {_text(n.value.args[0])} ~{n._h[:6]}"
        src = getattr(n, "_src", None)
        if src is None:
            src = n.value.args[0] if isinstance(n.value, ast.Call) and n.value.args else n.value
        return f"{k} {_text(src)}"
    v = n.value
    pre = {"Await": "", "Yield": "yield ", "YieldFrom": "yield from "}[type(n).__name__]
    if v is None:
        return "yield"
    if isinstance(v, ast.Call):
        t = pre + _text(v.func)
        if v.args and isinstance(v.args[0], ast.Constant) and isinstance(v.args[0].value, (str, int)):
            t += f"({v.args[0].value!r})"
        elif v.args and isinstance(v.args[0], (ast.Name, ast.Attribute)) and len(v.args) > 0:
            t += f"({_text(v.args[0])})"
        else:
            t += "()"
        return t
    return pre + _text(v)


def _label_ids(p):
    groups = {}
    for lb in p.labels:
        lb.text = _label_base(lb)
        groups.setdefault(lb.text, []).append(lb)
    for base, g in groups.items():
        for i, lb in enumerate(g):
            lb.id = base if len(g) == 1 else f"{base}#{i}"
            lb.count = len(g)
            p.by_id[lb.id] = lb


def label_sig(lb):
    return "/".join(lb.path)


def stmt_hash(lb):
    return _h(dump(lb.stmt))


# ------------------------------------------------------------------ code objects
CODES = {}        # id(code) -> (code, plan)


def _wrap(fn_node, inner_names, cls, filename):
    """module > .outer (declares free names) > [class] > function."""
    loc = start_of(fn_node)
    body = []
    if fn_node.name not in inner_names and not cls:
        body.append(at(ast.Global(names=[fn_node.name]), loc))
    if inner_names:
        body.append(at(ast.Assign(targets=[store(n) for n in sorted(inner_names)], value=const(None),
                                  type_comment=None), loc))
    tgt = [fn_node]
    if cls:
        tgt = [at(ast.ClassDef(name=cls, bases=[], keywords=[], body=[fn_node], decorator_list=[], type_params=[]), loc)]
    args = ast.arguments(posonlyargs=[], args=[], vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[])
    outer = at(ast.FunctionDef(name=".outer", args=args, body=body + tgt, decorator_list=[], returns=None,
                               type_comment=None, type_params=[]), loc)
    return ast.Module(body=[outer], type_ignores=[])


def _rt_names(fn_node):
    used = set()
    for n in ast.walk(fn_node):
        if isinstance(n, ast.Name) and n.id in _rt.RT:
            used.add(n.id)
    return used


def _codes(c):
    return [k for k in c.co_consts if isinstance(k, types.CodeType)]


def _compile(p, fn_node, outer_names):
    rt = _rt_names(fn_node)
    mod = _wrap(fn_node, rt | set(outer_names), p.root.cls, p.root.filename)
    try:
        code = compile(mod, p.root.filename, "exec", flags=p.root.flags & _FUTURE_MASK, dont_inherit=True)
    except (ValueError, TypeError) as e:                       # pragma: no cover - a bug in the transformer
        raise TransformError(f"internal error compiling {p.where()}: {e}", reason="internal", filename=p.root.filename)
    except SyntaxError as e:
        if "nested blocks" in str(e):
            raise TransformError(f"{p.where()}: the blocks around an await are nested too deeply for CPython once "
                                 f"they can be re-entered; move the inner ones into a helper @durable function",
                                 reason="nested-too-deeply", filename=p.root.filename, lineno=p.node.lineno)
        raise
    c = _codes(code)[0]
    if p.root.cls:
        c = _codes(c)[0]
    c = [k for k in _codes(c) if k.co_name == fn_node.name][0]
    qual = p.root.qualname if p.parent is None else None
    if qual is None:
        pre = p.root.qualname
        qual = pre + "".join(f".<locals>.{s}" for s in _pretty_path(p))
    return _fix(c, p, c.co_qualname, qual)


def _pretty_path(p):
    out = []
    while p.parent is not None:
        out.append(p.pretty)
        p = p.parent
    return out[::-1]


def _first_line(node):
    return min([node.lineno] + [d.lineno for d in getattr(node, "decorator_list", [])])


def _match(code, plans):
    if code.co_name == "<lambda>":
        pos = [q for q in code.co_positions() if q[0] is not None and q[2] is not None and q[3]]
        lams = [q for q in plans if q.kind == "lambda"]
        if pos:
            for q in lams:
                b = q.node.body
                lo, hi = (b.lineno, b.col_offset), (b.end_lineno, b.end_col_offset)
                if any((x[0], x[2]) == lo and (x[1], x[3]) == hi for x in pos):
                    return q
            for q in lams:
                b = q.node.body
                lo, hi = (b.lineno, b.col_offset), (b.end_lineno, b.end_col_offset)
                ins = [x for x in pos if lo <= (x[0], x[2]) and (x[1], x[3]) <= hi]
                if len(ins) >= max(1, len(pos) - 2):
                    return q
        else:
            same = [q for q in lams if q.node.lineno == code.co_firstlineno]
            if len(same) == 1:
                return same[0]
        return None
    for q in plans:
        if q.kind != "lambda" and q.name == code.co_name and _first_line(q.node) == code.co_firstlineno:
            return q
    return None


def _fix(code, plan, old, new):
    """Repair qualnames, pretty names of lowered comprehensions; register nested code objects."""
    if code.co_firstlineno <= 0:
        return code             # the cell probe: it has no location, and replace() would refuse it
    consts, changed = [], False
    for k in code.co_consts:
        if isinstance(k, types.CodeType):
            q = _match(k, plan.children)
            k2 = _fix(k, q or plan, old, new)
            if q is not None:
                CODES[id(k2)] = (k2, q)
                if q.live_code is None:
                    q.live_code = k2
            if k2 is not k:
                changed = True
            k = k2
        consts.append(k)
    rep = {}
    if changed:
        rep["co_consts"] = tuple(consts)
    nm = code.co_name
    qn = code.co_qualname
    if qn.startswith(old):
        qn = new + qn[len(old):]
    for pre in (".listcomp", ".setcomp", ".dictcomp", ".gencomp"):
        if pre in qn or nm.startswith(pre):
            nm, qn = (re.sub(r"\.gencomp\d+", "<genexpr>", re.sub(r"\.(list|set|dict)comp\d+", r"<\1comp>", x))
                      for x in (nm, qn))
    if nm != code.co_name:
        rep["co_name"] = nm
    if qn != code.co_qualname:
        rep["co_qualname"] = qn
    if rep:
        code = code.replace(**rep)
    return code


def live_code(p):
    """Compile the live variant of a root plan."""
    assert p.parent is None
    c = _compile(p, p.node, p.env)
    p.live_code = c
    CODES[id(c)] = (c, p)
    return c


def resume_code(p):
    """Compile (lazily) the resume variant of any durable plan."""
    if p.resume_code is not None:
        return p.resume_code
    em = Emit(p.an, True, ".EvictC" if p.kind == "coro" else ".EvictG")
    out = em.block(p.body)
    loc = start_of(p.node)
    names = p.names
    unpack = ast.Tuple(elts=[store(".rs"), store(".aw")] + [store(n) for n in names], ctx=S)
    loc = NOWHERE
    pre = [at(assign(unpack, call(ast.Attribute(value=name(".st"), attr="pop", ctx=L))), loc)]
    for n in names:
        if not n.startswith("."):
            pre.append(at(if_(ast.Compare(left=name(n), ops=[ast.Is()], comparators=[name(".U")]),
                              [ast.Delete(targets=[ast.Name(id=n, ctx=D)])]), loc))
    args = ast.arguments(posonlyargs=[], args=[ast.arg(arg=".st", annotation=None, type_comment=None)], vararg=None,
                         kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[])
    body = _decl_stmts(p, p.captured) + pre + _prologue(p, p.node._prologue) + out
    if p.kind in ("gen", "agen") and not p.labels:
        body.append(at(if_(const(False), [ast.Expr(value=ast.Yield(value=None))]), loc))
    cls = type(p.node)
    fn = cls(name=p.node.name, args=args, body=body, decorator_list=[], returns=None, type_comment=None, type_params=[])
    at(fn, start_of(p.node))
    p.resume_code = c = _compile(p, fn, set(p.captured) | p.free | p.env)
    CODES[id(c)] = (c, p)
    return c


# ------------------------------------------------------------------ locating source
_files = {}


def module_tree(filename, fn):
    lines = linecache.getlines(filename, fn.__globals__)
    if not lines:
        raise SourceUnavailableError(function=fn.__qualname__, filename=filename, problem="cannot be read", remedy="put the function in a .py file (or register the text in linecache)")
    text = "".join(lines)
    hit = _files.get(filename)
    if hit is None or hit[0] != text:
        tree = ast.parse(text, filename)
        index = {}
        todo = [(tree, None)]
        while todo:
            n, cls = todo.pop()
            if isinstance(n, FUNC):
                index.setdefault((n.name, _first_line(n)), []).append((n, cls))
                todo.extend((c, None) for c in ast.iter_child_nodes(n))
            elif isinstance(n, ast.ClassDef):
                todo.extend((c, n.name) for c in ast.iter_child_nodes(n))
            else:
                todo.extend((c, cls) for c in ast.iter_child_nodes(n))
        hit = _files[filename] = (text, tree, index, lines)
    return hit


def locate(fn):
    code = fn.__code__
    text, tree, index, lines = module_tree(code.co_filename, fn)
    hits = index.get((code.co_name, code.co_firstlineno), [])
    if len(hits) != 1:
        raise SourceUnavailableError(function=fn.__qualname__, filename=f"{code.co_filename}:{code.co_firstlineno}", problem="does not match the loaded code", remedy="restart the program if the file was edited since it was imported; make @durable the innermost decorator")
    node, cls = hits[0]
    a = node.args
    got = [x.arg for x in a.posonlyargs + a.args + a.kwonlyargs]
    if list(code.co_varnames[:code.co_argcount + code.co_kwonlyargcount]) != got:
        raise SourceUnavailableError(function=fn.__qualname__, filename=f"{code.co_filename}:{code.co_firstlineno}", problem="changed on disk since it was imported", remedy="restart the program")
    return node, cls, lines


def uses_private(node):
    for n in ast.walk(node):
        for f in ("id", "attr", "arg", "name"):
            v = getattr(n, f, None)
            if isinstance(v, str) and v.startswith("__") and not v.endswith("__"):
                return True
    return False
