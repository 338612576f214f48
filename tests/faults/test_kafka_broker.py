"""The daemon and a real Kafka broker (scripts/kafka.sh) that is stopped, killed and started again: scan
requests are taken from its topic, events are written to others. None is lost or acted upon twice,
each key keeps its order. Skipped where Java or Kafka's jars are not there.

SECUREOPS_FAULTS_ROUNDS (default 4) rounds.
"""
import collections
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import test_kafka
from faults import SEED
from harness import children
from kafka import PREFIX, Kafka

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "integration" / "bus"))
from test_broker import SCRIPT, Broker  # noqa: E402

ROUNDS = int(os.environ.get("SECUREOPS_FAULTS_ROUNDS", "4"))


class Real(test_kafka.Trouble):
    test_come_and_go = test_refused = test_a_topic_that_is_refused = None

    def setUp(self):
        have = subprocess.run([SCRIPT, "have"], capture_output=True, text=True, check=False)
        if have.returncode:
            self.skipTest(have.stderr.strip())
        self.sent = 0
        super().setUp()

    def cluster(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="sco-kafka-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.broker = Broker(folder)
        self.addCleanup(self.broker.stop, signal.SIGKILL)
        self.broker.start()
        return Kafka(f"127.0.0.1:{self.broker.port}")

    def check_nothing_left(self, result):
        """The broker is a child of this test."""
        left = [c for c in children().values() if "/secureops" in c.split(" ")[0]]
        self.assertEqual(left, [] if not self.daemon else left, result)

    def request_some(self):
        """Two scans are asked for, and one of them a second time."""
        for number in (self.sent, self.sent + 1, self.sent):
            self.request_number(number)
        self.sent += 2

    def asked(self, n):
        until = time.monotonic() + 60
        while int(self.query("SELECT count(*) FROM jobs WHERE origin = 'kafka'")[0][0]) < n:
            self.assertLess(time.monotonic(), until, self.log.read_text()[-3000:])
            time.sleep(0.1)

    def test_stopped_and_killed(self):
        number = 0
        for i in range(ROUNDS):
            for _ in range(6):
                self.submit_until_taken(number)
                number += 1
            self.request_some()
            if i == 0:
                self.asked(self.sent)  # else it may be stopped before they are taken
            self.broker.stop((signal.SIGTERM, signal.SIGKILL)[i % 2])
            self.wait_state("down")
            for _ in range(3):
                self.submit_until_taken(number)
                number += 1
            if i == 1:
                self.kill()  # the daemon as well: the broker is away when it starts
                self.start_daemon()
            self.broker.start()
        self.asked(self.sent)
        jobs, events = self.finish("a real broker, stopped and killed")
        states = collections.Counter(s for s, in self.query("SELECT state FROM jobs WHERE origin = 'kafka'"))
        self.assertEqual(states, {"completed": self.sent})
        self.assertEqual(len(jobs), len(self.accepted) + self.sent)
        self.assertEqual([e for e in events if e["event_type"].endswith("scan.rejected")], [])
        print(f"seed {SEED}: {self.sent} requests taken from {PREFIX}security.scan.requested, each once")


if __name__ == "__main__":
    unittest.main()
