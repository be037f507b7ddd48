#!/usr/bin/env bash
# dist/daypass: one file to copy to a server, with the Swift runtime linked in and the symbols taken out.
# It still needs glibc, libsqlite3 and libqrencode of the target system.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-packages.sh build
# A build folder of its own: linking Swift in changes how every file is compiled, and would throw away .build.
build=(swift build -c release --scratch-path .build-static --static-swift-stdlib)
"${build[@]}" --product daypass
mkdir -p dist
cp "$("${build[@]}" --show-bin-path)/daypass" dist/daypass.new
strip dist/daypass.new
./dist/daypass.new version
mv dist/daypass.new dist/daypass
ls -l dist/daypass
