"""A Vite-like page with WebSocket and server-sent events in headless Chromium, by path and by subdomain."""

import json
import re
import shutil

import pytest
from websockets.utils import accept_key

from harness.chromium import Chromium
from harness.localapp import LocalApp
from harness.tls import make_certificate
from harness.tunnel import Tunnel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine"),
]

PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>starting</title>
<script type="module" src="/@vite/client"></script><link rel="stylesheet" href="/src/style.css">
</head><body><div id="app"></div><img id="logo" src="/logo.svg"><script type="module" src="/src/main.js"></script></body></html>"""

CLIENT = b"""// like /@vite/client: a WebSocket to the page's own host, with a subprotocol
const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
const socket = new WebSocket(`${scheme}://${location.host}/?token=abc`, 'vite-hmr')
socket.addEventListener('open', () => socket.send('ping from the page'))
socket.addEventListener('message', e => { window.echoed = e.data; window.protocol = socket.protocol })
socket.addEventListener('close', e => { window.closed = e.code })
export const ready = true
"""

MAIN = b"""import { ready } from '/@vite/client'
import { text } from './part.js?v=1'
document.getElementById('app').textContent = text
window.clientReady = ready
const events = new EventSource('/events')
window.events = []
events.onmessage = e => window.events.push(e.data)
fetch('/api/data', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ a: 1 }) })
  .then(r => r.json()).then(v => { window.fetched = v })
document.title = 'ready'
"""


def vite():
    app = LocalApp()

    def page(call):
        if (call.get("upgrade") or "").lower() == "websocket":
            return hot(call)
        return call.respond(200, [("Content-Type", "text/html"), ("Cache-Control", "no-cache")], PAGE)

    def hot(call):
        accept = accept_key(call.get("sec-websocket-key"))
        assert call.get("sec-websocket-protocol") == "vite-hmr"
        call.head(101, [
            ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept),
            ("Sec-WebSocket-Protocol", "vite-hmr"),
        ], "Switching Protocols")
        data = b""
        while len(data) < 6 or len(data) < 6 + (data[1] & 0x7F):
            data += call.connection.read(65536)
        length = data[1] & 0x7F
        mask, payload = data[2:6], data[6:6 + length]
        text = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
        call.raw(bytes([0x81, length]) + text)
        call.wait_gone(60)

    def events(call):
        call.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
        for number in range(3):
            call.chunk(b"data: %d\n\n" % number)
        call.wait_gone(60)

    def script(body, kind=b"text/javascript"):
        return lambda call: call.respond(200, [("Content-Type", kind.decode())], body)

    app.route(page, "/")
    app.route(script(CLIENT), "/@vite/client")
    app.route(script(MAIN), "/src/main.js")
    app.route(script(b"export const text = 'module loaded'"), "/src/part.js")
    app.route(script(b"#app { color: rgb(1, 2, 3) }", b"text/css"), "/src/style.css")
    app.route(script(b'<svg xmlns="http://www.w3.org/2000/svg" width="7" height="5"/>', b"image/svg+xml"), "/logo.svg")
    app.route(events, "/events")
    app.route(lambda call: call.respond(200, [("Content-Type", "application/json")], call.body()), "/api/data")
    return app


@pytest.fixture(scope="module")
def browser():
    browser = Chromium()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def tunnel(server):
    app = vite()
    tunnel = Tunnel.open(server, app)
    yield tunnel
    tunnel.close()
    app.close()


def addresses(tunnel):
    return {"path": f"http://{tunnel.base_host}/s/{tunnel.slug}/", "subdomain": f"http://{tunnel.host}/"}


@pytest.mark.parametrize("how", ["path", "subdomain"])
def test_vite_like_page(browser, tunnel, how):
    browser.open(addresses(tunnel)[how])
    assert browser.wait("document.title === 'ready' && document.getElementById('app')?.textContent") == "module loaded"
    assert browser.wait("window.echoed") == "ping from the page"
    assert browser.evaluate("window.protocol") == "vite-hmr"
    assert browser.wait("window.events?.length === 3 && JSON.stringify(window.events)") == '["0","1","2"]'
    assert browser.wait("window.fetched && JSON.stringify(window.fetched)") == json.dumps({"a": 1}, separators=(",", ":"))
    assert browser.evaluate("getComputedStyle(document.getElementById('app')).color") == "rgb(1, 2, 3)"
    assert browser.evaluate("document.getElementById('logo').naturalWidth") == 7
    assert "/.wormkey" not in str([c.target for c in tunnel.app.calls])
    assert "daypass" not in str([c.all("cookie") for c in tunnel.app.calls]).lower()


def connections(server):
    """How many connections the edge has accepted."""
    return int(re.search(r"^daypass_edge_connections_total (\d+)", server.api.get("/metrics").text, re.MULTILINE).group(1))


def test_http2_page_with_websocket(start_server, start_agent, tmp_path):
    """Over TLS: the page comes over HTTP/2, and so does its WebSocket, by extended CONNECT on the same connection."""
    certificate, key = make_certificate(tmp_path, "edge")
    server = start_server("--tls-cert", certificate, "--tls-key", key)
    app = vite()
    agent = start_agent(server, app.port, "--edge-ca", certificate)
    browser = Chromium("--ignore-certificate-errors")
    try:
        site = f"https://{agent.slug}.localhost:{server.edge_port}"
        # Where connecting takes long a browser begins a second connection; from then on it has one.
        browser.open(f"{site}/first")
        before = connections(server)
        browser.open(f"{site}/")
        assert browser.wait("document.title === 'ready' && window.echoed") == "ping from the page"
        assert browser.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
        assert browser.evaluate("window.protocol") == "vite-hmr"
        # One connection for the page, its parts and the WebSocket.
        assert connections(server) == before
    finally:
        browser.close()
        app.close()


def test_password_page(browser, server):
    """A person types the password into the form and is let in to where they wanted to go."""
    app = vite()
    tunnel = Tunnel.open(server, app, "--password", "open sesame")
    browser.open(f"http://{tunnel.base_host}/s/{tunnel.slug}/")
    browser.wait("document.querySelector('input[type=password]') !== null")
    assert browser.evaluate("document.documentElement.lang")
    browser.evaluate(
        "document.querySelector('input[type=password]').value = 'wrong';"
        "document.querySelector('form').requestSubmit()"
    )
    browser.wait("document.querySelector('input[type=password]')?.value === ''")
    assert "wrong" not in browser.evaluate("location.href")
    browser.evaluate(
        "document.querySelector('input[type=password]').value = 'open sesame';"
        "document.querySelector('form').requestSubmit()"
    )
    browser.wait("document.title === 'ready'")
    assert "sesame" not in browser.evaluate("location.href")
    assert browser.evaluate("document.cookie") == "", "cookies of Daypass are HttpOnly"
    tunnel.close()
    app.close()


def test_owner_room(browser, tunnel):
    """The owner URL leads to the room without the token, and the page runs under its own security policy."""
    browser.open(tunnel.agent.info["owner_url"])
    browser.wait("location.pathname === '/.wormkey/room'")
    assert "token" not in browser.evaluate("location.href")
    assert tunnel.slug in browser.evaluate("document.body.innerText")
    assert browser.evaluate("document.cookie") == ""
    assert not [m for m in browser.log if "Content Security Policy" in str(m)], browser.log


def test_refusal_pages_run_clean(browser, server):
    browser.log.clear()
    browser.open(f"{server.edge}/s/never-was-1000/")
    assert browser.wait("document.body.innerText")
    assert not [m for m in browser.log if "Content Security Policy" in str(m)], browser.log
    assert browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
