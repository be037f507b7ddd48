"""Headless Chromium over its DevTools protocol."""

import itertools
import json
import shutil
import tempfile
import urllib.request

from websockets.sync.client import connect

from .process import Process
from .waiting import eventually


class Chromium:
    """One browser with one page."""

    def __init__(self, *options):
        self.profile = tempfile.mkdtemp(prefix="chromium")
        self.process = Process([
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--remote-debugging-port=0", f"--user-data-dir={self.profile}", "--no-proxy-server", *options, "about:blank",
        ])
        url = self.process.wait_line(self.process.stderr, r"DevTools listening on (ws://\S+)", 40).group(1)
        self.base = url.split("/devtools")[0].replace("ws://", "http://")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        pages = eventually(
            lambda: [p for p in json.load(opener.open(f"{self.base}/json")) if p["type"] == "page"], what="a page"
        )
        self.socket = connect(pages[0]["webSocketDebuggerUrl"], max_size=None, proxy=None)
        self.numbers = itertools.count(1)
        self.log = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv(timeout=20))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            if message["method"] in ("Log.entryAdded", "Runtime.exceptionThrown", "Network.loadingFailed"):
                self.log.append(message)

    def open(self, url):
        result = self.call("Page.navigate", url=url)
        assert not result.get("errorText"), result

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression, timeout=20):
        """Waits until the expression is truthy, and returns its value."""
        try:
            return eventually(lambda: self.evaluate(expression), timeout, 0.1, expression)
        except AssertionError as error:
            page = self.evaluate("document.documentElement.outerHTML")
            raise AssertionError(f"{error}\n{page[:2000]}\n{self.log[-5:]}") from None

    def close(self):
        self.socket.close()
        self.process.kill()
        shutil.rmtree(self.profile, ignore_errors=True)
