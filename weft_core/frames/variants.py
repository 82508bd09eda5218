"""What is made of a function only when it is needed: its resume variant; the tree, if it came from the cache."""

from __future__ import annotations

from types import CodeType

from weft_core.frames.cache.thaw import thaw_resume_code
from weft_core.frames.durable import planned
from weft_core.frames.plan import Plan
from weft_core.frames.source.find import SourceFile


def resume_code(p: Plan) -> CodeType:
    """The resume variant of a durable plan (see :func:`weft_core.frames.compile.resume_code`)."""
    if p.resume_code is not None:
        return p.resume_code
    if p.stored_resume is not None:
        return thaw_resume_code(p)
    from weft_core.frames import compile as compiler  # imported when first needed, see durable.py

    return compiler.resume_code(p)


def with_tree(p: Plan) -> Plan:
    """The same plan with its syntax tree and analysis, for questions that the build-time cache does not answer."""
    if hasattr(p, "node"):
        return p
    root = p.root
    if root.with_tree is None:
        file = SourceFile(root.filename, list(root.lines), "".join(root.lines))
        root.with_tree = planned(root.key, root.fn.__wrapped_source__, file)
    return root.with_tree.plans[p.path]
