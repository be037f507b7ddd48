"""Black-box harness: processes, raw HTTP on both ends, and independent tunnel peers of versions 0 and 1.

Nothing here knows how Daypass is built; it only speaks what `spec/`, the reference pages and `docs/protocol.md` say.
"""
