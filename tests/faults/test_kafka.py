"""The daemon and a Kafka cluster that is away, slow, refuses messages or cuts connections. Events of
the store and messages of the topics are counted: none is lost, each key keeps its order, memory
does not grow with what waits, and /ready names what is wrong.

SECUREOPS_FAULTS_ROUNDS (default 6) rounds of trouble.
"""
import collections
import json
import os
import time
import unittest
import uuid

from faults import SEED, Faults, report
from harness import children
from kafka import NOT_AUTHORISED, PASSING, PREFIX, PROGRAM, REFUSALS, Kafka

ROUNDS = int(os.environ.get("SECUREOPS_FAULTS_ROUNDS", "6"))
REQUESTED = PREFIX + "security.scan.requested"


@unittest.skipUnless(PROGRAM.exists(), "SecureOps was built without librdkafka")
class Brokers(Faults):
    settings = (*Faults.settings, "events.group=secureops",
                # the mock cluster lets a member that has left wait for the end of its session
                "events.kafka=session.timeout.ms=6000")

    def setUp(self):
        self.kafka = self.cluster()
        self.addCleanup(self.kafka.close)
        self.before()
        super().setUp()
        self.make_folders()

    def cluster(self):
        return Kafka()

    def before(self):
        """What is done to the cluster before there is a daemon."""

    def more(self):
        return (f"events.brokers={self.kafka.brokers}",)

    def check_nothing_left(self, result):
        """The cluster is a child of this test."""
        until = time.monotonic() + 2
        while (left := [c for c in children().values() if "secureops" in c]) and \
                time.monotonic() < until:
            time.sleep(0.02)
        self.assertEqual(left, [] if not self.daemon else left, result)

    # ---- what it says of itself
    def state(self):
        reply = self.request("GET", "/ready", token=None)
        self.assertEqual(reply.status, 200, f"a broker is no reason to take no work: {reply}")
        return reply.json()["checks"]["kafka"]

    def wait_state(self, status, seconds=40):
        until = time.monotonic() + seconds
        while (now := self.state())["status"] != status:
            self.assertLess(time.monotonic(), until, f"{now}\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)
        return now

    def rss_kb(self):
        with open(f"/proc/{self.daemon.pid}/status", encoding="ascii") as f:
            return int(next(line for line in f if line.startswith("VmRSS")).split()[1])

    # ---- what must hold
    def arrived(self, events):
        """Each event of the store is in its topic, and the first sightings of each key are in the
        order of the store. How often one was there again."""
        want = {e["event_id"]: i for i, e in enumerate(events)}
        until = time.monotonic() + 60
        while True:
            topics = self.kafka.dump(self.root / "messages")
            there = {e["event_id"] for keys in topics.values() for v in keys.values() for e in v}
            missing = [i for i in want if i not in there]
            if not missing:
                break
            self.assertLess(time.monotonic(), until,
                            f"{len(missing)} of {len(want)} are not there\n"
                            f"{self.log.read_text()[-3000:]}")
            time.sleep(0.3)
        messages = 0
        for topic, keys in topics.items():
            for key, got in keys.items():
                got = [e["event_id"] for e in got if e["event_id"] in want]
                first = [want[i] for i in dict.fromkeys(got)]
                self.assertEqual(first, sorted(first), f"{topic} {key}")
                messages += len(got)
        for event in events:
            key = event["data"].get("repository")
            if key and ".vulnerability." in event["event_type"]:
                self.assertIn(key, topics[PREFIX + event["event_type"]])
        return messages - len(want)

    def finish(self, what):
        jobs, events = self.finish_all(f"seed {SEED}: {what}")
        again = self.arrived(events)
        print(f"{what}: {len(events)} events in the topics, {again} times again; 0 lost", flush=True)
        self.wait_state("up")
        return jobs, events


class Away(Brokers):
    def before(self):
        self.kafka.tell("down")

    def test_away_at_the_start(self):
        for number in range(24):
            self.submit_until_taken(number)
        state = self.wait_state("down", 10)
        self.assertTrue(state["reason"], state)
        self.wait_for_all()
        self.kill()  # nor does it need a broker to be killed and to start
        self.start_daemon()
        self.submit_until_taken(24)
        self.wait_for_all()
        self.wait_state("down", 10)
        self.kafka.tell("up")
        self.finish("away at the start")

    def test_away_when_it_stops(self):
        for number in range(12):
            self.submit_until_taken(number)
        self.wait_for_all()
        began = time.monotonic()
        self.stop_daemon()
        self.assertLess(time.monotonic() - began, 15)
        self.kafka.tell("up")
        self.start_daemon()
        self.finish("away when it stops")


class Trouble(Brokers):
    def request_number(self, number):
        """The same number is the same message: it is acted upon once."""
        message = {"event_id": str(uuid.UUID(int=(SEED << 32) + number)),
                   "event_type": "security.scan.requested", "version": "1.0",
                   "data": {"target": {"kind": "directory",
                                       "location": str(self.cwd / f"app{number % 5}")},
                            "branch": f"b{number}", "scanners": ["policies"]}}
        self.kafka.tell("send", REQUESTED, json.dumps(message, separators=(",", ":")))

    def test_come_and_go(self):
        """Requests come in and events go out meanwhile."""
        number = 0
        for i in range(ROUNDS):
            for _ in range(8):
                self.submit_until_taken(number)
                number += 1
            self.request_number(2 * i)
            self.request_number(2 * i + 1)
            self.request_number(2 * i)
            self.kafka.tell("fail", 4, self.random.choice(PASSING))
            time.sleep(self.random.uniform(0, 0.5))
            self.kafka.tell("down")
            self.submit_until_taken(number)
            number += 1
            time.sleep(self.random.uniform(0, 1))
            self.kafka.tell("up")
        until = time.monotonic() + 60
        asked = []
        while len(asked) < 2 * ROUNDS and time.monotonic() < until:
            asked = self.query("SELECT id FROM jobs WHERE origin = 'kafka'")
            time.sleep(0.2)
        jobs, events = self.finish("come and go")
        asked = self.query("SELECT state FROM jobs WHERE origin = 'kafka'")
        self.assertEqual(collections.Counter(s for s, in asked)["completed"], 2 * ROUNDS, asked)
        rejected = [e for e in events if e["event_type"].endswith("scan.rejected")]
        self.assertEqual(rejected, [])
        self.assertEqual(len(jobs), len(self.accepted) + 2 * ROUNDS)

    def test_refused(self):
        """A message here and there, and then all for a while."""
        number = 0
        for i in range(ROUNDS):
            self.kafka.tell("fail", 3, REFUSALS[i % len(REFUSALS)])
            for _ in range(6):
                self.submit_until_taken(number)
                number += 1
            time.sleep(self.random.uniform(0, 0.6))
        self.finish("refused")
        self.kafka.tell("fail", 1000, NOT_AUTHORISED)
        self.submit_until_taken(number)
        self.stays_down("events cannot be delivered")
        self.assertIn("authorization failed", self.log.read_text())
        self.kafka.tell("fail", 0, 0)
        self.finish("refused for long")

    def test_a_topic_that_is_refused(self):
        """It is never written to, and librdkafka waits without a word."""
        self.submit_until_taken(0)
        self.wait_for_all()
        self.wait_state("up")
        self.stop_daemon()
        self.kafka.tell("topic", PREFIX + "security.scan.completed", NOT_AUTHORISED)
        self.start_daemon()
        for number in range(1, 12):
            self.submit_until_taken(number)
        self.stays_down("events are not acknowledged")
        self.kafka.tell("topic", PREFIX + "security.scan.completed", 0)
        self.finish("a topic that was refused")

    def stays_down(self, reason):
        """What comes behind waits, but no work does."""
        want = {"status": "down", "reason": reason}
        until = time.monotonic() + 40
        while (now := self.state()) != want:
            self.assertLess(time.monotonic(), until, f"{now}\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)
        self.wait_for_all()
        until = time.monotonic() + 3
        while time.monotonic() < until:
            self.assertEqual(self.state(), want)
            time.sleep(0.05)


class Slow(Brokers):
    """More waits than may be under way at once."""
    REPOSITORIES, FINDINGS = 12, 1500
    settings = (*Brokers.settings, "queue.slots=2")

    def before(self):
        self.kafka.tell("create", PREFIX + "security.vulnerability.detected", 64)

    def test_slow(self):
        self.kafka.tell("rtt", 50)
        self.submit_until_taken(0)
        self.wait_for_all()
        self.wait_state("up")
        self.kafka.tell("rtt", 1500)
        before = most = self.rss_kb()
        body = report(0, self.FINDINGS)
        for number in range(1, self.REPOSITORIES + 1):
            reply = self.ask(202, "POST", f"/imports?repository=large{number}&scanner=sarif", body,
                             headers={"Content-Type": "application/octet-stream"})
            self.accepted[reply.json()["id"]] = number
        slowest = 0
        until = time.monotonic() + 8
        while time.monotonic() < until or self.ended() is None:
            began = time.monotonic()
            self.get("/jobs?limit=1")
            slowest = max(slowest, time.monotonic() - began)
            most = max(most, self.rss_kb())
            self.assertLess(time.monotonic(), until + 60)
            time.sleep(0.1)
        self.kafka.tell("rtt", 0)
        _, events = self.finish("slow")
        print(f"{len(events)} events: {before} kB, {most} kB at most while answers took 1.5 s; "
              f"a request took {slowest:.3f} s at most")
        self.assertGreater(len(events), self.REPOSITORIES * self.FINDINGS)
        self.assertLess(most - before, 64 << 10)  # what librdkafka may hold is 32 MiB
        self.assertLess(slowest, 5)


if __name__ == "__main__":
    unittest.main()
