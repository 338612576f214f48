"""Clients that mean no good, over raw sockets, against the server of the unit tests (api_demo)."""
import json
import os
import random
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

DEMO = Path(os.environ["SECUREOPS_BUILD"]) / "tests" / "api_demo"
GOOD = b"GET /api/v1/things/1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer admin\r\n\r\n"


class Server:
    def __init__(self, **options):
        self.process = subprocess.Popen([DEMO] + [f"{k}={v}" for k, v in options.items()],
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("port "):
            raise RuntimeError("api_demo did not start")
        self.port = int(line.split()[1])

    def connect(self, timeout=10):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def talk(self, data, half_close=False):
        with self.connect() as s:
            try:
                s.sendall(data)
                if half_close:
                    s.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it may have had enough
            return read_all(s)

    def status_of(self, name):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        raise KeyError(name)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        """Its exit status: not 0 when a sanitizer has found something."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.process.stdout.close()
        return code


def read_all(s):
    got = b""
    try:
        while piece := s.recv(1 << 16):
            got += piece
    except (ConnectionResetError, TimeoutError):
        pass
    return got


def read_reply(s):
    """One reply of a connection that stays open."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = s.recv(65536)
        if not piece:
            return got
        got += piece
    head, body = got.split(b"\r\n\r\n", 1)
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        piece = s.recv(65536)
        if not piece:
            break
        body += piece
    return head + b"\r\n\r\n" + body


def status(reply):
    return int(reply[9:12]) if reply.startswith(b"HTTP/1.1 ") else None


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(request_ms=2000, idle_ms=4000, connections=3000)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def alive(self):
        self.assertEqual(status(self.server.talk(GOOD.replace(b"Host", b"Connection: close\r\nHost"))),
                         200)

    def refused(self, data, *codes):
        reply = self.server.talk(data, half_close=True)
        self.assertIn(status(reply), codes, (data[:200], reply[:200]))
        self.assertEqual(reply.count(b"HTTP/1.1 "), 1, (data[:200], reply))

    def test_malformed(self):
        for data in (b"GET / HTTP/1.1\nHost: h\n\n", b"\r\n\r\n", b"G\x00T / HTTP/1.1\r\nHost: h\r\n\r\n",
                     b"GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", b"GET //h/x HTTP/1.1\r\nHost: h\r\n\r\n",
                     b"GET /api/v1/hello?%zz HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer admin\r\n\r\n",
                     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", b"\x80" * 100 + b"\r\n\r\n"):
            self.refused(data, 400, 404)
        self.refused(b"GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505)
        self.refused(b"BREW /api/v1/things/1 HTTP/1.1\r\nHost: h\r\n\r\n", 405)
        self.alive()

    def test_smuggling(self):
        inner = b"GET /api/v1/hello HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer admin\r\n\r\n"
        head = b"POST /api/v1/things HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer admin\r\n" \
               b"Content-Type: application/json\r\n"
        for lines in (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
                      b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
                      b"Content-Length: 4\r\nContent-Length: 5\r\n",
                      b"Content-Length: 4, 4\r\n", b"Content-Length: +4\r\n", b"Content-Length:\r\n",
                      b"Content-Length : 4\r\n", b"Content-Length\x00: 4\r\n",
                      b"Transfer-Encoding : chunked\r\n", b"Transfer-Encoding: chunked\r\n x\r\n",
                      b"Transfer-Encoding:\r\n chunked\r\n", b"X: y\r\n\tTransfer-Encoding: chunked\r\n",
                      b"Host: other\r\n", b"X: a\rTransfer-Encoding: chunked\r\n",
                      b"X: a\nTransfer-Encoding: chunked\r\n"):
            self.refused(head + lines + b"\r\n0\r\n\r\n" + inner, 400)
        for coding in (b"xchunked", b"chunked, identity", b"identity", b"gzip, chunked", b"\"chunked\"",
                       b"chunked;q=1"):
            self.refused(head + b"Transfer-Encoding: " + coding + b"\r\n\r\n0\r\n\r\n" + inner, 501)
        for body in (b"0\n\r\n", b"5\r\n{}\r\n0\r\n\r\n", b"2 \r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n",
                     b"-2\r\n{}\r\n", b"fffffffffffffffff\r\n", b"2\r\n{}x\r\n0\r\n\r\n", b";\r\n"):
            self.refused(head + b"Transfer-Encoding: chunked\r\n\r\n" + body + inner, 400)
        # A body where none belongs is not read as the next request.
        self.refused(b"GET /api/v1/hello HTTP/1.1\r\nHost: h\r\nContent-Length: 70\r\n\r\n" + inner, 400)
        self.alive()

    def test_oversized(self):
        self.refused(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414)
        self.refused(b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414)
        self.refused(b"GET / HTTP/1.1\r\nHost: h\r\nA: " + b"a" * 20000 + b"\r\n\r\n", 431)
        self.refused(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 100 + b"\r\n", 431)
        self.refused(b"GET / HTTP/1.1\r\nHost: h\r\nA: " + b"a" * 1000000, 431)
        head = b"POST /api/v1/things HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer admin\r\n" \
               b"Content-Type: application/json\r\n"
        self.refused(head + b"Content-Length: 999999999999\r\n\r\n", 413)
        self.refused(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b" " * 0xffff + b"\r\n"
                     + (b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 40, 413)
        self.refused(head + b"Content-Length: 20000\r\n\r\n" + b"[" * 20000, 400)
        self.alive()

    def test_truncated(self):
        head = b"POST /api/v1/things HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer admin\r\n" \
               b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        for data in (GOOD[:20], GOOD[:-1], head, head[:-40]):
            self.assertEqual(self.server.talk(data, half_close=True), b"")
            with self.server.connect() as s:  # a reset
                s.sendall(data)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.alive()

    def test_random_bytes(self):
        r = random.Random(4)
        for i in range(300):
            data = bytearray(GOOD)
            for _ in range(r.randint(1, 6)):
                data[r.randrange(len(data))] = r.randrange(256)
            reply = self.server.talk(bytes(data), half_close=True)
            self.assertNotIn(status(reply), (500, 503), (bytes(data), reply))
        self.alive()

    def test_slow_head(self):
        began = time.monotonic()
        sockets = [self.server.connect() for _ in range(50)]
        for s in sockets:
            s.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n")
        open_ones = set(sockets)
        while open_ones and time.monotonic() - began < 20:
            for s in list(open_ones):
                try:
                    s.sendall(b"a: b\r\n")
                except OSError:
                    open_ones.discard(s)
            self.alive()
            time.sleep(0.2)
        self.assertFalse(open_ones)
        for s in sockets:
            reply = read_all(s)
            self.assertIn(status(reply), (408, None))
            s.close()

    def test_slow_body(self):
        began = time.monotonic()
        with self.server.connect() as s:
            s.sendall(b"POST /api/v1/things HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer admin\r\n"
                      b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
            while time.monotonic() - began < 20:
                try:
                    s.sendall(b" ")
                except OSError:
                    break
                time.sleep(0.1)
            self.assertLess(time.monotonic() - began, 15)  # 2 s, the sweep, 2 s of farewell

    def test_idle_and_unread(self):
        began = time.monotonic()
        with self.server.connect() as idle, self.server.connect() as deaf:
            idle.sendall(GOOD)
            self.assertEqual(status(read_reply(idle)), 200)
            # Who asks and never reads: the server stops reading as well, and then closes.
            deaf.setblocking(False)
            request = GOOD.replace(b"/things/1", b"/big")
            sent = 0
            while time.monotonic() - began < 25:
                try:
                    sent += deaf.send(request)
                except BlockingIOError:
                    time.sleep(0.05)
                except OSError:
                    break
            self.assertLess(time.monotonic() - began, 20)
            self.assertLess(self.server.status_of("VmRSS"), 200000)
            self.assertEqual(read_all(idle), b"")
        self.alive()

    def test_thousand_connections(self):
        before = self.server.descriptors()
        sockets = [self.server.connect() for _ in range(1000)]
        for s in sockets:
            s.sendall(GOOD)
        for s in sockets:
            self.assertEqual(status(read_reply(s)), 200)
        for s in sockets:
            s.sendall(GOOD)
        for s in sockets:
            self.assertEqual(status(read_reply(s)), 200)
            s.close()
        deadline = time.monotonic() + 5
        while self.server.descriptors() > before + 8 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertLessEqual(self.server.descriptors(), before + 8)

    def test_ten_thousand_at_once(self):
        with self.server.connect(60) as s:
            import threading
            t = threading.Thread(target=lambda: s.sendall(GOOD * 10000))
            t.start()
            got = b""
            n = 0
            while n < 10000:
                piece = s.recv(1 << 20)
                self.assertTrue(piece)
                got += piece
                n += got.count(b"HTTP/1.1 200")
                got = got[-11:] if got.count(b"HTTP/1.1 200") == 0 else got[got.rfind(b"HTTP/1.1 200") + 12:]
            t.join()
            self.assertEqual(n, 10000)


class Limits(unittest.TestCase):
    def test_connections(self):
        server = Server(connections=20, request_ms=2000)
        sockets = [server.connect() for _ in range(40)]
        time.sleep(0.3)
        self.assertLess(server.descriptors(), 40)
        for s in sockets:
            s.close()
        reply = server.talk(GOOD.replace(b"Host", b"Connection: close\r\nHost"))
        self.assertEqual(status(reply), 200)
        self.assertEqual(server.stop(), 0)

    def test_stop_answers_what_is_under_way(self):
        server = Server()
        with server.connect() as s, server.connect() as idle:
            idle.sendall(GOOD)
            read_reply(idle)
            s.sendall(GOOD.replace(b"/things/1", b"/big"))
            server.process.send_signal(signal.SIGTERM)
            reply = read_reply(s)
            self.assertEqual(status(reply), 200)
            self.assertEqual(read_all(idle), b"")
        self.assertEqual(server.process.wait(20), 0)
        server.process.stdout.close()

    def test_unix_socket(self):
        with tempfile.TemporaryDirectory() as d:
            path = f"{d}/api.sock"
            server = Server(listen=f"unix:{path}")
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o660)
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
                s.sendall(GOOD)
                self.assertEqual(status(read_reply(s)), 200)
            self.assertEqual(server.stop(), 0)
            self.assertFalse(os.path.exists(path))


class Upload(unittest.TestCase):
    def send(self, server, size, piece=1 << 20):
        s = server.connect(60)
        s.sendall(b"POST /api/v1/uploads HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer admin\r\n"
                  b"Content-Length: %d\r\nConnection: close\r\n\r\n" % size)
        block = b"x" * piece
        peak = 0
        try:
            for i in range(0, size, piece):
                s.sendall(block[: min(piece, size - i)])
                if i % (64 * piece) == 0:
                    peak = max(peak, server.status_of("VmRSS"))
        except OSError:
            pass
        reply = read_all(s)
        s.close()
        return reply, peak

    def test_one_gibibyte(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        if shutil.disk_usage(folder).free < 3 << 30:
            self.skipTest("not enough room for 1 GiB")
        server = Server(spool=folder)
        before = server.status_of("VmRSS")
        reply, peak = self.send(server, 1 << 30)
        self.assertEqual(status(reply), 200, reply)
        self.assertEqual(json.loads(reply.split(b"\r\n\r\n", 1)[1])["size"], 1 << 30)
        peak = max(peak, server.status_of("VmHWM"))
        print(f"1 GiB: {before} kB resident before, {peak} kB at most ", end="")
        if os.environ.get("SECUREOPS_SANITIZED", "0") == "0":  # which keeps what is freed for a while
            self.assertLess(peak - before, 16384)
        self.assertEqual(os.listdir(folder), [])
        reply, _ = self.send(server, (1 << 30) + 1)
        self.assertEqual(status(reply), 413)
        self.assertEqual(server.stop(), 0)

    def test_cut_off(self):
        with tempfile.TemporaryDirectory() as folder:
            server = Server(spool=folder)
            for _ in range(5):
                with server.connect() as s:
                    s.sendall(b"POST /api/v1/uploads HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer admin\r\n"
                              b"Content-Length: 5000000\r\n\r\n" + b"x" * 3000000)
            deadline = time.monotonic() + 5
            while os.listdir(folder) and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertEqual(os.listdir(folder), [])
            self.assertEqual(server.stop(), 0)

    def test_no_room(self):
        """A file may be no longer than 8 MiB: what a full disk is to the server."""
        server = Server()
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (8 << 20, 8 << 20))
        reply, _ = self.send(server, 64 << 20)
        self.assertEqual(status(reply), 507, reply[:300])
        self.assertEqual(status(server.talk(GOOD.replace(b"Host", b"Connection: close\r\nHost"))), 200)
        server.stop()


class Tls(unittest.TestCase):
    def make(self, folder, name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{folder}/key.pem", "-out",
                        f"{folder}/cert.pem", "-days", "2", "-subj", f"/CN={name}", "-addext",
                        f"subjectAltName=DNS:{name}"], check=True, capture_output=True)

    def name_of(self, server, folder, version=None):
        context = ssl.create_default_context(cafile=f"{folder}/cert.pem")
        if version:
            context.maximum_version = version
        with server.connect() as raw, context.wrap_socket(raw, server_hostname=self.name) as s:
            s.sendall(GOOD)
            self.assertEqual(status(read_reply(s)), 200)
            self.assertEqual(s.version(), "TLSv1.3")
            return s.getpeercert()["subject"][0][0][1]

    @unittest.skipUnless(shutil.which("openssl"), "no openssl")
    def test_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            self.name = "one.example"
            self.make(folder, self.name)
            server = Server(cert=f"{folder}/cert.pem", key=f"{folder}/key.pem", request_ms=2000)
            self.assertEqual(self.name_of(server, folder), "one.example")
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                self.name_of(server, folder, ssl.TLSVersion.TLSv1_2)
            self.assertEqual(server.talk(GOOD), b"")  # plain text is no handshake
            # A new certificate; then one that does not load changes nothing.
            self.name = "two.example"
            self.make(folder, self.name)
            server.process.send_signal(signal.SIGHUP)
            self.assertEqual(server.process.stdout.readline(), "reloaded\n")
            self.assertEqual(self.name_of(server, folder), "two.example")
            Path(f"{folder}/key.pem").write_text("nothing")
            server.process.send_signal(signal.SIGHUP)
            self.assertIn("key", server.process.stdout.readline())
            self.assertEqual(self.name_of(server, folder), "two.example")
            # A handshake that never ends is ended.
            with server.connect() as s:
                s.sendall(b"\x16\x03\x01")
                began = time.monotonic()
                read_all(s)
                self.assertLess(time.monotonic() - began, 5)
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
