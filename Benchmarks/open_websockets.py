"""Many WebSockets open through one tunnel, or as many tunnels as that takes; each echoes at the end."""

import subprocess
import sys
from urllib.parse import urlsplit

from contenders import HERE, Daypass
from idle import settled
from processes import Memory, Process
from reporting import Goal, Section, row
from settings import WEBSOCKETS

LIMITS = {
    "DAYPASS_EDGE_MAX_STREAMS_PER_SESSION": str(min(WEBSOCKETS + 100, 10_000)),
    "DAYPASS_EDGE_MAX_STREAMS_PER_ADDRESS": str(min(WEBSOCKETS + 100, 10_000)),
}
MOST_AGENTS = 8
GOAL = 5_000


def run(running, folder, _):
    echo = running.add(Process("echo", [sys.executable, HERE / "echo_app.py"], folder))
    port = echo.wait_line(r"^port (\d+)$").group(1)
    app = f"http://127.0.0.1:{port}"
    daypass = Daypass(running, folder, LIMITS)
    viewers = running.add(
        Process("viewers", [sys.executable, HERE / "websocket_viewers.py"], folder, stdin=subprocess.PIPE)
    )
    agents, opened, grown, seconds, reached = [], 0, Memory(), 0, []
    while opened < WEBSOCKETS and len(agents) < MOST_AGENTS:
        before = settled(daypass.server)
        agent, contender = daypass.share(app, "--connections", "16", "--max-viewers", "100000")
        agents.append(agent)
        before += settled(agent)
        address = urlsplit(contender.base)
        answer = viewers.tell(
            f"open {address.hostname} {address.port} {address.path}/ {contender.host} {WEBSOCKETS - opened}", 300
        )
        if answer["refusal"]:
            print(f"bench: agent {len(agents)} stopped at {answer['opened']}: {answer['refusal']}", file=sys.stderr)
        if not answer["opened"]:
            break
        opened += answer["opened"]
        seconds += answer["seconds"]
        reached.append(answer["opened"])
        grown += settled(daypass.server) + settled(agent) - before
    result = viewers.tell("echo", 300)
    total = sum((agent.memory() for agent in agents), Memory())
    section = Section("Open WebSockets")
    section.table(["open", "through each tunnel", "opened per second", "echoed", "echo p50 ms", "p99 ms",
                   "KB each, edge + agent (anonymous)", "edge MB (anonymous)", "agents MB (anonymous)"])
    each = f"{grown.total / max(opened, 1) / 1000:.0f} ({grown.anonymous / max(opened, 1) / 1000:.0f})"
    section.add(row(
        f"{opened:,}", ", ".join(f"{count:,}" for count in reached), f"{opened / max(seconds, 0.001):,.0f}",
        f"{result['echoed']:,}", f"{result['p50']:.1f}", f"{result['p99']:.1f}", each, daypass.server.memory(), total,
    ))
    section.add("", "64 echoes at a time; viewers and local app are Python programs on the same cores.")
    section.goals.append(Goal(
        "open WebSockets on one node", f"{GOAL:,}", "",
        f"{result['echoed']:,} through {len(reached)} tunnel" + "s" * (len(reached) != 1),
        result["echoed"] >= GOAL if WEBSOCKETS >= GOAL else None, False,
    ))
    return [section]
