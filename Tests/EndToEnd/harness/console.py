"""The web console of a server, with something to show in it."""

import httpx

from .chromium import Chromium

TOKEN = "admin-token-of-the-console-tests"

TENANT = {
    "slug": "acme-shop", "hosts": ["api.acme.localhost"], "upstream": "http://127.0.0.1:9",
    "modules": ["quotes"], "sessionMinutes": 30, "default": True,
    "routes": [
        {"methods": ["GET"], "path": "/quotes/{id}", "scope": "quotes:read"},
        {"methods": ["POST"], "path": "/quotes", "scope": "quotes:write", "module": "quotes", "idempotency": "optional"},
        {"methods": ["GET", "PUT"], "path": "/files/**", "scope": "files", "session": "always", "limitClass": "files"},
    ],
}
OTHER = {"slug": "north-wind", "hosts": ["wind.localhost"], "upstream": "https://api.north.example/v2"}


class Console:
    """`base` is the address of the console; `api` an HTTP client with the admin token."""

    def __init__(self, server):
        self.server = server
        self.base = server.control
        self.api = httpx.Client(base_url=self.base, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False)

    def call(self, method, path, body=None, status=200):
        answer = self.api.request(method, path, json=body)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        return answer.json()

    def make_key(self, name, tenant="acme-shop", **fields):
        body = {"tenant": tenant, "name": name, "scopes": ["quotes:read", "quotes:write"], **fields}
        if body.get("kind") != "secret":
            body.setdefault("webOrigins", ["https://shop.example.com", "http://localhost:5173"])
        return self.call("POST", "/admin/v1/keys", body, 201)

    def fill(self):
        """Two tenants, some keys, an open session, and what traffic leaves behind."""
        self.call("POST", "/admin/v1/tenants", TENANT, 201)
        self.call("POST", "/admin/v1/tenants", OTHER, 201)
        self.call("POST", "/admin/v1/tenants/north-wind/status", {"status": "suspended"})
        self.key = self.make_key("Shop, production")
        self.make_key("Warehouse", kind="secret")
        self.make_key("Preview pages", mode="test", channels="both")
        self.make_key("Wind", tenant="north-wind", webOrigins=["https://*.north.example"])
        self.session = self.server.create(port=3000)
        self.traffic()

    def traffic(self):
        # Through the gateway: some requests are refused for their key, their origin and their speed. What passes is
        # answered 502, because nothing listens upstream.
        origin = {"Origin": "https://shop.example.com", "Authorization": f"Bearer {self.key['secret']}"}
        with httpx.Client(base_url=self.server.edge, trust_env=False) as client:
            for _ in range(6):
                client.get("/api/v1/quotes/7", headers=origin)
            client.post("/api/v1/quotes", headers=origin)
            client.get("/api/v1/quotes/7", headers={**origin, "Origin": "https://elsewhere.example"})
            client.get("/api/v1/quotes/7", headers={**origin, "Authorization": "Bearer nonsense"})

    def close(self):
        self.api.close()


class Browser(Chromium):
    """A browser that is looked at in both schemes and at any width, and pressed like a person would."""

    def __init__(self, *options):
        super().__init__(*options)
        self.call("Accessibility.enable")
        self.call("DOM.enable")

    def size(self, width, height=900, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def scheme(self, name, motion="no-preference"):
        features = [
            {"name": "prefers-color-scheme", "value": name}, {"name": "prefers-reduced-motion", "value": motion},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)

    def key(self, name, **extra):
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "Space": 32}
        event = {"key": " " if name == "Space" else name, "code": name, "windowsVirtualKeyCode": codes[name], **extra}
        if name in ("Enter", "Space"):
            event["text"] = "\r" if name == "Enter" else " "
        self.call("Input.dispatchKeyEvent", type="keyDown", **event)
        event.pop("text", None)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def screenshot(self, path, full=True):
        import base64

        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=full)["data"]
        path.write_bytes(base64.b64decode(data))

    def accessibility(self):
        """Nodes of the accessibility tree that a screen reader would meet: (role, name, node)."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""), node)
            for node in nodes if not node["ignored"] and "role" in node
        ]

    def sign_in(self, base, path="/console", token=TOKEN):
        self.open(base + path)
        self.wait("!!document.querySelector('.sign-in input[type=password], nav')")
        if self.evaluate("!document.querySelector('nav')"):
            self.evaluate(f"document.querySelector('input[type=password]').value = {token!r}")
            self.evaluate("document.querySelector('.sign-in form').requestSubmit()")
        self.wait_page()

    def wait_page(self, title=None):
        """Waits until a page of the console is complete."""
        wanted = "true" if title is None else f"document.querySelector('main h1')?.textContent === {title!r}"
        self.wait(f"!!document.querySelector('#content:not([aria-busy]) h1') && {wanted}")

    def go(self, base, path, title=None):
        self.open(base + path)
        self.wait_page(title)

    def press(self, text, inside="document"):
        """Clicks the button or link of that text."""
        found = self.evaluate(
            f"(() => {{ const e = [...{inside}.querySelectorAll('button, a')].find((e) => e.textContent.trim() === {text!r}"
            " && e.checkVisibility()); if (!e) return false; e.focus(); e.click(); return true; })()"
        )
        assert found, f"no button {text!r}"

    def fill(self, label, value):
        """Types into the field of that label as a person would."""
        found = self.evaluate(
            "(() => { const l = [...document.querySelectorAll('label')].filter((l) => l.checkVisibility())"
            f".find((l) => l.textContent === {label!r}); if (!l || !l.control) return false;"
            " l.control.focus(); l.control.select?.(); return l.control.tagName; })()"
        )
        assert found, f"no field {label!r}"
        if found == "SELECT":
            self.evaluate(
                f"(() => {{ const s = document.activeElement; s.value = {value!r};"
                " s.dispatchEvent(new Event('input', {bubbles: true})); s.dispatchEvent(new Event('change', {bubbles: true})); })()"
            )
        else:
            self.type(value)
