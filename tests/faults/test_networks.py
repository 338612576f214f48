"""Two nodes on one PostgreSQL and a real partition: packets between one node and the server go
nowhere while that node runs jobs. No job is completed twice, what the cut node makes of its jobs is
thrown away, and afterwards it takes jobs again.

SECUREOPS_FAULTS_CUTS (default 2) times.
"""
import collections
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
import unittest

from daemon import SECUREOPSD
from fakes import gitleaks, leaks
from faults import SEED, Faults, OnPostgreSQL
from harness import children
from networks import FAR, NEAR, Networks, NotPermitted

CUTS = int(os.environ.get("SECUREOPS_FAULTS_CUTS", "2"))
LEASE_S = 3


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Cut(OnPostgreSQL, Faults):
    cluster_settings = (f"listen_addresses={NEAR}.2",)
    settings = (*Faults.settings, "server.node=near")
    patience = ""  # of the far node's connections: as secureopsd has it

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            cls.networks = Networks()
        except NotPermitted as e:
            raise unittest.SkipTest(str(e)) from e
        cls.addClassCleanup(cls.networks.close)

    def setUp(self):
        super().setUp()
        with open(self.cluster.root / "data" / "pg_hba.conf", "a", encoding="ascii") as f:
            f.write(f"host all all {FAR}.0/24 trust\n")
        self.query("SELECT pg_reload_conf()")
        self.make_folders()
        self.tool("gitleaks", gitleaks(leaks(), before="sleep 0.4"))  # so that some are under way
        self.far = None
        self.addCleanup(self.stop_far, signal.SIGKILL)
        self.addCleanup(self.networks.heal)
        self.start_far()

    def check_nothing_left(self, result):
        """The server and what holds the networks are children of this test."""
        self.assertEqual([c for c in children().values() if "secureops" in c.split(" ")[0]], [],
                         result)

    def tearDown(self):
        self.networks.heal()
        self.assertEqual(self.stop_far(signal.SIGTERM), 0, self.far_log.read_text()[-3000:])
        super().tearDown()

    # ---- the far node
    def start_far(self):
        self.far_log, self.far_socket = self.root / "far.log", self.root / "far.sock"
        user = self.cluster.url.rsplit("user=", 1)[1]
        settings = [f"server.data={self.root}/far", f"server.listen=unix:{self.far_socket}",
                    f"checkout.folders={self.cwd}", "queue.poll=1s", *type(self).settings, "server.node=far",
                    f"auth.key=file:{self.data}/key",
                    f"store.url=postgresql://{user}@{NEAR}.2:5432/postgres?sslmode=disable"
                    f"{self.patience}"]
        args = [a for s in settings for a in ("--set", s)]
        with open(self.far_log, "ab") as log:
            self.far = subprocess.Popen(
                self.networks.enter(self.networks.far, str(SECUREOPSD), *args), env=self.env,
                cwd=self.cwd, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.wait_far(200)

    def far_ready(self):
        connection = UnixConnection(self.far_socket)
        try:
            connection.request("GET", "/ready")
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except OSError:
            return None, None
        finally:
            connection.close()

    def wait_far(self, status, seconds=60):
        until = time.monotonic() + seconds
        while (now := self.far_ready())[0] != status:
            self.assertIsNone(self.far.poll(), self.far_log.read_text()[-3000:])
            self.assertLess(time.monotonic(), until, f"{now}\n{self.far_log.read_text()[-3000:]}")
            time.sleep(0.1)
        return now[1]

    def stop_far(self, sig):
        if not self.far or self.far.poll() is not None:
            return None
        self.far.send_signal(sig)
        return self.far.wait(60)

    def begun(self):
        """Attempts that the far node has begun: {(job, attempt), ...}."""
        return self.runs("begins, process")

    def runs(self, words):
        found = set()
        for line in self.far_log.read_text().splitlines():
            if words in line:
                entry = json.loads(line)
                found.add((entry["job"], int(re.search(r"attempt (\d+)", line)[1])))
        return found

    # ---- the work
    def work(self, n):
        for _ in range(n):
            body = {"target": {"kind": "directory", "location": str(self.cwd / f"app{self.number % 5}")},
                    "branch": f"b{self.number}", "scanners": ["gitleaks", "policies"]}
            reply = self.ask(202, "POST", "/scans/all", body)
            self.accepted[reply.json()["id"]] = self.number
            self.number += 1
        # a folder is its node's alone, but here both nodes have the same ones
        self.query("UPDATE jobs SET only_node = NULL WHERE state = 'queued'")

    def under_way(self):
        """Jobs that the far node holds, as the store says."""
        return {job for job, in self.query(
            "SELECT id FROM jobs WHERE state = 'running' AND node = 'far'")}

    def one_cut(self, seconds):
        self.work(14)
        until = time.monotonic() + 30
        while not self.under_way():
            self.assertLess(time.monotonic(), until, self.far_log.read_text()[-3000:])
            time.sleep(0.01)
        time.sleep(self.random.uniform(0, 0.4))
        self.networks.cut()
        cut_at = time.monotonic()
        held = self.under_way()
        self.work(6)
        while time.monotonic() - cut_at < seconds:  # the others go on
            self.get("/jobs?limit=5")
            time.sleep(0.2)
        state = self.far_ready()
        jobs = self.wait_for_all()  # by the near node alone
        before = self.counts()
        self.networks.heal()
        again = time.monotonic()
        self.wait_far(200, 120)
        print(f"cut for {again - cut_at:.1f} s with {len(held)} jobs under way, {state[0]}; ready "
              f"again after {time.monotonic() - again:.1f} s", flush=True)
        return held, jobs, before

    def counts(self):
        return self.query("SELECT (SELECT count(*) FROM scan_results), "
                          "(SELECT count(*) FROM vulnerabilities), "
                          "(SELECT count(*) FROM jobs WHERE state = 'completed')")[0]

    def run_cuts(self):
        self.number = 0
        taken = 0
        for _ in range(CUTS):
            held, jobs, before = self.one_cut(LEASE_S + 2)
            self.assertEqual({jobs[j]["state"] for j in held}, {"completed"})
            taken += sum(jobs[j]["attempt"] > 1 for j in held)
            until = time.monotonic() + 60  # its runners have ended, and none has left anything
            while self.far_runners() and time.monotonic() < until:
                time.sleep(0.1)
            self.assertEqual(self.far_runners(), [])
            self.assertEqual(self.counts(), before, "what the cut node still wrote")
        known = self.begun()
        self.work(14)
        jobs, _ = self.finish_all(f"seed {SEED}: {CUTS} cuts, {taken} jobs taken over")
        self.assertGreater(taken, 0)
        self.assertGreater(len(self.begun() - known), 0, "the far node takes no jobs any more")
        lost = self.runs("ends: lost")
        completed = self.runs("ends: completed")
        twice = [j for j in {j for j, _ in completed} if len([1 for k, _ in completed if k == j]) > 1]
        self.assertEqual(twice, [])
        for job, attempt in completed:
            self.assertEqual(jobs[job]["attempt"], attempt, "completed by two")
        print(f"far: {len(self.begun())} begun, {len(completed)} completed, {len(lost)} lost; "
              f"{dict(collections.Counter(j['attempt'] for j in jobs.values()))} attempts")

    def far_runners(self):
        return [c for c in children(self.far.pid).values() if "secureops-runner" in c]


class Held(Cut):
    def test_connections_that_stay(self):
        """They wait, and go on when packets pass again."""
        self.run_cuts()


class Given(Cut):
    patience = "&tcp_user_timeout=2000&connect_timeout=2"

    def test_connections_that_are_given_up(self):
        self.run_cuts()


if __name__ == "__main__":
    unittest.main()
