"""A pull request of Azure DevOps, from its service hook over a scan to statuses, summary and threads."""
import base64
import http.client
import json
import pathlib
import shutil
import sys
import time
import unittest
import uuid

HERE = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE / "support"), str(HERE / "integration" / "checkout")]
from azure_standin import Azure, OTHER, PROJECT, REPO  # noqa: E402
from daemon import DaemonCase, Reply  # noqa: E402
from git_server import Server, commit, git  # noqa: E402

USER, PASSWORD = "hook", "p@ss:word"


class PullRequest(DaemonCase):
    settings = ("queue.slots=1", "queue.attempts=1", "checkout.hosts=localhost")

    def start_daemon(self):
        if not self.daemon and not hasattr(self, "az"):
            self.az = Azure()
            self.addCleanup(self.az.__exit__)
            self.server = Server(self.root / "served", self.root)
            self.addCleanup(self.server.close)
            self.env["GIT_SSL_CAINFO"] = str(self.server.certificate)
            self.make_repository()
        super().start_daemon()

    def make_repository(self):
        work = self.root / "work"
        self.base = commit(work, {"readme": "hello\n"})
        git(work, "checkout", "-q", "-b", "change")
        self.head = commit(work, {"Dockerfile": "FROM debian:latest\nUSER root\nADD http://example.com/x /x\n"})
        shutil.copytree(work / ".git", self.root / "served" / "Fabrikam" / "widget.git")
        self.az.pull(7, self.head)
        self.az.changes = ["/readme", "/Dockerfile"]

    @property
    def config(self):
        for name, text in (("token", "pat"), ("password", PASSWORD)):
            path = self.root / name
            path.write_text(text)
            path.chmod(0o600)
        return (f"integrations:\n  azure:\n    plugin: azure-devops\n    url: {self.az.url}\n    organization: acme\n"
                f"    token: file:{self.root / 'token'}\n    webhook_user: {USER}\n"
                f"    webhook_password: [\"file:{self.root / 'password'}\"]\n    write_gap: 0s\n    backoff: 20ms\n"
                "rules:\n  - on: pull_request\n    scanners: [policies]\n    fail_on: low\n")

    def send(self, payload, password=PASSWORD):
        pair = base64.b64encode(f"{USER}:{password}".encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/webhook/azure", body=json.dumps(payload).encode(), headers={
                "Content-Type": "application/json; charset=utf-8", "Authorization": f"Basic {pair}"})
            return Reply(connection.getresponse()).status
        finally:
            connection.close()

    def payload(self, action="created"):
        return {"id": str(uuid.uuid4()), "subscriptionId": "s1", "notificationId": 1, "publisherId": "tfs",
                "eventType": f"git.pullrequest.{action}", "createdDate": "2026-11-20T09:00:00.123Z", "resource": {
                    "repository": {"id": REPO, "name": "widget", "project": {"id": PROJECT, "name": "Fabrikam"},
                                   "defaultBranch": "refs/heads/main",
                                   "remoteUrl": self.server.url("Fabrikam/widget.git")},
                    "pullRequestId": 7, "status": "active", "createdBy": OTHER, "creationDate": "2026-11-20T09:00:00Z",
                    "title": "A change", "sourceRefName": "refs/heads/change", "targetRefName": "refs/heads/main",
                    "lastMergeSourceCommit": {"commitId": self.head}, "lastMergeTargetCommit": {"commitId": self.base}}}

    def until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                self.fail(f"{self.az.statuses}\n{self.az.log[-5:]}\n{self.log.read_text()[-6000:]}")
            time.sleep(0.1)

    def told(self):
        own = self.az.statuses.get((7, 1))
        return own and own[-1]["state"] in ("succeeded", "failed", "error")

    def idle(self):
        return all(j["state"] not in ("queued", "running", "waiting") for j in self.get("/jobs?limit=100")["items"])

    def test_from_hook_to_threads(self):
        self.assertEqual(self.send(self.payload(), "wrong"), 401)
        self.assertEqual(self.send(self.payload()), 202)
        self.until(self.told)
        self.until(self.idle)
        for key in (self.head, (7, 1)):
            self.assertEqual([s["state"] for s in self.az.statuses[key]], ["pending", "failed"], key)
        lines = [t for t in self.az.threads.values() if "threadContext" in t]
        summary, = [t for t in self.az.threads.values() if "threadContext" not in t]
        self.assertIn("Dockerfile", summary["comments"][0]["content"])
        self.assertEqual({t["threadContext"]["filePath"] for t in lines}, {"/Dockerfile"})
        # the same once more: the code has not changed, and nothing is written
        writes = len(self.az.writes())
        self.assertEqual(self.send(self.payload("updated")), 202)
        self.until(self.idle)
        self.assertEqual(len(self.az.writes()), writes)


if __name__ == "__main__":
    unittest.main()
