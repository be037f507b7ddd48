# pragma version 0.4.3
"""
Rebuilds what the owner of a Kernel account signs, the way the account does on a chain, and says whether the owner did.
Written from the formats alone; it shares no code with what it is compared to.
"""

struct Rule:
    condition: uint8
    offset: uint64
    params: DynArray[bytes32, 3]


struct RuleOfVersion1:
    condition: uint8
    offset: uint64
    param: bytes32


struct CallPermission:
    callType: bytes1
    target: address
    selector: bytes4
    valueLimit: uint256
    rules: DynArray[Rule, 3]


struct CallPermissionOfVersion1:
    callType: bytes1
    target: address
    selector: bytes4
    valueLimit: uint256
    rules: DynArray[RuleOfVersion1, 3]


MAX_POLICY: constant(uint256) = 4096
MAX_POLICIES: constant(uint256) = 4
MAX_ENABLE: constant(uint256) = 24576

DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
ENABLE_TYPE: constant(bytes32) = keccak256(
    "Enable(bytes21 validationId,uint32 nonce,address hook,bytes validatorData,bytes hookData,bytes selectorData)"
)


@external
@pure
def callPolicy(permissions: DynArray[CallPermission, 3]) -> Bytes[MAX_POLICY]:
    return abi_encode(permissions)


@external
@pure
def callPolicyOfVersion1(permissions: DynArray[CallPermissionOfVersion1, 3]) -> Bytes[MAX_POLICY]:
    return abi_encode(permissions)


@external
@pure
def gasPolicy(allowed: uint128, enforced: bool, paymaster: address) -> Bytes[96]:
    return abi_encode(allowed, enforced, paymaster)


@external
@pure
def timestampPolicy(after: uint48, until: uint48) -> Bytes[64]:
    return abi_encode(after, until)


@external
@pure
def callersPolicy(callers: DynArray[address, 4]) -> Bytes[256]:
    return abi_encode(callers)


@external
@pure
def permissionId(policies: DynArray[Bytes[MAX_POLICY], MAX_POLICIES], flag: bytes2, signer: Bytes[40]) -> bytes4:
    parts: DynArray[Bytes[MAX_ENABLE], 3] = []
    parts.append(abi_encode(policies))
    parts.append(concat(flag, b""))
    parts.append(abi_encode(signer))
    return convert(slice(keccak256(abi_encode(parts)), 0, 4), bytes4)


@external
@pure
def enableData(
    policies: DynArray[Bytes[MAX_POLICY], MAX_POLICIES], flag: bytes2, signer: Bytes[40]
) -> Bytes[MAX_ENABLE]:
    parts: DynArray[Bytes[MAX_POLICY], 5] = []
    for policy: Bytes[MAX_POLICY] in policies:
        parts.append(policy)
    parts.append(concat(flag, signer))
    return abi_encode(parts)


@external
@view
def enableDigest(
    account: address, version: String[16], permission: bytes4, nonce: uint32, validatorData: Bytes[MAX_ENABLE]
) -> bytes32:
    validation: bytes32 = convert(concat(0x02, permission, empty(bytes16), empty(bytes8), empty(bytes3)), bytes32)
    execute: bytes4 = method_id("execute(bytes32,bytes)", output_type=bytes4)
    selectorData: Bytes[236] = concat(
        execute, empty(bytes20), empty(bytes20), abi_encode(b"\xff", b"\x00\x00")
    )
    fields: bytes32 = keccak256(
        abi_encode(
            ENABLE_TYPE,
            validation,
            nonce,
            empty(address),
            keccak256(validatorData),
            keccak256(b""),
            keccak256(selectorData),
        )
    )
    domain: bytes32 = keccak256(
        abi_encode(DOMAIN_TYPE, keccak256("Kernel"), keccak256(version), chain.id, account)
    )
    return keccak256(concat(0x1901, domain, fields))


@internal
@pure
def _signed(owner: address, digest: bytes32, signature: Bytes[65]) -> bool:
    r: bytes32 = convert(slice(signature, 0, 32), bytes32)
    s: bytes32 = convert(slice(signature, 32, 32), bytes32)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    message: bytes32 = keccak256(concat(b"\x19Ethereum Signed Message:\n32", digest))
    return owner != empty(address) and (
        ecrecover(digest, v, r, s) == owner or ecrecover(message, v, r, s) == owner
    )


@external
@pure
def approved(owner: address, digest: bytes32, signature: Bytes[65]) -> bool:
    return self._signed(owner, digest, signature)


@external
@pure
def approvedWithProof(
    owner: address, digest: bytes32, signature: Bytes[65], root: bytes32, proof: DynArray[bytes32, 8]
) -> bool:
    node: bytes32 = digest
    for sibling: bytes32 in proof:
        if convert(node, uint256) <= convert(sibling, uint256):
            node = keccak256(concat(node, sibling))
        else:
            node = keccak256(concat(sibling, node))
    return node == root and self._signed(owner, root, signature)
