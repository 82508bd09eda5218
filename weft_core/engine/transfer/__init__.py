"""A whole store as one file, and back: docs/export.md."""

from weft_core.engine.transfer.exporting import export_store
from weft_core.engine.transfer.importing import Import, check_export, import_store

__all__ = ["Import", "check_export", "export_store", "import_store"]
