"""Who is measured: nginx as a reverse proxy (the limit), ssh -R (a raw pipe), daypass. All on loopback by default."""

import contextlib
import getpass
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from processes import Process

HERE = Path(__file__).resolve().parent
BINARY = os.environ.get("DAYPASS_BIN", HERE.parent / ".build" / "release" / "daypass")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

NGINX = """
daemon off; worker_processes auto; pid {folder}/{name}.pid; error_log {folder}/{name}.error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 600s;
    client_body_temp_path {folder}/{name}.body; proxy_temp_path {folder}/{name}.proxy;
    fastcgi_temp_path {folder}/{name}.fastcgi; uwsgi_temp_path {folder}/{name}.uwsgi; scgi_temp_path {folder}/{name}.scgi;
    {body}
}}
"""
# Static files; /upload answers once it has the whole body (nginx reads it before it asks itself for a file).
APP = """
    server {{
        listen {address}:{port} backlog=1024;
        location / {{ root {files}; }}
        location /upload {{ proxy_pass http://{address}:{port}/1k.bin; proxy_method GET; }}
    }}
"""
PROXY = """
    upstream app {{ server 127.0.0.1:{app}; keepalive 128; keepalive_requests 100000000; }}
    server {{
        listen {address}:{port} backlog=1024;
        location / {{
            proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_max_temp_file_size 0;
        }}
    }}
"""
SSHD = """
Port {port}
ListenAddress {address}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding yes
"""

# What one owner, one address and one session may do is limited; a benchmark is one of each.
LIFTED_LIMITS = {
    "DAYPASS_SESSIONS_OPEN_SESSIONS_PER_CREATOR": "100000",
    "DAYPASS_SESSIONS_OPEN_SESSIONS": "100000",
    "DAYPASS_EDGE_REQUESTS_PER_SECOND": "10000000",
    "DAYPASS_EDGE_REQUESTS_PER_SECOND_PER_ADDRESS": "10000000",
}
DEFAULT_POLICY = ["--max-viewers", "1000", "--block", "/admin", "--block", "/api/internal"]


def free_port(address="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


class Contender:
    """Something in front of the local app: where to load it, and whose work to count."""

    def __init__(self, name, base, host=None, headers=None, script=HERE / "report.lua", **processes):
        self.name, self.base, self.host, self.processes = name, base, host or urlsplit(base).netloc, processes
        self.headers, self.script = {"Host": self.host} | (headers or {}), script

    def fetch(self, file):
        request = urllib.request.Request(f"{self.base}/{file}", headers=self.headers)
        return OPENER.open(request, timeout=10).read()

    def wait_until_answers(self, file, expected):
        """The same bytes through every contender, or there is nothing to compare."""
        deadline = time.monotonic() + 20
        while True:
            try:
                if self.fetch(file) != expected:
                    raise SystemExit(f"bench: {self.name} does not deliver {file} unchanged")
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise SystemExit(f"bench: {self.name} does not answer: {error}") from error
                time.sleep(0.05)

    def load(self, file, connections, seconds):
        """One run of wrk; its numbers and the CPU seconds each process used meanwhile."""
        before = {name: process.cpu_seconds() for name, process in self.processes.items()}
        output = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s",
             *(part for name, value in self.headers.items() for part in ("-H", f"{name}: {value}")),
             "-s", self.script, f"{self.base}/{file}"],
            capture_output=True, text=True, timeout=seconds + 60,
        )
        found = re.search(r"^JSON (.*)$", output.stdout, re.MULTILINE)
        if not found:
            raise SystemExit(f"bench: wrk failed: {output.stdout}{output.stderr}")
        result = json.loads(found.group(1))
        result["cpu"] = {name: process.cpu_seconds() - before[name] for name, process in self.processes.items()}
        return result


def start_nginx(running, name, folder, template, address="127.0.0.1", **values):
    port = free_port(address)
    configuration = folder / f"{name}.conf"
    body = template.format(port=port, address=address, files=folder.parent / "files", **values)
    configuration.write_text(NGINX.format(folder=folder, name=name, body=body))
    process = running.add(
        Process(name, ["nginx", "-p", folder, "-c", configuration, "-e", folder / f"{name}.error.log"], folder)
    )
    return process, f"http://{address}:{port}"


class Daypass:
    """`daypass serve`, on a data folder of its own, and agents for it."""

    def __init__(self, running, folder, settings=None, address="127.0.0.1"):
        self.running, self.folder, self.address = running, folder, address
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("DAYPASS_", "WORMKEY_"))}
        self.environment |= {"XDG_STATE_HOME": str(folder / "state")} | LIFTED_LIMITS | (settings or {})
        self.agents = 0
        self.start()

    def start(self):
        command = [BINARY, "serve", "--control", f"{self.address}:0", "--data", self.folder / "data"]
        if self.address.startswith("127."):
            command += ["--edge", "127.0.0.1:0"]
        else:
            port = free_port(self.address)
            command += ["--edge", f"{self.address}:{port}", "--public-url", f"http://{self.address}:{port}",
                        "--auth", "open"]
        self.server = self.running.add(Process("edge", command, self.folder, self.environment))
        ready = self.server.wait_line(r"^daypass: ready (.*)$").group(1)
        ready = dict(part.split("=", 1) for part in ready.split())
        self.control, self.edge = ready["control"], ready["edge"]
        self.port = urlsplit(self.edge).port

    def share(self, app, *options):
        """An agent for the app; the agent, and the contender it makes with the edge."""
        self.agents += 1
        agent = self.running.add(Process(
            f"agent{self.agents}",
            [BINARY, "http", str(urlsplit(app).port), "--server", self.control, "--json", "--no-interactive",
             *DEFAULT_POLICY, *options],
            self.folder, self.environment,
        ))
        session = json.loads(agent.wait_line(r'^(\{.*"connected".*\})$').group(1))
        public = urlsplit(session["url"])
        base = f"http://{self.address}:{self.port}{public.path}"
        return agent, Contender("daypass (edge + agent)", base, public.netloc, edge=self.server, agent=agent)


class SSH:
    """A private sshd with throw-away keys, and `ssh -R` to it. Raises OSError where that does not work."""

    def __init__(self, running, folder, address="127.0.0.1"):
        """The server listens on that address; whoever calls is in its network namespace."""
        self.running, self.folder, self.address = running, folder, address
        server = shutil.which("sshd")
        if not server or not shutil.which("ssh"):
            raise OSError("sshd or ssh is not installed")
        for name in ("host_key", "user_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
        self.port = free_port(address)
        public = (folder / "host_key.pub").read_text()
        (folder / "known_hosts").write_text(f"[{address}]:{self.port} {public}")
        (folder / "sshd_config").write_text(SSHD.format(port=self.port, address=address, folder=folder))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        # sshd starts itself again for every connection and insists on an absolute path.
        self.server = running.add(Process("sshd", [server, "-D", "-e", "-f", folder / "sshd_config"], folder))

    def share(self, app, server_side, client_side):
        """`ssh -R` for the app; its contender. The first `ssh` may come before sshd listens."""
        with server_side():
            port = free_port()
        command = [
            "ssh", "-N", "-F", "none", "-p", str(self.port), "-i", self.folder / "user_key", "-o", "IdentitiesOnly=yes",
            "-o", f"UserKnownHostsFile={self.folder}/known_hosts", "-o", "BatchMode=yes",
            "-o", "ExitOnForwardFailure=yes", "-R", f"127.0.0.1:{port}:127.0.0.1:{urlsplit(app).port}",
            f"{getpass.getuser()}@{self.address}",
        ]
        deadline = time.monotonic() + 20
        while True:
            with client_side():
                client = self.running.add(Process("ssh", command, self.folder))
            while client.child.poll() is None and time.monotonic() < deadline:
                try:
                    with server_side():
                        socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    return Contender("ssh -R (a raw pipe)", f"http://127.0.0.1:{port}", sshd=self.server, ssh=client)
                except OSError:
                    time.sleep(0.05)
            self.running.stop(client)
            if self.server.child.poll() is not None or time.monotonic() > deadline:
                logs = (client.log.read_text().splitlines()[-1:], self.server.log.read_text().splitlines()[-1:])
                raise OSError("; ".join(line for lines in logs for line in lines) or "no connection")
            time.sleep(0.1)


def start_ssh(running, folder, app, address="127.0.0.1", server_side=contextlib.nullcontext,
              client_side=contextlib.nullcontext):
    """The contender, or None with a message where it cannot run. The sides enter the network namespace of each."""
    try:
        with server_side():
            ssh = SSH(running, folder, address)
        return ssh.share(app, server_side, client_side)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"bench: without ssh -R: {error}", file=sys.stderr)
        return None
