"""The generator form has equal power."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


class Box:
    def __init__(self, total):
        self.total = total

    @durable
    def add(self, ctx, n):
        self.total += yield from ctx.run("add", n)
        return self.total


register(Box)


@durable
def helper(ctx, n, *, k=1, **more):
    try:
        got = yield from ctx.run("helper", n)
        if got > 6:
            raise ValueError(got)
        return got + k + len(more)
    finally:
        T(("fin", (yield from ctx.run("fin", n))))


@durable
def wf(ctx):
    out, box = [], Box(1)
    for i in range(4):
        try:
            out.append((yield from helper(ctx, i, k=(yield from ctx.run("k", i)), more=i)))
        except ValueError as e:
            out.append(e.args)
        else:
            out.append((yield from box.add(ctx, i)))
    n = 0
    while (n := n + 1) < 3 and (yield from ctx.run("while", n)) != 99:
        match (yield from ctx.run("match", n)), n:
            case (a, 1) if (yield from ctx.run("guard", a)) > 0:
                out.append(a)
            case _:
                out.append("other")

    def nested(x):
        nonlocal n
        n += yield from ctx.run("nested", x)
        return n

    out.append((yield from nested(1)) + (yield from nested(2)))
    out.append((yield ctx.run("bare", 3)))
    return out, box.total, (yield from ctx.gather(helper(ctx, 1, k=0), nested(3)))
