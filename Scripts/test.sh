#!/usr/bin/env bash
# All tests: Swift's first, then the black-box ones against the built binary. Their own summaries are the last lines.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-packages.sh build test
# Without this flag every module, dependencies included, is compiled again with -enable-testing (docs/decisions/0002).
# Twice as many tests at once as there are cores: with no such limit hundreds share a core, and each one's time limit.
swift test -c release --disable-testable-imports \
    --experimental-maximum-parallelization-width "$((2 * $(nproc)))"
exec Scripts/end-to-end.sh
