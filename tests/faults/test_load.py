"""Many requests at once, connections that dawdle, and work that goes on: every request is answered,
and nothing grows.

SECUREOPS_FAULTS_REQUESTS (10000) at once, SECUREOPS_FAULTS_SOAK (24) seconds of work.
"""
import collections
import os
import selectors
import socket
import time
import unittest

from faults import Faults, report
from harness import descendants

REQUESTS = int(os.environ.get("SECUREOPS_FAULTS_REQUESTS", "10000"))
SOAK_S = int(os.environ.get("SECUREOPS_FAULTS_SOAK", "24"))
OPEN = 2000  # connections at a time: what a test may open


class Load(Faults):
    settings = (*(s for s in Faults.settings if "rate" not in s and "burst" not in s),
                "server.rate=500", "server.burst=1000")

    def flood(self, requests):
        """Each on a connection of its own; the status of each answer, or why there is none."""
        answers = collections.Counter()
        with selectors.DefaultSelector() as selector:
            waiting, at = 0, 0
            until = time.monotonic() + 120
            while (at < len(requests) or waiting) and time.monotonic() < until:
                while at < len(requests) and waiting < OPEN:
                    s = socket.socket()
                    s.setblocking(False)
                    s.connect_ex(("127.0.0.1", self.port))
                    selector.register(s, selectors.EVENT_WRITE, [requests[at], b""])
                    at, waiting = at + 1, waiting + 1
                for key, events in selector.select(1):
                    s, state = key.fileobj, key.data
                    try:
                        if events & selectors.EVENT_WRITE:
                            state[0] = state[0][s.send(state[0]):]
                            if not state[0]:
                                selector.modify(s, selectors.EVENT_READ, state)
                            continue
                        part = s.recv(65536)
                        state[1] += part
                        if part:
                            continue
                        status = state[1][9:12].decode() or "closed"
                    except OSError as e:
                        status = state[1][9:12].decode() or type(e).__name__
                    answers[status] += 1
                    selector.unregister(s)
                    s.close()
                    waiting -= 1
            answers["none"] += waiting
            for key in list(selector.get_map().values()):
                key.fileobj.close()
        return +answers

    def head(self, method, path, body=b"", more=""):
        return (f"{method} /api/v1{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                f"Authorization: Bearer {self.token}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
                ).encode() + body

    def test_at_once(self):
        self.make_folders()
        sarif = report(0, 3).encode()
        kinds = (self.head("GET", "/jobs?limit=5"), self.head("GET", "/vulnerabilities?limit=5"),
                 self.head("GET", "/stats/trend"), self.head("GET", "/nothing"))
        posts = [self.head("POST", f"/imports?repository=app{i}&scanner=sarif", sarif,
                           "Content-Type: application/octet-stream\r\n") for i in range(40)]
        before = self.get("/jobs?limit=1")["items"]
        self.assertEqual(before, [])
        started = time.monotonic()
        answers = self.flood([posts[i // 40 % 40] if i % 40 == 0 else kinds[i % len(kinds)]
                              for i in range(REQUESTS)])
        print(f"{REQUESTS} requests in {time.monotonic() - started:.1f} s: {dict(answers)}")
        self.assertEqual(sum(answers.values()), REQUESTS)
        self.assertLessEqual(set(answers), {"200", "202", "404", "429", "503"}, answers)
        self.assertGreater(answers["200"], 0)
        time.sleep(1)  # for the rate
        jobs = self.wait_for_all()
        self.assertEqual(len(jobs), answers["202"])
        self.assertEqual({j["state"] for j in jobs.values()} - {"completed"}, set())

    def test_dawdlers(self):
        """Heads that never end: they are cut, and nobody waits for them."""
        self.restart("server.request=3s")
        slow = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(500)]
        self.addCleanup(lambda: [s.close() for s in slow])
        cut, until = set(), time.monotonic() + 30
        while len(cut) < len(slow) and time.monotonic() < until:
            for i, s in enumerate(slow):
                if i in cut:
                    continue
                try:
                    s.send(b"G")
                    s.setblocking(False)
                    if s.recv(4096) is not None:
                        cut.add(i)
                except BlockingIOError:
                    pass
                except OSError:
                    cut.add(i)
            started = time.monotonic()
            self.get("/jobs?limit=1")
            self.assertLess(time.monotonic() - started, 2)
            time.sleep(0.3)
        self.assertEqual(len(cut), len(slow))

    def restart(self, *settings):
        self.stop_daemon()
        self.extra = settings
        self.start_daemon()

    def more(self):
        return getattr(self, "extra", ())


class Soak(Faults):
    settings = (*Faults.settings, "auth.access=1d")

    def measure(self):
        pid = self.daemon.pid
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            status = dict(line.split(":", 1) for line in f)
        return {"rss_kb": int(status["VmRSS"].split()[0]), "threads": int(status["Threads"]),
                "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
                "children": len(descendants(pid)),
                "files": sum(len(files) for folder in ("spool", "work")
                             for _, _, files in os.walk(self.data / folder)),
                "tmp": len(list(self.tmp.iterdir()))}

    def work_for(self, seconds, number):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.submit_until_taken(number)
            for path in ("/jobs?limit=50", "/vulnerabilities?limit=50", "/stats/trend", "/events"):
                self.get(path)
            number += 1
            time.sleep(0.1)
            while len(self.get("/jobs?state=queued&limit=100")["items"]) == 100:
                time.sleep(0.2)
        self.wait_for_all()
        time.sleep(1.5)
        return number

    def test_nothing_grows(self):
        self.make_folders()
        number = self.work_for(SOAK_S / 3, 0)
        first = self.measure()
        number = self.work_for(SOAK_S * 2 / 3, number)
        last = self.measure()
        print(f"{SOAK_S} s, {number} jobs: {first} -> {last}")
        # caches of SQLite fill up to 64 MiB for each of its connections
        self.assertLess(last["rss_kb"], first["rss_kb"] * 1.3 + 40000, (first, last))
        for name in ("threads", "descriptors", "children"):
            self.assertLessEqual(last[name], first[name] + 2, (name, first, last))
        for name in ("files", "tmp"):
            self.assertLessEqual(last[name], first[name], (name, first, last))
        self.finish_all("soak")


if __name__ == "__main__":
    unittest.main()
