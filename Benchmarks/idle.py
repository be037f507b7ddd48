"""Memory of idle tunnels: many sessions, each joined by a bare agent, and what that adds to the edge."""

import http.client
import json
import subprocess
import sys
import time
from urllib.parse import urlsplit

from contenders import HERE, Daypass
from processes import Process
from reporting import Goal, Section, row
from settings import IDLE_TUNNELS

# These fill caches and allocator arenas; they are not counted.
WARM_UP = 20
GOAL = 10_000


def create_sessions(control, wanted):
    """That many sessions; their tokens."""
    where = urlsplit(control)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    tokens = []
    for _ in range(wanted):
        connection.request("POST", "/sessions", b"{}", {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        if answer.status != 201:
            print(f"bench: stopped at {len(tokens)} sessions: {body}", file=sys.stderr)
            break
        tokens.append(body["sessionToken"])
    connection.close()
    return tokens


def settled(process):
    """Memory once the edge has nothing left to do."""
    time.sleep(1)
    return process.memory()


def measure(running, folder, version):
    """Sessions alone, sessions with agents; and whether all of these were alive at the end."""
    daypass = Daypass(running, folder)
    agents = running.add(
        Process("agents", [sys.executable, HERE / "idle_agents.py"], folder, stdin=subprocess.PIPE)
    )

    def join(tokens):
        file = folder / "tokens"
        file.write_text("\n".join(tokens))
        answer = agents.tell(f"join {version} {daypass.edge} {file}")
        if answer["refusal"]:
            print(f"bench: {answer['joined']} idle tunnels: {answer['refusal']}", file=sys.stderr)
        return answer["joined"]

    began = time.monotonic()
    join(create_sessions(daypass.control, WARM_UP))
    empty = settled(daypass.server)
    tokens = create_sessions(daypass.control, IDLE_TUNNELS)
    sessions = settled(daypass.server)
    count = join(tokens) - WARM_UP
    tunnels = settled(daypass.server)
    alive = agents.tell("check")["alive"] - WARM_UP
    before = daypass.server.cpu_seconds()
    time.sleep(2)
    busy = (daypass.server.cpu_seconds() - before) / 2
    running.stop(agents, daypass.server)
    print(f"bench: {count} idle tunnels, version {version}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    return {"count": count, "alive": alive, "session": sessions - empty, "tunnel": tunnels - empty, "busy": busy,
            "edge": tunnels, "sessions": len(tokens)}


def run(running, folder, _):
    section = Section("Idle tunnels")
    section.table(["agent", "tunnels open", "alive at the end", "KB per tunnel (anonymous)", "of that the session",
                   "edge MB (anonymous)", "edge CPU while idle"])
    worst, open_tunnels = 0, []
    for version in (0, 1):
        place = folder.parent / f"{folder.name}{version}"
        place.mkdir()
        found = measure(running, place, version)
        count = max(found["count"], 1)
        each = found["tunnel"].total / count / 1000
        worst = max(worst, each)
        open_tunnels.append(found["alive"])
        section.add(row(
            f"version {version}", f"{found['count']:,}", f"{found['alive']:,}",
            f"{each:.1f} ({found['tunnel'].anonymous / count / 1000:.1f})",
            f"{found['session'].total / max(found['sessions'], 1) / 1000:.1f}", found["edge"],
            f"{found['busy'] * 100:.0f} %",
        ))
    section.goals.append(Goal("idle tunnel", "≤ 40 KB", "≤ 20 KB", f"{worst:.1f} KB", worst <= 40, worst <= 20))
    reached = min(open_tunnels) >= GOAL if IDLE_TUNNELS >= GOAL else None
    section.goals.append(Goal(
        "idle tunnels on one node", f"{GOAL:,}", "", f"{min(open_tunnels):,} alive", reached, False
    ))
    return [section]
