"""The browser helper in headless Chromium, against a server that does as the test says: as it is read and as it is
sent. Times are the page's own clock, which the tests move; what has to be waited for is a second at most."""

import json
import re
import shutil
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.chromium import Chromium
from harness.daypass import ROOT
from harness.waiting import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine"),
]

KEY = "pk_live_of_the_tests"
PATH = "/.well-known/daypass/client.js"


def sent():
    """The text that the server sends, from the file it is compiled from."""
    swift = (ROOT / "Sources/SessionModel/Browser/ClientScript.swift").read_text()
    return re.search(r'#"""\n {8}(.*?)\n\n {8}"""#', swift, re.S).group(1) + "\n"


TEXTS = {"read": (ROOT / "Scripts" / "browser-helper.js").read_text(), "sent": sent()}


class Api:
    """`answers` are answered in turn, then 200: a status, or (status, code), or (status, code, fields)."""

    def __init__(self):
        self.text = ""
        self.answers, self.sessions, self.seen = [], [], []
        self.minted = 0
        self.life = timedelta(hours=1)
        self.hold = None
        self.lock = threading.Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                api.respond(self, body)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = any

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def respond(self, request, body):
        if request.path == "/":
            return self.send(request, 200, b'<!doctype html><link rel="icon" href="data:,"><title>page</title>', "text/html")
        if request.path.startswith("/client.js?"):
            return self.send(request, 200, self.text.encode(), "text/javascript")
        path = request.path.removeprefix("/api/v1")
        token = request.headers.get("X-Session-Token")
        with self.lock:
            self.seen.append((request.command, path, token, request.headers.get("Authorization"), body))
            creating = path == "/sessions"
            planned = self.sessions if creating else self.answers
            answer = planned.pop(0) if planned else (201 if creating else 200)
            if creating and answer == 201:
                self.minted += 1
        if creating and self.hold:
            self.hold.wait(10)
        status, code, fields = (*(answer if isinstance(answer, tuple) else (answer,)), None, {})[:3]
        if creating and status == 201:
            end = (datetime.now(timezone.utc) + self.life).isoformat()
            value = {"data": {"sessionToken": f"token{self.minted}", "expiresAt": end}}
        else:
            value = {"error": {"code": code, "message": "No."}} if code else {"ok": True}
        return self.send(request, status, json.dumps(value).encode(), "application/json", fields or {})

    def send(self, request, status, body, kind, fields=None):
        request.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(fields or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def reset(self, text):
        self.text = text
        self.answers, self.sessions, self.seen = [], [], []
        self.minted, self.life, self.hold = 0, timedelta(hours=1), None

    @property
    def calls(self):
        return [(method, path, token) for method, path, token, _, _ in self.seen]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def browser():
    browser = Chromium()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def server_of_api():
    api = Api()
    yield api
    api.close()


@pytest.fixture(params=["read", "sent"])
def api(request, browser, server_of_api):
    server_of_api.reset(TEXTS[request.param])
    browser.open(server_of_api.base + "/")
    browser.wait("document.readyState === 'complete' && document.title === 'page'")
    browser.evaluate(f"""(async () => {{
        const {{ daypass }} = await import('/client.js?' + Math.random());
        const real = Date.now;
        window.skip = 0;
        Date.now = () => real() + window.skip;
        window.api = daypass({{ key: '{KEY}', base: location.origin + '/api/v1' }});
        window.post = (init) => api.fetch('/quotes', {{ method: 'POST', body: 'a quote', ...init }}).then((r) => r.status);
        window.loud = [];
        addEventListener('unhandledrejection', (event) => loud.push(String(event.reason)));
    }})()""")
    yield server_of_api
    assert browser.evaluate("loud") == []


POST, GET, MINT = ("POST", "/quotes"), ("GET", "/quotes/1"), ("POST", "/sessions")


def test_it_is_small_and_plain():
    subprocess.run([sys.executable, ROOT / "Scripts" / "browser-helper.py", "--check"], check=True)
    text = TEXTS["sent"]
    assert len(text.encode()) < 2048
    for word in ("localStorage", "sessionStorage", "indexedDB", "cookie", "eval", "Function", "innerHTML"):
        assert word not in text, word


def test_reads_need_no_token(browser, api):
    assert browser.evaluate("api.fetch('/quotes/1').then((r) => r.json())") == {"ok": True}
    assert api.calls == [(*GET, None)]
    assert api.seen[0][3] == f"Bearer {KEY}"


def test_paths_stay_below_the_base(browser, api):
    browser.evaluate("api.fetch('quotes/1').then((r) => r.status)")
    assert api.calls == [(*GET, None)]
    host = "127.0.0.1:1"
    failed = browser.evaluate(
        "(async () => { const { daypass } = await import('/client.js?' + Math.random());"
        f" const other = daypass({{ key: 'k', base: location.origin }});"
        f" return other.fetch('@{host}/quotes/1').then((r) => r.url) }})()"
    )
    assert failed == f"{api.base}/@{host}/quotes/1"


def test_a_write_creates_a_token_and_the_next_one_uses_it(browser, api):
    assert browser.evaluate("post()") == 200
    assert browser.evaluate("post({ headers: { 'Idempotency-Key': 'one' } })") == 200
    assert api.calls == [(*MINT, None), (*POST, "token1"), (*POST, "token1")]
    assert api.seen[1][4] == b"a quote"
    stores = "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])"
    assert browser.evaluate(stores) == '[{},{},""]', "the token is in memory only"
    assert "token1" not in browser.evaluate("location.href")


def test_concurrent_calls_share_one_creation(browser, api):
    api.hold = threading.Event()
    browser.evaluate("window.all = Promise.all(Array.from({ length: 20 }, () => post())); 0")
    eventually(lambda: api.calls == [(*MINT, None)])
    api.hold.set()
    assert browser.evaluate("all") == [200] * 20
    assert api.minted == 1
    assert api.calls.count((*POST, "token1")) == 20


def test_a_read_gets_a_token_when_the_server_asks_for_one(browser, api):
    api.answers = [(401, "SESSION_REQUIRED")]
    assert browser.evaluate("api.fetch('/quotes/1').then((r) => r.status)") == 200
    assert api.calls == [(*GET, None), (*MINT, None), (*GET, "token1")]
    browser.evaluate("api.fetch('/quotes/1').then((r) => r.status)")
    assert api.calls[3:] == [(*GET, "token1")], "what was learned is remembered"


def test_it_renews_after_four_fifths_of_the_life(browser, api):
    browser.evaluate("post()")
    browser.evaluate("skip = 47 * 60000; 0")
    browser.evaluate("post()")
    assert api.minted == 1
    browser.evaluate("skip = 49 * 60000; 0")
    browser.evaluate("post()")
    assert api.calls == [(*MINT, None), (*POST, "token1"), (*POST, "token1"), (*MINT, "token1"), (*POST, "token2")]


def test_a_renewal_that_fails_is_no_harm_while_the_token_is_good(browser, api):
    browser.evaluate("post()")
    api.sessions = [(500, "INTERNAL")]
    browser.evaluate("skip = 50 * 60000; 0")
    assert browser.evaluate("post()") == 200
    assert api.calls[2:] == [(*MINT, "token1"), (*POST, "token1")]
    assert browser.evaluate("post()") == 200
    assert api.calls[4:] == [(*POST, "token1")], "and it is not tried again at once"
    browser.evaluate("skip = 61 * 60000; 0")
    api.sessions = [(500, "INTERNAL")]
    assert browser.evaluate("post()") == 500, "after its end it is"


def test_a_token_too_old_to_be_renewed_is_forgotten(browser, api):
    browser.evaluate("post()")
    browser.evaluate("skip = 3 * 3600000; 0")
    api.sessions = [(401, "SESSION_EXPIRED")]
    assert browser.evaluate("post()") == 200
    assert api.calls[2:] == [(*MINT, "token1"), (*MINT, None), (*POST, "token2")]


def test_it_repeats_once_when_the_session_has_expired(browser, api):
    browser.evaluate("post()")
    api.answers = [(401, "SESSION_EXPIRED")]
    assert browser.evaluate("post()") == 200
    assert api.calls[2:] == [(*POST, "token1"), (*MINT, "token1"), (*POST, "token2")]
    api.answers = [(401, "SESSION_EXPIRED"), (401, "SESSION_EXPIRED")]
    assert browser.evaluate("post()") == 401
    assert len(api.calls) == 8, "once, not for ever"


@pytest.mark.parametrize("code", ["API_KEY_REVOKED", "SESSION_INVALID", None])
def test_other_refusals_come_back_as_they_are(browser, api, code):
    browser.evaluate("post()")
    api.answers = [(401, code)]
    answer = browser.evaluate("api.fetch('/quotes', { method: 'POST' }).then(async (r) => [r.status, await r.text()])")
    assert answer[0] == 401
    assert len(api.calls) == 3
    if code:
        assert code in answer[1], "with its body unread"
    browser.evaluate("post()")
    assert api.minted == (2 if code == "SESSION_INVALID" else 1), "a token that is not valid is not used again"


def test_a_refused_creation_is_the_answer_of_every_call(browser, api):
    api.sessions = [(403, "ORIGIN_NOT_ALLOWED")] * 3
    answers = browser.evaluate(
        "Promise.all([1, 2, 3].map(() => api.fetch('/quotes', { method: 'POST' })"
        ".then(async (r) => [r.status, (await r.json()).error.code])))"
    )
    assert answers == [[403, "ORIGIN_NOT_ALLOWED"]] * 3
    assert {path for _, path, _ in api.calls} == {"/sessions"}


def test_a_wrong_clock_does_not_create_a_token_for_each_request(browser, api):
    browser.evaluate("skip = 5 * 3600000; 0")
    for _ in range(3):
        assert browser.evaluate("post()") == 200
    assert api.minted == 1


def test_it_waits_as_long_as_retry_after_says(browser, api):
    api.answers = [(429, "RATE_LIMITED", {"Retry-After": "1"})]
    waited = browser.evaluate("(async () => { const t = performance.now(); await api.fetch('/quotes/1'); return performance.now() - t })()")
    assert waited >= 1000
    assert api.calls == [(*GET, None)] * 2
    api.sessions = [(429, "RATE_LIMITED", {"Retry-After": "0"})]
    assert browser.evaluate("post()") == 200
    assert [call[:2] for call in api.calls[2:]] == [MINT, MINT, POST]


def test_it_does_not_wait_for_ever(browser, api):
    api.answers = [(429, "RATE_LIMITED", {"Retry-After": "31"})]
    assert browser.evaluate("api.fetch('/quotes/1').then((r) => r.status)") == 429
    api.answers = [(429, "RATE_LIMITED")]
    assert browser.evaluate("api.fetch('/quotes/1').then((r) => r.status)") == 429, "nothing says how long"
    api.seen.clear()
    api.answers = [(429, "RATE_LIMITED", {"Retry-After": "0"})] * 9
    assert browser.evaluate("api.fetch('/quotes/1').then((r) => r.status)") == 429
    assert len(api.calls) == 4


def test_waiting_can_be_aborted(browser, api):
    api.answers = [(429, "RATE_LIMITED", {"Retry-After": "20"})]
    browser.evaluate(
        "window.stop = new AbortController();"
        "window.result = api.fetch('/quotes/1', { signal: stop.signal }).catch((e) => e.name); 0"
    )
    eventually(lambda: api.calls == [(*GET, None)])
    browser.evaluate("setTimeout(() => stop.abort(), 50); 0")
    assert browser.evaluate("result") == "AbortError"
    assert len(api.calls) == 1


def test_one_caller_that_gives_up_does_not_take_the_token_from_the_others(browser, api):
    api.hold = threading.Event()
    browser.evaluate(
        "window.stop = new AbortController();"
        "window.one = post({ signal: stop.signal }).catch((e) => e.name); window.two = post(); 0"
    )
    eventually(lambda: api.calls == [(*MINT, None)])
    browser.evaluate("stop.abort(); 0")
    assert browser.evaluate("one") == "AbortError"
    api.hold.set()
    assert browser.evaluate("two") == 200
    assert api.calls == [(*MINT, None), (*POST, "token1")]
    assert browser.evaluate("post({ signal: stop.signal }).catch((e) => e.name)") == "AbortError"
    assert len(api.calls) == 2, "nothing is sent for who has given up already"


def test_the_edge_sends_this_text(server, admin):
    tenant = admin.tenant(9, [])
    for host in (tenant.host, f"127.0.0.1:{server.edge_port}"):
        answer = server.api.get(server.edge + PATH, headers={"Host": host})
        assert answer.status_code == 200 and answer.text == TEXTS["sent"]
        assert answer.headers["content-type"].startswith("text/javascript")
