"""What the build compiled of the workflows is used by the page, and is not when the source is another one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.harness.browser import Browser
from e2e.harness.server import Server
from weft_core.frames.cache.stored import StoredModule

pytestmark = pytest.mark.first_visit

REPORT = """
import json, sys, time
sys.path.insert(0, "/weft_app")
begin = time.perf_counter()
import checkout
took = (time.perf_counter() - begin) * 1000
json.dumps({
    "cached": not hasattr(checkout.checkout.fn.__durable__.plan, "node"),
    "compiler": "weft_core.frames.compile" in sys.modules,
    "lines": checkout.checkout.fn.__durable__.lines[0].strip(), "ms": round(took, 1),
})
"""
BOOT = """
(async () => {
  const base = new URL("./weft/", location.href).href;
  const { loadInterpreter } = await import(`${base}interpreter.mjs`);
  const workflows = [new URL("./checkout.py", location.href).href];
  const { python } = await loadInterpreter({ base, workflows, activities: [] }, () => {});
  python.runPython("import weft_core");
  PREPARE
  return python.runPython(REPORT);
})()
"""


def boot(chrome: Browser, server: Server, prepare: str = "") -> dict[str, object]:
    page = chrome.tab(f"{server.url}test.html")
    answer = page.evaluate(BOOT.replace("PREPARE", prepare).replace("REPORT", json.dumps(REPORT)))
    found: dict[str, object] = json.loads(answer)
    print(found)
    return found


def test_the_page_uses_what_the_build_compiled(chrome: Browser, server: Server, site: Path) -> None:
    module = StoredModule.from_bytes((site / "checkout.weft").read_bytes())
    assert module is not None and module.text == (site / "checkout.py").read_text()
    assert all(key.startswith("cpython-314/") for key in module.compiled)
    found = boot(chrome, server)
    assert found["cached"] and not found["compiler"]


def test_the_page_does_not_use_what_was_compiled_of_other_source(chrome: Browser, server: Server) -> None:
    edit = """
      const text = python.FS.readFile("/weft_app/checkout.py", { encoding: "utf8" });
      python.FS.writeFile("/weft_app/checkout.py", "# edited\\n" + text);
    """
    found = boot(chrome, server, edit)
    assert not found["cached"] and found["lines"] == "# edited"
