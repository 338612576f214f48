"""Drives the plugin of a CI platform in the real secureops-worker, by the frames of ipc.h: one job of
kind "ci", then calls, one after the other.

    with Worker(BUILD, "github", {"webhook_secret": ["..."]}) as w:
        answer = w.verify(headers, body)          # answer.code, .reason, .receipt
        answer = w.translate(headers, body)       # answer.events
        answer = w.call("publish", {...})         # answer.result, .retry_ms
"""
import collections
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

LATER, DEGRADED = 1, 2
E = {name: -n for n, name in enumerate(
    "NOMEM INVALID IO LIMIT PARSE FORMAT NOT_FOUND TIMEOUT CANCELLED PERMISSION ABI TOOL NETWORK "
    "UNSUPPORTED INTERNAL".split(), 1)}
NAMES = {0: "ok", LATER: "LATER", DEGRADED: "DEGRADED", **{v: k for k, v in E.items()}}

FRAME_MAX = 64 << 20
Records = collections.namedtuple("Records", "kind value")


class Died(Exception):
    """The worker ended, or never spoke."""


class Answer:
    def __init__(self, fields, records, logs):
        self.code = fields["code"]
        self.name = NAMES.get(self.code, str(self.code))
        self.reason = fields.get("reason")
        self.retry_ms = fields.get("retry_ms")
        self.receipt = fields.get("receipt")
        self.events = [r.value for r in records if r.kind == "event"]
        results = [r.value for r in records if r.kind == "result"]
        self.result = results[-1] if results else None
        self.logs = logs

    def __repr__(self):
        return f"Answer({self.name}, {self.reason!r}, events={len(self.events)}, result={self.result})"


class Worker:
    def __init__(self, build, plugin, options, env=None, timeout=60, **job):
        build = pathlib.Path(build)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="secureops-ci-"))
        for name in ("work", "cache"):
            (self.dir / name).mkdir()
        self.n = 0
        self.said = []
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.stderr = tempfile.TemporaryFile()
        fd = theirs.fileno()

        def place():  # the socket is descriptor 3
            os.dup2(fd, 3)

        self.process = subprocess.Popen(
            [build / "bin" / "secureops-worker"], preexec_fn=place, close_fds=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.stderr,
            env={"PATH": "/usr/bin:/bin", **(env or {})}, start_new_session=True)
        theirs.close()
        library = build / "lib" / "secureops" / "plugins" / f"{plugin}.so"
        self.send("J", json.dumps({
            "kind": "ci", "plugins": [str(library)], "options": options,
            "work_dir": str(self.dir / "work"), "cache_dir": str(self.dir / "cache"),
            "digest_key": "00" * 32, "env": {}, "offline": False,
            "sandbox": {"landlock": False, "seccomp": False}, **job}).encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- frames ----

    def send(self, kind, payload):
        self.socket.sendall(struct.pack("<I", len(payload)) + kind.encode() + payload)

    def exactly(self, n):
        out = b""
        while len(out) < n:
            piece = self.socket.recv(min(n - len(out), 1 << 20))
            if not piece:
                raise Died(self.last_words())
            out += piece
        return out

    def receive(self):
        length, = struct.unpack("<I", self.exactly(4))
        if length > FRAME_MAX:
            raise Died(f"a frame of {length} bytes")
        return self.exactly(1).decode(), self.exactly(length)

    def last_words(self):
        try:
            status = self.process.wait(5)
        except subprocess.TimeoutExpired:
            status = "still running"
        self.stderr.seek(0)
        return f"the worker ended ({status}): {self.said} {self.stderr.read().decode()}"

    # ---- calls ----

    def raw_call(self, fields, body=None):
        self.n += 1
        line = json.dumps({"id": self.n, **fields}).encode()
        try:
            self.send("K", line if body is None else line + b"\n" + body)
        except BrokenPipeError:
            pass  # it has ended, and said why
        records, logs = [], []
        while True:
            kind, payload = self.receive()
            if kind == "A":
                answer = json.loads(payload)
                assert answer["id"] == self.n, answer
                return Answer(answer, records, logs)
            if kind == "R":
                for row in payload.decode().splitlines():
                    name, _, value = row.partition(" ")
                    records.append(Records(name, json.loads(value)))
            elif kind == "L":
                logs.append(json.loads(payload))
            elif kind == "D":
                raise Died(payload.decode())
            else:
                self.said.append((kind, payload[:300]))

    def delivery(self, op, headers, body, received_ms=0, path="", query=""):
        pairs = [[k.lower(), v] for k, v in
                 (headers.items() if isinstance(headers, dict) else headers)]
        return self.raw_call({"op": op, "headers": pairs, "path": path, "query": query,
                              "received_ms": received_ms}, body)

    def verify(self, headers, body, **more):
        return self.delivery("verify", headers, body, **more)

    def translate(self, headers, body, **more):
        return self.delivery("translate", headers, body, **more)

    def call(self, op, request, timeout_ms=30000):
        return self.raw_call({"op": op, "request": request, "timeout_ms": timeout_ms})

    def close(self):
        """Ends the worker; the exit status of a sanitizer is an error."""
        if self.socket.fileno() < 0:
            return
        self.socket.close()
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            status = self.process.wait()
        self.stderr.seek(0)
        text = self.stderr.read().decode(errors="replace")
        self.stderr.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        if status not in (0, 1) or "Sanitizer" in text:
            raise Died(f"exit status {status}: {text}")
