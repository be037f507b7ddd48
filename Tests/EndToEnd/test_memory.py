"""600 MB down and 300 MB up through the tunnel with both processes under 150 MB resident."""

import hashlib
import time

import pytest

from harness.tunnel import Tunnel

LIMIT = 150 << 20
BLOCK = hashlib.shake_256(b"daypass").digest(1 << 20)
DOWN, UP = 600_000_000, 300_000_000


def pieces(total):
    """`total` bytes, different in every MiB."""
    number = 0
    while total:
        piece = number.to_bytes(8, "big") + BLOCK[8:]
        piece = piece[: min(total, len(piece))]
        yield piece
        total -= len(piece)
        number += 1


def digest_of(total):
    digest = hashlib.sha256()
    for piece in pieces(total):
        digest.update(piece)
    return digest.hexdigest()


def check_memory(what, seconds, total, **processes):
    peaks = {name: p.peak_memory() for name, p in processes.items()}
    shown = ", ".join(f"{n} {v / 2**20:.0f} MB" for n, v in peaks.items())
    print(f"{what}: {total / seconds / 1e6:.0f} MB/s, peak resident {shown}")
    for name, peak in peaks.items():
        assert peak < LIMIT, f"{name}: {peak / 2**20:.0f} MB"


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_big_download(start_server, start_agent, new_app, framing):
    server, app = start_server(), new_app()
    agent = start_agent(server, app.port)
    tunnel = Tunnel(server, app, agent.slug, agent)

    def route(call):
        if framing == "length":
            call.head(200, [("Content-Length", str(DOWN))])
            for piece in pieces(DOWN):
                call.raw(piece)
        else:
            call.head(200, [("Transfer-Encoding", "chunked")])
            for piece in pieces(DOWN):
                call.chunk(piece)
            call.last_chunk()

    start = time.monotonic()
    digest, received = hashlib.sha256(), 0
    with tunnel.viewer(timeout=60) as viewer:
        tunnel.start(viewer, app.route(route))
        answer = viewer.head()
        if framing == "length":
            assert answer.get("content-length") == str(DOWN)
            while received < DOWN:
                assert viewer.buffer or viewer.fill(), f"ended after {received}"
                digest.update(viewer.buffer)
                received += len(viewer.buffer)
                viewer.buffer = b""
        else:
            while part := viewer.read_chunk():
                digest.update(part)
                received += len(part)
    assert received == DOWN and digest.hexdigest() == digest_of(DOWN)
    check_memory("download", time.monotonic() - start, DOWN, server=server, agent=agent)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_big_upload(start_server, start_agent, new_app, framing):
    server, app = start_server(), new_app()
    agent = start_agent(server, app.port)
    tunnel = Tunnel(server, app, agent.slug, agent)
    start = time.monotonic()
    with tunnel.viewer(timeout=60) as viewer:
        if framing == "length":
            tunnel.start(viewer, "/up", "POST", [("Content-Length", str(UP))])
            for piece in pieces(UP):
                viewer.send(piece)
        else:
            tunnel.start(viewer, "/up", "POST", [("Transfer-Encoding", "chunked")])
            for piece in pieces(UP):
                viewer.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            viewer.send(b"0\r\n\r\n")
        answer = viewer.answer()
    assert answer.status == 200, answer
    assert answer.json()["length"] == UP and answer.json()["sha256"] == digest_of(UP)
    check_memory("upload", time.monotonic() - start, UP, server=server, agent=agent)


@pytest.mark.slow
def test_memory_with_stalled_viewers(start_server, start_agent, new_app):
    """Thirty viewers that stop reading a big answer cost bounded memory."""
    server, app = start_server(), new_app()
    agent = start_agent(server, app.port)
    tunnel = Tunnel(server, app, agent.slug, agent)

    def route(call):
        call.head(200, [("Content-Length", str(DOWN))])
        call.connection.socket.settimeout(8)
        for piece in pieces(DOWN):
            call.raw(piece)

    path = app.route(route)
    viewers = [tunnel.viewer() for _ in range(30)]
    for viewer in viewers:
        tunnel.start(viewer, path)
    for viewer in viewers:
        assert viewer.head().status == 200
    for number in range(50):
        assert tunnel.ask(f"/beside{number}").status == 200
    for viewer in viewers:
        viewer.close()
    check_memory("stalled viewers", 1, 0, server=server, agent=agent)
