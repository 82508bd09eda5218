"""The resume variant of a function: compiled when a checkpoint first needs it, or taken from the build-time cache."""

from __future__ import annotations

from types import CodeType

from .plan import Plan
from .thaw import thaw_resume_code


def resume_code(p: Plan) -> CodeType:
    """The resume variant of a durable plan (see :func:`weft_core.frames.compile.resume_code`)."""
    if p.resume_code is not None:
        return p.resume_code
    if p.stored_resume is not None:
        return thaw_resume_code(p)
    from . import compile as compiler  # imported when first needed, see durable.py

    return compiler.resume_code(p)
