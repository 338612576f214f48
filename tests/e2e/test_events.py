"""Events of a daemon: one scan, told in the same way by the pages of the API, by both kinds of its
live feed, and by the file of JSON lines."""
import base64
import http.client
import json
import os
import pathlib
import socket
import struct
import sys
import time
import unittest

from daemon import DaemonCase

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "integration/bus"))
import test_schemas  # noqa: E402

BAD = "FROM debian:12\nRUN apt-get update\n"
WAIT_S = 60


class Stream:
    """Server-sent events, as a browser reads them."""

    def __init__(self, case, query="", last=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", case.port, timeout=WAIT_S)
        headers = {"Authorization": f"Bearer {case.token}"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        self.connection.request("GET", f"/api/v1/events/stream{query}", headers=headers)
        self.response = self.connection.getresponse()
        case.addCleanup(self.close)

    def close(self):
        self.response.close()
        self.connection.close()

    def next(self):
        """(position, envelope); comments are passed over."""
        fields = {}
        while True:
            line = self.response.readline().decode()
            if not line:
                raise EOFError("the stream has ended")
            if line == "\n":
                if "data" in fields:
                    event = json.loads(fields["data"])
                    assert fields["event"] == event["event_type"]
                    return int(fields["id"]), event
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.rstrip("\n").partition(": ")
                fields[name] = value


class WebSocket:
    def __init__(self, case, query=""):
        self.socket = socket.create_connection(("127.0.0.1", case.port), timeout=WAIT_S)
        case.addCleanup(self.socket.close)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET /api/v1/events/ws{query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                             "Sec-WebSocket-Version: 13\r\n"
                             f"Authorization: Bearer {case.token}\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        self.status = self.file.readline().split()[1]
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def next(self):
        while True:
            head, size = self.file.read(2)
            if size == 126:
                size = struct.unpack(">H", self.file.read(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.file.read(8))[0]
            payload = self.file.read(size)
            if head == 0x81:
                item = json.loads(payload)
                return item["position"], item["event"]


class Events(DaemonCase):
    @property
    def settings(self):
        return (f"events.jsonl={self.root}/events.jsonl", "events.environment=test")

    def read_until(self, reader, kind):
        out = []
        while not out or out[-1][1]["event_type"] != kind:
            out.append(reader.next())
        return out

    def lines(self, n):
        path = self.root / "events.jsonl"
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            text = path.read_text() if path.exists() else ""
            if text.count("\n") >= n:
                return [json.loads(line) for line in text.splitlines()]
            time.sleep(0.1)
        self.fail(f"{n} lines were expected:\n{text}\n{self.log.read_text()}")

    def test_everybody_is_told_the_same(self):
        stream, ws = Stream(self, "?after=0"), WebSocket(self, "?after=0")
        self.assertEqual(stream.response.status, 200)
        self.assertEqual(stream.response.headers["Content-Type"], "text/event-stream")
        self.assertEqual(ws.status, b"101")
        self.scan("iac", self.repository("app", Dockerfile=BAD), branch="main")
        told = self.read_until(stream, "security.scan.completed")
        self.assertEqual(self.read_until(ws, "security.scan.completed"), told)
        kinds = [event["event_type"] for _, event in told]
        for kind in ("security.scan.requested", "security.scan.started"):
            self.assertEqual(kinds.count(kind), 1)
        self.assertLess(kinds.index("security.scan.requested"), kinds.index("security.scan.started"))
        self.assertEqual(len({event["metadata"]["correlation_id"] for _, event in told
                              if "scan." in event["event_type"]}), 1)
        pages = self.get("/events?limit=500")["items"]
        self.assertEqual([(i["position"], i["event"]) for i in pages][:len(told)], told)
        written = self.lines(len(told))
        self.assertTrue(all(e["metadata"]["environment"] == "test" for e in written))
        self.assertEqual(written[:len(told)], [e for _, e in told])
        self.check_schemas(written)

        # who was away goes on where it was; who wants less gets less
        middle = told[0][0]
        again = Stream(self, "?after=0", last=middle)
        self.assertEqual(self.read_until(again, "security.scan.completed"), told[1:])
        only = Stream(self, "?after=0&type=security.scan.completed")
        self.assertEqual(only.next(), told[-1])
        none = self.get("/events?repository=nobody/*")["items"]
        self.assertEqual(none, [])

    def check_schemas(self, events):
        if not test_schemas.jsonschema:
            return
        case = test_schemas.Schemas()
        case.schemas = test_schemas.schemas()
        for event in events:
            with self.subTest(event["event_type"]):
                case.validator(event["event_type"], strict=True).validate(event)

    def test_who_may_not_read_them(self):
        self.ask(401, "GET", "/events", token=None)
        self.ask(401, "GET", "/events/stream", token=None)
        self.ask(400, "GET", "/events/stream?after=x")
        self.ask(426, "GET", "/events/ws")

    def test_a_stream_ends_with_the_daemon(self):
        stream = Stream(self)
        self.stop_daemon()
        with self.assertRaises(EOFError):
            stream.next()


if __name__ == "__main__":
    unittest.main()
