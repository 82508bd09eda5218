"""A store that is full, damaged, gone or denied says so, and what runs is neither lost nor wrong (G17, G18)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.pages import call, open_weft, until
from e2e.harness.report import told
from e2e.harness.server import Server
from e2e.harness.storage import AWAKE, SIX, Faults, asked, engine_worker

WAITS = "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')"
CODE = "([method, args]) => weft[method](...args).then(() => 'ok', (error) => error.code)"
NOTED = """
  const cache = await caches.open("weft-witness");
  const found = await (await cache.match(new URL("/weft-witness/e2e", location.href)))?.json();
  return found?.position[1] >= 5;
"""
OPENED_OR_REFUSED = """  // or slow: then it is opened again
  const slow = "StorageBlockedError";
  const said = weftStatuses.find(({ error, state }) => (error ? error.code !== slow : state === "ready"));
  return said && (said.error?.code ?? said.state);
"""
DONE = [0, 1, 2, 3, 4, 5]


def waiting(page: Page, order: str) -> None:
    """A run of the six steps that stands in the middle of them."""
    call(page, "start", "six", [order, True], {"id": order})
    until(page, WAITS, order)


def code(page: Page, method: str, *arguments: Any) -> str:
    return str(page.evaluate(CODE, [method, list(arguments)]))


@pytest.mark.first_visit
@pytest.mark.scenario(10)
def test_a_run_whose_batch_finds_no_room_waits_and_goes_on_by_itself(chrome: Browser, shop: Server) -> None:
    """LumiLab #250, idb-keyval #26, Dexie #776: the request succeeded, then the commit was aborted for the quota."""
    assert chrome.context is not None
    blank, origin = chrome.tab(f"{shop.url}index.html"), shop.url.rstrip("/")
    session = chrome.context.new_cdp_session(blank)
    # Before the first write: Chromium remembers for half a minute how much room it has found.
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": 200_000})
    page = open_weft(chrome, shop.url, **SIX)
    faults = Faults(page)
    waiting(page, "small")
    # Else it is opened again in a second: small writes succeed, and so may the start, before the large one fails again.
    faults.set(full_to_the_last_byte=True)
    call(page, "start", "hoard", ["h", 900_000], {"id": "h"})
    trouble = until(page, "return weftStatuses.find(({ state }) => state === 'degraded')", timeout_ms=60_000)
    assert "QuotaExceededError" in trouble["error"]["message"]
    assert until(page, "return weft.status.quota?.level === 'full'")
    assert code(page, "start", "six", ["new"], {"id": "new"}) == "StorageQuotaError"
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin})
    faults.set(full=False, full_to_the_last_byte=False)
    assert call(page, "result", "h") == 900_000
    assert until(page, "return weft.status.quota?.level === 'ok'")
    call(page, "signal", "small", "go")
    assert call(page, "result", "small") == DONE
    assert sorted(asked(shop, "h").values()) == [1, 1] and not asked(shop, "new")
    examined = page.evaluate("weft.diagnostics({ examine: true }).then(({ examined }) => examined)")
    assert examined["verified"] and examined["damaged"] == 0, "no batch was written in part"
    told("quota exhausted mid-batch", faults=1, refused_starts=1, effects=8)


def test_a_nearly_full_store_warns_then_refuses_new_starts_and_lets_runs_go_on(chrome: Browser, shop: Server) -> None:
    """estimate() does not show an overridden quota in Chromium, so what it says is injected, where the store looks."""
    page = open_weft(chrome, shop.url, **SIX)
    waiting(page, "first")
    worker = engine_worker(page)

    def say(usage: int, level: str) -> None:
        worker.evaluate("(usage) => void (navigator.storage.estimate = async () => ({ usage, quota: 100 }))", usage)
        until(page, "await weft.setAttributes('first', {n: Date.now()}); "
              "return weft.status.quota?.level === arg", level)  # fmt: skip

    say(80, "warn")
    assert code(page, "start", "six", ["at-80"], {"id": "at-80"}) == "ok"
    say(95, "full")
    assert code(page, "start", "six", ["at-95"], {"id": "at-95"}) == "StorageQuotaError"
    assert code(page, "describe", "at-95") == "RunNotFoundError", "refused before anything was written"
    call(page, "signal", "first", "go")
    assert call(page, "result", "first") == DONE
    say(10, "ok")
    assert code(page, "start", "six", ["later"], {"id": "later"}) == "ok"
    assert call(page, "result", "later") == DONE


@pytest.mark.scenario(21)
def test_another_builds_tab_may_upgrade_the_database_under_a_running_engine(chrome: Browser, shop: Server) -> None:
    """Stirling-PDF #7416, localForage #821, t3code #5121: blocked, then silence. Here the old build's tab gives way."""
    page = open_weft(chrome, shop.url, **SIX)
    waiting(page, "over")
    other = chrome.tab(f"{shop.url}index.html")
    upgraded = other.evaluate(
        """() => new Promise((resolve, reject) => {
      const awake = AWAKE;
      setTimeout(() => reject(new Error("the old build's tab does not give way")), 60_000);
      const request = indexedDB.open("weft:e2e", 7);
      request.onupgradeneeded = () => request.result.createObjectStore("of-a-newer-build");
      request.onerror = () => reject(request.error);
      request.onsuccess = () => { window.held = request.result; resolve(awake()); };
    })""".replace("AWAKE", AWAKE)
    )
    assert upgraded < 5_000
    call(page, "signal", "over", "go")
    assert call(page, "result", "over") == DONE, "the old build's tab goes on beside it"
    assert sorted(asked(shop, "over").values()) == [1] * 6
    told("versionchange", faults=1, upgrade_took_ms=upgraded, effects=6)


OPEN_BLOCKED = """async () => {
  const awake = AWAKE;
  const { IdbStore } = await import(new URL("weft/idb_store.mjs", location.href).href);
  const store = new IdbStore("weft:blocked");
  const reply = await store.call(Uint8Array.of(2, 1, 0, 0, 0, 107));
  const said = reply[0] ? new TextDecoder().decode(reply.slice(5, 5 + reply[1])) : "ok";
  window.again = () => store.call(Uint8Array.of(2, 1, 0, 0, 0, 107)).then((reply) => reply[0]);
  return { said, ms: awake() };
}""".replace("AWAKE", AWAKE)
OPENS = """async () => {
  for (const end = performance.now() + 60_000; await again(); ) if (performance.now() > end) return false;
  return true;
}"""


@pytest.mark.scenario(21)
def test_a_tab_that_will_not_close_its_database_is_named_in_five_seconds(chrome: Browser, shop: Server) -> None:
    """w3c/IndexedDB #133: an open() that waits behind a blocked upgrade hears nothing."""
    first, second = chrome.tab(f"{shop.url}index.html"), chrome.tab(f"{shop.url}index.html")
    first.evaluate("""() => new Promise((resolve) => {
      const request = indexedDB.open("weft:blocked");
      request.onupgradeneeded = () => ["data", "applied"].forEach((store) => request.result.createObjectStore(store));
      request.onsuccess = () => { window.held = request.result; resolve(); };  // an old build: no onversionchange
    })""")
    second.evaluate("""() => new Promise((resolve) => {
      const request = indexedDB.open("weft:blocked", 2);
      request.onblocked = () => resolve();
      request.onsuccess = () => request.result.close();
    })""")
    third = chrome.tab(f"{shop.url}index.html")
    answer = third.evaluate(OPEN_BLOCKED)
    assert answer["said"] == "StorageBlockedError"
    assert answer["ms"] < 5_000
    first.evaluate("held.close()")
    assert third.evaluate(OPENS), "and it opens when the other tab has let go"
    told("blocked", faults=1, answered_in_ms=answer["ms"])


STANDS_STILL = """async () => {
  const { IdbStore } = await import(new URL("weft/idb_store.mjs", location.href).href);
  const opened = (version) => new Promise((resolve, reject) => {
    const request = indexedDB.open("weft:slow", version);
    const made = version === 1 ? ["data", "applied"] : [];
    request.onupgradeneeded = () => made.forEach((store) => request.result.createObjectStore(store));
    request.onsuccess = () => resolve(request.result);
    request.onblocked = () => resolve(request);
    request.onerror = reject;
  });
  const held = await opened(1);
  const upgrading = await opened(2);
  upgrading.onsuccess = () => upgrading.result.close();
  const asked = new IdbStore("weft:slow", { openTimeoutMs: 1_000 }).call(Uint8Array.of(2, 1, 0, 0, 0, 107));
  for (const end = performance.now() + 3_000; performance.now() < end; );  // as a machine that sleeps
  held.close();
  const reply = await asked;
  return reply[0] ? new TextDecoder().decode(reply.slice(5)) : "ok";
}"""


def test_a_thread_that_stood_still_while_it_opened_its_store_does_not_say_that_another_is_in_the_way(
    chrome: Browser, shop: Server
) -> None:
    """firebase-js-sdk #3852: a clock that goes on while nobody could do anything. The open() has not had its time."""
    assert chrome.tab(f"{shop.url}index.html").evaluate(STANDS_STILL) == "ok"


@pytest.mark.scenario(22)
def test_a_damaged_record_stops_its_run_only_and_diagnostics_name_it(chrome: Browser, shop: Server) -> None:
    """privacybadger #1963: a checksum mismatch in stored data. G18."""
    page = open_weft(chrome, shop.url, **SIX)
    for order in ("hurt", "well"):
        waiting(page, order)
    page.close()
    raw = chrome.tab(f"{shop.url}index.html")
    flipped = raw.evaluate("""() => new Promise((resolve, reject) => {
      const opening = indexedDB.open("weft:e2e");
      opening.onsuccess = () => {
        const tx = opening.result.transaction("data", "readwrite");
        const key = new TextEncoder().encode("ckpt/hurt");
        const read = tx.objectStore("data").get(key);
        read.onsuccess = () => {
          const bytes = new Uint8Array(read.result);
          bytes[bytes.length >> 1] ^= 0xff;
          tx.objectStore("data").put(bytes.buffer, key);
        };
        tx.oncomplete = () => { opening.result.close(); resolve(1); };
        tx.onabort = () => reject(tx.error);
      };
    })""")
    page = open_weft(chrome, shop.url, **SIX)
    for order in ("hurt", "well"):
        call(page, "signal", order, "go")
    assert call(page, "result", "well") == DONE
    assert [run["id"] for run in call(page, "deadLetters")["items"]] == ["hurt"]
    examined = page.evaluate("weft.diagnostics({ examine: true }).then(({ examined }) => examined)")
    assert [damage["key"] for damage in examined["damages"]] == ["ckpt/hurt"]
    assert (len(asked(shop, "hurt")), len(asked(shop, "well"))) == (3, 6)
    told("flipped bytes", faults=flipped, effects=9)


@pytest.mark.scenario(23)
@pytest.mark.parametrize("damage", ["CURRENT", "log"])
def test_damaged_files_of_the_profile_are_recovered_from_or_the_loss_is_told(
    browser_on: Callable[[str], Browser], shop: Server, tmp_path: Path, damage: str
) -> None:
    """Expensify/App #87862: overwritten LevelDB files were repaired by Chromium itself, perhaps without their tail."""
    browser = browser_on("damaged")
    page = open_weft(browser, shop.url, **SIX)
    waiting(page, "kept")
    store = page.evaluate("weft.diagnostics().then((found) => found.store_id)")
    until(page, NOTED)
    browser.close()
    [files] = (tmp_path / "damaged").glob(f"Default/IndexedDB/http_127.0.0.1_{shop.port}.indexeddb.leveldb")
    damaged = [files / "CURRENT"] if damage == "CURRENT" else sorted(files.glob("*.log"))
    whole = {file: file.read_bytes() for file in damaged}
    for file, data in whole.items():
        file.write_bytes(b"MANIFEST-9999999\n" if damage == "CURRENT" else data[: len(data) // 2])
    assert damaged
    browser.launch()
    page = open_weft(browser, shop.url, wait="", **SIX)
    refused = until(page, OPENED_OR_REFUSED)
    if refused != "ready":  # Chromium does not read it, and we delete nothing: it opens when the files are back
        assert refused == "StorageUnavailableError"
        browser.close()
        for file, data in whole.items():
            file.write_bytes(data)
        browser.launch()
        page = open_weft(browser, shop.url, **SIX)
    evicted, now = page.evaluate("weft.diagnostics().then((found) => [weft.status.evicted, found.store_id])")
    if now == store and evicted is None:
        call(page, "signal", "kept", "go")
        assert call(page, "result", "kept") == DONE
    else:
        assert evicted["storeId"] == store and evicted["what"] == ("rolled-back" if now == store else "replaced")
        assert code(page, "describe", "kept") in ("RunNotFoundError", "ok"), "nothing is made up"
    examined = page.evaluate("weft.diagnostics({ examine: true }).then(({ examined }) => examined)")
    assert examined["damaged"] == 0, "every checksum was verified"
    assert max(asked(shop, "kept").values()) <= 2
    effects = len(asked(shop, "kept"))
    told(f"LevelDB {damage} damaged", faults=len(damaged), effects=effects, refused=refused, evicted=evicted)


@pytest.mark.first_visit
def test_a_store_that_comes_back_empty_is_told_until_it_is_dismissed(chrome: Browser, shop: Server) -> None:
    """idb #299, Dexie #958, periodo-client #235: evicted, and the page began afresh in silence."""
    page = open_weft(chrome, shop.url, **SIX)
    store = page.evaluate("weft.diagnostics().then((found) => found.store_id)")
    page.close()
    raw = chrome.tab(f"{shop.url}index.html")
    raw.evaluate(
        "new Promise((done, failed) => Object.assign(indexedDB.deleteDatabase('weft:e2e'), "
        "{onsuccess: () => done(), onerror: failed}))"
    )
    page = open_weft(chrome, shop.url, **SIX)
    assert page.evaluate("weft.status.evicted.storeId") == store
    follower = open_weft(chrome, shop.url, **SIX)
    assert follower.evaluate("weft.status.evicted.what") == "replaced", "and in every tab"
    page.evaluate("weft.dismissEviction()")
    assert page.evaluate("weft.status.evicted") is None


@pytest.mark.scenario(25)
def test_without_storage_runs_are_in_memory_status_says_so_and_durable_ones_are_refused(
    chrome: Browser, shop: Server
) -> None:
    """zapthreads #24, firebase-js-sdk #5377: private windows that keep nothing."""
    denied = {**SIX, "name": "denied"}
    page = open_weft(chrome, shop.url, **denied)
    assert page.evaluate("weft.status.durability") == "memory"
    assert page.evaluate("weft.diagnostics().then(({ durability, persistence }) => [durability, persistence])") == [
        "none", "ephemeral",
    ]  # fmt: skip
    assert page.evaluate("async () => weft.result((await weft.start('six', ['m'])).id)") == DONE
    assert code(page, "start", "six", ["d"], {"requireDurable": True}) == "StorageCapabilityError"
    assert not asked(shop, "d") and sorted(asked(shop, "m").values()) == [1] * 6
    page.close()
    strict = open_weft(chrome, shop.url, wait="", requireDurable="yes", **denied)
    refused = strict.evaluate("weftOpen.then(() => null, (error) => error.code)")
    assert refused == "StorageCapabilityError"
    told("storage denied", faults=2, refused=2, effects=6)


@pytest.mark.scenario(25)
def test_an_ephemeral_window_without_service_workers_is_as_durable_as_it_can_be(
    playwright: Any, chromium: str, shop: Server
) -> None:
    """JupyterLite's docs: no service worker in private windows. The store is opened directly."""
    browser = playwright.chromium.launch(executable_path=chromium, headless=True, chromium_sandbox=False)
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    page.goto(f"{shop.url}test.html?workflows=six_steps.py&serviceWorker=none&requireDurable=yes")
    assert page.evaluate("weftOpen.then(() => weft.status.durability)") == "strict"
    assert page.evaluate("async () => weft.result((await weft.start('six', ['p'])).id)") == DONE
    assert page.evaluate("weft.persist()") in (True, False)
    browser.close()
    told("ephemeral window", faults=1, effects=len(asked(shop, "p")))
