"""Processes of a benchmark: started with their output in a file, ready when they say so, measured from /proc."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


class Process:
    """A command; CPU and memory count its children too (nginx's workers)."""

    def __init__(self, name, command, folder, env=None):
        self.log = Path(folder) / f"{name}.log"
        self.name = name
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env
            )

    def wait_line(self, pattern, timeout=30):
        """The first line of output that matches."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            found = re.search(pattern, self.log.read_text(errors="replace"), re.MULTILINE)
            if found:
                return found
            if self.child.poll() is not None:
                break
            time.sleep(0.02)
        tail = self.log.read_text(errors="replace")[-2000:]
        raise SystemExit(f"bench: {self.name} did not print {pattern!r}:\n{tail}")

    def pids(self):
        """The process and its direct children."""
        children = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()
        return [self.child.pid, *map(int, children)]

    def cpu_seconds(self):
        """User and system time so far (proc(5), fields 14 and 15 of stat)."""
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICK

    def resident_bytes(self):
        """Resident memory now."""
        total = 0
        for pid in self.pids():
            total += int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024
        return total

    def stop(self, timeout=5):
        """Asks it to end; insists after that many seconds."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
