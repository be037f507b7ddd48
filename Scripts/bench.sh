#!/usr/bin/env bash
# Speed of the tunnel beside nginx as a plain reverse proxy and ssh -R, in one run of about seven minutes that writes its
# report into docs/performance.md (Benchmarks/README.md). QUICK=1 takes two minutes and writes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-packages.sh build bench
if [ -z "${DAYPASS_BIN:-}" ]; then
    swift build -c release --product daypass >&2
    DAYPASS_BIN="$(swift build -c release --show-bin-path)/daypass"
fi
export DAYPASS_BIN
exec python3 Benchmarks/bench.py
