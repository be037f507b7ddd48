"""A viewer over HTTP/2: the `h2` library over a plain socket, one thread, a deadline on each wait.

What hostile peers do and `h2` would not is written as raw frames with `send_frame`.
"""

import contextlib
import socket
import ssl
import struct
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

from .tls import unverifying_context

HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION, DATA = 0x1, 0x3, 0x4, 0x6, 0x9, 0x0
END_STREAM, END_HEADERS = 0x1, 0x4


def frame(kind, flags, stream, payload=b""):
    """One HTTP/2 frame as bytes (RFC 9113, 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Stream:
    """What came back on one stream."""

    def __init__(self):
        self.status = None
        self.fields = []
        self.informational = []
        self.body = bytearray()
        self.trailers = None
        self.ended = False
        self.reset = None
        self.held = 0

    @property
    def over(self):
        return self.ended or self.reset is not None

    def get(self, name, default=None):
        return next((v for n, v in self.fields if n == name), default)

    def all(self, name):
        return [v for n, v in self.fields if n == name]

    def json(self):
        import json

        return json.loads(bytes(self.body))

    def __repr__(self):
        return f"<{self.status} {self.fields} {bytes(self.body[:200])!r} ended={self.ended} reset={self.reset}>"


class H2Viewer:
    """One connection. `window` is the room each stream has before this side confirms bytes."""

    def __init__(self, address, tls=False, window=65_535, connection_window=1 << 24, source="127.0.0.1", timeout=15.0):
        self.timeout = timeout
        self.socket = socket.create_connection(address, timeout=timeout, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = unverifying_context()
            context.set_alpn_protocols(["h2", "http/1.1"])
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
            assert self.socket.selected_alpn_protocol() == "h2"
        self.scheme = "https" if tls else "http"
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True, header_encoding="latin-1", validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.h2.increment_flow_control_window(connection_window)
        self.streams = {}
        self.holding = set()
        self.goaway = None
        self.closed = False
        self.settings = None
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def close(self):
        self.socket.close()

    def flush(self):
        """Sends what is to be sent. When the server has ended the connection, `pump` finds that, and what it said before."""
        if data := self.h2.data_to_send():
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.socket.sendall(data)

    def send_frame(self, kind, flags, stream, payload=b""):
        self.flush()
        self.socket.sendall(frame(kind, flags, stream, payload))

    # Requests

    def start(self, method, path, authority, headers=(), end=True, extra_pseudo=()):
        """Sends a head; the stream's number."""
        number = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", self.scheme), (":path", path), (":authority", authority)]
        self.streams[number] = Stream()
        self.h2.send_headers(number, [*fields, *extra_pseudo, *headers], end_stream=end)
        self.flush()
        return number

    def send(self, number, data, end=False):
        """Sends body bytes as far as the windows allow, waiting for them to open."""
        view = memoryview(data)
        while view:
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size)
            if room <= 0:
                if not self.pump(lambda: self.h2.local_flow_control_window(number) > 0 or self.streams[number].over):
                    return
                if self.streams[number].over:
                    return
                continue
            self.h2.send_data(number, bytes(view[:room]))
            view = view[room:]
            self.flush()
        if end:
            self.end(number)

    def end(self, number):
        self.h2.end_stream(number)
        self.flush()

    def reset(self, number, code=h2.errors.ErrorCodes.CANCEL):
        self.h2.reset_stream(number, code)
        self.flush()

    def hold(self, number):
        """Stops confirming bytes of this stream."""
        self.holding.add(number)

    def release(self, number):
        self.holding.discard(number)
        held, self.streams[number].held = self.streams[number].held, 0
        if held:
            self.h2.acknowledge_received_data(held, number)
            self.flush()

    # Waiting

    def pump(self, until, timeout=None):
        """Handles what arrives until the condition holds; false when the connection ends before."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while not until():
            if self.closed:
                return False
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self.socket.recv(262144)
            except (ConnectionError, ssl.SSLError):
                data = b""
            except TimeoutError:
                raise AssertionError(f"nothing came in time: {self.streams}") from None
            finally:
                self.socket.settimeout(self.timeout)
            if not data:
                self.closed = True
                continue
            for event in self.h2.receive_data(data):
                self._handle(event)
            try:
                self.flush()
            except OSError:
                pass
        return True

    def _handle(self, event):
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self.settings = {code: change.new_value for code, change in event.changed_settings.items()}
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code
        elif (stream := self.streams.get(getattr(event, "stream_id", None))) is None:
            return
        elif isinstance(event, h2.events.InformationalResponseReceived):
            stream.informational.append(dict(event.headers))
        elif isinstance(event, h2.events.ResponseReceived):
            stream.fields = [(n, v) for n, v in event.headers if n != ":status"]
            stream.status = int(dict(event.headers)[":status"])
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if event.stream_id in self.holding:
                stream.held += event.flow_controlled_length
            elif event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = event.headers
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = event.error_code

    def answer(self, number, timeout=None):
        """Waits until the stream is over."""
        stream = self.streams[number]
        self.pump(lambda: stream.over, timeout)
        return stream

    def ask(self, method, path, authority, headers=(), body=None):
        number = self.start(method, path, authority, headers, end=body is None)
        if body is not None:
            self.send(number, body, end=True)
        return self.answer(number)

    def wait_closed(self, timeout=10):
        self.pump(lambda: self.closed, timeout)
