"""What passes the API gateway, and how: streams, large and broken bodies, fields, viewers of each kind, upstreams that fail."""

import hashlib
import ssl
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from websockets.sync.server import serve as serve_websockets

from harness.daypass import Agent
from harness.gateway_api import (
    ROOMY, SHOP, Admin, calls_of, code, marker, own_address, reached, roomy_limits, route, serve, together,
)
from harness.http2 import H2Viewer
from harness.localapp import Aborted
from harness.ports import free_port
from harness.raw import Truncated, chunked
from harness.tls import make_certificate
from harness.waiting import eventually

MIB = 1 << 20
BLOCK = hashlib.shake_256(b"gateway").digest(MIB)
ROUTES = [route("GET POST PUT", "/**", session="never")]


@pytest.fixture(scope="module", params=["url", "tunnel"])
def tenant(request, admin, api, server, tmp_path_factory):
    """A tenant whose upstream is a URL, and one whose upstream is a tunnel session."""
    if request.param == "url":
        yield admin.tenant(api.port, ROUTES)
        return
    agent = Agent(server, api.port, state=tmp_path_factory.mktemp("agent"))
    yield admin.tenant(f"tunnel:{agent.slug}", ROUTES)
    agent.kill()


@pytest.fixture(scope="module")
def key(tenant):
    return tenant.key()


@pytest.fixture(scope="module")
def plain(admin, api):
    """A tenant with a URL, for what does not depend on the way to the upstream."""
    return admin.tenant(api.port, ROUTES)


# Streaming


def test_an_answer_streams(tenant, key, api):
    go = threading.Event()

    def slow(call):
        call.head(200, [("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked")])
        call.chunk(b"first")
        assert go.wait(10)
        call.chunk(b"second")
        call.last_chunk()

    path = serve(api, slow)
    with tenant.viewer() as viewer:
        answer = tenant.start(viewer, "GET", path, key, SHOP).head()
        assert answer.status == 200 and answer.get("access-control-allow-origin") == SHOP
        assert viewer.read_chunk() == b"first"
        go.set()
        assert viewer.read_chunk() == b"second"
        assert viewer.read_chunk() == b""


def test_a_request_streams(tenant, key, api):
    seen, come = [], threading.Event()

    def take(call):
        for part in call.chunks():
            seen.append(part)
            come.set()
        call.respond(200, (), b"".join(seen))

    path = serve(api, take)
    with tenant.viewer() as viewer:
        tenant.start(viewer, "POST", path, key, SHOP, headers=[("Transfer-Encoding", "chunked")])
        viewer.send(chunked(b"first", end=False))
        assert come.wait(10), "the upstream does not see the beginning before the end"
        viewer.send(chunked(b"second"))
        answer = viewer.answer()
        assert answer.status == 200 and answer.body == b"firstsecond"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_large_bodies_down_with_flat_memory(tenant, key, api, server, framing):
    total = 96

    def big(call):
        if framing == "length":
            call.head(200, [("Content-Length", str(total * MIB))])
        else:
            call.head(200, [("Transfer-Encoding", "chunked")])
        for _ in range(total):
            call.raw(BLOCK) if framing == "length" else call.chunk(BLOCK)
        if framing == "chunked":
            call.last_chunk()

    path, before = serve(api, big), server.peak_memory()
    digest, count = hashlib.sha256(), 0
    with tenant.viewer(timeout=30) as viewer:
        answer = tenant.start(viewer, "GET", path, key, SHOP).head()
        assert answer.status == 200
        while count < total * MIB:
            data = viewer.read_exactly(min(MIB, total * MIB - count)) if framing == "length" else viewer.read_chunk()
            assert data, "the answer ended early"
            digest.update(data)
            count += len(data)
    assert digest.hexdigest() == hashlib.sha256(BLOCK * total).hexdigest()
    grown = (server.peak_memory() - before) / MIB
    print(f"{total} MiB down, the server's peak grew by {grown:.1f} MiB")
    assert grown < 48


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_large_bodies_up_with_flat_memory(tenant, key, server, framing):
    total, before = 96, server.peak_memory()
    with tenant.viewer(timeout=30) as viewer:
        headers = [("Content-Length", str(total * MIB)) if framing == "length" else ("Transfer-Encoding", "chunked")]
        tenant.start(viewer, "POST", "/up", key, SHOP, headers=headers)
        for _ in range(total):
            viewer.send(BLOCK if framing == "length" else chunked(BLOCK, end=False))
        if framing == "chunked":
            viewer.send(b"0\r\n\r\n")
        seen = viewer.answer().json()
    assert seen["length"] == total * MIB and seen["sha256"] == hashlib.sha256(BLOCK * total).hexdigest()
    grown = (server.peak_memory() - before) / MIB
    print(f"{total} MiB up, the server's peak grew by {grown:.1f} MiB")
    assert grown < 48


def test_a_slow_reader_does_not_fill_the_server(plain, api, server):
    """Back-pressure: what the page does not read is not taken from the upstream."""
    key, sent = plain.key(), []

    def endless(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        call.connection.socket.settimeout(2)
        try:
            while len(sent) < 512:
                call.chunk(BLOCK)
                sent.append(1)
        except OSError:
            pass
        call.close()

    path, before = serve(api, endless), server.peak_memory()
    with plain.viewer() as viewer:
        assert plain.start(viewer, "GET", path, key, SHOP).head().status == 200
        call = eventually(lambda: calls_of(api, path))[-1]
        assert call.finished.wait(20), "the upstream was never held back"
    assert len(sent) < 100, len(sent)
    assert (server.peak_memory() - before) / MIB < 48


def test_expect_100_continue(tenant, key, api):
    path = serve(api, lambda call: (call.raw(b"HTTP/1.1 100 Continue\r\n\r\n") if call.get("expect") else None,
                                    call.respond(200, (), call.body())))
    with tenant.viewer() as viewer:
        tenant.start(viewer, "POST", path, key, SHOP, headers=[("Expect", "100-continue"), ("Content-Length", "5")])
        assert viewer.head().status == 100
        viewer.send(b"hello")
        answer = viewer.answer()
        assert answer.status == 200 and answer.body == b"hello"


def test_a_refused_upload_gets_its_refusal_without_100(plain):
    with plain.viewer() as viewer:
        plain.start(viewer, "POST", "/x", None, SHOP, headers=[("Expect", "100-continue"), ("Content-Length", "5")])
        answer = viewer.head()
        assert answer.status == 401, "no 100 Continue before a refusal"


def test_a_refusal_in_the_middle_of_an_upload_is_readable(plain):
    """The page gets the refusal although it still sends."""
    with plain.viewer() as viewer:
        plain.start(viewer, "POST", "/x", None, SHOP, headers=[("Content-Length", str(4 * MIB))])
        viewer.send(BLOCK[:1000])
        answer = viewer.answer()
        assert answer.status == 401 and code(answer) == "API_KEY_REQUIRED"


@pytest.mark.parametrize("trailers", [b"X-Daypass-Tenant: forged\r\n", b"Authorization: forged\r\n", b"X-Session-Token: forged\r\n"])
def test_trailers_bring_nothing_in(tenant, key, trailers):
    with tenant.viewer() as viewer:
        tenant.start(viewer, "POST", "/t", key, SHOP, headers=[("Transfer-Encoding", "chunked"), ("Trailer", "x-fine")])
        viewer.send(chunked(b"body", trailers=trailers + b"X-Fine: yes\r\n"))
        answer = viewer.answer()
    assert answer.status == 200 and b"forged" not in answer.body
    assert not any(value == "forged" for _, value in answer.json()["trailers"])


# What breaks must look broken


@pytest.mark.parametrize("framing", ["length", "chunked", "length, reset", "chunked, reset"])
def test_truncation_looks_like_truncation(tenant, key, api, framing):
    def broken(call):
        if framing.startswith("length"):
            call.head(200, [("Content-Length", "1000")])
            call.raw(b"half")
        else:
            call.head(200, [("Transfer-Encoding", "chunked")])
            call.chunk(b"half")
        call.connection.socket.settimeout(5)
        call.reset() if framing.endswith("reset") else call.close()

    path = serve(api, broken)
    with tenant.viewer() as viewer:
        tenant.start(viewer, "GET", path, key, SHOP)
        try:
            answer = viewer.answer()
        except Truncated:
            return  # the break overtook the head: no answer at all
    assert not answer.complete or answer.status == 502, answer


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_broken_upload_is_broken_at_the_upstream(tenant, key, api, framing):
    states = []

    def take(call):
        try:
            call.body()
        except Aborted:
            pass
        states.append(call.body_state)

    path = serve(api, take)
    with tenant.viewer() as viewer:
        if framing == "length":
            tenant.start(viewer, "POST", path, key, SHOP, headers=[("Content-Length", "1000")])
            viewer.send(b"half")
        else:
            tenant.start(viewer, "POST", path, key, SHOP, headers=[("Transfer-Encoding", "chunked")])
            viewer.send(chunked(b"half", end=False))
        eventually(lambda: calls_of(api, path))
    assert eventually(lambda: states, 10) == ["aborted"]


def test_a_viewer_who_leaves_is_seen_by_the_upstream(tenant, key, api):
    took = []

    def endless(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        call.chunk(b"x")
        took.append(call.wait_gone(10))

    path = serve(api, endless)
    with tenant.viewer() as viewer:
        tenant.start(viewer, "GET", path, key, SHOP).head()
        viewer.read_chunk()
    assert eventually(lambda: took, 12)[0] is not None


# Upstreams that fail


def cors(answer):
    assert answer.all("access-control-allow-origin") == [SHOP] and "origin" in ",".join(answer.all("vary")).lower(), answer
    assert answer.get("x-ratelimit-limit") and answer.get("x-request-id"), answer


def test_upstream_is_down(admin):
    tenant = admin.tenant(free_port(), ROUTES)
    answer = tenant.ask(key=tenant.key(), origin=SHOP)
    assert answer.status == 502 and code(answer) == "UPSTREAM_UNREACHABLE", answer
    cors(answer)


def test_upstream_name_does_not_exist(admin):
    tenant = admin.tenant("http://nowhere.invalid:9", ROUTES)
    # The system's resolver may take its time; the edge waits ten seconds for it.
    answer = tenant.ask(key=tenant.key(), origin=SHOP, timeout=40)
    assert answer.status == 502 and code(answer) == "UPSTREAM_UNREACHABLE", answer
    cors(answer)


@pytest.mark.parametrize("upstream", ["tunnel:quiet-lime-9999", "closed"])
def test_upstream_tunnel_is_not_connected(admin, server, upstream):
    slug = server.create()["slug"] if upstream == "closed" else upstream.split(":")[1]
    tenant = admin.tenant(f"tunnel:{slug}", ROUTES)
    answer = tenant.ask(key=tenant.key(), origin=SHOP, timeout=30)
    assert answer.status == 502 and code(answer) == "UPSTREAM_UNREACHABLE", answer
    cors(answer)


def test_upstream_breaks_off(plain, api):
    path = serve(api, lambda call: call.reset())
    answer = plain.ask("POST", path, plain.key(), SHOP, body=b"x")
    assert answer.status == 502 and code(answer) == "UPSTREAM_UNREACHABLE", answer
    cors(answer)


def test_upstream_speaks_nonsense(plain, api):
    path = serve(api, lambda call: (call.raw(b"220 smtp.example ESMTP\r\n\r\n"), call.close()))
    answer = plain.ask(path=path, key=plain.key(), origin=SHOP)
    assert answer.status == 502 and code(answer) == "UPSTREAM_UNREACHABLE", answer
    cors(answer)


def test_upstream_says_nothing(start_server, api):
    server = start_server(env={"DAYPASS_EDGE_RESPONSE_TIMEOUT_SECONDS": "1"})
    admin = Admin(server)
    admin.plan(roomy_limits(), ROOMY)
    tenant = admin.tenant(api.port, ROUTES)
    path = serve(api, lambda call: call.wait_gone(20))
    start = time.monotonic()
    answer = tenant.ask(path=path, key=tenant.key(), origin=SHOP)
    assert answer.status == 504 and code(answer) == "UPSTREAM_TIMEOUT", answer
    assert time.monotonic() - start < 8
    cors(answer)


@pytest.fixture
def hasty(start_server, api):
    """A tenant of a server that waits four seconds for upstreams, and for bodies."""
    admin = Admin(start_server(env={"DAYPASS_EDGE_UPSTREAM_TIMEOUT_SECONDS": "4"}))
    admin.plan(roomy_limits(), ROOMY)
    return admin.tenant(api.port, ROUTES)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_that_stops_coming_is_given_up(hasty, api, framing):
    states = []

    def take(call):
        try:
            call.body()
        finally:
            states.append(call.body_state)

    path = serve(api, take)
    with hasty.viewer() as viewer:
        headers = [("Content-Length", "10") if framing == "length" else ("Transfer-Encoding", "chunked")]
        hasty.start(viewer, "POST", path, hasty.key(), SHOP, headers=headers)
        viewer.send(b"abc" if framing == "length" else chunked(b"abc", end=False))
        answer = viewer.answer()
        assert answer.status == 400 and code(answer) == "VALIDATION_ERROR", answer
        cors(answer)
        assert viewer.closes_within(5) is not None
    assert eventually(lambda: states) == ["aborted"], "the upstream sees that the request is not whole"


def test_a_body_that_comes_slowly_is_not(hasty):
    """Each byte within the four seconds, the whole body in more."""
    with hasty.viewer() as viewer:
        hasty.start(viewer, "POST", "/slowly", hasty.key(), SHOP, headers=[("Content-Length", "6")])
        for _ in range(6):
            time.sleep(1)
            viewer.send(b"x")
        answer = viewer.answer()
    assert answer.status == 200 and answer.json()["length"] == 6, answer


def test_upstream_comes_back(admin, new_app):
    port = free_port()
    tenant = admin.tenant(port, ROUTES)
    key = tenant.key()
    assert tenant.ask(key=key, origin=SHOP).status == 502
    app = new_app(port=port)
    assert tenant.ask(key=key, origin=SHOP).status == 200
    app.drop_connections()
    eventually(lambda: tenant.ask(key=key, origin=SHOP).status == 200, what="a new connection in the place of the dead one")


# Fields


def test_the_upstreams_own_cors_and_rate_fields_are_replaced(tenant, key, api):
    path = serve(api, lambda call: call.respond(200, [
        ("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Credentials", "true"), ("access-control-allow-methods", "GET"),
        ("Access-Control-Expose-Headers", "X-Upstream"), ("X-RateLimit-Limit", "1"), ("X-RATELIMIT-REMAINING", "0"), ("X-RateLimit-Reset", "1"),
        ("X-RateLimit-Policy", "1;w=1"), ("Vary", "Accept-Encoding"), ("X-Upstream", "kept"), ("ETag", '"a"'),
    ], b"{}"))
    answer = tenant.ask(path=path, key=key, origin=SHOP)
    assert answer.all("access-control-allow-origin") == [SHOP]
    assert answer.get("access-control-allow-credentials") is None
    assert len(answer.all("x-ratelimit-limit")) == 1 and answer.get("x-ratelimit-limit") != "1", answer
    assert len(answer.all("x-ratelimit-reset")) == 1 and int(answer.get("x-ratelimit-reset")) > time.time() - 2
    vary = ",".join(answer.all("vary")).lower()
    assert "origin" in vary and "accept-encoding" in vary
    assert answer.get("x-upstream") == "kept" and answer.get("etag") == '"a"'
    assert "x-ratelimit-limit" in ",".join(answer.all("access-control-expose-headers")).lower()


def test_the_upstreams_cors_does_not_open_the_gateway(plain, api):
    """Without a web origin nothing of the upstream's CORS passes either."""
    path = serve(api, lambda call: call.respond(200, [("Access-Control-Allow-Origin", "*")], b"{}"))
    answer = plain.ask(path=path, key=plain.key(kind="secret"))
    assert answer.status == 200 and answer.all("access-control-allow-origin") == []


def test_what_the_upstream_refuses_is_its_own(tenant, key, api):
    path = serve(api, lambda call: call.respond(429, [("Retry-After", "7"), ("Content-Type", "application/problem+json")], b'{"own":1}'))
    answer = tenant.ask(path=path, key=key, origin=SHOP)
    assert (answer.status, answer.get("retry-after"), answer.body) == (429, "7", b'{"own":1}')
    cors(answer)


def test_fields_for_the_upstream(tenant, key, api, address):
    probe = marker()
    answer = tenant.ask(
        "POST", "/a%20b/c?x=1&y=%2F", key, SHOP, headers=[
            probe, ("X-Session-Token", "not.needed.here"), ("Idempotency-Key", "abc"), ("Connection", "X-Hop"), ("X-Hop", "drop"),
            ("Keep-Alive", "timeout=5"), ("Proxy-Authorization", "Basic eDp5"), ("X-One", "1"), ("X-One", "2"), ("Cookie", "a=b")],
        body=b"body", source=address,
    )
    assert answer.status in (200, 401), answer
    if answer.status == 401:
        # A token that is sent is judged even where none is needed; without it the request passes.
        answer = tenant.ask("POST", "/a%20b/c?x=1&y=%2F", key, SHOP, headers=[
            probe, ("Connection", "X-Hop"), ("X-Hop", "drop"), ("Proxy-Authorization", "Basic eDp5"), ("X-One", "1"), ("X-One", "2"),
            ("Cookie", "a=b")], body=b"body", source=address)
    assert answer.status == 200, answer
    call = reached(api, probe)
    assert (call.method, call.target) == ("POST", "/a%20b/c?x=1&y=%2F"), "the base path is left out, the rest is byte for byte"
    assert call.get("authorization") is None and call.get("x-session-token") is None and call.get("x-api-key") is None
    assert call.get("x-hop") is None and call.get("proxy-authorization") is None
    assert call.all("x-one") == ["1", "2"] and call.get("cookie") == "a=b"
    assert call.get("x-forwarded-for") == address
    assert call.get("x-forwarded-proto") == "http" and call.get("x-forwarded-host") == tenant.host
    ours = {n.lower()[10:]: v for n, v in call.fields if n.lower().startswith("x-daypass-")}
    assert ours["tenant"] == tenant.slug and ours["key-id"] == key.id and ours["channel"] == "browser"
    assert ours["web-origin"] == SHOP and ours["request-id"] == answer.get("x-request-id")
    assert key.secret.encode() not in call.raw_head


@pytest.mark.parametrize("prefix,asked,target", [
    ("", "/a/b?x", "/a/b?x"), ("/", "/a", "/a"), ("/v2", "/a%20b?x=%2F&y", "/v2/a%20b?x=%2F&y"), ("/v2/", "/a", "/v2/a"), ("/v2/x", "/", "/v2/x/"),
    ("", "?q=1", "/?q=1"),
])
def test_the_upstreams_own_path_goes_before(admin, api, prefix, asked, target):
    tenant, probe = admin.tenant(f"http://127.0.0.1:{api.port}{prefix}", [route("GET", "/**")]), marker()
    answer = tenant.ask(path=asked, key=tenant.key(), origin=SHOP, headers=[probe])
    assert answer.status == 200, answer
    call = reached(api, probe)
    assert call.target == target and call.get("host") == f"127.0.0.1:{api.port}"


@pytest.mark.parametrize("prefix,location,mapped", [
    ("/v2", "/v2/q/7?x", "/api/v1/q/7?x"), ("/v2", "/v2", "/api/v1"), ("/v2", "/v2x", "/v2x"), ("/v2", "/other", "/other"), ("", "/q", "/api/v1/q"),
    ("/v2", "http://{upstream}/v2/q", "/api/v1/q"), ("/v2", "//{upstream}/v2/q", "/api/v1/q"), ("/v2", "q/7", "q/7"), ("", "?x", "?x"),
    ("/v2", "https://elsewhere.example/v2/q", "https://elsewhere.example/v2/q"),
])
def test_locations_and_cookie_paths_are_mapped_back(admin, api, prefix, location, mapped):
    tenant, name = admin.tenant(f"http://127.0.0.1:{api.port}{prefix}", [route("GET", "/**")]), f"/{uuid.uuid4().hex}"
    location = location.replace("{upstream}", f"127.0.0.1:{api.port}")
    api.routes[prefix + name] = lambda call: call.respond(302, [("Location", location), ("Set-Cookie", f"a=b; Path={prefix}/q; HttpOnly")])
    answer = tenant.ask(path=name, key=tenant.key(), origin=SHOP)
    assert (answer.status, answer.get("location")) == (302, mapped)
    assert answer.get("set-cookie") == "a=b; Path=/api/v1/q; HttpOnly"


class SecureUpstream:
    """An HTTPS server with a certificate that nobody else knows."""

    def __init__(self, folder, address):
        certificate, key = make_certificate(folder, "upstream")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "6")
                self.end_headers()
                self.wfile.write(b"secret")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((address, 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.handle_error = lambda *_: None
        self.url = f"https://{address}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.mark.parametrize("where", ["loopback", "elsewhere"])
def test_upstreams_over_tls(admin, tmp_path, where):
    """On a loopback address any certificate will do, elsewhere it is verified."""
    address = "127.0.0.1" if where == "loopback" else own_address()
    if address is None or (where == "elsewhere" and address.startswith("127.")):
        pytest.skip("this machine has a loopback address only")
    upstream = SecureUpstream(tmp_path, address)
    tenant = admin.tenant(upstream.url, ROUTES)
    answer = tenant.ask(key=tenant.key(), origin=SHOP)
    upstream.server.shutdown()
    upstream.server.server_close()
    if where == "loopback":
        assert (answer.status, answer.body) == (200, b"secret"), answer
    else:
        assert answer.status == 502 and code(answer) == "UPSTREAM_UNREACHABLE", answer


@pytest.mark.parametrize("state", ["pause", "close"])
def test_a_tunnel_that_its_owner_stops(admin, api, server, start_agent, state):
    agent = start_agent(server, api.port, "--password", "sesame", "--block", "/quotes")
    tenant = admin.tenant(f"tunnel:{agent.slug}", ROUTES)
    key = tenant.key()
    assert tenant.ask(key=key, origin=SHOP).status == 200, "the viewers' rules are not the gateway's"
    server.act(agent.slug, state)
    answer = tenant.ask(key=key, origin=SHOP)
    assert answer.status == 502 and code(answer) == "UPSTREAM_UNREACHABLE", answer
    cors(answer)
    if state == "pause":
        server.act(agent.slug, "resume")
        assert tenant.ask(key=key, origin=SHOP).status == 200


def test_request_ids_are_the_servers(plain, api):
    key = plain.key()
    ids = {plain.ask(key=key, origin=SHOP, headers=[("X-Request-Id", "chosen\x7f")] if n else ()).get("x-request-id") for n in range(3)}
    assert len(ids) == 3 and "chosen\x7f" not in ids


def test_requests_on_one_connection_are_judged_one_by_one(tenant, key):
    """Pipelined: three requests of three kinds, answered in order."""
    with tenant.viewer() as viewer:
        tenant.start(viewer, "GET", "/one", key, SHOP)
        tenant.start(viewer, "GET", "/two", "pk_live_wrong", SHOP)
        tenant.start(viewer, "GET", "/three", key, SHOP)
        answers = [viewer.answer() for _ in range(3)]
    assert [a.status for a in answers] == [200, 401, 200]
    assert [a.json()["target"][-4:] for a in answers[::2]] == ["/one", "hree"]


@pytest.mark.parametrize("hosts", ["other tenant", "unknown"])
def test_a_connection_is_not_bound_to_its_first_host(admin, api, plain, hosts):
    other = admin.tenant(api.port, ROUTES)
    key = plain.key()
    host = other.host if hosts == "other tenant" else f"nobody.localhost:{plain.server.edge_port}"
    with plain.viewer() as viewer:
        assert plain.start(viewer, "GET", "/x", key, SHOP).answer().status == 200
        answer = plain.start(viewer, "GET", "/x", key, SHOP, host=host).answer()
        assert answer.status in (401, 404) and (hosts == "unknown" or code(answer) == "API_KEY_INVALID"), answer


# Viewers of other kinds


def test_http2_viewers(tenant, key, api):
    with H2Viewer(("127.0.0.1", tenant.server.edge_port)) as viewer:
        fields = [("origin", SHOP), ("authorization", f"Bearer {key}"), ("x-daypass-tenant", "forged")]
        answer = viewer.ask("POST", f"{tenant.base}/h2?x=1", tenant.host, fields, b"body")
        assert answer.status == 200 and answer.ended, answer
        seen = answer.json()
        assert seen["length"] == 4 and not any(v == "forged" for _, v in seen["fields"])
        assert answer.get("access-control-allow-origin") == SHOP and answer.get("x-ratelimit-limit")
        refused = viewer.ask("GET", f"{tenant.base}/h2", tenant.host, [("origin", SHOP)])
        assert refused.status == 401 and refused.json()["error"]["code"] == "API_KEY_REQUIRED"
        preflight = viewer.ask("OPTIONS", f"{tenant.base}/h2", tenant.host, [("origin", SHOP), ("access-control-request-method", "POST")])
        assert preflight.status == 204 and preflight.get("access-control-allow-origin") == SHOP


def test_websockets(plain, admin):
    """A WebSocket is a GET: a route with GET lets it through to the upstream, with the same checks before."""
    said = []

    def talk(socket):
        said.append(dict(socket.request.headers.raw_items()))
        socket.send(socket.recv())

    with serve_websockets(talk, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tenant = admin.tenant(server.socket.getsockname()[1], ROUTES)
        key = tenant.key()
        upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
                   ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
        with tenant.viewer() as viewer:
            refused = tenant.start(viewer, "GET", "/ws", "pk_live_wrong", SHOP, headers=upgrade).answer()
            assert refused.status == 401 and not said
        with tenant.viewer() as viewer:
            answer = tenant.start(viewer, "GET", "/ws", key, SHOP, headers=upgrade).answer(body=False)
            print(f"a WebSocket through a route: {answer.status}")
            if answer.status == 101:
                viewer.send(b"\x81\x85\0\0\0\0hello")
                assert viewer.read_exactly(7) == b"\x81\x05hello"
                assert not any(key.secret in v for fields in said for v in fields.values())
            else:
                viewer.read_body(answer)
                assert answer.status in (400, 403, 426, 501) and not said, answer
                cors(answer)
        server.shutdown()


# Idempotency


@pytest.fixture(scope="module")
def orders(admin, api):
    tenant = admin.tenant(api.port, [
        route("POST PUT", "/**", session="never", idempotency="optional"), route("GET", "/**"),
        route("POST", "/once/**", "quotes:write", idempotency="required")])
    return tenant


def counted(api, status=201, fields=(), body=None):
    """A path whose every call is answered differently; the list grows with each."""
    ran = []

    def answer(call):
        call.body()
        ran.append(1)
        call.respond(status, [("X-Number", str(len(ran))), ("Content-Type", "application/json"), ("Set-Cookie", "a=b"), *fields],
                     body or b'{"made":"%s"}' % uuid.uuid4().hex.encode())

    return serve(api, answer), ran


def order(tenant, key, path, idempotency="k", body=b'{"a":1}', **kwargs):
    return tenant.ask("POST", path, key, SHOP, idempotency=idempotency, body=body, headers=[("Content-Type", "application/json")], **kwargs)


def test_a_repetition_gets_the_same_bytes(orders, api):
    key = orders.key()
    path, ran = counted(api)
    first, second = order(orders, key, path), order(orders, key, path)
    assert len(ran) == 1 and first.status == second.status == 201
    assert first.body == second.body and second.get("idempotency-replayed") == "true" and first.get("idempotency-replayed") is None
    ours = {"date", "x-request-id", "idempotency-replayed", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "connection",
            "transfer-encoding", "content-length", "keep-alive"}
    assert {f for f in first.fields if f[0].lower() not in ours} == {f for f in second.fields if f[0].lower() not in ours}
    cors(second)
    assert order(orders, key, path, "other").get("x-number") == "2"


def test_without_a_key_each_request_runs(orders, api):
    key = orders.key()
    path, ran = counted(api)
    order(orders, key, path, None)
    order(orders, key, path, None)
    assert len(ran) == 2


def test_another_body_is_refused(orders, api):
    key = orders.key()
    path, ran = counted(api)
    assert order(orders, key, path).status == 201
    for answer in (order(orders, key, path, body=b'{"a":2}'), order(orders, key, path, body=b""), order(orders, key, path + "?x=1")):
        assert answer.status == 422 and code(answer) == "IDEMPOTENCY_KEY_REUSED", answer
        cors(answer)
    assert len(ran) == 1
    assert order(orders, key, path).get("idempotency-replayed") == "true", "the entry is still there"


def test_while_it_runs_a_repetition_is_refused(orders, api):
    key, go, ran = orders.key(), threading.Event(), []

    def slow(call):
        call.body()
        ran.append(1)
        assert go.wait(10)
        call.respond(201, (), b"done")

    path = serve(api, slow)
    with orders.viewer() as viewer:
        orders.start(viewer, "POST", path, key, SHOP, idempotency="k", body=b"{}")
        eventually(lambda: ran)
        answer = order(orders, key, path, body=b"{}")
        assert answer.status == 409 and code(answer) == "REQUEST_IN_PROGRESS", answer
        cors(answer)
        go.set()
        assert viewer.answer().body == b"done"
    assert orders.ask("POST", path, key, SHOP, idempotency="k", body=b"{}").get("idempotency-replayed") == "true"
    assert len(ran) == 1


def test_of_many_at_the_same_moment_one_runs(orders, api):
    key = orders.key()
    path, ran = counted(api)
    answers = together(60, lambda n: order(orders, key, path))
    assert len(ran) == 1, len(ran)
    assert {a.status for a in answers} <= {201, 409}
    bodies = {a.body for a in answers if a.status == 201}
    assert len(bodies) == 1 and sum(a.status == 201 and a.get("idempotency-replayed") is None for a in answers) == 1


@pytest.mark.parametrize("status", [500, 503])
def test_failures_are_not_stored(orders, api, status):
    key = orders.key()
    path, ran = counted(api, status)
    assert [order(orders, key, path).status for _ in range(2)] == [status, status]
    assert len(ran) == 2


def test_refusals_of_the_upstream_are_stored(orders, api):
    """Only 5xx and aborted requests are not."""
    key = orders.key()
    path, ran = counted(api, 409)
    assert [order(orders, key, path).status for _ in range(2)] == [409, 409] and len(ran) == 1


def test_a_broken_answer_is_not_stored(orders, api):
    key, ran = orders.key(), []

    def breaks_once(call):
        call.body()
        ran.append(1)
        if len(ran) == 1:
            call.head(201, [("Content-Length", "100")])
            call.raw(b"half")
            call.close()
        else:
            call.respond(201, (), b"whole")

    path = serve(api, breaks_once)
    first = order(orders, key, path)
    assert not first.complete or first.status == 502
    second = order(orders, key, path)
    assert second.body == b"whole" and second.get("idempotency-replayed") is None and len(ran) == 2


def test_an_aborted_request_is_not_stored(orders, api):
    key, ran = orders.key(), []

    def take(call):
        try:
            call.body()
        except Aborted:
            ran.append("aborted")
            raise
        ran.append("whole")
        call.respond(201, (), b"whole")

    path = serve(api, take)
    with orders.viewer() as viewer:
        orders.start(viewer, "POST", path, key, SHOP, idempotency="k", headers=[("Content-Length", "7")])
        viewer.send(b'{"a"')
        eventually(lambda: calls_of(api, path))
    eventually(lambda: ran == ["aborted"])
    answer = eventually(lambda: (a := order(orders, key, path)).status != 409 and a, what="the aborted request is forgotten")
    assert answer.status == 201 and answer.body == b"whole" and ran == ["aborted", "whole"]


def test_a_key_belongs_to_api_key_session_and_route(orders, api):
    key, other = orders.key(), orders.key()
    path, ran = counted(api)
    path2, ran2 = counted(api)
    assert order(orders, key, path).get("x-number") == "1"
    assert order(orders, other, path).get("x-number") == "2", "another key's entry was replayed"
    once, ran3 = counted(api)
    api.routes["/once" + once] = api.routes["/api/v1/once" + once] = api.routes[once]
    tokens = [orders.token(key) for _ in range(2)]
    numbers = [order(orders, key, "/once" + once, token=t).get("x-number") for t in tokens]
    assert numbers == ["1", "2"], "another session's entry was replayed"
    renewed = orders.token(key, previous=tokens[0])
    assert order(orders, key, "/once" + once, token=renewed).get("idempotency-replayed") == "true", "a renewed session is the same"
    assert (len(ran), len(ran2), len(ran3)) == (2, 0, 2)


def test_a_key_belongs_to_whom_the_upstream_sees(orders, api, addresses):
    """Two users of one page have one API key: what the upstream knows them by is part of the entry."""
    key = orders.key(channels="both", origins=[SHOP, "https://second.example"])
    path, ran = counted(api)

    def ask(number=0, origin=SHOP, **fields):
        """One request with the same Idempotency-Key; whether it was replayed."""
        headers = [("X-Api-Key", key.secret), *((n.replace("_", "-"), v) for n, v in fields.items())]
        answer = orders.ask("POST", path, None, origin, idempotency="same", body=b"{}", headers=headers, source=addresses[number])
        assert answer.status == 201, answer
        return answer.get("idempotency-replayed") == "true"

    users = [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Basic YzpK"}, {"Cookie": "user=a"}, {"Cookie": "user=b"},
             {"Authorization": "Basic YTpi", "Cookie": "user=a"}]
    assert [ask(**user) for user in users] == [False] * 6, "somebody else's answer was replayed"
    assert [ask(**user) for user in users] == [True] * 6
    # Without a session: another address or web origin is somebody else, but a server's retry from another address is not.
    assert [ask(1), ask(1), ask(0, "https://second.example"), ask(0, "https://second.example")] == [False, True, False, True]
    assert [ask(0, None), ask(1, None)] == [False, True]
    assert len(ran) == 9


def test_a_replay_is_judged_like_any_request(orders, api):
    key = orders.key()
    path, _ = counted(api)
    assert order(orders, key, path).status == 201
    key.revoke()
    assert code(order(orders, key, path)) == "API_KEY_REVOKED", "a stored answer must not outlive the key"


def test_a_large_answer_is_not_kept_and_not_run_again(orders, api):
    """docs: an answer above 256 KiB is not kept: its request is not run again, and a repetition gets 422 and says so."""
    key = orders.key()
    path, ran = counted(api, body=b"x" * (300 * 1024))
    assert len(order(orders, key, path).body) == 300 * 1024
    answer = order(orders, key, path)
    assert answer.status == 422 and len(ran) == 1, answer
    small, ran = counted(api, body=b"x" * (200 * 1024))
    first, second = (order(orders, key, small, "another") for _ in range(2))
    assert first.status == second.status == 201 and first.body == second.body and len(ran) == 1


def test_a_stored_answer_to_a_streamed_repetition(orders, api):
    """Bodies of unknown length are compared too."""
    key = orders.key()
    path, ran = counted(api)
    answers = []
    for parts in ((b'{"a"', b":1}"), (b'{"a":1', b"}"), (b'{"a":1', b"", b"}x")):
        with orders.viewer() as viewer:
            orders.start(viewer, "POST", path, key, SHOP, idempotency="k", headers=[("Transfer-Encoding", "chunked")])
            viewer.send(chunked(*[p for p in parts if p]))
            try:
                answers.append(viewer.answer())
            except Truncated as error:
                pytest.fail(str(error))
    assert [a.status for a in answers] == [201, 201, 422] and len(ran) == 1
    assert answers[0].body == answers[1].body
