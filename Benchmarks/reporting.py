"""The report: Markdown, on standard output and between the markers of a page."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Goal:
    """A figure beside what was aimed at: first, then. `reached` is None where the run did not try."""

    def __init__(self, case, goal, then, measured, reached, reached_then):
        self.case, self.goal, self.then, self.measured = case, goal, then, measured
        self.reached, self.reached_then = reached, reached_then

    def row(self):
        verdict = "both" if self.reached_then and self.then else "yes" if self.reached else "**no**"
        if self.reached is None:
            verdict = "not tried"
        return row(self.case, self.goal, self.then or "", self.measured, verdict)


class Section:
    """One part of the report."""

    def __init__(self, title):
        self.title, self.lines, self.goals = title, [], []

    def add(self, *lines):
        self.lines.extend(lines)

    def table(self, head, left=1):
        """Begins a table; the first `left` columns are text, the others numbers."""
        self.add(row(*head), row(*["---"] * left, *["---:"] * (len(head) - left)))

    def text(self):
        return "\n".join([f"### {self.title}", "", *self.lines])


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def version(*command):
    try:
        output = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return "none"
    found = re.search(r"\d+(\.\d+)+\w*", output.stdout + output.stderr)
    return found.group(0) if found else "?"


def machine():
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text()).group(1)) / 2**20
    commit = subprocess.run(
        ["git", "-C", HERE, "describe", "--always", "--dirty"], capture_output=True, text=True
    ).stdout.strip()
    today = datetime.datetime.now(datetime.timezone.utc).date()
    load = os.getloadavg()[0]
    return (
        f"{today}, commit {commit or '?'}. {os.cpu_count()} cores ({model.group(1) if model else platform.machine()}), "
        f"{memory:.0f} GiB, Linux {platform.release()}; load {load:.1f} when the run began. "
        f"nginx {version('nginx', '-v')}, wrk {version('wrk', '-v')}, OpenSSH {version('ssh', '-V')}."
    )


def compose(heading, sections):
    """The whole report: the machine, the goals, then each part."""
    goals = [goal for section in sections for goal in section.goals]
    lines = [heading, ""]
    if goals:
        lines += [row("case", "goal", "then", "measured", "reached"), row("---", "---", "---", "---", "---")]
        lines += [goal.row() for goal in goals]
        lines.append("")
    return "\n".join(lines) + "\n" + "\n\n".join(section.text() for section in sections)


def write(path, text, block="bench"):
    """Between the markers of a page that has them, else as the whole file."""
    path = Path(path)
    begin, end = f"<!-- {block}:begin -->", f"<!-- {block}:end -->"
    before = path.read_text() if path.exists() else ""
    if begin in before and end in before:
        head, _, rest = before.partition(begin)
        tail = rest.partition(end)[2]
        text = f"{head}{begin}\n\n{text}\n\n{end}{tail}"
    else:
        text += "\n"
    path.write_text(text)
