"""The console's pages about wallets in headless Chromium: organizations, tokens, wallets, chains, sessions, audit."""

import re
import shutil
import time

import pytest

from harness.accessible import CONTRAST, SMALL, check_names, screenshots
from harness.chain_node import ChainNode
from harness.console import TOKEN, Browser
from harness.daypass import Server
from harness.later import Clock
from harness.wallets import START, Organization, Wallets, fixture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine"),
]
GOOD = fixture("03-")


class Filled:
    """A server with an organization that has lent its wallet. `base` is the console's address."""

    def __init__(self, folder):
        (folder / "token").write_text(TOKEN)
        clock = Clock(folder)
        clock.move(START.timestamp() - time.time())
        self.server = Server(folder / "server", "--admin-token-file", folder / "token", env=clock.environment)
        self.base = self.server.control
        self.wallets = Wallets(self.server, TOKEN)
        self.node = ChainNode(84532)
        self.wallets.call("PUT", "/chains/84532", {"name": "Base Sepolia", "nodeUrl": f"{self.node.url}/84532"})
        self.wallets.chain(11155420)
        record = self.wallets.call("POST", "/organizations", {"name": "Treasury", "allowWildcard": True}, 201)
        self.organization = Organization(self.wallets, record)
        self.organization.wallet(None, "opaque")
        self.sessions = [
            self.organization.create(source, workflowId="payroll")["sessions"][0]["id"]
            for source in (GOOD, fixture("01-"), fixture("16-"))
        ]
        opaque = self.organization.wallet(None, "opaque")
        installs = [{"chainId": 84532, "serialized": "another vendor's"}]
        body = self.organization.body(GOOD, walletId=opaque, installs=installs)
        self.opaque = self.organization.create(body=body)["sessions"][0]["id"]

    @property
    def pages(self):
        organization = self.organization.id
        return {
            "organizations": "/console/organizations", "organization": f"/console/organizations/{organization}",
            "wallet-session": f"/console/wallet-sessions/{self.sessions[0]}?org={organization}",
            "opaque-session": f"/console/wallet-sessions/{self.opaque}?org={organization}",
            "wallet-audit": f"/console/wallet-audit/{organization}", "chains": "/console/chains",
        }

    def close(self):
        self.organization.close()
        self.wallets.close()
        self.server.close_api()
        self.server.stop()
        self.node.close()


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    filled = Filled(tmp_path_factory.mktemp("console"))
    yield filled
    filled.close()


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
def browser(shared_browser):
    shared_browser.size(1280)
    shared_browser.scheme("light")
    return shared_browser


def text_of(browser, selector="main"):
    return browser.evaluate(f"document.querySelector({selector!r}).innerText")


def choose(browser, words):
    """Presses the option of a form with these words."""
    found = browser.evaluate(
        "(() => { const l = [...document.querySelectorAll('dialog .option')].find((l) => l.textContent.startsWith("
        f"{words!r})); if (!l) return false; l.querySelector('input').click(); return true; }})()"
    )
    assert found, words


def test_an_organization_from_creation_to_its_token(browser, console):
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    browser.go(console.base, "/console/organizations", "Organizations")
    assert "Treasury" in text_of(browser) and "any contract" in text_of(browser)
    browser.press("Create organization…")
    browser.wait("!!document.querySelector('dialog[open]')")
    browser.press("Create organization", "document.querySelector('dialog')")
    browser.wait("!!document.querySelector('dialog [aria-invalid=true]')")
    assert browser.evaluate("document.activeElement.name") == "name", "the refusal stands at its field"
    browser.fill("Name", "Payroll <b>&co</b>")
    choose(browser, "allow delegate calls")
    browser.press("Create organization", "document.querySelector('dialog')")
    browser.wait("document.querySelector('main').innerText.includes('Payroll <b>')")
    assert browser.evaluate("document.querySelector('main b') === null"), "names are text, never markup"
    browser.press("Payroll <b>&co</b>")
    browser.wait_page("Payroll <b>&co</b>")
    organization = browser.evaluate("location.pathname.split('/').pop()")
    assert "delegate calls" in text_of(browser) and "There are no tokens yet" in text_of(browser)
    assert browser.evaluate("document.querySelector('nav [aria-current=page]').textContent") == "Organizations"

    browser.press("Create token…")
    browser.wait("!!document.querySelector('dialog[open]')")
    browser.fill("Label", "the bot")
    choose(browser, "write")
    browser.press("Create token", "document.querySelector('dialog')")
    browser.wait("!!document.querySelector('.secret')")
    secret = text_of(browser, ".secret")
    assert re.fullmatch(r"dpo_[a-z0-9]{40}", secret)
    browser.key("Escape")
    browser.key("Escape")
    assert text_of(browser, ".secret") == secret, "no stray key takes it away"
    browser.press("Copy token")
    browser.wait("document.querySelector('dialog [role=status]').textContent.includes('Copied')")
    assert browser.evaluate("navigator.clipboard.readText()") == secret
    browser.press("I have stored it")
    browser.wait("!document.querySelector('dialog') && document.querySelector('main').innerText.includes('the bot')")
    assert secret not in browser.evaluate("document.documentElement.outerHTML")
    with console.server.client(secret) as client:
        assert client.get(f"/v1/organizations/{organization}/sessions").status_code == 200
        browser.evaluate("document.querySelector('[aria-label=\"Revoke the bot\"]').click()")
        browser.wait("!!document.querySelector('dialog[open]')")
        assert browser.evaluate("document.activeElement.textContent") == "Cancel", "the harmless one first"
        browser.press("Revoke for good")
        browser.wait("document.querySelector('main').innerText.includes('Revoked')")
        assert client.get(f"/v1/organizations/{organization}/sessions").status_code == 401

    browser.press("Register wallet…")
    browser.wait("!!document.querySelector('dialog[open]')")
    browser.fill("Name", "Main wallet")
    browser.fill("Address", "0x1234")
    browser.press("Register wallet", "document.querySelector('dialog')")
    browser.wait("!!document.querySelector('dialog [aria-invalid=true]')")
    assert browser.evaluate("document.activeElement.name") == "address"
    browser.fill("Address", GOOD.account)
    browser.press("Register wallet", "document.querySelector('dialog')")
    browser.wait("document.querySelector('main').innerText.includes('Main wallet')")
    assert GOOD.account in text_of(browser)

    browser.press("Edit…")
    browser.wait("!!document.querySelector('dialog[open]')")
    browser.fill("Name", "Payroll")
    browser.press("Save")
    browser.wait_page("Payroll")
    assert console.wallets.call("GET", f"/organizations/{organization}")["allowDelegatecall"] is True


def test_a_session_and_its_revocation(browser, console):
    organization = console.organization.id
    browser.go(console.base, f"/console/organizations/{organization}", "Treasury")
    session = console.sessions[1]
    assert all(each in text_of(browser) for each in [*console.sessions, console.opaque])
    browser.press(session)
    browser.wait_page(session)
    shown = console.organization.api.get(f"{console.organization.path}/sessions/{session}").json()
    words = text_of(browser)
    assert shown["proven"]["owner"] in words and shown["proven"]["permissionId"] in words
    assert all(warning["message"] in words for warning in shown["warnings"])
    assert all(rule["text"] in words for rule in shown["rules"])
    assert "The chain" in words
    browser.press("Revoke…")
    browser.press("Cancel")
    assert console.organization.api.get(f"{console.organization.path}/sessions/{session}").json()["state"] == "active"
    browser.press("Revoke…")
    browser.press("Revoke for good")
    browser.wait("document.querySelector('.page-head .badge').textContent === 'Revoked'")
    assert console.organization.api.get(f"{console.organization.path}/sessions/{session}").json()["state"] == "revoked"
    assert "Revoke…" not in text_of(browser)
    browser.press("Treasury")
    browser.wait_page("Treasury")
    assert session not in text_of(browser)
    browser.go(console.base, f"/console/wallet-sessions/{console.opaque}?org={organization}", console.opaque)
    assert "the wallet is opaque" in text_of(browser)
    browser.go(console.base, f"/console/wallet-sessions/ws_zzzzzzzzzzz0?org={organization}", "Not found")


def test_sessions_by_pages(browser, console):
    record = console.wallets.organization()
    opaque = record.wallet(None, "opaque")
    for number in range(22):
        record.create(GOOD, walletId=opaque, installs=[{"chainId": 84532, "serialized": f"delegation {number}"}])
    browser.go(console.base, f"/console/organizations/{record.id}")
    rows = "document.querySelector('section table tbody').rows.length"
    assert browser.evaluate(rows) == 20
    browser.press("Show more sessions")
    browser.wait(f"{rows} === 22")
    assert browser.evaluate("document.activeElement.closest('tr').rowIndex") == 21, "the focus is at the first new one"
    record.close()


def test_chains(browser, console):
    browser.go(console.base, "/console/chains", "Chains")
    assert f"{console.node.url}/…" in text_of(browser) and "84532/84532" not in text_of(browser)
    browser.press("Add chain…")
    browser.wait("!!document.querySelector('dialog[open]')")
    browser.fill("Chain", "1e3")
    browser.press("Add chain", "document.querySelector('dialog')")
    browser.wait("!!document.querySelector('dialog [aria-invalid=true]')")
    browser.fill("Chain", "8453")
    browser.fill("Name", "Base")
    browser.fill("Node", "ftp://node.example")
    browser.press("Add chain", "document.querySelector('dialog')")
    browser.wait("document.activeElement.name === 'nodeUrl'")
    browser.fill("Node", "https://node.example/v3/providers-key")
    browser.press("Add chain", "document.querySelector('dialog')")
    browser.wait("!document.querySelector('dialog') && document.querySelector('main').innerText.includes('https://node.example/…')")
    assert "providers-key" not in browser.evaluate("document.documentElement.outerHTML")
    browser.evaluate("document.querySelector('[aria-label=\"Delete Base\"]').click()")
    browser.press("Delete", "document.querySelector('dialog')")
    browser.wait("!document.querySelector('main').innerText.includes('node.example')")


def test_audit(browser, console):
    organization = console.organization.id
    browser.go(console.base, f"/console/organizations/{organization}")
    browser.press("Audit trail")
    browser.wait_page("Audit trail of Treasury")
    assert "session.created" in text_of(browser)
    browser.press("Verify")
    browser.wait("!!document.querySelector('#verdict [role=status]')")
    count = len(console.wallets.call("GET", f"/wallet-audit/{organization}?limit=1000")["records"])
    assert f"All {count} records are whole." in text_of(browser, "#verdict")
    browser.go(console.base, "/console/wallet-audit/server")
    assert "organization.created" in text_of(browser) and "chain.set" in text_of(browser)


# MARK: For everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_for_everybody(browser, console, tmp_path_factory, scheme, width):
    folder = screenshots(tmp_path_factory)
    browser.size(width, 800, mobile=width == 360)
    browser.scheme(scheme, motion="reduce")
    for name, path in console.pages.items():
        browser.go(console.base, path)
        if name == "wallet-audit":
            browser.press("Verify")
            browser.wait("!!document.querySelector('#verdict [role=status]')")
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("where, button", [
    ("organizations", "Create organization…"), ("organization", "Edit…"), ("organization", "Create token…"),
    ("organization", "Register wallet…"), ("wallet-session", "Revoke…"), ("chains", "Add chain…"),
])
def test_every_dialog_for_everybody(browser, console, tmp_path_factory, scheme, width, where, button):
    browser.size(width, 800, mobile=width == 360)
    browser.scheme(scheme, motion="reduce")
    browser.go(console.base, console.pages[where])
    browser.press(button)
    browser.wait("!!document.querySelector('dialog[open]')")
    name = button.strip("…").replace(" ", "-").lower()
    browser.screenshot(screenshots(tmp_path_factory) / f"dialog-{where}-{name}-{scheme}-{width}.png", full=False)
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert browser.evaluate("(() => { const d = document.querySelector('dialog'); return d.scrollWidth <= d.clientWidth; })()")
    assert browser.evaluate(CONTRAST) == []
    if width == 360:
        small = SMALL.replace("document.querySelectorAll", "document.querySelector('dialog').querySelectorAll")
        assert browser.evaluate(small) == []
    check_names(browser, button)
    # The focus stays inside, and Escape gives it back to the button that opened the dialog.
    for _ in range(20):
        browser.key("Tab")
        assert browser.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    browser.key("Escape")
    browser.wait("!document.querySelector('dialog')")
    assert browser.evaluate("document.activeElement.textContent") == button
