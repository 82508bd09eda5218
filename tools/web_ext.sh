#!/bin/sh
# web_ext.sh ARGUMENT...: runs Mozilla's web-ext with these arguments, the version and hashes of web_ext/package-lock.json.
# It is installed once, in build/web-ext; nothing else needs it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
home=$here/../build/web-ext

if ! cmp -s "$here/web_ext/package-lock.json" "$home/package-lock.json"; then
    "$here/ensure_node.sh"
    say "npm ci in build/web-ext"
    half=$home.$$
    rm -rf "$half" && mkdir -p "$half"
    cp "$here/web_ext/package.json" "$here/web_ext/package-lock.json" "$half"
    npm --prefix "$half" ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    rm -rf "$home" && mv "$half" "$home"
fi
NO_UPDATE_NOTIFIER=1 exec "$home/node_modules/.bin/web-ext" "$@"
