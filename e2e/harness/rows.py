"""Reading and writing a browser's store from outside, through its own store module and wire format."""

from __future__ import annotations

import base64

from playwright.sync_api import Page

from e2e.harness.server_side import Rows

_CALL = """async ([database, requests]) => {
  const { IdbStore } = await import(new URL("./weft/idb_store.mjs", location.href).href);
  const store = new IdbStore(database);
  const replies = [];
  for (const request of requests) {
    const reply = await store.call(Uint8Array.from(atob(request), (char) => char.charCodeAt(0)));
    let text = "";
    for (const byte of reply) text += String.fromCharCode(byte);
    replies.push(btoa(text));
  }
  store.close();
  return replies;
}"""


def read_rows(page: Page, name: str) -> Rows:
    """Every record of the store that Weft opens as ``name``."""
    from weft_browser import frames

    rows: Rows = []
    while True:
        reply = _ask(page, name, frames.scan_request("", rows[-1][0] if rows else None, None, 256, False))
        if not (found := frames.rows_of(reply)):
            return rows
        rows += found


def write_rows(page: Page, name: str, rows: Rows) -> None:
    """Put the records into the store, in one transaction."""
    from weft_browser import frames

    assert frames.flag_of(_ask(page, name, frames.apply_request((), rows)))


def _ask(page: Page, name: str, request: bytes) -> bytes:
    from weft_browser import frames

    [text] = page.evaluate(_CALL, [f"weft:{name}", [base64.b64encode(request).decode()]])
    reply = base64.b64decode(text)
    frames.check(reply)
    return reply
