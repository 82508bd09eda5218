"""The npm package, as its users meet it: packed, installed from the tarball, bundled by Vite or by nobody, and run."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from e2e.harness.browser import Browser
from e2e.harness.npm import ROOT, dev_server, make_package, run, tool, unpack, vite_app
from e2e.harness.report import told
from e2e.harness.server import Server

BOOT_MS = 40_000
WELCOME = ROOT / "examples" / "welcome.py"


@pytest.fixture(scope="module")
def tarball(built_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    (tarball,) = built_once("npm", make_package).glob("*.tgz")
    return tarball


@pytest.fixture
def serving(tmp_path: Path) -> Callable[[Path], Server]:
    """Serve a folder under the strict policy of the demo's server."""
    servers: list[Server] = []

    def serve(folder: Path) -> Server:
        servers.append(Server(folder, tmp_path / "shop.jsonl").start())
        return servers[-1]

    yield serve
    for server in servers:
        server.stop()


def greet(page: Page, name: str) -> None:
    """Ask the page to run the workflow ``welcome``, and see what it returned."""
    expect(page.get_by_role("button", name="Greet")).to_be_enabled(timeout=BOOT_MS)
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Greet").click()
    expect(page.locator("#greeting")).to_have_text(f"Hello, {name}!", timeout=BOOT_MS)


HEARS_OF_AN_UPDATE = """async ([v, build]) => {
  const same = { type: "module", updateViaCache: "none" };
  await navigator.serviceWorker.register("sw.mjs", same);  // the client did so before, and listens since then
  const reloads = [];
  navigation.addEventListener("navigate", (event) => reloads.push(event.navigationType));
  const site = new BroadcastChannel("weft-site:/");
  const post = (step) => site.postMessage({ v, t: "update", step, build, patience: 0 });
  const drained = new Promise((resolve) => (site.onmessage = ({ data }) => data.step === "drained" && resolve()));
  post("reload");
  post("drain");
  await drained;
  post("resume");
  return reloads;
}"""
HIDDEN = """async () => {
  if (tails() < 2) throw new Error("nothing is followed");
  [...document.querySelectorAll("button")].find((button) => button.textContent === "Hide").click();
  const end = performance.now() + 30_000;
  while (tails() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve));
  return tails();
}"""


def updated(page: Page, dist: Path) -> None:
    """A tab that an update finds new already goes on, one of another build reloads: though no client that a bundler
    packed carries its build."""
    (protocol,) = re.findall(r"PROTOCOL = (\d+)", (dist / "weft" / "protocol.mjs").read_text())
    build = json.loads((dist / "weft" / "manifest.json").read_text())["build"]
    assert page.evaluate(HEARS_OF_AN_UPDATE, [int(protocol), build]) == []
    with page.expect_navigation():
        page.evaluate(f"args => void ({HEARS_OF_AN_UPDATE})(args)", [int(protocol), "of-tomorrow"])


def test_publint_and_attw_find_nothing(tarball: Path) -> None:
    """Types and files are where `exports` says, for bundlers and for Node's own resolution of ES modules."""
    tool("publint", "--strict", str(tarball), cwd=tarball.parent)
    tool("attw", "--profile", "esm-only", "--no-color", str(tarball), cwd=tarball.parent)


def test_the_package_holds_the_scripts_of_a_built_site_their_types_and_nothing_of_this_machine(
    tarball: Path, site: Path
) -> None:
    package = tarball.parent / "package"
    described = json.loads((package / "package.json").read_text())
    assert not {"private", "scripts", "dependencies", "devDependencies"} & set(described)
    build = json.loads((site / "weft" / "manifest.json").read_text())["build"]
    for path in (site / "weft").glob("*.mjs"):
        if not path.name.startswith("pyodide"):
            ours, sites = (package / path.name).read_text(), path.read_text().replace(build, "@WEFT_BUILD@")
            assert sites.startswith(ours), path.name
            assert re.fullmatch(r'(import "\./\w+\.mjs";\n)*', sites.removeprefix(ours)), "what a site asks for at once"
    for entry in described["exports"].values():
        for file in [entry] if isinstance(entry, str) else entry.values():
            assert (package / file).is_file(), file
    lock = (ROOT / "browser" / "package-lock.json").read_text() + (ROOT / "e2e/vite_app/package-lock.json").read_text()
    assert '"resolved"' not in lock, "a lockfile names no host"
    assert not re.search(rb"\bimport\b[^;]*\bfrom \"\.\./", b"".join(p.read_bytes() for p in package.glob("*.mjs")))


def test_a_fresh_vite_app_installs_the_package_checks_its_types_and_runs_a_workflow_also_offline(
    chrome: Browser, serving: Callable[[Path], Server], tarball: Path, tmp_path: Path
) -> None:
    """docs/npm.md, followed to the letter. Bundlers rewrite what they see: assets that they do not know break (pyodide
    #6162, #5856, #4504, #4020), so Weft's lie beside the page as static files. Vite's development server
    takes a method that is named ``import`` for an import expression (vite #22750)."""
    begun = time.monotonic()
    app = vite_app(tmp_path / "app", tarball, [WELCOME])
    installed = time.monotonic() - begun
    with dev_server(app) as address:
        page = chrome.tab(address)
        greet(page, "Edsger")
        page.close()
    developed = time.monotonic() - begun - installed
    run("npm", "run", "check", cwd=app)
    run("npm", "run", "build", cwd=app)
    built = time.monotonic() - begun - installed - developed

    server = serving(app / "dist")
    page = chrome.tab(server.url)
    greet(page, "Ada")
    expect(page.locator("#states")).to_have_text("running, completed")
    expect(page.locator("#counts")).to_have_text("6 events, 1 runs")
    expect(page.locator("weft-panel").get_by_role("button", name="welcome")).to_contain_text("done")
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    left = page.evaluate(HIDDEN)
    page.reload()
    greet(page, "Alan")
    server.kill()
    updated(page, app / "dist")
    greet(page, "Grace")
    assert not [line for line in chrome.console if line.startswith("error")], chrome.console
    told(
        "vite app",
        install_s=round(installed, 1),
        development_server_s=round(developed, 1),
        check_and_build_s=round(built, 1),
        servers_killed=1,
        runs=4,
        tails_left=left,
    )
    assert left == 0, "what the hooks and the panel follow ends with the components"


def test_a_page_without_a_bundler_loads_the_unpacked_tarball(
    chrome: Browser, serving: Callable[[Path], Server], tarball: Path, tmp_path: Path
) -> None:
    page_folder = tmp_path / "page"
    shutil.copytree(ROOT / "e2e" / "no_bundler", page_folder)
    shutil.move(unpack(tarball, tmp_path), page_folder / "vendor")
    run("weft", "browser", "build", "site", "--page", "page", "--workflow", str(WELCOME), cwd=tmp_path)
    requests = chrome.note_requests()
    page = chrome.tab(serving(tmp_path / "site").url)
    greet(page, "Ada")
    assert any(address.endswith("/vendor/client.mjs") for address in requests)


def test_a_page_that_a_bundler_made_is_built_in_place_and_again(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>made by a bundler</title>")
    build = ("weft", "browser", "build", "dist", "--page", "dist", "--workflow", str(WELCOME))
    (tmp_path / "dist").mkdir()
    shutil.move(tmp_path / "index.html", tmp_path / "dist" / "index.html")

    def sealed() -> dict[str, str]:
        run(*build, cwd=tmp_path)
        manifest = json.loads((tmp_path / "dist" / "weft" / "manifest.json").read_text())
        return {asset["path"]: asset["sha256"] for asset in manifest["assets"]}

    first = sealed()
    assert {"index.html", "welcome.py", "welcome.weft", "weft/client.mjs"} <= set(first)
    assert "sw.mjs" not in first
    assert sealed() == first, "what an earlier build left is no part of the page"
