"""What the tests of faults have in common: work that is asked for, and counts of it before and
after. What was acknowledged is there afterwards, once."""
import collections
import json
import os
import random
import sqlite3
import time

from daemon import DaemonCase
from on_postgresql import OnPostgreSQL  # noqa: F401

SEED = int(os.environ.get("SECUREOPS_FAULTS_SEED", str(random.randrange(1 << 30))))
RULES = 40  # findings of a report
AWAY = (429, 503, 507)  # what a request may be answered with while something is away


def report(first, n):
    results = [{"ruleId": f"R{i}", "message": {"text": f"rule {i}"}, "level": "error",
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": f"src/f{i}.c"}, "region": {"startLine": i + 1}}}]}
               for i in range(first, first + n)]
    return json.dumps({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "linter", "rules": []}}, "results": results}]})


class Faults(DaemonCase):
    settings = ("queue.lease=3s", "queue.backoff=100ms", "queue.backoff_max=500ms", "queue.slots=3",
                "queue.attempts=100", "server.rate=100000", "server.burst=100000")

    def setUp(self):
        self.random = random.Random(SEED)
        self.accepted = {}  # job -> what it asked for
        self.answers = collections.Counter()
        super().setUp()

    # ---- the work
    def submit(self, number, body=None):
        """A request is acknowledged when its answer has been read; one that was not may be there
        as well, so that it carries a key and is asked for again. None: not now."""
        key = {"Idempotency-Key": f"request-{number}"}
        name = f"app{number % 5}"
        if number % 3 == 0 and body is None:
            body = {"target": {"kind": "directory", "location": str(self.cwd / name)},
                    "scanners": ["policies"]}
            reply = self.request("POST", "/scans/iac", body, headers=key)
        else:
            path = f"/imports?repository={name}&scanner=sarif&scope=r{number % 2}"
            reply = self.request("POST", path, body or report(number % 7, RULES),
                                 headers={"Content-Type": "application/octet-stream", **key})
        self.answers[reply.status] += 1
        if reply.status in AWAY or reply.status == 409:
            self.assertEqual(reply.headers["Content-Type"], "application/problem+json", str(reply))
            return None
        if reply.status not in (200, 202):
            self.fail(f"request {number}: {reply}\n{self.log.read_text()[-6000:]}")
        self.accepted[reply.json()["id"]] = number
        return reply.json()["id"]

    def submit_until_taken(self, number, seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if self.submit(number):
                    return
                time.sleep(0.1)
            except OSError:
                if self.daemon.poll() is not None:
                    self.start_daemon()
        self.fail("no answer")

    def make_folders(self):
        for i in range(5):
            self.write(f"app{i}/Dockerfile", "FROM alpine:latest\nRUN curl http://x | sh\n")

    # ---- what must hold
    def ended(self):
        jobs = {}
        cursor = ""
        while cursor is not None:
            page = self.get(f"/jobs?limit=200{cursor and '&cursor=' + cursor}")
            jobs.update({j["id"]: j for j in page["items"]})
            cursor = page.get("next_cursor")
        waiting = [j for j in jobs.values() if j["state"] in ("queued", "running")]
        return None if waiting else jobs

    def wait_for_all(self):
        until = time.monotonic() + 120
        while time.monotonic() < until:
            jobs = self.ended()
            if jobs is not None:
                return jobs
            time.sleep(0.2)
        self.fail(f"jobs do not end\n{self.log.read_text()[-4000:]}")

    def query(self, sql):
        with sqlite3.connect(self.data / "store.db") as db:
            return [tuple(map(str, row)) for row in db.execute(sql)]

    def check(self, jobs):
        lost = [n for job, n in self.accepted.items() if job not in jobs]
        self.assertEqual(lost, [], "acknowledged and gone")
        states = collections.Counter(jobs[job]["state"] for job in self.accepted)
        bad = [jobs[job] for job in self.accepted
               if jobs[job]["state"] not in ("completed", "replaced")]
        log = [line for line in self.log.read_text().splitlines()
               if bad and (bad[0]["id"] in line or "ready: node" in line)]
        self.assertEqual([(j["id"], j["kind"], j["attempt"], j.get("reason")) for j in bad], [],
                         "\n".join(log[-60:]))
        scans = [j["scan_id"] for j in jobs.values() if j["state"] == "completed"]
        self.assertEqual(len(scans), len(set(scans)))
        stored = {row[0] for row in self.query("SELECT count(*) FROM scan_results")}
        self.assertEqual(stored, {str(len(scans))}, "a scan for each completed job and no other")
        events = self.events()
        ids = [e["event_id"] for e in events]
        self.assertEqual(len(ids), len(set(ids)))
        completed = [e for e in events if e["event_type"].endswith("security.scan.completed")]
        self.assertEqual(len(completed), len(scans), "an event for each scan")
        life = collections.defaultdict(list)  # nothing is new twice
        for e in events:
            if ".vulnerability." in e["event_type"]:
                life[e["data"]["finding_id"]].append(e["event_type"].rsplit(".", 1)[1])
        for finding, told in life.items():
            for i, what in enumerate(told):  # new, gone, back, gone, ...
                self.assertEqual(what, ("detected", "resolved")[i % 2], f"{finding}: {told}")
        return states, events

    def events(self):
        found, after = [], 0
        while True:
            page = self.get(f"/events?cursor={after}&limit=500")
            if not page["items"]:
                return found
            positions = [i["position"] for i in page["items"]]
            self.assertEqual(positions, sorted(set(positions)))
            after = positions[-1]
            found += [i["event"] for i in page["items"]]

    def published(self, events):
        """The file has each event at least once; first sightings are in order."""
        want = [e["event_id"] for e in events]
        until = time.monotonic() + 90
        while time.monotonic() < until:
            file = self.root / "events.jsonl"
            text = file.read_text() if file.exists() else ""
            lines = [json.loads(line) for line in text.splitlines()]
            got = list(dict.fromkeys(e["event_id"] for e in lines))
            if len(got) >= len(want):
                break
            time.sleep(0.2)
        self.assertEqual((len(got), sorted(set(want) - set(got))[:3]), (len(want), []))
        self.assertEqual([k for k in range(len(want)) if got[k] != want[k]][:3], [])
        return len(lines)

    def start_daemon(self):
        self.settings = (*type(self).settings, f"events.jsonl={self.root}/events.jsonl", *self.more())
        super().start_daemon()
        for fd in range(3):  # SQLite loses its locks to a file that gets one of these
            self.assertTrue(os.path.exists(f"/proc/{self.daemon.pid}/fd/{fd}"), fd)

    def more(self):
        return ()

    # ---- the end of a test
    def finish_all(self, what):
        """Everything ends, is there once, and nothing is left. Says what was counted."""
        jobs = self.wait_for_all()
        states, events = self.check(jobs)
        lines = self.published(events)
        told = (f"{what}: {len(self.accepted)} requests, {dict(self.answers)}, {dict(states)}, "
                f"{len(events)} events, {lines} lines; 0 lost, 0 twice")
        print(told, flush=True)
        return jobs, events
