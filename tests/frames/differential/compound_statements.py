"""The table of compound statements.

A line ``$block`` is a block of random statements, ``$loop`` one in which ``break`` and ``continue`` may stand,
``$starred`` one that no jump may leave. A line that begins with ``?`` is there sometimes, with what is under it.
"""

from __future__ import annotations

COMPOUND = {
    "compound": [
        (14, "$branch"),
        (20, "$for"),
        (9, "$while"),
        (24, "$try"),
        (8, "$with"),
        (6, "$awith"),
        (6, "$afor"),
        (8, "$match"),
        (10, "$nested"),
    ],
    "branch": [
        (3, "if $b:\n    $block\n?elif $b:\n    $block\n?else:\n    $block"),
        (1, "if ($v := $i) > $digit:\n    $block\nelse:\n    $block"),
    ],
    "while": [
        (2, "~w = 0\nwhile ~w < $digit:\n    ~w += 1\n    $loop\n?else:\n    $block"),
        (3, "~w = 0\nwhile ~w < $digit and $b:\n    ~w += 1\n    $loop\n?else:\n    $block"),
        (1, "~w = 0\nwhile (~w := ~w + 1) < 4 and «ctx.run($opname, ~w)» > 1:\n    $loop\n?else:\n    $block"),
        (1, "~w = 0\nwhile True:\n    ~w += 1\n    if ~w > $digit:\n        break  # own\n    $loop"),
    ],
    "for": [
        (4, "for $v in $src:\n    $loop\n?else:\n    $block"),
        (6, "for $v in map(num, $iterator):\n    $loop\n?else:\n    $block"),
        (3, "for ~x in $iterator:\n    $v = num(~x)\n    $loop\n?else:\n    $block"),
        (1, "for ~x in $library:\n    $v = num(~x)\n    $op\n    if $b or $i:\n        break  # own"),
        (2, "for $v, $v in d0.items():\n    $loop"),
        (2, "for $v in list(d0):\n    $loop\n?else:\n    $block"),
        (2, "for $v in d0:\n    $loop"),
        (1, "for $v in d0.values():\n    $loop"),
        (1, "for $v in reversed(d0):\n    $loop"),
        (2, "for $v in l0:\n    $loop\n    if len(l0) > 6:\n        del l0[3:]"),
        (2, "for $v, i2 in zip($l[:3], [1, 2, 3]):\n    $loop"),
        (1, "for ($v, i3) in enumerate([$i, $i]):\n    $loop"),
        (1, "for [$v, o.x] in [[1, $i], [3, 4]]:\n    $loop"),
        (1, "for ($v, *l1) in [(1, 2, 3), (4, 5)]:\n    $loop"),
        (2, "for l0[$i % len(l0)] in [1, 2]:\n    $loop"),
        (1, "for «mk(ctx, o)».y in (1, 2):\n    $loop"),
        (1, "for i3, $v in enumerate(~q for ~q in [5, 6] if ~q != i1):\n    $loop"),
        (1, "for $v, (i1, i2) in enumerate({5: 6, 7: 8}.items()):\n    $loop"),
        (1, "for $v in sorted({3, 1, $i}):\n    $loop"),
        (1, "for $v in se | {1}:\n    $loop"),
        (1, "for ~c in s0 + 'ab':\n    T(~c)\n    $loop"),
        (1, "for ~f in [lambda ~z=~q: ~z + i0 for ~q in (1, 2)]:\n    $v = ~f()\n    $loop"),
        (1, "for $v in range(0):\n    $loop\nelse:\n    $block"),
    ],
    "afor": [
        (3, "async for $v in $asrc:\n    $loop\n?else:\n    $block"),
        (1, "async for l0[$i % len(l0)] in AIter(ctx, 2):\n    $loop"),
        (1, "async for «mk(ctx, o)».y in agen(ctx, 2):\n    $loop\nelse:\n    $block"),
        (1, "ai = agen(ctx, 3)\nasync for $v in ai:\n    break  # own\n$op\nasync for $v in ai:\n    $loop"),
    ],
    "with": [
        (3, "with CM('~m', $digit % 2):\n    $block"),
        (2, "with CM('~m', 0) as $lv:\n    $block"),
        (2, "with CM('~m', $i % 2) as $v, CM('~n', 0):\n    $block"),
        (1, "with (CM('~m', «ctx.run('sup', 1)» % 2), CM('~n', 1) as ($v)):\n    $block"),
        (1, "with CM('~m', 2) as ($v, [$v, *l1]):\n    $block"),
        (1, "with CM('~m', 3):\n    $block"),
        (1, "with plainscope($i) as $v:\n    $block"),
        (1, "with plainscope($i) as $v, suppress(E1, KeyError):\n    $block"),
        (1, "with nullcontext($i) as $v:\n    $block"),
        (
            1,
            "with ExitStack() as ~s:\n    $v = ~s.enter_context(CM('~m', 0))\n"
            "    ~s.enter_context(plainscope($i))\n    $block",
        ),
        (1, "~c = CM('~m', 0)\nwith ~c, ~c as $v:\n    $block"),
    ],
    "awith": [
        (3, "async with ACM(ctx, '~m', $digit % 4):\n    $block"),
        (2, "async with ACM(ctx, '~m', «ctx.run('sup', 1)» % 2) as $lv:\n    $block"),
        (1, "async with ACM(ctx, '~m', $i % 2) as $v, ACM(ctx, '~n', 3):\n    $block"),
        (1, "async with ACM(ctx, '~m', 1), ACM(ctx, '~n', 0) as o.x:\n    $block"),
        (2, "async with Saga(ctx) as ~s:\n    ~s.undo('undo', $i)\n    $block\n    ~s.undo('other', $i)"),
        (1, "async with mx:\n    $block"),
        (2, "async with scope(ctx, $i) as $v:\n    $block\n    ?$trouble"),
        (1, "async with scope(ctx, $i), scope(ctx, $i) as $v:\n    $block"),
        (1, "async with aclosing(agen(ctx, 3)) as ~g:\n    async for $v in ~g:\n        $loop"),
        (
            1,
            "async with AsyncExitStack() as ~s:\n    $v = await ~s.enter_async_context(scope(ctx, $i))\n"
            "    ~s.enter_context(CM('~m', 1))\n    $block",
        ),
        (
            1,
            "async with ctx.group() as ~g:\n    await ~g.start(h1(ctx, $i))\n"
            "    await ~g.start(rec(ctx, 2))\n    $block",
        ),
        (1, "async with managed(ctx, $digit) as $v:\n    $block"),
    ],
    "exc": [
        (2, "E1"),
        (2, "E2"),
        (2, "ValueError"),
        (1, "(KeyError, ZeroDivisionError)"),
        (2, "Exception"),
        (1, "E3"),
        (1, "(NameError, (TypeError, E1))"),
        (1, "ExceptionGroup"),
    ],
    "trouble": [
        (2, "$raise"),
        (1, "1 / 0"),
        (1, "T(undefined_name)"),
        (1, "raise KeyError('k')"),
        (1, "o.missing"),
        (1, "[][$i]"),
        (1, "«ctx.run('fail', $i)»"),
    ],
    "caught": [
        (4, "T(('caught', type(e).__name__, e))"),
        (1, "e = $i\nT(e)"),
        (1, "del e"),
        (1, "ex = e\n$op"),
        (1, "e.add_note($s)\n$op\nT(e)"),
        (1, "T((e.__cause__, e.__context__, e.__suppress_context__))\n$op\nT(e)"),
        (1, "$op\nT(sys.exc_info()[1] is e)"),
        (1, "$op\nT(lines(e))"),
    ],
    "again": [
        (3, "raise"),
        (1, "raise E1('again')"),
        (1, "raise E2('from') from None"),
        (1, "raise E3(2, 3) from ValueError('c')"),
        (1, "raise E1('x') from ex"),
        (2, "pass"),
    ],
    "try": [
        (
            6,
            "try:\n    $block\n    ?$trouble\nexcept $exc as e:\n    $caught\n    $block\n    ?$again\n"
            "?else:\n    $block",
        ),
        (3, "try:\n    $block\n    ?$trouble\nexcept $exc:\n    $block\n    ?$again\n?finally:\n    $block"),
        (
            3,
            "try:\n    $block\n    ?$trouble\nexcept $exc as e:\n    $caught\n    $block\n"
            "except $exc as e:\n    $block\n    ?$again\n"
            "?else:\n    $block\nfinally:\n    $block",
        ),
        (2, "try:\n    $block\n    ?$trouble\nexcept $exc as e:\n    $caught\nexcept:\n    $block\n    ?$again"),
        (5, "try:\n    $block\n    ?$trouble\nfinally:\n    $block"),
        (1, "try:\n    $block\n    ?$trouble\nfinally:\n    $block\n    return $i"),
        (1, "try:\n    $block\n    return $i\nfinally:\n    $block"),
        (
            1,
            "try:\n    $trouble\nexcept Exception as e:\n    try:\n        $block\n        $trouble\n"
            "    except $exc as f:\n        T((e, f))\n        $block\n        ?$again",
        ),
        (
            1,
            "while True:\n    try:\n        $block\n        ?$trouble\n    finally:\n        $block\n"
            "        break  # own",
        ),
        (
            9,
            "try:\n    $starred\n    ?$troubles\nexcept* $star as eg:\n    T(eg)\n    $starred\n    ?$againstar\n"
            "?except* Exception as eg:\n    $starred\n    T(eg)\n    ?$againstar\n?else:\n    $block\n"
            "?finally:\n    $block",
        ),
        (4, "try:\n    $starred\n    ?$troubles\nexcept* $star:\n    $starred\n    T(sys.exc_info()[1])"),
    ],
    "star": [(2, "E1"), (2, "ValueError"), (1, "(KeyError, TypeError)"), (1, "Exception")],
    "troubles": [
        (2, "raise ExceptionGroup('g', [E1($i), KeyError(4), E2(5)])"),
        (1, "raise ExceptionGroup('g', [ExceptionGroup('h', [ValueError($i), E1(2)]), TypeError('t')]) from ex"),
        (1, "raise ValueError($i)"),
        (1, "$trouble"),
    ],
    "againstar": [
        (2, "raise"),
        (1, "raise E1('in star')"),
        (1, "raise E1('in star') from eg"),
        (1, "raise eg"),
    ],
    "subject": [
        (3, "$i"),
        (2, "[$i, $i]"),
        (1, "($i, $l)"),
        (1, "{'k': $i, 'z': 2}"),
        (2, "o"),
        (1, "$l"),
        (1, "nt"),
        (1, "en"),
        (1, "«mk(ctx, o)»"),
        (1, "$s"),
        (1, "($i if $b else None)"),
    ],
    "pattern": [
        (1, "0"),
        (1, "1 | 2"),
        (1, "int()"),
        (1, "int(~p)"),
        (1, "[~p, ~q]"),
        (1, "[1, *~p]"),
        (1, "(~p, [])"),
        (1, "{'k': ~p, **~q}"),
        (1, "Obj(x=~p)"),
        (1, "Obj(~p, 2)"),
        (1, "[]"),
        (1, "str()"),
        (1, "-1"),
        (1, "[[1, ~p], _]"),
        (1, "{'k': (1 | 2) as ~p}"),
        (1, "Obj(x=1, y=~p)"),
        (1, "Pair(p=~p) | Pair(q=~p)"),
        (1, "Color.RED | Color.BLUE as ~p"),
        (1, "None | True"),
        (1, "[*_, ~p]"),
        (1, "'ab' | \"s\""),
    ],
    "match": [
        (
            3,
            "match $subject:\n    case $pattern:\n        $block\n    ?case $pattern if $b:\n"
            "        $block\n    ?case _:\n        $block",
        ),
        (
            2,
            "match $subject:\n    case $pattern if $b:\n        $block\n    case $pattern:\n        $block\n"
            "    case ~z:\n        T(~z)\n        $block",
        ),
        (
            2,
            "match $subject:\n    case ~z if «ctx.run($opname, 3)» > $i:\n        T(~z)\n        $block\n"
            "    case Obj(~p) if ⟨in p|$b⟩:\n        $block",
        ),
        (
            1,
            "match $i:\n    case 0 | 1:\n        $block\n    case ~z if ⟨in z|$b⟩ and ~z > 1:\n"
            "        $v = ~z\n        $block",
        ),
    ],
}
