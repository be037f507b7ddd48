"""A client that behaves like a browser: keeps cookies, asks for HTML, and fills in the password form."""

import re

import httpx


def browser(tunnel, address):
    transport = httpx.HTTPTransport(local_address=address)
    return httpx.Client(
        base_url=f"http://127.0.0.1:{tunnel.server.edge_port}/s/{tunnel.slug}", transport=transport, trust_env=False,
        headers={"Accept": "text/html"}, timeout=10,
    )


def form_of(page):
    """Action and hidden fields of the page's password form."""
    form = re.search(r"<form\b[^>]*>.*?</form>", page, re.S | re.I).group(0)
    action = re.search(r"<form\b[^>]*action=[\"']?([^\"'\s>]*)", form, re.I)
    fields = {}
    for tag in re.findall(r"<input\b[^>]*>", form, re.I):
        name = re.search(r"name=[\"']?([^\"'\s>]+)", tag, re.I)
        value = re.search(r"value=[\"']([^\"']*)", tag, re.I)
        if name:
            kind = "password" if "password" in tag.lower().split("name=")[0] + tag.lower() else "hidden"
            fields[name.group(1)] = (kind, value.group(1) if value else "")
    secret = next(n for n, (k, _) in fields.items() if k == "password")
    return action.group(1) if action else "", {n: v for n, (_, v) in fields.items()}, secret


def enter_password(client, password):
    """Fills in the password form of the session's first page."""
    page = client.get("/")
    action, fields, secret = form_of(page.text)
    origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
    answer = client.post(str(page.url.join(action)), data={**fields, secret: password}, headers={"Origin": origin})
    assert answer.status_code in (302, 303), answer
