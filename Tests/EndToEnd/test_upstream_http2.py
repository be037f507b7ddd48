"""Local apps that speak HTTP/2: nghttpd and hyper-h2 behind `--upstream-http2`."""

import itertools
import random
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from concurrent import futures

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from harness.daypass import run
from harness.h2app import H2App
from harness.ports import free_port, stop_listening
from harness.process import Process
from harness.raw import Truncated, chunked
from harness.waiting import eventually

@pytest.fixture
def new_h2_app():
    started = []

    def start(**kwargs):
        app = H2App(**kwargs)
        started.append(app)
        return app

    yield start
    for app in started:
        app.close()


@pytest.fixture
def shared_h2(new_h2_app, share):
    app = new_h2_app()
    return share(app.port, app=app)


# Heads, bodies, trailers


def test_request_as_the_app_sees_it(shared_h2):
    app = shared_h2.app
    path = app.route(lambda call: call.respond(201, call.read(), ("x-a", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")))
    answer = shared_h2.ask(
        path + "?q=%20", "POST", [("X-One", "1"), ("Cookie", "a=b; c=d"), ("Connection", "close, X-Hop"), ("X-Hop", "1")],
        b"body", by_host=True,
    )
    assert answer.status == 201 and answer.body == b"body" and answer.complete
    assert answer.all("set-cookie") == ["a=1", "b=2"] and answer.get("x-a") == "1"
    call = app.saw(path)[0]
    names = [n for n, _ in call.fields]
    assert names[:4] == [":method", ":scheme", ":authority", ":path"]
    assert call.get(":authority") == f"localhost:{app.port}" and call.get(":path") == path + "?q=%20"
    assert call.get("te") == "trailers" and call.get("x-one") == "1" and call.get("cookie") == "a=b; c=d"
    assert not {"host", "connection", "x-hop", "transfer-encoding", "keep-alive", "upgrade"} & set(names)
    assert call.get("x-forwarded-host") == shared_h2.host
    assert all(n == n.lower() for n in names)


def test_requests_share_one_connection(shared_h2):
    app = shared_h2.app
    barrier = threading.Barrier(8)
    path = app.route(lambda call: (barrier.wait(10), call.respond(200, b"together")))
    with futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: shared_h2.ask(path), range(8)))
    assert all(a.body == b"together" for a in answers)
    assert len(app.connections) == 1


def test_trailers_both_ways(shared_h2):
    def route(call):
        body = call.read()
        call.head((":status", "200"), ("trailer", "x-sum"))
        call.data(body)
        call.trail(("x-sum", "7"), ("grpc-status", "0"))

    app = shared_h2.app
    path = app.route(route)
    with shared_h2.viewer() as viewer:
        shared_h2.start(viewer, path, "POST", [("Transfer-Encoding", "chunked"), ("TE", "trailers")])
        viewer.send(chunked(b"hello", trailers=b"X-Up: 1\r\n"))
        answer = viewer.answer()
    assert answer.body == b"hello" and ("x-sum", "7") in answer.trailers and ("grpc-status", "0") in answer.trailers
    assert app.saw(path)[0].trailers == [("x-up", "1")]


def test_informational_answers(shared_h2):
    def route(call):
        call.head((":status", "103"), ("link", "</a.css>"))
        if call.get("expect"):
            call.head((":status", "100"))
        call.respond(200, call.read())

    path = shared_h2.app.route(route)
    with shared_h2.viewer() as viewer:
        shared_h2.start(viewer, path, "POST", [("Content-Length", "4"), ("Expect", "100-continue")])
        statuses = [viewer.head().status]
        while statuses[-1] != 100:
            statuses.append(viewer.head().status)
        viewer.send(b"body")
        assert viewer.answer().body == b"body"


@pytest.mark.parametrize("method, status", [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_answers_without_body(shared_h2, method, status):
    path = shared_h2.app.route(lambda call: call.head((":status", str(status)), ("x-a", "1"), end=True))
    for _ in range(2):
        answer = shared_h2.ask(path, method)
        assert answer.status == status and answer.complete and answer.body == b""


def test_full_duplex(shared_h2):
    def route(call):
        call.head((":status", "200"))
        for data in call.chunks():
            call.data(data.upper())
        call.trail(("x-end", "1"))

    path = shared_h2.app.route(route)
    with shared_h2.viewer() as viewer:
        shared_h2.start(viewer, path, "POST", [("Transfer-Encoding", "chunked"), ("TE", "trailers")])
        answer = viewer.head()
        for word in (b"alpha", b"beta", b"gamma"):
            viewer.send(chunked(word, end=False))
            assert viewer.read_chunk() == word.upper()
        viewer.send(chunked())
        assert viewer.read_body(answer).trailers == [("x-end", "1")]


# Ends that are no ends


@pytest.mark.parametrize("code", [ErrorCodes.NO_ERROR, ErrorCodes.CANCEL, ErrorCodes.INTERNAL_ERROR, ErrorCodes.REFUSED_STREAM])
@pytest.mark.parametrize("framing", [[], [("content-length", "100")]], ids=["no length", "length"])
def test_reset_inside_an_answer_is_a_truncation(shared_h2, code, framing):
    def route(call):
        call.head((":status", "200"), *framing)
        call.data(b"half")
        call.read()
        call.abort(code)

    path = shared_h2.app.route(route)
    with shared_h2.viewer() as viewer:
        shared_h2.start(viewer, path, "POST", [("Transfer-Encoding", "chunked")])
        answer = viewer.head()
        assert (viewer.read_exactly(4) if framing else viewer.read_chunk()) == b"half"
        viewer.send(chunked())
        answer = viewer.read_body(answer)
        assert not answer.complete and viewer.ended


@pytest.mark.parametrize("code", [ErrorCodes.NO_ERROR, ErrorCodes.CANCEL, ErrorCodes.INTERNAL_ERROR])
def test_reset_before_an_answer(shared_h2, code):
    path = shared_h2.app.route(lambda call: call.abort(code))
    answer = shared_h2.ask(path)
    assert answer.status == 502 and answer.code() == "upstream_protocol_error", answer


def test_connection_lost_inside_answers(shared_h2, new_h2_app):
    def route(call):
        call.head((":status", "200"))
        call.data(b"half")
        if call.get("x-last"):
            call.connection.socket.shutdown(socket.SHUT_RDWR)

    path = shared_h2.app.route(route)
    with shared_h2.viewer() as one, shared_h2.viewer() as two:
        shared_h2.start(one, path)
        first = one.head()
        assert one.read_chunk() == b"half"
        shared_h2.start(two, path, headers=[("X-Last", "1")])
        try:
            second = two.answer()
            assert not second.complete or second.status == 502
        except Truncated:
            pass
        assert not one.read_body(first).complete
    assert shared_h2.ask("/again").body == b"ok"


LENGTHS = [("longer", "3"), ("shorter", "5")]


@pytest.mark.parametrize("rule, length", LENGTHS, ids=[r for r, _ in LENGTHS])
def test_wrong_length_is_no_complete_answer(shared_h2, rule, length):
    path = shared_h2.app.route(lambda call: call.respond(200, b"four", ("content-length", length)))
    with shared_h2.viewer() as viewer:
        shared_h2.start(viewer, path)
        try:
            answer = viewer.answer()
        except Truncated:
            return
        assert answer.status == 502 or not answer.complete
    assert shared_h2.ask("/again").body == b"ok"


BAD_FIELDS = [
    [("x", "a\r\nset-cookie: evil=1")], [("x\r\nset-cookie: evil=1\r\ny", "1")], [("x", "a\0b")], [("x", "a\nb")],
    [("X-Upper", "1")], [("x y", "1")], [("connection", "close")], [("transfer-encoding", "chunked")], [(":status", "201")],
]


@pytest.mark.parametrize("fields", BAD_FIELDS, ids=[repr(f[0][0]) + repr(f[0][1]) for f in BAD_FIELDS])
@pytest.mark.parametrize("place", ["head", "trailers"])
def test_bad_fields_never_reach_a_viewer(shared_h2, fields, place):
    def route(call):
        call.head((":status", "200"), *(fields if place == "head" else []))
        call.data(b"x")
        call.trail(*(fields if place == "trailers" else [("a", "b")]))

    path = shared_h2.app.route(route)
    with shared_h2.viewer() as viewer:
        shared_h2.start(viewer, path, headers=[("TE", "trailers")])
        try:
            answer = viewer.answer()
        except Truncated:
            answer = None
        assert b"evil" not in viewer.buffer
    if place == "head":
        assert answer is None or answer.status == 502
    elif answer is not None and answer.complete and answer.status == 200:
        # Connection fields have no meaning in trailers and are dropped there.
        assert fields[0][0] in ("connection", "transfer-encoding") and answer.trailers == []
    assert shared_h2.ask("/again").body == b"ok"


def test_large_heads(shared_h2):
    def route(call):
        call.head((":status", "200"), ("x-large", "a" * int(call.get("x-size"))), end=True)

    path = shared_h2.app.route(route)
    assert len(shared_h2.ask(path, headers=[("X-Size", "60000")]).get("x-large")) == 60000
    answer = shared_h2.ask(path, headers=[("X-Size", "100000")])
    assert answer.status == 502 and answer.code() == "upstream_protocol_error"
    assert shared_h2.ask("/again").body == b"ok"


# Giving up, from both sides


def test_viewer_that_leaves_cancels_its_stream(shared_h2):
    def route(call):
        call.head((":status", "200"))
        call.data(b"first")

    path = shared_h2.app.route(route)
    viewer = shared_h2.viewer()
    shared_h2.start(viewer, path)
    viewer.head()
    assert viewer.read_chunk() == b"first"
    viewer.close()
    call = shared_h2.app.saw(path)[0]
    eventually(lambda: call.reset is not None, what="RST_STREAM")
    assert call.reset == ErrorCodes.CANCEL
    assert shared_h2.ask("/again").body == b"ok" and len(shared_h2.app.connections) == 1


def test_half_an_upload_is_cancelled(shared_h2):
    path = shared_h2.app.route(lambda call: call.read())
    with shared_h2.viewer() as viewer:
        shared_h2.start(viewer, path, "POST", [("Content-Length", "100")], b"half")
        call = eventually(lambda: shared_h2.app.saw(path), what="the call")[0]
        eventually(lambda: call.body == b"half", what="the body")
    eventually(lambda: call.reset is not None, what="RST_STREAM")
    assert call.reset == ErrorCodes.CANCEL and not call.ended.is_set()


def test_early_answer_to_an_upload(shared_h2):
    """An answer with RST_STREAM NO_ERROR behind it: the viewer gets it whole."""

    def route(call):
        call.respond(413, b"too big")
        call.abort(ErrorCodes.NO_ERROR)

    path = shared_h2.app.route(route)
    with shared_h2.viewer() as viewer:
        shared_h2.start(viewer, path, "POST", [("Content-Length", "1000000")], b"x" * 1000)
        answer = viewer.answer()
    assert answer.status == 413 and answer.body == b"too big" and answer.complete


def test_refused_stream_is_sent_again(shared_h2):
    seen = []

    def route(call):
        body = call.read()
        seen.append(body)
        if len(seen) == 1:
            call.abort(ErrorCodes.REFUSED_STREAM)
        else:
            call.respond(200, body)

    answer = shared_h2.ask(shared_h2.app.route(route), "POST", body=b"once more")
    assert answer.status == 200 and answer.body == b"once more" and seen == [b"once more"] * 2


def test_goaway_lets_open_streams_finish(shared_h2):
    app = shared_h2.app
    go = threading.Event()

    def slow(call):
        call.head((":status", "200"))
        call.data(b"begun ")
        assert go.wait(10)
        call.data(b"done", end=True)

    slow_path = app.route(slow)
    with shared_h2.viewer() as viewer:
        shared_h2.start(viewer, slow_path)
        answer = viewer.head()
        assert viewer.read_chunk() == b"begun "
        first = app.connections[0]
        # By hand: hyper-h2 forbids itself everything after a GOAWAY.
        first.raw(bytes.fromhex("000008070000000000") + struct.pack(">II", 1, 0))
        assert shared_h2.ask("/next").body == b"ok"
        assert len(app.connections) == 2
        go.set()
        assert viewer.read_body(answer).body == b"done" and answer.complete
    eventually(lambda: first.closed, what="the end of the drained connection")


def test_app_that_allows_few_streams(new_h2_app, share):
    app = new_h2_app(settings={SettingCodes.MAX_CONCURRENT_STREAMS: 2})
    tunnel = share(app.port, app=app)
    path = app.route(lambda call: (time.sleep(0.02), call.respond(200, b"turn")))
    with futures.ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: tunnel.ask(path), range(120)))
    assert all(a.status == 200 and a.body == b"turn" for a in answers)
    assert 1 < len(app.connections) <= 8


# Backpressure and memory


def test_backpressure_reaches_the_app(new_h2_app, share):
    """A viewer that does not read stops the app after a bounded amount, and others go on."""
    app = new_h2_app()
    tunnel = share(app.port, app=app)

    def route(call):
        call.head((":status", "200"), ("content-length", str(1 << 30)))
        try:
            for _ in range(1 << 14):
                call.data(b"z" * 65536)
        except (TimeoutError, ConnectionError):
            pass

    path = app.route(route)
    with tunnel.viewer(timeout=20) as viewer:
        tunnel.start(viewer, path)
        assert viewer.head().status == 200
        before = -2048
        while app.sent > before + 1024:
            before = app.sent
            assert tunnel.ask("/others").body == b"ok"
            time.sleep(0.3)
        print(f"{app.sent >> 20} MiB sent to a viewer that does not read; agent peak {tunnel.agent.peak_memory() >> 20} MiB")
        assert app.sent < 64 << 20


def test_backpressure_reaches_the_viewer(new_h2_app, share):
    """An app that opens no window stops the viewer after a bounded amount."""
    app = new_h2_app(keeps_windows_closed=True)
    tunnel = share(app.port, app=app)
    path = app.route(lambda call: call.finished.wait(20))
    with tunnel.viewer(timeout=2) as viewer:
        tunnel.start(viewer, path, "POST", [("Content-Length", str(1 << 30))])
        sent = 0
        try:
            while sent < 1 << 30:
                sent += viewer.socket.send(b"z" * 65536)
        except (TimeoutError, ConnectionError):
            pass
        assert sent < 64 << 20, f"{sent} bytes were buffered somewhere"
        assert len(app.saw(path)[0].body) <= 65535


def answers(tunnel):
    """Whether the app's answer comes; frames of before may still end the connection that it would come on."""
    try:
        return tunnel.ask("/").body == b"ok"
    except (Truncated, OSError):
        return False


def test_hostile_frames_do_not_grow_memory(new_h2_app, share):
    """Floods of frames that cost the sender nothing: each ends the connection or is ignored, and the next one works."""
    app = new_h2_app()
    tunnel = share(app.port, app=app)
    assert tunnel.ask("/").body == b"ok"
    frame = lambda kind, flags, stream, payload=b"": (
        struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload
    )
    floods = {
        "pings": frame(6, 0, 0, b"12345678") * 20000,
        "settings": frame(4, 0, 0, struct.pack(">HI", 4, 65535)) * 20000,
        "empty data": frame(0, 0, 1) * 20000,
        "continuations": frame(1, 0, 1, b"\0") + frame(9, 0, 1, b"\0\x01a\x01b" * 1000) * 1000,
        "window updates": frame(8, 0, 0, struct.pack(">I", 1)) * 20000,
        "resets": frame(3, 0, 1, struct.pack(">I", 8)) * 20000,
        "huge length": b"\xff\xff\xff\0\0\0\0\0\1" + b"x" * 200000,
        "pushes": frame(5, 4, 1, struct.pack(">I", 2) + b"\x82") * 100,
        "table": frame(1, 4, 1, (b"\x40\x0aabcdefghij\x7f\xc1\x1f" + b"x" * 4096 + b"\xbe" * 16000)),
    }
    before = tunnel.agent.peak_memory()
    for name, flood in floods.items():

        def route(call, flood=flood):
            try:
                for start in range(0, len(flood), 65536):
                    call.connection.raw(flood[start:start + 65536])
            except OSError:
                pass

        with tunnel.viewer() as viewer:
            tunnel.start(viewer, app.route(route), "POST", [("Content-Length", "10")])
            time.sleep(0.2)
        assert tunnel.agent.running, name
        assert eventually(lambda: answers(tunnel), what=f"an answer after {name}")
    grown = tunnel.agent.peak_memory() - before
    print(f"the agent grew by {grown >> 20} MiB")
    assert grown < 64 << 20


@pytest.mark.parametrize("seed", range(4))
def test_random_frames_end_nothing_but_themselves(new_h2_app, share, seed):
    """Valid and invalid frames of every type, with random flags, streams and payloads, before and after a head."""
    app = new_h2_app()
    tunnel = share(app.port, app=app)
    calls = itertools.count()

    def route(call):
        random_ = random.Random(f"{seed} {next(calls)}")
        if random_.random() < 0.5:
            call.head((":status", "200"))
        for _ in range(random_.randrange(1, 12)):
            kind = random_.choice([0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, random_.randrange(256)])
            length = random_.choice([0, 1, 4, 5, 6, 8, 9, 17, 100, 5000])
            payload = random_.randbytes(length)
            if kind == 1 and random_.random() < 0.7:
                payload = random_.choice([b"\x88", b"\x88\x5f\x02hi", b"\x08\x03103", b"\x40\x01a\x01b", b"\xbe"])
            flags = random_.choice([0, 1, 4, 5, 8, 0x20, random_.randrange(256)])
            stream = random_.choice([0, call.stream, call.stream, call.stream, 1, 2, call.stream + 2])
            call.connection.raw(
                struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload
            )

    path = app.route(route)
    random_ = random.Random(seed)
    for _ in range(60):
        with tunnel.viewer(timeout=0.2) as viewer:
            tunnel.start(viewer, path, random_.choice(["GET", "POST", "HEAD"]))
            try:
                viewer.answer()
            except (Truncated, TimeoutError):
                pass
        assert tunnel.agent.running, tunnel.agent.describe()
    assert eventually(lambda: answers(tunnel), what="an answer")


# Apps that speak something else


def test_app_that_speaks_http_1_is_named(server, app, tmp_path, share):
    tunnel = share(app.port)
    for _ in range(2):
        answer = tunnel.ask("/")
        assert answer.status == 502 and answer.code() == "upstream_protocol_error", answer
    tunnel.agent.wait_line(tunnel.agent.stderr, "does not speak HTTP/2; leave out --upstream-http2")


def test_nothing_listens(share):
    answer = share(free_port()).ask("/")
    assert answer.status == 502 and answer.code() == "upstream_unreachable"


def test_http_2_app_without_the_option(open_tunnel, new_h2_app):
    answer = open_tunnel(target=new_h2_app().port).ask("/")
    assert answer.status == 502


def test_websocket_goes_to_the_app_over_http_1(share, app):
    tunnel = share(app.port, app=app)
    path = app.route(lambda call: call.respond(426, [], b"over HTTP/1.1"))
    answer = tunnel.ask(path, headers=[
        ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ])
    assert answer.status == 426 and answer.body == b"over HTTP/1.1"


def test_options_that_do_not_go_together(tmp_path):
    done = run("http", "3000", "--upstream-http2", "--wait-for", "/", state=tmp_path)
    assert done.returncode != 0 and "--wait-for" in done.stderr
    (tmp_path / "public").mkdir()
    done = run("http", str(tmp_path / "public"), "--upstream-http2", state=tmp_path)
    assert done.returncode != 0 and "--upstream-http2" in done.stderr


# nghttpd


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )
    return folder / "key.pem", folder / "cert.pem"


@pytest.fixture
def nghttpd(tmp_path):
    program = shutil.which("nghttpd", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    assert program, "nghttpd is missing: Scripts/install-packages.sh test"
    started = []

    def start(*options, tls=None):
        port = free_port()
        folder = tmp_path / "www"
        folder.mkdir(exist_ok=True)
        (folder / "big").write_bytes(random.Random(1).randbytes(8 << 20))
        (folder / "small").write_bytes(b"small")
        process = Process(
            [program, "-a", "127.0.0.1", "-d", folder, "--echo-upload", *options, port, *(tls or ["--no-tls"])]
        )
        started.append(process)
        eventually(lambda: _accepts(port), 15, what="nghttpd")
        return port, folder

    yield start
    for process in started:
        process.kill()


def _accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


@pytest.mark.parametrize("secure", [False, True], ids=["prior knowledge", "ALPN"])
def test_nghttpd(nghttpd, share, certificate, secure):
    port, folder = nghttpd("--trailer=x-sum: 7", tls=certificate if secure else None)
    tunnel = share(f"https://localhost:{port}" if secure else port)
    big = (folder / "big").read_bytes()
    answer = tunnel.ask("/big", timeout=30)
    assert answer.status == 200 and answer.body == big and answer.complete
    answer = tunnel.ask("/up", "POST", body=big, timeout=30)
    assert answer.status == 200 and answer.body == big
    head = tunnel.ask("/big", "HEAD")
    assert head.get("content-length") == str(len(big)) and head.body == b""
    assert tunnel.ask("/missing").status == 404
    with futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: tunnel.ask("/small"), range(200)))
    assert all(a.body == b"small" and a.complete for a in answers)


def test_nghttpd_with_one_stream_at_a_time(nghttpd, share):
    port, _ = nghttpd("--max-concurrent-streams=1")
    tunnel = share(port)
    with futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: tunnel.ask("/small"), range(100)))
    assert all(a.body == b"small" for a in answers)


def test_https_app_without_http_2(share, certificate):
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                sock, _ = listener.accept()
                context.wrap_socket(sock, server_side=True).recv(100)
                sock.close()
            except OSError:
                if listener.fileno() < 0:
                    return

    threading.Thread(target=serve, daemon=True).start()
    answer = share(f"https://localhost:{listener.getsockname()[1]}").ask("/")
    stop_listening(listener)
    assert answer.status == 502 and answer.code() == "upstream_protocol_error", answer
