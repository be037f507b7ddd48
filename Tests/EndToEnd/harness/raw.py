"""A viewer that is only a socket: what it sends is exactly what the test wrote, and an answer keeps every byte."""

import socket
import struct
import time


class Truncated(Exception):
    """The connection ended before the message did."""


class Answer:
    """One HTTP/1.1 answer. `complete` is false when the connection ended before the framing said so."""

    def __init__(self, head):
        self.raw_head = head
        lines = head.split(b"\r\n")
        self.version, _, rest = lines[0].partition(b" ")
        code, _, self.reason = rest.partition(b" ")
        self.status = int(code)
        self.fields = []
        for line in lines[1:]:
            if line:
                name, _, value = line.partition(b":")
                self.fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
        self.body = b""
        self.trailers = []
        self.complete = False
        self.framing = None
        self.informational = []

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def json(self):
        import json

        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def code(self):
        """The stable code of an answer by the edge itself."""
        try:
            return self.json().get("code")
        except ValueError:
            return None

    def __repr__(self):
        return f"<{self.status} {self.fields} {self.body[:300]!r} complete={self.complete}>"


class Viewer:
    """A blocking TCP connection with a read buffer and a deadline on each wait."""

    def __init__(self, address, source="127.0.0.1", timeout=15.0):
        self.timeout = timeout
        self.socket = socket.create_connection(address, timeout=timeout, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.ended = False
        self.was_reset = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def fill(self):
        """Reads once more; false at the end of the connection (a reset counts as an end)."""
        if self.ended:
            return False
        try:
            data = self.socket.recv(262144)
        except ConnectionError:
            self.was_reset = True
            data = b""
        if not data:
            self.ended = True
            return False
        self.buffer += data
        return True

    def read_until(self, mark):
        while mark not in self.buffer:
            if not self.fill():
                raise Truncated(f"connection ended while waiting for {mark!r}; have {self.buffer[:300]!r}")
        end = self.buffer.index(mark) + len(mark)
        data, self.buffer = self.buffer[:end], self.buffer[end:]
        return data

    def read_exactly(self, count):
        while len(self.buffer) < count:
            if not self.fill():
                raise Truncated(f"connection ended {count - len(self.buffer)} bytes early")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_to_end(self):
        while self.fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def closes_within(self, seconds):
        """Seconds until the edge ended the connection; None when it did not. Bytes that come are dropped."""
        start = time.monotonic()
        while True:
            left = seconds - (time.monotonic() - start)
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                alive = self.fill()
            except TimeoutError:
                return None
            finally:
                self.socket.settimeout(self.timeout)
            self.buffer = b""
            if not alive:
                return time.monotonic() - start

    def head(self):
        """The next head, informational ones included."""
        return Answer(self.read_until(b"\r\n\r\n"))

    def answer(self, method="GET", body=True):
        """The next final answer with its body, as far as it came."""
        informational = []
        while True:
            answer = self.head()
            if 100 <= answer.status < 200 and answer.status != 101:
                informational.append(answer)
                continue
            break
        answer.informational = informational
        if body:
            self.read_body(answer, method)
        return answer

    def read_body(self, answer, method="GET"):
        coding = answer.get("transfer-encoding")
        length = answer.get("content-length")
        try:
            if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
                answer.framing = "none"
            elif coding is not None:
                assert coding.lower() == "chunked", answer
                answer.framing = "chunked"
                while True:
                    chunk = self.read_chunk()
                    if not chunk:
                        break
                    answer.body += chunk
                while True:
                    line = self.read_until(b"\r\n")[:-2]
                    if not line:
                        break
                    name, _, value = line.partition(b":")
                    answer.trailers.append((name.decode("latin-1"), value.strip().decode("latin-1")))
            elif length is not None:
                answer.framing = "length"
                self._read_length(answer, int(length))
            else:
                answer.framing = "close"
                answer.body = self.read_to_end()
                if self.was_reset:
                    raise Truncated("reset")
            answer.complete = True
        except Truncated:
            answer.complete = False
        return answer

    def _read_length(self, answer, left):
        parts = []
        try:
            while left:
                if not self.buffer and not self.fill():
                    raise Truncated(f"{left} bytes short")
                part, self.buffer = self.buffer[:left], self.buffer[left:]
                parts.append(part)
                left -= len(part)
        finally:
            answer.body = b"".join(parts)

    def read_chunk(self):
        """One chunk's data; empty at the last chunk (trailers follow)."""
        size = int(self.read_until(b"\r\n").split(b";")[0], 16)
        if size == 0:
            return b""
        data = self.read_exactly(size)
        end = self.read_exactly(2)
        assert end == b"\r\n", end
        return data

    def request(self, method, target, host, headers=(), body=None):
        """Writes one request. A `bytes` body gets a Content-Length unless the headers frame it."""
        self.send(request_bytes(method, target, host, headers, body))
        return self


def request_bytes(method, target, host, headers=(), body=None):
    """One request as bytes; `headers` is a list of pairs, sent in that order after Host."""
    lines = [f"{method} {target} HTTP/1.1".encode("latin-1"), f"Host: {host}".encode("latin-1")]
    names = {n.lower() for n, _ in headers}
    for name, value in headers:
        raw = value if isinstance(value, bytes) else value.encode("latin-1")
        lines.append(name.encode("latin-1") + b": " + raw)
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def chunked(*parts, end=True, trailers=b""):
    """Chunked coding of `parts`."""
    data = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts)
    return data + (b"0\r\n" + trailers + b"\r\n" if end else b"")
