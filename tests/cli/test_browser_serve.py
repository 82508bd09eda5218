"""``weft browser serve``: a built folder, looked at on this machine."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

SERVE = [sys.executable, "-m", "weft_server.cli", "browser", "serve"]


@pytest.mark.parametrize("words", [[], ["--strict"], ["--strict", "--connect", "https://flows.example"]])
def test_a_folder_is_served_with_the_right_types_until_it_is_stopped(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>site</title>")
    (tmp_path / "worker.mjs").write_text("export {};")
    (tmp_path / "python.wasm").write_bytes(b"\\0asm")
    process = subprocess.Popen([*SERVE, str(tmp_path), "--port", "0", *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().split()[0]
        for name, mime in {"": "text/html", "worker.mjs": "text/javascript", "python.wasm": "application/wasm"}.items():
            with urllib.request.urlopen(url + name, timeout=10) as answer:
                assert answer.headers["Content-Type"].startswith(mime)
                policy = answer.headers["Content-Security-Policy"]
                assert ("script-src 'self' 'wasm-unsafe-eval';" in policy) if words else (policy is None)
                assert ("connect-src 'self' https://flows.example" in (policy or "")) == ("--connect" in words)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url, headers={"Host": "evil.example"}), timeout=10)
        refused.value.close()
        assert refused.value.code == 403
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()


def test_a_folder_without_a_page_is_refused_with_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run([*SERVE, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "weft browser build" in done.stderr
