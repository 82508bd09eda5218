"""Scripts as an extension may have them: no text becomes code, and every module that is loaded is named where it is.

The browser refuses the first in an extension anyway (its Content-Security-Policy has no ``'unsafe-eval'``), and nothing
here needs the second. Whoever reviews a package sees both without running it; ``web-ext lint`` warns of each place.
"""

from __future__ import annotations

import re
from pathlib import Path

from .ingredients import source_tree

PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs")

_EVAL = re.compile(r"(?<![\w.$])eval\(")
_IMPORT_OF_A_VALUE = re.compile(r"""(?<![\w.$])import\((?!["'])""")
_REFUSED = """
function refusedInExtension(){throw new EvalError("an extension runs only the code in its package");}
"""


def make_reviewable(weft: Path) -> None:
    """Change the scripts in the folder ``weft/`` of a built extension."""
    for name in PYODIDE:
        script = weft / name
        script.write_text(without_code_from_outside(script.read_text("utf-8")), "utf-8")
    packaged = source_tree() / "browser" / "packaged_module.mjs"
    (weft / "load_module.mjs").write_text(packaged.read_text("utf-8"), "utf-8")


def without_code_from_outside(script: str) -> str:
    """The script; where it would run a text or load a module by an address, it throws what the browser would throw."""
    changed, evals = _EVAL.subn("refusedInExtension(", script)
    changed, imports = _IMPORT_OF_A_VALUE.subn("refusedInExtension(", changed)
    return changed + _REFUSED if evals or imports else script
