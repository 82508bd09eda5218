"""The extension in Chromium: what is clipped is delivered, whatever becomes of background, engine and browser."""

from __future__ import annotations

from e2e.harness.extension import ExtensionBrowser, say, settings, wait
from e2e.harness.hook import Hook


def test_a_page_that_is_clipped_is_read_tagged_and_delivered(clipper: ExtensionBrowser, hook: Hook) -> None:
    options = clipper.open("pages/options.html")
    settings(options, webhook=f"{hook.url}hook", review=False)
    clipper.tab(hook.article(1))
    run = say(options, {"t": "clip-tab", "tabId": clipper.tab_id(options, hook.article(1))})
    body = hook.delivered(options, run)
    assert body["title"] == "Looms, part 1" and set(body["tags"]) >= {"threads", "shuttle", "loom"}, body
    assert "Home About" not in body["text"] and "secret" not in body["text"]
    assert list(hook.deliveries.values()) == [1]


CLICK = "([info, tab]) => chrome.contextMenus.onClicked.dispatch(info, tab)"
HAS_MENU = (
    "(id) => chrome.contextMenus.update(id, {}).then(() => true, () => false)"  # to change what is not there fails
)
SELECT = "() => getSelection().selectAllChildren(document.querySelector('article p'))"


def test_the_context_menu_clips_a_page_a_selection_and_a_link(clipper: ExtensionBrowser, hook: Hook) -> None:
    options = clipper.open("pages/options.html")
    settings(options, webhook=f"{hook.url}hook", review=False)
    for menu in ("page", "selection", "link"):  # they are made anew when the browser starts
        wait(options, lambda menu=menu: options.evaluate(HAS_MENU, menu), f"the menu of a {menu} is there")
    page = clipper.tab(hook.article(4))
    page.evaluate(SELECT)
    tab = {"id": clipper.tab_id(options, hook.article(4))}
    background = clipper.background()
    clicks = [{"menuItemId": "page"}, {"menuItemId": "selection"}, {"menuItemId": "link", "linkUrl": hook.article(5)}]
    for click in clicks:
        background.evaluate(CLICK, [click, tab])
    found = sorted(hook.arrived(options, len(clicks)), key=lambda body: (body["url"], len(body["text"])))
    assert [body["url"] for body in found] == [hook.article(4), hook.article(4), hook.article(5)]
    assert found[0]["text"].startswith("A loom holds") and "wool" not in found[0]["text"], "only what is selected"
    assert "part 4 are wool" in found[1]["text"] and "part 5 are wool" in found[2]["text"]
    assert hook.asked(5) == 1, "the link's page was fetched by a step"
