"""What a page imports Weft from: a pack in which every module is compiled, and the methods of its dataclasses too."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import weft_core

BROWSER = Path(__file__).resolve().parent.parent / "browser" / "weft_browser"

MAKE = """
import sys, zipfile
sys.path.insert(0, sys.argv[1])
import precompile
with zipfile.ZipFile(sys.argv[2]) as source:
    packed = precompile.own({name: source.read(name) for name in source.namelist()})
with open(sys.argv[3], "wb") as file:
    file.write(packed)
"""
IMPORT = """
import dataclasses, gc, inspect, json, sys, traceback
sys.path.insert(0, sys.argv[1])
from weft_browser import packed
importer = packed.Importer(sys.argv[1])
packed.use(importer)
texts = []
quick = dataclasses.exec
def watched(text, namespace, local):
    if isinstance(importer.compiled(namespace["__name__"], text), str):
        texts.append(namespace["__name__"])
    quick(text, namespace, local)
dataclasses.exec = watched
engine = packed.load("weft_core.engine")
collects = gc.isenabled()
importer.forget()  # as a memory snapshot does
from weft_core.frames import durable_contexts
from weft_core.model.queues import queue
@dataclasses.dataclass(frozen=True)
class Unknown:
    a: int = 1
try:
    queue("")
except Exception as error:
    places = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
ours = [module for name, module in sys.modules.items() if name.partition(".")[0] == "weft_core"]
print(json.dumps({
    "loaders": sorted({type(module.__loader__).__name__ for module in ours}), "count": len(ours), "collects": collects,
    "texts": texts, "repr": repr(Unknown(2)), "places": places, "file": engine.__file__, "path": list(engine.__path__),
    "source": inspect.getsource(durable_contexts), "nowhere": importer.find_spec("weft_core.nowhere"),
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A process that has imported the engine from a pack."""
    folder = tmp_path_factory.mktemp("pack")
    source, pack = folder / "source.zip", folder / "pack.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for root in (Path(weft_core.__file__).parent, BROWSER):
            for path in sorted(root.rglob("*.py")):
                archive.write(path, f"{root.name}/{path.relative_to(root).as_posix()}")
    for script, *paths in ((MAKE, BROWSER, source, pack), (IMPORT, pack)):
        done = subprocess.run([sys.executable, "-c", script, *map(str, paths)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_every_module_comes_from_the_pack(found: dict[str, Any]) -> None:
    assert found["loaders"] == ["Importer"] and found["count"] > 100
    assert found["file"] == "/lib/weft.zip/weft_core/engine/__init__.pyc"
    assert found["path"] == ["/lib/weft.zip/weft_core/engine"] and found["nowhere"] is None
    assert found["collects"], "the garbage collector works again when the imports are done"


def test_no_dataclass_of_ours_is_compiled_when_it_is_imported_and_another_is_as_ever(found: dict[str, Any]) -> None:
    assert set(found["texts"]) == {"__main__"} and found["repr"] == "Unknown(a=2)"


def test_a_module_with_durable_functions_brings_its_text(found: dict[str, Any]) -> None:
    path = Path(weft_core.__file__).parent / "frames" / "durable_contexts.py"
    assert found["source"] == path.read_text("utf-8")


def test_a_traceback_names_the_file_in_the_pack(found: dict[str, Any]) -> None:
    assert "/lib/weft.zip/weft_core/model/queues.py" in found["places"]
