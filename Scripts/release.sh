#!/usr/bin/env bash
# dist/daypass: one file to copy to a server, with the Swift runtime linked in and the symbols taken out.
# It still needs glibc, libsqlite3 and libqrencode of the target system.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-packages.sh build
# Same configuration and build folder as everything else: only the last link differs, so nothing is compiled twice.
swift build -c release --product daypass --static-swift-stdlib
mkdir -p dist
cp "$(swift build -c release --static-swift-stdlib --show-bin-path)/daypass" dist/daypass.new
strip dist/daypass.new
./dist/daypass.new version
mv dist/daypass.new dist/daypass
ls -l dist/daypass
