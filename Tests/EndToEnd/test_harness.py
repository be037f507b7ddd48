"""The harness checked against itself and nginx, so that a failure elsewhere is about Daypass."""

import hashlib
import subprocess
import threading
from pathlib import Path

import pytest

from harness import v0
from harness.localapp import Aborted, LocalApp
from harness.ports import free_port
from harness.raw import Viewer, chunked
from harness.v0_agent import V0Agent
from harness.v0_gateway import V0Gateway


@pytest.fixture
def app():
    app = LocalApp()
    yield app
    app.close()


@pytest.fixture
def gateway():
    gateway = V0Gateway()
    yield gateway
    gateway.close()


@pytest.fixture
def proxy(app, tmp_path):
    """nginx as a plain reverse proxy of the app; its port."""
    port = free_port()
    conf = tmp_path / "nginx.conf"
    conf.write_text(
        f"daemon off; pid {tmp_path}/pid; error_log stderr; worker_processes 1; events {{ worker_connections 64; }}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;"
        f" fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;"
        f" server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{app.port};"
        f" proxy_http_version 1.1; proxy_buffering off; proxy_request_buffering off; }} }} }}\n"
    )
    child = subprocess.Popen(["nginx", "-p", str(tmp_path), "-c", str(conf)], stderr=subprocess.DEVNULL)
    from harness.waiting import eventually

    def listening():
        try:
            Viewer(("127.0.0.1", port)).close()
            return True
        except OSError:
            return False

    eventually(listening, 15, what="nginx listening")
    yield port
    child.terminate()  # not SIGKILL: the worker would outlive its master
    child.wait(10)


def ask(port, method="GET", target="/", headers=(), body=None):
    with Viewer(("127.0.0.1", port)) as viewer:
        viewer.request(method, target, "app.test", headers, body)
        return viewer.answer(method)


@pytest.mark.parametrize("through", ["direct", "nginx"])
def test_app_and_viewer_understand_each_other(app, proxy, through):
    port = app.port if through == "direct" else proxy
    body = b"x" * 100_000
    answer = ask(port, "POST", "/a%2Fb?q=1", body=body)
    assert answer.complete and answer.status == 200
    assert answer.json()["target"] == "/a%2Fb?q=1"
    assert answer.json()["sha256"] == hashlib.sha256(body).hexdigest()
    answer = ask(port, "POST", "/c", [("Transfer-Encoding", "chunked")], chunked(b"one", b"two"))
    assert answer.json()["length"] == 6
    cut = app.route(lambda call: (call.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), call.close()))
    assert not ask(port, target=cut).complete
    cut = app.route(lambda call: (call.head(fields=[("Transfer-Encoding", "chunked")]), call.chunk(b"a"), call.close()))
    assert not ask(port, target=cut).complete


def test_app_notices_an_aborted_upload(app):
    path = app.route(lambda call: call.body())
    for head, body in (
        (b"Content-Length: 10", b"half"),
        (b"Transfer-Encoding: chunked", b"5\r\nhello\r\n"),
        (b"Transfer-Encoding: chunked", b"5\r\nhel"),
    ):
        app.calls.clear()
        with Viewer(("127.0.0.1", app.port)) as viewer:
            viewer.send(b"POST %s HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n%s" % (path.encode(), head, body))
            call = app.wait_call(path)
        assert call.finished.wait(5) and call.body_state == "aborted"
    assert issubclass(Aborted, Exception)


def test_v0_agent_and_gateway_agree(gateway):
    session = gateway.add_session()
    done = threading.Event()

    def serve(stream):
        if stream.kind == v0.WS_UPGRADE:
            stream.head_out(101, [("upgrade", "websocket"), ("connection", "Upgrade")])
            while data := stream.read():
                stream.data(data)
            done.set()
            return
        stream.respond(200, [("x-target", stream.target)], stream.body()[::-1])

    agent = V0Agent(gateway.edge, session["sessionToken"], serve)
    tunnel = gateway.tunnel()
    stream = tunnel.request("/hello", "POST", [("Content-Length", "3")], end=False)
    stream.send(v0.STREAM_DATA, b"abc")
    stream.send(v0.STREAM_END)
    status, fields = stream.head()
    assert status == 200 and ("x-target", "/hello") in fields
    assert stream.body() == b"cba"
    raw = tunnel.request("/ws", kind=v0.WS_UPGRADE, end=False)
    assert raw.head()[0] == 101
    raw.send(v0.WS_DATA, b"bytes")
    assert raw.next() == (v0.WS_DATA, b"bytes")
    agent.send(v0.PING)
    assert agent.pongs.get(timeout=5)
    assert agent.failure is None
    agent.close()
    assert tunnel.closed.wait(5)


def test_v0_gateway_refuses_a_wrong_token(gateway):
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus) as refused:
        V0Agent(gateway.edge, "quiet-lime-1.wrong", lambda stream: None)
    assert refused.value.response.status_code == 401


def test_a_free_port_stays_free():
    """Outgoing connections get ports from the system's range, so ports that are used later come from outside of it."""
    lowest, highest = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split())
    ports = [free_port() for _ in range(100)]
    assert len(set(ports)) == 100 and not any(lowest <= port <= highest for port in ports)
