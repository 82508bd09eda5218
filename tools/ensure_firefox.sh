#!/bin/sh
# ensure_firefox.sh: prints the path of a Firefox the real-browser tests can drive, installing the distribution's if there is none.
set -eu
. "$(dirname "$0")/common.sh"

system_firefox() { command -v firefox-esr || command -v firefox; }

if [ -n "${WEFT_FIREFOX:-}" ]; then
    [ -x "$WEFT_FIREFOX" ] || fail "WEFT_FIREFOX=$WEFT_FIREFOX is not an executable file"
    echo "$WEFT_FIREFOX"
    exit 0
fi
system_firefox && exit 0
say "no Firefox found: using the distribution's package"
apt_install firefox-esr || apt_install firefox || true
system_firefox || fail "needs a Firefox for the real-browser tests; install one, or name it: make test WEFT_FIREFOX=/path/to/firefox"
