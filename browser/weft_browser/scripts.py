"""The scripts of a site: what lies in two folders of the source tree lies in one, and a browser asks for it at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

NOT_IN_A_SITE = {"sw.mjs", "sw_remove.mjs", "react.mjs", "packaged_module.mjs"}
"""The Service Worker lies beside the page, React's hooks are for bundlers, the last is for extensions.
Every other script is in ``weft/``."""
ENTRIES = ("client.mjs", "connection.mjs", "panel.mjs", "worker.mjs", "snapshot_worker.mjs")
"""What pages and workers load; the rest is imported by these."""

_FOLDER = re.compile(r'(from "|import "|import\(")(?:\.\./(?:browser|service_worker)/|\./)')
_IMPORTED = re.compile(r'^(?:import|export)(?:\b[^"]*\bfrom)? "\./([^"]+\.mjs)";', re.MULTILINE)


def in_one_folder(script: str, folder: str = "./") -> str:
    """The script, when all that it imports lies in ``folder``."""
    return _FOLDER.sub(rf"\1{folder}", script)


def of_site(tree: Path) -> dict[str, str]:
    """Every script of ``weft/``, by name."""
    paths = [path for part in ("browser", "service_worker") for path in sorted((tree / part).glob("*.mjs"))]
    scripts = {path.name: in_one_folder(path.read_text("utf-8")) for path in paths if path.name not in NOT_IN_A_SITE}
    return {name: _asked_at_once(name, scripts) if name in ENTRIES else text for name, text in scripts.items()}


def imports_of(script: str) -> list[str]:
    """The names that a script of the site imports, in their order."""
    return _IMPORTED.findall(script)


def _asked_at_once(name: str, scripts: Mapping[str, str]) -> str:
    """The script, which imports last whatever its imports import, too. Nothing runs earlier or later for it.

    A browser sees what a module imports when it has that module. Without this a worker starts after six round trips,
    one after the other, with it after two.
    """
    text = scripts[name]
    direct = imports_of(text)
    reached = list(direct)
    for module in reached:  # grows meanwhile
        reached += [found for found in imports_of(scripts.get(module, "")) if found not in reached and found != name]
    more = [module for module in reached if module not in direct and module in scripts]
    return text + "".join(f'import "./{module}";\n' for module in more)
