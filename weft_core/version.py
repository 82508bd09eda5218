"""The version of the distribution; pyproject.toml and ``weft version`` read it here."""

from typing import Final

VERSION: Final = "0.1.0"
