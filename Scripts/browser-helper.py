#!/usr/bin/env python3
"""Makes the browser helper that the server sends (`ClientScript.swift`) from the one that people read
(`browser-helper.js`): without comments, indentation and spaces that mean nothing.

    Scripts/browser-helper.py            writes it
    Scripts/browser-helper.py --check    fails when it is not what would be written
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "Scripts" / "browser-helper.js"
TARGET = ROOT / "Sources" / "SessionModel" / "Browser" / "ClientScript.swift"
LIMIT = 2048

# Texts and the patterns of paths and methods keep their spaces.
KEPT = re.compile(r'("[^"\n]*"|`[^`]*`|/\^[^/\n]*/[a-z]*)')
# Names that are nobody's property.
NAMES = {"seconds": "w", "refusal": "q", "minting": "m", "renewal": "r", "session": "s", "isRead": "i", "isOurs": "o"}
NAME = re.compile(r"(?<![.\w])(" + "|".join(NAMES) + r")(?!\w)")
BLANKS = re.compile(r" *([{}()\[\];,:?<>=!+*&|]) *")


def shortened(source):
    lines = [line.strip() for line in source.split("\n")]
    code = "".join(line if line.endswith((";", "{", "}", ",", "(")) else line + " " for line in lines
                   if line and not line.startswith("//"))
    parts = KEPT.split(code)
    for index in range(0, len(parts), 2):
        part = NAME.sub(lambda match: NAMES[match[1]], BLANKS.sub(r"\1", parts[index]))
        parts[index] = part.replace(",}", "}").replace(";}", "}")
    return "".join(parts).strip() + "\n"


def swift(text):
    assert '"#' not in text and "\\" not in text, "the text must fit into a raw string"
    return f'''/// The browser helper: `fetch` for web pages, with the key and with session tokens that it gets by itself.
///
/// Made by `Scripts/browser-helper.py` from `Scripts/browser-helper.js`, which is the one to read and to change.
package enum ClientScript {{
    /// Where the edge serves it.
    package static let path = "/.well-known/daypass/client.js"

    /// The module's text, less than 2048 bytes.
    package static let text = #"""
        {text}
        """#

    /// What tells its versions apart: the beginning of the text's SHA-256, quoted as an `ETag` is.
    package static let etag: String = {{
        let digest = SecretDigest(of: text).bytes.prefix(12)
        return "\\"" + digest.map {{ String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }}.joined() + "\\""
    }}()
}}
'''


def main():
    text = shortened(SOURCE.read_text())
    size = len(text.encode())
    if size >= LIMIT:
        sys.exit(f"the browser helper has {size} bytes; it must have fewer than {LIMIT}")
    made = swift(text)
    if "--check" in sys.argv:
        if TARGET.read_text() != made:
            sys.exit(f"{TARGET.relative_to(ROOT)} is not made from the present source: run Scripts/browser-helper.py")
    else:
        TARGET.write_text(made)
        print(f"{size} bytes")


if __name__ == "__main__":
    main()
