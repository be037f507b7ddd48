#!/usr/bin/env bash
# dist/daypass: one file to copy to a server, with the Swift runtime linked in and the symbols taken out.
# It still needs glibc, libstdc++, libsqlite3, libqrencode, libpsl and libsecp256k1 of the target system.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-packages.sh build
swift build -c release --product daypass
build=$(swift build -c release --show-bin-path)
mkdir -p dist

# What was compiled for everything else is linked once more, against the runtime's archives: seconds, where
# `swift build --static-swift-stdlib` compiles all dependencies again. Foundation's archives need each other, hence the
# group; SwiftPM calls main `daypass_main`.
relink() {
    local archives=-Wl,--start-group name
    for name in Foundation FoundationInternationalization FoundationEssentials CoreFoundation _FoundationICU \
        _FoundationCShims _FoundationCollections swiftSynchronization swiftDispatch dispatch BlocksRuntime; do
        archives+=,-l$name
    done
    swiftc -emit-executable -static-stdlib -o dist/daypass.new "@$build/daypass.product/Objects.LinkFileList" \
        -lsqlite3 -lqrencode -lsecp256k1 -lpsl -lstdc++ -Xlinker --gc-sections -Xlinker --defsym=main=daypass_main \
        -Xclang-linker "$archives,--end-group" >dist/link.log 2>&1
}
# Works as a program of its own: starts, and finds no Swift on the system it runs on.
works() {
    ./dist/daypass.new version && ! ldd dist/daypass.new | grep -E 'libswift|libFoundation|libdispatch|not found'
}

if ! { relink && works; }; then
    echo "release: linking again is not enough with this toolchain (dist/link.log); compiling for it" >&2
    static=(swift build -c release --scratch-path .build-static --static-swift-stdlib)
    "${static[@]}" --product daypass
    cp "$("${static[@]}" --show-bin-path)/daypass" dist/daypass.new
    works
fi
rm -f dist/link.log
strip dist/daypass.new
mv dist/daypass.new dist/daypass
ls -l dist/daypass
