"""The two requests of ``clip.py`` for an extension: by ``fetch``, with the extension's permission for every host."""

import json

from clip import PATIENT, refusal
from js import AbortSignal, Object, fetch
from pyodide.ffi import JsException, to_js

from weft_core import activity, activity_info

TIMEOUT_MS = 30_000


@activity(retry=PATIENT)
async def fetch_page(url: str) -> str:
    return await request_text(url, {"headers": {"Accept": "text/html"}})


@activity(retry=PATIENT)
async def deliver(webhook: str, clip: dict) -> str:
    headers = {"Content-Type": "application/json", "Idempotency-Key": activity_info().idempotency_key}
    return (await request_text(webhook, {"method": "POST", "headers": headers, "body": json.dumps(clip)}))[:200]


async def request_text(url: str, options: dict) -> str:
    """``OSError``: it cannot be reached, or not now; asked again by its policy. ``RefusedError``: it said no."""
    options = {**options, "credentials": "omit", "signal": AbortSignal.timeout(TIMEOUT_MS)}
    try:
        response = await fetch(url, to_js(options, dict_converter=Object.fromEntries))
        text = await response.text()
    except JsException as error:  # a network error has no better name in fetch than TypeError
        raise OSError(f"{url} cannot be reached ({error})") from error
    if not response.ok:
        raise refusal(url, response.status)
    return text
