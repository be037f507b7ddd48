"""What a run can be told from outside; QUICK=1 makes everything small."""

import os
import resource

QUICK = os.environ.get("QUICK", "") not in ("", "0")


def number(name, full, quick):
    """A whole number from the environment, else the default of a full or a quick run."""
    return int(os.environ.get(name) or (quick if QUICK else full))


SECONDS = number("SECONDS_PER_RUN", 6, 2)
ROUNDS = number("ROUNDS", 2, 1)
IDLE_TUNNELS = number("IDLE_TUNNELS", 10_000, 500)
WEBSOCKETS = number("WEBSOCKETS", 5_000, 300)
STALLED_VIEWERS = number("STALLED_VIEWERS", 100, 100)
BYSTANDER_ROUNDS = number("BYSTANDER_ROUNDS", 8, 3)
API_KEYS = number("API_KEYS", 1_000_000, 100_000)
STREAM_SECONDS = number("STREAM_SECONDS", 10, 5)
LOSS_SECONDS = number("LOSS_SECONDS", 6, 3)
LINK_MEGABYTES = number("LINK_MEGABYTES", 100, 100)
PARTS = [part for part in os.environ.get("PARTS", "").replace(",", " ").split() if part]


def raise_descriptor_limit():
    """As many descriptors as the system allows; the processes started from here inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
