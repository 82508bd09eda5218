"""Clip later: save a page now; fetch, tag, show and deliver it when that is possible.

    weft run web_extension/clip.py:clip --input '{"url": "https://example.org/", "review": false}'

In the extension ``clip_activities.py`` does the same two requests by ``fetch``. Each ``await`` is a durable step: the
browser may be closed at any of them, for as long as it likes.
"""

import json
import re
import urllib.error
import urllib.request
from collections import Counter
from html.parser import HTMLParser

from weft_core import Context, RetryPolicy, activity, activity_info, workflow

PATIENT = RetryPolicy(
    max_attempts=1_000, initial_interval=1, max_interval="10 minutes", non_retryable=("RefusedError",)
)
"""Offline is no failure: asked again, ever more rarely, for days."""
EXCERPT, TEXT = 300, 20_000
TAGS = 5
SKIPPED = {"script", "style", "noscript", "template", "svg", "nav", "header", "footer", "aside", "form", "head"}
BLOCKS = {"p", "div", "li", "h1", "h2", "h3", "h4", "tr", "br", "section", "article", "blockquote", "pre"}
_COMMON = """about after again also because been before being between both could does doing down during each every from
further have having here into just like made make many more most much must only other over same should some such than
that their them then there these they this those through under until upon very were what when where which while will
with within without would your"""
COMMON = frozenset(_COMMON.split())


class RefusedError(Exception):
    """The server understood and said no: asking again will not help."""


@workflow(name="clip", version="1")
async def clip(ctx: Context, request: dict) -> dict:
    """Returns what was saved, and ``status``: delivered, kept (there is no webhook) or rejected."""
    url, title = request["url"], request.get("title") or request["url"]
    await ctx.set_attributes({"title": title[:200], "url": url[:500], "state": "fetching"})
    html = request.get("html") or await ctx.run(fetch_page, url)

    await ctx.set_attribute("state", "reading")
    article = await ctx.run(extract, html, title)
    tags = await ctx.run(tag, article["text"])
    saved = {"url": url, "title": article["title"], "excerpt": article["text"][:EXCERPT], "tags": tags}
    await ctx.set_attributes({"title": saved["title"][:200], "state": "waiting for you"})

    if request.get("review", True):
        decided = await ctx.review(saved, type="clip")
        if decided.decision != "approved":
            await ctx.set_attribute("state", "rejected")
            return {**saved, "status": "rejected", "comment": decided.feedback}

    if not request.get("webhook"):
        await ctx.set_attribute("state", "kept")
        return {**saved, "status": "kept"}
    await ctx.set_attribute("state", "delivering")
    receipt = await ctx.run(deliver, request["webhook"], {"id": ctx.id, **saved, "text": article["text"]})
    await ctx.set_attribute("state", "delivered")
    return {**saved, "status": "delivered", "receipt": receipt}


@activity(retry=PATIENT)
async def fetch_page(url: str) -> str:
    """The page's HTML. ``RefusedError``: the server has no such page."""
    return request_text(urllib.request.Request(url, headers={"Accept": "text/html"}))


@activity(retry=PATIENT)
async def deliver(webhook: str, clip: dict) -> str:
    """Post the clip; a webhook that remembers the ``Idempotency-Key`` has it once, however often it is sent."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": activity_info().idempotency_key}
    return request_text(urllib.request.Request(webhook, json.dumps(clip).encode(), headers))[:200]


def request_text(request: urllib.request.Request) -> str:
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        raise refusal(request.full_url, error.code) from error


def refusal(url: str, status: int) -> Exception:
    """What an answer means that is none: some may be better next time."""
    reason = f"{url} answered {status}"
    return OSError(reason) if status in (408, 425, 429) or status >= 500 else RefusedError(reason)


@activity
async def extract(html: str, title: str) -> dict:
    """``{"title", "text"}`` of a page: what is written there, without what surrounds it."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    text = re.sub(r"[ \t\r\f]+", " ", "".join(reader.parts))
    text = re.sub(r" ?\n[ \n]*", "\n", text).strip()
    return {"title": " ".join("".join(reader.title).split()) or title, "text": text[:TEXT]}


@activity
async def tag(text: str) -> list[str]:
    """The words that a text uses most, the longer ones first among equals."""
    words = Counter(word for word in re.findall(r"[^\W\d_]{4,}", text.lower()) if word not in COMMON)
    return sorted(words, key=lambda word: (-words[word], -len(word), word))[:TAGS]


class Reader(HTMLParser):
    """Collects the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.title: list[str] = []
        self.parts: list[str] = []
        self._skipping: list[str] = []
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and "svg" not in self._skipping:
            self._in_title = True
        elif tag in SKIPPED and tag not in self._skipping:
            self._skipping.append(tag)
        elif tag in BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag in self._skipping:
            del self._skipping[self._skipping.index(tag) :]
        elif tag in BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._skipping:
            self.parts.append(data)
