"""The part of the prelude that is about calls: ordinary helpers, and durable ones."""

from __future__ import annotations

HELPERS = '''def num(x):
    return x if isinstance(x, int) else len(x) if hasattr(x, "__len__") else 1

def lines(e):
    """where the traceback leads through, in the author's file"""
    out, tb = [], e.__traceback__
    while tb is not None:
        code = tb.tb_frame.f_code
        if code.co_filename.startswith("/differential/") and not code.co_name.startswith("<"):
            out.append((tb.tb_frame.f_code.co_name, tb.tb_lineno))
        tb = tb.tb_next
    return out

def bump(x, *a, k=1, **kw):
    T(("bump", x, a, k, sorted(kw.items())))
    return x + k + len(a)

def tag(n):
    T(("tag", n))
    def decorate(f):
        @wraps(f)
        def tagged(*a):
            return f(*a) + n
        return tagged
    return decorate

def logged(f):
    @wraps(f)
    def wrapper(*a, **k):
        T(("call", f.__name__, len(a)))
        return f(*a, **k)
    return wrapper

@logged
@durable
$def traced(ctx, n, seen=[]):
    return n + «ctx.run("traced", n)»

@durable
$def h1(ctx, a, b=2, *rest, k=0, **kw):
    try:
        r = «ctx.run("h1", a)»
        if r % 5 == 4:
            raise E2("h1", r)
        return r + b + len(rest) + k + len(kw)
    finally:
        T(("h1 fin", a))

@durable
$def h2(ctx, xs):
    """mutates a list shared with its caller"""
    for i in range(2):
        xs.append(«ctx.run("h2", i)»)
        if len(xs) > 12:
            xs.clear()
    return len(xs)

@durable
$def h3(ctx, a, /, b=[1], *, k, **kw):
    r: int = «ctx.run("h3", k)»
    return a + r + k + len(kw) + num(b)

@durable
$def hx(ctx, n):
    """catches, stores, raises again and cleans up, all across operations"""
    try:
        try:
            try:
                raise E1(n, «ctx.run("hx", n)»)
            finally:
                «ctx.run("hx fin", n)»
        except E1 as e:
            e.add_note("noted")
            «ctx.run("hx exc", n)»
            kept = e
            if n % 3 == 0:
                raise E2("second") from ValueError("cause")
            raise
    except E2 as e:
        «ctx.run("hx out", n)»
        T((e, e.__context__ is kept))
    except E1 as e:
        «ctx.run("hx same", n)»
        T((e is kept, e.__notes__))
    return n

@durable
$def rec(ctx, n):
    if n <= 0:
        return «ctx.run("rec0", n)»
    return n + «rec(ctx, n - 1)»

@durable
$def deep(ctx, n):
    """a helper that calls a helper that calls a helper …"""
    if n > 8:
        return «h1(ctx, n)»
    with CM(f"deep{n}"):
        return 1 + «deep(ctx, n + 3)»

@durable
$def even(ctx, n):
    return 1 if n <= 0 else «odd(ctx, n - 1)» + «ctx.run("even", n)»

@durable
$def odd(ctx, n):
    return 0 if n <= 0 else «even(ctx, n - 1)»

@durable
$def mk(ctx, o):
    «ctx.run("mk", 1)»
    return o
'''
