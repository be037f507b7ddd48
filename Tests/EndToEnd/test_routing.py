"""Which session a request is for: host, path, routing cookie; and what is reserved."""

from urllib.parse import urljoin

import pytest

from harness.v0_agent import V0Agent

PAGE = [("Accept", "text/html,*/*;q=0.8")]


def cookies_of(answer):
    """The name=value parts of every Set-Cookie."""
    return [c.split(";")[0] for c in answer.all("set-cookie")]


@pytest.fixture
def second(server, new_app, open_tunnel):
    return open_tunnel(app=new_app())


def test_path_prefix_is_stripped(shared):
    for path in ("/", "/a", "/a/b?c=d", "/s/other/x", "//double", "/tunnel", "/%2F", "/.well-known/x"):
        answer = shared.ask(path)
        assert answer.status == 200 and answer.json()["target"] == path, (path, answer)


@pytest.mark.parametrize("query", ["", "?x=1&y=%2F"])
def test_slug_without_slash_redirects(shared, query):
    with shared.viewer() as viewer:
        answer = viewer.request("GET", f"/s/{shared.slug}{query}", shared.base_host).answer()
    assert answer.status in (301, 302, 303, 307, 308), answer
    assert urljoin(f"http://{shared.base_host}/s/{shared.slug}", answer.get("location")) == (
        f"http://{shared.base_host}/s/{shared.slug}/{query}"
    )


@pytest.mark.parametrize(
    "host", ["{slug}.localhost:{port}", "{slug}.localhost", "{SLUG}.LocalHost:{port}", "{slug}.localhost:1"]
)
def test_subdomain_reaches_the_session(shared, host):
    host = host.format(slug=shared.slug, SLUG=shared.slug.upper(), port=shared.server.edge_port)
    for path in ("/", "/a?b", "/tunnel", f"/s/{shared.slug}/x", "/s/never-was-1000/"):
        with shared.viewer() as viewer:
            answer = viewer.request("GET", path, host).answer()
        assert answer.status == 200, answer
        assert answer.json()["target"] == path, "only /.wormkey/ is reserved on a subdomain"


@pytest.mark.parametrize("by_host", [False, True])
def test_wormkey_paths_never_reach_the_app(shared, by_host, address):
    for path in ("/.wormkey/anything", "/.wormkey/", "/.wormkey/../.wormkey/x"):
        host = shared.host if by_host else shared.base_host
        with shared.viewer(address) as viewer:
            answer = viewer.request("GET", path, host).answer()
        assert answer.status in (303, 400, 401, 403, 404), answer
    assert not [c for c in shared.app.calls if "/.wormkey" in c.target]


def test_host_comes_before_path(shared, second):
    """A subdomain wins over a /s/ path that names another session."""
    with shared.viewer() as viewer:
        answer = viewer.request("GET", f"/s/{second.slug}/which", shared.host).answer()
    assert answer.json()["target"] == f"/s/{second.slug}/which"
    assert not second.app.calls


def test_routing_cookie_makes_absolute_assets_work(shared, address):
    visit = shared.ask("/", headers=PAGE, source=address)
    cookies = cookies_of(visit)
    assert cookies, visit
    raw = [c for c in visit.all("set-cookie")]
    assert all("httponly" in c.lower() for c in raw), raw
    with shared.viewer(address) as viewer:
        headers = [("Cookie", "; ".join(["theme=dark", *cookies, "lang=de"]))]
        answer = viewer.request("GET", "/src/main.js?v=1", shared.base_host, headers).answer()
    assert answer.status == 200, answer
    assert answer.json()["target"] == "/src/main.js?v=1"
    sent = [v for n, v in answer.json()["fields"] if n.lower() == "cookie"]
    assert "; ".join(sent) == "theme=dark; lang=de", "Daypass cookies are never forwarded"


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html"])
def test_every_visit_sets_the_routing_cookie(shared, address, accept):
    assert cookies_of(shared.ask("/", headers=[("Accept", accept)] if accept else [], source=address))


def test_without_the_cookie_absolute_assets_are_404(shared, address):
    with shared.viewer(address) as viewer:
        assert viewer.request("GET", "/src/main.js", shared.base_host).answer().status == 404


@pytest.mark.parametrize("value", ["{slug}", "never-was-1000", "%00", "x" * 5000])
def test_a_made_up_routing_cookie_opens_nothing_it_should_not(shared, address, value):
    """The cookie only routes; a wrong one is an unknown session, never an error of the edge."""
    name = cookies_of(shared.ask("/", headers=PAGE, source=address))[0].split("=")[0]
    with shared.viewer(address) as viewer:
        headers = [("Cookie", f"{name}={value.format(slug=shared.slug)}")]
        answer = viewer.request("GET", "/x", shared.base_host, headers).answer()
    assert answer.status < 500, answer


def test_path_wins_over_the_routing_cookie(shared, second, address):
    cookies = cookies_of(shared.ask("/", headers=PAGE, source=address))
    with shared.viewer(address) as viewer:
        headers = [("Cookie", "; ".join(cookies))]
        answer = viewer.request("GET", f"/s/{second.slug}/mine", shared.base_host, headers).answer()
    assert answer.status == 200
    assert second.app.saw("/mine")


def test_only_daypass_cookies_are_removed(shared, address):
    cookies = cookies_of(shared.ask("/", headers=PAGE, source=address))
    answer = shared.ask("/x", headers=[("Cookie", "; ".join(cookies))], source=address)
    assert [v for n, v in answer.json()["fields"] if n.lower() == "cookie"] == []
    answer = shared.ask("/x", headers=[("Cookie", "a=1;b=2;  c=\"q; r\"")], source=address)
    assert [v for n, v in answer.json()["fields"] if n.lower() == "cookie"] == ['a=1;b=2;  c="q; r"']


SET_COOKIE = [
    ("root path", "id=1; Path=/; HttpOnly", "/s/{slug}/"),
    ("a deeper path", "id=1; Path=/app; Secure", "/s/{slug}/app"),
    ("case of the attribute", "id=1; path=/App/", "/s/{slug}/App/"),
    ("no path", "id=1; SameSite=Lax", None),
]


@pytest.mark.parametrize("rule, cookie, path", SET_COOKIE, ids=[r[0] for r in SET_COOKIE])
def test_set_cookie_path_is_mapped_in_path_mode(shared, rule, cookie, path):
    route = shared.app.route(lambda call: call.respond(fields=[("Set-Cookie", cookie), ("Set-Cookie", "second=2")]))
    answer = shared.ask(route)
    mine = next(c for c in answer.all("set-cookie") if c.startswith("id="))
    attributes = {a.split("=")[0].strip().lower(): a.partition("=")[2] for a in mine.split(";")[1:]}
    if path:
        assert attributes["path"].rstrip("/") == path.format(slug=shared.slug).rstrip("/"), mine
    else:
        assert attributes.get("path", "/s/" + shared.slug).startswith("/s/" + shared.slug), mine
    others = [a.strip() for a in cookie.split(";") if "path" not in a.lower()]
    assert [a.strip() for a in mine.split(";") if "path" not in a.lower()] == others, "nothing else changes"
    assert any(c.startswith("second=2") for c in answer.all("set-cookie"))
    plain = shared.ask(route, by_host=True)
    assert cookie in plain.all("set-cookie"), "unchanged on a subdomain"


LOCATION = [
    ("path-absolute", "/login?next=%2F", "/login?next=%2F", True),
    ("absolute to localhost", "http://localhost:{app}/a/b?c", "/a/b?c", True),
    ("absolute to 127.0.0.1", "http://127.0.0.1:{app}/a", "/a", True),
    ("absolute without path", "http://localhost:{app}", "/", True),
    ("relative", "next", None, False),
    ("only a query", "?page=2", None, False),
    ("another site", "https://example.com/x", None, False),
    ("another local port", "http://localhost:1/x", None, False),
    ("another name with ours inside", "http://localhost:{app}.evil.test/x", None, False),
]


@pytest.mark.parametrize("rule, location, path, mapped", LOCATION, ids=[r[0] for r in LOCATION])
@pytest.mark.parametrize("by_host", [False, True], ids=["path", "subdomain"])
def test_location_is_mapped_to_the_public_url(shared, rule, location, path, mapped, by_host):
    location = location.format(app=shared.app.port)
    route = shared.app.route(lambda call: call.respond(302, [("Location", location)], reason="Found"))
    answer = shared.ask(route, by_host=by_host)
    assert answer.status == 302
    base = f"http://{shared.host}" if by_host else f"http://{shared.base_host}/s/{shared.slug}"
    if mapped:
        assert urljoin(base + route, answer.get("location")) == base + path
    else:
        assert answer.get("location") == location


def test_location_with_forwarded_host(shared):
    """An app that builds its redirects from X-Forwarded-Host works too."""

    def redirect(call):
        target = f"http://{call.get('x-forwarded-host')}/there"
        call.respond(302, [("Location", target)], reason="Found")

    route = shared.app.route(redirect)
    assert shared.ask(route, by_host=True).get("location") == f"http://{shared.host}/there"


def test_subdomain_style(start_server):
    server = start_server("--public-url", "https://tunnel.example.test", "--url-style", "subdomain", "--auth", "local")
    session = server.create()
    slug = session["slug"]
    assert session["publicUrl"].rstrip("/") == f"https://{slug}.tunnel.example.test"
    agent = V0Agent(
        f"ws://127.0.0.1:{server.edge_port}/tunnel", session["sessionToken"],
        lambda stream: stream.respond(200, [("x-target", stream.target)]),
    )
    for host, path in (
        (f"{slug}.tunnel.example.test", "/x"),
        (f"{slug}.tunnel.example.test:443", "/x"),
        (f"{slug.upper()}.Tunnel.Example.TEST", "/x"),
        ("tunnel.example.test", f"/s/{slug}/x"),
    ):
        with server.viewer() as viewer:
            answer = viewer.request("GET", path, host).answer()
        assert answer.status == 200 and answer.get("x-target") == "/x", (host, answer)
    for host in (f"{slug}.example.test", f"x.{slug}.tunnel.example.test", f"{slug}.tunnel.example.test.evil.test"):
        with server.viewer() as viewer:
            assert viewer.request("GET", "/x", host).answer().status in (400, 404, 421), host
    agent.close()
