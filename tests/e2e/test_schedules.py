"""Schedules of the daemon: whose rights their ticks go by."""
import sqlite3
import time
import unittest
import uuid

from daemon import JOB_S, DaemonCase

WAYS = {"disabled": ({"status": "disabled"}, "is not active"),
        "role": ({"roles": ["viewer"]}, "may not ask for scans"),
        "scope": ({"repositories": ["https://example.com/**"]}, "not in the scope"),
        "deleted": (None, "the user is gone")}


class Waiting(DaemonCase):
    settings = ("queue.slots=0",)  # ticks become jobs, and nothing runs

    def until(self, what):
        end = time.monotonic() + JOB_S
        while time.monotonic() < end:
            value = what()
            if value:
                return value
            time.sleep(0.1)
        self.fail(f"what was waited for has not come\n{self.log.read_text()[-3000:]}")


class Clock(Waiting):
    """What a clock that was ahead has written, and what waits for a node that is gone."""
    settings = ("queue.slots=0", "queue.node_wait=1h")

    def sql(self, text, *values):
        with sqlite3.connect(self.data / "store.db", timeout=30) as db:
            db.execute(text, values)

    def job(self, branch, **columns):
        """Queued, and then as a daemon might have left it."""
        body = {"target": {"location": f"file://{self.repo}"}, "branch": branch}
        id_ = self.ask(202, "POST", "/scans/all", body).json()["id"]
        sets = ", ".join(f"{c} = ?" for c in columns)
        self.sql(f"UPDATE jobs SET {sets} WHERE id = ?", *columns.values(), uuid.UUID(id_).bytes)
        return id_

    def test_times_are_bounded_at_the_start(self):
        self.repo = self.repository("r", Dockerfile="FROM debian:latest\n")
        scan = {"target": {"location": f"file://{self.repo}"}}
        ways = {"nightly": {"cron": "0 3 * * *"}, "often": {"interval": "10m"},
                "yearly": {"cron": "0 0 1 1 *"}}
        right = {name: self.ask(201, "POST", "/schedules", {"name": name, "scan": scan, **way})
                 .json()["next_at"] for name, way in ways.items()}
        now = int(time.time() * 1000)
        year = 366 * 86400 * 1000
        paused = self.job("paused", attempt=1, not_before=now + year)
        lost = self.job("lost", state="running", attempt=1, node="other", lease_until=now + year)
        gone = self.job("gone", only_node="other", waiting_since=now - 2 * 3600 * 1000)
        fresh = self.job("fresh", only_node="other", waiting_since=now - 600 * 1000)
        self.stop_daemon()
        self.sql("UPDATE schedules SET next_at = next_at + ? WHERE name <> 'yearly'", year)
        self.start_daemon()
        self.until(lambda: self.get(f"/jobs/{gone}")["state"] == "dead")
        shown = {n: self.get(f"/schedules/{n}")["next_at"] for n in ways}
        for name in ("nightly", "yearly"):
            self.assertEqual(shown[name], right[name])
        self.assertLess(shown["often"], time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 660)))
        self.assertIn("node other", self.get(f"/jobs/{gone}")["reason"])
        self.assertEqual(self.get(f"/jobs/{fresh}")["state"], "queued")
        alerts = [a for a in self.get("/alerts")["items"] if a["kind"] == "job_dead"]
        self.assertEqual([a["object"] for a in alerts], [gone])
        with sqlite3.connect(self.data / "store.db", timeout=30) as db:
            rows = dict(db.execute("SELECT id, CASE state WHEN 'running' THEN lease_until ELSE "
                                   "not_before END FROM jobs"))
        later = int(time.time() * 1000)
        self.assertLessEqual(rows[uuid.UUID(paused).bytes], later)
        self.assertLessEqual(rows[uuid.UUID(lost).bytes], later + 3600 * 1000)
        log = self.log.read_text()
        self.assertEqual(log.count("the clock was ahead: the next tick"), 2, log)
        self.assertIn("the clock was ahead: 2 jobs", log)


class Owner(Waiting):
    def alerts(self, name):
        return [a["message"] for a in self.get("/alerts")["items"]
                if a["kind"] == "schedule_stopped" and a["message"].startswith(name + ":")]

    def stops(self, name, why):
        """The schedule goes off, once, and says why; nothing of it is queued afterwards."""
        self.until(lambda: not self.get(f"/schedules/{name}")["enabled"])
        off = self.get(f"/schedules/{name}")
        self.assertNotIn("next_at", off)
        self.assertEqual(len(self.alerts(name)), 1)
        self.assertIn(why, self.alerts(name)[0])
        return off

    def test_ticks_end_with_the_rights_of_their_owner(self):
        repo = self.repository("r", Dockerfile="FROM debian:latest\n")

        def schedule(name, **kw):
            scan = {"target": {"location": f"file://{repo}"}, "branch": name}
            return self.ask(201, "POST", "/schedules",
                            {"name": name, "cron": "* * * * * *", "scan": scan}, **kw).json()
        schedule("administrator")
        for name, (change, why) in WAYS.items():
            made = schedule(name, token=self.make_user(f"{name}@example.com", ["security_engineer"]))
            user = made["created_by"]
            self.until(lambda: self.get(f"/schedules/{name}").get("last_job"))
            if change:
                self.ask(200, "PUT", f"/users/{user}", change)
            else:
                self.ask(204, "DELETE", f"/users/{user}")
            off = self.stops(name, why)
            self.assertIn("schedule.stop", [r["action"] for r in self.get("/audit")["items"]
                                            if r.get("object") == f"schedule:{off['id']}"])
        # who resumes it, owns it
        job = self.get("/schedules/deleted")["last_job"]
        on = self.ask(200, "POST", "/schedules/deleted/resume").json()
        self.assertEqual(on["created_by"], self.get("/schedules/administrator")["created_by"])
        self.until(lambda: self.get("/schedules/deleted")["last_job"] != job)
        self.assertTrue(self.get("/schedules/administrator")["enabled"])
        self.assertEqual(len(self.alerts("deleted")), 1)


if __name__ == "__main__":
    unittest.main()
