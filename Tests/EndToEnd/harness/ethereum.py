"""The program that answers questions about Ethereum's formats, asked many at once."""

import json
import subprocess
from pathlib import Path

from .daypass import BINARY

PROGRAM = Path(BINARY).with_name("ethereum-primitives-cli")
BATCH = 500


class Refused(Exception):
    """The program answered with an error."""


def ask_all(questions):
    """Answers to all questions in order; what the program refuses is a `Refused` in its place."""
    answers = []
    questions = list(questions)
    for start in range(0, len(questions), BATCH):
        batch = questions[start : start + BATCH]
        lines = "".join(json.dumps(question) + "\n" for question in batch)
        done = subprocess.run([PROGRAM], input=lines, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{PROGRAM.name} ended with {done.returncode}: {done.stderr[-2000:]}"
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(found) == len(batch), "an answer for each question"
        answers += [answer["ok"] if "ok" in answer else Refused(answer["error"]) for answer in found]
    return answers


def ask(**question):
    """The answer to one question; raises `Refused`."""
    (answer,) = ask_all([question])
    if isinstance(answer, Refused):
        raise answer
    return answer


def hexed(data):
    return "0x" + bytes(data).hex()


def unhexed(text):
    assert text.startswith("0x")
    return bytes.fromhex(text[2:])
