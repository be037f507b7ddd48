"""The web console: who gets in, and its pages in headless Chromium: by keyboard, in both schemes, at any width."""

import re
import shutil

import pytest

from harness.accessible import CONTRAST, SMALL, check_names, screenshots
from harness.console import TOKEN, Browser, Console
from harness.daypass import Server
from harness.waiting import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine"),
]

OWN = {"X-Daypass-Console": "1"}


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    folder = tmp_path_factory.mktemp("console")
    (folder / "token").write_text(TOKEN)
    server = Server(folder / "server", "--admin-token-file", folder / "token")
    console = Console(server)
    console.fill()
    yield console
    console.close()
    server.close_api()
    server.stop()


@pytest.fixture(scope="module")
def shared_browser(console):
    browser = Browser()
    browser.size(1280)
    browser.sign_in(console.base)
    yield browser
    # Nothing may have been kept back by the pages' own policy, nor failed.
    noise = [entry for entry in browser.log if "Content Security Policy" in str(entry) or "exceptionThrown" in str(entry)]
    browser.close()
    assert noise == []


@pytest.fixture
def browser(shared_browser, console):
    shared_browser.size(1280)
    shared_browser.scheme("light")
    return shared_browser


def pages(console):
    return {
        "home": "/console", "tenants": "/console/tenants", "tenant": "/console/tenants/acme-shop",
        "keys": "/console/keys", "key": f"/console/keys/{console.key['id']}", "usage": "/console/usage",
        "refusals": "/console/refusals", "audit": "/console/audit",
    }


def text_of(browser, selector="main"):
    return browser.evaluate(f"document.querySelector({selector!r}).innerText")


# MARK: Files


def test_files_and_their_fields(console):
    with console.server.client() as client:
        page = client.get("/console")
        assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
        assert "needs JavaScript" in page.text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page.text), "nothing inline"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
        assert page.headers["cache-control"] == "no-cache"
        again = client.get("/console", headers={"If-None-Match": page.headers["etag"]})
        assert again.status_code == 304 and again.content == b""
        for name in ("app.js", "console.css", "icon.svg"):
            file = client.get(f"/console/assets/{name}")
            assert file.status_code == 200 and file.headers["content-security-policy"] == policy
            assert not re.search(r"https?://(?!www\.w3\.org|shop\.example|localhost:5173|\*\.example)", file.text), name
        for path in ("/console/assets/none.js", "/console/assets/", "/console/else", "/console/keys/a/b", "/console/../keys"):
            assert client.get(path).status_code == 404, path
        assert client.post("/console").status_code == 405
        assert client.get("/console/sign-in").headers["allow"] == "POST"
        assert client.head("/console").status_code == 200
        assert client.get("/console", headers={"Host": "evil.example"}).status_code == 421


# MARK: Signing in


def sign_in(client, token=TOKEN, **headers):
    return client.post("/console/sign-in", data={"token": token}, headers={**OWN, **headers})


def test_signing_in_and_out(console):
    with console.server.client() as client:
        assert client.get("/console/session", headers=OWN).json() == {"signedIn": False, "expiresAt": None}
        wrong = sign_in(client, "not the token")
        assert wrong.status_code == 401 and "set-cookie" not in wrong.headers
        right = sign_in(client)
        assert right.status_code == 200 and right.json()["signedIn"] is True
        cookie = right.headers["set-cookie"]
        assert re.fullmatch(
            r"daypass_console=[0-9a-z]{31}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict", cookie
        ), cookie
        assert TOKEN not in right.text + cookie
        assert client.get("/console/session", headers=OWN).json()["signedIn"] is True
        assert client.get("/tokens", headers=OWN).status_code == 200
        kept = client.cookies["daypass_console"]
        assert client.post("/console/sign-out", headers=OWN).status_code == 200
        assert client.cookies.get("daypass_console") is None
        after = client.get("/tokens", headers={**OWN, "Cookie": f"daypass_console={kept}"})
        assert after.status_code == 401


@pytest.mark.parametrize("fields, status", [
    ({}, 401),
    ({"X-Daypass-Console": "0"}, 401),
    ({**OWN, "Origin": "https://evil.example"}, 403),
    ({**OWN, "Origin": "null"}, 403),
    ({**OWN, "Sec-Fetch-Site": "cross-site"}, 403),
    ({**OWN, "Sec-Fetch-Site": "same-site"}, 403),
    ({**OWN, "Sec-Fetch-Site": "none"}, 403),
    ({**OWN, "Host": "evil.example"}, 421),
    ({**OWN, "Sec-Fetch-Site": "same-origin"}, 200),
])
def test_the_cookie_alone_is_no_credential(console, fields, status):
    """A page of another origin can make the browser send the cookie, but not together with the rest."""
    with console.server.client() as client:
        assert sign_in(client).status_code == 200
        assert client.get("/tokens", headers=fields).status_code == status
        if status in (403, 421):
            assert sign_in(client, **fields).status_code == status
            assert client.post("/console/sign-out", headers=fields).status_code == status


def test_apps_never_see_the_cookie(shared):
    """Browsers send it to every port of the host; the edge keeps it to itself."""
    before = len(shared.app.calls)
    cookie = f"theirs=1; daypass_console={'a' * 31}; other=2"
    answer = shared.server.api.get(f"{shared.server.edge}/s/{shared.slug}/cookie-check", headers={"Cookie": cookie})
    assert answer.status_code < 500
    seen = [value for call in shared.app.calls[before:] for value in call.all("cookie")]
    assert seen and "daypass_console" not in str(seen) and "theirs=1" in str(seen)


def test_guessing_the_token_is_slowed_down(start_server, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    server = start_server("--admin-token-file", tmp_path / "token")
    with server.client() as client:
        statuses = [sign_in(client, f"guess {n}").status_code for n in range(25)]
        assert statuses[0] == 401 and statuses[-1] == 429
        refused = sign_in(client)
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 0, "the right one as well"
    with server.client() as client:
        too_much = client.post("/console/sign-in", headers=OWN, data={"token": "x" * 5000})
        assert too_much.status_code == 413
        assert client.post("/console/sign-in", headers=OWN, json={"token": TOKEN}).status_code == 415


def test_a_restart_signs_everybody_out(start_server, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    server = start_server("--admin-token-file", tmp_path / "token")
    with server.client() as client:
        sign_in(client)
        cookie = {"Cookie": f"daypass_console={client.cookies['daypass_console']}", **OWN}
        assert client.get("/tokens", headers=cookie).status_code == 200
    server.stop()
    server = server.restarted()
    try:
        with server.client() as client:
            assert client.get("/tokens", headers=cookie).status_code == 401
    finally:
        server.stop()


def test_a_person_signs_in(console):
    browser = Browser()
    try:
        browser.size(1280)
        browser.open(console.base + "/console/keys")
        browser.wait("document.activeElement?.type === 'password'")
        browser.type("wrong")
        browser.key("Enter")
        browser.wait("!!document.querySelector('[role=alert]')")
        assert "not the admin token" in text_of(browser)
        assert browser.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
        browser.evaluate("document.activeElement.value = ''")
        browser.type(TOKEN)
        browser.key("Enter")
        browser.wait_page("Keys")
        assert browser.evaluate("JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }])") == '["",{},{}]'
        assert TOKEN not in browser.evaluate("location.href + document.documentElement.outerHTML")
        # The sign-in ends elsewhere; the page asks for it again and goes on where it was.
        browser.evaluate("fetch('/console/sign-out', { method: 'POST', headers: { 'X-Daypass-Console': '1' } }).then(() => 0)")
        browser.press("Usage")
        browser.wait("!!document.querySelector('.sign-in')")
        assert "Your sign-in has ended" in text_of(browser)
        browser.type(TOKEN)
        browser.key("Enter")
        browser.wait_page("Usage")
        browser.press("Sign out")
        browser.wait("!!document.querySelector('.sign-in')")
        assert "You have signed out" in text_of(browser)
    finally:
        browser.close()


# MARK: Pages


def test_home(browser, console):
    session = console.server.create(port=4000)
    browser.go(console.base, "/console", "Home")
    assert session["slug"] in text_of(browser)
    browser.evaluate(f"document.querySelector('[aria-label=\"Pause {session['slug']}\"]').click()")
    browser.wait(f"!!document.querySelector('[aria-label=\"Resume {session['slug']}\"]')")
    assert console.server.api.get(f"/sessions/{session['sessionId']}").json()["status"] == "paused"
    assert browser.evaluate("document.activeElement.getAttribute('aria-label')") == f"Resume {session['slug']}"
    browser.evaluate(f"document.querySelector('[aria-label=\"Close {session['slug']}\"]').click()")
    browser.wait("!!document.querySelector('dialog[open]')")
    assert browser.evaluate("document.activeElement.textContent") == "Cancel", "the harmless one first"
    browser.press("Close for good")
    browser.wait(f"!document.querySelector('main').innerText.includes({session['slug']!r})")
    assert console.server.api.get(f"/sessions/{session['sessionId']}").json()["status"] == "closed"
    browser.evaluate("document.getElementById('show-ended').click()")
    browser.wait(f"document.querySelector('main').innerText.includes({session['slug']!r})")
    # What changes elsewhere appears by itself.
    later = console.server.create(port=4001)
    browser.evaluate("document.activeElement.blur()")
    browser.wait(f"document.querySelector('main').innerText.includes({later['slug']!r})")


def test_tenants(browser, console):
    browser.go(console.base, "/console/tenants", "Tenants")
    assert "Suspended" in text_of(browser)
    browser.press("acme-shop")
    browser.wait_page("acme-shop")
    assert browser.evaluate("location.pathname") == "/console/tenants/acme-shop"
    assert browser.evaluate("document.activeElement.textContent") == "acme-shop", "the focus is at the page's title"
    assert "/quotes/{id}" in text_of(browser) and "writes from browsers" in text_of(browser)
    browser.press("Suspend…")
    browser.press("Suspend", "document.querySelector('dialog')")
    browser.wait("document.querySelector('.page-head .badge').textContent === 'Suspended'")
    assert console.call("GET", "/admin/v1/tenants/acme-shop")["status"] == "suspended"
    browser.press("Activate")
    browser.wait("document.querySelector('.page-head .badge').textContent === 'Active'")
    browser.press("Other status…")
    browser.fill("Status", "past_due")
    browser.press("Change status")
    browser.wait("document.querySelector('.page-head .badge').textContent === 'Past due'")
    browser.press("Activate")
    browser.wait("document.querySelector('.page-head .badge').textContent === 'Active'")
    assert console.call("GET", "/admin/v1/tenants/acme-shop")["status"] == "active"
    browser.go(console.base, "/console/tenants/nobody-here", "Not found")
    assert browser.evaluate("!!document.querySelector('main [role=alert]')")


def test_a_key_from_creation_to_revocation(browser, console):
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    browser.go(console.base, "/console/keys", "Keys")
    browser.press("Create key…")
    browser.wait("!!document.querySelector('dialog[open]')")
    browser.fill("Tenant", "acme-shop")
    browser.fill("Name", "Checkout <b>page</b>")
    browser.fill("Web origins", "https://shop.example.com\nhttps://shop.example.com/path")
    browser.press("quotes:write")
    browser.press("Create key")
    browser.wait("!!document.querySelector('dialog [aria-invalid=true]')")
    # The refusal stands at its field, and the focus is there.
    assert browser.evaluate("document.activeElement.name") == "webOrigins"
    described = browser.evaluate(
        "document.activeElement.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id).textContent).join(' ')"
    )
    assert "https://shop.example.com/path" in described
    browser.fill("Web origins", "https://shop.example.com")
    browser.press("Create key")
    browser.wait("!!document.querySelector('.secret')")
    secret = text_of(browser, ".secret")
    assert re.fullmatch(r"pk_live_[0-9A-Za-z]{36}", secret)
    browser.key("Escape")
    browser.key("Escape")
    assert text_of(browser, ".secret") == secret, "no stray key takes it away"
    browser.press("Copy key")
    browser.wait("document.querySelector('dialog [role=status]').textContent.includes('Copied')")
    assert browser.evaluate("navigator.clipboard.readText()") == secret
    browser.press("I have stored it")
    browser.wait("!document.querySelector('dialog') && document.querySelector('main').innerText.includes('Checkout')")
    assert secret not in browser.evaluate("document.documentElement.outerHTML")
    assert "Checkout <b>page</b>" in text_of(browser), "names are text, never markup"
    assert browser.evaluate("document.querySelector('main b') === null")

    browser.press("Checkout <b>page</b>")
    browser.wait_page("Checkout <b>page</b>")
    key = browser.evaluate("location.pathname.split('/').pop()")
    browser.press("Edit…")
    browser.wait("!!document.querySelector('dialog[open]')")
    browser.fill("Web origins", "https://shop.example.com\nhttps://*.example.org")
    browser.press("Save")
    browser.wait("document.querySelector('main').innerText.includes('https://*.example.org')")
    assert console.call("GET", f"/admin/v1/keys/{key}")["webOrigins"] == ["https://shop.example.com", "https://*.example.org"]

    browser.press("Rotate…")
    browser.press("Rotate", "document.querySelector('dialog')")
    browser.wait("!!document.querySelector('.secret')")
    fresh = text_of(browser, ".secret")
    assert fresh != secret
    browser.press("I have stored it")
    browser.wait("document.querySelector('main').innerText.includes('works until')")
    record = console.call("GET", f"/admin/v1/keys/{key}")
    assert record["key"] == f"{fresh[:8]}…{fresh[-4:]}" and record["previous"]["key"].endswith(secret[-4:])

    browser.press("Revoke…")
    browser.press("Cancel")
    assert console.call("GET", f"/admin/v1/keys/{key}")["revokedAt"] is None
    browser.press("Revoke…")
    browser.press("Revoke for good")
    browser.wait("document.querySelector('.page-head .badge').textContent === 'Revoked'")
    assert console.call("GET", f"/admin/v1/keys/{key}")["revokedAt"]
    assert "Edit…" not in text_of(browser)


def test_keys_by_pages(browser, console):
    for number in range(25):
        console.make_key(f"Page {number}", tenant="north-wind")
    browser.go(console.base, "/console/keys?tenant=north-wind", "Keys")
    rows = "document.querySelectorAll('tbody tr').length"
    assert browser.evaluate(rows) == 20
    browser.press("Show more keys")
    browser.wait(f"{rows} === 26")
    assert browser.evaluate("document.activeElement.closest('tr').rowIndex") == 21, "the focus is at the first new one"
    browser.fill("Tenant", "acme-shop")
    browser.wait(f"{rows} < 20 && location.search === '?tenant=acme-shop'")
    assert "north-wind" not in text_of(browser, "tbody")


def test_usage(browser, console):
    browser.go(console.base, "/console/usage", "Usage")
    browser.wait("!!document.querySelector('.chart svg')")
    counts = browser.evaluate("[...document.querySelectorAll('details tbody tr')].map((r) => [...r.cells].slice(1).map((c) => Number(c.textContent.replace(/,/g, ''))))")
    assert len(counts) == 24
    total = sum(map(sum, counts))
    assert total > 0
    name = browser.evaluate("document.querySelector('.chart svg').getAttribute('aria-label')")
    assert name.startswith("Last 24 hours")
    numbers = [int(each.replace(",", "")) for each in re.findall(r"\d[\d,]*", name)[1:]]
    assert sum(numbers) == total
    bars = browser.evaluate("document.querySelectorAll('.chart rect.passed, .chart rect.refused').length")
    assert bars == sum(1 for pair in counts for each in pair if each)
    browser.fill("Time", "30d")
    browser.wait("document.querySelectorAll('details tbody tr').length === 30 && location.search === '?range=30d'")
    browser.fill("Tenant", "north-wind")
    browser.wait("document.querySelector('main').innerText.includes('No requests in this time')")


def test_refusals(browser, console):
    codes = {each["code"] for each in console.call("GET", "/admin/v1/refusals")["refusals"]}
    assert {"ORIGIN_NOT_ALLOWED", "API_KEY_INVALID"} <= codes
    browser.go(console.base, "/console/refusals", "Recent refusals")
    assert {*browser.evaluate("[...document.querySelectorAll('.refusal h2')].map((e) => e.textContent)")} == codes
    assert text_of(browser).count("What to do:") == browser.evaluate("document.querySelectorAll('.refusal').length")
    browser.fill("Code", "ORIGIN_NOT_ALLOWED")
    browser.wait("new Set([...document.querySelectorAll('.refusal h2')].map((e) => e.textContent)).size === 1")
    assert "add its exact web origin to the key" in text_of(browser)
    browser.open(console.base + browser.evaluate("location.pathname + location.search"))
    browser.wait_page("Recent refusals")
    assert browser.evaluate("document.querySelector('[name=code]').value") == "ORIGIN_NOT_ALLOWED", "filters are in the address"


def test_audit(browser, console):
    browser.go(console.base, "/console/audit", "Audit")
    assert "admin" in text_of(browser) and "acme-shop" in text_of(browser)
    browser.fill("Show", "100")
    browser.fill("About", "all")
    browser.wait("document.querySelector('main').innerText.includes('sess_')")


def test_an_unknown_page_and_back_and_forth(browser, console):
    browser.go(console.base, "/console", "Home")
    browser.press("Keys")
    browser.wait_page("Keys")
    browser.press("Audit")
    browser.wait_page("Audit")
    browser.evaluate("history.back()")
    browser.wait_page("Keys")
    assert browser.evaluate("document.title") == "Keys · Daypass console"
    assert browser.evaluate("document.querySelector('nav [aria-current=page]').textContent") == "Keys"
    assert browser.evaluate("performance.getEntriesByType('resource').every((e) => new URL(e.name).origin === location.origin)")


# MARK: For everybody

@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_for_everybody(browser, console, tmp_path_factory, scheme, width):
    folder = screenshots(tmp_path_factory)
    browser.size(width, 800, mobile=width == 360)
    browser.scheme(scheme, motion="reduce")
    for name, path in pages(console).items():
        browser.go(console.base, path)
        where = f"{name}, {scheme}, {width}"
        browser.screenshot(folder / f"{name}-{scheme}-{width}.png")
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), where
        assert browser.evaluate(CONTRAST) == [], where
        if width == 360:
            browser.press("Menu")
            browser.wait("document.querySelector('nav').checkVisibility()")
            assert browser.evaluate(SMALL) == [], where
        check_names(browser, where)
    print(f"screenshots in {folder}")


def test_no_page_is_wider_than_the_screen(browser, console):
    """On either side of every width at which the layout changes."""
    for name, path in pages(console).items():
        browser.go(console.base, path)
        for width in (320, 703, 705, 959, 961, 1024, 1920):
            browser.size(width, 800)
            wide = browser.wait("innerWidth === " + str(width) + " && [document.documentElement.scrollWidth, innerWidth]")
            assert wide[0] <= wide[1], (name, width)
            clipped = browser.evaluate(
                "[...document.querySelectorAll('section')].filter((s) => s.scrollWidth > s.clientWidth + 1).length"
            )
            assert clipped == 0, (name, width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("where, button", [("keys", "Create key…"), ("key", "Edit…"), ("key", "Rotate…"), ("key", "Revoke…")])
def test_every_dialog_for_everybody(browser, console, tmp_path_factory, scheme, width, where, button):
    browser.size(width, 800, mobile=width == 360)
    browser.scheme(scheme, motion="reduce")
    browser.go(console.base, pages(console)[where])
    browser.press(button)
    browser.wait("!!document.querySelector('dialog[open]')")
    name = button.strip("…").replace(" ", "-").lower()
    browser.screenshot(screenshots(tmp_path_factory) / f"dialog-{name}-{scheme}-{width}.png", full=False)
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert browser.evaluate("(() => { const d = document.querySelector('dialog'); return d.scrollWidth <= d.clientWidth; })()")
    assert browser.evaluate(CONTRAST) == []
    if width == 360:
        small = SMALL.replace("document.querySelectorAll", "document.querySelector('dialog').querySelectorAll")
        assert browser.evaluate(small) == []
    check_names(browser, button)
    # The focus goes round inside, and Escape gives it back to the button that opened the dialog.
    for _ in range(40):
        browser.key("Tab")
        # Between two rounds the browser's own controls have it (the page's body, as the page sees it).
        assert browser.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    browser.key("Escape")
    browser.wait("!document.querySelector('dialog')")
    assert browser.evaluate("document.activeElement.textContent") == button


def test_by_keyboard(browser, console):
    browser.go(console.base, "/console", "Home")
    browser.key("Tab")
    assert browser.evaluate("document.activeElement.textContent") == "Skip to content"
    browser.wait("document.activeElement.getBoundingClientRect().top >= 0")
    order = []
    for _ in range(10):
        browser.key("Tab")
        ring = browser.evaluate("(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.outlineWidth; })()")
        assert ring == "solid3px", browser.evaluate("document.activeElement.outerHTML")
        order.append(browser.evaluate("document.activeElement.textContent.trim()"))
    assert order == [
        "Daypass", "Home", "Tenants", "Keys", "Usage", "Refusals", "Organizations", "Chains", "Audit", "Sign out",
    ]
    # To a page and to its content, without a mouse.
    browser.evaluate("document.querySelector('nav a[data-name=tenants]').focus()")
    browser.key("Enter")
    browser.wait_page("Tenants")

    def skip():
        browser.evaluate("document.querySelector('.skip').focus()")
        browser.key("Enter")
        return browser.evaluate("document.activeElement.id") == "content"

    eventually(skip)
    browser.size(360, 800, mobile=True)
    browser.wait("document.querySelector('.menu').checkVisibility()")
    browser.evaluate("document.querySelector('.menu').focus()")
    browser.key("Enter")
    browser.wait("document.querySelector('.menu').getAttribute('aria-expanded') === 'true'")
    browser.key("Tab")
    assert browser.evaluate("document.activeElement.textContent") == "Home"
    browser.key("Escape")
    assert browser.evaluate("document.activeElement.className + document.activeElement.getAttribute('aria-expanded')") == "menufalse"


def test_nothing_moves_for_those_who_do_not_want_it(browser, console):
    browser.scheme("light", motion="reduce")
    browser.go(console.base, "/console")
    moving = "[...document.querySelectorAll('*')].filter((e) => parseFloat(getComputedStyle(e).transitionDuration) > 0 || getComputedStyle(e).animationName !== 'none').length"
    assert browser.evaluate(moving) == 0


def test_without_javascript(console):
    browser = Browser()
    try:
        browser.call("Emulation.setScriptExecutionDisabled", value=True)
        browser.open(console.base + "/console")
        eventually(lambda: any("needs JavaScript" in name for _, name, _ in browser.accessibility()), 10)
    finally:
        browser.close()
