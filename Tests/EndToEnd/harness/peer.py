"""What the tunnel peers of both versions share: a WebSocket read in a thread, and raw bytes beneath it."""

import os
import struct
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def dial(edge_url, token, headers=(), **options):
    """The agent's side of the upgrade."""
    fields = [("Authorization", f"Bearer {token}"), *headers]
    return connect(
        edge_url, additional_headers=fields, compression=None, max_size=None, ping_interval=None, proxy=None, **options
    )


class Peer:
    """One end of a tunnel connection. Subclasses get each message in `message`, and the end in `ended`."""

    def __init__(self, websocket):
        self.websocket = websocket
        self.closed = threading.Event()
        self.failure = None

    def start(self):
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            for message in self.websocket:
                self.message(message)
        except (ConnectionClosed, OSError):
            pass
        except Exception as error:  # the other side broke a rule: kept for the test to see
            self.failure = error
        finally:
            self.closed.set()
            self.ended()

    def message(self, message):
        raise NotImplementedError

    def ended(self):
        pass

    @property
    def close_code(self):
        """The code of the WebSocket close frame that came, or None."""
        close = self.websocket.protocol.close_rcvd
        return close.code if close else None

    @property
    def close_text(self):
        close = self.websocket.protocol.close_rcvd
        return close.reason if close else None

    def raw(self, data):
        """Bytes beneath the WebSocket layer."""
        self.websocket.socket.sendall(data)

    def cut(self):
        """Ends the connection without a word."""
        try:
            self.websocket.socket.shutdown(2)
        except OSError:
            pass

    def close(self):
        self.websocket.close()


def websocket_frame(payload, masked, opcode=2, fin=True, reserved=0, length=None, form=None):
    """One WebSocket frame as bytes. `length` lies about the size; `form` (7, 16 or 64) picks how it is written."""
    size = len(payload) if length is None else length
    form = form or (7 if size < 126 else 16 if size < 65536 else 64)
    mask_bit = 0x80 if masked else 0
    first = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    if form == 7:
        head = first + bytes([mask_bit | size])
    elif form == 16:
        head = first + bytes([mask_bit | 126]) + struct.pack(">H", size)
    else:
        head = first + bytes([mask_bit | 127]) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))
