"""gRPC through the tunnel: the reference implementation as server, and as client over HTTP/2 or as a plain HTTP/1.1 viewer."""

import hashlib
import random
import struct
import threading
from concurrent import futures

import grpc
import pytest

from harness.raw import chunked

GRPC = [("Content-Type", "application/grpc"), ("TE", "trailers")]


def message(data):
    return b"\0" + struct.pack(">I", len(data)) + data


def messages(body):
    found = []
    while body:
        length = struct.unpack(">I", body[1:5])[0]
        assert body[0] == 0 and len(body) >= 5 + length
        found.append(body[5:5 + length])
        body = body[5 + length:]
    return found


@pytest.fixture(scope="module")
def grpc_server():
    """A server of the reference implementation with raw bytes as messages."""
    cancelled = threading.Event()

    def unary(request, context):
        context.set_trailing_metadata((("x-trail", "t1"),))
        return hashlib.sha256(request).hexdigest().encode() + b" " + str(len(request)).encode()

    def fail(request, context):
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: ü")

    def fail_late(request, context):
        yield b"one"
        context.abort(grpc.StatusCode.DATA_LOSS, "cut")

    def count(request, context):
        for number in range(int(request)):
            yield str(number).encode()

    def total(requests, context):
        return str(sum(len(r) for r in requests)).encode()

    def shout(requests, context):
        for request in requests:
            yield request.upper()

    def forever(request, context):
        context.add_callback(cancelled.set)
        yield b"begun"
        while not cancelled.wait(0.05):
            pass

    handlers = grpc.method_handlers_generic_handler("t.T", {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "FailLate": grpc.unary_stream_rpc_method_handler(fail_late),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Total": grpc.stream_unary_rpc_method_handler(total),
        "Shout": grpc.stream_stream_rpc_method_handler(shout),
        "Forever": grpc.unary_stream_rpc_method_handler(forever),
    })
    server = grpc.server(
        futures.ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", 64 << 20)]
    )
    server.add_generic_rpc_handlers((handlers,))
    server.port = server.add_insecure_port("127.0.0.1:0")
    server.cancelled = cancelled
    server.start()
    yield server
    server.stop(0)


@pytest.fixture
def grpc_tunnel(grpc_server, share):
    return share(grpc_server.port)


def call(tunnel, method, *parts, headers=()):
    """A call with an HTTP/1.1 viewer, the whole request at once; the answer, its messages, its status."""
    answer = tunnel.ask(
        f"/t.T/{method}", "POST", [*GRPC, *headers], b"".join(message(p) for p in parts), timeout=30
    )
    assert answer.complete and answer.status == 200, answer
    fields = dict(answer.trailers) or dict((n.lower(), v) for n, v in answer.fields)
    return answer, messages(answer.body), fields.get("grpc-status"), fields


def test_grpc_unary(grpc_tunnel):
    answer, found, status, fields = call(grpc_tunnel, "Unary", b"hello")
    assert found == [hashlib.sha256(b"hello").hexdigest().encode() + b" 5"] and status == "0"
    assert fields["x-trail"] == "t1" and answer.get("content-type") == "application/grpc"


def test_grpc_large_message(grpc_tunnel):
    data = random.Random(2).randbytes(20 << 20)
    _, found, status, _ = call(grpc_tunnel, "Unary", data)
    assert status == "0" and found == [hashlib.sha256(data).hexdigest().encode() + b" %d" % len(data)]


def test_grpc_server_streaming(grpc_tunnel):
    _, found, status, _ = call(grpc_tunnel, "Count", b"500")
    assert found == [str(n).encode() for n in range(500)] and status == "0"


def test_grpc_client_streaming(grpc_tunnel):
    _, found, status, _ = call(grpc_tunnel, "Total", *[b"x" * 1000] * 200)
    assert found == [b"200000"] and status == "0"


def test_grpc_errors_are_the_whole_answer(grpc_tunnel):
    answer, found, status, fields = call(grpc_tunnel, "Fail", b"x")
    assert found == [] and status == "5" and fields["grpc-message"] == "no such thing: %C3%BC"
    _, found, status, _ = call(grpc_tunnel, "Missing", b"x")
    assert found == [] and status == "12"


def test_grpc_error_after_messages(grpc_tunnel):
    _, found, status, fields = call(grpc_tunnel, "FailLate", b"x")
    assert found == [b"one"] and status == "15" and fields["grpc-message"] == "cut"


def test_grpc_bidirectional_streaming(grpc_tunnel):
    """Each message is answered before the next is sent, while the request is open."""
    with grpc_tunnel.viewer() as viewer:
        grpc_tunnel.start(viewer, "/t.T/Shout", "POST", [*GRPC, ("Transfer-Encoding", "chunked")])
        viewer.send(chunked(message(b"zero"), end=False))
        answer = viewer.head()
        assert answer.status == 200
        assert messages(viewer.read_chunk()) == [b"ZERO"]
        for number in range(50):
            word = b"word%d" % number
            viewer.send(chunked(message(word), end=False))
            assert messages(viewer.read_chunk()) == [word.upper()]
        viewer.send(chunked())
        answer = viewer.read_body(answer)
        assert answer.complete and ("grpc-status", "0") in answer.trailers


def test_grpc_viewer_that_leaves_cancels_the_call(grpc_server, grpc_tunnel):
    with grpc_tunnel.viewer() as viewer:
        grpc_tunnel.start(viewer, "/t.T/Forever", "POST", GRPC, message(b"x"))
        viewer.head()
        assert messages(viewer.read_chunk()) == [b"begun"]
    assert grpc_server.cancelled.wait(5), "the call goes on without its viewer"


def test_grpc_deadline(grpc_server, grpc_tunnel):
    """The server keeps the time a client gives; the answer comes through."""
    grpc_server.cancelled.clear()
    _, found, status, _ = call(grpc_tunnel, "Forever", b"x", headers=[("grpc-timeout", "3S")])
    assert found == [b"begun"] and status in ("1", "4")


def test_many_grpc_calls_at_once(grpc_tunnel):
    def one(number):
        data = b"%d" % number * 100
        _, found, status, _ = call(grpc_tunnel, "Unary", data)
        return status == "0" and found == [hashlib.sha256(data).hexdigest().encode() + b" %d" % len(data)]

    with futures.ThreadPoolExecutor(32) as pool:
        assert all(pool.map(one, range(500)))


# A gRPC client: HTTP/2 from end to end


@pytest.fixture
def channel(grpc_tunnel):
    options = [
        ("grpc.default_authority", grpc_tunnel.host), ("grpc.enable_http_proxy", 0),
        ("grpc.max_receive_message_length", 64 << 20), ("grpc.use_local_subchannel_pool", 1),
    ]
    with grpc.insecure_channel(f"127.0.0.1:{grpc_tunnel.server.edge_port}", options) as channel:
        yield channel


def test_client_unary(channel):
    answer, done = channel.unary_unary("/t.T/Unary").with_call(b"hello", timeout=10)
    assert answer == hashlib.sha256(b"hello").hexdigest().encode() + b" 5"
    assert done.code() == grpc.StatusCode.OK and ("x-trail", "t1") in [tuple(m) for m in done.trailing_metadata()]


def test_client_large_message(channel):
    data = bytes(20 << 20)
    assert channel.unary_unary("/t.T/Unary")(data, timeout=30).endswith(b" %d" % len(data))


def test_client_streams(channel):
    assert [int(n) for n in channel.unary_stream("/t.T/Count")(b"500", timeout=10)] == list(range(500))
    assert channel.stream_unary("/t.T/Total")(iter([b"x" * 1000] * 200), timeout=10) == b"200000"


def test_client_bidirectional_stream(channel):
    """Each message is sent when the answer to the one before has come."""
    go_on, words = threading.Semaphore(1), [b"one", b"two", b"three"]

    def requests():
        for word in words:
            assert go_on.acquire(timeout=10)
            yield word

    got = []
    for answer in channel.stream_stream("/t.T/Shout")(requests(), timeout=10):
        got.append(answer)
        go_on.release()
    assert got == [w.upper() for w in words]


def test_client_errors(channel):
    with pytest.raises(grpc.RpcError) as missing:
        channel.unary_unary("/t.T/Fail")(b"x", timeout=10)
    assert missing.value.code() == grpc.StatusCode.NOT_FOUND and missing.value.details() == "no such thing: ü"
    with pytest.raises(grpc.RpcError) as unknown:
        channel.unary_unary("/t.T/Missing")(b"x", timeout=10)
    assert unknown.value.code() == grpc.StatusCode.UNIMPLEMENTED
    got = []
    with pytest.raises(grpc.RpcError) as late:
        for answer in channel.unary_stream("/t.T/FailLate")(b"x", timeout=10):
            got.append(answer)
    assert got == [b"one"] and late.value.code() == grpc.StatusCode.DATA_LOSS


def test_client_deadline_and_cancel(channel, grpc_server):
    for end in ("deadline", "cancel"):
        grpc_server.cancelled.clear()
        answers = channel.unary_stream("/t.T/Forever")(b"x", timeout=3 if end == "deadline" else 20)
        assert next(answers) == b"begun"
        if end == "cancel":
            answers.cancel()
        with pytest.raises(grpc.RpcError) as over:
            next(answers)
        assert over.value.code().name == {"deadline": "DEADLINE_EXCEEDED", "cancel": "CANCELLED"}[end]
        assert grpc_server.cancelled.wait(5)


def test_client_many_calls_on_one_connection(channel):
    call_ = channel.unary_unary("/t.T/Unary")
    calls = [call_.future(b"%d" % number * 100, timeout=30) for number in range(1000)]
    for number, one in enumerate(calls):
        data = b"%d" % number * 100
        assert one.result() == hashlib.sha256(data).hexdigest().encode() + b" %d" % len(data)


def test_client_sees_a_refusal_by_the_edge(channel, grpc_tunnel):
    """The edge answers in HTTP; gRPC maps the status."""
    grpc_tunnel.policy(blockPaths=["/t.T/Unary"])
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/t.T/Unary")(b"x", timeout=10)
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
