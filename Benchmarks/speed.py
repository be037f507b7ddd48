"""Requests per second, latency, CPU and memory of each contender, taking turns on the same local app."""

import sys
from urllib.parse import urlsplit

from contenders import APP, PROXY, Contender, Daypass, start_nginx, start_ssh
from processes import Memory, resident_once
from reporting import Goal, Section, row
from settings import ROUNDS, SECONDS

# name, file, connections
CASES = [
    ("1 KiB, 64 connections", "1k.bin", 64),
    ("1 KiB, 1 connection", "1k.bin", 1),
    ("1 MiB, 8 connections", "1m.bin", 8),
]


def summarize(runs):
    """All rounds of one case as one row of numbers."""
    requests = sum(run["requests"] for run in runs)
    seconds = sum(run["duration"] for run in runs) / 1e6
    cpu = {name: sum(run["cpu"][name] for run in runs) / max(requests, 1) * 1e6 for name in runs[0]["cpu"]}
    return {
        "rate": requests / seconds,
        "p50": sum(run["p50"] for run in runs) / len(runs) / 1000,
        "p99": sum(run["p99"] for run in runs) / len(runs) / 1000,
        "cpu": cpu,
        "all cpu": sum(cpu.values()),
        "errors": sum(run["errors"] for run in runs),
        "throughput": sum(run["bytes"] for run in runs) / seconds / 1e6,
    }


def goals(section, results, memory, once):
    """The figures that were aimed at, from the daypass rows."""
    def add(case, goal, then, measured, first, second):
        section.goals.append(Goal(case, goal, then, measured, first, second))

    small, single, large = (results[name] for name, _, _ in CASES)
    add("1 KiB, 64 connections", "≥ 0.40 of nginx", "≥ 0.67", f"{small['ratio']:.2f}",
        small["ratio"] >= 0.4, small["ratio"] >= 0.67)
    add("… CPU", "≤ 120 µs per request", "≤ 50 µs", f"{small['all cpu']:.0f} µs",
        small["all cpu"] <= 120, small["all cpu"] <= 50)
    add("1 KiB, 1 connection", "p50 ≤ 0.25 ms", "≤ 0.12 ms", f"{single['p50']:.2f} ms",
        single["p50"] <= 0.25, single["p50"] <= 0.12)
    add("1 MiB, 8 connections", "≥ 0.80 of nginx", "≥ 0.9", f"{large['ratio']:.2f}",
        large["ratio"] >= 0.8, large["ratio"] >= 0.9)
    add("… CPU", "≤ 2 ms per MiB", "≤ 1 ms", f"{large['all cpu'] / 1000:.2f} ms",
        large["all cpu"] <= 2000, large["all cpu"] <= 1000)
    total = memory.total / 1e6
    add("memory under 64 connections", "edge + agent ≤ 80 MB", "≤ 40 MB",
        f"{total:.0f} MB; {memory.anonymous / 1e6:.0f} MB anonymous; {once / 1e6:.0f} MB with shared pages counted once",
        total <= 80, total <= 40)


def run(running, folder, contents):
    app, app_url = start_nginx(running, "app", folder, APP)
    proxy, proxy_url = start_nginx(running, "proxy", folder, PROXY, app=urlsplit(app_url).port)
    contenders = [Contender("nginx as reverse proxy", proxy_url, nginx=proxy)]
    if ssh := start_ssh(running, folder, app_url):
        contenders.append(ssh)
    contenders.append(Daypass(running, folder).share(app_url)[1])

    section = Section("Requests")
    section.table(["case", "contender", "requests/s", "of nginx", "p50 ms", "p99 ms", "MB/s", "CPU µs/request",
                   "resident MB (anonymous)"], left=2)
    results, peak = {}, Memory()
    for name, file, connections in CASES:
        runs = {contender.name: [] for contender in contenders}
        for contender in contenders:
            contender.wait_until_answers(file, contents[file])
            contender.load(file, connections, 1)
        # In turns, so that whatever else the machine does meets all of them.
        for _ in range(ROUNDS):
            for contender in contenders:
                runs[contender.name].append(contender.load(file, connections, SECONDS))
        limit = summarize(runs[contenders[0].name])["rate"]
        for contender in contenders:
            result = summarize(runs[contender.name])
            result["ratio"] = result["rate"] / limit
            memory = {key: process.memory() for key, process in contender.processes.items()}
            note = f" ({result['errors']} errors)" if result["errors"] else ""
            section.add(row(
                name, contender.name + note, f"{result['rate']:,.0f}", f"{result['ratio']:.2f}",
                f"{result['p50']:.2f}", f"{result['p99']:.2f}", f"{result['throughput']:,.0f}",
                ", ".join(f"{key} {value:.0f}" for key, value in result["cpu"].items()),
                ", ".join(f"{key} {value}" for key, value in memory.items()),
            ))
            print(section.lines[-1], file=sys.stderr, flush=True)
        results[name] = result
        if connections == 64:
            peak = sum(memory.values(), Memory())
            once = resident_once(contender.processes.values())
    goals(section, results, peak, once)
    section.add("", f"{ROUNDS} × {SECONDS} s per case and contender, in turns.")
    return [section]
