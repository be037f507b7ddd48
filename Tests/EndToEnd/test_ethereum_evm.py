"""Delegations and user operations against contracts of our own that a local Ethereum machine executes.

Policies, accounts and approvals are made at random; the machine computes their bytes, addresses and digests, eth-account
signs, and the program has to find the same. Changed ones have to be refused by both.
"""

import base64
import json
import random
from pathlib import Path

import pytest
from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils import keccak, to_checksum_address
from harness.ethereum import PROGRAM, Refused, ask_all, hexed, unhexed
from harness.evm import Chain
from test_ethereum import OPERATION_TYPE, ORDER, address, blob, integer, packed_operation, user_operation

pytestmark = [
    pytest.mark.skipif(not PROGRAM.exists(), reason=f"swift build --product {PROGRAM.name} first"),
    pytest.mark.timeout(300),
]

NOW = 1_772_323_200_000
CHAINS = [1, 8453, 84532, 421614, 11155111]
HERE = "0x00000000000000000000000000000000DE1E6A7E"
META_FACTORY_CALL = keccak(text="deployWithFactory(address,bytes,bytes32)")[:4]
SIGNER_CONTRACT = unhexed("0x6A6F069E2a08c2468e7724Ab3250CdBFBA14D4FF")
PROXY_HEAD = unhexed("0x603d3d8160223d3973")
PROXY_TAIL = unhexed(
    "0x60095155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc545af43d6000803e"
    "6038573d6000fd5b3d6000f3"
)
# version: (factory, implementation, version in the domain)
VERSIONS = {
    "0.3.0": (
        "0x6723b44Abeec4E71eBE3232BD5B455805baDD22f",
        "0x94F097E1ebEB4ecA3AAE54cabb08905B239A7D27",
        "0.3.0-beta",
    ),
    "0.3.1": ("0xaac5D4240AF87249B3f71BC8E4A2cae074A3E419", "0xBAC849bB641841b44E965fB01A4Bf5F074f84b4D", "0.3.1"),
    "0.3.2": ("0x7a1dBAB750f12a90EB1B60D2Ae3aD17D4D81EfFe", "0xD830D15D3dc0C269F3dBAa0F3e8626d33CFdaBe1", "0.3.2"),
    "0.3.3": ("0x2577507b78c2008Ff367261CB6285d44ba5eF2E9", "0xd6CEDDe84be40893d153Be9d467CD6aD37875b28", "0.3.3"),
}
ECDSA = "0x845ADb2C711129d4f3966735eD98a9F09fC4cE57"
MULTI_CHAIN_ECDSA = "0x5C97aA67Ba578E3c54ec5942A7563Ea9130E4f5F"
CALL_POLICIES = {
    "0.0.1": "0xe4Fec84B7B002273ecC86baa65a831ddB92d30a8",
    "0.0.2": "0x67Fa43ca2D689beA4d10b9F2C96828828A2Ab275",
    "0.0.3": "0xB3CB5f502250360335614df1421f2AAbE98CE503",
    "0.0.4": "0x9a52283276A0ec8740DF50bF01B28A80D880eaf2",
    "0.0.5": "0x85770b902D1e503D5f5141d9eaC16d0d08eEaDd2",
}
GAS_POLICY = "0xaeFC5AbC67FfD258abD0A3E54f65E70326F84b23"
RATE_POLICY = "0xf63d4139B25c836334edD76641356c6b74C86873"
RESETTING_RATE_POLICY = "0x6a06358e6b283921deceabe7e8a3741d506cca9b"
CALLERS_POLICY = "0xF6A936c88D97E6fad13b98d2FD731Ff17eeD591d"
SUDO_POLICY = "0x67b436caD8a6D025DF6C82C5BB43fbF11fC5B9B7"
TIMESTAMP_POLICY = "0xB9f8f524bE6EcD8C945b1b87f9ae5C192FdCE20F"


@pytest.fixture(scope="module")
def chains():
    """The machine for each chain, with the contract that rebuilds what is signed."""
    made = {}
    for chain_id in CHAINS:
        chain = Chain(chain_id)
        made[chain_id] = (chain, chain.put("kernel_delegation", HERE))
    return made


def any_case(rng, text):
    """Genuine blobs have hexadecimal digits of both cases."""
    return text[:2] + "".join(rng.choice([c.lower(), c.upper()]) for c in text[2:])


def call_policy(rng, chain):
    version = rng.choice(list(CALL_POLICIES))
    jsons, values = [], []
    for _ in range(rng.randrange(1, 4)):
        rules, rule_jsons = [], []
        for _ in range(rng.randrange(4)):
            # One of several values since 0.0.2; a part of an argument (start, length, hash) since 0.0.5.
            condition = rng.randrange({"0.0.1": 6, "0.0.5": 8}.get(version, 7))
            count = 1 if version == "0.0.1" else 3 if condition == 7 else rng.randrange(1, 4)
            offset = 32 * rng.randrange(10)
            params = [rng.randbytes(32) for _ in range(count)]
            rules.append((condition, offset, params[0] if version == "0.0.1" else params))
            shown = [any_case(rng, hexed(p)) for p in params]
            rule_jsons.append(
                {"condition": condition, "offset": offset, "params": shown[0] if version == "0.0.1" else shown}
            )
        kind, target, selector = rng.choice([b"\x00", b"\x01", b"\xff"]), address(rng), rng.randbytes(4)
        limit = integer(rng, 256)
        values.append((kind, target, selector, limit, rules))
        jsons.append(
            {
                "callType": hexed(kind),
                "target": any_case(rng, target),
                "selector": hexed(selector),
                "valueLimit": str(limit),
                "rules": rule_jsons,
            }
        )
    data = (chain.callPolicyOfVersion1 if version == "0.0.1" else chain.callPolicy)(values)
    return {"type": "call", "policyVersion": version, "permissions": jsons}, CALL_POLICIES[version], data


def other_policy(rng, chain):
    match rng.randrange(6):
        case 0:
            allowed, enforced, paymaster = integer(rng, 128), rng.random() < 0.5, address(rng)
            fields = {"allowed": str(allowed), "enforcePaymaster": enforced, "allowedPaymaster": paymaster}
            return {"type": "gas", **fields}, GAS_POLICY, chain.gasPolicy(allowed, enforced, paymaster)
        case 1:
            interval, count, start = (rng.getrandbits(48) for _ in range(3))
            data = b"".join(n.to_bytes(6, "big") for n in (interval, count, start))
            return {"type": "rate-limit", "interval": interval, "count": count, "startAt": start}, RATE_POLICY, data
        case 2:
            interval, count = (rng.getrandbits(48) for _ in range(2))
            data = b"".join(n.to_bytes(6, "big") for n in (interval, count))
            fields = {"interval": interval, "count": count, "startAt": 0}
            return {"type": "rate-limit", **fields}, RESETTING_RATE_POLICY, data
        case 3:
            callers = [address(rng) for _ in range(rng.randrange(4))]
            return {"type": "signature-caller", "allowedCallers": callers}, CALLERS_POLICY, chain.callersPolicy(callers)
        case 4:
            return {"type": "sudo"}, SUDO_POLICY, b""
        case _:
            after, until = rng.getrandbits(30), rng.choice([0, 2**47 + rng.getrandbits(20)])
            fields = {"validAfter": after, "validUntil": until}
            return {"type": "timestamp", **fields}, TIMESTAMP_POLICY, chain.timestampPolicy(after, until)


class Delegation:
    """One random delegation for several chains, as the machine sees it."""

    def __init__(self, rng, chains, kind="signed"):
        self.chains = chains
        self.here = chains[CHAINS[0]][1]
        self.version = rng.choice(list(VERSIONS))
        self.root = rng.choice(["ecdsa", "ecdsa", "multi-chain"])
        self.owner = Account.from_key(rng.randrange(1, ORDER).to_bytes(32, "big"))
        self.session = address(rng)
        self.flag = rng.choice([b"\0\0", b"\0\2"])
        self.nonce = rng.choice([1, 1, rng.randrange(2, 2**32)])
        self.policies, self.parts = [], []
        for _ in range(rng.randrange(1, 5)):
            fields, contract, data = (call_policy if rng.random() < 0.6 else other_policy)(rng, self.here)
            flag = rng.choice([b"\0\0", b"\0\0", b"\0\1", b"\0\2"])
            if fields["type"] != "call" or rng.random() < 0.3:
                fields["policyAddress"] = any_case(rng, contract)
            self.policies.append({"policyParams": {**fields, "policyFlag": hexed(flag)}})
            self.parts.append(flag + unhexed(contract) + data)
        self.signer = SIGNER_CONTRACT + unhexed(self.session)
        self.index = rng.randbytes(32)
        self.permission = self.here.permissionId(self.parts, self.flag, self.signer)
        self.enable_data = self.here.enableData(self.parts, self.flag, self.signer)
        self.configuration = []
        if kind == "preinstalled":
            self.version, self.configuration = rng.choice(list(VERSIONS)[1:]), self._install()
        if kind == "code":
            self.version, self.account = "0.3.3", self.owner.address
        else:
            self.account = self._make_account()

    @property
    def validator(self):
        return ECDSA if self.root == "ecdsa" else MULTI_CHAIN_ECDSA

    def _initialization(self):
        root = b"\x01" + unhexed(self.validator)
        arguments = [root, "0x" + "00" * 20, unhexed(self.owner.address), b""]
        types = ["bytes21", "address", "bytes", "bytes"]
        if self.version == "0.3.0":
            return keccak(text=f"initialize({','.join(types)})")[:4] + encode(types, arguments)
        types.append("bytes[]")
        return keccak(text=f"initialize({','.join(types)})")[:4] + encode(types, [*arguments, self.configuration])

    def _make_account(self):
        """Runs the factory, at its own address, so that CREATE2 is the machine's."""
        factory, implementation, _ = VERSIONS[self.version]
        chain, _ = self.chains[CHAINS[0]]
        creation = PROXY_HEAD + unhexed(implementation) + PROXY_TAIL
        made = chain.put("account_factory", factory).createAccount(creation, self._initialization(), self.index)
        assert chain.code(made) == PROXY_TAIL[5:]
        return to_checksum_address(made)

    def _install(self):
        """The calls by which an account installs the permission when it is made."""
        validation = b"\x02" + self.permission + bytes(16)
        types = ["bytes21[]", "(uint32,address)[]", "bytes[]", "bytes[]"]
        arguments = [[validation], [(1, "0x" + "00" * 20)], [self.enable_data], [b""]]
        install = keccak(text=f"installValidations({','.join(types)})")[:4] + encode(types, arguments)
        grant = keccak(text="grantAccess(bytes21,bytes4,bool)")[:4] + encode(
            ["bytes21", "bytes4", "bool"], [validation, unhexed("0xe9ae5c53"), True]
        )
        execute = unhexed("0xe9ae5c53") + encode(
            ["bytes32", "bytes"], [b"\xff" + bytes(31), unhexed(VERSIONS["0.3.3"][1]) + grant]
        )
        return [install, execute]

    def digest(self, chain_id, nonce=None):
        return self.chains[chain_id][1].enableDigest(
            self.account, VERSIONS[self.version][2], self.permission, nonce or self.nonce, self.enable_data
        )

    def approve(self, rng):
        """The owner signs; returns, for each chain, signature, root and proof (none for one chain)."""
        if self.root == "ecdsa" or rng.random() < 0.3:
            chain_id = rng.choice(CHAINS)
            return {chain_id: (sign(rng, self.owner, self.digest(chain_id)), None, None)}
        used = rng.sample(CHAINS, rng.randrange(2, len(CHAINS) + 1))
        root, proofs = merkle([self.digest(c) for c in used])
        signature = sign(rng, self.owner, root)
        return {c: (signature, root, proof) for c, proof in zip(used, proofs, strict=True)}

    def serialized(
        self, rng, signature, root=None, proof=None, policies=None, permission=None, authorization=None
    ):
        factory, _, _ = VERSIONS[self.version]
        types = ["address", "bytes", "bytes32"]
        init_code = META_FACTORY_CALL + encode(types, [factory, self._initialization(), self.index])
        if root is not None:
            signature = signature + root + encode(["bytes32[]"], [proof])
        parameters = {"policies": policies or self.policies}
        if rng.random() < 0.7:
            parameters["permissionId"] = any_case(rng, hexed(permission or self.permission))
        fields = {
            "permissionParams": parameters,
            "action": {"selector": "0xe9ae5c53", "address": "0x" + "00" * 20},
            "validityData": {"validAfter": 0, "validUntil": 0},
            "accountParams": {
                "initCode": any_case(rng, hexed(b"" if authorization else init_code)),
                "accountAddress": self.account,
            },
        }
        if signature is None:
            fields["isPreInstalled"] = True
        else:
            fields["enableSignature"] = hexed(signature)
        if authorization:
            fields["eip7702Auth"] = authorization
        return base64.b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()

    def state(self):
        if self.nonce == 1:
            return {"nonce": "0"}
        return {
            "version": self.version,
            "nonce": str(self.nonce),
            "validator": self.validator,
            "owner": self.owner.address,
        }

    def question(self, chain_id, serialized):
        return {
            "op": "verify-delegation",
            "serialized": serialized,
            "chainId": str(chain_id),
            "wallet": self.account,
            "sessionAddress": self.session,
            "now": str(NOW),
            "state": self.state(),
        }

    def approved(self, chain_id, signature, root, proof):
        """Whether the machine believes the approval."""
        contract, digest = self.chains[chain_id][1], self.digest(chain_id)
        if root is None:
            return contract.approved(self.owner.address, digest, signature)
        return contract.approvedWithProof(self.owner.address, digest, signature, root, proof)


def sign(rng, owner, digest):
    """Over the digest, or over the digest as a message."""
    if rng.random() < 0.5:
        return bytes(owner.unsafe_sign_hash(digest).signature)
    return bytes(owner.sign_message(encode_defunct(primitive=digest)).signature)


def merkle(leaves):
    """Root and proofs of a tree of sorted pairs whose odd nodes go up unpaired."""
    proofs, places, level = [[] for _ in leaves], list(range(len(leaves))), list(leaves)
    while len(level) > 1:
        for leaf, place in enumerate(places):
            if place ^ 1 < len(level):
                proofs[leaf].append(level[place ^ 1])
        level = [
            keccak(b"".join(sorted(level[i : i + 2]))) if i + 1 < len(level) else level[i]
            for i in range(0, len(level), 2)
        ]
        places = [place // 2 for place in places]
    return level[0], proofs


def test_delegations(chains):
    rng = random.Random(20)
    questions, expected = [], []
    for _ in range(250):
        delegation = Delegation(rng, chains)
        for chain_id, (signature, root, proof) in delegation.approve(rng).items():
            assert delegation.approved(chain_id, signature, root, proof)
            questions.append(delegation.question(chain_id, delegation.serialized(rng, signature, root, proof)))
            expected.append(
                {
                    "account": delegation.account,
                    "owner": delegation.owner.address,
                    "version": delegation.version,
                    "permissionId": hexed(delegation.permission),
                    "enableData": hexed(delegation.enable_data),
                    "digest": hexed(delegation.digest(chain_id)),
                }
            )
    approvals = set()
    for question, answer, wanted in zip(questions, ask_all(questions), expected, strict=True):
        assert not isinstance(answer, Refused), (answer, question)
        approvals.add(answer.pop("approval"))
        assert answer == wanted, question
    assert approvals == {"digest", "message", "merkle_root"}
    assert len(questions) > 300


def test_changed_approvals(chains):
    """What the machine does not believe, the program refuses."""
    rng = random.Random(21)
    questions, believed = [], []
    for _ in range(250):
        delegation = Delegation(rng, chains)
        chain_id, (signature, root, proof) = rng.choice(list(delegation.approve(rng).items()))
        asked = chain_id
        match rng.randrange(5):
            case 0:
                signature = flipped(rng, signature[:64]) + signature[64:]
            case 1:
                asked = rng.choice([c for c in CHAINS if c != chain_id])
            case 2 if proof:
                place = rng.randrange(len(proof))
                proof = [*proof[:place], flipped(rng, proof[place]), *proof[place + 1 :]]
            case 3 if root:
                root = flipped(rng, root)
            case _:
                delegation.nonce = delegation.nonce % (2**32 - 1) + 1
        believed.append(delegation.approved(asked, signature, root, proof))
        questions.append(delegation.question(asked, delegation.serialized(rng, signature, root, proof)))
    assert not any(believed)
    for question, answer in zip(questions, ask_all(questions), strict=True):
        assert isinstance(answer, Refused) and str(answer).startswith("signature "), (answer, question)


def flipped(rng, data):
    data = bytearray(data)
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def test_changed_policies(chains):
    """Other policies than those that were signed, with the identifier of either, are refused."""
    rng = random.Random(22)
    questions, steps = [], []
    for number in range(200):
        delegation, other = Delegation(rng, chains), Delegation(rng, chains)
        chain_id, approval = rng.choice(list(delegation.approve(rng).items()))
        policies = rng.choice([other.policies, delegation.policies + other.policies[:1], delegation.policies[1:]])
        if not policies:
            policies = other.policies
        permission, step = delegation.permission, "permissionId"
        if policies is other.policies and number % 2:
            # The identifier of the other policies with this session key.
            permission = delegation.here.permissionId(other.parts, b"\0\0", delegation.signer)
            step = "signature"
        serialized = delegation.serialized(rng, *approval, policies=policies, permission=permission)
        questions.append(delegation.question(chain_id, serialized))
        # Without the identifier the signature tells.
        steps.append({step, "signature"})
    for question, answer, step in zip(questions, ask_all(questions), steps, strict=True):
        assert isinstance(answer, Refused) and str(answer).split()[0] in step, (answer, question)


def test_preinstalled_permissions(chains):
    """The account's address, which the machine gives, is the owner's approval; other permissions are refused."""
    rng = random.Random(24)
    questions = []
    delegations = [Delegation(rng, chains, kind="preinstalled") for _ in range(60)]
    for delegation in delegations:
        delegation.nonce = 1
        questions.append(delegation.question(rng.choice(CHAINS), delegation.serialized(rng, None)))
    for delegation, answer in zip(delegations, ask_all(questions), strict=True):
        assert not isinstance(answer, Refused), answer
        assert (answer["approval"], answer["account"]) == ("preinstalled", delegation.account)
        assert answer["enableData"] == hexed(delegation.enable_data)
    questions = []
    for delegation, other in zip(delegations, delegations[1:], strict=False):
        delegation.policies = other.policies
        permission = delegation.here.permissionId(other.parts, b"\0\0", delegation.signer)
        serialized = delegation.serialized(rng, None, permission=permission)
        questions.append(delegation.question(rng.choice(CHAINS), serialized))
    assert {str(answer).split()[0] for answer in ask_all(questions)} == {"preinstalled"}


def test_accounts_that_take_on_code(chains):
    """The account's own key signs: eth-account the authorization, over the machine's digest the approval."""
    rng = random.Random(25)
    questions, expected = [], []
    for number in range(150):
        delegation = Delegation(rng, chains, kind="code")
        delegation.nonce = 1
        chain_id = rng.choice(CHAINS)
        statement = {"chainId": chain_id, "address": VERSIONS["0.3.3"][1], "nonce": rng.randrange(50)}
        signer, wanted, asked = delegation.owner, None, chain_id
        match number % 6:
            case 1:
                statement["chainId"], wanted = 0, "auth7702 authorization_every_chain"
            case 2:
                statement["address"], wanted = VERSIONS["0.3.2"][1], "auth7702 authorization_delegate_unknown"
            case 3:
                signer, wanted = Account.from_key(rng.randbytes(32)), "auth7702 authorization_invalid"
            case 4:
                asked = rng.choice([c for c in CHAINS if c != chain_id])
                wanted = "auth7702 authorization_other_chain"
        signed = signer.sign_authorization(statement)
        authorization = {
            "address": any_case(rng, statement["address"]),
            "chainId": statement["chainId"],
            "nonce": statement["nonce"],
            "r": hexed(signed.r.to_bytes(32, "big")),
            "s": hexed(signed.s.to_bytes(32, "big")),
            "v": str(27 + signed.y_parity),
            "yParity": signed.y_parity,
        }
        digest = delegation.digest(chain_id)
        approval = bytes(delegation.owner.unsafe_sign_hash(digest).signature)
        question = delegation.question(asked, delegation.serialized(rng, approval, authorization=authorization))
        question["state"] = {"nonce": str(statement["nonce"])}
        if number % 6 == 5:
            question["state"], wanted = {"nonce": str(statement["nonce"] + 1)}, "auth7702 authorization_nonce_used"
        questions.append(question)
        expected.append(wanted or hexed(digest))
    for question, answer, wanted in zip(questions, ask_all(questions), expected, strict=True):
        if isinstance(answer, Refused):
            assert str(answer).startswith(wanted), question
        else:
            assert answer["digest"] == wanted, question
            assert answer["owner"] == answer["account"]


@pytest.mark.parametrize("version", ["0.7", "0.8"])
def test_user_operations(version):
    rng = random.Random(23)
    questions, expected = [], []
    for _ in range(300):
        chain_id, entry_point = rng.getrandbits(40), address(rng)
        contract = Chain(chain_id).put("operation_hash", entry_point)
        operation = user_operation(rng)
        operation["callData"] = hexed(blob(rng, 400))
        packed = packed_operation(operation, version)
        values = tuple(packed[field["name"]] for field in OPERATION_TYPE)
        function = contract.hashOfVersion07 if version == "0.7" else contract.hashOfVersion08
        expected.append(hexed(function(values)))
        questions.append(
            {
                "op": "user-operation-hash",
                "version": version,
                "entryPoint": entry_point,
                "chainId": str(chain_id),
                "operation": operation,
            }
        )
    for question, answer, wanted in zip(questions, ask_all(questions), expected, strict=True):
        assert answer == wanted, question


def test_genuine_delegations(chains):
    """The SDK's own delegations of one key: the machine rebuilds their digest and finds the owner's signature."""
    folder = Path(__file__).parents[1] / "WalletPolicyTests" / "Fixtures"
    checked = 0
    for file in sorted(folder.glob("[0-9]*.json")):
        fixture = json.loads(file.read_text())
        for account in fixture["accounts"]:
            root, chain_id = fixture["inputs"]["root"], account["chainId"]
            if root != "ecdsa" or "enableDigest" not in account or chain_id not in chains or file.name.startswith("23"):
                continue
            contract = chains[chain_id][1]
            digest = contract.enableDigest(
                account["address"],
                account["enableTypedData"]["domain"]["version"],
                unhexed(account["permissionId"]),
                account["validatorNonce"],
                unhexed(account["enableData"]),
            )
            assert hexed(digest) == account["enableDigest"], file.name
            owner = fixture["inputs"]["ownerAddress"]
            assert contract.approved(owner, digest, unhexed(account["enableSignature"])), file.name
            checked += 1
    assert checked >= 12
