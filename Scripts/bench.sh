#!/usr/bin/env bash
# Speed of the tunnel beside nginx as a plain reverse proxy and ssh -R, in one run of about eight minutes that writes its
# report into docs/performance.md (Benchmarks/README.md). QUICK=1 takes two minutes and writes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-packages.sh build bench
if [ -z "${DAYPASS_BIN:-}" ]; then
    # What users install: stripped, with Swift linked in.
    Scripts/release.sh >&2
    DAYPASS_BIN=$PWD/dist/daypass
fi
export DAYPASS_BIN
swift build -c release --product hot-path >&2
python3 Benchmarks/bench.py
if [ -z "${QUICK:-}${PARTS:-}" ]; then
    python3 Benchmarks/hot_path.py --write
fi
