#!/usr/bin/env bash
# Format, layering, documentation, then the whole package with our own warnings as errors (Package.swift).
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

Scripts/install-packages.sh build
step "format"
swift format lint --strict --parallel -r Sources Tests Examples Package.swift
step "layering"
python3 Scripts/check-layering.py
step "documentation"
python3 Scripts/check-docs.py
step "build, warnings are errors"
swift build -c release --build-tests
step "browser helper"
python3 Scripts/browser-helper.py --check
step "man page"
python3 Scripts/man-page.py --check
step "all checks passed"
