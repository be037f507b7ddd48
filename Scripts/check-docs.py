#!/usr/bin/env python3
"""Documentation: every target says what it is, every package or public declaration says what it is for, links lead
somewhere, and no source file is too long to read."""

import re
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 400

# Requirements of well-known protocols: their documentation stands there. (Those of our own protocols are read from
# the sources.)
WITNESSES = re.compile(
    r"\b(var (description|debugDescription|errorDescription|defaultValueDescription|hashValue|rawValue|body|startIndex|endIndex|count)\b"
    r"|func (encode\(to|hash\(into|makeIterator\(|next\(\)|index\(after|callAsFunction\()"
    r"|func (==|<)|init\(from decoder|init\?\(rawValue|subscript\(position|init\(\w+Literal\b"
    # Clock and InstantProtocol; Hummingbird's request contexts and responders.
    r"|func (advanced\(by|duration\(to|sleep\(until)|var (now: Instant|minimumResolution)\b"
    r"|func respond\(to request|var coreContext\b|init\(source: ApplicationRequestContextSource|typealias Context\b"
    r"|func (channel(Read|ReadComplete|Active|Inactive|Registered|Unregistered|WritabilityChanged)\(context"
    r"|handler(Added|Removed)\(context|userInboundEventTriggered\(context|errorCaught\(context"
    r"|write\(context|flush\(context|read\(context|close\(context|connect\(context|triggerUserOutboundEvent\(context)"
    r"|func (run|validate)\(\)( async)?( throws)?|static (let|var) configuration\b"
    r"|typealias (InboundIn|InboundOut|OutboundIn|OutboundOut|Element|Index|Iterator)\b)"
)
DECLARATION = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:package|public|open)\s+(?!import\b|extension\b)"
    r"(?:(?:static|final|mutating|nonmutating|indirect|lazy|weak|override|required|convenience|nonisolated|"
    r"consuming|borrowing|class)\s+|(?:unowned|nonisolated|package|private|fileprivate|internal)\([^)]*\)\s+)*"
    r"(?:struct|class|enum|actor|protocol|func|var|let|init|subscript|typealias|associatedtype|macro|operator)\b"
)
SETTER = re.compile(r"^\s*(?:package|public)\s+(?:private|fileprivate|internal|package)\(set\)")


def multiline_literals(lines):
    """Which lines lie inside a multi-line string literal."""
    inside, result = False, []
    for line in lines:
        result.append(inside)
        if line.count('"""') % 2 == 1:
            inside = not inside
    return result


def documented(lines, index):
    """Whether the lines above `index` are a doc comment, attributes in between allowed."""
    index -= 1
    depth = 0
    while index >= 0:
        line = lines[index].strip()
        depth += line.count(")") - line.count("(")
        if line.startswith("///"):
            return True
        # ArgumentParser: the help text is the documentation.
        if "help:" in line and depth >= 0:
            return True
        if not (line.startswith("@") or line.startswith("#if") or depth > 0):
            return False
        index -= 1
    return False


def mirrors_wire(lines, index):
    """Whether `index` is a stored property of a Codable type: its name and meaning are those of the published API."""
    if not (found := re.match(r"^( *)package (?:var|let) [\w`]+: [^{=]*$", lines[index])):
        return False
    outer = re.compile(r"^" + found.group(1)[4:] + r"\S.*\{$")
    above = next((line for line in reversed(lines[:index]) if outer.match(line)), "")
    return bool(re.search(r"\b(struct|class)\b.*\b(Codable|Decodable|Encodable)\b", above))


def signature(lines, index):
    """Name and argument labels of the function (or the name of the property) declared at `index`, or None."""
    text = " ".join(lines[index:index + 12])
    if found := re.search(r"\bfunc\s+(\w+)\s*(?:<[^>]*>)?\(", text):
        depth, labels, part = 1, [], ""
        for character in text[found.end():]:
            depth += character in "([{"
            depth -= character in ")]}"
            if depth == 0:
                break
            if character == "," and depth == 1:
                labels.append(part)
                part = ""
            else:
                part += character
        labels.append(part)
        return found.group(1), tuple(label.split(":")[0].split()[0] for label in labels if label.strip())
    if found := re.search(r"\b(?:var|let)\s+(\w+)", lines[index]):
        return found.group(1), None
    return None


def requirements(files, problems):
    """What the protocols of the package require; each requirement must be documented where it is required."""
    result = set()
    for file in files:
        lines = file.read_text().splitlines()
        inside = False
        for index, line in enumerate(lines):
            if re.match(r"^(package |public )?protocol \w+.*\{$", line):
                inside = True
            elif line.startswith("}"):
                inside = False
            elif inside and re.match(r"^    (?:mutating |static )?(?:func|var)\b", line):
                result.add(signature(lines, index))
                if not documented(lines, index):
                    problems.append(f"{file.relative_to(ROOT)}:{index + 1}: no doc comment: {line.strip()}")
    return result


def check_sources(problems):
    count = 0
    required = requirements(sorted((ROOT / "Sources").rglob("*.swift")), problems)
    for target in sorted(p for p in (ROOT / "Sources").iterdir() if p.is_dir()):
        files = sorted(target.rglob("*.swift"))
        if not files:
            continue
        landing = f"//! {target.name}: "
        if not any(file.read_text().startswith(landing) for file in files):
            problems.append(f"Sources/{target.name}: no file begins with '{landing}…' to say what the target is for")
        for file in files:
            lines = file.read_text().splitlines()
            where = file.relative_to(ROOT)
            if len(lines) > MAX_LINES:
                problems.append(f"{where}: {len(lines)} lines; split it below {MAX_LINES}")
            inside = multiline_literals(lines)
            for index, line in enumerate(lines):
                if inside[index] or not (DECLARATION.match(line) or SETTER.match(line)):
                    continue
                if WITNESSES.search(line) or line.strip().startswith("@OptionGroup") or mirrors_wire(lines, index):
                    continue
                count += 1
                if signature(lines, index) not in required and not documented(lines, index):
                    problems.append(f"{where}:{index + 1}: no doc comment: {line.strip()}")
    return count


def anchors(text):
    """The fragment names GitHub gives to headings."""
    result = set()
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*$", text, re.MULTILINE):
        plain = re.sub(r"[`*_]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        unique, number = name, 0
        while unique in result:
            number += 1
            unique = f"{name}-{number}"
        result.add(unique)
    return result


def check_links(problems):
    count = 0
    pages = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "Examples").rglob("*.md"),
                    *(ROOT / "Benchmarks").rglob("*.md")})
    for page in pages:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        text = re.sub(r"`[^`\n]*`", "", text)
        for link in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?:src|href)=\"([^\"]+)\"", text):
            if re.match(r"[a-z]+:", link):
                continue
            count += 1
            path, _, fragment = link.partition("#")
            target = page if not path else page.parent / unquote(path)
            if not target.exists():
                problems.append(f"{page.relative_to(ROOT)}: link to {link}, which does not exist")
            elif fragment and target.suffix == ".md" and fragment not in anchors(target.read_text()):
                problems.append(f"{page.relative_to(ROOT)}: link to {link}, which has no such heading")
    required = ["README.md", "LICENSE", "docs/architecture.md", "docs/life-of-a-request.md", "docs/protocol.md",
                "docs/glossary.md", "docs/threat-model.md"]
    problems.extend(f"{name}: missing" for name in required if not (ROOT / name).exists())
    return count


def main():
    problems = []
    declarations = check_sources(problems)
    links = check_links(problems)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(problems)} problems in {declarations} declarations and {links} links")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
