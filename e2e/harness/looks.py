"""What a page must be for everybody: names for what can be used, contrast, nothing that sticks out."""

from __future__ import annotations

from playwright.sync_api import Page

_CONTROLS = "a[href], button, input:not([hidden]), select, textarea, summary"
_LOOK = """async (controls) => {
  const within = (el) => [el, ...(el.shadowRoot ? all(el.shadowRoot) : [])];
  const all = (root) => [...root.querySelectorAll("*")].flatMap(within);
  const moving = () => all(document).flatMap((el) => el.getAnimations()).filter((it) => it instanceof CSSTransition);
  do await new Promise(requestAnimationFrame);  // what the colours pass through on their way is no look
  while (moving().length);
  const seen = (el) => el.checkVisibility({ opacityProperty: false }) && el.getBoundingClientRect().width > 1;
  const elements = all(document).filter(seen);
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const over = (colours) => {  // the lowest first, as the browser itself mixes them
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) (canvas.fillStyle = colour), canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const parent = (el) => el.parentElement ?? el.getRootNode().host ?? null;
  const grounds = (el) => (el ? [...grounds(parent(el)), getComputedStyle(el).backgroundColor] : ["white"]);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (el) => {
    const below = grounds(el);
    const [high, low] = [light(over([...below, getComputedStyle(el).color])), light(over(below))].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const own = (el) => [...el.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("").trim();
  const named = (el) => own(el) || el.textContent.trim() || el.getAttribute("aria-label") || el.labels?.length;
  const off = (el) => el.disabled || el.matches("[aria-disabled], [aria-disabled] *, option, .visually-hidden, .skip");
  const shown = (el) => `${ratio(el).toFixed(2)} ${el.outerHTML.slice(0, 120)}`;
  return {
    unnamed: elements.filter((el) => el.matches(controls) && !named(el)).map((el) => el.outerHTML),
    pale: elements.filter((el) => own(el) && !off(el) && ratio(el) < 4.5).map(shown),
    texts: elements.filter(own).length,
    wide: document.documentElement.scrollWidth - innerWidth,
    lang: document.documentElement.lang, title: document.title,
  };
}"""


def seemly(page: Page) -> int:
    """Fails if a control has no name, a text too little contrast (WCAG AA), or something sticks out.

    Returns how many texts were looked at.
    """
    found = page.evaluate(_LOOK, _CONTROLS)
    assert found["unnamed"] == [], found["unnamed"]
    assert found["pale"] == [], "\n".join(found["pale"])
    assert found["wide"] <= 0, f"{found['wide']} px stick out"
    assert found["lang"] and found["title"]
    return int(found["texts"])
