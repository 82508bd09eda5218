"""Locating the source text of a function."""

from .compile import kind_of, locate, uses_private

__all__ = ["kind_of", "locate", "uses_private"]
