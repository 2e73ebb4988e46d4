"""A push service (RFC 8030) with TLS, as far as a sender sees it. It writes down what it is sent, and answers as it is told.

usage: service.py PORT SLOW_PORT, in a folder with `service.pem`, `service.key` and `answers.json` ({path: status}). What comes is
appended to `came.ndjson`. On the second port nobody ever answers.
"""

import base64
import json
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

written = threading.Lock()


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with open("answers.json") as file:
            status = json.load(file).get(self.path, 201)
        row = {"path": self.path, "status": status, "at": time.time(), "body": base64.b64encode(body).decode(),
               "headers": {name.lower(): value for name, value in self.headers.items()}}
        with written, open("came.ndjson", "a") as file:
            file.write(json.dumps(row) + "\n")
        if self.server.is_slow:
            time.sleep(3600)
        self.send_response(status)
        if status in (429, 503):
            self.send_header("retry-after", "1")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


def serve(port, is_slow):
    server = ThreadingHTTPServer(("127.0.0.1", port), Service)
    server.daemon_threads = True
    server.is_slow = is_slow
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("service.pem", "service.key")
    # The handshake is left to the connection's own thread.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


threading.Thread(target=serve, args=(int(sys.argv[2]), True), daemon=True).start()
serve(int(sys.argv[1]), False)
