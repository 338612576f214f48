"""The description of a build: found again, other people's lines kept, written once."""
import unittest

from world import Case, DEGRADED, HEAD, LATER, STARTING

LINE = "SecureOps [widget:default]: "


class Description(Case):
    def setUp(self):
        super().setUp()
        self.jk.job("acme/scan")
        self.build = self.jk.build("acme/scan", 5)

    def publish(self, n=3, code=0, **more):
        return self.good(self.call("publish", **{
            "context": {"job": "acme/scan", "pipeline_id": "acme/scan#5"}, "commit_sha": HEAD, "branch": "main",
            "pr_number": None, "phase": "result", "marker": "widget:default", "name": "SecureOps",
            "scan": {"id": "s1", "url": "https://secureops.example/scans/1", "status": "completed"},
            "gate": {"result": "failed" if n else "passed", "reasons": []},
            "summary": {"new": n, "by_severity": {"CRITICAL": n}}, "findings": None, "state": None, "markdown": None, **more}), code)

    def step(self, result, name="description"):
        return next(s for s in result["steps"] if s["step"] == name)["result"]

    def test_pending_then_result(self):
        self.assertEqual(self.step(self.publish(phase="pending")), "done")
        self.assertEqual(self.build["description"], LINE + "Scan in progress - https://secureops.example/scans/1")
        r = self.publish(3)
        self.assertEqual(self.build["description"], LINE + "3 new findings: 3 critical - https://secureops.example/scans/1")
        self.assertTrue(r["url"].endswith("/ci/job/acme/job/scan/5/"))
        writes = len(self.jk.writes())
        self.assertEqual(self.step(self.publish(3)), "unchanged")
        self.assertEqual(len(self.jk.writes()), writes)

    def test_as_the_daemon_asks(self):
        bare = dict(scan=None, gate=None, summary=None)
        self.publish(phase="pending", **bare)
        self.assertEqual(self.build["description"], LINE + "Scan in progress")
        self.publish(phase="error", reason="the runner died", **bare)
        self.assertEqual(self.build["description"], LINE + "No result: the runner died")

    def test_other_lines_stay(self):
        self.build["description"] = f"by hand\r\n{LINE}old\r\n{LINE}twice\r\n\r\nmore <b>&amp;</b>"
        self.publish(0)
        self.assertEqual(self.build["description"].split("\r\n"),
                         ["by hand", LINE + "No new findings - https://secureops.example/scans/1", "", "more <b>&amp;</b>"])
        self.assertEqual(self.step(self.publish(0)), "unchanged")
        self.publish(0, marker="other:one")
        self.assertEqual(len(self.build["description"].split("\r\n")), 5)

    def test_incomplete_is_no_success(self):
        self.publish(0, gate={"result": "incomplete", "reasons": ["trivy timed out"]})
        self.assertIn("Incomplete: trivy timed out", self.build["description"])
        self.publish(0, phase="error", reason="killed\nby\x00 x")
        self.assertIn("No result: killed by", self.build["description"])

    def test_lost_answers(self):
        for after in (False, True):
            for status in (502, 0):
                self.build["description"] = None
                self.jk.fault("/submitDescription", "POST", status, after=after)
                self.publish(3)
                self.assertEqual(self.build["description"].count(LINE), 1)

    def test_no_build(self):
        self.assertEqual(self.step(self.publish(3, context={})), "skipped")
        r = self.publish(3, context={}, steps=["check", "comment", "description"])
        self.assertEqual({s["step"]: s["result"] for s in r["steps"]},
                         {"check": "skipped", "comment": "skipped", "description": "skipped"})
        r = self.publish(3, context={"pipeline_id": "acme/scan#404"}, code=DEGRADED)
        self.assertEqual(self.step(r), "failed")

    def test_refused_and_later(self):
        self.jk.fault("/submitDescription", "POST", 403, body=b"<html>bot is missing the Run/Update permission</html>")
        self.assertEqual(self.step(self.publish(3, code=DEGRADED)), "failed")
        self.jk.fault("/submitDescription", "POST", 503, body=STARTING)
        self.publish(3, code=LATER)

    def test_with_a_password(self):
        self.start(token=None, password="password")
        self.publish(3)
        self.assertIn(LINE, self.build["description"])


if __name__ == "__main__":
    unittest.main()
