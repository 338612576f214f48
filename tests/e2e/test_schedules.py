"""Schedules of the daemon: whose rights their ticks go by."""
import time
import unittest

from daemon import JOB_S, DaemonCase

WAYS = {"disabled": ({"status": "disabled"}, "is not active"),
        "role": ({"roles": ["viewer"]}, "may not ask for scans"),
        "scope": ({"repositories": ["https://example.com/**"]}, "not in the scope"),
        "deleted": (None, "the user is gone")}


class Owner(DaemonCase):
    settings = ("queue.slots=0",)  # ticks become jobs, and nothing runs

    def until(self, what):
        end = time.monotonic() + JOB_S
        while time.monotonic() < end:
            value = what()
            if value:
                return value
            time.sleep(0.1)
        self.fail(f"what was waited for has not come\n{self.log.read_text()[-3000:]}")

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
