#!/usr/bin/env python3
"""A loopback HTTP server that answers from rules and remembers what it was asked.

As a module:
    with Standin(rules) as server:
        ... server.url ...
        server.requests     # [{"method", "path", "query", "headers", "body"}, ...]

As a program: http_standin.py RULES.json; prints "PORT n", ends when its input ends. GET /__requests
gives the requests as JSON; the request itself is not among them.

A rule: {"path": "/x" or "~regex", "method": "GET", "query": {"p": "1"}, "headers": {...},
         "answers": [ANSWER, ...]}
The first rule that fits answers: its answers one after the other, the last one again and again.
An answer: {"status": 200, "headers": {}, "body": text | "file": path | "json": value,
            "delay": seconds, "mode": MODE}
MODE: "" whole answer; "chunked"; "cut" and "chunked-cut": the end is missing; "drip": a byte each
0.05 s; "close": nothing at all; "hang": nothing for `delay`; "garbage": not HTTP.
"{url}" and "{port}" in bodies and headers are those of the server.
"""
import http.server
import json
import re
import sys
import threading
import time
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode("utf-8", "replace")
        server = self.server.standin
        if parts.path == "/__requests":
            self.send({"json": server.requests})
            return
        request = {"method": self.command, "path": parts.path, "query": query,
                   "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body}
        self.send(server.choose(request))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

    def body_of(self, answer):
        if "file" in answer:
            with open(answer["file"], "rb") as f:
                return f.read()
        if "json" in answer:
            text = json.dumps(answer["json"])
        else:
            text = answer.get("body", "") * answer.get("repeat", 1)
        return self.server.standin.fill(text).encode()

    def send(self, answer):
        mode = answer.get("mode", "")
        if answer.get("delay"):
            self.server.standin.stop.wait(answer["delay"])
        if mode in ("close", "hang"):
            self.close_connection = True
            return
        if mode == "garbage":
            self.wfile.write(b"this is not HTTP\r\n\r\n")
            self.close_connection = True
            return
        body = self.body_of(answer)
        self.send_response(answer.get("status", 200))
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, self.server.standin.fill(value))
        if mode in ("chunked", "chunked-cut"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
            if mode == "chunked":
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.close_connection = True
            return
        missing = 10 if mode == "cut" else 0
        self.send_header("Content-Length", str(len(body) + missing))
        self.end_headers()
        if self.command == "HEAD":
            return
        if mode == "drip":
            for i in range(len(body)):
                self.wfile.write(body[i:i + 1])
                self.wfile.flush()
                if self.server.standin.stop.wait(0.05):
                    break
        else:
            self.wfile.write(body)
        if missing:
            self.close_connection = True


class QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients of these tests hang up on purpose


class Standin:
    def __init__(self, rules):
        self.rules = [dict(rule, used=0) for rule in rules]
        self.requests = []
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.server.standin = self
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def fits(self, rule, request):
        path = rule.get("path", "~.*")
        if path.startswith("~"):
            if not re.fullmatch(path[1:], request["path"]):
                return False
        elif path != request["path"]:
            return False
        if rule.get("method", request["method"]) != request["method"]:
            return False
        headers = {k.lower(): v for k, v in rule.get("headers", {}).items()}
        return all(request["query"].get(k) == v for k, v in rule.get("query", {}).items()) and \
            all(request["headers"].get(k) == v for k, v in headers.items())

    def choose(self, request):
        with self.lock:
            self.requests.append(request)
            for rule in self.rules:
                if self.fits(rule, request):
                    answers = rule["answers"]
                    answer = answers[min(rule["used"], len(answers) - 1)]
                    rule["used"] += 1
                    return answer
        return {"status": 404, "json": {"errors": [{"msg": "no rule for " + request["path"]}]}}

    def fill(self, text):
        return text.replace("{url}", self.url).replace("{port}", str(self.port))

    def asked(self, path):
        return [r for r in self.requests if r["path"] == path]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        rules = json.load(f)
    with Standin(rules) as standin:
        print("PORT", standin.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
