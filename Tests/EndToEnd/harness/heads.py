"""Heads as both versions of the tunnel carry them: an HTTP/1.1 text block up to and including the empty line."""


def head_fields(head):
    """First line and ordered (name, value) pairs of a head payload, which must be whole."""
    assert head.endswith(b"\r\n\r\n"), head
    lines = head[:-4].split(b"\r\n")
    return lines[0].decode("latin-1"), [_field(line) for line in lines[1:]]


def trailer_fields(block):
    """Ordered (name, value) pairs of a trailer block, which has no empty line."""
    assert block.endswith(b"\r\n") and not block.endswith(b"\r\n\r\n"), block
    return [_field(line) for line in block[:-2].split(b"\r\n")]


def _field(line):
    name, colon, value = line.partition(b":")
    assert colon, line
    return name.decode("latin-1"), value.strip(b" \t").decode("latin-1")


def field_lines(fields):
    return "".join(f"{n}: {v}\r\n" for n, v in fields).encode("latin-1")


def request_head(method, target, host="demo.test", fields=()):
    return f"{method} {target} HTTP/1.1\r\n".encode("latin-1") + field_lines([("Host", host), *fields]) + b"\r\n"


def response_head(status, fields=()):
    return f"HTTP/1.1 {status}\r\n".encode("latin-1") + field_lines(fields) + b"\r\n"


def first(fields, name):
    """The first value of a field, or None."""
    return next((v for n, v in fields if n.lower() == name.lower()), None)
