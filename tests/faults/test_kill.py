"""kill -9 of the daemon, of runners and of workers at random points, during scans, merges and
publishing. Afterwards everything that was acknowledged is there, once.

SECUREOPS_FAULTS_KILLS (default 20) kills on each store, SECUREOPS_FAULTS_SEED repeats a run.
"""
import collections
import os
import signal
import time
import unittest

from faults import SEED, Faults, OnPostgreSQL
from harness import children, descendants

KILLS = int(os.environ.get("SECUREOPS_FAULTS_KILLS", "20"))


class Killed(Faults):
    def victim(self):
        """The daemon, or something below it: each kind of process gets its share."""
        below = descendants(self.daemon.pid)
        kinds = collections.defaultdict(list)
        for pid, command in below.items():
            for kind in ("secureops-runner", "secureops-worker"):
                if kind in command.split(" ")[0]:
                    kinds[kind].append(pid)
        kind = self.random.choice(["daemon", *kinds, *kinds])
        return kind, self.random.choice(kinds[kind]) if kinds.get(kind) else self.daemon.pid

    def kill_something(self):
        time.sleep(self.random.uniform(0, 0.15))
        kind, pid = self.victim()
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        if pid == self.daemon.pid:
            self.daemon.wait()
            self.start_daemon()
        return kind

    def run_kills(self):
        self.make_folders()
        kills = collections.Counter()
        number = 0
        while sum(kills.values()) < KILLS:
            for _ in range(self.random.randrange(1, 5)):
                self.submit_until_taken(number)
                number += 1
            kind = self.kill_something()
            if kind:
                kills[kind] += 1
        self.finish_all(f"seed {SEED}: {sum(kills.values())} kills {dict(kills)}")
        self.stop_daemon()
        left = [c for c in children().values() if "secureops" in c]
        self.assertEqual(left, [])


class SQLite(Killed):
    def test_kills(self):
        self.run_kills()


class PostgreSQL(OnPostgreSQL, Killed):
    def test_kills(self):
        self.run_kills()


if __name__ == "__main__":
    unittest.main()
