"""A local Ethereum machine (pyrevm) that runs contracts of our own (Vyper), on any chain and at any address."""

from functools import cache
from pathlib import Path

import pyrevm
import vyper
from eth_abi import decode, encode
from eth_utils import keccak

CONTRACTS = Path(__file__).resolve().parents[1] / "contracts"
CALLER = "0x00000000000000000000000000000000C0FFEE00"


@cache
def compiled(name):
    source = (CONTRACTS / f"{name}.vy").read_text()
    return vyper.compile_code(source, output_formats=["bytecode_runtime", "abi"])


def abi_type(item):
    """`(address,uint256)[]` for the JSON of a tuple's type."""
    if item["type"].startswith("tuple"):
        return "(" + ",".join(abi_type(c) for c in item["components"]) + ")" + item["type"][5:]
    return item["type"]


class Chain:
    """One chain with contracts where a test puts them."""

    def __init__(self, chain_id):
        self.machine = pyrevm.EVM(env=pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=chain_id)), gas_limit=2**40)

    def put(self, name, address):
        """The contract `name` at `address`."""
        output = compiled(name)
        code = bytes.fromhex(output["bytecode_runtime"].removeprefix("0x"))
        self.machine.insert_account_info(address, pyrevm.AccountInfo(nonce=1, code=code))
        return Contract(self.machine, address, output["abi"])

    def code(self, address):
        return bytes(self.machine.get_code(address) or b"").rstrip(b"\0")


class Contract:
    """Functions of a contract as methods; each runs in the machine."""

    def __init__(self, machine, address, abi):
        self._machine, self._address = machine, address
        self._functions = {f["name"]: f for f in abi if f["type"] == "function"}

    def __getattr__(self, name):
        function = self._functions[name]
        inputs = [abi_type(i) for i in function["inputs"]]
        outputs = [abi_type(o) for o in function["outputs"]]
        selector = keccak(text=f"{name}({','.join(inputs)})")[:4]

        def call(*arguments):
            data = selector + encode(inputs, arguments)
            result = self._machine.message_call(CALLER, self._address, calldata=data, gas=2**30)
            (value,) = decode(outputs, bytes(result))
            return value

        return call
