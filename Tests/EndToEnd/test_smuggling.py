"""Requests and answers that break HTTP: refused with the connection closed, never understood differently by two sides."""

import itertools

import pytest

from harness.raw import Truncated

_numbers = itertools.count(1)

# Each row: what stands between the request line's path and the smuggled request. `{p}` is the session's prefix,
# `{h}` the Host, `{s}` the smuggled path. The bytes are sent as they are.
SMUGGLED = b"GET {p}{s} HTTP/1.1\r\nHost: {h}\r\n\r\n"
POST = b"POST {p}/outer HTTP/1.1\r\nHost: {h}\r\n"

REFUSED = [
    ("Content-Length and Transfer-Encoding", POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG" + SMUGGLED),
    ("Transfer-Encoding and Content-Length", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("Transfer-Encoding and Content-Length 0", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("two different lengths", POST + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n" + SMUGGLED),
    ("two equal lengths", POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + SMUGGLED),
    ("a list of lengths", POST + b"Content-Length: 0, 40\r\n\r\n" + SMUGGLED),
    ("negative length", POST + b"Content-Length: -1\r\n\r\n" + SMUGGLED),
    ("length with plus", POST + b"Content-Length: +0\r\n\r\n" + SMUGGLED),
    ("hexadecimal length", POST + b"Content-Length: 0x0\r\n\r\n" + SMUGGLED),
    ("length with a fraction", POST + b"Content-Length: 0.0\r\n\r\n" + SMUGGLED),
    ("empty length", POST + b"Content-Length: \r\n\r\n" + SMUGGLED),
    ("length beyond 64 bits", POST + b"Content-Length: 18446744073709551616\r\n\r\n" + SMUGGLED),
    ("length beyond 63 bits", POST + b"Content-Length: 9223372036854775808\r\n\r\n" + SMUGGLED),
    ("length with inner space", POST + b"Content-Length: 1 0\r\n\r\n" + SMUGGLED),
    ("length with underscore", POST + b"Content-Length: 1_0\r\n\r\n" + SMUGGLED),
    ("coding xchunked", POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("coding after chunked", POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("coding identity", POST + b"Transfer-Encoding: identity\r\n\r\n" + SMUGGLED),
    ("chunked twice", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("chunked in two fields", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("two fields, one unknown", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("quoted coding", POST + b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("coding with parameter", POST + b"Transfer-Encoding: chunked;x=y\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("coding with a vertical tab", POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("coding with a form feed", POST + b"Transfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("empty coding", POST + b"Transfer-Encoding:\r\n\r\n" + SMUGGLED),
    ("space before the colon", POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("tab before the colon", POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("space before Content-Length's colon", POST + b"Content-Length : 40\r\n\r\n" + SMUGGLED),
    ("folded coding", POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("folded with tab", POST + b"X-A: b\r\n\tTransfer-Encoding: chunked\r\n\r\n" + SMUGGLED),
    ("space before the first field", b"GET {p}/outer HTTP/1.1\r\n X: y\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("bare LF after a field", POST + b"X-A: b\nContent-Length: 0\r\n\r\n" + SMUGGLED),
    ("bare LF ends the head", b"GET {p}/outer HTTP/1.1\r\nHost: {h}\r\n\n" + SMUGGLED),
    ("only bare LF", b"GET {p}/outer HTTP/1.1\nHost: {h}\n\n" + SMUGGLED),
    ("bare LF in the request line", b"GET {p}/outer HTTP/1.1\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("bare CR in a value", POST + b"X-A: b\rContent-Length: 40\r\n\r\n" + SMUGGLED),
    ("bare CR before the end", POST + b"X-A: b\r\r\n\r\n" + SMUGGLED),
    ("bare CR in a name", POST + b"X\r-A: b\r\n\r\n" + SMUGGLED),
    ("NUL in a value", POST + b"X-A: a\x00b\r\n\r\n" + SMUGGLED),
    ("NUL in a name", POST + b"X\x00A: b\r\n\r\n" + SMUGGLED),
    ("control character in a value", POST + b"X-A: a\x01b\r\n\r\n" + SMUGGLED),
    ("DEL in a value", POST + b"X-A: a\x7fb\r\n\r\n" + SMUGGLED),
    ("space in a name", POST + b"X A: b\r\n\r\n" + SMUGGLED),
    ("empty name", POST + b": b\r\n\r\n" + SMUGGLED),
    ("no colon", POST + b"nonsense\r\n\r\n" + SMUGGLED),
    ("slash in a name", POST + b"X/A: b\r\n\r\n" + SMUGGLED),
    ("high byte in a name", POST + b"X\xc3\xa9: b\r\n\r\n" + SMUGGLED),
    ("NUL in the target", b"GET {p}/a\x00b HTTP/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("space in the target", b"GET {p}/a b HTTP/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("tab in the target", b"GET {p}/a\tb HTTP/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("control character in the target", b"GET {p}/a\x1bb HTTP/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("two spaces in the request line", b"GET  {p}/a HTTP/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("space at the end of the request line", b"GET {p}/a HTTP/1.1 \r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("no version", b"GET {p}/a\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("version in small letters", b"GET {p}/a http/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("bad method", b"G@T {p}/a HTTP/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("no leading slash", b"GET a HTTP/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("fragment in the target", b"GET {p}/a#b HTTP/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("no Host", b"GET {p}/a HTTP/1.1\r\n\r\n" + SMUGGLED),
    ("two Hosts", b"GET {p}/a HTTP/1.1\r\nHost: {h}\r\nHost: evil.example\r\n\r\n" + SMUGGLED),
    ("two equal Hosts", b"GET {p}/a HTTP/1.1\r\nHost: {h}\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("Host with a path", b"GET {p}/a HTTP/1.1\r\nHost: {h}/x\r\n\r\n" + SMUGGLED),
    ("Host with a user", b"GET {p}/a HTTP/1.1\r\nHost: x@{h}\r\n\r\n" + SMUGGLED),
    ("Host with a list", b"GET {p}/a HTTP/1.1\r\nHost: {h}, evil.example\r\n\r\n" + SMUGGLED),
    ("Host with a bad port", b"GET {p}/a HTTP/1.1\r\nHost: localhost:http\r\n\r\n" + SMUGGLED),
    ("absolute target of another host", b"GET http://evil.example{p}/a HTTP/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("absolute target with a user", b"GET http://x@{h}{p}/a HTTP/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("absolute target of another scheme", b"GET file:///etc/passwd HTTP/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("target that names an authority", b"GET //evil.example/a HTTP/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("authority form", b"CONNECT evil.example:443 HTTP/1.1\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("bad chunk size", POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + SMUGGLED),
    ("chunk size with 0x", POST + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + SMUGGLED),
    ("negative chunk size", POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + SMUGGLED),
    ("chunk size with plus", POST + b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n" + SMUGGLED),
    ("empty chunk size", POST + b"Transfer-Encoding: chunked\r\n\r\n\r\n\r\n" + SMUGGLED),
    ("chunk size overflow", POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nabc\r\n0\r\n\r\n" + SMUGGLED),
    ("chunk size of 2^63", POST + b"Transfer-Encoding: chunked\r\n\r\n8000000000000000\r\nabc" + SMUGGLED),
    ("chunk line with bare LF", POST + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n" + SMUGGLED),
    ("chunk data without its end", POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcX0\r\n\r\n" + SMUGGLED),
    ("chunk end with bare LF", POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n" + SMUGGLED),
    ("last chunk with bare LF", POST + b"Transfer-Encoding: chunked\r\n\r\n0\n\n" + SMUGGLED),
    ("space before the chunk size", POST + b"Transfer-Encoding: chunked\r\n\r\n 0\r\n\r\n" + SMUGGLED),
    ("bad trailer", POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n" + SMUGGLED),
    ("folded trailer", POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n z\r\n\r\n" + SMUGGLED),
    ("chunk extension without end", POST + b"Transfer-Encoding: chunked\r\n\r\n0;" + b"x" * 70000 + b"\r\n\r\n" + SMUGGLED),
    ("version 2.0", b"GET {p}/a HTTP/2.0\r\nHost: {h}\r\n\r\n" + SMUGGLED),
    ("version 1.2 with garbage", b"GET {p}/a HTTP/1.1x\r\nHost: {h}\r\n\r\n" + SMUGGLED),
]


@pytest.mark.parametrize("rule, data", REFUSED, ids=[r[0] for r in REFUSED])
def test_request_is_refused_and_the_connection_closed(shared, rule, data):
    smuggled = f"/smuggled{next(_numbers)}"
    for mark, text in ((b"{p}", f"/s/{shared.slug}"), (b"{h}", shared.base_host), (b"{s}", smuggled)):
        data = data.replace(mark, text.encode())
    with shared.viewer() as viewer:
        try:
            viewer.send(data)
        except ConnectionError:
            pass
        answers = []
        try:
            while True:
                answers.append(viewer.answer())
        except (Truncated, ValueError):
            pass
        assert viewer.ended, "the connection must be closed"
    assert len(answers) <= 1, answers
    allowed = {400, 431} if "extension" in rule else {400, 505} if "version" in rule else {400}
    if answers:
        assert answers[0].status in allowed, answers
        assert answers[0].get("connection", "").lower() == "close"
    else:
        # Only a body that broke after the request had been forwarded may end without an answer.
        assert b"chunked\r\n\r\n" in data, "no answer"
    assert not shared.app.saw(smuggled), "a smuggled request reached the app"
    for call in shared.app.saw("/outer"):
        call.finished.wait(5)
        assert call.body_state != "complete" or call.received == 0, call.raw_head
    shared.app.calls[:] = [c for c in shared.app.calls if c.path != "/outer"]


@pytest.mark.parametrize("rule, data", [
    ("absolute form of the same host", b"GET http://{h}{p}/abs HTTP/1.1\r\nHost: {h}\r\n\r\n"),
    ("coding in capitals", b"POST {p}/abs HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n"),
    ("tab around a value", b"POST {p}/abs HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding:\tchunked\t\r\n\r\n0\r\n\r\n"),
    ("no space after the colon", b"GET {p}/abs HTTP/1.1\r\nHost:{h}\r\n\r\n"),
    ("chunk size with zeros", b"POST {p}/abs HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: chunked\r\n\r\n00003\r\nabc\r\n000\r\n\r\n"),
    ("leading zeros of a length", b"POST {p}/abs HTTP/1.1\r\nHost: {h}\r\nContent-Length: 0003\r\n\r\nabc"),
], ids=lambda v: v if isinstance(v, str) else "")
def test_unusual_but_valid_requests_pass(shared, rule, data):
    for mark, text in ((b"{p}", f"/s/{shared.slug}"), (b"{h}", shared.base_host)):
        data = data.replace(mark, text.encode())
    with shared.viewer() as viewer:
        viewer.send(data)
        answer = viewer.answer()
        assert answer.status == 200 and answer.json()["target"] == "/abs", answer
        shared.start(viewer, "/next")
        assert viewer.answer().json()["target"] == "/next"


def test_a_body_that_looks_like_a_request_stays_a_body(shared):
    body = b"GET /s/%s/smuggled-body HTTP/1.1\r\nHost: x\r\n\r\n" % shared.slug.encode()
    with shared.viewer() as viewer:
        shared.start(viewer, "/b", "POST", body=body)
        assert viewer.answer().json()["length"] == len(body)
        shared.start(viewer, "/b", "GET", body=body)
        assert viewer.answer().json()["length"] == len(body)
    assert not shared.app.saw("/smuggled-body")


MALFORMED = [
    ("not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("garbage bytes", bytes(range(256)) * 4),
    ("version 2", b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
    ("status of four digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
    ("status 000", b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n"),
    ("status not a number", b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"),
    ("no colon", b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"),
    ("space before the colon", b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"),
    ("folded field", b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n"),
    ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    ("bare CR in a value", b"HTTP/1.1 200 OK\r\nX-A: b\rSet-Cookie: x\r\nContent-Length: 0\r\n\r\n"),
    ("NUL in a value", b"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n"),
    ("bad name", b"HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n"),
    ("two different lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    ("length and coding", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
    ("length beyond 64 bits", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"),
    ("coding after chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    ("unknown coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("101 nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
    ("a head without end", b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 2_000_000),
]


@pytest.mark.parametrize("rule, data", MALFORMED, ids=[m[0] for m in MALFORMED])
def test_malformed_answer_of_the_app_is_502(shared, rule, data):
    path = shared.app.route(lambda call: (call.raw(data), call.close()))
    answer = shared.ask(path)
    assert answer.status == 502, answer
    assert answer.code() == "upstream_protocol_error", answer
    assert not answer.all("set-cookie")


def test_a_second_answer_of_the_app_is_never_delivered(shared):
    """Bytes after the end of an answer do not become the answer to somebody else's request."""
    extra = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Poison: 1\r\n\r\npoison"
    path = shared.app.route(lambda call: call.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + extra))
    for _ in range(10):
        assert shared.ask(path).body == b"ok"
        answer = shared.ask("/clean")
        assert answer.status == 200 and answer.get("x-poison") is None, answer
        assert answer.json()["target"] == "/clean"


@pytest.mark.parametrize("data", [
    b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 \r\ncontent-length:2\r\n\r\nok",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 Na\xefve reason\r\nContent-Length: 2\r\n\r\nok",
])
def test_unusual_but_valid_answers_pass(shared, data):
    answer = shared.ask(shared.app.route(lambda call: call.raw(data)))
    assert answer.status == 200 and answer.body == b"ok"
