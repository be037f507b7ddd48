"""Version 1: our edge with several connections of one independent agent, and with several agents: pools and takeover."""

import contextlib
import json
import threading

import pytest
from websockets.exceptions import InvalidStatus

from harness import v1
from harness.v1_agent import V1Agent
from harness.waiting import eventually


def names(open_v1, session, count, agent_id="a" * 32):
    """`count` connections of one agent; each answers with its place."""
    def connection(number):
        return open_v1(lambda s: s.respond(200, [], b"%d" % number), session=session, agent_id=agent_id, number=number)

    return [connection(number) for number in range(count)]


def test_streams_are_spread_over_a_pool(open_v1, server):
    tunnel, *_ = names(open_v1, server.create(), 3)
    answers = [tunnel.ask("/").body for _ in range(30)]
    assert {answers.count(b"%d" % n) >= 5 for n in range(3)} == {True}, answers
    assert server.record(tunnel.slug)["tunnelConnections"] == 3


def test_losing_one_connection_fails_only_its_streams(open_v1, server):
    session, go = server.create(), threading.Event()

    def serve(stream):
        stream.head_out(200, [("x-place", str(stream.connection.number))])
        stream.data(b"first")
        go.wait(10)
        stream.data(b"last", end=True)

    pool = [open_v1(serve, session=session, agent_id="b" * 32, number=n) for n in range(2)]
    for number, tunnel in enumerate(pool):
        tunnel.v1.number = number
    viewers = [pool[0].viewer() for _ in range(6)]
    answers = []
    for viewer in viewers:
        pool[0].start(viewer, "/")
        answers.append(viewer.head())
    pool[0].v1.cut()
    eventually(lambda: server.record(session["slug"])["tunnelConnections"] == 1)
    go.set()
    for viewer, answer in zip(viewers, answers):
        assert viewer.read_body(answer).complete == (answer.get("x-place") == "1")
    assert {a.get("x-place") for a in answers} == {"0", "1"}
    assert pool[0].ask("/").get("x-place") == "1"


def test_a_connection_takes_the_place_of_one_with_its_number(open_v1, server):
    first, second = names(open_v1, server.create(), 2)
    again = open_v1(lambda s: s.respond(200, [], b"new"), session=first.record, agent_id="a" * 32, number=0)
    first.v1.wait_close()
    eventually(lambda: server.record(first.slug)["tunnelConnections"] == 2)
    assert {again.ask("/").body for _ in range(10)} == {b"new", b"1"}
    assert not second.v1.closed.is_set()


def test_another_agent_is_refused_and_takes_over_only_when_it_says_so(open_v1, server):
    first, second = names(open_v1, server.create(), 2)
    session = first.record
    with pytest.raises(InvalidStatus) as refused:
        V1Agent(session["edgeUrl"], session["sessionToken"])
    answer = refused.value.response
    body = json.loads(answer.body)
    assert answer.status_code == 409 and set(body) == {"error", "code"} and "agent" in body["error"], body
    assert {first.ask("/").body for _ in range(6)} == {b"0", b"1"}, "not disturbed"

    newer = open_v1(lambda s: s.respond(200, [], b"newer"), session=session, takeover=True)
    for old in (first, second):
        assert old.v1.wait_close().reason == v1.CLOSE_REPLACED
    assert {newer.ask("/").body for _ in range(6)} == {b"newer"}
    with pytest.raises(InvalidStatus) as refused:
        V1Agent(session["edgeUrl"], session["sessionToken"], agent_id="a" * 32)
    assert refused.value.response.status_code == 409, "the replaced agent does not come back by itself"
    assert not newer.v1.closed.is_set()


def test_takeover_while_streams_are_open(open_v1):
    """The old agent finishes what it has open and gets nothing new; then it is told that it was replaced."""
    go_on = threading.Event()

    def serve(stream):
        stream.head_out(200)
        stream.data(b"old")
        assert go_on.wait(10)
        stream.end()

    old = open_v1(serve)
    with old.viewer() as viewer:
        old.start(viewer, "/")
        answer = viewer.head()
        new = open_v1(lambda stream: stream.respond(200, [], b"new"), session=old.record, takeover=True)
        assert all(new.ask("/").body == b"new" for _ in range(5))
        assert not old.v1.closed.is_set()
        go_on.set()
        assert viewer.read_body(answer).complete and answer.body == b"old"
        assert old.v1.wait_close().reason == v1.CLOSE_REPLACED


def test_small_requests_keep_out_of_the_way_of_a_download(open_v1, server):
    """Turns, unless one connection carries much more than another: then new streams go to the other."""
    session, stop, served = server.create(), threading.Event(), []

    def serve(name):
        def answer(stream):
            served.append(name)
            if stream.target == "/download":
                stream.head_out(200)
                while not stop.is_set():
                    stream.data(bytes(30_000))
                stream.end()
            else:
                stream.respond(200, [], b"ok")

        return answer

    pool = [open_v1(serve(number), session=session, agent_id="h" * 32, number=number) for number in range(2)]
    with pool[0].viewer() as viewer:
        pool[0].start(viewer, "/download")
        got = [0]

        def read():
            with contextlib.suppress(OSError):
                while viewer.fill():
                    got[0] += len(viewer.buffer)
                    viewer.buffer = b""

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        eventually(lambda: got[0] > 20_000_000, what="a download under way")
        busy = served[0]
        before = len(served)
        assert all(pool[0].ask("/").body == b"ok" for _ in range(20))
        assert served[before:] == [1 - busy] * 20
        stop.set()


@pytest.mark.parametrize("method, retried", [("GET", True), ("DELETE", True), ("POST", False)])
def test_a_request_whose_connection_is_lost_is_asked_once_more(open_v1, server, method, retried):
    """On another connection of the pool, if asking twice does no harm and nothing was answered."""
    session, seen = server.create(), []

    def cut(stream):
        seen.append("first")
        stream.connection.cut()

    first = open_v1(cut, session=session, agent_id="e" * 32, number=0)
    second = open_v1(lambda stream: (seen.append("second"), stream.respond(200, [], b"again")), session=session,
                     agent_id="e" * 32, number=1)
    for _ in range(4):  # streams are spread over both: one of two goes to the first
        answer = first.ask("/", method)
        if "first" in seen:
            break
    assert seen[-2:] == ["first", "second"] if retried else seen[-1] == "first", seen
    assert (answer.status, answer.body) == (200, b"again") if retried else answer.code() == "tunnel_offline"
    assert second.ask("/").body == b"again"


def test_a_request_is_not_asked_a_third_time(open_v1, server):
    session, seen = server.create(), []

    def cut(stream):
        seen.append(stream)
        stream.connection.cut()

    pool = [open_v1(cut, session=session, agent_id="f" * 32, number=number) for number in range(3)]
    assert pool[0].ask("/").code() == "tunnel_offline" and len(seen) == 2


def test_a_refused_request_is_asked_once_more(open_v1, server):
    """RESET refused: nothing reached the app, so any request without body may be asked again."""
    session, refused = server.create(), []

    def refuse(stream):
        refused.append(stream)
        stream.reset(2)

    first = open_v1(refuse, session=session, agent_id="g" * 32, number=0)
    open_v1(lambda stream: stream.respond(200, [], b"taken"), session=session, agent_id="g" * 32, number=1)
    assert all(first.ask("/", "POST").body == b"taken" for _ in range(4)) and refused


def test_without_another_connection_a_lost_request_waits_for_one(open_v1, server):
    """Within the reconnect grace."""
    session = server.create()
    first = open_v1(lambda stream: stream.connection.cut(), session=session)
    with first.viewer() as viewer:
        first.start(viewer, "/")
        assert first.v1.closed.wait(5)
        open_v1(lambda stream: stream.respond(200, [], b"later"), session=session)
        assert viewer.answer().body == b"later"


def test_a_pool_is_bounded(open_v1, server):
    """Enough connections: refused with 429, or closed at once as overloaded with the time to wait; the others stay."""
    session = server.create()
    pool = []
    try:
        for number in range(20):
            pool.append(open_v1(session=session, agent_id="d" * 32, number=number, wait=False))
    except InvalidStatus as refused:
        assert refused.response.status_code == 429 and refused.response.headers["Retry-After"]
    else:
        close = pool[-1].v1.wait_close()
        assert close.reason == v1.CLOSE_OVERLOADED and close.delay > 0
    count = server.record(session["slug"])["tunnelConnections"]
    assert 2 <= count < 20 and not any(t.v1.closed.is_set() for t in pool[:count])
    assert pool[0].ask("/").body == b"ok"
