#!/bin/sh
# with_browsers.sh VENV COMMAND...: runs the command with the browsers of the real-browser tests named in its environment.
set -eu
here=$(dirname "$0")
WEFT_CHROMIUM=$("$here/ensure_chromium.sh" "$1")
WEFT_FIREFOX=$("$here/ensure_firefox.sh")
WEFT_WEBKIT=$("$here/ensure_webkit.sh")
export WEFT_CHROMIUM WEFT_FIREFOX WEFT_WEBKIT
shift
exec "$@"
