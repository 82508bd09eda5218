"""An export: all rows of a store as one file that is written and read piece by piece. docs/export.md has its layout."""

from weft_core.codec.dump.layout import FORMAT, Header, Trailer
from weft_core.codec.dump.pages import rows_of
from weft_core.codec.dump.reader import DumpReader, Page
from weft_core.codec.dump.writer import DumpWriter

__all__ = ["FORMAT", "DumpReader", "DumpWriter", "Header", "Page", "Trailer", "rows_of"]
