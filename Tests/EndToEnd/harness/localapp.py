"""A local app made of raw sockets: it sees every byte that arrives and sends exactly what a test wrote."""

import base64
import hashlib
import itertools
import json
import socket
import struct
import threading
import time

from .ports import free_port, stop_listening


class Aborted(Exception):
    """The request's connection ended before its body did."""


class Call:
    """One request at the local app. Routes answer through it; it stays on record in `app.calls`."""

    def __init__(self, app, connection, head):
        self.app = app
        self.connection = connection
        self.raw_head = head
        lines = head.split(b"\r\n")
        parts = lines[0].decode("latin-1").split(" ")
        self.method, self.target, self.version = parts[0], " ".join(parts[1:-1]), parts[-1]
        self.path = self.target.split("?")[0]
        self.fields = []
        for line in lines[1:]:
            if line:
                name, _, value = line.partition(b":")
                self.fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
        self.body_state = "unread"
        self.received = 0
        self.trailers = []
        self.keep = True
        self.finished = threading.Event()

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    # Reading the body

    @property
    def has_body(self):
        return self.get("transfer-encoding") is not None or int(self.get("content-length", "0")) > 0

    def chunks(self):
        """The body as it comes; raises `Aborted` when the connection ends in the middle."""
        self.body_state = "reading"
        try:
            coding, length = self.get("transfer-encoding"), self.get("content-length")
            if coding is not None:
                assert coding.lower() == "chunked" and length is None, self.fields
                yield from self._chunked()
            else:
                left = int(length or 0)
                while left:
                    data = self.connection.read(left)
                    left -= len(data)
                    self.received += len(data)
                    yield data
            self.body_state = "complete"
        except Aborted:
            self.body_state = "aborted"
            raise

    def _chunked(self):
        while True:
            size = int(self.connection.line().split(b";")[0], 16)
            if size == 0:
                break
            while size:
                data = self.connection.read(size)
                size -= len(data)
                self.received += len(data)
                yield data
            if self.connection.line() != b"":
                raise Aborted("chunk without its end")
        while line := self.connection.line():
            name, _, value = line.partition(b":")
            self.trailers.append((name.decode("latin-1"), value.strip().decode("latin-1")))

    def body(self):
        return b"".join(self.chunks())

    # Answering

    def raw(self, data):
        self.connection.socket.sendall(data)

    def respond(self, status=200, fields=(), body=b"", reason="OK"):
        """A whole answer with Content-Length."""
        self.head(status, [*fields, ("Content-Length", str(len(body)))], reason)
        if self.method != "HEAD":
            self.raw(body)

    def head(self, status=200, fields=(), reason="OK"):
        lines = [f"HTTP/1.1 {status} {reason}".encode("latin-1")]
        for name, value in fields:
            raw = value if isinstance(value, bytes) else value.encode("latin-1")
            lines.append(name.encode("latin-1") + b": " + raw)
        self.raw(b"\r\n".join(lines) + b"\r\n\r\n")

    def chunk(self, data):
        self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    def last_chunk(self, trailers=b""):
        self.raw(b"0\r\n" + trailers + b"\r\n")

    def close(self):
        """Ends the connection in the ordinary way (FIN) after this route."""
        self.keep = False

    def reset(self):
        """Ends the connection with a TCP reset."""
        self.keep = False
        self.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.socket.close()

    def wait_gone(self, timeout=10.0):
        """Waits until the other side ended this connection; the seconds it took, or None."""
        start = time.monotonic()
        self.connection.socket.settimeout(timeout)
        try:
            while self.connection.socket.recv(65536):
                pass
        except TimeoutError:
            return None
        except OSError:
            pass
        self.keep = False
        return time.monotonic() - start


class _Connection:
    def __init__(self, sock):
        self.socket = sock
        self.buffer = b""

    def _fill(self):
        try:
            data = self.socket.recv(262144)
        except OSError as error:
            raise Aborted(str(error)) from None
        if not data:
            raise Aborted("end of connection")
        self.buffer += data

    def read(self, most):
        if not self.buffer:
            self._fill()
        data, self.buffer = self.buffer[:most], self.buffer[most:]
        return data

    def until(self, mark):
        while mark not in self.buffer:
            self._fill()
        end = self.buffer.index(mark)
        data, self.buffer = self.buffer[:end], self.buffer[end + len(mark):]
        return data

    def line(self):
        return self.until(b"\r\n")


class LocalApp:
    """Listens on a port of 127.0.0.1 (or `::1`) and answers by routes; unknown paths are echoed as JSON."""

    def __init__(self, host="127.0.0.1", port=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port or free_port()))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        self.routes = {}
        self.calls = []
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._connections = set()
        self._closing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def route(self, function, path=None):
        """Registers `function(call)` under a path of its own, which is returned."""
        path = path or f"/route{next(self._numbers)}"
        self.routes[path] = function
        return path

    def _accept(self):
        while not self._closing:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        connection = _Connection(sock)
        try:
            while True:
                head = connection.until(b"\r\n\r\n")
                call = Call(self, connection, head)
                with self._changed:
                    self.calls.append(call)
                    self._changed.notify_all()
                try:
                    self.routes.get(call.path, echo)(call)
                    if call.keep and call.body_state == "unread" and call.has_body:
                        for _ in call.chunks():
                            pass
                finally:
                    call.finished.set()
                    with self._changed:
                        self._changed.notify_all()
                if not call.keep or (call.get("connection") or "").lower() == "close":
                    break
        except (Aborted, OSError):
            pass
        finally:
            self._connections.discard(sock)
            sock.close()

    def wait_call(self, check, timeout=10.0):
        """The first recorded call for which `check(call)` holds."""
        if isinstance(check, str):
            path = check
            check = lambda call: call.path == path  # noqa: E731
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for call in self.calls:
                    if check(call):
                        return call
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"the app did not see it; saw {[c.target for c in self.calls[-10:]]}")
                self._changed.wait(left)

    def saw(self, path):
        return [c for c in self.calls if c.path == path]

    def drop_connections(self):
        """Resets every open connection, as a killed process does."""
        for sock in list(self._connections):
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        """Stops listening and resets what is open."""
        self._closing = True
        stop_listening(self.listener)
        self.drop_connections()


def echo(call):
    """Says what arrived: target, head as base64 and fields, length and digest of the body, trailers."""
    digest = hashlib.sha256()
    for data in call.chunks():
        digest.update(data)
    seen = {
        "method": call.method,
        "target": call.target,
        "head": base64.b64encode(call.raw_head).decode(),
        "fields": call.fields,
        "length": call.received,
        "sha256": digest.hexdigest(),
        "trailers": call.trailers,
    }
    call.respond(200, [("Content-Type", "application/json")], json.dumps(seen).encode())
