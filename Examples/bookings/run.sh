#!/usr/bin/env bash
# From nothing to a page that uses an API with a publishable key: starts the bookings API, a Daypass server and the page,
# each on a free port of this machine, and prints the link. Runs until Ctrl-C; everything it made is in one temporary
# folder and goes with it. Needs Python 3 and `daypass` (DAYPASS_BIN=…, else the built one, else the one on PATH).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
daypass=${DAYPASS_BIN:-}
[ -n "$daypass" ] || { [ -x "$here/../../.build/release/daypass" ] && daypass=$here/../../.build/release/daypass; } \
    || daypass=$(command -v daypass) || {
    echo "run.sh: no daypass; build it with 'swift build -c release --product daypass'" >&2
    exit 1
}

umask 077
folder=$(mktemp -d "${TMPDIR:-/tmp}/daypass-bookings.XXXXXX")
export XDG_STATE_HOME="$folder/state"
pids=()
finish() {
    local status=$?
    trap - EXIT INT TERM
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill -TERM "${pids[i]}" 2>/dev/null || true
        wait "${pids[i]}" 2>/dev/null || true
    done
    if [ "$status" -ne 0 ] && [ "$status" -ne 130 ] && [ "$status" -ne 143 ]; then
        for log in "$folder"/*.log; do
            if [ -s "$log" ]; then printf '\n-- end of %s\n' "${log##*/}" && tail -n 20 "$log"; fi
        done >&2
    fi
    rm -rf "$folder"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start LOG COMMAND…: in the background, both outputs into the log.
start() {
    local log=$folder/$1
    shift
    : >"$log" # so that `line` finds it before the process has begun
    "$@" >"$log" 2>&1 </dev/null &
    pids+=($!)
}

# line LOG PATTERN: waits until the newest process has written a matching line, and prints it.
line() {
    timeout 60 grep -m1 -E -- "$2" < <(exec tail -n +1 -f --pid="${pids[-1]}" "$folder/$1" 2>/dev/null) || {
        echo "run.sh: no '$2' in $1" >&2
        return 1
    }
}

# 1. The API. It listens on this machine only and knows nothing of keys.
start api.log python3 "$here/api.py" 0
api=$(line api.log '^bookings: listening on ')
api=${api##* }

# 2. Daypass. The admin token is made here, stays in a file that only this user can read, and is never printed.
python3 -c 'import secrets; print("dp_admin_" + secrets.token_hex(32))' >"$folder/admin-token"
start server.log "$daypass" serve --control 127.0.0.1:0 --edge 127.0.0.1:0 --data "$folder/data" \
    --admin-token-file "$folder/admin-token"
ready=$(line server.log '^daypass: ready ')
control=$(sed -E 's/.* control=([^ ]+).*/\1/' <<<"$ready")
edge=$(sed -E 's/.* edge=([^ ]+).*/\1/' <<<"$ready")
# as_admin ARGUMENTS…: one `daypass api` command.
as_admin() { DAYPASS_SERVER="$control" DAYPASS_TOKEN="$(<"$folder/admin-token")" "$daypass" api "$@"; }

# 3. What Daypass is to know: the file beside this script, with the port that the API got.
sed "s|http://127.0.0.1:8088|http://127.0.0.1:$api|" "$here/tenant.yaml" >"$folder/tenant.yaml"
as_admin apply "$folder/tenant.yaml"

# 4. The page, on a web origin of its own, and a key that works from there alone. Such a key may be read by everybody.
cp -r "$here/page" "$folder/page"
start page.log python3 -u -m http.server --bind 127.0.0.1 --directory "$folder/page" 0
page=$(line page.log '^Serving HTTP on ')
page=http://shop.localhost:$(sed -E 's/.* port ([0-9]+).*/\1/' <<<"$page")
key=$(as_admin keys create --tenant bookings --name "the page" --test --plan bookings --origin "$page" \
    --scope bookings:read --scope bookings:write --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["secret"])')
cat >"$folder/page/config.js" <<JS
export const server = "http://bookings.localhost:${edge##*:}";
export const key = "$key";
JS

cat <<TEXT

  page   $page/
  API    http://bookings.localhost:${edge##*:}/api/v1/bookings (through Daypass)

Book something; then try the API without the page:

  curl -i -H 'Authorization: Bearer $key' \\
       http://bookings.localhost:${edge##*:}/api/v1/bookings

It answers 403 ORIGIN_NOT_ALLOWED: the key is good on the page only. Running until Ctrl-C.
TEXT
wait "${pids[-1]}"
