#!/usr/bin/env bash
# Finds or installs what pip cannot bring: a Python and the system packages of the tests.
#   tools/prepare.sh python   prints the path of a Python that can build the environment
#   tools/prepare.sh tests    makes sure that the programs named in PROGRAMS exist
# As root on a Debian-like system missing packages are installed; anybody else is told what to install.
set -euo pipefail
PATH="$PATH:${SBIN-/usr/sbin}"  # where servers are, which is not in everybody's path

# program:Debian package
readonly PROGRAMS="sipp:sip-tester kamailio:kamailio baresip:baresip-core chromium:chromium node:nodejs npm:npm"

say() { printf '%s\n' "$*" >&2; }

install_packages() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "Missing: $*"
        say "Install it, for example:  sudo apt-get update && sudo apt-get install --no-install-recommends $*"
        exit 1
    fi
    say "Installing $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    apt-get install -qq -y --no-install-recommends "$@" >&2
    # Debian starts a server that it installs; the tests start their own.
    case " $* " in *" kamailio "*) systemctl disable --quiet --now kamailio 2>/dev/null || true ;; esac
}

# The first Python that really starts (a version manager may leave one that does not) and is new enough.
find_python() {
    local candidate
    for candidate in python3.11 python3 python3.12 python3.13 python3.14; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return 0
        fi
    done
    return 1
}

can_make_environments() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

prepare_python() {
    local python version
    if ! python=$(find_python); then
        if command -v python3 >/dev/null; then
            say "Strowger needs Python 3.11 or newer; python3 here is $(python3 --version 2>&1)."
        fi
        install_packages python3 python3-venv
        python=$(find_python) || { say "The Python that this system offers is older than 3.11."; exit 1; }
    fi
    if ! can_make_environments "$python"; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        install_packages "python$version-venv"
        can_make_environments "$python" || { say "$python still cannot make a virtual environment."; exit 1; }
    fi
    printf '%s\n' "$python"
}

prepare_tests() {
    local entry missing=()
    for entry in $PROGRAMS; do
        command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
    done
    [ "${#missing[@]}" -eq 0 ] || install_packages "${missing[@]}"
}

case "${1:-}" in
    python) prepare_python ;;
    tests) prepare_tests ;;
    *) say "usage: tools/prepare.sh python|tests"; exit 2 ;;
esac
