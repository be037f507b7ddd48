"""A local app that speaks HTTP/2 and nothing else (hyper-h2): routes see every event of their stream and send any frame."""

import itertools
import queue
import socket
import ssl
import threading

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from .ports import free_port, stop_listening


class Call:
    """One stream at the app. Routes run in a thread of their own and answer through it."""

    def __init__(self, connection, stream, fields):
        self.connection, self.stream = connection, stream
        self.fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in fields]
        self.path = self.get(":path").split("?")[0]
        self.events = queue.Queue()
        self.body = b""
        self.trailers = None
        self.reset = None
        self.ended = threading.Event()
        self.finished = threading.Event()

    def get(self, name, default=None):
        return next((v for n, v in self.fields if n == name), default)

    def chunks(self, timeout=15):
        """Bodies of DATA frames as they come, to the end of the request; ends early on a reset."""
        while True:
            data = self.events.get(timeout=timeout)
            if data is None:
                return
            yield data

    def read(self):
        return b"".join(self.chunks())

    def head(self, *fields, end=False):
        self.connection.act(lambda c: c.send_headers(self.stream, list(fields), end_stream=end))

    def data(self, data, end=False):
        """Sends body bytes, as the windows allow."""
        while True:
            data = self.connection.send_some(self.stream, data, end)
            if not data:
                return

    def trail(self, *fields):
        self.connection.act(lambda c: c.send_headers(self.stream, list(fields), end_stream=True))

    def respond(self, status, body=b"", *fields):
        self.head((":status", str(status)), *fields)
        self.data(body, end=True)

    def abort(self, code):
        self.connection.act(lambda c: c.reset_stream(self.stream, code))


class Connection:
    def __init__(self, app, sock):
        self.app, self.socket = app, sock
        config = h2.config.H2Configuration(
            client_side=False, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.h2 = h2.connection.H2Connection(config)
        if app.settings:
            self.h2.local_settings = h2.settings.Settings(client=False, initial_values=app.settings)
        self.changed = threading.Condition()
        self.calls = {}
        self.closed = False
        self.act(lambda c: c.initiate_connection())

    def act(self, action):
        with self.changed:
            action(self.h2)
            self.socket.sendall(self.h2.data_to_send())

    def raw(self, data):
        with self.changed:
            self.socket.sendall(data)

    def send_some(self, stream, data, end, timeout=30):
        """Sends what the windows allow and returns the rest; waits for a window when it is closed."""
        with self.changed:
            while True:
                if self.closed or self.calls[stream].reset is not None:
                    raise ConnectionError("the stream is gone")
                room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
                if room > 0 or not data:
                    break
                if not self.changed.wait(timeout):
                    raise TimeoutError("no window")
            part, rest = data[:room], data[room:]
            self.h2.send_data(stream, part, end_stream=end and not rest)
            self.socket.sendall(self.h2.data_to_send())
            self.app.sent += len(part)
            return rest

    def run(self):
        try:
            while data := self.socket.recv(65536):
                with self.changed:
                    events = self.h2.receive_data(data)
                    self.socket.sendall(self.h2.data_to_send())
                    self.changed.notify_all()
                for event in events:
                    self.handle(event)
        except (OSError, h2.exceptions.ProtocolError):
            pass
        finally:
            with self.changed:
                self.closed = True
                self.changed.notify_all()
            for call in self.calls.values():
                call.events.put(None)
            self.socket.close()

    def handle(self, event):
        call = self.calls.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.RequestReceived):
            call = self.calls[event.stream_id] = Call(self, event.stream_id, event.headers)
            self.app.calls.append(call)
            threading.Thread(target=self.app.serve, args=(call,), daemon=True).start()
        elif isinstance(event, h2.events.DataReceived):
            call.body += event.data
            call.events.put(event.data)
            if not self.app.keeps_windows_closed:
                with self.changed:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    self.socket.sendall(self.h2.data_to_send())
        elif isinstance(event, h2.events.TrailersReceived):
            call.trailers = [(n.decode(), v.decode()) for n, v in event.headers]
        elif isinstance(event, h2.events.StreamEnded):
            call.ended.set()
            call.events.put(None)
        elif isinstance(event, h2.events.StreamReset):
            with self.changed:
                call.reset = event.error_code
                self.changed.notify_all()
            call.events.put(None)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.app.goodbyes.append(event.error_code)


class H2App:
    """`route` gives a path to a function of a `Call`; other paths answer 200 `ok`."""

    def __init__(self, settings=None, keeps_windows_closed=False, tls=None):
        self.settings, self.keeps_windows_closed = settings, keeps_windows_closed
        self.routes, self.calls, self.connections, self.goodbyes = {}, [], [], []
        self.sent = 0
        self._names = itertools.count()
        self._tls = tls
        self.port = free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_connection, args=(sock,), daemon=True).start()

    def _serve_connection(self, sock):
        try:
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
                if sock.selected_alpn_protocol() != "h2":
                    return sock.close()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock)
        except (OSError, ssl.SSLError):
            return None
        self.connections.append(connection)
        connection.run()

    def route(self, function):
        path = f"/h2-{next(self._names)}"
        self.routes[path] = function
        return path

    def serve(self, call):
        try:
            self.routes.get(call.path, lambda c: c.respond(200, b"ok"))(call)
        except (OSError, queue.Empty, h2.exceptions.ProtocolError):
            pass
        finally:
            call.finished.set()

    def saw(self, path):
        return [c for c in self.calls if c.path == path]

    def close(self):
        stop_listening(self.listener)
        for connection in self.connections:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
