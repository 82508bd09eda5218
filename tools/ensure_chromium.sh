#!/bin/sh
# ensure_chromium.sh VENV: prints the path of a Chromium the real-browser tests can drive, installing one if there is none.
# Looked for in this order: $WEFT_CHROMIUM, the system's, Playwright's own, then: Playwright's download, the distribution's package.
set -eu
. "$(dirname "$0")/common.sh"
python=$1/bin/python

system_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome-stable; }

playwright_chromium() {
    "$python" - <<'PYTHON'
import pathlib
import sys

from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    path = playwright.chromium.executable_path
sys.exit(print(path) if pathlib.Path(path).exists() else 1)
PYTHON
}

# The archive is about 180 MB: a host that cannot be reached fails within seconds, a slow line gets five minutes.
download() {
    say "no Chromium found: trying Playwright's own (playwright install chromium)"
    PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT=10000 timeout 300 "$python" -m playwright install chromium >/dev/null 2>&1 || return 1
    # The libraries it needs; where this cannot be done they are mostly there.
    [ "$(id -u)" != 0 ] || timeout 300 "$python" -m playwright install-deps chromium >/dev/null 2>&1 || true
}

if [ -n "${WEFT_CHROMIUM:-}" ]; then
    [ -x "$WEFT_CHROMIUM" ] || fail "WEFT_CHROMIUM=$WEFT_CHROMIUM is not an executable file"
    echo "$WEFT_CHROMIUM"
    exit 0
fi
system_chromium || playwright_chromium && exit 0
if download && playwright_chromium; then exit 0; fi
say "Playwright's Chromium could not be downloaded: using the distribution's package"
apt_install chromium || apt_install chromium-browser || true
system_chromium || fail "needs a Chromium for the real-browser tests; install one, or name it: make test WEFT_CHROMIUM=/path/to/chromium"
