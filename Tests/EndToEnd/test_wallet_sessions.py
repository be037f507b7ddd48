"""Wallet sessions over HTTP: what is proven before a delegation is believed, and everything that is refused."""

import base64
import contextlib
import copy
import hashlib
import json
import os
import random
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from eth_utils import keccak

from harness.chain_node import ChainNode, Kernel
from harness.daypass import run
from harness.later import Clock
from harness.waiting import eventually
from harness.wallets import (
    CHAINS, ECDSA_VALIDATOR, START, Wallets, changed, fixture, fixtures, refused, same_but_request, signed_for,
    time_text,
)

pytestmark = pytest.mark.timeout(120)
TOKEN = "admin-token-of-the-wallet-tests"
GOOD = fixture("03-")
OTHER_ADDRESS = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    clock = Clock(tmp_path_factory.mktemp("clock"))
    clock.move(START.timestamp() - time.time())
    return clock


def start_wallets(server_factory, clock, folder, *options):
    (folder / "token").write_text(TOKEN)
    server = server_factory(
        "--admin-token-file", folder / "token", "--log-level", "trace", *options, env=clock.environment
    )
    wallets = Wallets(server, TOKEN)
    for number in CHAINS:
        wallets.nodes[number] = ChainNode(number)
        wallets.chain(number, wallets.nodes[number])
    return wallets


@pytest.fixture(scope="module")
def wallets(tmp_path_factory, clock):
    from harness.daypass import Server

    folder = tmp_path_factory.mktemp("wallets")
    wallets = start_wallets(lambda *options, **more: Server(folder / "server", *options, **more), clock, folder)
    yield wallets
    wallets.close()
    wallets.server.close_api()
    wallets.server.stop()
    for node in wallets.nodes.values():
        node.close()


@pytest.fixture
def strict(wallets):
    """An organization with the default rules."""
    organization = wallets.organization()
    yield organization
    organization.close()


@pytest.fixture
def lenient(wallets):
    """One whose delegations may allow whatever can be allowed."""
    organization = wallets.organization(allowDelegatecall=True, allowWildcard=True)
    yield organization
    organization.close()


@pytest.fixture
def node(wallets):
    """The node of the files' chain; what a test does to it is undone."""
    node = wallets.nodes[84532]
    yield node
    node.mode, node.chain_id = "good", 84532
    node.accounts.clear()


def post(organization, body, **kwargs):
    return organization.api.post(f"{organization.path}/sessions", json=body, **kwargs)


# MARK: What is believed


def has_call_policy(source):
    lists = [source.json["inputs"].get("policies") or []] + list(source.json["inputs"].get("policiesPerChain") or [])
    return any(each.get("type") == "call" for one in lists if isinstance(one, list) for each in one)


@pytest.mark.parametrize("source", fixtures("[0-9]*.json"), ids=str)
def test_what_owners_signed(source, lenient, strict, node):
    if source.name.startswith("19"):
        # Signed for nonce 3 of an account that is deployed.
        refused(post(lenient, lenient.body(source)), 400, 40001, reason="signature_not_by_owner")
        node.accounts[source.account.lower()] = Kernel(
            "0.3.3", source.json["inputs"]["ownerAddress"], ECDSA_VALIDATOR, nonce=3
        )
    if source.name.startswith("23"):
        path = "installs[0].serialized.action.address"
        refused(post(lenient, lenient.body(source)), 400, 40001, path, "action_installs_fallback")
        return
    made = lenient.create(source, workflowId=f"flow {source}")
    assert list(made) == ["createdAt", "sessionAddress", "sessionGroupId", "sessions", "walletId"]
    assert made["sessionAddress"] == source.presented[1] and made["walletId"] == lenient.wallet(source.account)
    assert [each["chainId"] for each in made["sessions"]] == [each["chainId"] for each in source.installs]
    for each in made["sessions"]:
        assert list(each) == ["chainId", "expiresAt", "id"]
        shown = lenient.api.get(f"{lenient.path}/sessions/{each['id']}").json()
        assert shown["state"] == "active" and shown["sessionGroupId"] == made["sessionGroupId"]
        proven = shown["proven"]
        owner = source.json["inputs"]["ownerAddress"]
        assert proven["owner"] == owner and proven["kernelVersion"] == source.json["inputs"]["kernelVersion"]
        assert proven["nonce"] == (3 if source.name.startswith("19") else 1)
        number = next(a for a in source.json["accounts"] if a["chainId"] == each["chainId"])
        assert proven["permissionId"] == number["permissionId"]
        if source.name[:2] not in ("25",):
            assert proven["digest"] == number["enableDigest"]
        expected = {"25": "preinstalled", "30": "merkle_root", "31": "merkle_root"}.get(source.name[:2], "digest")
        assert proven["approval"] == expected
        assert shown["rules"] and {rule["enforcedBy"] for rule in shown["rules"]} <= {"chain", "gateway"}
        assert all(warning["code"] and warning["message"] for warning in shown["warnings"])
    # An organization with the default rules wants to know which contracts are called.
    answer = post(strict, strict.body(source))
    if has_call_policy(source):
        if answer.status_code != 200:
            refused(answer, 400, 40001, reason="wildcard_target_not_allowed")
    else:
        refused(answer, 400, 40001, "installs[0].serialized.permissionParams.policies", "wildcard_target_not_allowed")


STEPS = {
    "decode": "blob_too_large blob_not_base64 blob_not_json blob_field_invalid",
    "privateKey": "private_key_present",
    "address": "account_is_not_the_wallet init_code_not_canonical init_code_unknown_calls address_not_from_init_code "
    "kernel_version_mismatch root_mismatch",
    "permissionId": "permission_id_mismatch",
    "action": "action_not_execute action_installs_fallback action_has_hook",
    "auth7702": "authorization_missing authorization_unexpected authorization_other_chain authorization_every_chain "
    "authorization_delegate_unknown authorization_invalid authorization_nonce_used",
    "preinstalled": "not_preinstalled preinstalled_and_signed",
    "signature": "signature_missing signature_malformed signature_high_s signature_not_by_owner merkle_proof_invalid "
    "passkey_root_unsupported weighted_root_unsupported root_validator_unknown",
}


@pytest.mark.parametrize("source", fixtures("bad-*.json"), ids=str)
def test_what_was_changed_afterwards(source, lenient, wallets):
    if "wrong-version" in source.name:
        # Presented as another version than is proven: a matter of the wallet, which is registered but once.
        lenient = wallets.organization()
        lenient.wallet(source.account, kernelVersion=source.json["presentedAs"]["kernelVersion"])
    before = len(lenient.sessions())
    try:
        body = lenient.body(source)
    except (FileNotFoundError, ValueError):
        # The delegation it was made of is not among the files: any wallet will do.
        body = lenient.body(source, walletId=lenient.wallet(GOOD.account))
    details = refused(post(lenient, body), 400, 40001)
    reasons = [each["message"].split(":")[0] for each in details]
    assert reasons and all(reason in STEPS[source.json["failsAt"]].split() for reason in reasons), details
    assert all(each["path"].startswith("installs[0].serialized") for each in details)
    assert len(lenient.sessions()) == before


@pytest.mark.parametrize("source", fixtures("alt-*.json"), ids=str)
def test_unusual_forms(source, wallets, lenient):
    acceptable = source.json["acceptable"]
    if "passkey" in source.name:
        refused(post(lenient, lenient.body(source)), 400, 40001, reason="passkey_root_unsupported")
    elif acceptable.startswith("refuse"):
        refused(post(lenient, lenient.body(source)), 400, 40001, reason="signature_high_s")
    else:
        made = lenient.create(source)
        shown = lenient.api.get(f"{lenient.path}/sessions/{made['sessions'][0]['id']}").json()
        # However it is written, it is the same permission, which is lent once.
        derived = fixture(source.json["derivedFrom"])
        refused(post(lenient, lenient.body(derived)), 409, 40904)
        other = wallets.organization(allowDelegatecall=True, allowWildcard=True)
        original = other.create(derived)
        plain = other.api.get(f"{other.path}/sessions/{original['sessions'][0]['id']}").json()
        other.close()
        # What nobody signs changes nothing: the rules are those of the delegation it was made of.
        assert shown["rules"] == plain["rules"] and shown["proven"]["digest"] == plain["proven"]["digest"]
        assert shown["proven"]["approval"] == ("message" if "eip191" in source.name else "digest")


def test_any_bit_of_the_approval(lenient):
    """Bits of the signature, of a Merkle proof and of the init code, flipped at random."""
    generator = random.Random(20260301)

    def flip(text):
        raw = bytearray.fromhex(text[2:])
        index = generator.randrange(len(raw))
        raw[index] ^= 1 << generator.randrange(8)
        return "0x" + raw.hex()

    for source, field in [(GOOD, "enableSignature"), (fixture("30-"), "enableSignature"), (GOOD, "initCode")]:
        for _ in range(8):
            installs = copy.deepcopy(source.installs[:1])

            def change(blob, field=field):
                place = blob if field in blob else blob["accountParams"]
                place[field] = flip(place[field])

            installs[0]["serialized"] = changed(installs[0]["serialized"], change)
            refused(post(lenient, lenient.body(source, installs=installs)), 400, 40001)


CURL = """curl -X POST 'https://api.example.com/v1/organizations/string/sessions' \\
  -H 'Authorization: Bearer YOUR_API_TOKEN' \\
  -H 'Content-Type: application/json' \\
  -d '{}'"""


def test_the_reference_pages_example(wallets, lenient):
    """The page's command with the server's address, an organization and its token, and then with a body."""
    command = CURL.replace("https://api.example.com", wallets.server.control).replace("YOUR_API_TOKEN", lenient.secret)
    command = command.replace("string", lenient.id).replace("curl ", "curl -sS -w '\\n%{http_code}' ")
    full = json.dumps(lenient.body(GOOD))
    for body, status in (("{}", "400"), (full, "200")):
        done = subprocess.run(["bash", "-c", command.replace("{}'", f"{body}'")], capture_output=True, text=True, timeout=15)
        text, _, code = done.stdout.rpartition("\n")
        assert code == status, done
        answer = json.loads(text)
        if status == "400":
            paths = {each["path"] for each in answer["details"]}
            assert paths == {"expiresAt", "installs", "policies", "sessionAddress", "walletId"}
        else:
            assert isinstance(answer["sessions"][0]["chainId"], int) and answer["walletId"].startswith("wal_")


# MARK: Requests that are not understood, or not allowed


def without(name):
    return lambda body: body.pop(name)


def put(name, value):
    return lambda body: body.update({name: value})


def install(**fields):
    return lambda body: body["installs"][0].update(fields)


def blob(change):
    def apply(body):
        body["installs"][0]["serialized"] = changed(body["installs"][0]["serialized"], change)

    return apply


def days(number):
    return time_text(START + timedelta(days=number))


NEGATIVE = {
    "no expiresAt": (without("expiresAt"), 40000, "expiresAt"),
    "no installs": (without("installs"), 40000, "installs"),
    "no policies": (without("policies"), 40000, "policies"),
    "no sessionAddress": (without("sessionAddress"), 40000, "sessionAddress"),
    "no walletId": (without("walletId"), 40000, "walletId"),
    "another field": (put("chainId", 1), 40000, "chainId"),
    "another field of an install": (install(nonce=1), 40000, "installs[0].nonce"),
    "zero installs": (put("installs", []), 40000, "installs"),
    "25 installs": (
        lambda body: body.update(installs=[{**body["installs"][0], "chainId": n + 1} for n in range(25)]), 40000,
        "installs",
    ),
    "two of one chain": (lambda body: body["installs"].append(body["installs"][0]), 40000, "installs[1].chainId"),
    "installs that are no list": (put("installs", {}), 40000, "installs"),
    "an install that is no object": (put("installs", ["x"]), 40000, "installs[0]"),
    "chain as text": (install(chainId="84532"), 40000, "installs[0].chainId"),
    "chain zero": (install(chainId=0), 40000, "installs[0].chainId"),
    "negative chain": (install(chainId=-1), 40000, "installs[0].chainId"),
    "half a chain": (install(chainId=1.5), 40000, "installs[0].chainId"),
    "a chain beyond what JSON says exactly": (install(chainId=2**53), 40000, "installs[0].chainId"),
    "a chain nobody knows": (install(chainId=5), 40002, "installs[0].chainId"),
    "empty delegation": (install(serialized=""), 40000, "installs[0].serialized"),
    "delegation that is no text": (install(serialized={}), 40000, "installs[0].serialized"),
    "delegation of 256 KiB and a byte": (install(serialized="A" * 262_145), 40000, "installs[0].serialized"),
    "expiry without a zone": (put("expiresAt", "2026-03-05T00:00:00"), 40000, "expiresAt"),
    "expiry as a number": (put("expiresAt", 1_772_600_000), 40000, "expiresAt"),
    "expiry on a day that is not": (put("expiresAt", "2026-02-30T00:00:00Z"), 40000, "expiresAt"),
    "expiry in the past": (put("expiresAt", days(-1)), 40001, "expiresAt"),
    "expiry now": (put("expiresAt", days(0)), 40001, "expiresAt"),
    "expiry in ten years": (put("expiresAt", days(3650)), 40001, "expiresAt"),
    "session address without 0x": (put("sessionAddress", "70997970C51812dc3A010C7d01b50e0d17dc79C8"), 40000, "sessionAddress"),
    "short session address": (put("sessionAddress", "0x70997970"), 40000, "sessionAddress"),
    "session address with a wrong checksum": (
        put("sessionAddress", "0x70997970c51812dc3A010C7d01b50e0d17dc79C8"), 40000, "sessionAddress"
    ),
    "another session key": (put("sessionAddress", OTHER_ADDRESS), 40001, None),
    "policies null": (put("policies", None), 40000, "policies"),
    "policies as a list": (put("policies", []), 40000, "policies"),
    "empty workflow": (put("workflowId", ""), 40000, "workflowId"),
    "workflow as a number": (put("workflowId", 7), 40000, "workflowId"),
    "a private key in it": (blob(lambda b: b.update(privateKey="0x" + "11" * 32)), 40001, "installs[0].serialized.privateKey"),
    "an unknown field in it": (blob(lambda b: b.update(note="x")), 40001, None),
    "a loosened rule in it": (
        blob(lambda b: b["permissionParams"]["policies"][0]["policyParams"]["permissions"][0].update(valueLimit="1")),
        40001, None,
    ),
    "another hook": (blob(lambda b: b["action"].update(hook={"address": OTHER_ADDRESS})), 40001, None),
    "URL-safe base64": (
        lambda body: body["installs"][0].update(serialized=base64.urlsafe_b64encode(b"\xff\xfe{}").decode()), 40001, None
    ),
    "base64 without padding": (
        lambda body: body["installs"][0].update(serialized=body["installs"][0]["serialized"].rstrip("=") + "A"), 40001, None
    ),
    "no policies in it": (blob(lambda b: b["permissionParams"].update(policies=[])), 40001, None),
    "policies of 64 KiB": (put("policies", {"x-note": "y" * 65_536}), 40000, "policies"),
}


@pytest.mark.parametrize("name", NEGATIVE)
def test_create_refuses(name, lenient):
    change, code, path = NEGATIVE[name]
    body = copy.deepcopy(lenient.body(GOOD))
    change(body)
    before = len(lenient.sessions())
    answer = post(lenient, body)
    refused(answer, 400, code, path)
    assert "11" * 32 not in answer.text
    assert len(lenient.sessions()) == before


def test_strict_json(lenient):
    text = json.dumps(lenient.body(GOOD))
    headers = {"Content-Type": "application/json"}

    def send(content, **more):
        return lenient.api.post(f"{lenient.path}/sessions", content=content, headers={**headers, **more})

    for content in (
        text[:-1] + ', "walletId": "x"}', text.replace('"policies": {}', '"policies": {"a": 1, "a": 2}'),
        text.replace('"policies": {}', '"policies": ' + '{"a":' * 30 + "1" + "}" * 30), text + " {}", text[:-1], "",
        "[" * 100_000, text.replace("{", "{\"\\ud800\": 1, ", 1), text.encode()[:-1] + b', "x": "\xff"}',
    ):
        refused(send(content), 400, 40000)
    refused(send(text, **{"Content-Type": "text/plain"}), 415, 41500)
    refused(send(b" " * (24 * 262_144 + 131_073)), 413, 41300)
    refused(lenient.api.post(f"{lenient.path}/session-keys", content=b" " * 65_537, headers=headers), 413, 41300)
    refused(lenient.api.patch(f"{lenient.path}/sessions", json={}), 405, 40500)
    refused(lenient.api.get("/v1/nothing"), 404, 40400)
    refused(lenient.server.api.get("/v1/nothing"), 404, 40400)


def test_nothing_is_altered_on_the_way(lenient):
    """What cannot be kept as it was written is refused."""
    for policies in ({"x-n": 12345678901234567890}, {"x-n": 0.5}, {"x-n": [{"y": 2**63}]}):
        refused(post(lenient, lenient.body(GOOD, policies=policies)), 400, 40000, "policies")
    text = json.dumps(lenient.body(GOOD)).replace('"policies": {}', '"policies": {"x-n": 1e400}')
    headers = {"Content-Type": "application/json"}
    refused(lenient.api.post(f"{lenient.path}/sessions", content=text, headers=headers), 400, 40000, "policies")
    refused(post(lenient, lenient.body(GOOD, workflowId="abc\0def")), 400, 40000, "workflowId")
    refused(post(lenient, lenient.body(GOOD, sessionAddress="0x" + "0" * 40)), 400, 40000, "sessionAddress")
    policies = {"x-text": "\0 é 12345678901234567890", "x-n": 1 - 2**63}
    made = lenient.create(GOOD, policies=policies)["sessions"][0]["id"]
    assert lenient.api.get(f"{lenient.path}/sessions/{made}").json()["policies"] == policies


def test_times_with_an_offset_are_understood(lenient):
    made = lenient.create(GOOD, expiresAt="2026-03-04T02:00:00.250+02:00")
    assert made["sessions"][0]["expiresAt"] == "2026-03-04T00:00:00.250Z"


def test_a_session_may_not_outlive_the_timestamp_policy(lenient):
    """What the owner signed ends at the turn of the year."""
    source = fixture("08-")
    answer = post(lenient, lenient.body(source, expiresAt="2027-01-01T00:00:01Z"))
    details = refused(answer, 400, 40001, "expiresAt")
    assert details[0]["message"].split(":")[0] in ("expiry_after_policy", "expiry_too_far")


def test_one_bad_install_and_nothing_is_stored(lenient):
    source = fixture("30-")
    body = lenient.body(source, workflowId="all or nothing")
    good, body["installs"][2]["serialized"] = body["installs"][2]["serialized"], "bm90IGpzb24="
    details = refused(post(lenient, body), 400, 40001, "installs[2].serialized", "blob_not_json")
    assert all(each["path"].startswith("installs[2]") for each in details)
    assert not [each for each in lenient.sessions() if each.get("workflowId") == "all or nothing"]
    body["installs"][2]["serialized"] = good
    body["installs"][1]["chainId"], body["installs"][0]["chainId"] = 11155111, 84532
    refused(post(lenient, body), 400, 40001)
    assert not [each for each in lenient.sessions() if each.get("workflowId") == "all or nothing"]


def test_policies_are_kept_and_said_not_to_be_evaluated(lenient):
    policies = {"version": 1, "ops": {"maxCalls": 1}, "x-label": "payroll"}
    made = lenient.create(GOOD, policies=policies)
    shown = lenient.api.get(f"{lenient.path}/sessions/{made['sessions'][0]['id']}").json()
    assert shown["policies"] == policies
    assert "policies_not_evaluated" in [warning["code"] for warning in shown["warnings"]]


# MARK: The chain's node


def test_a_stale_nonce(lenient, node):
    """The owner has called all earlier approvals back."""
    owner = GOOD.json["inputs"]["ownerAddress"]
    node.accounts[GOOD.account.lower()] = Kernel("0.3.3", owner, ECDSA_VALIDATOR, nonce=2)
    refused(post(lenient, lenient.body(GOOD)), 400, 40001, reason="signature_not_by_owner")
    node.accounts[GOOD.account.lower()].nonce = 1
    assert lenient.create(GOOD)


def test_another_owner_or_version_on_the_chain(lenient, node):
    owner = GOOD.json["inputs"]["ownerAddress"]
    node.accounts[GOOD.account.lower()] = Kernel("0.3.3", OTHER_ADDRESS, ECDSA_VALIDATOR)
    refused(post(lenient, lenient.body(GOOD)), 400, 40001)
    node.accounts[GOOD.account.lower()] = Kernel("0.3.1", owner, ECDSA_VALIDATOR)
    refused(post(lenient, lenient.body(GOOD)), 400, 40001)
    node.accounts[GOOD.account.lower()] = Kernel("9.9", owner, ECDSA_VALIDATOR)
    refused(post(lenient, lenient.body(GOOD)), 400, 40001, reason="account_state_unreadable")


@pytest.mark.parametrize("mode, code", [("error", 40004), ("garbage", 40004), ("closed", 40004)])
def test_a_node_that_is_no_good(lenient, node, mode, code):
    node.mode = mode
    refused(post(lenient, lenient.body(GOOD)), 400, code)
    node.mode = "good"
    assert lenient.create(GOOD)


def test_a_node_of_another_chain(wallets, lenient, node, clock):
    wallets.chain(424243, f"{node.url}/1")
    body = lenient.body(GOOD, installs=[{**GOOD.installs[0], "chainId": 424243}])
    refused(post(lenient, body), 400, 40005, "installs[0].chainId")
    # One that goes to another chain is believed for a minute at most.
    assert lenient.create(GOOD)
    node.chain_id = 1
    clock.ahead(61)
    try:
        refused(post(lenient, lenient.body(GOOD)), 400, 40005)
    finally:
        clock.ahead(-61)
        node.chain_id = 84532
    again = wallets.organization()
    assert again.create(GOOD)
    again.close()


def test_a_node_that_never_answers(lenient, node):
    node.mode = "hang"
    started = time.monotonic()
    refused(post(lenient, lenient.body(GOOD), timeout=60), 400, 40004)
    assert time.monotonic() - started < 40
    node.released.set()


def test_a_chain_without_a_node(wallets, lenient):
    wallets.chain(424242)
    body = lenient.body(GOOD, installs=[{**GOOD.installs[0], "chainId": 424242}])
    refused(post(lenient, body), 400, 40003, "installs[0].chainId")
    wallets.call("DELETE", "/chains/424242", status=204)
    refused(post(lenient, body), 400, 40002)


# MARK: Who calls


def test_credentials(wallets, strict, address, addresses):
    server = wallets.server
    target = f"{strict.path}/sessions"
    with server.client(source=address) as client:
        none = client.get(target)
        refused(none, 401, 40100)
        assert none.headers["www-authenticate"].startswith("Bearer")
        for value in ("Basic YTpi", "Bearer", "Bearer a b", f"bearer{strict.secret}", f"Bearer {strict.secret}x"):
            refused(client.get(target, headers={"Authorization": value}), 401, 40101)
        doubled = [("Authorization", f"Bearer {strict.secret}"), ("Authorization", f"Bearer {strict.secret}")]
        refused(client.get(target, headers=doubled), 401)
        assert client.get(target, headers={"Authorization": f"bearer {strict.secret}"}).status_code == 200
    refused(wallets.client.get(target), 403, 40300)
    with server.client(wallets.client.post("/tokens", json={"label": "x", "scopes": ["sessions:manage"]}).json()["token"],
                       source=addresses[0]) as client:
        refused(client.get(target), 401, 40101)
    # The console's cookie is the admin's credential, and no organization's.
    with server.client(source=addresses[1]) as client:
        own = {"X-Daypass-Console": "1"}
        assert client.post("/console/sign-in", data={"token": TOKEN}, headers=own).status_code == 200
        refused(client.get(target, headers=own), 401, 40100)
        assert client.get("/admin/v1/organizations", headers=own).status_code == 200


def test_tokens_end(wallets, strict, address, clock):
    made = strict.admin("POST", "/tokens", {"label": "short", "scopes": ["read"], "expiresIn": "1h"})
    with wallets.server.client(made["token"], source=address) as client:
        target = f"{strict.path}/sessions"
        assert client.get(target).status_code == 200
        clock.ahead(3601)
        try:
            refused(client.get(target), 401, 40101)
        finally:
            clock.ahead(-3601)
        assert client.get(target).status_code == 200
        strict.admin("POST", f"/tokens/{made['id']}/revoke")
        refused(client.get(target), 401, 40101)


@pytest.mark.parametrize("scope", ["read", "write", "execute"])
def test_scopes(wallets, lenient, scope):
    session = lenient.create(GOOD)["sessions"][0]["id"]
    calls = {
        ("GET", "/sessions", "read"): None, ("GET", f"/sessions/{session}", "read"): None,
        ("POST", "/sessions", "write"): lenient.body(GOOD), ("POST", "/session-keys", "write"): {},
        ("GET", f"/sessions/{session}/delegation", "execute"): None, ("DELETE", f"/sessions/{session}", "write"): None,
    }
    with wallets.server.client(lenient.token(scope)) as client:
        for (method, path, needed), body in calls.items():
            answer = client.request(method, lenient.path + path, json=body)
            if needed == scope:
                assert answer.status_code in (200, 409), answer.text
            else:
                refused(answer, 403, 40300)


def test_what_is_anothers_does_not_exist(wallets, lenient, strict):
    mine = lenient.create(GOOD)["sessions"][0]["id"]
    theirs = strict.api
    for method, path in [("GET", ""), ("POST", "")]:
        answers = [
            theirs.request(method, f"/v1/organizations/{organization}/sessions{path}", json=lenient.body(GOOD))
            for organization in (lenient.id, "org_zzzzzzzzzzz0", "nonsense")
        ]
        refused(answers[0], 404, 40400)
        assert same_but_request(*answers)
    for method in ("GET", "DELETE"):
        answers = [
            theirs.request(method, f"{strict.path}/sessions/{session}") for session in (mine, "ws_zzzzzzzzzzz0", "x")
        ]
        refused(answers[0], 404, 40400)
        assert same_but_request(*answers)
    answers = [theirs.get(f"{strict.path}/sessions/{s}/delegation") for s in (mine, "ws_zzzzzzzzzzz0", "x")]
    assert same_but_request(*answers) and answers[0].status_code == 404
    wallet = lenient.wallet(GOOD.account)
    answers = [post(strict, strict.body(GOOD, walletId=each)) for each in (wallet, "wal_zzzzzzzzzzz0", "x")]
    refused(answers[0], 404, 40400)
    assert same_but_request(*answers), [answer.text for answer in answers]
    assert lenient.api.get(f"{lenient.path}/sessions/{mine}").json()["state"] == "active"
    # Neither takes much longer than the other.
    paths = [f"{strict.path}/sessions/{session}" for session in (mine, "ws_zzzzzzzzzzz0")]
    times = {path: [] for path in paths}
    for _ in range(100):
        for path in paths:
            started = time.perf_counter()
            theirs.get(path)
            times[path].append(time.perf_counter() - started)
    there, nowhere = (sorted(times[path])[50] for path in paths)
    print(f"another organization's session {there * 1e3:.2f} ms, none {nowhere * 1e3:.2f} ms")


def test_too_many_calls_hold_back_one_organization(strict, lenient):
    made = strict.create(GOOD)["sessions"][0]["id"]
    for _ in range(3000):
        answer = strict.api.post(f"{strict.path}/session-keys", json={})
        if answer.status_code != 200:
            break
    refused(answer, 429, 42900)
    assert int(answer.headers["retry-after"]) > 0
    assert strict.api.delete(f"{strict.path}/sessions/{made}").status_code == 200
    assert strict.api.get(f"{strict.path}/sessions").status_code == 200
    lenient.create(GOOD)


def test_guessing_is_slowed_down(wallets, strict, address):
    target = f"{strict.path}/sessions"
    with wallets.server.client(source=address) as client:
        statuses = [
            client.get(target, headers={"Authorization": f"Bearer dpo_{n:040d}"}).status_code for n in range(25)
        ]
        assert statuses[0] == 401 and statuses[-1] == 429
        answer = client.get(target, headers={"Authorization": f"Bearer {strict.secret}"})
        refused(answer, 429, 42900)
        assert int(answer.headers["retry-after"]) > 0
    assert strict.api.get(target).status_code == 200


# MARK: A session's life


def test_lists_and_revocation(wallets):
    organization = wallets.organization()
    opaque = organization.wallet(None, "opaque")
    bodies = [
        organization.body(
            GOOD, walletId=opaque, workflowId=f"flow {n}", installs=[{"chainId": 84532, "serialized": f"blob {n}"}]
        )
        for n in range(5)
    ]
    made = [organization.create(body=body)["sessions"][0]["id"] for body in bodies]
    page = organization.api.get(f"{organization.path}/sessions", params={"limit": 2}).json()
    assert (page["limit"], page["offset"], page["hasMore"]) == (2, 0, True)
    names = ["id", "walletId", "workflowId", "sessionAddress", "policies", "createdAt", "expiresAt", "chainId"]
    assert [list(each) for each in page["items"]] == [names, names]
    assert [each["id"] for each in page["items"]] == made[:-3:-1], "newest first"
    last = organization.api.get(f"{organization.path}/sessions?limit=2&offset=4").json()
    assert [each["id"] for each in last["items"]] == made[:1] and not last["hasMore"]
    for query in ("limit=0", "limit=101", "limit=ten", "offset=-1", "limit=1&limit=2", "after=x"):
        refused(organization.api.get(f"{organization.path}/sessions?{query}"), 400, 40000)
    revoked = organization.api.delete(f"{organization.path}/sessions/{made[0]}")
    assert revoked.status_code == 200 and list(revoked.json()) == ["id", "revokedAt"]
    refused(organization.api.delete(f"{organization.path}/sessions/{made[0]}"), 409, 40901)
    assert made[0] not in [each["id"] for each in organization.sessions()]
    shown = organization.api.get(f"{organization.path}/sessions/{made[0]}").json()
    assert shown["state"] == "revoked" and shown["revokedAt"] == revoked.json()["revokedAt"]
    # What is lent is not lent twice, and what was revoked stays so, whoever kept a copy.
    refused(post(organization, bodies[1]), 409, 40904)
    refused(post(organization, bodies[0]), 409, 40905)
    kernel = organization.create(GOOD)["sessions"][0]["id"]
    refused(post(organization, organization.body(GOOD)), 409, 40904)
    organization.api.delete(f"{organization.path}/sessions/{kernel}")
    refused(post(organization, organization.body(GOOD)), 409, 40905)
    organization.close()


def test_expiry(wallets, clock):
    organization = wallets.organization()
    session = organization.create(GOOD, expiresAt=days(1))["sessions"][0]["id"]
    clock.ahead(86_400 + 60)
    try:
        assert organization.sessions() == []
        assert organization.api.get(f"{organization.path}/sessions/{session}").json()["state"] == "expired"
        refused(organization.api.delete(f"{organization.path}/sessions/{session}"), 409, 40901)
    finally:
        clock.ahead(-86_400 - 60)
    organization.close()


def test_opaque_wallets(wallets, strict):
    """Any other vendor's delegation: kept as it is, given to holders of `execute` only."""
    wallet = strict.wallet(None, "opaque")
    text = "another vendor's \"delegation\" \u2603 " + "y" * 262_000
    body = strict.body(GOOD, walletId=wallet, installs=[{"chainId": 84532, "serialized": text}])
    session = strict.create(body=body)["sessions"][0]["id"]
    shown = strict.api.get(f"{strict.path}/sessions/{session}").json()
    assert shown["kind"] == "opaque" and shown["proven"] is None and "serialized" not in shown
    assert strict.api.get(f"{strict.path}/sessions/{session}/delegation").json()["serialized"] == text
    kernel = strict.create(GOOD)["sessions"][0]["id"]
    refused(strict.api.get(f"{strict.path}/sessions/{kernel}/delegation"), 409)
    strict.api.delete(f"{strict.path}/sessions/{session}")
    refused(strict.api.get(f"{strict.path}/sessions/{session}/delegation"), 409, 40901)


def test_a_permission_is_lent_once_to_calls_at_once(strict):
    """Of calls at the same moment one gets the permission, however they are interleaved."""
    body = strict.body(GOOD)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(strict, body), range(8)))
    assert [answer.status_code for answer in answers].count(200) == 1
    for answer in answers:
        if answer.status_code != 200:
            refused(answer, 409, 40904)
    assert len(strict.api.get(f"{strict.path}/sessions").json()["items"]) == 1


def test_twenty_four_installs(wallets, lenient):
    many = ChainNode(1)
    numbers = range(700_001, 700_025)
    for number in numbers:
        wallets.chain(number, f"{many.url}/{number}")
    installs = [{"chainId": number, "serialized": signed_for(GOOD, number)} for number in numbers]
    body = lenient.body(GOOD, installs=installs)
    def seconds_used():
        with open(f"/proc/{wallets.server.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    times = []
    used = seconds_used()
    for _ in range(5):
        # The same permissions are lent once in an organization.
        organization = wallets.organization(allowDelegatecall=True, allowWildcard=True)
        body = organization.body(GOOD, installs=installs)
        started = time.perf_counter()
        made = organization.create(body=body)
        organization.close()
        times.append((time.perf_counter() - started) * 1e3)
        assert [each["chainId"] for each in made["sessions"]] == list(numbers)
    used = (seconds_used() - used) * 1e3 / 5
    asked = len(many.calls) // 5
    # What the nodes of these tests take by themselves.
    started = time.perf_counter()
    with ThreadPoolExecutor(16) as pool:
        ask = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
        clients = [httpx.Client(trust_env=False) for _ in range(16)]
        list(pool.map(lambda n: clients[n % 16].post(f"{many.url}/700001", content=ask), range(asked)))
    nodes = (time.perf_counter() - started) * 1e3
    print(
        f"24 installs: {', '.join(f'{t:.0f}' for t in times)} ms, {used:.0f} ms of the server's processor time each; "
        f"{asked} questions, which our nodes take {nodes:.0f} ms for"
    )
    # A signature for one chain is none for another.
    installs[3]["serialized"], installs[4]["serialized"] = installs[4]["serialized"], installs[3]["serialized"]
    body = lenient.body(GOOD, installs=installs)
    details = refused(post(lenient, body), 400, 40001, reason="signature_not_by_owner")
    assert {each["path"].split(".")[0] for each in details} <= {"installs[3]", "installs[4]"}
    for number in numbers:
        wallets.call("DELETE", f"/chains/{number}")
    many.close()


def test_the_largest_body(wallets, strict):
    """24 delegations of 256 KiB: 6 MiB and the rest."""
    wallet = strict.wallet(None, "opaque")
    installs = [{"chainId": number + 1, "serialized": chr(97 + number) * 262_144} for number in range(24)]
    content = json.dumps(strict.body(GOOD, walletId=wallet, installs=installs)).encode()
    before = wallets.server.peak_memory()
    started = time.perf_counter()
    answer = strict.api.post(
        f"{strict.path}/sessions", content=content, headers={"Content-Type": "application/json"}, timeout=60
    )
    took = time.perf_counter() - started
    assert answer.status_code == 200, answer.text
    grown = wallets.server.peak_memory() - before
    print(f"{len(content) / 2**20:.2f} MiB in {took * 1e3:.0f} ms, {grown / 2**20:.0f} MiB more memory at most")
    assert grown < 256 * 2**20
    # What is said to be larger is refused before it is there, and so is what turns out to be.
    def endless():
        for _ in range(120):
            yield b" " * 65_536

    refused(
        strict.api.post(f"{strict.path}/sessions", content=endless(), headers={"Content-Type": "application/json"}),
        413, 41300,
    )
    for each in answer.json()["sessions"]:
        strict.api.delete(f"{strict.path}/sessions/{each['id']}")


# MARK: Secrets and the audit trail


def stored_bytes(server):
    return b"".join(path.read_bytes() for path in sorted(server.data.rglob("*")) if path.is_file())


def test_nothing_secret_is_shown_logged_or_stored_in_clear(wallets, lenient):
    made = lenient.create(GOOD, workflowId="look for me")
    opaque = lenient.wallet(None, "opaque")
    body = lenient.body(GOOD, walletId=opaque, installs=[{"chainId": 84532, "serialized": "opaque-secret-0123456789"}])
    lenient.create(body=body)
    wallets.chain(84533, "http://127.0.0.1:9/v3/providers-secret-key")
    serialized = GOOD.installs[0]["serialized"]
    blob = json.loads(base64.b64decode(serialized))
    signature = blob["enableSignature"][2:]
    texts = [
        serialized[200:260], serialized[-60:], base64.b64decode(serialized)[100:160].decode(), signature,
        blob["accountParams"]["initCode"][2:66], "opaque-secret-0123456789", lenient.secret,
    ]
    secrets = [text.encode() for text in texts] + [bytes.fromhex(signature), bytes.fromhex(blob["accountParams"]["initCode"][2:66])]
    stored = stored_bytes(wallets.server)
    assert b"look for me" in stored, "this is where it would be found"
    for secret in secrets:
        assert secret not in stored, secret
    logged = "\n".join(wallets.server.stdout + wallets.server.stderr)
    assert "createWalletSessions" in logged
    listed = "".join(
        answer.text for answer in (
            lenient.api.get(f"{lenient.path}/sessions?limit=100"),
            lenient.api.get(f"{lenient.path}/sessions/{made['sessions'][0]['id']}"),
            wallets.client.get(f"/admin/v1/organizations/{lenient.id}/tokens"),
            wallets.client.get(f"/admin/v1/wallet-audit/{lenient.id}?limit=1000"),
            wallets.client.get("/admin/v1/wallet-audit/server?limit=1000"), wallets.client.get("/admin/v1/chains"),
        )
    )
    for text in [*texts, "providers-secret-key", TOKEN]:
        assert text not in logged and text not in listed, text


def address_of(candidate):
    """The address of a private key; None for what is not below the curve's order."""
    number = int.from_bytes(candidate)
    if not 0 < number < 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141:
        return None
    point = ec.derive_private_key(number, ec.SECP256K1()).public_key().public_numbers()
    return "0x" + keccak(point.x.to_bytes(32) + point.y.to_bytes(32))[-20:].hex()


def test_custody_keys_are_nowhere_in_clear(start_server, tmp_path, clock):
    """No 32 bytes of the data folder, and no 64 hexadecimal digits, are the key of the address that was answered."""
    wallets = start_wallets(start_server, clock, tmp_path)
    organization = wallets.organization()
    answer = organization.api.post(f"{organization.path}/session-keys", json={})
    assert answer.status_code == 200
    address = answer.json()["sessionAddress"].lower()
    wallets.server.wait_line(wallets.server.stderr, "createSessionKey")
    organization.close()
    wallets.close()
    wallets.server.stop()
    candidates = set()
    for path in wallets.server.data.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for start in range(len(data) - 31):
            window = data[start:start + 32]
            # A random key has 30 different bytes or so; text and tables of a database have few.
            if len(set(window)) >= 24 and sum(0x20 <= byte < 0x7F for byte in window) < 28:
                candidates.add(window)
    assert candidates
    for candidate in candidates:
        assert address_of(candidate) != address
    # The search would find one.
    known = fixture("03-").json["inputs"]
    assert address_of(bytes.fromhex(known["ownerPrivateKey"][2:])) == known["ownerAddress"].lower()
    print(f"{len(candidates)} possible keys tried")
    for node in wallets.nodes.values():
        node.close()


def test_the_audit_trail_shows_what_was_changed(start_server, tmp_path, clock):
    wallets = start_wallets(start_server, clock, tmp_path)
    organization = wallets.organization()
    session = organization.create(GOOD)["sessions"][0]["id"]
    refused(post(organization, organization.body(GOOD, installs=[{"chainId": 84532, "serialized": "eA=="}])), 400)
    organization.api.delete(f"{organization.path}/sessions/{session}")
    records = wallets.call("GET", f"/wallet-audit/{organization.id}")["records"]
    actions = [each["action"] for each in reversed(records)]
    assert [each["sequence"] for each in reversed(records)] == list(range(1, len(records) + 1))
    for action in ("token.created", "wallet.registered", "session.created", "session.refused", "session.revoked"):
        assert action in actions, actions
    assert all(a["previousHash"] == b["hash"] for a, b in zip(records, records[1:]))
    environment = {"DAYPASS_TOKEN": TOKEN}

    def verify(*arguments):
        return run(
            "wallet", "audit", "verify", "--org", organization.id, "--server", wallets.server.control, *arguments,
            state=tmp_path, env=environment,
        )

    whole = verify()
    assert whole.returncode == 0 and f"{len(records)} records, all whole" in whole.stdout, whole.stderr
    listed = run("wallet", "audit", "list", "--org", organization.id, "--server", wallets.server.control, "--json",
                 state=tmp_path, env=environment)
    assert json.loads(listed.stdout) == records
    # Each record's hash can be computed by anybody from what is listed.
    for each in records:
        assert each["hash"] == hash_of(each), each
    # Somebody with the database file, but not the key file.
    wallets.server.stop()
    database = next(
        path for path in wallets.server.data.rglob("*") if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3"
    )
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    kept = database.read_bytes()
    last = records[0]["sequence"]
    where = f"where ledger = '{organization.id}' and sequence"
    forged = [dict(each) for each in reversed(records)]
    forged[1]["actor"] = "somebody else"
    script = []
    for before, each in zip([None, *forged], forged):
        each["previousHash"] = before["hash"] if before else "00" * 32
        each["hash"] = hash_of(each)
        script.append(
            f"update wallet_audit set actor_name = '{each['actor']}', previous_hash = x'{each['previousHash']}', "
            f"hash = x'{each['hash']}' {where} = {each['sequence']};"
        )
    script.append(f"update wallet_ledger set hash = x'{forged[-1]['hash']}' where name = '{organization.id}';")
    cases = {
        "changed": (f"update wallet_audit set actor_name = 'somebody else' {where} = 2;", 2),
        "missing": (f"delete from wallet_audit {where} = 2;", 2),
        "truncated": (f"delete from wallet_audit {where} = {last};", last),
        # Everything computed anew, but for the seal, which takes the server's key.
        "head_forged": ("".join(script), None),
        "truncated ": (f"delete from wallet_ledger where name = '{organization.id}';", last + 1),
    }
    for reason, (statements, place) in cases.items():
        for rest in database.parent.glob(database.name + "-*"):
            rest.unlink()
        database.write_bytes(kept)
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.executescript(statements)
        wallets.server = wallets.server.restarted()
        broken = verify("--json")
        # An ordinary record makes nothing whole.
        with wallets.server.client(TOKEN) as client:
            path = f"/admin/v1/organizations/{organization.id}/tokens"
            assert client.post(path, json={"label": "later", "scopes": ["read"]}).status_code == 201
        assert verify().returncode == 1, reason
        wallets.server.stop()
        assert broken.returncode == 1, (reason, broken.stdout)
        verdict = json.loads(broken.stdout)
        assert verdict["intact"] is False and verdict["problem"]["reason"] == reason.strip(), verdict
        assert place is None or verdict["problem"]["sequence"] == place
        assert "not whole from record" in broken.stderr
    for node in wallets.nodes.values():
        node.close()


def hash_of(record):
    """The hash of an audit record, as docs/admin-api.md says it is made."""
    at = datetime.strptime(record["at"], "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
    fields = [
        "daypass-wallet-audit-1", record["ledger"], record["sequence"], round(at * 1000), record["actor"],
        record["address"], record["action"], record["subject"], record["details"], record["previousHash"],
    ]
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


# MARK: The command line


def test_the_command_line(wallets, tmp_path, node):
    def daypass(*arguments, token=TOKEN, code=0):
        done = run(
            "wallet", *arguments, "--server", wallets.server.control, state=tmp_path, env={"DAYPASS_TOKEN": token}
        )
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    organization = daypass("orgs", "create", "--name", "From a terminal").stdout.strip()
    assert organization in daypass("orgs", "list").stdout
    assert json.loads(daypass("orgs", "update", organization, "--name", "Other", "--json").stdout)["name"] == "Other"
    made = daypass("tokens", "create", "--org", organization, "--scope", "read", "--scope", "write")
    secret = made.stdout.strip()
    assert secret.startswith("dpo_") and secret not in made.stderr and made.stdout.count("\n") == 1
    assert secret not in daypass("tokens", "list", "--org", organization).stdout
    daypass("chains", "set", "84532", "--name", "Base Sepolia", "--node", node.url)
    assert "Base Sepolia" in daypass("chains", "list").stdout
    wallet = daypass("wallets", "register", "--org", organization, "--name", "Payroll", "--address", GOOD.account).stdout.strip()
    assert json.loads(daypass("wallets", "list", "--org", organization, "--json").stdout)[0]["id"] == wallet
    key = daypass("session-keys", "create", "--org", organization, token=secret).stdout.strip()
    assert key.startswith("0x") and len(key) == 42
    assert key in daypass("session-keys", "list", "--org", organization).stdout
    body = {
        "expiresAt": days(5), "installs": GOOD.installs, "policies": {}, "sessionAddress": GOOD.presented[1],
        "walletId": wallet,
    }
    with wallets.server.client(secret) as client:
        session = client.post(f"/v1/organizations/{organization}/sessions", json=body).json()["sessions"][0]["id"]
    for token in (secret, TOKEN):
        assert session in daypass("sessions", "list", "--org", organization, token=token).stdout
        shown = daypass("sessions", "show", session, "--org", organization, token=token).stdout
        assert "0.3.3" in shown and "chain" in shown
    daypass("sessions", "revoke", session, "--org", organization, token=secret)
    daypass("sessions", "revoke", session, "--org", organization, token=secret, code=10)
    assert "no active sessions" in daypass("sessions", "list", "--org", organization).stderr
    daypass("session-keys", "create", "--org", organization, code=15)
    daypass("orgs", "list", token=secret, code=13)
    daypass("orgs", "show", "org_zzzzzzzzzzz0", code=10)
    daypass("orgs", "delete", organization, code=10)
    assert "all whole" in daypass("audit", "verify").stdout
    assert json.loads(daypass("audit", "list", "--json").stdout)
    eventually(lambda: "From a terminal" not in daypass("orgs", "list").stdout, what="the new name")
