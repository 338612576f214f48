"""secureops integration: a CI platform tried by hand, with the plugin of the tests."""
import hashlib
import hmac
import json
import unittest

from harness import BUILD, GATE, INCOMPLETE, PASSED, USAGE, Case

SECRET = "hunter2hunter2"
CONFIG = """integrations:
  test-ci: {secret: env:HOOK}
  other: {plugin: test-ci, secret: env:HOOK, repositories: [acme/*], poll: 0}
  off: {plugin: test-ci, secret: env:NONE, enabled: false}
"""


class Integration(Case):
    def setUp(self):
        super().setUp()
        self.env["HOOK"] = SECRET
        self.config = self.write("s.yaml", CONFIG)

    def integration(self, *args, **kw):
        result = self.run_it("integration", *args, "--config", self.config, "--plugins",
                             BUILD / "tests" / "ci", **kw)
        self.assertNotIn(SECRET, result.text)
        return result

    def delivery(self, body, **headers):
        body = json.dumps(body).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        lines = {"X-Signature": signature, "X-Event": "push", **headers}
        self.write("headers", "HTTP/1.1 200 OK\r\n" +
                   "".join(f"{k}: {v}\r\n" for k, v in lines.items()))
        return self.write("body", body)

    def test_list(self):
        table = self.integration("list", code=PASSED).out.splitlines()
        self.assertEqual([line.split()[:4] for line in table[1:]],
                         [["test-ci", "test-ci", "yes", "15m00s"],
                          ["other", "test-ci", "yes", "never"],
                          ["off", "test-ci", "no", "15m00s"]])
        listed = self.integration("list", "--format", "json", code=PASSED).json()
        self.assertEqual(listed["integrations"][1]["repositories"], ["acme/*"])

    def test_plugin(self):
        info = self.run_it("plugin", "info", "test-ci", "--plugins", BUILD / "tests" / "ci",
                           code=PASSED)
        self.assertIn("can       verify translate trigger\n", info.out)
        self.assertIn("| `secret` | secret |", info.out)
        plan = self.run_it("scan", "--dry-run", "--plugins", BUILD / "tests" / "ci", ".")
        self.assertNotIn("test-ci", plan.text)  # it is no scanner

    def test_verify(self):
        body = self.delivery({"event": "push"}, **{"X-Id": "d-1"})
        genuine = self.integration("verify", "test-ci", body, "--headers", "headers", code=PASSED)
        self.assertEqual(genuine.json(),
                         {"delivery_id": "d-1", "native_event": "push", "ignored": False})
        forged = self.integration("verify", "test-ci", body, code=GATE)
        self.assertIn("the signature is wrong", forged.err)

    def test_received(self):
        body = self.delivery({"event": "push"}, **{"X-Sent-Ms": 1795167067000})
        args = ("verify", "test-ci", body, "--headers", "headers", "--received")
        self.integration(*args, "2026-11-20T09:35:00Z", code=PASSED)
        self.assertIn("too old", self.integration(*args, "2026-11-20T09:40:00Z", code=GATE).err)
        self.integration(*args, "yesterday", code=USAGE)

    def test_translate(self):
        event = {"event": "push", "repo_full_name": "acme/web", "branch": "main"}
        body = self.delivery(event)
        good = self.integration("translate", "other", body, "--headers", "headers", code=PASSED)
        self.assertEqual(good.json(), event)
        body = self.delivery({**event, "branch": "--upload-pack=x"})
        bad = self.integration("translate", "other", body, "--headers", "headers", code=GATE)
        self.assertIn('"branch"', bad.err)
        body = self.delivery(event, **{"X-Do": "crash"})
        died = self.integration("translate", "other", body, "--headers", "headers", code=GATE)
        self.assertIn("other: the plugin crashed", died.err)

    def test_run(self):
        def run(what, code, *more):
            return self.integration("run", "test-ci", "trigger", "--request",
                                    json.dumps({"do": what}), *more, code=code)
        self.assertEqual(run("work", PASSED).json(), {"pipeline_id": "7", "did": "work"})
        self.assertIn("no check run", run("degraded", PASSED).err)
        self.assertIn("not before 90 s", run("later", INCOMPLETE).err)
        self.assertIn("the secret is ***", run("leak", INCOMPLETE).err)
        self.assertIn("crashed", run("crash", None).err)
        self.assertIn("deadline", run("hang", None, "--timeout", "100ms").err)
        self.write("q.json", '{"do":\n "work"}')
        self.integration("run", "test-ci", "trigger", "--request", "@q.json", code=PASSED)
        cannot = self.integration("run", "test-ci", "configure", "--dry-run", code=INCOMPLETE)
        self.assertIn("cannot configure", cannot.err)

    def test_mistakes(self):
        for args, text in ((("verify", "othr", "x"), "did you mean other?"),
                           (("verify", "off", "x"), "switched off"),
                           (("run", "other", "trigger", "--request", "[]"), "JSON object"),
                           (("verify", "other"), "usage")):
            self.assertIn(text, self.integration(*args, code=USAGE).err)

    def test_configuration(self):
        plugins = ("--plugins", BUILD / "tests" / "ci")
        self.run_it("config", "check", "--config", self.config, *plugins, code=PASSED)
        self.write("bad.yaml", "integrations:\n  test-ci: {secret: env:HOOK, pol: 1m}\n")
        bad = self.run_it("config", "check", "--config", "bad.yaml", *plugins, code=USAGE)
        self.assertIn("bad.yaml:2:31: unknown option", bad.err)
        found = self.write("secureops.yaml", CONFIG)
        refused = self.run_it("config", "check", *plugins, code=USAGE)
        self.assertIn("secureops.yaml:1:1: integrations: not taken", refused.err)
        found.unlink()
        del self.env["HOOK"]
        unset = self.run_it("config", "check", "--config", self.config, *plugins, code=USAGE)
        self.assertIn("env:HOOK", unset.err)
        shown = self.run_it("config", "show", "--config", self.config, code=PASSED)
        self.assertIn("# integrations.other  ", shown.out)


if __name__ == "__main__":
    unittest.main()
