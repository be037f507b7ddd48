"""Header and body fidelity of ordinary requests through the tunnel."""

import base64
import hashlib
import threading

import pytest

from harness.raw import chunked

ADDED = {
    "host", "connection", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded",
    "content-length", "transfer-encoding", "via", "x-request-id",
}


def own_fields(answer):
    """The fields that arrived at the app, without those the edge or agent may set."""
    return [(n.lower(), v) for n, v in answer.json()["fields"] if n.lower() not in ADDED]


def seen(answer, name):
    return [v for n, v in answer.json()["fields"] if n.lower() == name]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "QUERY", "M-SEARCH"])
def test_methods(shared, method):
    answer = shared.ask("/m", method)
    assert answer.status == 200 and answer.json()["method"] == method


@pytest.mark.parametrize("target", [
    "/a%2Fb", "/a%2fb", "/%E2%82%AC", "/a%00b", "/a+b%20c", "/a;p=1/b", "/x?a=%2F&b=%20&c", "/x?", "/?a?b=c/d",
    "/a/../b", "/a/./b", "//a//b", "/a//", "/%", "/%zz", "/a|b", "/{x}", "/x?q=" + "a" * 20000, "/~user/:id/@me!$&'()*,",
])
def test_targets_arrive_unchanged(shared, target):
    answer = shared.ask(target)
    assert answer.status == 200, answer
    assert answer.json()["target"] == target


def test_order_and_duplicates_of_request_fields(shared):
    headers = [
        ("X-One", "1"), ("Accept", "text/plain"), ("X-Two", "a"), ("x-one", "2"), ("X-Empty", ""), ("Accept", "*/*"),
        ("X-Two", "b, c"), ("User-Agent", "test/1.0"), ("X-One", "1"), ("X-Weird!#$%&'*+-.^_`|~", "token"),
    ]
    answer = shared.ask("/h", headers=headers)
    assert own_fields(answer) == [(n.lower(), v) for n, v in headers]


def test_order_and_duplicates_of_answer_fields(shared):
    fields = [
        ("X-One", "1"), ("Set-Cookie", "a=1"), ("X-Two", "a"), ("Set-Cookie", "b=2; HttpOnly"), ("x-one", "2"),
        ("WWW-Authenticate", "Basic realm=a"), ("X-Empty", ""), ("WWW-Authenticate", "Digest realm=b"), ("Server", "mine"),
        ("Date", "Tue, 15 Nov 1994 08:12:31 GMT"), ("Cache-Control", "max-age=5"), ("Vary", "a"), ("Vary", "b"),
    ]
    route = shared.app.route(lambda call: call.respond(401, fields, b"x", "No"))
    answer = shared.ask(route, by_host=True)
    names = {n.lower() for n, _ in fields}
    got = [(n.lower(), v) for n, v in answer.fields if n.lower() in names]
    own = [f for f in got if f in [(n.lower(), v) for n, v in fields]]
    assert own == [(n.lower(), v) for n, v in fields]
    assert len(answer.all("date")) == 1 and len(answer.all("server")) == 1
    assert answer.status == 401 and answer.body == b"x"


def test_binary_field_values(shared):
    value = bytes([b for b in range(0x80, 0x100)]) + b"\tend"
    answer = shared.ask("/b", headers=[("X-Bytes", value)])
    assert b"X-Bytes: " + value in base64.b64decode(answer.json()["head"]).replace(b"x-bytes", b"X-Bytes")
    route = shared.app.route(lambda call: call.respond(200, [("X-Back", value)]))
    assert shared.ask(route).get("x-back").encode("latin-1") == value


@pytest.mark.parametrize("status", [200, 201, 202, 203, 206, 299, 300, 400, 404, 418, 451, 499, 500, 503, 599])
def test_statuses_and_bodies_of_the_app_are_its_own(shared, status):
    route = shared.app.route(lambda call: call.respond(status, [("Content-Type", "text/x")], b"app's own", "Reason"))
    answer = shared.ask(route)
    assert (answer.status, answer.body, answer.get("content-type")) == (status, b"app's own", "text/x")


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_body(shared, status):
    route = shared.app.route(lambda call: call.head(status, [("ETag", '"x"')], "No"))
    with shared.viewer() as viewer:
        shared.start(viewer, route)
        answer = viewer.answer()
        assert answer.status == status and answer.get("etag") == '"x"'
        assert answer.get("transfer-encoding") is None
        shared.start(viewer, "/after")
        assert viewer.answer().json()["target"] == "/after"


def test_head_keeps_the_length(shared):
    route = shared.app.route(lambda call: call.head(200, [("Content-Length", "12345"), ("X-A", "b")]))
    with shared.viewer() as viewer:
        shared.start(viewer, route, "HEAD")
        answer = viewer.answer("HEAD")
        assert answer.status == 200 and answer.get("content-length") == "12345"
        shared.start(viewer, "/after")
        assert viewer.answer().json()["target"] == "/after"


def test_304_keeps_the_length(shared):
    route = shared.app.route(lambda call: call.head(304, [("Content-Length", "99")], "Not Modified"))
    with shared.viewer() as viewer:
        shared.start(viewer, route)
        assert viewer.answer().status == 304
        shared.start(viewer, "/after")
        assert viewer.answer().status == 200


def test_ranges(shared):
    def route(call):
        assert call.get("range") == "bytes=2-4" and call.get("if-range") == '"t"'
        call.respond(206, [("Content-Range", "bytes 2-4/10")], b"cde", "Partial Content")

    answer = shared.ask(shared.app.route(route), headers=[("Range", "bytes=2-4"), ("If-Range", '"t"')])
    assert (answer.status, answer.get("content-range"), answer.body) == (206, "bytes 2-4/10", b"cde")


def test_compressed_bodies_are_untouched(shared):
    import gzip

    data = gzip.compress(b"hello " * 1000)
    fields = [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
    answer = shared.ask(shared.app.route(lambda call: call.respond(200, fields, data)), headers=[("Accept-Encoding", "gzip")])
    assert answer.body == data and answer.get("content-encoding") == "gzip"


def test_host_sent_to_the_app(shared, open_tunnel):
    assert seen(shared.ask("/"), "host") == [f"localhost:{shared.app.port}"]
    assert seen(shared.ask("/", by_host=True), "host") == [f"localhost:{shared.app.port}"]
    tunnel = open_tunnel("--host-header", "preserve")
    assert seen(tunnel.ask("/", by_host=True), "host") == [tunnel.host]
    assert seen(tunnel.ask("/"), "host") == [tunnel.base_host]
    tunnel = open_tunnel("--host-header", "shop.example:8080")
    assert seen(tunnel.ask("/"), "host") == ["shop.example:8080"]


SPOOFED = [
    ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "gopher"),
    ("Forwarded", "for=6.6.6.6;host=evil.example;proto=gopher"), ("x-forwarded-for", "7.7.7.7"),
]


@pytest.mark.parametrize("by_host", [False, True])
@pytest.mark.parametrize("headers", [[], SPOOFED, SPOOFED * 2, [("Connection", "X-Forwarded-For, Forwarded, x-forwarded-host, X-Forwarded-Proto")]],
                         ids=["plain", "spoofed", "twice", "named in Connection"])
def test_forwarding_fields_are_set_by_the_edge(shared, address, headers, by_host):
    answer = shared.ask("/f", headers=headers, source=address, by_host=by_host)
    host = shared.host if by_host else shared.base_host
    assert seen(answer, "x-forwarded-for") == [address]
    assert seen(answer, "x-forwarded-host") == [host]
    assert seen(answer, "x-forwarded-proto") == ["http"]
    (forwarded,) = seen(answer, "forwarded")
    parts = dict(p.strip().split("=", 1) for p in forwarded.split(";"))
    assert parts["for"].strip('"').startswith(address) and parts["proto"] == "http"
    assert parts["host"].strip('"') == host
    assert not any(bad in str(answer.json()["fields"]) for bad in ("6.6.6.6", "7.7.7.7", "evil", "gopher"))


def test_trusted_proxy_keeps_forwarding_fields(start_server, new_app, open_tunnel):
    server = start_server("--trusted-proxy", "127.0.0.8/32")
    tunnel = open_tunnel(server=server, app=new_app())
    headers = [
        ("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Host", "www.example.test"), ("X-Forwarded-Proto", "https"),
    ]
    answer = tunnel.ask("/f", headers=headers, source="127.0.0.8")
    assert ", ".join(seen(answer, "x-forwarded-for")).replace(" ", "").split(",") == ["203.0.113.7", "127.0.0.8"]
    assert seen(answer, "x-forwarded-host") == ["www.example.test"]
    assert seen(answer, "x-forwarded-proto") == ["https"]
    assert [v["ip"] for v in server.viewers(tunnel.slug)] == ["203.0.113.7"], "the viewer is the proxy's client"
    answer = tunnel.ask("/f", headers=headers, source="127.0.0.9")
    assert seen(answer, "x-forwarded-for") == ["127.0.0.9"], "and nobody else is trusted"


def test_hop_by_hop_request_fields_are_removed(shared):
    headers = [
        ("Connection", "X-Hop, keep-alive"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "close"),
        ("Proxy-Authorization", "Basic eDp5"), ("TE", "gzip"), ("X-Stay", "1"), ("connection", "x-hop-two"), ("X-Hop-Two", "2"),
    ]
    names = {n for n, _ in own_fields(shared.ask("/hop", headers=headers))}
    assert "x-stay" in names
    assert not names & {"x-hop", "x-hop-two", "keep-alive", "proxy-connection", "proxy-authorization"}
    assert seen(shared.ask("/hop", headers=headers), "te") in ([], ["trailers"])


def test_hop_by_hop_answer_fields_are_removed(shared):
    fields = [
        ("Connection", "X-Hop, keep-alive"), ("X-Hop", "1"), ("Keep-Alive", "timeout=77"), ("Proxy-Connection", "x"),
        ("X-Stay", "1"), ("Connection", "x-hop-two"), ("X-Hop-Two", "2"), ("Upgrade", "h2c"),
    ]
    answer = shared.ask(shared.app.route(lambda call: call.respond(200, fields, b"ok")))
    names = {n.lower() for n, _ in answer.fields}
    assert "x-stay" in names and answer.body == b"ok"
    assert not names & {"x-hop", "x-hop-two", "proxy-connection", "upgrade"}
    assert "timeout=77" not in str(answer.fields)


def test_upgrade_other_than_websocket_is_not_forwarded(shared):
    headers = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")]
    answer = shared.ask("/h2c", headers=headers)
    assert answer.status in (200, 400), answer
    if answer.status == 200:
        assert not {n for n, _ in own_fields(answer)} & {"upgrade", "http2-settings"}


def test_connection_cannot_remove_what_matters(shared):
    """Fields that frame or route the message stay in force although Connection names them."""
    with shared.viewer() as viewer:
        headers = [("Connection", "Content-Length, Host, close"), ("Content-Length", "5")]
        shared.start(viewer, "/cl", "POST", headers, b"hello")
        answer = viewer.answer()
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert answer.json()["length"] == 5 and seen(answer, "host")


BODIES = {
    "empty": b"", "one byte": b"x", "all bytes": bytes(range(256)) * 10, "64 KiB": b"a" * 65536,
    "3 MB": bytes(range(250)) * 12000,
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_uploads(shared, name, framing):
    body = BODIES[name]
    if framing == "length":
        answer = shared.ask("/up", "POST", body=body)
    else:
        parts = [body[i:i + 30000] for i in range(0, len(body), 30000)]
        answer = shared.ask("/up", "POST", [("Transfer-Encoding", "chunked")], chunked(*parts))
    assert answer.status == 200, answer
    assert answer.json()["length"] == len(body)
    assert answer.json()["sha256"] == hashlib.sha256(body).hexdigest()
    if framing == "length" and body:
        assert seen(answer, "content-length") == [str(len(body))], "a known length stays known"


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_downloads(shared, name, framing):
    body = BODIES[name]

    def route(call):
        if framing == "length":
            call.respond(200, [], body)
        elif framing == "chunked":
            call.head(200, [("Transfer-Encoding", "chunked")])
            for start in range(0, len(body), 7001):
                call.chunk(body[start:start + 7001])
            call.last_chunk()
        else:
            call.raw(b"HTTP/1.0 200 OK\r\nX-Old: yes\r\n\r\n" + body)
            call.close()

    answer = shared.ask(shared.app.route(route))
    assert answer.complete and answer.body == body
    if framing == "length":
        assert answer.get("content-length") == str(len(body))


def test_a_get_with_a_body(shared):
    assert shared.ask("/g", "GET", body=b"query").json()["length"] == 5
    assert shared.ask("/g", "DELETE", [("Transfer-Encoding", "chunked")], chunked(b"gone")).json()["length"] == 4


def test_a_request_without_body_has_no_framing(shared):
    answer = shared.ask("/g")
    assert seen(answer, "transfer-encoding") == [] and seen(answer, "content-length") in ([], ["0"])
    assert seen(shared.ask("/p", "POST", body=b""), "content-length") == ["0"]


def test_trailers_of_an_answer(shared):
    def route(call):
        call.head(200, [("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum, X-Sum")])
        call.chunk(b"body")
        call.last_chunk(b"X-Sum: 1\r\nX-Sum: 2\r\nX-Other: \xe9\r\n")

    answer = shared.ask(shared.app.route(route), headers=[("TE", "trailers"), ("Connection", "TE")])
    assert answer.body == b"body"
    assert [(n.lower(), v) for n, v in answer.trailers] == [("x-sum", "1"), ("x-sum", "2"), ("x-other", "\xe9")]


def test_trailers_of_a_request(shared):
    body = chunked(b"abc", trailers=b"X-Check: 9\r\nx-check: 8\r\n")
    answer = shared.ask("/t", "POST", [("Transfer-Encoding", "chunked"), ("Trailer", "X-Check")], body)
    assert [(n.lower(), v) for n, v in answer.json()["trailers"]] == [("x-check", "9"), ("x-check", "8")]


def test_chunk_extensions_are_accepted(shared):
    body = b"3;a=b\r\nabc\r\n2 ;x=\"y;z\"\r\nde\r\n0;last\r\n\r\n"
    answer = shared.ask("/c", "POST", [("Transfer-Encoding", "chunked")], body)
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert answer.json()["length"] == 5
    body = b"3;a=b\r\nabc\r\n0\r\n\r\n"
    assert shared.ask("/c", "POST", [("Transfer-Encoding", "chunked")], body).json()["length"] == 3


def test_keep_alive_and_pipelining(shared):
    with shared.viewer() as viewer:
        for number in range(20):
            shared.start(viewer, f"/k{number}")
            assert viewer.answer().json()["target"] == f"/k{number}"
        for number in range(30):
            shared.start(viewer, f"/p{number}", "POST", body=b"b" * number)
        for number in range(30):
            answer = viewer.answer()
            assert (answer.json()["target"], answer.json()["length"]) == (f"/p{number}", number)


def test_pipelined_answers_stay_in_order(shared):
    first_may_answer = threading.Event()

    def slow(call):
        assert first_may_answer.wait(10)
        call.respond(200, [], b"slow")

    slow_path = shared.app.route(slow)
    fast_path = shared.app.route(lambda call: call.respond(200, [], b"fast"))
    with shared.viewer() as viewer:
        shared.start(viewer, slow_path)
        shared.start(viewer, fast_path)
        shared.app.wait_call(slow_path)
        first_may_answer.set()
        assert [viewer.answer().body, viewer.answer().body] == [b"slow", b"fast"]


def test_connection_close_is_honoured(shared):
    with shared.viewer() as viewer:
        shared.start(viewer, "/c", headers=[("Connection", "close")])
        answer = viewer.answer()
        assert answer.complete and (answer.get("connection") or "").lower() == "close"
        assert viewer.closes_within(10) is not None


def test_request_one_byte_at_a_time(shared):
    from harness.raw import request_bytes

    data = request_bytes("POST", shared.path("/bytes"), shared.base_host, [("Transfer-Encoding", "chunked")], chunked(b"ab", b"c"))
    with shared.viewer() as viewer:
        for byte in data:
            viewer.send(bytes([byte]))
        assert viewer.answer().json()["length"] == 3


def test_app_answering_one_byte_at_a_time(shared):
    def route(call):
        for byte in b"HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n":
            call.raw(bytes([byte]))

    answer = shared.ask(shared.app.route(route))
    assert answer.body == b"abc" and answer.trailers == [("X-T", "1")]


def test_ipv6_local_app(open_tunnel, new_app):
    tunnel = open_tunnel(app=new_app(host="::1"))
    assert tunnel.ask("/six").status == 200
