#!/bin/sh
# ensure_venv.sh VENV EXTRAS: makes VENV with this checkout installed editable. Python 3.11 or newer is looked for.
set -eu
. "$(dirname "$0")/common.sh"
venv=$1
extras=$2

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

make_venv() {
    "$1" -m venv "$venv" >/dev/null 2>&1 && return 0
    rm -rf "$venv" # Debian's python3 without python3-venv leaves half a directory behind
    return 1
}

if ! new_enough "$venv/bin/python"; then
    python=$(find_python) || { apt_install python3 python3-venv && python=$(find_python); } ||
        fail "needs Python 3.11 or newer as python3; install it, or name it: make PYTHON=/path/to/python3.12"
    say "making $venv with $("$python" --version)"
    rm -rf "$venv"
    make_venv "$python" || { apt_install python3-venv && make_venv "$python"; } ||
        fail "$python cannot make a virtual environment; install the python3-venv package and run make again"
fi
say "installing weft-engine[$extras] into $venv"
"$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --editable ".[$extras]"
