"""Builds of Jenkins: a notification is known once, by password and by a secret in the path."""
import base64
import http.client
import json
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from daemon import DaemonCase, Reply  # noqa: E402
from jenkins_standin import Jenkins  # noqa: E402

USER, PASSWORD, PATH = "hook", "p@ss:word", "s3cret-in-the-path"


class Builds(DaemonCase):
    @property
    def config(self):
        if not hasattr(self, "jk"):
            self.jk = Jenkins()
            self.addCleanup(self.jk.__exit__)
        for name, text in (("token", "api-token"), ("password", PASSWORD), ("path", PATH)):
            path = self.root / name
            path.write_text(text)
            path.chmod(0o600)
        return (f"integrations:\n  jenkins:\n    url: {self.jk.url}\n    user: bot\n    token: file:{self.root / 'token'}\n"
                f"    webhook_user: {USER}\n    webhook_password: [\"file:{self.root / 'password'}\"]\n"
                f"    webhook_path: [\"file:{self.root / 'path'}\"]\n")

    def send(self, phase, status, password=None, path=""):
        headers = {"Content-Type": "application/json;charset=UTF-8"}
        if password:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()
        note = {"name": "scan", "url": "job/acme/job/scan/", "build": {
            "full_url": "https://jenkins.example/job/acme/job/scan/42/", "number": 42, "phase": phase,
            "status": status, "url": "job/acme/job/scan/42/", "timestamp": 1700000061500, "scm": {
                "url": "https://git.example/acme/widget.git", "branch": "origin/main", "commit": "a" * 40}}}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/webhook/jenkins" + path, body=json.dumps(note).encode(), headers=headers)
            return Reply(connection.getresponse()).status
        finally:
            connection.close()

    def deliveries(self):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            items = self.get("/deliveries?limit=100")["items"]
            if all(i["status"] != "received" for i in items):
                return items
            time.sleep(0.1)
        self.fail(f"{items}\n{self.log.read_text()[-4000:]}")

    def test_notifications(self):
        self.assertEqual(self.send("STARTED", None, "wrong"), 401)
        self.assertEqual(self.send("STARTED", None), 401)
        self.assertEqual(self.send("STARTED", None, path="/jenkins/wrong"), 401)
        self.assertEqual(self.send("STARTED", None, PASSWORD), 202)
        self.assertEqual(self.send("STARTED", None, PASSWORD), 200)  # the plugin repeats after an error
        self.assertEqual(self.send("FINALIZED", "SUCCESS", path=f"/jenkins/{PATH}"), 202)
        items = self.deliveries()
        self.assertEqual(len(items), 2, items)
        self.assertEqual({i["status"] for i in items} & {"failed", "dead"}, set(), items)
        self.assertNotIn(PATH, self.log.read_text())


if __name__ == "__main__":
    unittest.main()
