"""TLS by certificate files, with reload; the edge behind https and wss."""

import socket

import pytest

from harness.raw import Viewer, request_bytes
from harness.tls import make_certificate, unverifying_context
from harness.v0_agent import V0Agent
from harness.waiting import eventually


class TLSViewer(Viewer):
    """A raw viewer over TLS; `name` is the common name of the certificate it was shown."""

    def __init__(self, address, alpn=("http/1.1",), **kwargs):
        super().__init__(address, **kwargs)
        context = unverifying_context()
        context.set_alpn_protocols(list(alpn))
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.certificate = self.socket.getpeercert(binary_form=True)


@pytest.fixture
def secure(start_server, tmp_path):
    cert, key = make_certificate(tmp_path, "first")
    server = start_server("--tls-cert", cert, "--tls-key", key)
    server.folder_of_certificates = tmp_path
    return server


def test_requests_and_websocket_tunnel_over_tls(secure):
    session = secure.create()
    assert session["publicUrl"].startswith("https://") and session["edgeUrl"].startswith("wss://")
    agent = V0Agent(session["edgeUrl"], session["sessionToken"], lambda s: s.respond(
        200, [("x-proto", s.get("x-forwarded-proto")), ("set-cookie", "a=1; Path=/")], b"secret"), ssl=unverifying_context())
    with TLSViewer(("127.0.0.1", secure.edge_port)) as viewer:
        host = f"localhost:{secure.edge_port}"
        viewer.send(request_bytes("GET", f"/s/{session['slug']}/", host, [("Accept", "text/html")]))
        answer = viewer.answer()
        assert answer.body == b"secret" and answer.get("x-proto") == "https"
        own = [c for c in answer.all("set-cookie") if not c.startswith("a=1")]
        assert own and all("secure" in c.lower() for c in own), own
    agent.close()


@pytest.mark.slow
@pytest.mark.timeout(100)
def test_certificate_is_reloaded(secure):
    address = ("127.0.0.1", secure.edge_port)
    with TLSViewer(address) as viewer:
        before = viewer.certificate
    make_certificate(secure.folder_of_certificates, "second")

    def changed():
        assert secure.running, secure.describe()
        with TLSViewer(address) as viewer:
            return viewer.certificate != before

    eventually(changed, timeout=75, interval=0.5, what="the new certificate")


def test_plain_http_to_the_tls_port_does_not_hang(secure):
    with socket.create_connection(("127.0.0.1", secure.edge_port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while plain.recv(1000):
            pass
    assert secure.create()["slug"]
