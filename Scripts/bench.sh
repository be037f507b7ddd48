#!/usr/bin/env bash
# Speed of the tunnel beside nginx as a plain reverse proxy, in one run of about two minutes (Benchmarks/README.md).
# OUT=FILE also writes the table there; SECONDS_PER_RUN=N changes how long each case runs.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-packages.sh build bench
if [ -z "${DAYPASS_BIN:-}" ]; then
    swift build -c release --product daypass >&2
    DAYPASS_BIN="$(swift build -c release --show-bin-path)/daypass"
fi
export DAYPASS_BIN
exec python3 Benchmarks/bench.py
