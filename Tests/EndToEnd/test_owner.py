"""The owner URL, the owner's cookie and the room."""

import re
from urllib.parse import urljoin, urlsplit

import pytest

TOKEN = "a" * 32


def owner_url(tunnel):
    return urlsplit(tunnel.agent.info["owner_url"])


def ask(tunnel, target, headers=(), method="GET", body=None, source="127.0.0.1"):
    with tunnel.viewer(source) as viewer:
        return viewer.request(method, target, tunnel.base_host, headers, body).answer(method)


def enter(tunnel):
    """The owner's cookies as a Cookie value, and the room's path."""
    url = owner_url(tunnel)
    answer = ask(tunnel, f"{url.path}?{url.query}")
    assert answer.status == 303, answer
    cookies = "; ".join(c.split(";")[0] for c in answer.all("set-cookie"))
    location = urljoin(f"http://{tunnel.base_host}{url.path}", answer.get("location"))
    assert urlsplit(location).netloc == tunnel.base_host
    return cookies, location.split(tunnel.base_host, 1)[1]


def test_owner_url_exchange(open_tunnel):
    tunnel = open_tunnel()
    url = owner_url(tunnel)
    answer = ask(tunnel, f"{url.path}?{url.query}")
    assert answer.status == 303
    assert tunnel.agent.owner_token not in answer.get("location")
    assert answer.get("location").endswith(f"/.wormkey/room?slug={tunnel.slug}")
    assert answer.get("referrer-policy") == "no-referrer"
    assert "no-store" in answer.get("cache-control")
    strict, others = [], []
    for cookie in answer.all("set-cookie"):
        attributes = [a.strip().lower() for a in cookie.split(";")]
        assert "httponly" in attributes
        assert tunnel.agent.owner_token not in cookie, "the cookie is not the token"
        assert not any(a.startswith("domain=") for a in attributes)
        path = next(a for a in attributes if a.startswith("path="))
        (strict if path.startswith("path=/.wormkey") else others).append((attributes, cookie.split(";")[0]))
    assert strict and all("samesite=strict" in attributes for attributes, _ in strict)
    # A cookie for the session's own pages may let the owner pass the viewer checks there, but never into the room.
    room = [("Cookie", "; ".join(pair for _, pair in others))]
    assert ask(tunnel, f"/.wormkey/room?slug={tunnel.slug}", room).status in (303, 401, 403, 404)


@pytest.mark.parametrize("change", ["wrong token", "no token", "other session's token", "unknown slug", "token of another length"])
def test_owner_url_refuses(shared, open_tunnel, change, address):
    slug, token = shared.slug, shared.agent.owner_token
    query = {
        "wrong token": f"slug={slug}&token={TOKEN}",
        "no token": f"slug={slug}",
        "other session's token": f"slug={slug}&token={open_tunnel().agent.owner_token}",
        "unknown slug": f"slug=never-was-1000&token={token}",
        "token of another length": f"slug={slug}&token={token[:-1]}",
    }[change]
    answer = ask(shared, f"/.wormkey/owner?{query}", source=address)
    assert answer.status in (400, 401, 403, 404), answer
    assert not answer.all("set-cookie")
    assert "no-store" in answer.get("cache-control", "")
    assert token not in answer.text


def test_wrong_owner_tokens_are_rate_limited(shared, address):
    codes = []
    for number in range(300):
        answer = ask(shared, f"/.wormkey/owner?slug={shared.slug}&token={number:032d}", source=address)
        codes.append(answer.status)
        if answer.status == 429:
            break
    assert codes[-1] == 429, codes[-3:]


def test_room_needs_the_cookie(open_tunnel):
    tunnel = open_tunnel()
    other = open_tunnel()
    cookies, room = enter(tunnel)
    assert ask(tunnel, room).status in (303, 401, 403, 404)
    foreign, _ = enter(other)
    assert ask(tunnel, room, [("Cookie", foreign)]).status in (303, 401, 403, 404)
    page = ask(tunnel, room, [("Cookie", cookies), ("Accept", "text/html")])
    assert page.status == 200, page
    assert tunnel.slug in page.text
    assert tunnel.agent.owner_token not in page.text + str(page.fields), "no token in the room"
    assert page.get("content-type").startswith("text/html")
    assert "no-store" in page.get("cache-control")
    assert page.get("referrer-policy") == "no-referrer"


def test_room_has_a_strict_content_security_policy(open_tunnel):
    tunnel = open_tunnel()
    cookies, room = enter(tunnel)
    page = ask(tunnel, room, [("Cookie", cookies), ("Accept", "text/html")])
    policy = page.get("content-security-policy", "")
    directives = {d.split()[0]: d.split()[1:] for d in policy.split(";") if d.split()}
    scripts = directives.get("script-src", directives.get("default-src"))
    assert scripts is not None and "'unsafe-inline'" not in scripts and "'unsafe-eval'" not in scripts, policy
    assert "frame-ancestors" in directives and directives["frame-ancestors"] == ["'none'"], policy
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", page.text), "no inline script"
    assert not re.search(r"\son[a-z]+\s*=", page.text), "no inline handler"
    for reference in re.findall(r"(?:src|href|action)=[\"']([^\"']+)", page.text):
        location = urlsplit(urljoin(f"http://{tunnel.base_host}{room}", reference))
        assert location.netloc in (tunnel.base_host, "") or reference == tunnel.agent.url, reference
        if re.search(r"\.(js|css|svg|ico)(\?|$)", reference):
            loaded = ask(tunnel, location.path + (f"?{location.query}" if location.query else ""), [("Cookie", cookies)])
            assert loaded.status == 200, (reference, loaded)


def test_owner_skips_viewer_checks(open_tunnel, addresses):
    """Sent by hand: browsers keep the owner's cookie to /.wormkey/."""
    tunnel = open_tunnel()
    cookies, _ = enter(tunnel)
    headers = [("Cookie", cookies)]
    tunnel.policy(maxConcurrentViewers=0)
    assert tunnel.ask("/", source=addresses[0]).status == 429
    assert tunnel.ask("/", headers=headers).status == 200
    tunnel.policy(maxConcurrentViewers=20, public=False)
    assert tunnel.ask("/", source=addresses[0]).status == 401
    answer = tunnel.ask("/", headers=headers)
    assert answer.status == 200
    assert not [v for n, v in answer.json()["fields"] if n.lower() == "cookie"], "never forwarded"
    tunnel.policy(password="x")
    assert tunnel.ask("/", headers=headers).status == 200


def test_owner_cookie_is_worthless_elsewhere(open_tunnel):
    tunnel, other = open_tunnel(), open_tunnel()
    other.policy(public=False)
    cookies, _ = enter(tunnel)
    assert other.ask("/", headers=[("Cookie", cookies)]).status == 401


WRITES = ["policy", "pause", "resume", "close", "kick", "rotate-password"]


@pytest.mark.parametrize("action", WRITES)
@pytest.mark.parametrize("attack", ["no cookie", "no CSRF header", "other origin", "null origin", "no origin", "form post"])
def test_room_writes_need_cookie_origin_and_csrf_header(open_tunnel, action, attack):
    """Whatever addresses the room uses for writing, none of them works without the three proofs."""
    tunnel = open_tunnel()
    cookies, room = enter(tunnel)
    origin = ("Origin", f"http://{tunnel.base_host}")
    headers = {
        "no cookie": [origin, ("X-CSRF-Token", "1"), ("X-Daypass-CSRF", "1")],
        "no CSRF header": [("Cookie", cookies), origin],
        "other origin": [("Cookie", cookies), ("Origin", "http://evil.example"), ("X-Daypass-CSRF", "1")],
        "null origin": [("Cookie", cookies), ("Origin", "null"), ("X-Daypass-CSRF", "1")],
        "no origin": [("Cookie", cookies), ("X-Daypass-CSRF", "1")],
        "form post": [("Cookie", cookies), origin, ("Content-Type", "application/x-www-form-urlencoded")],
    }[attack]
    targets = [
        f"/.wormkey/{action}?slug={tunnel.slug}", f"/.wormkey/room/{action}?slug={tunnel.slug}",
        f"/.wormkey/api/{action}?slug={tunnel.slug}", f"/.wormkey/sessions/by-slug/{tunnel.slug}/{action}",
        f"/.wormkey/owner/{action}?slug={tunnel.slug}", room,
    ]
    with tunnel.viewer() as _:
        for target in targets:
            answer = ask(tunnel, target, [*headers, ("Content-Type", "application/json")][: len(headers) + (attack != "form post")],
                         "POST", b'{"viewerId":"x","public":false}')
            assert answer.status in (400, 401, 403, 404, 405, 415, 421), (target, answer)
    record = tunnel.server.record(tunnel.slug)
    assert record["status"] == "connected" and record["policy"]["public"] is True


def test_overlay_script_exists(shared):
    answer = ask(shared, f"/.wormkey/overlay.js?slug={shared.slug}")
    assert answer.status in (200, 404)
    if answer.status == 200:
        assert "javascript" in answer.get("content-type")
        assert shared.agent.owner_token not in answer.text
