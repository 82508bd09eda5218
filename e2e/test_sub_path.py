"""A site below another path, under the strictest policy that it allows, beside pages that mean it no good."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.editions import EXAMPLES, edition, publish
from e2e.harness.pages import CHECKOUT_ALONE, call, offline_ready, open_weft, order, until
from e2e.harness.report import told
from e2e.harness.server import Server

PATH = "shops/weaving/"
HEARD_WITHIN_S = 30
POLICY = "script-src 'self' 'wasm-unsafe-eval'"
THE_POLICY = "fetch(location.href).then((answer) => answer.headers.get('Content-Security-Policy'))"
SEE_VIOLATIONS = """globalThis.weftViolations = [];
document.addEventListener("securitypolicyviolation", (event) => weftViolations.push(event.blockedURI));"""
BREAK_THE_POLICY = """weftUntil(() => {
  const script = document.createElement("script");
  script.src = "https://elsewhere.example/script.mjs";
  document.body.append(script);
  return weftViolations.length;
}, null, 30000)"""
ATTACK = """(scope) => new Promise(async (resolve) => {
  const found = await navigator.serviceWorker.getRegistration(scope);
  const answers = [];
  for (const worker of [found.waiting, found.active]) {
    for (const t of ["activate", "store-port", "build"]) {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => answers.push(data.error?.code) === 6 && resolve(answers);
      worker.postMessage({ v: 2, t }, [port2]);
    }
  }
})"""
STATES = """navigator.serviceWorker.getRegistration().then(({ waiting, active }) => [waiting?.state, active?.state])"""


def heard(chrome: Browser, page: Page, *words: str) -> None:
    """Wait until a line with these words is in the browser's console: a service worker's comes when it comes."""
    deadline = time.monotonic() + HEARD_WITHIN_S
    while not any(all(word in line for word in words) for line in chrome.console):
        assert time.monotonic() < deadline, (words, chrome.console)
        page.wait_for_timeout(20)


@pytest.fixture(scope="module")
def editions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("editions")
    return [edition(folder, name, [EXAMPLES / "checkout.py"]) for name in ("first", "second")]


@pytest.fixture
def server(editions: list[Path], tmp_path: Path) -> Iterator[Server]:
    """The first edition below ``PATH``; at the root there are others' pages."""
    publish(editions[0], tmp_path / "www" / PATH)
    for name in ("index.html", "other.html"):
        (tmp_path / "www" / name).write_text("<!doctype html><title>Another site of this origin</title>")
    server = Server(tmp_path / "www", tmp_path / "shop.jsonl").start()
    yield server
    server.stop()


@pytest.mark.scenario(27)
def test_a_site_on_a_sub_path_under_the_strictest_policy_asks_nobody_else_for_anything(
    chrome: Browser, server: Server
) -> None:
    """jupyterlite, pyscript #1364: sub-paths, headers and CDNs are the first walls that newcomers hit."""
    assert chrome.context is not None
    chrome.context.add_init_script(SEE_VIOLATIONS)
    requests = chrome.note_requests()
    page = open_weft(chrome, server.url + PATH, **CHECKOUT_ALONE)
    policy = page.evaluate(THE_POLICY)
    assert POLICY in policy and "unsafe-inline" not in policy
    offline_ready(page)
    first = call(page, "start", "checkout", [order("P-1", confirm=False, pause="10ms")])["id"]
    assert call(page, "result", first)["status"] == "shipped"
    server.stop()
    page = open_weft(chrome, server.url + PATH, storage="service-worker", **CHECKOUT_ALONE)  # from its own cache
    assert POLICY in page.evaluate(THE_POLICY), "it holds for what the service worker keeps, too"
    second = call(page, "start", "checkout", [order("P-2", confirm=False, pause="10ms")])["id"]
    assert call(page, "result", second)["status"] == "shipped"
    builds = page.evaluate("caches.keys().then((names) => names.filter((name) => name.startsWith('weft:')))")
    assert [name.split(":")[1] for name in builds] == [f"/{PATH}"]

    elsewhere = [url for url in requests if not url.startswith((server.url + PATH, "blob:", "data:"))]
    assert elsewhere == []
    assert page.evaluate("weftViolations") == []
    assert not [line for line in chrome.console if "Content Security Policy" in line]
    assert page.evaluate(BREAK_THE_POLICY), "violations are seen when there are any"
    told(
        "strict policy on a sub-path",
        faults=2,
        requests=len(requests),
        off_origin=0,
        violations_provoked=1,
        runs=2,
    )


def offered_an_update(chrome: Browser, server: Server, new: Path) -> Page:
    """A page of the first edition, which may be kept offline; another one is published, and waits."""
    page = open_weft(chrome, server.url + PATH, **CHECKOUT_ALONE)
    offline_ready(page)
    publish(new, server.folder / PATH)
    call(page, "checkForUpdate")
    until(page, "return weft.status.update?.state === 'available'")
    return page


@pytest.mark.scenario(30)
def test_other_pages_of_the_origin_cannot_command_the_service_worker(
    chrome: Browser, server: Server, editions: list[Path]
) -> None:
    """Workerounds (Subramani et al.): a service worker that obeys every page of its origin."""
    page = offered_an_update(chrome, server, editions[1])

    other = chrome.tab(f"{server.url}other.html")
    refused = other.evaluate(ATTACK, f"/{PATH}")
    assert refused == ["MessageRefusedError"] * 6
    assert page.evaluate(STATES) == ["installed", "activated"], "the new build was not let in"
    for kind in ("activate", "store-port", "build"):
        heard(chrome, page, "refused the message", f'"{kind}"')
    assert page.evaluate(UNKNOWN) == "MessageRefusedError", "nor is a page of the site obeyed in everything"

    with page.expect_navigation():
        page.evaluate("void weftUpdate.apply()")
    page.evaluate("weftOpen")
    assert page.evaluate("fetch('edition.txt').then((answer) => answer.text())") == "second", "its own page is obeyed"
    told("hostile pages of the origin", faults=len(refused) + 1)


GIVEN_UP = "weftUpdate.apply({ patience: 1 }).then(() => null, (error) => error.code)"


def test_an_update_that_the_browser_held_back_is_applied_when_it_lets_go(
    chrome: Browser, server: Server, editions: list[Path]
) -> None:
    """A service worker with something to do is not replaced: Chromium lets the next one wait, up to five minutes."""
    page = offered_an_update(chrome, server, editions[1])
    with server.standing_still():
        page.evaluate("void fetch('unknown.txt')")
        assert page.evaluate(GIVEN_UP) == "UpdateFailedError"
        assert call(page, "list")["items"] == [], "everything goes on as it was"
    page.evaluate(
        "weftUntil(async () => (await navigator.serviceWorker.getRegistration()).waiting === null, null, 60000)"
    )
    assert page.evaluate("weft.status.update.state") == "available"
    with page.expect_navigation():
        page.evaluate("void weftUpdate.apply()")
    page.evaluate("weftOpen")
    assert page.evaluate("fetch('edition.txt').then((answer) => answer.text())") == "second"


UNKNOWN = """new Promise(async (resolve) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => resolve(data.error.code);
  (await navigator.serviceWorker.getRegistration()).active.postMessage({ v: 2, t: "__proto__" }, [port2]);
})"""


POISON = """async ([path, text]) => {
  for (const name of await caches.keys()) {
    await (await caches.open(name)).put(path, new Response(text, { headers: { "Content-Type": "text/javascript" } }));
  }
}"""
ANSWER = "(path) => fetch(path).then(async (answer) => [answer.status, await answer.text()])"


def test_a_poisoned_cache_entry_is_fetched_again_or_refused_by_name(chrome: Browser, server: Server) -> None:
    page = open_weft(chrome, server.url + PATH, **CHECKOUT_ALONE)
    offline_ready(page)
    page.evaluate(POISON, ["weft/tail.mjs", "globalThis.stolen = true"])
    status, text = page.evaluate(ANSWER, "weft/tail.mjs")
    assert status == 200 and "stolen" not in text, "it was fetched again, and checked"
    server.stop()
    assert page.evaluate(ANSWER, "weft/tail.mjs") == [200, text], "and kept"

    page.evaluate(POISON, ["weft/tail.mjs", "globalThis.stolen = true"])
    status, text = page.evaluate(ANSWER, "weft/tail.mjs")
    assert status == 502 and text.startswith("AssetError: weft/tail.mjs is damaged"), text
    page.evaluate(POISON, ["weft/stdlib.zip", "not a zip"])
    again = open_weft(chrome, server.url + PATH, wait="", **CHECKOUT_ALONE)
    assert again.evaluate("globalThis.stolen") is None
    heard(chrome, again, "weft/tail.mjs", "damaged")
