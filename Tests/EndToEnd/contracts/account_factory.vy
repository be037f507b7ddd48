# pragma version 0.4.3
"""
Makes accounts where Kernel's factories make them: it is put at a factory's address, so that the machine itself says
what CREATE2 gives.
"""


@external
def createAccount(creationCode: Bytes[256], initialization: Bytes[32768], index: bytes32) -> address:
    return raw_create(creationCode, salt=keccak256(concat(initialization, index)))
