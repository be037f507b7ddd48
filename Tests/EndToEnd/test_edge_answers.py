"""The status table of section 2: every answer the edge gives itself, as a page and as JSON."""

import re

import pytest

from harness.ports import free_port
from harness.waiting import eventually

HTML = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
ANY = ("Accept", "application/json")


def check(ask, status, code, retry=False):
    """`ask(headers)` must be refused with that status and code in both forms."""
    answer = ask([ANY])
    assert answer.status == status, answer
    assert answer.get("content-type").startswith("application/json"), answer
    body = answer.json()
    assert body["code"] == code, body
    assert isinstance(body["error"], str) and body["error"], body
    assert "no-store" in answer.get("cache-control", ""), answer
    page = ask([HTML])
    assert page.status == status, page
    assert page.get("content-type").startswith("text/html"), page
    assert "no-store" in page.get("cache-control", ""), page
    assert re.search(r"<html[^>]* lang=", page.text), "a readable page"
    assert "viewport" in page.text, "works on a phone"
    assert page.complete and answer.complete
    if retry:
        assert int(answer.get("retry-after")) >= 0 and page.get("retry-after") is not None
    return answer, page


def asker(server, slug, path="/", source="127.0.0.1", extra=(), method="GET"):
    def ask(headers):
        with server.viewer(source) as viewer:
            viewer.request(method, f"/s/{slug}{path}", f"127.0.0.1:{server.edge_port}", [*headers, *extra])
            return viewer.answer(method)

    return ask


def test_404_session_not_found(server, address):
    check(asker(server, "never-was-1000", source=address), 404, "session_not_found")


@pytest.mark.parametrize("host", ["never-was-1000.localhost", "never-was-1000.localhost:{port}", "NEVER-was-1000.LOCALHOST"])
def test_404_for_an_unknown_subdomain(server, address, host):
    def ask(headers):
        with server.viewer(address) as viewer:
            return viewer.request("GET", "/", host.format(port=server.edge_port), headers).answer()

    check(ask, 404, "session_not_found")


def test_404_on_the_base_host_without_a_session(server, address):
    def ask(headers):
        with server.viewer(address) as viewer:
            return viewer.request("GET", "/app.js", f"127.0.0.1:{server.edge_port}", headers).answer()

    answer = ask([ANY])
    assert answer.status == 404 and "no-store" in answer.get("cache-control", ""), answer


def test_a_query_parameter_never_chooses_the_session(shared, address):
    for query in (f"slug={shared.slug}", f"session={shared.slug}", f"s={shared.slug}"):
        with shared.viewer(address) as viewer:
            answer = viewer.request("GET", f"/?{query}", shared.base_host).answer()
        assert answer.status == 404, answer


def test_unknown_slugs_are_rate_limited_per_address(server, shared, address):
    codes = []
    with server.viewer(address) as viewer:
        for number in range(1000):
            viewer.request("GET", f"/s/never-was-{1000 + number}/", f"127.0.0.1:{server.edge_port}", [ANY])
            answer = viewer.answer()
            codes.append(answer.status)
            if answer.status == 429:
                break
    assert codes[0] == 404 and codes[-1] == 429, codes[-3:]
    assert answer.code() == "rate_limited" and int(answer.get("retry-after")) >= 1
    assert shared.ask("/fine", source="127.0.0.1").status == 200, "others go on"


def test_410_session_closed(server, open_tunnel):
    tunnel = open_tunnel()
    tunnel.act("close")
    check(asker(server, tunnel.slug), 410, "session_closed")


def test_410_session_expired(server):
    session = server.create(expiresIn="1s")
    eventually(lambda: asker(server, session["slug"])([ANY]).status == 410, what="expiry")
    check(asker(server, session["slug"]), 410, "session_expired")


def test_502_tunnel_offline(start_server):
    server = start_server("--reconnect-grace", "1s")
    session = server.create()
    check(asker(server, session["slug"]), 502, "tunnel_offline", retry=True)


def test_502_upstream_unreachable(server, open_tunnel):
    tunnel = open_tunnel(target=free_port())
    check(asker(server, tunnel.slug), 502, "upstream_unreachable")


def test_502_upstream_protocol_error(server, shared, app):
    path = app.route(lambda call: (call.raw(b"this is not HTTP\r\n\r\n"), call.close()))
    check(asker(server, shared.slug, path), 502, "upstream_protocol_error")


def test_503_tunnel_paused(server, open_tunnel):
    tunnel = open_tunnel()
    tunnel.act("pause")
    check(asker(server, tunnel.slug), 503, "tunnel_paused")
    tunnel.act("resume")
    assert tunnel.ask("/").status == 200


def test_401_basic_auth_required(server, open_tunnel):
    tunnel = open_tunnel("--auth")
    for answer in check(asker(server, tunnel.slug), 401, "basic_auth_required"):
        assert answer.get("www-authenticate", "").startswith("Basic "), answer


def test_401_password_required(server, open_tunnel):
    tunnel = open_tunnel()
    tunnel.policy(password="opensesame")
    _, page = check(asker(server, tunnel.slug), 401, "password_required")
    assert not page.get("www-authenticate")
    assert re.search(r"<form[^>]*method=[\"']?post", page.text, re.I)
    assert re.search(r"<input[^>]*type=[\"']?password", page.text, re.I)


def test_401_session_private(server, open_tunnel):
    tunnel = open_tunnel()
    tunnel.policy(public=False)
    check(asker(server, tunnel.slug), 401, "session_private")


def test_403_path_blocked(server, open_tunnel):
    tunnel = open_tunnel()
    tunnel.policy(blockPaths=["/admin"])
    check(asker(server, tunnel.slug, "/admin/users"), 403, "path_blocked")


def test_403_viewer_removed(server, open_tunnel, address):
    tunnel = open_tunnel()
    assert tunnel.ask("/", source=address).status == 200
    viewer = next(v for v in server.viewers(tunnel.slug) if v["ip"] == address)
    tunnel.act("kick", {"viewerId": viewer["id"]})
    check(asker(server, tunnel.slug, source=address), 403, "viewer_removed")


def test_429_too_many_viewers(server, open_tunnel, addresses):
    tunnel = open_tunnel()
    tunnel.policy(maxConcurrentViewers=1)
    assert tunnel.ask("/", source=addresses[0]).status == 200
    check(asker(server, tunnel.slug, source=addresses[1]), 429, "too_many_viewers", retry=True)


@pytest.mark.parametrize("accept, html", [
    (None, False), ("*/*", False), ("application/json", False), ("text/html", True),
    ("text/html;q=0.5, application/json;q=0.4", True), ("text/plain", False),
])
def test_form_of_the_answer_follows_accept(server, address, accept, html):
    answer = asker(server, "never-was-1000", source=address)([("Accept", accept)] if accept else [])
    assert answer.get("content-type").startswith("text/html" if html else "application/json"), answer


def test_head_gets_no_body(server, address):
    with server.viewer(address) as viewer:
        viewer.request("HEAD", "/s/never-was-1000/", f"127.0.0.1:{server.edge_port}")
        answer = viewer.answer("HEAD")
        assert answer.status == 404
        viewer.request("GET", "/s/never-was-1000/", f"127.0.0.1:{server.edge_port}")
        assert viewer.answer().status == 404, "and the connection goes on"


def test_refusal_of_an_upload_does_not_break_the_connection(server, open_tunnel):
    """A refused request's body is either read or the connection closed; never taken for the next request."""
    tunnel = open_tunnel()
    tunnel.policy(blockPaths=["/admin"])
    smuggled = b"GET /s/" + tunnel.slug.encode() + b"/smuggled-by-refusal HTTP/1.1\r\nHost: x\r\n\r\n"
    with tunnel.viewer() as viewer:
        viewer.request("POST", tunnel.path("/admin"), tunnel.base_host, body=smuggled)
        assert viewer.answer().status == 403
        if viewer.closes_within(0.3) is None:
            viewer.request("GET", tunnel.path("/after"), tunnel.base_host)
            assert viewer.answer().json()["target"] == "/after"
    assert not tunnel.app.saw("/smuggled-by-refusal")


def test_page_names_the_request(server, address):
    page = asker(server, "never-was-1000", source=address)([HTML])
    assert re.search(r"request|id", page.text, re.I)
    other = asker(server, "never-was-1000", source=address)([HTML])
    assert page.text != other.text, "the request id differs"


def test_pages_load_nothing_from_elsewhere(server, address):
    page = asker(server, "never-was-1000", source=address)([HTML])
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", page.text)
    policy = page.get("content-security-policy", "")
    assert policy and "unsafe-inline" not in policy.split("style-src")[0], policy
    assert "<script>" not in page.text


def test_431_for_a_huge_head(shared):
    with shared.viewer() as viewer:
        viewer.send(b"GET /s/x/ HTTP/1.1\r\nHost: a\r\nX-Big: ")
        try:
            viewer.send(b"a" * 80 * 1024 + b"\r\n\r\n")
        except ConnectionError:
            pass
        answer = viewer.answer()
        assert answer.status == 431, answer
        assert answer.get("connection", "").lower() == "close"
        assert viewer.closes_within(10) is not None


@pytest.mark.slow
def test_408_for_a_slow_head(server):
    """The head must be there within 15 s, however slowly bytes drip."""
    import threading

    with server.viewer(timeout=25) as viewer:
        viewer.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        stop = threading.Event()

        def drip():
            while not stop.wait(0.5):
                try:
                    viewer.send(b"X-A: b\r\n")
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        try:
            answer = viewer.answer()
        finally:
            stop.set()
        assert answer.status == 408, answer
        assert viewer.closes_within(10) is not None
