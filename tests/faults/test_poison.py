"""What comes in is broken or hostile, and each time the worker dies: the job ends with its reason,
and the others go on.
"""
import gzip
import json
import os
import signal
import time
import unittest

from daemon import ENDED
from faults import Faults, report

DEEP = 300 << 10


def poisons():
    good = report(0, 40)
    packed = gzip.compress(good.encode())
    yield "truncated JSON", good[:len(good) // 2].encode()
    yield "truncated gzip", packed[:len(packed) // 2]
    yield "wrong checksum", packed[:-8] + b"\0" * 8
    yield "nesting", b"[" * DEEP
    yield "nested objects", b'{"runs":' * DEEP
    yield "zip bomb", gzip.compress(b'{"runs":[' + b" " * (64 << 20) + b"[" * DEEP)
    yield "NUL bytes", good.replace("rule 1", "ru\0le 1").encode()
    yield "only NULs", b"\0" * 100000
    yield "no UTF-8", good.replace("rule 1", "ru\x80le").encode("latin-1")
    yield "a long text", json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {
        "name": "x" * (8 << 20)}}, "results": [{"message": {"text": "y" * (8 << 20)}}]}]}).encode()
    yield "endless number", b'{"version":"2.1.0","runs":[{"x":' + b"9" * (4 << 20) + b"}]}"


class Poison(Faults):
    settings = (*Faults.settings, "server.upload_limit=2GiB")

    def send(self, body, number, **query):
        more = "".join(f"&{k}={v}" for k, v in query.items())
        reply = self.ask(202, "POST", f"/imports?repository=p{number}{more}", body,
                         headers={"Content-Type": "application/octet-stream"})
        return reply.json()

    def test_reports(self):
        self.make_folders()
        jobs = {}
        for number, (name, body) in enumerate(poisons()):
            for scanner in ({"scanner": "sarif"}, {}):
                jobs[f"{name} {scanner}"] = self.send(body, number, **scanner)
            self.submit_until_taken(number)
        seen = {}
        for name, job in jobs.items():
            now = self.wait(job, *ENDED)
            scan = self.get(f"/scans/{job['id']}")
            seen[name] = (now["state"], now.get("reason"), scan["status"])
            with self.subTest(name):
                # incomplete, or failed with a reason; never completed as if all had been read
                if now["state"] == "completed":
                    if "NUL" not in name and "UTF-8" not in name and "text" not in name:
                        self.assertEqual(scan["status"], "incomplete", scan)
                else:
                    self.assertTrue(now.get("reason"), now)
                    self.assertIn(now["state"], ("failed", "dead"))
                self.assertEqual(now["attempt"], 1, now)
        for name, what in seen.items():
            print(name, *what, sep=" | ")
        for job in self.accepted:
            self.wait({"id": job}, "completed", "replaced")


class Killers(Faults):
    """A job whose runner dies each time."""
    settings = (*(s for s in Faults.settings if "attempts" not in s), "queue.attempts=3")

    def runners_of(self, job):
        """Process ids that the log tells, the last one last."""
        return [int(line.rsplit("process ", 1)[1].split('"')[0])
                for line in self.log.read_text().splitlines()
                if job in line and "begins, process" in line]

    def test_a_runner_that_always_dies(self):
        self.make_folders()
        job = self.send_large()
        others = [n for n in range(10) if self.submit_until_taken(n) is None]
        killed = []
        until = time.monotonic() + 60
        while len(killed) < 3:  # as soon as the log tells of one
            self.assertLess(time.monotonic(), until)
            for pid in self.runners_of(job)[len(killed):]:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
            time.sleep(0.005)
        self.wait({"id": job}, "dead")
        end = self.get(f"/jobs/{job}")
        self.assertEqual((end["state"], end["attempt"]), ("dead", 3), end)
        self.assertIn("signal 9", end["reason"])
        self.assertEqual((len(killed), len(others)), (3, 10))
        for other in self.accepted:
            self.wait({"id": other}, "completed", "replaced")

    def send_large(self):
        reply = self.ask(202, "POST", "/imports?repository=large&scanner=sarif", report(0, 100000),
                         headers={"Content-Type": "application/octet-stream"})
        return reply.json()["id"]


if __name__ == "__main__":
    unittest.main()
