#!/usr/bin/env bash
# From nothing to a link: builds, starts a server with its embedded database and a sample app, opens a tunnel between
# them and prints the links. Runs until Ctrl-C; with ONCE=1 it fetches the page through the tunnel and ends.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-packages.sh build demo
swift build -c release --product daypass
swift build -c release --product daypass-sample-app
bin=$(swift build -c release --show-bin-path)

folder=$(mktemp -d "${TMPDIR:-/tmp}/daypass-demo.XXXXXX")
export XDG_STATE_HOME="$folder/state"
unset DAYPASS_SERVER DAYPASS_TOKEN WORMKEY_CONTROL_PLANE_URL WORMKEY_EDGE_URL
pids=()
finish() {
    local status=$?
    trap - EXIT INT TERM
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill -TERM "${pids[i]}" 2>/dev/null || true
        wait "${pids[i]}" 2>/dev/null || true
    done
    if [ "$status" -ne 0 ] && [ "$status" -ne 130 ]; then
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

# The default port, or 0 (any free one) when something listens there already.
port() { if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then echo 0; else echo "$1"; fi; }

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
        echo "demo: no '$2' in $1" >&2
        return 1
    }
}

start server.log "$bin/daypass" serve --control "127.0.0.1:$(port 3001)" --edge "127.0.0.1:$(port 3002)" \
    --data "$folder/data"
ready=$(line server.log '^daypass: ready ')
control=$(sed -E 's/.* control=([^ ]+).*/\1/' <<<"$ready")

start app.log "$bin/daypass-sample-app" "$(port 3000)"
app=$(line app.log '^sample-app: listening on ')
app=${app##* }

if [ -z "${ONCE:-}" ] && [ -t 0 ] && [ -t 1 ]; then
    # With a terminal, the agent's own screen shows the links; Q or Ctrl-C there ends the demo.
    "$bin/daypass" http "$app" --server "$control"
    exit 0
fi

start tunnel.log "$bin/daypass" http "$app" --server "$control" --json --no-interactive
tunnel=$(line tunnel.log '"status" *: *"connected"')
member() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$tunnel" "$1"; }
url=$(member url)
printf '\n  app          http://127.0.0.1:%s\n  public link  %s\n  owner link   %s\n\n' "$app" "$url" "$(member owner_url)"

if [ -n "${ONCE:-}" ]; then
    curl --noproxy '*' -fsSL --max-time 20 -o "$folder/page.html" "$url"
    grep -q 'data-marker="daypass-sample-app"' "$folder/page.html" || {
        echo "demo: what came through the tunnel is not the sample app's page" >&2
        exit 1
    }
    echo "The sample app's page came through the tunnel ($(wc -c <"$folder/page.html") bytes)."
    exit 0
fi
echo "Running until Ctrl-C."
wait "${pids[-1]}"
