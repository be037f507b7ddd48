"""The recipes of docs/forward-auth.md as they stand there, run by nginx and Caddy before a real server."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from harness.daypass import BINARY, ROOT, Server, clean_environment
from harness.localapp import LocalApp, free_port
from harness.process import Process
from harness.waiting import eventually

HOST = "api.acme.example"
SHOP = "https://shop.example"
ROUTES = [
    {"methods": ["GET"], "path": "/quotes", "scope": "quotes:read"},
    {"methods": ["POST"], "path": "/quotes", "scope": "quotes:write", "session": "never", "idempotency": "required"},
]


class Gateway:
    """A server with one tenant and two keys, its API, and a proxy before that."""

    def __init__(self, folder, proxy):
        self.folder = folder
        self.app = LocalApp()
        self.server = Server(folder / "server", "--trusted-proxy", "127.0.0.1")
        self.token = self.server.admin_token()
        declaration = {
            "tenants": [
                {"slug": "acme", "hosts": [HOST], "upstream": f"http://127.0.0.1:{self.app.port}", "routes": ROUTES}
            ],
            "plans": [{"name": "small", "limits": [{"class": "reads", "maximum": 2, "per": "key"}]}],
        }
        self.cli("apply", "-", stdin=json.dumps(declaration))
        scopes = ["--scope", "quotes:read", "--scope", "quotes:write"]
        self.page = self.cli("keys", "create", "--tenant", "acme", *scopes, "--origin", SHOP)
        self.program = self.cli("keys", "create", "--tenant", "acme", "--secret", *scopes)
        self.limited = self.cli("keys", "create", "--tenant", "acme", "--secret", "--plan", "small", *scopes)
        self.port = free_port()
        self.proxy = Process(getattr(self, proxy)(), env=clean_environment(folder))
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers={"Host": HOST}, trust_env=False)
        eventually(self.answers, timeout=15, what="the proxy to answer")

    def answers(self):
        try:
            return self.client.get("/").status_code > 0
        except httpx.TransportError:
            return False

    def cli(self, *arguments, stdin=""):
        done = subprocess.run(
            [BINARY, "api", *arguments, "--server", self.server.control], input=stdin, text=True, capture_output=True,
            env=clean_environment(self.folder, DAYPASS_TOKEN=self.token), timeout=20,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def recipe(self, language):
        text = (ROOT / "docs" / "forward-auth.md").read_text()
        block = re.search(rf"```{language}\n(.*?)```", text, re.S).group(1)
        for written, port in (
            (3001, self.server.control_port), (3002, self.server.edge_port), (4000, self.app.port),
        ):
            assert f"127.0.0.1:{written}" in block
            block = block.replace(f"127.0.0.1:{written}", f"127.0.0.1:{port}")
        return block

    def nginx(self):
        block, count = re.subn(r"listen 443 ssl;", f"listen 127.0.0.1:{self.port};", self.recipe("nginx"))
        assert count == 1
        temporary = "\n".join(
            f"{name}_temp_path {self.folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        path = self.folder / "nginx.conf"
        path.write_text(
            f"daemon off; master_process off; pid {self.folder}/nginx.pid; error_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{temporary}\n{block}}}\n"
        )
        return ["nginx", "-p", self.folder, "-c", path, "-e", "stderr"]

    def caddy(self):
        block, count = re.subn(rf"^{re.escape(HOST)} ", f"http://{HOST}:{self.port} ", self.recipe("caddyfile"))
        assert count == 1
        path = self.folder / "Caddyfile"
        path.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + block)
        return ["caddy", "run", "--config", path, "--adapter", "caddyfile"]

    def close(self):
        self.client.close()
        self.proxy.kill()
        self.server.close_api()
        self.server.kill()
        self.app.close()


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def gateway(request, tmp_path_factory):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    gateway = Gateway(tmp_path_factory.mktemp(request.param), request.param)
    yield gateway
    gateway.close()


def code(answer):
    return answer.json()["error"]["code"]


def test_what_passes_carries_the_identity_and_nothing_a_client_made_up(gateway):
    answer = gateway.client.get(
        "/api/v1/quotes?page=2",
        headers={
            "Authorization": f"Bearer {gateway.page}", "Origin": SHOP, "X-Session-Token": "made-up",
            "X-Daypass-Tenant": "evil", "X-Daypass-Session-Id": "evil", "X-Forwarded-For": "198.51.100.1",
        },
    )
    assert answer.status_code == 200, answer.text
    call = gateway.app.calls[-1]
    assert (call.method, call.target) == ("GET", "/api/v1/quotes?page=2")
    assert call.all("X-Daypass-Tenant") == ["acme"]
    assert call.all("X-Daypass-Channel") == ["browser"]
    assert call.all("X-Daypass-Web-Origin") == [SHOP]
    assert call.get("X-Daypass-Scopes") == "quotes:read quotes:write"
    assert call.get("X-Daypass-Key-Id").startswith("key_")
    assert call.get("X-Daypass-Session-Id", "") == ""
    assert not {"authorization", "x-api-key", "x-session-token"} & {name.lower() for name, _ in call.fields}
    assert answer.headers.get_list("Access-Control-Allow-Origin") == [SHOP]
    assert answer.headers["X-RateLimit-Limit"] == "30"
    assert answer.headers["X-Request-Id"] == call.get("X-Daypass-Request-Id")
    assert "Origin" in answer.headers["Vary"]


def test_bodies_reach_the_api(gateway):
    headers = {"X-Api-Key": gateway.program, "Idempotency-Key": "a1"}
    answer = gateway.client.post("/api/v1/quotes", content=b"x" * 100_000, headers=headers)
    assert answer.status_code == 200, answer.text
    assert gateway.app.calls[-1].received == 100_000


REFUSALS = [
    ("no key", "GET", "/api/v1/quotes", {}, 401, "API_KEY_REQUIRED"),
    ("a wrong key", "GET", "/api/v1/quotes", {"X-Api-Key": "pk_live_nonsense"}, 401, "API_KEY_INVALID"),
    ("another page", "GET", "/api/v1/quotes", {"X-Api-Key": "PAGE", "Origin": "https://evil.example"}, 403,
     "ORIGIN_NOT_ALLOWED"),
    ("no route", "GET", "/api/v1/nothing", {"X-Api-Key": "PROGRAM"}, 404, "ROUTE_NOT_FOUND"),
    ("another method", "DELETE", "/api/v1/quotes", {"X-Api-Key": "PROGRAM"}, 405, "METHOD_NOT_ALLOWED"),
    ("no idempotency key", "POST", "/api/v1/quotes", {"X-Api-Key": "PROGRAM"}, 400, "IDEMPOTENCY_KEY_REQUIRED"),
    ("an encoded slash", "GET", "/api/v1/quotes%2f", {"X-Api-Key": "PROGRAM"}, 400, "VALIDATION_ERROR"),
]


@pytest.mark.parametrize("name, method, path, headers, status, expected", REFUSALS, ids=[r[0] for r in REFUSALS])
def test_refusals_are_the_gateways(gateway, name, method, path, headers, status, expected):
    keys = {"PAGE": gateway.page, "PROGRAM": gateway.program}
    before = len(gateway.app.calls)
    answer = gateway.client.request(method, path, headers={n: keys.get(v, v) for n, v in headers.items()})
    assert (answer.status_code, code(answer)) == (status, expected)
    assert len(answer.headers.get_list("WWW-Authenticate")) == (1 if status == 401 else 0)
    assert len(gateway.app.calls) == before


def test_limits_say_when_to_come_back(gateway):
    answers = [gateway.client.get("/api/v1/quotes", headers={"X-Api-Key": gateway.limited}) for _ in range(4)]
    last = answers[-1]
    assert (last.status_code, code(last)) == (429, "RATE_LIMITED")
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert last.headers["X-RateLimit-Remaining"] == "0"


def test_preflights_and_tokens_are_the_edges(gateway):
    before = len(gateway.app.calls)
    headers = {"Origin": SHOP, "Access-Control-Request-Method": "POST"}
    preflight = gateway.client.options("/api/v1/quotes", headers=headers)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == SHOP
    minted = gateway.client.post("/api/v1/sessions", headers={"Origin": SHOP, "X-Api-Key": gateway.page})
    assert minted.status_code == 201, minted.text
    assert minted.json()["data"]["sessionToken"].count(".") == 2
    assert len(gateway.app.calls) == before


def test_forwarding_fields_of_clients_mean_nothing(gateway):
    before = len(gateway.app.calls)
    answer = gateway.client.get(
        "/api/v1/nothing",
        headers={
            "X-Api-Key": gateway.program, "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/api/v1/quotes",
            "X-Original-Method": "GET", "X-Original-URI": "/api/v1/quotes", "X-Forwarded-Host": HOST,
        },
    )
    assert (answer.status_code, code(answer)) == (404, "ROUTE_NOT_FOUND")
    assert len(gateway.app.calls) == before
