"""Files of whole stores, out of a page and into one."""

from __future__ import annotations

import base64
from typing import Any

from e2e.harness.engines import Tab

_EXPORT = """async (options) => {
  const told = [];
  const file = await weft.export({ ...options, onProgress: ({ bytes }) => told.push(bytes) });
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return { text: btoa(text), told };
}"""
_IMPORT = """async ([text, options]) => {
  const told = [];
  const file = new Blob([Uint8Array.from(atob(text), (char) => char.charCodeAt(0))]);
  try {
    return { ok: await weft.import(file, { ...options, onProgress: ({ bytes }) => told.push(bytes) }), told };
  } catch (error) {
    return { code: error.code, message: error.message };
  }
}"""


def exported(page: Tab, **options: Any) -> bytes:
    """The file that ``weft.export()`` makes; its progress is told."""
    answer = page.evaluate(_EXPORT, options)
    data = base64.b64decode(answer["text"])
    assert answer["told"][-1] == len(data) and answer["told"] == sorted(answer["told"])
    return data


def imported(page: Tab, data: bytes, **options: Any) -> Any:
    """What ``weft.import()`` resolves with; or {code, message}."""
    answer = page.evaluate(_IMPORT, [base64.b64encode(data).decode(), options])
    if "code" in answer:
        return answer
    assert answer["told"][-1] == len(data)
    return answer["ok"]
