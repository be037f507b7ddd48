# pragma version 0.4.3
"""
The hashes of a user operation as an EntryPoint computes them: it is put at an EntryPoint's address.
"""


struct PackedUserOperation:
    sender: address
    nonce: uint256
    initCode: Bytes[512]
    callData: Bytes[512]
    accountGasLimits: bytes32
    preVerificationGas: uint256
    gasFees: bytes32
    paymasterAndData: Bytes[512]


OPERATION_TYPE: constant(bytes32) = keccak256(
    "PackedUserOperation(address sender,uint256 nonce,bytes initCode,bytes callData,bytes32 accountGasLimits,uint256 preVerificationGas,bytes32 gasFees,bytes paymasterAndData)"
)
DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)


@external
@view
def hashOfVersion07(operation: PackedUserOperation) -> bytes32:
    packed: bytes32 = keccak256(
        abi_encode(
            operation.sender,
            operation.nonce,
            keccak256(operation.initCode),
            keccak256(operation.callData),
            operation.accountGasLimits,
            operation.preVerificationGas,
            operation.gasFees,
            keccak256(operation.paymasterAndData),
        )
    )
    return keccak256(abi_encode(packed, self, chain.id))


@external
@view
def hashOfVersion08(operation: PackedUserOperation) -> bytes32:
    packed: bytes32 = keccak256(
        abi_encode(
            OPERATION_TYPE,
            operation.sender,
            operation.nonce,
            keccak256(operation.initCode),
            keccak256(operation.callData),
            operation.accountGasLimits,
            operation.preVerificationGas,
            operation.gasFees,
            keccak256(operation.paymasterAndData),
        )
    )
    domain: bytes32 = keccak256(
        abi_encode(DOMAIN_TYPE, keccak256("ERC4337"), keccak256("1"), chain.id, self)
    )
    return keccak256(concat(0x1901, domain, packed))
