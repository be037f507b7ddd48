"""The command line: exit codes, JSON purity, folders, `run`, managing sessions, state files."""

import json
import re
import socket
import stat
import subprocess
import sys
import threading

import pytest

from harness.daypass import BINARY, Agent, clean_environment, run
from harness.ports import free_port
from harness.process import Process
from harness.tunnel import Tunnel
from harness.waiting import eventually


def daypass(server, *args, state, **kwargs):
    return run(*args, "--server", server.control, state=state, **kwargs)


def check(done, code=0):
    assert done.returncode == code, f"exit {done.returncode}, wanted {code}\nstdout: {done.stdout}\nstderr: {done.stderr}"
    return done


# Exit codes

INVALID = [
    ("no target", ["http"]), ("port 0", ["http", "0"]), ("port 65536", ["http", "65536"]), ("not a target", ["http", "ftp://x"]),
    ("unknown option", ["http", "3000", "--nonsense"]), ("bad expiry", ["http", "3000", "--expires", "soon"]),
    ("bad viewers", ["http", "3000", "--max-viewers", "-1"]), ("bad block", ["http", "3000", "--block", "admin"]),
    ("unknown command", ["nonsense"]), ("run without command", ["run", "--port", "3000"]), ("kick without viewer", ["kick", "a-b-1"]),
    ("bad server URL", ["list", "--server", "nonsense"]), ("bad listen address", ["serve", "--control", "nonsense"]),
    ("bad public URL", ["serve", "--public-url", "ftp://x"]), ("bad auth mode", ["serve", "--auth", "maybe"]),
    ("bad boolean", ["policy", "a-b-1", "--public", "perhaps"]),
]


@pytest.mark.parametrize("rule, args", INVALID, ids=[i[0] for i in INVALID])
def test_10_invalid_arguments(tmp_path, rule, args):
    done = check(run(*args, state=tmp_path), 10)
    assert done.stdout == "" and done.stderr.strip(), "messages go to stderr"


def test_11_local_service_unavailable(server, tmp_path):
    done = daypass(server, "http", free_port(), "--wait-for", "/", "--timeout", "1s", "--json", "--no-interactive", state=tmp_path)
    check(done, 11)
    assert done.stdout == ""


@pytest.mark.parametrize("args", [["list"], ["status", "a-b-1"], ["http", "3000", "--json", "--no-interactive"], ["close", "a-b-1"]], ids=lambda a: a[0])
def test_12_control_api_unavailable(tmp_path, args):
    done = check(run(*args, "--server", f"http://127.0.0.1:{free_port()}", state=tmp_path), 12)
    assert done.stdout == "" and done.stderr.strip()


def test_12_answer_that_is_not_ours(tmp_path, new_app):
    """Something else listens there: said plainly, no crash."""
    app = new_app()
    done = run("http", "3000", "--json", "--no-interactive", "--server", f"http://127.0.0.1:{app.port}", state=tmp_path)
    check(done, 12)


@pytest.fixture(scope="module")
def required(tmp_path_factory):
    from harness.daypass import Server

    server = Server(tmp_path_factory.mktemp("required"), "--auth", "required")
    yield server
    server.close_api()
    server.kill()


@pytest.mark.parametrize("args", [["list"], ["http", "3000", "--json", "--no-interactive"], ["tokens", "list"]], ids=lambda a: a[0])
@pytest.mark.parametrize("token", [None, "wrong"])
def test_13_authentication_failed(required, tmp_path, args, token):
    env = {"DAYPASS_TOKEN": token} if token else {}
    done = check(daypass(required, *args, state=tmp_path, env=env), 13)
    assert done.stdout == ""


def test_token_from_the_environment(required, tmp_path):
    done = check(daypass(required, "list", "--json", state=tmp_path, env={"DAYPASS_TOKEN": required.admin_token()}))
    json.loads(done.stdout)


def test_14_session_expired(server, start_agent, new_app):
    agent = start_agent(server, new_app().port, "--expires", "5s")
    assert agent.wait(15) == 14, agent.describe()
    assert len(agent.stdout) == 1, "only JSON on stdout"


def test_agent_ends_when_its_session_is_closed(server, start_agent, new_app):
    agent = start_agent(server, new_app().port)
    server.act(agent.slug, "close")
    code = agent.wait(15)
    assert code in (0, 14, 15), agent.describe()


# JSON and starting


def test_json_line(server, start_agent, new_app):
    agent = start_agent(server, new_app().port)
    assert set(agent.info) >= {"session_id", "slug", "url", "owner_url", "expires_at", "pid", "status"}
    assert agent.info["status"] == "connected" and agent.info["pid"] == agent.pid
    assert re.fullmatch(r"sess_[a-z0-9]{32}", agent.info["session_id"])
    assert agent.info["url"] == f"{server.public}/s/{agent.slug}"
    Tunnel(server, None, agent.slug).ask("/")
    agent.stop()
    assert len(agent.stdout) == 1


def test_output_file(server, start_agent, new_app, tmp_path):
    agent = start_agent(server, new_app().port, "--output", tmp_path / "session.json")
    assert json.loads((tmp_path / "session.json").read_text()) == agent.info
    assert (tmp_path / "session.json").stat().st_mode & 0o077 == 0, "it holds the owner URL"


def test_server_from_the_environment(server, start_agent, new_app):
    agent = start_agent(None, new_app().port, env={"DAYPASS_SERVER": server.control})
    assert server.record(agent.slug)["status"] == "connected"


@pytest.mark.parametrize("form", ["{port}", "localhost:{port}", "127.0.0.1:{port}", "http://127.0.0.1:{port}", "http://localhost:{port}/"])
def test_targets(server, start_agent, new_app, form):
    app = new_app()
    agent = start_agent(server, form.format(port=app.port))
    assert Tunnel(server, app, agent.slug).ask("/t").json()["target"] == "/t"


def test_no_server_at_the_default_address(tmp_path):
    """Says how to start one. Only meaningful where nothing listens on 3001."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 3001)) == 0:
            pytest.skip("something listens on 3001")
    done = check(run("http", "3000", "--json", "--no-interactive", state=tmp_path), 12)
    assert "daypass serve" in done.stderr


def test_folder(server, start_agent, tmp_path):
    folder = tmp_path / "site"
    (folder / "sub").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>home</h1>")
    (folder / "sub" / "index.html").write_text("<h1>sub</h1>")
    (folder / "data.json").write_text('{"a":1}')
    (folder / "big.bin").write_bytes(bytes(range(256)) * 1000)
    (folder / ".hidden").write_text("secret")
    (tmp_path / "outside.txt").write_text("outside")
    (folder / "link").symlink_to(tmp_path / "outside.txt")
    agent = start_agent(server, folder)
    tunnel = Tunnel(server, None, agent.slug)
    home = tunnel.ask("/")
    assert home.body == b"<h1>home</h1>" and home.get("content-type").startswith("text/html")
    assert tunnel.ask("/sub/").body == b"<h1>sub</h1>"
    data = tunnel.ask("/data.json")
    assert data.body == b'{"a":1}' and data.get("content-type").startswith("application/json")
    part = tunnel.ask("/big.bin", headers=[("Range", "bytes=10-19")])
    assert (part.status, part.body) == (206, bytes(range(10, 20)))
    head = tunnel.ask("/big.bin", "HEAD")
    assert head.status == 200 and head.get("content-length") == "256000"
    assert tunnel.ask("/missing").status == 404
    assert tunnel.ask("/data.json", "POST", body=b"x").status == 405
    for path in ("/../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt", "/sub/../../outside.txt", "/link",
                 "/%2e%2e%2f%2e%2e%2fetc/passwd", "//etc/passwd", "/..\\outside.txt", "/sub%00/../../outside.txt"):
        answer = tunnel.ask(path)
        assert answer.status in (301, 302, 307, 308, 400, 403, 404) and b"outside" not in answer.body, (path, answer)


# run

APP = """
import http.server, sys, os, signal
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'from the child'
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
        if self.path == '/exit': os._exit(7)
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()
"""


def start_run(server, port, state, *command):
    args = [BINARY, "run", "--port", port, "--json", "--no-interactive", "--server", server.control, "--", *command]
    return Process(args, env=clean_environment(state))


def test_run_starts_tunnels_and_passes_on_the_exit_code(server, tmp_path):
    port = free_port()
    process = start_run(server, port, tmp_path, sys.executable, "-c", APP, port)
    try:
        process.wait_line(process.stdout, r"\"status\"\s*:\s*\"connected\"", 20)
        slug = json.loads(next(line for line in process.stdout if '"slug"' in line))["slug"]
        tunnel = Tunnel(server, None, slug)
        assert tunnel.ask("/").body == b"from the child"
        tunnel.ask("/exit")
        assert process.wait(15) == 7, process.describe()
    finally:
        process.kill()


def test_run_stops_its_command(server, tmp_path):
    port = free_port()
    process = start_run(server, port, tmp_path, sys.executable, "-c", APP, port)
    try:
        process.wait_line(process.stdout, r"\"slug\"", 20)
        process.stop()

        def gone():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) != 0

        eventually(gone, what="the command ends together with the tunnel")
    finally:
        process.kill()


def test_run_with_a_command_that_fails_at_once(server, tmp_path):
    process = start_run(server, free_port(), tmp_path, sys.executable, "-c", "raise SystemExit(3)")
    try:
        assert process.wait(15) == 3, process.describe()
    finally:
        process.kill()


def test_run_with_a_command_that_does_not_exist(server, tmp_path):
    process = start_run(server, free_port(), tmp_path, "/no/such/program")
    try:
        assert process.wait(15) in (10, 11, 126, 127), process.describe()
    finally:
        process.kill()


# Two agents of one session


def test_a_name_that_is_taken_is_refused(server, start_agent, new_app):
    app = new_app()
    first = start_agent(server, app.port, "--slug", "taken-twice-1")
    assert first.slug == "taken-twice-1"
    second = start_agent(server, app.port, "--slug", "taken-twice-1", wait=False)
    assert second.wait(15) not in (0, None), second.describe()
    assert any("taken-twice-1" in line or "takeover" in line for line in second.stderr), second.describe()
    assert second.stdout == [] and first.running
    assert Tunnel(server, app, first.slug).ask("/").status == 200
    server.delete(first.session_id)


def test_takeover(server, start_agent, new_app):
    """The newer agent takes over if it says so; the older one ends, and they never evict each other in a loop."""
    old_app, app = new_app(), new_app()
    first = start_agent(server, old_app.port, "--slug", "over-taken-1")
    second = start_agent(server, app.port, "--slug", "over-taken-1", "--takeover")
    assert (second.session_id, second.info["url"]) == (first.session_id, first.info["url"])
    assert first.wait(15) not in (0, None), first.describe()
    tunnel = Tunnel(server, app, "over-taken-1")
    for number in range(20):
        assert tunnel.ask(f"/new{number}").status == 200
    assert len(app.calls) == 20 and second.running, "every request goes to the newer agent"
    server.delete(first.session_id)


def test_takeover_after_a_kill_keeps_the_url(server, start_agent, new_app):
    app = new_app()
    first = start_agent(server, app.port, "--slug", "killed-before-1")
    first.kill()
    second = start_agent(server, app.port, "--slug", "killed-before-1", "--takeover")
    assert second.info["url"] == first.info["url"]
    assert Tunnel(server, app, second.slug).ask("/").status == 200
    server.delete(first.session_id)


# Managing sessions


@pytest.fixture
def managed(server, open_tunnel, tmp_path):
    return open_tunnel(state=tmp_path)


def test_manage_a_session(server, managed, tmp_path, addresses):
    slug = managed.slug

    def do(*args, code=0):
        return check(daypass(server, *args, state=tmp_path), code)

    def record(*args):
        done = do(*args, "--json")
        return json.loads(done.stdout)

    rows = record("list")
    rows = rows if isinstance(rows, list) else rows["sessions"]
    assert slug in str(rows)
    assert slug in do("list").stdout
    assert record("status", slug)["status"] == "connected"
    assert record("status", managed.agent.session_id)["slug"] == slug, "by id too"
    do("pause", slug)
    assert managed.ask("/").code() == "tunnel_paused"
    assert record("status", slug)["status"] == "paused"
    do("resume", slug)
    assert managed.ask("/").status == 200
    do("policy", slug, "--max-viewers", "7", "--block", "/admin", "--block", "/x", "--password", "pp")
    policy = server.policy(slug)["policy"]
    assert policy == {"public": True, "maxConcurrentViewers": 7, "blockPaths": ["/admin", "/x"], "password": "pp"}
    do("policy", slug, "--public", "false")
    assert server.policy(slug)["policy"]["public"] is False
    do("policy", slug, "--public", "true", "--password", "")
    assert managed.ask("/", source=addresses[0]).status == 200
    viewers = record("viewers", slug)
    viewers = viewers if isinstance(viewers, list) else viewers["viewers"]
    viewer = next(v for v in viewers if v["ip"] == addresses[0])
    assert addresses[0] in do("viewers", slug).stdout
    do("kick", slug, viewer["id"])
    assert managed.ask("/", source=addresses[0]).code() == "viewer_removed"
    do("close", slug)
    assert managed.ask("/").code() == "session_closed"


def test_manage_after_the_agent_is_gone(server, managed, tmp_path):
    managed.agent.kill()
    check(daypass(server, "pause", managed.slug, state=tmp_path))
    check(daypass(server, "close", managed.slug, state=tmp_path))
    assert managed.ask("/").code() == "session_closed"


@pytest.mark.parametrize("command", ["status", "pause", "resume", "close", "viewers", "open"])
def test_unknown_session_is_an_error(server, tmp_path, command):
    done = daypass(server, command, "never-was-1000", state=tmp_path)
    assert done.returncode != 0 and done.stderr.strip() and done.stdout == ""


def test_options_of_http_reach_the_policy(server, start_agent, new_app):
    agent = start_agent(
        server, new_app().port, "--max-viewers", "3", "--block", "/a", "--block", "/b", "--private", "--password", "pw",
        "--expires", "30m",
    )
    assert server.policy(agent.slug)["policy"] == {
        "public": False, "maxConcurrentViewers": 3, "blockPaths": ["/a", "/b"], "password": "pw",
    }


def test_state_files_are_private(server, managed, tmp_path):
    folder = tmp_path / "state" / "daypass"
    assert folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [f for f in folder.rglob("*") if f.is_file()]
    assert files
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_managing_needs_the_state_in_public_mode(required, start_agent, new_app, tmp_path):
    """The owner's token from the state folder manages the session; without it the command is refused."""
    admin = {"DAYPASS_TOKEN": required.admin_token()}
    agent = start_agent(required, new_app().port, state=tmp_path / "owner", env=admin)
    done = daypass(required, "pause", agent.slug, state=tmp_path / "owner")
    check(done)
    assert daypass(required, "resume", agent.slug, state=tmp_path / "stranger").returncode == 13
    check(daypass(required, "resume", agent.slug, state=tmp_path / "stranger", env=admin))


def test_tokens(required, tmp_path):
    env = {"DAYPASS_TOKEN": required.admin_token()}
    made = check(daypass(required, "tokens", "create", "--scope", "sessions:create", "--expires", "1h", "--json", state=tmp_path, env=env))
    token = json.loads(made.stdout)
    agent_env = {"DAYPASS_TOKEN": token["token"]}
    done = daypass(required, "list", state=tmp_path, env=agent_env)
    assert done.returncode in (13, 15), done.stderr
    listed = check(daypass(required, "tokens", "list", "--json", state=tmp_path, env=env))
    assert token["id"] in listed.stdout and token["token"] not in listed.stdout
    check(daypass(required, "tokens", "revoke", token["id"], state=tmp_path, env=env))
    check(daypass(required, "http", "3000", "--json", "--no-interactive", state=tmp_path, env=agent_env), 13)


def test_version(tmp_path):
    done = check(run("version", state=tmp_path))
    assert re.search(r"\d+\.\d+", done.stdout)
    assert isinstance(json.loads(check(run("version", "--json", state=tmp_path)).stdout), dict)


COMMANDS = [
    "serve", "http", "run", "list", "status", "open", "close", "pause", "resume", "policy", "viewers", "kick", "api", "tokens", "version",
]


def test_help_lists_every_command(tmp_path):
    done = check(run("--help", state=tmp_path))
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", done.stdout), command


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_examples(tmp_path, command):
    done = check(run(command, "--help", state=tmp_path))
    assert re.search("example", done.stdout, re.I) and f"daypass {command}" in done.stdout
    assert "\x1b[" not in done.stdout, "colour only on a terminal"


def test_help_of_serve_and_http_name_every_documented_option(tmp_path):
    serve = run("serve", "--help", state=tmp_path).stdout
    for option in ("--control", "--edge", "--public-url", "--url-style", "--data", "--store", "--tls-cert", "--tls-key",
                   "--trusted-proxy", "--auth", "--config"):
        assert option in serve, option
    agent = run("http", "--help", state=tmp_path).stdout
    for option in ("--auth", "--password", "--expires", "--max-viewers", "--block", "--private", "--host-header", "--connections",
                   "--upstream-http2",
                   "--server", "--wait-for", "--timeout", "--json", "--no-interactive", "--output", "--takeover"):
        assert option in agent, option


def test_wait_for_waits_until_the_app_answers(server, tmp_path, new_app):
    port = free_port()
    agent = Agent(server, port, "--wait-for", "/health", "--timeout", "20s", state=tmp_path, wait=False)
    try:
        timer = threading.Timer(1, lambda: new_app(port=port))
        timer.start()
        agent.wait_connected()
        assert Tunnel(server, None, agent.slug).ask("/").status == 200
    finally:
        agent.kill()


def test_serve_says_when_its_port_is_taken(server, tmp_path):
    done = run("serve", "--control", f"127.0.0.1:{server.control_port}", "--edge", "127.0.0.1:0", "--data", tmp_path / "d", state=tmp_path)
    assert done.returncode != 0 and "in use" in done.stderr.lower(), done.stderr


def test_two_servers_on_one_data_folder(server, tmp_path):
    """Refused or shared safely, never damaged: the first goes on."""
    done = Process(
        [BINARY, "serve", "--control", "127.0.0.1:0", "--edge", "127.0.0.1:0", "--data", server.data],
        env=clean_environment(tmp_path),
    )
    try:
        eventually(lambda: not done.running or any("ready" in line for line in done.stderr), 10)
    finally:
        done.kill()
    assert server.create()["slug"]


def test_interactive_screen(server, new_app, tmp_path):
    """On a terminal: ready line, public URL, QR code, owner URL; Q closes the session."""
    import os
    import pty

    app = new_app()
    main, terminal = pty.openpty()
    env = clean_environment(tmp_path, TERM="xterm-256color", COLUMNS="100", LINES="60")
    child = subprocess.Popen(
        [str(BINARY), "http", str(app.port), "--server", server.control], stdin=terminal, stdout=terminal, stderr=terminal,
        env=env, start_new_session=True,
    )
    os.close(terminal)
    screen = b""
    lock = threading.Condition()

    def read():
        nonlocal screen
        try:
            while data := os.read(main, 65536):
                with lock:
                    screen += data
                    lock.notify_all()
        except OSError:
            pass

    threading.Thread(target=read, daemon=True).start()

    def shows(pattern, timeout=15):
        with lock:
            assert lock.wait_for(lambda: re.search(pattern, screen.decode("utf-8", "replace")), timeout), screen[-3000:]
        return re.search(pattern, screen.decode("utf-8", "replace"))

    try:
        shows(r"Tunnel ready\.")
        slug = shows(re.escape(server.public) + r"/s/([a-z]+-[a-z]+-\d+)").group(1)
        shows(r"/\.wormkey/owner\?slug=")
        shows("[█▀▄▌▐]")
        tunnel = Tunnel(server, app, slug)
        assert tunnel.ask("/seen-on-screen").status == 200
        shows("seen-on-screen")
        os.write(main, b"p")
        eventually(lambda: tunnel.ask("/").code() == "tunnel_paused", what="P pauses")
        os.write(main, b"r")
        eventually(lambda: tunnel.ask("/").status == 200, what="R resumes")
        os.write(main, b"q")
        assert child.wait(15) == 0
        assert tunnel.ask("/").code() == "session_closed"
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        os.close(main)
