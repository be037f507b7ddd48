"""Pages in Chromium: the reference's call from an allowed web origin, refusals that another page can read, and the helper."""

import json
import shutil
import threading

import pytest

from harness.chromium import Chromium
from harness.gateway_api import BASE, Admin, limit, mid_window, opened, route, serve
from harness.later import Clock
from harness.localapp import LocalApp
from harness.waiting import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine"),
]

ROUTES = [
    route("GET", "/quotes"), route("POST", "/quotes", "quotes:write"), route("DELETE", "/quotes/{id}", "quotes:write"),
    route("GET", "/limited", limitClass="limited"), route("POST", "/slow", "quotes:write"), route("POST", "/flaky", "quotes:write"),
]


@pytest.fixture(scope="module")
def browser():
    browser = Chromium()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def pages():
    """Serves an empty page; the same port under several names makes several web origins."""
    app = LocalApp()
    app.route(lambda call: call.respond(200, [("Content-Type", "text/html")], b"<!doctype html><title>page</title>"), "/")
    yield app
    app.close()


class Pages:
    """A tenant, a key for the page `shop`, a key for the page `evil`; nobody's key names `nobody`."""

    def __init__(self, admin, api, pages, **fields):
        self.tenant = admin.tenant(api.port, ROUTES, **fields)
        self.origin = {n: f"http://{n}.localhost:{pages.port}" for n in ("shop", "evil", "nobody")}
        self.plan = admin.plan([limit(c, 60, 1000, "key") for c in ("reads", "writes", "sessions")] + [limit("limited", 86400, 1, "key")])
        self.key = self.tenant.key(origins=[self.origin["shop"]], plan=self.plan)
        self.other = self.tenant.key(origins=[self.origin["evil"]], plan=self.plan)
        self.api = self.tenant.url + BASE

    def script(self, code, **values):
        values = {"api": self.api, "key": self.key.secret, "other": self.other.secret, **values}
        names = "".join(f"const {n} = {json.dumps(v)};" for n, v in values.items())
        return f"(async () => {{ {names} {ASK} {code} }})()"


ASK = """
const ask = async (path, options = {}, withKey = key, token) => {
  try {
    const headers = {...(withKey && {Authorization: `Bearer ${withKey}`}), ...(token && {'X-Session-Token': token}), ...options.headers};
    const answer = await fetch(api + path, {...options, headers});
    const body = await answer.text();
    let parsed; try { parsed = JSON.parse(body) } catch { parsed = body }
    return {status: answer.status, body: parsed, code: parsed?.error?.code, headers: Object.fromEntries(answer.headers)};
  } catch (error) { return {thrown: error.name} }
};
const mint = async () => (await ask('/sessions', {method: 'POST'})).body.data.sessionToken;
const post = {method: 'POST', headers: {'Content-Type': 'application/json', 'Idempotency-Key': 'k'}, body: '{"a":1}'};
"""


@pytest.fixture(scope="module")
def world(admin, api, pages):
    return Pages(admin, api, pages)


@pytest.fixture
def page(world, browser):
    """Opens a web origin's page and runs code in it."""
    def open_(name, code, **values):
        browser.open(world.origin[name] + "/")
        browser.wait(f"document.title === 'page' && location.hostname === '{name}.localhost'")
        return browser.evaluate(world.script(code, **values))
    return open_


@pytest.fixture
def shop(page):
    return lambda code, **values: page("shop", code, **values)


def test_the_references_call(shop, world, api):
    before = len(api.calls)
    result = shop("""
      const minted = await ask('/sessions', {method: 'POST'});
      const refused = await ask('/quotes', post);
      const written = await ask('/quotes', post, key, minted.body.data.sessionToken);
      const removed = await ask('/quotes/17', {method: 'DELETE'}, key, minted.body.data.sessionToken);
      return {minted, refused, written, removed, read: await ask('/quotes')};
    """)
    minted = result["minted"]
    assert minted["status"] == 201 and set(minted["body"]["data"]) == {"sessionToken", "expiresAt"}
    assert opened(minted["body"]["data"]["sessionToken"])[1]["azp"] == world.origin["shop"]
    assert (result["refused"]["status"], result["refused"]["code"]) == (401, "SESSION_REQUIRED")
    assert result["written"]["status"] == result["removed"]["status"] == result["read"]["status"] == 200, result
    calls = api.calls[before:]
    assert [c.method for c in calls] == ["POST", "DELETE", "GET"], "preflights and refusals do not reach the upstream"
    assert all(c.get("x-daypass-web-origin") == world.origin["shop"] for c in calls)
    # What is exposed can be read by the page.
    for name in ("minted", "refused", "written", "read"):
        exposed = result[name]["headers"]
        assert {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-request-id"} <= set(exposed), (name, exposed)


def test_retry_after_can_be_read(shop):
    mid_window(86400, 30)
    result = shop("await ask('/limited'); return await ask('/limited')")
    assert result["status"] == 429 and result["code"] == "RATE_LIMITED"
    assert int(result["headers"]["retry-after"]) > 0 and result["headers"]["x-ratelimit-remaining"] == "0"


def test_another_page_is_refused_and_can_read_why(page, api):
    """`evil` is a web origin of another key of the tenant: it may read refusals, and nothing else with this key."""
    before = len(api.calls)
    result = page("evil", "return [await ask('/quotes'), await ask('/sessions', {method: 'POST'}), await ask('/quotes', post), "
                          "await ask('/quotes', {}, 'pk_live_wrong'), await ask('/quotes', {}, null)]")
    assert [(r["status"], r["code"]) for r in result] == [(403, "ORIGIN_NOT_ALLOWED")] * 3 + [(401, "API_KEY_INVALID"), (401, "API_KEY_REQUIRED")]
    assert all(r["body"]["error"]["message"] for r in result)
    assert len(api.calls) == before


def test_a_page_that_no_key_names_can_read_nothing(page, api):
    before = len(api.calls)
    result = page("nobody", "return [await ask('/quotes'), await ask('/sessions', {method: 'POST'}), await ask('/quotes', post)]")
    assert result == [{"thrown": "TypeError"}] * 3
    simple = page("nobody", "return (await fetch(api + '/quotes', {mode: 'no-cors'})).type")
    assert simple == "opaque" and len(api.calls) == before, "without preflight it is refused all the same"


def test_a_stolen_token_is_of_no_use_on_another_page(shop, page, world, api):
    token = shop("return await mint()")
    before = len(api.calls)
    result = page("evil", "return [await ask('/quotes', post, key, token), await ask('/quotes', post, other, token)]", token=token)
    assert [r["code"] for r in result] == ["ORIGIN_NOT_ALLOWED", "SESSION_INVALID"], result
    assert len(api.calls) == before


def test_a_frame_without_an_origin_of_its_own(shop, world):
    """A sandboxed frame sends `Origin: null`."""
    result = shop("""
      const frame = document.createElement('iframe');
      frame.sandbox = 'allow-scripts';
      const told = new Promise(resolve => addEventListener('message', event => resolve(event.data)));
      frame.srcdoc = `<script>fetch('${api}/quotes', {headers: {Authorization: 'Bearer ${key}'}})
        .then(r => parent.postMessage(String(r.status), '*'), e => parent.postMessage(e.name, '*'))</` + `script>`;
      document.body.append(frame);
      return await told;
    """)
    assert result == "TypeError"


def test_cookies_are_never_asked_for(shop):
    result = shop("""
      try { await fetch(api + '/quotes', {credentials: 'include', headers: {Authorization: `Bearer ${key}`}}); return 'read' }
      catch (error) { return error.name }
    """)
    assert result == "TypeError", "never Access-Control-Allow-Credentials"


def test_revocation_cuts_the_pages_stream(admin, shop, api, browser):
    begun, gone = threading.Event(), []

    def endless(call):
        call.body()
        call.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
        call.chunk(b"data: first\n\n")
        begun.set()
        gone.append(call.wait_gone(20))

    serve(api, endless, "/slow")
    token = shop("return await mint()")
    shop("""
      window.stream = 'open';
      const answer = await fetch(api + '/slow', {...post, headers: {...post.headers, Authorization: `Bearer ${key}`, 'X-Session-Token': token}});
      const reader = answer.body.getReader();
      window.first = new TextDecoder().decode((await reader.read()).value);
      reader.read().then(r => window.stream = r.done ? 'done' : 'more', e => window.stream = e.name);
    """, token=token)
    assert begun.wait(10)
    admin.revoke_session(opened(token)[1]["sid"])
    ended = browser.wait("window.stream !== 'open' && window.stream")
    assert ended == "TypeError", f"the stream looks like it came to its end: {ended}"
    assert browser.evaluate("window.first") == "data: first\n\n"
    eventually(lambda: gone, what="the upstream's end of the stream is closed too")


# The helper


def test_the_helper_is_a_small_module(world):
    answer = world.tenant.ask(target="/.well-known/daypass/client.js")
    assert answer.status == 200 and "javascript" in answer.get("content-type")
    assert len(answer.body) < 2048, len(answer.body)
    assert answer.get("access-control-allow-origin"), "a module of another origin is fetched with CORS"


HELPER = """
const { daypass } = await import(server + '/.well-known/daypass/client.js');
const api_ = daypass({ key, base: api });
const say = async (answer) => ({ status: (answer = await answer).status, code: (await answer.clone().json().catch(() => ({})))?.error?.code });
"""


@pytest.fixture
def helped(shop, world):
    """Runs code in the shop's page with the helper as `api_`."""
    return lambda code, **values: shop(HELPER + code, server=world.tenant.url, **values)


def test_the_helper_reads_and_writes(helped, api):
    before = len(api.calls)
    result = helped("return [await say(api_.fetch('/quotes')), await say(api_.fetch('/quotes', post)), await say(api_.fetch('/quotes/1', {method: 'DELETE'}))]")
    assert [r["status"] for r in result] == [200, 200, 200], result
    sessions = [c.get("x-daypass-session-id") for c in api.calls[before:]]
    assert not sessions[0] and sessions[1] and sessions[1] == sessions[2], "the token is minted with the first write and kept"


def test_the_helper_mints_once_for_concurrent_calls(helped, api):
    before = len(api.calls)
    result = helped("return await Promise.all(Array.from({length: 12}, (_, n) => say(api_.fetch('/quotes', {...post, headers: {}, body: String(n)}))))")
    assert [r["status"] for r in result] == [200] * 12, result
    assert len({c.get("x-daypass-session-id") for c in api.calls[before:]}) == 1


def test_the_helper_gets_a_new_session_after_a_revocation(helped, admin, api, browser):
    """The first answer says that the session is over; the next call has a new one."""
    result = helped("""
      const first = await say(api_.fetch('/quotes', post));
      window.carryOn = new Promise(resolve => window.goOn = resolve);
      window.later = (async () => { await carryOn; return [await say(api_.fetch('/quotes', post)), await say(api_.fetch('/quotes', post))] })();
      return first;
    """)
    assert result["status"] == 200
    admin.revoke_session(api.calls[-1].get("x-daypass-session-id"))
    later = browser.evaluate("(goOn(), later)")
    assert [(r["status"], r.get("code")) for r in later] == [(401, "SESSION_INVALID"), (200, None)], later


@pytest.mark.parametrize("minutes", [5, 60])
def test_the_helper_over_time(start_server, api, pages, browser, tmp_path, minutes):
    """With the clocks of page and server moved alike: renewed after 80 % in the same session, also from an ended token."""
    clock = Clock(tmp_path)
    admin = Admin(start_server(env=clock.environment))
    own = Pages(admin, api, pages, sessionMinutes=minutes)
    browser.open(own.origin["shop"] + "/")
    browser.wait("document.title === 'page'")
    browser.evaluate(own.script(HELPER + """
      const real = Date.now; window.skip = 0; Date.now = () => real() + window.skip * 1000;
      window.write = () => say(api_.fetch('/quotes', post));
      return 0
    """, server=own.tenant.url))

    def write(seconds=0):
        clock.ahead(seconds)
        browser.evaluate(f"window.skip += {seconds}; 0")
        answer = browser.evaluate("write()")
        assert answer["status"] == 200, answer
        return api.calls[-1].get("x-daypass-session-id")

    life = minutes * 60
    first = write()
    assert write(life * 0.7) == first
    assert write(life * 0.2) == first, "renewed before its end, in the same session"
    assert write(life + 240) == first, "renewed after its end"
    assert write(life + 660) != first, "too old to be renewed: a new session, and the write passes all the same"
