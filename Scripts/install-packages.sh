#!/usr/bin/env bash
# Installs the system packages that a purpose needs and that are missing: install-packages.sh build|demo|test|bench …
# This is the one list of them. With nothing missing it changes nothing and needs neither apt nor root.
set -euo pipefail

# purpose  Debian package    how to see that it is there
list='
build      libsqlite3-dev    file:sqlite3.h
build      libqrencode-dev   file:qrencode.h
build      libsecp256k1-dev  file:secp256k1_recovery.h
build      libpsl-dev        file:libpsl.h
build      pkg-config        command:pkg-config
build      python3           command:python3
build      make              command:make
demo       curl              command:curl
test       python3-venv      python:ensurepip
test       curl              command:curl
test       openssl           command:openssl
test       tmux              command:tmux
test       nginx-light       command:nginx
test       caddy             command:caddy
test       gcc               command:cc|gcc|clang
test       nghttp2-client    command:nghttp
test       nghttp2-server    command:nghttpd
test       chromium          command:chromium|chromium-browser|google-chrome
bench      nginx-light       command:nginx
bench      wrk               command:wrk
bench      caddy             command:caddy
bench      openssh-server    command:sshd
bench      openssh-client    command:ssh
bench      iproute2          command:ss
bench      gcc               command:cc|gcc|clang
'
PATH="$PATH:/usr/sbin:/sbin"

present() {
    local name
    case $1 in
    command:*)
        IFS='|' read -ra names <<<"${1#command:}"
        for name in "${names[@]}"; do command -v "$name" >/dev/null && return 0; done
        return 1
        ;;
    file:*) [ -e "/usr/include/${1#file:}" ] || [ -e "/usr/local/include/${1#file:}" ] ;;
    python:*) command -v python3 >/dev/null && python3 -c "import ${1#python:}" 2>/dev/null ;;
    esac
}

command -v swift >/dev/null || {
    echo "Swift is missing. Install Swift 6.2 or later: https://www.swift.org/install/linux/" >&2
    exit 1
}

missing=()
while read -r purpose package probe; do
    [ -n "$purpose" ] || continue
    for wanted in "$@"; do
        if [ "$purpose" = "$wanted" ] && ! present "$probe" && [[ " ${missing[*]} " != *" $package "* ]]; then
            missing+=("$package")
        fi
    done
done <<<"$list"
[ "${#missing[@]}" -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "These Debian packages, or what your system calls them, are needed first: ${missing[*]}" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "Run this as root first: apt-get install ${missing[*]}" >&2
        exit 1
    }
    as_root=(sudo)
fi
echo "Installing ${missing[*]} …" >&2
export DEBIAN_FRONTEND=noninteractive
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" >&2; }
apt update
for package in "${missing[@]}"; do
    if [ "$package" = chromium ]; then
        # Ubuntu has it as a snap only, which containers cannot install; the tests that need a browser say so.
        apt install --no-install-recommends chromium || apt install --no-install-recommends chromium-browser \
            || echo "No Chromium for this system: the tests with a browser cannot run." >&2
    else
        apt install --no-install-recommends "$package"
    fi
    # Debian starts these as services; only their programs are wanted here.
    case $package in
    nginx-light) services=(nginx) ;;
    caddy) services=(caddy) ;;
    openssh-server) services=(ssh.service ssh.socket) ;;
    *) services=() ;;
    esac
    if [ "${#services[@]}" -gt 0 ] && [ -d /run/systemd/system ]; then
        "${as_root[@]}" systemctl disable --now "${services[@]}" >/dev/null 2>&1 || true
    fi
done
