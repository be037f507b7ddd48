#!/usr/bin/env python3
"""Layering: which target may import what, and why.

Reads the import lines of every Swift file under Sources and fails on any that this file does not allow. It also keeps
clocks out of the pure targets and the code of the two listeners apart. Tests and test support are exempt.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Reasons that many targets share.
VALUES = "the words of the product as values"
BYTES = "ByteBuffer and event-loop-free values of SwiftNIO"
HASH = "hashing, signatures, authenticated encryption, randomness"
LOCK = "Mutex and Atomic for state shared between event loops"
LOG = "logging from an IO target"
RUN = "run until told to stop, in order"
READ = "configuration by flags, environment, file"
LOOP = "channels and event loops"
SOCKET = "sockets"
TLS = "TLS on sockets"
HTTP2 = "HTTP/2"
FIELDS = "header lists of HTTP/2 as values"
QUEUE = "double-ended queues for data waiting for credit"
DATE = "dates, files and JSON where the standard library has none"
BIG = "integers of 256 bits"
LIBC = "system calls"
SIGNAL = "signals that end a service"

# Only these decide; they import no event loop, no clock, no logger.
PURE = {"SessionModel", "TunnelProtocol", "ProxySemantics", "AccessControl", "EthereumPrimitives", "WalletPolicy"}

# Test support and programs that only tests run.
EXEMPT = {"DaypassTestSupport", "store-crash-writer", "ethereum-primitives-cli"}

ALLOWED = {
    "SessionModel": {"Crypto": HASH, "CPSL": "the Public Suffix List"},
    "TunnelProtocol": {
        "SessionModel": VALUES,
        "NIOCore": BYTES,
        "DequeModule": QUEUE,
        "Synchronization": "one byte budget for the whole process",
    },
    "ProxySemantics": {"SessionModel": VALUES, "NIOCore": BYTES, "NIOHPACK": FIELDS},
    "AccessControl": {
        "SessionModel": VALUES,
        "ProxySemantics": "path and head rules of what is being decided about",
        "Crypto": HASH,
        "HashTreeCollections": "snapshots of a million keys that share what did not change",
        "Synchronization": LOCK,
    },
    "EthereumPrimitives": {
        "CSecp256k1": "signatures on the curve of Ethereum",
        "BigInt": BIG,
    },
    "WalletPolicy": {
        "SessionModel": VALUES,
        "EthereumPrimitives": "formats and signatures",
        "BigInt": BIG,
    },
    "SessionStore": {
        "SessionModel": VALUES,
        "Synchronization": LOCK,
        "ServiceLifecycle": RUN,
        "Configuration": READ,
        "Logging": LOG,
    },
    "SQLiteStore": {
        "SessionModel": VALUES,
        "SessionStore": "the protocol it implements",
        "GRDB": "SQLite",
        "Crypto": HASH,
        "Synchronization": LOCK,
        "Foundation": DATE,
        "Glibc": LIBC,
        "Musl": LIBC,
        "Darwin": LIBC,
    },
    "WalletService": {
        "SessionModel": VALUES,
        "AccessControl": "the rate limiter",
        "EthereumPrimitives": "addresses, hexadecimal data, keys in custody",
        "WalletPolicy": "what is believed of a delegation",
        "SessionStore": "the store it keeps everything in",
        "AsyncHTTPClient": "questions to chains' nodes",
        "NIOCore": BYTES,
        "NIOHTTP1": "header lists of requests to nodes",
        "Crypto": HASH,
        "ServiceLifecycle": RUN,
        "Configuration": READ,
        "Synchronization": LOCK,
    },
    "GatewayService": {
        "SessionModel": VALUES,
        "AccessControl": "what a session token says, and the form it is signed in",
        "SessionStore": "the store it keeps everything in",
        "JWTKit": "Ed25519 signatures of session tokens",
        "Crypto": HASH,
        "Foundation": "raw keys as Data, which is how JWTKit gives and takes them",
        "ServiceLifecycle": RUN,
        "Configuration": READ,
        "Logging": LOG,
        "Synchronization": LOCK,
    },
    "TunnelTransport": {
        "SessionModel": VALUES,
        "TunnelProtocol": "the state machines it carries out",
        "ProxySemantics": "validation of heads in frames",
        "NIOCore": LOOP,
        "Crypto": "the SHA-1 of the WebSocket handshake (RFC 6455)",
        "Logging": LOG,
        "Synchronization": LOCK,
        "Glibc": LIBC,
        "Musl": LIBC,
        "Darwin": LIBC,
    },
    "UpstreamRelay": {
        "SessionModel": VALUES,
        "TunnelProtocol": "reset reasons and stream kinds",
        "ProxySemantics": "parsing and rewriting",
        "TunnelTransport": "the tunnel a request comes from",
        "NIOCore": LOOP,
        "NIOPosix": SOCKET,
        "NIOSSL": TLS,
        "NIOTLS": "which protocol the TLS handshake chose",
        "NIOHTTP2": "streams to a local app that speaks HTTP/2",
        "NIOHPACK": "heads on those streams",
        "DequeModule": QUEUE,
        "Glibc": LIBC,
        "Musl": LIBC,
        "Darwin": LIBC,
    },
    "Edge": {
        "SessionModel": VALUES,
        "UpstreamRelay": "connections to tenants' upstreams",
        "TunnelProtocol": "frames' vocabulary",
        "ProxySemantics": "parsing, routing, rewriting",
        "AccessControl": "every decision about a viewer",
        "TunnelTransport": "tunnels as channel handlers",
        "NIOCore": LOOP,
        "NIOPosix": SOCKET,
        "NIOSSL": TLS,
        "NIOHTTP2": HTTP2,
        "NIOHPACK": FIELDS,
        "NIOExtras": "telling every connection that the server stops",
        "Logging": LOG,
        "Crypto": HASH,
        "ServiceLifecycle": RUN,
        "Configuration": READ,
        "Synchronization": LOCK,
        "NIOCertificateReloading": "certificate files that change",
        "Foundation": "one member of a small JSON body",
        "Glibc": LIBC,
        "Musl": LIBC,
        "Darwin": LIBC,
    },
    "ControlAPI": {
        "SessionModel": VALUES,
        "AccessControl": "limiters for failed credentials",
        "SessionStore": "access tokens",
        "Hummingbird": "the HTTP server of the control API",
        "HummingbirdCore": "the HTTP server of the control API",
        "HTTPTypes": "Hummingbird's requests and fields",
        "NIOCore": "bodies and addresses as Hummingbird gives them",
        "NIOHTTPTypes": "requests in Hummingbird's channel pipeline",
        "NIOPosix": SOCKET,
        "Mustache": "pages",
        "Logging": LOG,
        "Crypto": HASH,
        "ServiceLifecycle": RUN,
        "Configuration": READ,
        "Synchronization": LOCK,
        "Foundation": DATE,
    },
    "TunnelAgent": {
        "SessionModel": VALUES,
        "TunnelProtocol": "frames' vocabulary",
        "ProxySemantics": "parsing and rewriting",
        "TunnelTransport": "tunnels as channel handlers",
        "UpstreamRelay": "the way to the local app",
        "NIOCore": LOOP,
        "NIOPosix": SOCKET,
        "NIOSSL": TLS,
        "Logging": LOG,
        "ServiceLifecycle": RUN,
        "Synchronization": LOCK,
        "Glibc": LIBC,
        "Musl": LIBC,
        "Darwin": LIBC,
    },
    "DaypassCLI": {
        "SessionModel": VALUES,
        "TunnelAgent": "the agent that `http` and `run` start",
        "UpstreamRelay": "the local app that `http` names",
        "Yams": "declarations of tenants and plans",
        "CQREncode": "QR codes in the terminal",
        "NIOCore": LOOP,
        "NIOPosix": SOCKET,
        "NIOHTTP1": "methods and statuses of async-http-client",
        "NIOSSL": "asking whether an https local app answers",
        "NIOFoundationCompat": "JSON from response bodies",
        "AsyncHTTPClient": "calls to the control API",
        "Hummingbird": "serving a folder as local app",
        "HTTPTypes": "Hummingbird's requests and fields",
        "ArgumentParser": "commands",
        "Yams": "declarations written in YAML",
        "Logging": LOG,
        "ServiceLifecycle": RUN,
        "Configuration": READ,
        "Synchronization": LOCK,
        "Foundation": DATE,
        "Dispatch": "signals",
        "CDispatch": "where debug builds find the fields of `stat`",
        "Glibc": LIBC,
        "Musl": LIBC,
        "Darwin": LIBC,
    },
    # The composition root: the only place that knows both listeners and names a store.
    "DaypassServer": {
        "WalletService": "administration of wallet sessions",
        "SessionModel": VALUES,
        "AccessControl": "the gate that edge and control API share",
        "SessionStore": "the service over the store",
        "GatewayService": "administration of the API gateway",
        "SQLiteStore": "the store of one node",
        "Edge": "viewers and agents",
        "ControlAPI": "owners and admins",
        "TunnelTransport": "how many sockets the process may hold",
        "NIOCore": "addresses in ready lines",
        "NIOPosix": "the event loops all parts share",
        "UnixSignals": SIGNAL,
        "Logging": LOG,
        "ServiceLifecycle": RUN,
        "Configuration": READ,
        "Synchronization": LOCK,
        "Foundation": DATE,
        "Dispatch": "signals",
        "Glibc": LIBC,
        "Musl": LIBC,
        "Darwin": LIBC,
    },
    "daypass": {
        "DaypassCLI": "the commands",
        "DaypassServer": "`serve`",
        "CMalloc": "settings of the allocator",
        "SessionModel": VALUES,
        "ArgumentParser": "commands",
        "Configuration": READ,
        "Logging": LOG,
        "ServiceLifecycle": RUN,
        "UnixSignals": SIGNAL,
        "Foundation": DATE,
        "Glibc": LIBC,
        "Musl": LIBC,
        "Darwin": LIBC,
    },
    "CQREncode": {},
    "CPSL": {},
    "CSecp256k1": {},
    "CMalloc": {},
}

# What a pure target may not read: time comes in as an argument.
CLOCKS = re.compile(
    r"\bDate\(|\bDate\.now\b|\bContinuousClock\b|\bSuspendingClock\b|\bDispatchTime\b|\bNIODeadline\.now\b"
    r"|\bclock_gettime\b|\bgettimeofday\b|\bTask\.sleep\b"
)
# What belongs to an event loop although NIOCore carries it.
LOOPS = re.compile(r"\b(EventLoop|EventLoopFuture|EventLoopPromise|ChannelHandlerContext|ChannelPipeline)\b")
IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:package|public|internal|private|fileprivate)\s+)?import\s+"
    r"(?:(?:struct|class|enum|protocol|func|typealias|var|let|actor)\s+)?([A-Za-z_]\w*)"
)


def code_lines(text):
    """Lines with comments and the contents of string literals taken out; line numbers stay."""
    in_text = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.count('"""') % 2 == 1:
            was, in_text = in_text, not in_text
            if was:
                yield number, ""
                continue
            line = line.split('"""')[0]
        elif in_text:
            yield number, ""
            continue
        line = re.sub(r'"(?:\\.|[^"\\])*"', '""', line)
        yield number, line.split("//")[0]


def main():
    problems, used = [], {}
    for target in sorted(p for p in (ROOT / "Sources").iterdir() if p.is_dir()):
        name = target.name
        if name in EXEMPT:
            continue
        if name not in ALLOWED:
            problems.append(f"Sources/{name}: not in the table of Scripts/check-layering.py; say what it may import and why")
            continue
        for file in sorted(target.rglob("*.swift")):
            where = file.relative_to(ROOT)
            for number, line in code_lines(file.read_text()):
                found = IMPORT.match(line)
                if found:
                    module = found.group(1)
                    used.setdefault(name, set()).add(module)
                    if module not in ALLOWED[name]:
                        problems.append(f"{where}:{number}: {name} may not import {module}")
                if name in PURE and (found := CLOCKS.search(line)):
                    problems.append(f"{where}:{number}: {name} is pure, but reads {found.group(0)}: take it as an argument")
                if name in PURE and (found := LOOPS.search(line)):
                    problems.append(f"{where}:{number}: {name} is pure, but names {found.group(0)}")

    # The rules behind the table, so that nobody loosens one by adding a line above.
    io = {"NIOPosix", "NIOSSL", "NIOWebSocket", "Logging", "Foundation", "Hummingbird", "ServiceLifecycle", "Dispatch"}
    servers = {"Edge", "ControlAPI", "SessionStore", "SQLiteStore", "AccessControl", "DaypassServer"}
    forbidden = {name: io for name in PURE}
    forbidden["Edge"] = {"ControlAPI", "SessionStore", "SQLiteStore", "TunnelAgent", "Hummingbird"}
    forbidden["ControlAPI"] = {"Edge", "SQLiteStore", "TunnelAgent", "TunnelTransport"}
    forbidden["TunnelAgent"] = servers
    forbidden["UpstreamRelay"] = servers
    forbidden["DaypassCLI"] = servers
    for name, modules in ALLOWED.items():
        for module in sorted(forbidden.get(name, set()) & set(modules)):
            problems.append(f"Scripts/check-layering.py: {name} must never be allowed {module}")
        if "SQLiteStore" in modules and name != "DaypassServer":
            problems.append(f"Scripts/check-layering.py: only the composition root names a store driver, not {name}")

    for problem in problems:
        print(problem, file=sys.stderr)
    files = sum(1 for _ in (ROOT / "Sources").rglob("*.swift"))
    print(f"{len(problems)} problems in the imports of {files} files")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
