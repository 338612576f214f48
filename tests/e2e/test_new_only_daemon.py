"""A daemon's scan of a change: the base is fetched, and what is new is judged."""

from daemon import DaemonCase
from harness import GATE, PASSED
from test_remote import BAD, RemoteCase


class Change(RemoteCase):
    def setUp(self):
        super().setUp()
        self.log_in()
        self.app = self.repository("app", Dockerfile=BAD)
        for i in range(5):  # more history than a checkout takes by itself
            self.commit(self.app, filler=f"{i}\n")
        self.git("checkout", "-q", "-b", "topic", cwd=self.app)

    def judged(self, *args, code=None):
        r = self.remote("scan", "--scanners", "policies", "--fail-on", "low", "--diff", "main",
                        "--branch", "topic", "-f", "json", *args, f"file://{self.app}", code=code)
        return r.json()

    def test_change(self):
        self.commit(self.app, README="no findings\n")
        self.git("checkout", "-q", "main", cwd=self.app)
        self.commit(self.app, other="main goes on\n")
        v = self.judged(code=PASSED)
        self.assertGreater(len(v["findings"]), 0)
        self.assertEqual({f["baseline_state"] for f in v["findings"]}, {"unchanged"})
        c = v["comparison"]
        self.assertEqual((c["base"], c["new"], c["unchanged"]), ("main", 0, len(v["findings"])))
        self.assertNotEqual(c["base_sha"], c["merge_base"])
        self.git("checkout", "-q", "topic", cwd=self.app)
        (self.app / "more").mkdir()
        self.commit(self.app, **{"more/Dockerfile": BAD})
        v = self.judged(code=GATE)  # the second time with a mirror
        states = {(f["file_path"], f["baseline_state"]) for f in v["findings"]}
        self.assertEqual(states, {("Dockerfile", "unchanged"), ("more/Dockerfile", "new")})
        # the stored scan says what it was compared with
        scan = self.get(f"/scans/{v['scan']['id']}")["scan"]
        self.assertEqual((scan["comparison"]["base"], scan["comparison"]["new"]),
                         ("main", v["comparison"]["new"]))
        self.assertEqual(scan["comparison"]["unchanged"], v["comparison"]["unchanged"])
        self.assertEqual(scan["comparison"]["merge_base"], c["merge_base"])

    def test_what_cannot_be_compared_fails(self):
        self.commit(self.app, README="x\n")
        job = self.scan("all", f"file://{self.app}", "failed", "dead", branch="topic",
                        diff={"base": "no-such"}, scanners=["policies"])
        self.assertIn("no-such", job["reason"])
        self.git("checkout", "-q", "--orphan", "island", cwd=self.app)
        self.commit(self.app, README="y\n")
        job = self.scan("all", f"file://{self.app}", "failed", "dead", branch="island",
                        diff={"base": "main"}, scanners=["policies"])
        self.assertIn("no commit in common", job["reason"])

    def test_requests(self):
        for body, where in (({"diff": {}}, "/diff"), ({"diff": {"base": "-x"}}, "/diff/base"),
                            ({"diff": {"base": "a", "b": 1}}, "/diff"),
                            ({"diff": "main"}, "/diff"), ({"diff": {"base": "a..b"}}, "/diff/base")):
            r = self.ask(400, "POST", "/scans/all",
                         {"target": {"kind": "repository", "location": "https://git.example/a/b"},
                          **body})
            self.assertIn(where, r.text)
        r = self.ask(400, "POST", "/scans/all", {
            "target": {"kind": "image", "location": "app:1"}, "diff": {"base": "main"}})
        self.assertIn("/diff", r.text)
        # a scan of the branch does not take the place of one of the change
        jobs = [self.ask(202, "POST", "/scans/all", {
            "target": {"kind": "repository", "location": "https://git.invalid/a/b"},
            "branch": "topic", **more}).json()["id"] for more in ({"diff": {"base": "main"}}, {})]
        self.assertNotEqual(self.get(f"/jobs/{jobs[0]}")["state"], "replaced")


del RemoteCase, DaemonCase
