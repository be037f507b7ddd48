#!/usr/bin/env bash
# Black-box tests: the built binary against clients we did not write. Arguments go to pytest.
#
#   Scripts/end-to-end.sh                    all of them
#   Scripts/end-to-end.sh test_routing.py    one file
#   DAYPASS_BIN=dist/daypass …               against another binary
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

Scripts/install-packages.sh build test
if [ -z "${DAYPASS_BIN:-}" ]; then
    swift build -c release --product daypass
    swift build -c release --product ethereum-primitives-cli
    DAYPASS_BIN="$(swift build -c release --show-bin-path)/daypass"
else
    DAYPASS_BIN=$(realpath "$DAYPASS_BIN")
fi
export DAYPASS_BIN

# The environment is made again when the pinned list changes or the Python it was made with is gone.
requirements=Tests/EndToEnd/requirements.txt
stamp=.venv/requirements.txt
if ! cmp -s "$requirements" "$stamp" || ! .venv/bin/python -c '' 2>/dev/null; then
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$stamp"
fi

cd Tests/EndToEnd
exec "$root/.venv/bin/python" -m pytest "$@"
