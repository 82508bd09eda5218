"""Fixtures of the real-browser tests. A missing browser fails them; it never skips them."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright, expect

EXPECTED_WITHIN_MS = 60_000
"""What is to be seen may wait for a processor."""
BuiltOnce = Callable[[str, Callable[[Path], object]], Path]
ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # the tests import e2e.harness also when pytest is not started as a module
    sys.path.insert(0, str(ROOT))

from e2e.beside import Beside  # noqa: E402
from e2e.gate import Gate  # noqa: E402
from e2e.harness.browser import Browser  # noqa: E402
from e2e.harness.engines import AnyBrowser, Launch  # noqa: E402
from e2e.harness.extension import ExtensionBrowser, rest, snapshots  # noqa: E402
from e2e.harness.firefox import Firefox  # noqa: E402
from e2e.harness.hook import Hook  # noqa: E402
from e2e.harness.server import Server  # noqa: E402
from e2e.harness.visits import Visits  # noqa: E402
from e2e.harness.webkit import Display, WebKit  # noqa: E402
from e2e.harness.wire import Wire  # noqa: E402
from tests.example_programs import PROGRAMS  # noqa: E402

TEST_TIMEOUT_S = 300
"""A test that hangs is ended. On a busy machine the longest take minutes."""


def pytest_configure(config: pytest.Config) -> None:
    """Share the tests out, if there is more than one process; count the scenarios of the run."""
    expect.set_options(timeout=EXPECTED_WITHIN_MS)
    beside = Beside(config)
    config.pluginmanager.register(beside)
    config.pluginmanager.register(Gate(beside.folder), "weft-gate")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests in browsers have longer than others, unless somebody says how long."""
    for item in items:
        ours = item.path.is_relative_to(ROOT / "e2e") and not item.get_closest_marker("timeout")
        if ours and config.getoption("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_TIMEOUT_S))


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> str:
    """The browser under test: $WEFT_CHROMIUM, Playwright's own, or the system's."""
    named = os.environ.get("WEFT_CHROMIUM")
    own = playwright.chromium.executable_path
    found = named or (own if Path(own).exists() else None) or shutil.which("chromium") or shutil.which("google-chrome")
    if not found or not Path(found).exists():
        pytest.fail(f"no Chromium at {named or own}: `make test` installs one, or set WEFT_CHROMIUM", pytrace=False)
    return found


@pytest.fixture(scope="session")
def firefox() -> str:
    """The Firefox under test: $WEFT_FIREFOX, or the system's."""
    found = os.environ.get("WEFT_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
    if not found or not Path(found).exists():
        pytest.fail("no Firefox: `make test` installs one, or set WEFT_FIREFOX", pytrace=False)
    return found


@pytest.fixture(scope="session")
def webkit() -> Iterator[Callable[[Path], WebKit]]:
    """WebKitGTK's MiniBrowser, on a display of its own: gives a browser for a profile folder."""
    places = [
        path for root in ("/usr/lib", "/usr/libexec") for path in Path(root).glob("**/webkit2gtk-4.*/MiniBrowser")
    ]
    browser, xvfb = os.environ.get("WEFT_WEBKIT") or next(map(str, places), None), shutil.which("Xvfb")
    if not browser or not Path(browser).exists():
        pytest.fail("no WebKitGTK with its MiniBrowser: `make test` installs one, or set WEFT_WEBKIT", pytrace=False)
    if not xvfb:
        pytest.fail("no Xvfb for WebKitGTK to be on: `make test` installs one", pytrace=False)
    display = Display(xvfb)
    yield lambda profile: WebKit(browser, display, profile)
    display.close()


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> BuiltOnce:
    """``built_once(name, make)``: a folder that ``make`` fills, for all processes of this run."""
    own = tmp_path_factory.getbasetemp()
    root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def once(name: str, make: Callable[[Path], object]) -> Path:
        out = root / f"built-{name}"
        with out.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not out.exists():
                half = out.with_suffix(".half")
                make(half)
                half.rename(out)
        return out

    return once


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, built_once: BuiltOnce) -> Path:
    """The demo, built as `make demo` builds it, plus the tests' own page and workflows."""
    from weft_browser.build import build

    page = tmp_path_factory.mktemp("page")
    for source in (ROOT / "browser" / "demo", ROOT / "e2e" / "site"):
        shutil.copytree(source, page, dirs_exist_ok=True)
    workflows = [ROOT / "examples" / "checkout.py", ROOT / "examples" / "checkout_browser.py"]
    workflows += [ROOT / "e2e" / "harness" / name for name in ("everything.py", "tab_runs.py", "reviewed.py")]
    workflows += [*sorted((ROOT / "e2e" / "workflows").glob("*.py")), ROOT / "tests" / "golden" / "parked.py"]
    return built_once("site", lambda out: build(out, page=page, workflows=workflows))


@pytest.fixture(scope="session")
def visits(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Visits:
    """The sites below, each on a port that it keeps while this process tests."""
    folder = tmp_path_factory.mktemp("visits")
    return Visits(lambda profile: Browser(*map(request.getfixturevalue, ("playwright", "chromium")), profile), folder)


@pytest.fixture
def server(site: Path, tmp_path: Path, visits: Visits) -> Iterator[Server]:
    """The site, and the shop that counts effects."""
    server = Server(site, tmp_path / "shop.jsonl", port=visits.port(site)).start()
    yield server
    server.stop()


@pytest.fixture
def wire() -> Iterator[Wire]:
    """The line from a page to the server that its runs go to."""
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def wired(site: Path, tmp_path: Path, visits: Visits, wire: Wire) -> Iterator[Server]:
    """As ``server``; its page may also call what is at the other end of the wire."""
    server = Server(site, tmp_path / "shop.jsonl", port=visits.port(site))
    server.connect = (wire.url,)
    yield server.start()
    server.stop()


SITES = {"server": "site", "wired": "site", "examples": "examples_site", "shop": "storage_site"}
"""What the fixtures serve."""


@pytest.fixture
def profile(request: pytest.FixtureRequest, visits: Visits, tmp_path: Path) -> Callable[[str], Path]:
    """A profile for a Chromium: of one who has been here, which left nothing but the snapshot; or of a first visit."""

    def make(name: str) -> Path:
        for served, site in SITES.items():
            if served in request.fixturenames and not request.node.get_closest_marker("first_visit"):
                return visits.copy_profile(request.getfixturevalue(site), tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def browser_on(
    playwright: Playwright, chromium: str, profile: Callable[[str], Path]
) -> Iterator[Callable[[str], Browser]]:
    """Launch a browser on a named profile of its own."""
    browsers: list[Browser] = []

    def launch(name: str = "profile") -> Browser:
        browser = Browser(playwright, chromium, profile(name))
        browsers.append(browser)
        return browser.launch()

    yield launch
    for browser in browsers:
        browser.close()


@pytest.fixture
def chrome(browser_on: Callable[[str], Browser]) -> Browser:
    """A browser on a profile of its own."""
    return browser_on("profile")


@pytest.fixture(scope="session")
def used_firefox(playwright: Playwright, firefox: str, built_once: BuiltOnce) -> Path:
    """A profile on which Firefox has been started once: the first start does twice the work of another."""
    return built_once("used-firefox", lambda profile: Firefox(playwright, firefox, profile).launch().close())


@pytest.fixture
def launch(
    request: pytest.FixtureRequest, playwright: Playwright, tmp_path: Path, profile: Callable[[str], Path]
) -> Iterator[Launch]:
    """Launch a browser of any engine on a named profile of its own; options are those of its class."""
    browsers: list[AnyBrowser] = []

    def start(engine: str, name: str = "profile", **options: Any) -> AnyBrowser:
        found, folder = request.getfixturevalue(engine), f"{engine}-{name}"
        if engine == "webkit":
            browser: AnyBrowser = found(tmp_path / folder, **options)
        elif engine == "firefox":
            used = request.getfixturevalue("used_firefox")
            browser = Firefox(playwright, found, shutil.copytree(used, tmp_path / folder, symlinks=True), **options)
        else:
            browser = Browser(playwright, found, profile(folder), **options)
        browsers.append(browser)
        return browser.launch()

    yield start
    for browser in browsers:
        browser.close()


@pytest.fixture
def any_browser(engine: str, launch: Launch) -> AnyBrowser:
    """The browser that a test is run in which is marked with ``@engines(...)``, on a fresh profile."""
    return launch(engine)


@pytest.fixture(scope="session")
def examples_site(tmp_path_factory: pytest.TempPathFactory, built_once: BuiltOnce) -> Path:
    """One site with every example in it, and with the workflows of test_page_verbs.py."""
    from weft_browser.build import build

    page = tmp_path_factory.mktemp("page")
    shutil.copytree(ROOT / "e2e" / "site", page, dirs_exist_ok=True)
    shutil.copyfile(page / "test.html", page / "index.html")
    workflows = [*(program.path for program in PROGRAMS), ROOT / "e2e" / "every_verb.py"]
    return built_once("examples", lambda out: build(out, page=page, workflows=workflows))


@pytest.fixture
def examples(examples_site: Path, tmp_path: Path, visits: Visits) -> Iterator[Server]:
    """It is served."""
    server = Server(examples_site, tmp_path / "shop.jsonl", port=visits.port(examples_site)).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def storage_site(tmp_path_factory: pytest.TempPathFactory, built_once: BuiltOnce) -> Path:
    """The site of the tests that hurt its store: see e2e/harness/storage.py."""
    from e2e.harness.storage import build_site

    return built_once("storage", lambda out: build_site(out, tmp_path_factory.mktemp("storage-page")))


@pytest.fixture
def shop(storage_site: Path, tmp_path: Path, visits: Visits) -> Iterator[Server]:
    """It is served."""
    server = Server(storage_site, tmp_path / "shop.jsonl", port=visits.port(storage_site)).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def extension(built_once: BuiltOnce) -> Path:
    """The extension for Chromium, unpacked, with a page that asks nothing of it."""
    from weft_browser.extension import build_extension

    def make(out: Path) -> None:
        build_extension(out, source=ROOT / "web_extension")
        (out / "blank.html").write_text("<!doctype html><title>Nothing</title>", "utf-8")

    return built_once("extension", make)


@pytest.fixture
def hook() -> Iterator[Hook]:
    """What clips are of, and where they go."""
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture(scope="session")
def known_extension(playwright: Playwright, chromium: str, extension: Path, built_once: BuiltOnce) -> Path:
    """A profile in which the extension has been used: its next engine starts from a snapshot, as on most days."""

    def make(profile: Path) -> None:
        browser = ExtensionBrowser(playwright, chromium, profile, extension).launch()
        page = browser.open("blank.html")
        rest(browser, page)  # the engine that came with the installation
        assert len(snapshots(page)) == 1, "it ended without a snapshot"
        browser.close()

    return built_once("known-extension", make)


@pytest.fixture
def clipper(
    playwright: Playwright, chromium: str, tmp_path: Path, extension: Path, known_extension: Path
) -> Iterator[ExtensionBrowser]:
    """A Chromium with the extension in it."""
    profile = shutil.copytree(known_extension, tmp_path / "profile", symlinks=True)
    browser = ExtensionBrowser(playwright, chromium, profile, extension).launch()
    yield browser
    browser.close()
