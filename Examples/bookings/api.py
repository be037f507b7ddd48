#!/usr/bin/env python3
"""A small bookings API, with nothing but Python's standard library: api.py [PORT]

    GET  /bookings          every booking
    POST /bookings          {"name": "Ada", "date": "2026-05-01"} makes one

It knows nothing of keys, tokens, limits or CORS: Daypass stands in front of it and has judged a request before it comes
here. What Daypass found out stands in the X-Daypass-* fields, which no caller can set. Therefore only Daypass may reach
this port: it listens on this machine alone.
"""

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MOST_BOOKINGS, LARGEST_BODY = 1000, 10_000
bookings, lock = [], threading.Lock()


def problem_with(booking):
    """What is wrong with a booking that somebody sent, or None."""
    if not isinstance(booking, dict) or set(booking) != {"name", "date"}:
        return 'send {"name": …, "date": …}'
    if not isinstance(booking["name"], str) or not 0 < len(booking["name"].strip()) <= 80:
        return "name: 1 to 80 characters"
    if not isinstance(booking["date"], str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", booking["date"]):
        return "date: YYYY-MM-DD"
    return None


class Bookings(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self):
        if self.path.partition("?")[0] != PATH:
            return self.answer(404, {"problem": "no such thing"})
        with lock:
            return self.answer(200, {"bookings": list(bookings)})

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True  # the body stays unread
            return self.answer(411 if not length else 413, {"problem": f"a body of at most {LARGEST_BODY} bytes"})
        body = self.rfile.read(int(length))
        if self.path.partition("?")[0] != PATH:
            return self.answer(404, {"problem": "no such thing"})
        try:
            booking = json.loads(body)
        except ValueError:
            return self.answer(400, {"problem": "not JSON"})
        if problem := problem_with(booking):
            return self.answer(400, {"problem": problem})
        with lock:
            if len(bookings) >= MOST_BOOKINGS:
                return self.answer(409, {"problem": "fully booked"})
            booking = {
                "id": len(bookings) + 1, **booking,
                # Who it was, as Daypass saw it.
                "from": self.headers.get("X-Daypass-Web-Origin") or "a server", "session": self.headers.get("X-Daypass-Session-Id", ""),
            }
            bookings.append(booking)
        return self.answer(201, {"booking": booking})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        tenant, key = self.headers.get("X-Daypass-Tenant", "-"), self.headers.get("X-Daypass-Key-Id", "-")
        print(f"{self.command} {self.path.partition('?')[0]} for tenant {tenant} with key {key}", flush=True)


PATH = "/bookings"

if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8088), Bookings)
    server.daemon_threads = True
    print(f"bookings: listening on {server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
