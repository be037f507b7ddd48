"""Wallet sessions as organizations and admins have them: delegations from files, chains with nodes of our own.

Written from the reference page, `docs/wallet-sessions.md` and `docs/admin-api.md`.
"""

import base64
import itertools
import json
import re
from datetime import datetime, timedelta, timezone

from eth_account import Account

from .daypass import ROOT

FOLDER = ROOT / "Tests" / "WalletPolicyTests" / "Fixtures"
START = datetime(2026, 3, 1, tzinfo=timezone.utc)
"""When the tests take place: inside of the timestamp policies of the files."""
CHAINS = (84532, 11155111, 11155420, 421614)
ECDSA_VALIDATOR = "0x845ADb2C711129d4f3966735eD98a9F09fC4cE57"
_numbers = itertools.count(1)


def time_text(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Fixture:
    """One file of delegations."""

    def __init__(self, path):
        self.name = path.stem
        self.json = json.loads(path.read_text())
        self.is_good = "accounts" in self.json

    @property
    def presented(self):
        """How it is presented: chain and session address."""
        if self.is_good:
            return self.json["accounts"][0]["chainId"], self.json["inputs"]["sessionAddress"]
        return self.json["presentedAs"]["chainId"], self.json["presentedAs"]["sessionAddress"]

    @property
    def installs(self):
        if self.is_good:
            return [{"chainId": each["chainId"], "serialized": each["serialized"]} for each in self.json["accounts"]]
        return [{"chainId": self.presented[0], "serialized": self.json["serialized"]}]

    @property
    def account(self):
        """The account in the delegation; of what cannot be read, that of the delegation it was made of."""
        if self.is_good:
            return self.json["accounts"][0]["address"]
        try:
            return json.loads(base64.b64decode(self.json["serialized"]))["accountParams"]["accountAddress"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return fixture(self.json["derivedFrom"]).account

    def __str__(self):
        return self.name


def fixture(prefix):
    (path,) = FOLDER.glob(f"{prefix}*.json")
    return Fixture(path)


def fixtures(pattern):
    return [Fixture(path) for path in sorted(FOLDER.glob(pattern))]


def changed(serialized, change):
    """A delegation with something changed in it: `change` gets its JSON."""
    blob = json.loads(base64.b64decode(serialized))
    blob = change(blob) or blob
    return base64.b64encode(json.dumps(blob, separators=(",", ":")).encode()).decode()


def signed_for(source, chain):
    """The first delegation of a file, signed by its owner for another chain."""
    data = source.json["accounts"][0]["enableTypedData"]
    message = {
        name: bytes.fromhex(value[2:]) if isinstance(value, str) and name != "hook" else value
        for name, value in data["message"].items()
    }
    signed = Account.sign_typed_data(
        source.json["inputs"]["ownerPrivateKey"], {**data["domain"], "chainId": chain}, data["types"], message
    )
    signature = "0x" + bytes(signed.signature).hex()
    return changed(source.json["accounts"][0]["serialized"], lambda blob: blob.update(enableSignature=signature))


class Wallets:
    """The admin's side of a server. `nodes` are the chains' nodes by number."""

    def __init__(self, server, token):
        self.server, self.token = server, token
        self.client = server.client(token)
        self.nodes = {}

    def call(self, method, path, body=None, status=(200, 201, 204)):
        answer = self.client.request(method, f"/admin/v1{path}", json=body)
        wanted = status if isinstance(status, tuple) else (status,)
        assert answer.status_code in wanted, f"{method} {path} {body}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def chain(self, number, node=None, **fields):
        if node is not None:
            fields["nodeUrl"] = node if isinstance(node, str) else node.url
        return self.call("PUT", f"/chains/{number}", {"name": f"chain {number}", **fields})

    def organization(self, **fields):
        record = self.call("POST", "/organizations", {"name": f"organization {next(_numbers)}", **fields}, 201)
        return Organization(self, record)

    def close(self):
        self.client.close()


class Organization:
    """An organization with a client for each token it was given; `api` has every scope."""

    def __init__(self, wallets, record):
        self.wallets, self.server = wallets, wallets.server
        self.id = record["id"]
        self.path = f"/v1/organizations/{self.id}"
        self.registered = {}
        self.secret = self.token()
        self.api = self.server.client(self.secret)

    def admin(self, method, path, body=None, status=(200, 201, 204)):
        return self.wallets.call(method, f"/organizations/{self.id}{path}", body, status)

    def token(self, *scopes, **fields):
        body = {"label": "a token", "scopes": list(scopes) or ["read", "write", "execute"], **fields}
        return self.admin("POST", "/tokens", body, 201)["token"]

    def wallet(self, address, kind="kernel", **fields):
        """The identifier of the wallet with this account, registered when it is first asked for."""
        key = (kind, address and address.lower())
        if key not in self.registered:
            # Lower case says nothing about a checksum.
            body = {"name": f"wallet {next(_numbers)}", "kind": kind, **fields}
            if address:
                body["address"] = address.lower()
            self.registered[key] = self.admin("POST", "/wallets", body, 201)["id"]
        return self.registered[key]

    def body(self, source, **fields):
        """The create call's body for a file's delegations; a field that is None is left out."""
        body = {
            "expiresAt": time_text(START + timedelta(days=5)), "installs": source.installs, "policies": {},
            "sessionAddress": source.presented[1], **fields,
        }
        if "walletId" not in body:
            body["walletId"] = self.wallet(source.account)
        return {name: value for name, value in body.items() if value is not ...}

    def create(self, source=None, status=200, body=None, client=None, **fields):
        body = body if body is not None else self.body(source, **fields)
        answer = (client or self.api).post(f"{self.path}/sessions", json=body)
        assert answer.status_code == status, f"{answer.status_code} {answer.text}"
        return answer.json()

    def sessions(self):
        """Every active session, page by page."""
        items = []
        while True:
            page = self.api.get(f"{self.path}/sessions", params={"limit": 100, "offset": len(items)}).json()
            items += page["items"]
            if not page["hasMore"]:
                return items

    def close(self):
        self.api.close()


REQUEST_ID = re.compile(r"req_[a-z0-9]{16}")


def refused(answer, status, code=None, path=None, reason=None):
    """Checks the published form of a refusal; its details."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    body = answer.json()
    assert list(body) == ["code", "message", "details", "requestId"], answer.text
    assert isinstance(body["code"], int) and body["code"] // 100 == status
    assert body["message"] and REQUEST_ID.fullmatch(body["requestId"])
    assert body["requestId"] == answer.headers["x-request-id"]
    if code is not None:
        assert body["code"] == code, answer.text
    if path is not None:
        assert any(each["path"] == path for each in body["details"]), answer.text
    if reason is not None:
        assert any(each["message"].startswith(f"{reason}:") for each in body["details"]), answer.text
    return body["details"]


def same_but_request(*answers):
    """Whether answers are the same bytes, but for the identifier of the request."""
    texts = {REQUEST_ID.sub("", answer.text) for answer in answers}
    fields = {
        tuple((n, v) for n, v in answer.headers.items() if n not in ("date", "x-request-id")) for answer in answers
    }
    return len(texts) == 1 and len(fields) == 1 and len({answer.status_code for answer in answers}) == 1
