"""A view of a run misses nothing of it, however near to its end that comes."""

from __future__ import annotations

from e2e.harness.browser import Browser
from e2e.harness.pages import BARE, CHECKOUT_ALONE, open_weft, order
from e2e.harness.server import Server

BEGUN_AGAIN_AT_ITS_END = """async (order) => {
  const { watchRun } = await import(new URL("weft/watching.mjs", location.href).href);
  const carriedOut = async (options) => {
    await weft.start("checkout", [order], { id: "seen", ...options });
    await weft.result("seen");
  };
  await carriedOut({});
  const tail = weft.tail.bind(weft);
  let again = 1;
  weft.tail = async function* (id, options) {  // after the end, before anything else
    yield* tail(id, options);
    if (id !== null && again-- > 0) await carriedOut({ onConflict: "restart" });
  };
  return new Promise((resolve) => {
    const stop = watchRun(weft, "seen", ({ run, events }) => {
      const ends = events.filter(({ type }) => type === "run_completed").length;
      if (ends < 2 || run?.status !== "completed") return;
      stop();
      resolve(ends);
    });
  });
}"""


def test_a_run_that_is_begun_again_as_its_end_is_read_is_seen_to_its_next_end(chrome: Browser, server: Server) -> None:
    page = open_weft(chrome, server.url, **CHECKOUT_ALONE, **BARE)
    assert page.evaluate(BEGUN_AGAIN_AT_ITS_END, order("W-1", confirm=False, pause="10ms")) == 2
