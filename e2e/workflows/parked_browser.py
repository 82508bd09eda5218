"""Activities of ``tests/golden/parked.py`` that the shop counts."""

from checkout_browser import post

from weft_core import activity


@activity
async def work(name: str) -> str:
    await post("ship", {"order": name})
    return name.upper()
