"""A wall clock that tests move: for servers only, and only ahead of or behind the machine's own."""

import shutil
import struct
import subprocess
import time
from pathlib import Path


class Clock:
    """`environment` is for the server; `ahead` moves it while it runs."""

    def __init__(self, folder):
        self.file = Path(folder) / "later"
        self.move(0)
        library = Path(folder) / "later.so"
        compiler = shutil.which("cc") or shutil.which("clang")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, Path(__file__).with_suffix(".c")], check=True)
        self.environment = {"LD_PRELOAD": str(library), "LATER": str(self.file)}

    def move(self, seconds):
        """The clock is now this much ahead of the machine's."""
        self.seconds = int(seconds)
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("<q", self.seconds))

    def ahead(self, seconds):
        """Moves it by so much more."""
        self.move(self.seconds + seconds)

    def now(self):
        return time.time() + self.seconds
