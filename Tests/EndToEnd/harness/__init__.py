"""Black-box harness: processes, raw HTTP on both ends, and independent version 0 tunnel peers.

Nothing here knows how Daypass is built; it only speaks what `spec/` and the reference pages say.
"""
