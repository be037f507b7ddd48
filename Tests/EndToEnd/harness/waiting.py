"""Waiting for something to become true, with a deadline instead of a lucky sleep."""

import time


def eventually(check, timeout=5.0, interval=0.02, what="the condition"):
    """Calls `check` until it returns something truthy, and returns that. Assertion errors count as "not yet"."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = check()
            if value:
                return value
            last = value
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what} did not happen within {timeout} s; last: {last!r}")
        time.sleep(interval)
