#!/usr/bin/env python3
"""Makes docs/daypass.1 from the binary's own help, so that the two cannot disagree.

man-page.py           writes the page
man-page.py --check   fails when the page is not what the binary says

The binary is .build/release/daypass or $DAYPASS_BIN.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "daypass.1"
BINARY = os.environ.get("DAYPASS_BIN", str(ROOT / ".build" / "release" / "daypass"))


def quoted(text):
    """Text as roff shows it unchanged."""
    lines = []
    for line in text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").split("\n"):
        lines.append("\\&" + line if line.startswith((".", "'")) else line)
    return "\n".join(lines)


def name_of(argument):
    names = [("--" if n["kind"] == "long" else "-") + n["name"] for n in argument.get("names", [])]
    value = argument.get("valueName", "")
    if argument["kind"] == "positional":
        shown = f"<{value}>"
        return shown + "..." if argument.get("isRepeating") else shown
    text = ", ".join(names)
    return f"{text} <{value}>" if argument["kind"] == "option" else text


def arguments_of(command):
    return [a for a in command.get("arguments", []) if a.get("shouldDisplay", True)]


def synopsis(path, command):
    parts = []
    for argument in arguments_of(command):
        if any(n["name"] in ("help", "version") for n in argument.get("names", [])):
            continue
        text = name_of(argument)
        parts.append(f"[{text}]" if argument.get("isOptional", True) else text)
    return " ".join([path, *parts])


def prose(discussion):
    """The discussion: indented lines stay as they are, the rest is filled, lines in capitals are headings."""
    out, literal = [], False
    for line in discussion.rstrip().split("\n"):
        if line.startswith("  ") != literal:
            literal = not literal
            out.append(".nf" if literal else ".fi")
        if not line:
            out.append(".PP")
        elif not literal and line == line.upper():
            out += [f".B {quoted(line)}", ".br"]
        else:
            out.append(quoted(line))
    return out + ([".fi"] if literal else [])


def describe(command, path, level):
    out = []
    if level:
        out += [f".SS {quoted(path)}", quoted(command.get("abstract", ""))]
    if "subcommands" not in command or not command["subcommands"]:
        out += [".PP", quoted(synopsis(path, command))]
    if command.get("discussion"):
        out += [".PP", *prose(command["discussion"])]
    for argument in arguments_of(command):
        if any(n["name"] in ("help", "version") for n in argument.get("names", [])):
            continue
        text = argument.get("abstract", "").strip()
        if argument.get("discussion"):
            text += " " + argument["discussion"].strip()
        if argument.get("defaultValue"):
            text += f" Default: {argument['defaultValue']}."
        out += [".TP", f".B {quoted(name_of(argument))}", quoted(text)]
    for child in command.get("subcommands", []):
        if child.get("shouldDisplay", True) and child["commandName"] != "help":
            out += describe(child, f"{path} {child['commandName']}", level + 1)
    return out


def page():
    dump = subprocess.run([BINARY, "--experimental-dump-help"], capture_output=True, text=True, check=True).stdout
    root = json.loads(dump)["command"]
    version = subprocess.run([BINARY, "version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    out = [
        '.\\" Made by Scripts/man-page.py from the help of the binary. Do not edit.',
        f'.TH DAYPASS 1 "" "daypass {version}" "User Commands"',
        ".SH NAME", f"daypass \\- {quoted(root['abstract'])}",
        ".SH SYNOPSIS", ".B daypass", "<command> [options]",
        ".SH DESCRIPTION", *prose(root["discussion"]), ".SH COMMANDS",
    ]
    for child in root["subcommands"]:
        if child.get("shouldDisplay", True) and child["commandName"] != "help":
            out += describe(child, f"daypass {child['commandName']}", 1)
    return "\n".join(out) + "\n"


def main():
    text = page()
    if sys.argv[1:] == ["--check"]:
        if not PAGE.exists() or PAGE.read_text() != text:
            sys.exit(f"{PAGE.relative_to(ROOT)} is not what the binary's help says; run Scripts/man-page.py")
        return
    PAGE.write_text(text)


main()
