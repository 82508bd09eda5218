# Shared by the ensure_*.sh scripts: say what is done, and install a distribution package when that is possible.

say() { printf '\033[2m·\033[0m %s\n' "$*" >&2; }

fail() { printf 'weft: %s\n' "$*" >&2; exit 1; }

# apt_install PACKAGE...: installs with apt-get as root or through sudo without a password. Fails if neither is possible.
apt_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    as_root=""
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null || return 1
        as_root="sudo -n"
    fi
    say "apt-get install $*"
    log=$(mktemp)
    if ! { $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}
