#!/bin/sh
# ensure_webkit.sh: prints the path of WebKitGTK's MiniBrowser, and makes sure of an Xvfb for it; installs the distribution's if they are missing.
set -eu
. "$(dirname "$0")/common.sh"

system_webkit() {
    for found in /usr/lib/*/webkit2gtk-4.*/MiniBrowser /usr/lib*/webkit2gtk-4.*/MiniBrowser /usr/libexec/webkit2gtk-4.*/MiniBrowser; do
        [ -x "$found" ] && echo "$found" && return 0
    done
    return 1
}

command -v Xvfb >/dev/null 2>&1 || apt_install xvfb || fail "needs Xvfb for the tests in WebKitGTK; install it (Debian: xvfb) and run make again"
if [ -n "${WEFT_WEBKIT:-}" ]; then
    [ -x "$WEFT_WEBKIT" ] || fail "WEFT_WEBKIT=$WEFT_WEBKIT is not an executable file"
    echo "$WEFT_WEBKIT"
    exit 0
fi
system_webkit && exit 0
say "no WebKitGTK found: using the distribution's package"
apt_install libwebkit2gtk-4.1-0 || true
system_webkit || fail "needs WebKitGTK's MiniBrowser for the real-browser tests; install it, or name it: make test WEFT_WEBKIT=/path/to/MiniBrowser"
