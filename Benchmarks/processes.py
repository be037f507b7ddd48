"""Processes of a benchmark: started with their output in a file, ready when they say so, measured from /proc."""

import contextlib
import ctypes
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


class Process:
    """A command; CPU and memory count what it has started too (nginx's workers, sshd's sessions)."""

    def __init__(self, name, command, folder, env=None, stdin=subprocess.DEVNULL):
        self.log = Path(folder) / f"{name}.log"
        self.name = name
        self.told = 0
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(
                [str(part) for part in command], stdin=stdin, stdout=log, stderr=subprocess.STDOUT, env=env
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

    def tell(self, line, timeout=120):
        """Sends a line to a helper of ours; its answer, one line of JSON."""
        self.told += 1
        self.child.stdin.write(f"{line}\n".encode())
        self.child.stdin.flush()
        found = self.wait_line(r"\A(?:.*\n){%d}(\{.*\})\n" % (self.told - 1), timeout)
        return json.loads(found.group(1))

    def pids(self):
        """The process and everything below it."""
        found, index = [self.child.pid], 0
        while index < len(found):
            for thread in Path(f"/proc/{found[index]}/task").glob("*/children"):
                try:
                    found.extend(map(int, thread.read_text().split()))
                except OSError:
                    pass
            index += 1
        return found

    def cpu_seconds(self):
        """User and system time so far (proc(5), fields 14 and 15 of stat)."""
        ticks = 0
        for pid in self.pids():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICK

    def memory(self):
        """Resident bytes now: all of them, and those that are not pages of files (proc(5), VmRSS and RssAnon)."""
        total, anonymous = 0, 0
        for pid in self.pids():
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            total += int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024
            anonymous += int(re.search(r"RssAnon:\s+(\d+) kB", status).group(1)) * 1024
        return Memory(total, anonymous)

    def stop(self):
        """Asks it to end; insists after five seconds. Then whatever it started and left behind (sshd's sessions)."""
        below = {pid: started(pid) for pid in self.pids()[1:]} if self.child.poll() is None else {}
        if self.child.stdin:
            self.child.stdin.close()
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        for pid, since in below.items():
            # The same process still, not another one with its number.
            if since is not None and started(pid) == since:
                os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def adopt_orphans():
    """Processes whose parent ends before them become children of this one (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def reap_orphans():
    """Lets go of adopted processes that have ended; called when nothing of ours runs any more."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def started(pid):
    """When a process began, in ticks since the system did; None if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


class Memory:
    """Resident bytes, and how many of them are anonymous; the rest are pages of files, mostly program text."""

    def __init__(self, total=0, anonymous=0):
        self.total, self.anonymous = total, anonymous

    def __add__(self, other):
        return Memory(self.total + other.total, self.anonymous + other.anonymous)

    def __sub__(self, other):
        return Memory(self.total - other.total, self.anonymous - other.anonymous)

    def __str__(self):
        return f"{self.total / 1e6:.0f} ({self.anonymous / 1e6:.0f})"


def resident_once(processes):
    """Resident bytes of several processes together, with pages of a file that more than one maps counted once."""
    files, anonymous = {}, sum(process.memory().anonymous for process in processes)
    for process in processes:
        mapped = {}
        for pid in process.pids():
            with contextlib.suppress(OSError):
                for part in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", Path(f"/proc/{pid}/smaps").read_text(), flags=re.M)[1:]:
                    name = (part.split("\n", 1)[0].split(None, 5) + [""])[5]
                    resident, private = (
                        int(re.search(rf"^{key}:\s+(\d+)", part, re.M).group(1)) for key in ("Rss", "Anonymous")
                    )
                    mapped[name] = mapped.get(name, 0) + (resident - private) * 1024
        for name, size in mapped.items():
            files[name] = max(files.get(name, 0), size)
    return anonymous + sum(files.values())


class Running:
    """Everything that was started, so that it is ended, newest first, however the run ends."""

    def __init__(self):
        self.processes = []

    def __enter__(self):
        return self

    def add(self, process):
        self.processes.append(process)
        return process

    def stop(self, *processes):
        """Ends these now."""
        for process in processes:
            process.stop()
            self.processes.remove(process)

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.stop()
