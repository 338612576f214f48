"""Workers that die below the daemon: a plugin that crashes each time, and kill -9 at random points.
What was not looked at is never reported as clean, nothing that was known is thought to be fixed, no
job is tried for ever, and nothing is left.

SECUREOPS_FAULTS_WORKERS (default 12) kills, SECUREOPS_FAULTS_SEED repeats a run.
"""
import collections
import os
import shutil
import signal
import time
import unittest

from fakes import gitleaks, leaks
from faults import SEED, Faults
from harness import BUILD, SANITIZED, descendants

KILLS = int(os.environ.get("SECUREOPS_FAULTS_WORKERS", "12"))
BAD = BUILD / "tests" / "plugins"
# what the reason says; a sanitizer turns a signal into an exit of its own
CRASHES = {"crash-run": "signal 11", "crash-open": "signal 11", "abort-run": "signal 6",
           "stack-overflow": "signal 11", "exit-hard": "", "crash-load": ""}


class Workers(Faults):
    def setUp(self):
        super().setUp()
        self.make_folders()

    def scan_of(self, job):
        """The job's scan; {} when there is none."""
        reply = self.request("GET", f"/scans/{job}")
        return reply.json() if reply.status == 200 else {}

    def nothing_is_left(self):
        until = time.monotonic() + 10  # a runner cleans up after the job's end is stored
        while time.monotonic() < until:
            left = (list(descendants(self.daemon.pid).values()),
                    [p.name for folder in ("work", "spool") if (self.data / folder).exists()
                     for p in (self.data / folder).iterdir() if p.name != ".lock"],
                    list(self.tmp.iterdir()))
            if left == ([], [], []):
                return
            time.sleep(0.1)
        self.fail(f"left: {left}")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))


class Crashes(Workers):
    def more(self):
        folder = self.root / "plugins"
        if not folder.exists():
            folder.mkdir()
            for name in CRASHES:
                shutil.copy(BAD / f"{name}.so", folder)
        return (f"tools.plugins={folder}",)

    def crash(self, names, number):
        body = {"target": {"kind": "directory", "location": str(self.cwd / f"app{number % 5}")},
                "branch": f"b{number}", "scanners": names}
        job = self.ask(202, "POST", "/scans/all", body).json()
        return self.wait(job, "completed", "failed", "dead")

    def test_each_time(self):
        self.tool("gitleaks", gitleaks(leaks()))
        first = None
        for number, (name, words) in enumerate(CRASHES.items()):
            with self.subTest(name):
                job = self.crash([name, "gitleaks"], number)
                self.assertEqual(job["attempt"], 1, "a plugin that crashes is tried once")
                scan = self.scan_of(job["id"])
                self.assertIn(scan["status"], ("incomplete", "failed"), scan)
                self.assertEqual(scan["gate_result"], "incomplete", scan)
                runs = {r["name"]: r for r in scan["scan"]["scanners"]}
                self.assertEqual(runs["gitleaks"]["status"], "completed")
                self.assertEqual(runs[name]["status"], "failed", runs)
                self.assertTrue(runs[name]["reason"])
                if not SANITIZED:
                    self.assertIn(words, runs[name]["reason"])
                self.assertEqual(scan["scan"]["exit_status"], 3)
                first = first or self.descriptors()
        for number in range(9, 13):  # and alone
            job = self.crash(["crash-run"], number)
            scan = self.scan_of(job["id"])
            self.assertIn(scan["status"], ("incomplete", "failed"), scan)
            self.assertEqual(scan["gate_result"], "incomplete", scan)
        self.nothing_is_left()
        self.assertLessEqual(self.descriptors(), first + 2)


class Killed(Workers):
    def setUp(self):
        super().setUp()  # long enough that a kill finds it at work
        self.tool("gitleaks", gitleaks(leaks(), before="sleep 0.3"))

    def worker(self):
        """One that is at work, or None."""
        found = [pid for pid, command in descendants(self.daemon.pid).items()
                 if "secureops-worker" in command.split(" ")[0]]
        return self.random.choice(found) if found else None

    def known(self):
        return {f["id"]: f["status"] for f in self.get("/vulnerabilities?limit=200")["items"]}

    def ask_for_one(self, number):
        body = {"target": {"kind": "directory", "location": str(self.cwd / f"app{number % 5}")},
                "scanners": ["gitleaks", "policies"]}
        self.accepted[self.ask(202, "POST", "/scans/all", body).json()["id"]] = number

    def test_killed(self):
        for number in range(5):
            self.ask_for_one(number)
        jobs = self.wait_for_all()
        for job in self.accepted:
            self.assertEqual(self.scan_of(job)["status"], "completed", jobs[job])
        before = self.known()
        self.assertGreater(len(before), 5)
        first = self.descriptors()
        number, kills = 5, 0
        until = time.monotonic() + 120
        while kills < KILLS:
            self.assertLess(time.monotonic(), until)
            if len(descendants(self.daemon.pid)) < 3:
                self.ask_for_one(number)
                number += 1
            time.sleep(self.random.uniform(0, 0.2))
            pid = self.worker()
            try:
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
            except ProcessLookupError:
                pass
        jobs = self.wait_for_all()
        ends = collections.Counter()
        for job in self.accepted:
            if jobs[job]["state"] == "replaced":
                continue
            scan = self.scan_of(job)
            bad = [r for r in scan["scan"]["scanners"] if r["status"] != "completed"]
            ends[jobs[job]["state"], scan["status"], len(bad)] += 1
            self.assertEqual(bad != [], scan["status"] != "completed", scan)
            if bad:
                self.assertEqual(scan["gate_result"], "incomplete", scan)
                self.assertTrue(all(r["reason"] for r in bad), bad)
        hit = sum(n for (_, status, _), n in ends.items() if status != "completed")
        self.assertGreater(hit, 0)
        self.assertLessEqual(hit, KILLS)
        after = self.known()
        self.assertEqual({f: after[f] for f in before}, before, "what was not looked at is not gone")
        self.nothing_is_left()
        self.assertLessEqual(self.descriptors(), first + 2)
        self.finish_all(f"seed {SEED}: {kills} kills of workers, {dict(ends)}")


if __name__ == "__main__":
    unittest.main()
