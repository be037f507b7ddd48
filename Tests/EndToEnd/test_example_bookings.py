"""The bookings example as a new user runs it: one script, then a page in Chromium."""

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from harness.chromium import Chromium
from harness.daypass import BINARY, ROOT, clean_environment
from harness.gateway_api import mid_window
from harness.process import Process
from harness.waiting import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine"),
]
FOLDER = ROOT / "Examples" / "bookings"


@pytest.fixture
def example(tmp_path):
    environment = clean_environment(tmp_path, DAYPASS_BIN=str(BINARY), TMPDIR=str(tmp_path))
    process = Process([FOLDER / "run.sh"], env=environment)
    process.page = process.wait_line(process.stdout, r"page +(http://\S+)", 60).group(1)
    process.api = process.wait_line(process.stdout, r"API +(http://\S+)", 5).group(1)
    yield process
    process.stop(20)


@pytest.fixture
def browser():
    browser = Chromium()
    yield browser
    browser.close()


def book(browser, name, date="2026-05-01"):
    browser.evaluate(f"""(() => {{
      const form = document.getElementById('form');
      form.elements.name.value = {name!r}; form.elements.date.value = {date!r};
      form.requestSubmit();
    }})()""")


def listed(browser, name):
    return browser.wait(f"[...document.querySelectorAll('#list li')].some(item => item.textContent.includes({name!r}))")


def test_a_page_books(example, browser):
    browser.open(example.page)
    browser.wait("document.getElementById('list').dataset.ready")
    book(browser, "Ada Lovelace")
    assert listed(browser, "Ada Lovelace")
    book(browser, "<b>Grace</b>")
    assert listed(browser, "<b>Grace</b>"), "text of others is shown as text"
    browser.open(example.page)
    assert listed(browser, "Ada Lovelace"), "it is kept by the API"
    # The key alone, without the page, is refused.
    key = example.wait_line(example.stdout, r"Bearer (pk_test_\w+)", 5).group(1)
    url = example.api.split(" ")[0].replace("bookings.localhost", "127.0.0.1")
    host = example.api.split("/")[2]
    for headers, wanted in (({}, "API_KEY_REQUIRED"), ({"Authorization": f"Bearer {key}"}, "ORIGIN_NOT_ALLOWED"),
                            ({"Authorization": f"Bearer {key}", "Origin": "https://evil.example"}, "ORIGIN_NOT_ALLOWED")):
        answer = httpx.get(url, headers={"Host": host, **headers}, trust_env=False)
        assert answer.json()["error"]["code"] == wanted, answer.text


def test_limits_are_told_in_the_page(example, browser):
    """Twenty writes an hour per visitor: then the page says what the refusal says."""
    mid_window(3600, 60)
    browser.open(example.page)
    browser.wait("document.getElementById('list').dataset.ready")
    for number in range(22):
        browser.wait("!document.getElementById('form').inert")
        book(browser, f"Visitor {number}")
        browser.wait("!document.getElementById('form').inert")
        if "RATE_LIMITED" in browser.evaluate("document.getElementById('status').textContent"):
            break
    else:
        pytest.fail("22 bookings in an hour passed")
    assert number == 20


def test_it_leaves_nothing_behind(example, tmp_path):
    """The admin token is in no output and no command line; after the end no process and no folder is left."""
    token = next(tmp_path.glob("daypass-bookings.*/admin-token"))
    assert token.stat().st_mode & 0o077 == 0
    secret = token.read_text().strip()
    children = [p for p in Path("/proc").iterdir() if p.name.isdigit() and parent(p) == example.pid]
    assert len(children) >= 3
    for process in children:
        with suppress(FileNotFoundError, ProcessLookupError):  # it may have been a short one
            assert secret.encode() not in (process / "cmdline").read_bytes()
    assert secret not in "\n".join(example.stdout + example.stderr)
    assert secret not in "\n".join(f.read_text(errors="replace") for f in tmp_path.glob("daypass-bookings.*/*.log"))
    os.kill(example.pid, signal.SIGTERM)
    assert example.wait(20) == 143
    eventually(lambda: not any(p.exists() for p in children), what="the children are gone")
    assert list(tmp_path.glob("daypass-bookings.*")) == []


def parent(process):
    try:
        return int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return None
