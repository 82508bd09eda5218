"""Identity of suspension points."""

from .compile import label_sig, stmt_hash

__all__ = ["label_sig", "stmt_hash"]
