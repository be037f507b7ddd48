"""A chain's node of our own: JSON-RPC over HTTP, with the accounts a test puts there, and every way of being no good."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from eth_abi import encode
from eth_utils import function_signature_to_4byte_selector

BLOCK = "0x" + "ab" * 32
EIP7702_PREFIX = "0xef0100"


def selector(signature):
    return "0x" + function_signature_to_4byte_selector(signature).hex()


DOMAIN, NONCE, ROOT = selector("eip712Domain()"), selector("currentNonce()"), selector("rootValidator()")
OWNER = selector("ecdsaValidatorStorage(address)")


class Failure(Exception):
    """A JSON-RPC error."""

    def __init__(self, code, message):
        super().__init__(message)
        self.error = {"code": code, "message": message}


class Kernel:
    """A deployed Kernel account as its functions show it."""

    def __init__(self, version, owner, validator, nonce=1, delegate=None):
        self.version, self.owner, self.validator, self.nonce, self.delegate = version, owner, validator, nonce, delegate

    @property
    def code(self):
        return EIP7702_PREFIX + self.delegate[2:] if self.delegate else "0x363d3d373d3d363d7f"


class ChainNode:
    """`url` is where it answers. `accounts` maps addresses in lower case to a `Kernel`, or to a number of transactions of
    an account without code. `mode` is how it behaves: `good`, `error`, `garbage`, `hang` or `closed`."""

    def __init__(self, chain_id):
        self.chain_id = chain_id
        self.accounts = {}
        self.mode = "good"
        self.calls = []
        self.released = threading.Event()
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One packet for each answer, sent at once.
            wbufsize = -1
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if node.mode == "closed":
                    self.close_connection = True
                    return
                if node.mode == "hang":
                    node.released.wait(60)
                # `/84532` answers for chain 84532: many chains behind one address.
                chain = int(self.path[1:]) if self.path[1:].isdigit() else node.chain_id
                data = b"<html>not JSON</html>" if node.mode == "garbage" else node.answer(body, chain)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self.server = Listener(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    # MARK: JSON-RPC

    def answer(self, body, chain):
        request = json.loads(body)
        if isinstance(request, list):
            return json.dumps([self.one(each, chain) for each in request]).encode()
        return json.dumps(self.one(request, chain)).encode()

    def one(self, request, chain):
        self.calls.append((time.monotonic(), request["method"], request.get("params", [])))
        answer = {"jsonrpc": "2.0", "id": request.get("id")}
        try:
            if self.mode == "error":
                raise Failure(-32000, "header not found")
            answer["result"] = self.result(request["method"], request.get("params", []), chain)
        except Failure as failure:
            answer["error"] = failure.error
        return answer

    def result(self, method, params, chain):
        match method:
            case "eth_chainId":
                return hex(chain)
            case "eth_blockNumber":
                return "0x10"
            case "eth_getBlockByNumber" | "eth_getBlockByHash":
                return {"number": "0x10", "hash": BLOCK, "timestamp": hex(int(time.time())), "transactions": []}
            case "eth_getCode":
                account = self.account(params[0])
                return account.code if isinstance(account, Kernel) else "0x"
            case "eth_getTransactionCount":
                account = self.account(params[0])
                return "0x1" if isinstance(account, Kernel) else hex(account)
            case "eth_call":
                return self.contract(params[0]["to"].lower(), params[0].get("data") or params[0].get("input"), chain)
        raise Failure(-32601, f"the method {method} does not exist")

    def account(self, address):
        return self.accounts.get(address.lower(), 0)

    def contract(self, to, data, chain):
        account = self.accounts.get(to)
        if isinstance(account, Kernel):
            if data == DOMAIN:
                values = [b"\x0f", "Kernel", account.version, chain, to, bytes(32), []]
                types = ["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"]
                return "0x" + encode(types, values).hex()
            if data == NONCE:
                return "0x" + encode(["uint32"], [account.nonce]).hex()
            if data == ROOT:
                # An account that took on code and was given no root answers with zeros.
                root = bytes.fromhex("01" + account.validator[2:]) if account.validator else bytes(21)
                return "0x" + (root + bytes(11)).hex()
        if data and data.startswith(OWNER):
            owned = self.accounts.get("0x" + data[-40:].lower())
            if isinstance(owned, Kernel) and owned.validator and owned.validator.lower() == to:
                return "0x" + encode(["address"], [owned.owner]).hex()
        raise Failure(3, "execution reverted")
