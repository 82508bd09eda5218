#!/bin/sh
# ensure_node.sh: makes sure that node and npm are there; building the browser bundle needs them, running it does not.
set -eu
. "$(dirname "$0")/common.sh"

there() { command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; }

there || apt_install nodejs npm || true
there || fail "needs node and npm to build the browser bundle; install Node.js 18 or newer and run make again"
