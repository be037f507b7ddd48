"""The binary under test: servers, agents, and single commands."""

import json
import os
import re
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx

from .ports import free_port
from .process import Process
from .raw import Viewer

ROOT = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("DAYPASS_BIN", ROOT / ".build" / "release" / "daypass"))


def clean_environment(state, **extra):
    """The environment of a fresh user: no Daypass settings, its own state folder."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("DAYPASS_", "WORMKEY_", "XDG_")) and k not in ("NO_COLOR", "HOME")
    }
    kept.update(HOME=str(state), XDG_STATE_HOME=str(Path(state) / "state"))
    kept.update(extra)
    return kept


def run(*args, state, timeout=20, env=None, **kwargs):
    """One `daypass` command to its end: `returncode`, `stdout`, `stderr`."""
    return subprocess.run(
        [str(BINARY), *map(str, args)],
        env=clean_environment(state, **(env or {})),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, **kwargs,
    )


class Server(Process):
    """`daypass serve`. `control`, `edge` and `public` are URLs from the ready line. `listener` is a listening socket
    for the edge that outlives the process."""

    made = []
    """Sessions made through `create`: (server, client, session id), for cleaning up."""

    def __init__(self, folder, *options, control=None, edge=None, env=None, listener=None):
        self.listener = listener
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.options = options
        self.extra_env = env or {}
        self.folder.mkdir(parents=True, exist_ok=True)
        control, edge = (address or f"127.0.0.1:{free_port()}" for address in (control, edge))
        command = [BINARY, "serve", "--control", control, "--edge", edge, "--data", self.data, *options]
        pass_fds = ()
        if listener:
            # As a service manager hands a socket over (sd_listen_fds(3)), by a shell that then becomes the server.
            pass_fds = [listener.fileno()]
            script = f'exec 3<&{listener.fileno()}; LISTEN_FDS=1 LISTEN_FDNAMES=edge LISTEN_PID=$$ exec "$@"'
            command = ["bash", "-c", script, "bash", *command]
        super().__init__(command, env=clean_environment(self.folder, **self.extra_env), pass_fds=pass_fds)
        ready = self.wait_line(self.stderr, r"daypass: ready (.*)$", timeout=20).group(1)
        fields = dict(part.split("=", 1) for part in ready.split())
        self.control, self.edge, self.public = fields["control"], fields["edge"], fields["public"]
        self.control_port = urlsplit(self.control).port
        self.edge_port = urlsplit(self.edge).port
        self._api = None

    def restarted(self):
        """The same server again on the same ports and data; call after it ended."""
        self.close_api()
        return Server(
            self.folder, *self.options, control=f"127.0.0.1:{self.control_port}",
            edge=f"127.0.0.1:{self.edge_port}", env=self.extra_env, listener=self.listener,
        )

    @property
    def api(self):
        """An HTTP client of the control API without credentials."""
        if self._api is None:
            self._api = self.client()
        return self._api

    def client(self, token=None, source="127.0.0.1", **kwargs):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.HTTPTransport(local_address=source)
        return httpx.Client(
            base_url=self.control, headers=headers, transport=transport, timeout=15, trust_env=False, **kwargs
        )

    def close_api(self):
        if self._api is not None:
            self._api.close()
            self._api = None

    def create(self, client=None, **body):
        """POST /sessions; the answer's JSON."""
        answer = (client or self.api).post("/sessions", json=body)
        assert answer.status_code == 201, answer.text
        session = answer.json()
        Server.made.append((self, client or self.api, session["sessionId"]))
        return session

    def act(self, slug, action, body=None, client=None):
        """POST /sessions/by-slug/{slug}/{action}; must succeed; the answer's JSON."""
        answer = (client or self.api).post(f"/sessions/by-slug/{slug}/{action}", json=body if body is not None else {})
        assert answer.status_code == 200, f"{action}: {answer.status_code} {answer.text}"
        return answer.json()

    def policy(self, slug, **changes):
        return self.act(slug, "policy", changes)

    def record(self, slug, client=None):
        answer = (client or self.api).get(f"/sessions/by-slug/{slug}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def viewers(self, slug):
        answer = self.api.get(f"/sessions/by-slug/{slug}/viewers")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return body if isinstance(body, list) else body["viewers"]

    def delete(self, session_id):
        return self.api.delete(f"/sessions/{session_id}")

    def viewer(self, source="127.0.0.1", timeout=15.0):
        return Viewer(("127.0.0.1", self.edge_port), source=source, timeout=timeout)

    def admin_token(self):
        """The admin token, which a server prints on stderr once: on its first start."""
        return self.wait_line(self.stderr, r"admin token.*: (\S+)$", 1).group(1)


class Agent(Process):
    """`daypass http TARGET --json --no-interactive`, connected when the constructor returns."""

    def __init__(self, server, target, *options, state=None, env=None, wait=True, control=None):
        self.server = server
        self.state = Path(state or server.folder)
        args = [BINARY, "http", target, "--json", "--no-interactive", *options]
        if control or server:
            args += ["--server", control or server.control]
        super().__init__(args, env=clean_environment(self.state, **(env or {})))
        if wait:
            self.wait_connected()

    def wait_connected(self, timeout=20.0):
        self.wait_line(self.stdout, r"^\s*\{", timeout)
        self.info = json.loads(self.stdout[0])
        self.slug = self.info["slug"]
        self.session_id = self.info["session_id"]
        self.url = self.info["url"]
        query = parse_qs(urlsplit(self.info["owner_url"]).query)
        self.owner_token = query["token"][0]
        return self.info


SLUG = re.compile(r"^[a-z]+-[a-z]+-[0-9]+$")
