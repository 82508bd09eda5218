"""With this among the workflows of a page its engine's clock is 41 days ahead. Only tests have it."""

from weft_browser.host import BrowserClock

DAYS = 41
now_ms = BrowserClock.now_ms
BrowserClock.now_ms = lambda self: now_ms(self) + DAYS * 86_400_000
