#!/usr/bin/env bash
# All tests: Swift's first, then the black-box ones against the built binary. Their own summaries are the last lines.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-packages.sh build test
swift test -c release
exec Scripts/end-to-end.sh
