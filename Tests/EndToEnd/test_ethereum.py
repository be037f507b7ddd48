"""Formats and signatures of Ethereum against eth-abi, eth-account, eth-keys and pyrlp on generated inputs.

The inputs are the same at every run; a failing case prints its question.
"""

import random

import pytest
import rlp
from eth_abi import abi, encode
from eth_abi.exceptions import DecodingError
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_defunct, encode_typed_data
from eth_keys import keys
from eth_utils import is_checksum_address, keccak, to_checksum_address
from harness.ethereum import PROGRAM, Refused, ask_all, hexed, unhexed

pytestmark = [
    pytest.mark.skipif(not PROGRAM.exists(), reason=f"swift build --product {PROGRAM.name} first"),
    pytest.mark.timeout(300),
]

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def blob(rng, longest=80):
    return rng.randbytes(rng.choice([0, 1, 31, 32, 33, 55, 56, rng.randrange(longest + 1)]))


def integer(rng, bits):
    """Small ones, large ones and the ends of the range alike."""
    return rng.choice([0, 1, (1 << bits) - 1, rng.getrandbits(bits), rng.getrandbits(rng.randrange(1, bits + 1))])


def address(rng):
    return to_checksum_address(rng.randbytes(20))


def check(cases, expected):
    for question, answer, wanted in zip(cases, ask_all(cases), expected, strict=True):
        assert answer == wanted, question


def test_keccak():
    rng = random.Random(1)
    data = [rng.randbytes(rng.randrange(700)) for _ in range(1000)]
    check([{"op": "keccak", "data": hexed(d)} for d in data], [hexed(keccak(d)) for d in data])


def rlp_item(rng, depth=0):
    if depth < 4 and rng.random() < 0.4:
        return [rlp_item(rng, depth + 1) for _ in range(rng.randrange(6))]
    return blob(rng)


def as_json(item):
    return [as_json(i) for i in item] if isinstance(item, list | tuple) else hexed(item)


def test_rlp():
    rng = random.Random(2)
    items = [rlp_item(rng) for _ in range(2000)]
    check([{"op": "rlp-encode", "item": as_json(i)} for i in items], [hexed(rlp.encode(i)) for i in items])
    check([{"op": "rlp-decode", "data": hexed(rlp.encode(i))} for i in items], [as_json(i) for i in items])


def test_rlp_of_changed_bytes():
    """Both read the same, or neither reads anything."""
    rng = random.Random(3)
    inputs = []
    for _ in range(4000):
        data = bytearray(rlp.encode(rlp_item(rng)))
        for _ in range(rng.randrange(1, 3)):
            data[rng.randrange(min(len(data), 12))] = rng.choice([rng.randrange(256), 0, 0x80, 0x81, 0xB8, 0xC0, 0xF8])
        inputs.append(bytes(data))
    refused = 0
    for data, answer in zip(inputs, ask_all({"op": "rlp-decode", "data": hexed(d)} for d in inputs), strict=True):
        try:
            wanted = as_json(rlp.decode(data))
        except rlp.DecodingError:
            wanted = None
        if isinstance(answer, Refused):
            refused += 1
            assert wanted is None, (hexed(data), answer)
        else:
            assert answer == wanted, hexed(data)
    assert 500 < refused < 3900


def abi_type(rng, depth=0):
    if depth < 3 and rng.random() < 0.35:
        kind = rng.randrange(3)
        if kind == 0:
            return f"{abi_type(rng, depth + 1)}[]"
        if kind == 1:
            return f"{abi_type(rng, depth + 1)}[{rng.randrange(1, 4)}]"
        return "(" + ",".join(abi_type(rng, depth + 1) for _ in range(rng.randrange(1, 4))) + ")"
    return rng.choice(
        [
            f"uint{8 * rng.randrange(1, 33)}",
            f"int{8 * rng.randrange(1, 33)}",
            f"bytes{rng.randrange(1, 33)}",
            "address",
            "bool",
            "bytes",
            "string",
        ]
    )


def split(text):
    """The members of a tuple's text."""
    parts, depth, start = [], 0, 1
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if (character == "," and depth == 1) or (character == ")" and depth == 0):
            parts.append(text[start:index])
            start = index + 1
    return parts


def abi_value(rng, kind):
    """A value for eth-abi, and the same for the program."""
    if kind.endswith("]"):
        element, _, count = kind[:-1].rpartition("[")
        values = [abi_value(rng, element) for _ in range(int(count) if count else rng.randrange(4))]
        return [v for v, _ in values], [j for _, j in values]
    if kind.startswith("("):
        values = [abi_value(rng, member) for member in split(kind)]
        return tuple(v for v, _ in values), [j for _, j in values]
    if kind.startswith("uint"):
        value = integer(rng, int(kind[4:]))
        return value, str(value)
    if kind.startswith("int"):
        bits = int(kind[3:])
        value = integer(rng, bits) - (1 << (bits - 1))
        return value, str(value)
    if kind == "address":
        value = address(rng).lower()
        return value, value
    if kind == "bool":
        value = rng.random() < 0.5
        return value, value
    if kind == "string":
        value = "".join(rng.choice("aé€𝄞 \n\"\\\0") for _ in range(rng.randrange(20)))
        return value, value
    value = blob(rng) if kind == "bytes" else rng.randbytes(int(kind[5:]))
    return value, hexed(value)


def abi_cases(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        types = [abi_type(rng) for _ in range(rng.randrange(1, 4))]
        values = [abi_value(rng, kind) for kind in types]
        yield rng, types, [v for v, _ in values], [j for _, j in values]


def test_abi():
    questions, expected = [], []
    for _, types, values, jsons in abi_cases(4, 3000):
        data = hexed(encode(types, values))
        questions += [
            {"op": "abi-encode", "types": types, "values": jsons},
            {"op": "abi-decode", "types": types, "data": data},
        ]
        expected += [data, jsons]
    check(questions, expected)


def test_abi_of_changed_bytes():
    """What the program reads, eth-abi reads too, to the same values, and they are written as they were."""
    inputs = []
    for rng, types, values, _ in abi_cases(5, 4000):
        data = bytearray(encode(types, values))
        for _ in range(rng.randrange(1, 4)):
            where = rng.randrange(len(data))
            data[where] = rng.choice([data[where] ^ 0x20, data[where] ^ 1, rng.randrange(256)])
        if rng.random() < 0.2:
            data += bytes(32)
        inputs.append((types, bytes(data)))
    answers = ask_all({"op": "abi-decode", "types": t, "data": hexed(d)} for t, d in inputs)
    read = [(t, d, a) for (t, d), a in zip(inputs, answers, strict=True) if not isinstance(a, Refused)]
    assert 300 < len(read) < 3500
    for types, data, _ in read:
        try:
            values = abi.decode(types, data)
        except DecodingError as error:
            raise AssertionError((types, hexed(data))) from error
        assert encode(types, values) == data, types
    again = ask_all({"op": "abi-encode", "types": t, "values": a} for t, _, a in read)
    assert again == [hexed(d) for _, d, _ in read]


def test_selectors():
    rng = random.Random(6)
    signatures = [
        f"f{rng.randrange(10**6)}({','.join(abi_type(rng) for _ in range(rng.randrange(4)))})" for _ in range(500)
    ]
    check(
        [{"op": "selector", "signature": s} for s in signatures],
        [hexed(keccak(text=s)[:4]) for s in signatures],
    )


def test_addresses():
    rng = random.Random(7)
    texts = [address(rng) for _ in range(1000)]
    check([{"op": "checksum", "address": t.lower()} for t in texts], texts)
    changed = []
    for text in texts:
        where = rng.randrange(2, 42)
        changed.append(text[:where] + text[where].swapcase() + text[where + 1 :])
    check(
        [{"op": "address-is-valid", "address": t} for t in changed],
        [is_checksum_address(t) or t[2:] in (t[2:].lower(), t[2:].upper()) for t in changed],
    )


def test_personal_messages():
    rng = random.Random(8)
    data = [blob(rng, 2000) for _ in range(1000)]
    check(
        [{"op": "personal-digest", "data": hexed(d)} for d in data],
        [hexed(_hash_eip191_message(encode_defunct(primitive=d))) for d in data],
    )


def typed_data(rng):
    """A message for eth-account and the same for the program."""
    names = [f"Struct{n}" for n in range(rng.randrange(1, 4))]
    types = {}
    for index, name in enumerate(names):
        fields = []
        for number in range(rng.randrange(1, 5)):
            inner = [n for n in names[index + 1 :]]
            kind = rng.choice(inner) if inner and rng.random() < 0.4 else abi_type(rng, depth=9)
            suffix = rng.choice(["", "", "[]", "[2]", "[][2]"])
            fields.append({"name": f"field{number}", "type": kind + suffix})
        types[name] = fields

    def value(kind):
        if kind.endswith("]"):
            element, _, count = kind[:-1].rpartition("[")
            values = [value(element) for _ in range(int(count) if count else rng.randrange(3))]
            return [v for v, _ in values], [j for _, j in values]
        if kind in types:
            members = {field["name"]: value(field["type"]) for field in types[kind]}
            return {n: v for n, (v, _) in members.items()}, {n: j for n, (_, j) in members.items()}
        return abi_value(rng, kind)

    domain, fields = {}, []
    for name, kind, make in [
        ("name", "string", lambda: rng.choice(["", "Kernel", "Ether Mail é"])),
        ("version", "string", lambda: rng.choice(["1", "0.3.3"])),
        ("chainId", "uint256", lambda: rng.getrandbits(40)),
        ("verifyingContract", "address", lambda: address(rng)),
        ("salt", "bytes32", lambda: hexed(rng.randbytes(32))),
    ]:
        if rng.random() < 0.7:
            domain[name] = make()
            fields.append({"name": name, "type": kind})
    primary = names[0]
    message, json = value(primary)
    if not fields:
        domain, fields = {"name": "x"}, [{"name": "name", "type": "string"}]
    theirs = {
        "types": {"EIP712Domain": fields, **types},
        "primaryType": primary,
        "domain": domain,
        "message": message,
    }
    if "chainId" in domain:
        domain = {**domain, "chainId": str(domain["chainId"])}
    return theirs, {**theirs, "domain": domain, "message": json}


def test_typed_data():
    rng = random.Random(9)
    questions, expected = [], []
    while len(questions) < 1500:
        theirs, ours = typed_data(rng)
        used = reachable(theirs["types"], theirs["primaryType"])
        # eth-account refuses definitions that nothing uses.
        for side in (theirs, ours):
            side["types"] = {n: f for n, f in side["types"].items() if n in used or n == "EIP712Domain"}
        questions.append({"op": "typed-data-digest", "data": ours})
        expected.append(hexed(_hash_eip191_message(encode_typed_data(full_message=theirs))))
    check(questions, expected)


def reachable(types, name):
    found, waiting = set(), [name]
    while waiting:
        name = waiting.pop()
        if name in types and name not in found:
            found.add(name)
            waiting += [field["type"].split("[")[0] for field in types[name]]
    return found


def user_operation(rng):
    operation = {
        "sender": address(rng),
        "nonce": str(integer(rng, 256)),
        "callData": hexed(blob(rng)),
        "callGasLimit": str(integer(rng, 128)),
        "verificationGasLimit": str(integer(rng, 128)),
        "preVerificationGas": str(integer(rng, 256)),
        "maxFeePerGas": str(integer(rng, 128)),
        "maxPriorityFeePerGas": str(integer(rng, 128)),
    }
    if rng.random() < 0.5:
        operation |= {"factory": address(rng), "factoryData": hexed(blob(rng))}
    if rng.random() < 0.5:
        operation |= {
            "paymaster": address(rng),
            "paymasterVerificationGasLimit": str(integer(rng, 128)),
            "paymasterPostOpGasLimit": str(integer(rng, 128)),
            "paymasterData": hexed(blob(rng)),
        }
    return operation


def packed_operation(operation, version):
    """The fields the contract of a version is called with."""

    def pair(high, low):
        return int(operation[high]).to_bytes(16, "big") + int(operation[low]).to_bytes(16, "big")

    init_code = b""
    if "factory" in operation:
        init_code = unhexed(operation["factory"]) + unhexed(operation["factoryData"])
    paymaster = b""
    if "paymaster" in operation:
        paymaster = unhexed(operation["paymaster"])
        if version != "0.6":
            paymaster += pair("paymasterVerificationGasLimit", "paymasterPostOpGasLimit")
        paymaster += unhexed(operation["paymasterData"])
    return {
        "sender": operation["sender"],
        "nonce": int(operation["nonce"]),
        "initCode": init_code,
        "callData": unhexed(operation["callData"]),
        "accountGasLimits": pair("verificationGasLimit", "callGasLimit"),
        "preVerificationGas": int(operation["preVerificationGas"]),
        "gasFees": pair("maxPriorityFeePerGas", "maxFeePerGas"),
        "paymasterAndData": paymaster,
    }


OPERATION_TYPE = [
    {"name": "sender", "type": "address"},
    {"name": "nonce", "type": "uint256"},
    {"name": "initCode", "type": "bytes"},
    {"name": "callData", "type": "bytes"},
    {"name": "accountGasLimits", "type": "bytes32"},
    {"name": "preVerificationGas", "type": "uint256"},
    {"name": "gasFees", "type": "bytes32"},
    {"name": "paymasterAndData", "type": "bytes"},
]


def operation_hash(operation, version, entry_point, chain, delegate):
    packed = packed_operation(operation, version)
    if version == "0.8":
        if delegate:
            packed["initCode"] = unhexed(delegate) + packed["initCode"][20:]
        return _hash_eip191_message(
            encode_typed_data(
                {"name": "ERC4337", "version": "1", "chainId": chain, "verifyingContract": entry_point},
                {"PackedUserOperation": OPERATION_TYPE},
                packed,
            )
        )
    hashed = [keccak(v) if isinstance(v, bytes) and len(v) != 32 else v for v in packed.values()]
    types = [field["type"].replace("bytes32", "bytes").replace("bytes", "bytes32") for field in OPERATION_TYPE]
    for index in (2, 3, 7):
        hashed[index] = keccak(list(packed.values())[index])
    if version == "0.6":
        gas = [int(operation[n]) for n in ("callGasLimit", "verificationGasLimit", "preVerificationGas")]
        fees = [int(operation[n]) for n in ("maxFeePerGas", "maxPriorityFeePerGas")]
        hashed = [*hashed[:4], *gas, *fees, hashed[7]]
        types = ["address", "uint256", "bytes32", "bytes32", *["uint256"] * 5, "bytes32"]
    inner = keccak(encode(types, hashed))
    return keccak(encode(["bytes32", "address", "uint256"], [inner, entry_point, chain]))


@pytest.mark.parametrize("version", ["0.6", "0.7", "0.8"])
def test_user_operations(version):
    rng = random.Random(10)
    questions, expected = [], []
    for number in range(1000):
        operation, entry_point, chain = user_operation(rng), address(rng), rng.getrandbits(63)
        delegate = None
        if version == "0.8" and number % 3 == 0:
            delegate = address(rng)
            operation |= {"factory": "0x7702" + "00" * 18, "factoryData": hexed(blob(rng))}
        questions.append(
            {
                "op": "user-operation-hash",
                "version": version,
                "entryPoint": entry_point,
                "chainId": str(chain),
                "operation": operation,
            }
            | ({"delegate": delegate} if delegate else {})
        )
        expected.append(hexed(operation_hash(operation, version, entry_point, chain, delegate)))
    check(questions, expected)


def test_signatures():
    """Signing, recovering and verifying; the same signature bit for bit (RFC 6979)."""
    rng = random.Random(11)
    signing, recovering, verifying, signatures, signers = [], [], [], [], []
    for _ in range(1000):
        key = keys.PrivateKey(rng.randrange(1, ORDER).to_bytes(32, "big"))
        digest = rng.randbytes(32)
        signature = bytes(Account.unsafe_sign_hash(digest, key).signature)
        signing.append({"op": "sign", "key": hexed(key.to_bytes()), "digest": hexed(digest)})
        recovering.append({"op": "recover", "signature": hexed(signature), "digest": hexed(digest)})
        verifying.append(
            {
                "op": "verify",
                "signature": hexed(signature),
                "digest": hexed(digest),
                "publicKey": hexed(key.public_key.to_compressed_bytes()),
            }
        )
        signatures.append(hexed(signature))
        signers.append(key.public_key.to_checksum_address())
    check(signing, signatures)
    check(recovering, signers)
    check(verifying, [True] * len(verifying))
    check([{"op": "key-address", "key": q["key"]} for q in signing], signers)


def test_changed_signatures():
    """Recovery of what nobody signed: the same account as eth-keys finds, none, or a form that is refused."""
    rng = random.Random(12)
    questions, expected = [], []
    for number in range(2000):
        digest = rng.randbytes(32)
        key = keys.PrivateKey(rng.randrange(1, ORDER).to_bytes(32, "big"))
        signature = bytearray(Account.unsafe_sign_hash(digest, key).signature)
        match number % 5:
            case 0:
                signature[rng.randrange(32)] ^= 1 << rng.randrange(8)
            case 1:
                signature[32 + rng.randrange(32)] ^= 1 << rng.randrange(8)
            case 2:
                signature[64] = rng.choice([0, 1, 26, 27, 28, 29, 30, 35])
            case 3:
                s = ORDER - int.from_bytes(signature[32:64], "big")
                signature[32:64] = s.to_bytes(32, "big")
                signature[64] ^= 27 ^ 28
            case 4:
                half = rng.choice([0, 32])
                value = rng.choice([0, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1, ORDER // 2, ORDER // 2 + 1])
                signature[half : half + 32] = value.to_bytes(32, "big")
        r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
        questions.append({"op": "recover", "signature": hexed(signature), "digest": hexed(digest)})
        if not (0 < r < ORDER and 0 < s <= ORDER // 2 and v in (27, 28)):
            expected.append(Refused)
            continue
        try:
            found = keys.Signature(vrs=(v - 27, r, s)).recover_public_key_from_msg_hash(digest)
            expected.append(found.to_checksum_address())
        except Exception:  # eth-keys raises errors of several kinds
            expected.append(None)
    for question, answer, wanted in zip(questions, ask_all(questions), expected, strict=True):
        assert isinstance(answer, Refused) if wanted is Refused else answer == wanted, question
    assert {type(e) for e in expected} == {type, str, type(None)}


def test_authorizations():
    rng = random.Random(13)
    digests, statements = [], []
    for _ in range(500):
        account = Account.from_key(rng.randrange(1, ORDER).to_bytes(32, "big"))
        statement = {"chainId": rng.getrandbits(32), "address": address(rng), "nonce": rng.getrandbits(rng.randrange(63))}
        signed = account.sign_authorization(statement)
        statements.append((account.address, signed))
        digests.append(
            {
                "op": "authorization-digest",
                "address": statement["address"],
                "chainId": str(statement["chainId"]),
                "nonce": str(statement["nonce"]),
            }
        )
    found = ask_all(digests)
    recovered = ask_all(
        {
            "op": "recover",
            "digest": digest,
            "signature": hexed(s.r.to_bytes(32, "big") + s.s.to_bytes(32, "big") + bytes([27 + s.y_parity])),
        }
        for digest, (_, s) in zip(found, statements, strict=True)
    )
    assert recovered == [a for a, _ in statements]


def test_create2():
    rng = random.Random(14)
    cases = [(rng.randbytes(20), rng.randbytes(32), rng.randbytes(32)) for _ in range(200)]
    check(
        [
            {"op": "create2", "deployer": hexed(d), "salt": hexed(s), "initCodeHash": hexed(h)}
            for d, s, h in cases
        ],
        [to_checksum_address(keccak(b"\xff" + d + s + h)[12:]) for d, s, h in cases],
    )
