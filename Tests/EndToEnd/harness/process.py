"""Child processes whose output is read line by line, and which are killed by pid when the tests end."""

import atexit
import os
import re
import signal
import subprocess
import threading
import time

_started = []


class Process:
    """One child. `stdout` and `stderr` collect lines as they come; `wait_line` waits for one."""

    def __init__(self, args, env=None, cwd=None, stdin=subprocess.DEVNULL, pass_fds=()):
        self.args = [str(a) for a in args]
        self.child = subprocess.Popen(
            self.args, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=cwd,
            pass_fds=pass_fds,
        )
        self.pid = self.child.pid
        self._changed = threading.Condition()
        self.stdout, self.stderr = [], []
        self._open = 2
        self._readers = []
        for stream, lines in ((self.child.stdout, self.stdout), (self.child.stderr, self.stderr)):
            reader = threading.Thread(target=self._collect, args=(stream, lines), daemon=True)
            reader.start()
            self._readers.append(reader)
        _started.append(self)

    def _collect(self, stream, lines):
        for raw in iter(stream.readline, b""):
            with self._changed:
                lines.append(raw.decode("utf-8", "replace").rstrip("\r\n"))
                self._changed.notify_all()
        stream.close()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def wait_line(self, lines, pattern, timeout=15.0):
        """The match of the first line of `lines` in which `pattern` is found."""
        deadline = time.monotonic() + timeout
        seen = 0
        with self._changed:
            while True:
                while seen < len(lines):
                    match = re.search(pattern, lines[seen])
                    if match:
                        return match
                    seen += 1
                left = deadline - time.monotonic()
                if self._open == 0 or left <= 0:
                    raise AssertionError(f"no line /{pattern}/ from {self.describe()}")
                self._changed.wait(min(left, 0.5))

    def describe(self):
        out = "\n  ".join(self.stdout[-20:])
        err = "\n  ".join(self.stderr[-40:])
        return (
            f"{' '.join(self.args)} (pid {self.pid}, exit {self.child.poll()})\n"
            f" stdout:\n  {out}\n stderr:\n  {err}"
        )

    @property
    def running(self):
        return self.child.poll() is None

    def send(self, number):
        if self.running:
            os.kill(self.pid, number)

    def wait(self, timeout=10.0):
        """The exit code; fails when the process does not end in time."""
        try:
            code = self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s: {self.describe()}") from None
        for reader in self._readers:
            reader.join(2)
        return code

    def kill(self):
        """SIGKILL, and waits until the process is gone."""
        self.send(signal.SIGKILL)
        self.child.wait(10)

    def stop(self, timeout=10.0):
        """SIGTERM, then SIGKILL when it does not help. The exit code."""
        self.send(signal.SIGTERM)
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def peak_memory(self):
        """Highest resident size so far, in bytes."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")


def kill_all():
    """Ends every process started here that still runs."""
    for process in _started:
        if process.running:
            process.kill()
    _started.clear()


atexit.register(kill_all)
