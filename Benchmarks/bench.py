#!/usr/bin/env python3
"""Speed of the tunnel beside other ways to do the same, in one run.

Writes a report; never fails because a machine is slow. See README.md beside this file for what the figures mean.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import bystanders
import gateway
import idle
import open_websockets
import reporting
import settings
import slow
import speed
from processes import Running, adopt_orphans, reap_orphans

PARTS = {
    "speed": speed.run,
    "gateway": gateway.run,
    "bystanders": bystanders.run,
    "slow": slow.run,
    "websockets": open_websockets.run,
    "idle": idle.run,
}
PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
HUGE = 4 << 30


def make_files(folder):
    """What the local app serves: two files to compare, and one too large to ever end (without blocks on the disk)."""
    folder.mkdir()
    contents = {"1k.bin": os.urandom(1024), "1m.bin": os.urandom(1 << 20)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    with (folder / "huge.bin").open("wb") as file:
        file.truncate(HUGE)
    return contents


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    wanted = settings.PARTS or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        raise SystemExit(f"bench: no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    adopt_orphans()
    descriptors = settings.raise_descriptor_limit()
    heading = reporting.machine() + f" {descriptors:,} descriptors per process."
    if settings.QUICK:
        heading += " A quick run: figures vary more than in a full one."
    folder = Path(tempfile.mkdtemp(prefix="daypass-bench."))
    # nginx's workers run as another user when the benchmark runs as root; they must read the files.
    folder.chmod(0o755)
    sections, gateway_sections = [], []
    try:
        contents = make_files(folder / "files")
        for name in wanted:
            print(f"bench: {name}", file=sys.stderr, flush=True)
            began = time.monotonic()
            place = folder / name
            place.mkdir()
            with Running() as running:
                (gateway_sections if name == "gateway" else sections).extend(PARTS[name](running, place, contents))
            print(f"bench: {name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    finally:
        reap_orphans()
        if not os.environ.get("KEEP"):
            shutil.rmtree(folder, ignore_errors=True)
    whole = not settings.QUICK and not settings.PARTS
    # The gateway has a block of its own on the page, so that it can be measured again by itself.
    for block, found in (("bench", sections), ("bench-gateway", gateway_sections)):
        if not found:
            continue
        report = reporting.compose(heading, found)
        print(report)
        if out := os.environ.get("OUT") or (PAGE if whole else None):
            reporting.write(out, report, block)


if __name__ == "__main__":
    main()
