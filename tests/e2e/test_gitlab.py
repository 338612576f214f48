"""A merge request of GitLab, from its signed webhook over a scan to the status, the note and the threads."""
import base64
import hashlib
import hmac
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
from daemon import DaemonCase, Reply  # noqa: E402
from git_server import Server, commit, git  # noqa: E402
from gitlab_standin import GitLab  # noqa: E402

KEY = "whsec_" + base64.b64encode(b"thirty-two bytes of a signing ke").decode()


class MergeRequest(DaemonCase):
    settings = ("queue.slots=1", "queue.attempts=1", "checkout.hosts=localhost")

    def start_daemon(self):
        if not self.daemon and not hasattr(self, "gl"):
            self.gl = GitLab()
            self.addCleanup(self.gl.__exit__)
            self.server = Server(self.root / "served", self.root)
            self.addCleanup(self.server.close)
            self.env["GIT_SSL_CAINFO"] = str(self.server.certificate)
            self.make_repository()
        super().start_daemon()

    def make_repository(self):
        work = self.root / "work"
        self.base = commit(work, {"readme": "hello\n"})
        git(work, "checkout", "-q", "-b", "change")
        text = "FROM debian:latest\nUSER root\nADD http://example.com/x /x\n"
        self.head = commit(work, {"Dockerfile": text})
        shutil.copytree(work / ".git", self.root / "served" / "acme" / "widget.git")
        self.gl.mr(7, self.head)
        self.gl.branches.update(main=self.base, change=self.head)
        self.gl.diffs = {"Dockerfile": {"diff": "@@ -0,0 +1,3 @@\n" + "".join(f"+{x}\n" for x in text.splitlines())}}

    @property
    def config(self):
        for name, text in (("token", "glpat-bot"), ("key", KEY)):
            path = self.root / name
            path.write_text(text)
            path.chmod(0o600)
        return (f"integrations:\n  gitlab:\n    url: {self.gl.url}\n    token: file:{self.root / 'token'}\n"
                f"    signing_token: [\"file:{self.root / 'key'}\"]\n    write_gap: 0s\n    backoff: 20ms\n"
                "rules:\n  - on: pull_request\n    scanners: [policies]\n    fail_on: low\n")

    def send(self, payload, key=KEY, at=None, **more):
        body, delivery, at = json.dumps(payload).encode(), str(uuid.uuid4()), str(int(at or time.time()))
        mac = hmac.new(base64.b64decode(key[6:]), f"{delivery}.{at}.".encode() + body, hashlib.sha256).digest()
        return self.request("POST", "/webhook/gitlab", body, token=None, headers={
            "Content-Type": "application/json", "X-Gitlab-Event": "Merge Request Hook", "webhook-id": delivery,
            "webhook-timestamp": at, "webhook-signature": "v1," + base64.b64encode(mac).decode(), **more}).status

    def request(self, method, path, body=None, token="", headers=None, port=None):
        if not path.startswith("/webhook"):
            return super().request(method, path, body, token=token, headers=headers, port=port)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def payload(self, action="open", **more):
        return {"object_kind": "merge_request", "user": {"username": "alice"},
                "project": {"id": 1, "path_with_namespace": "acme/widget", "default_branch": "main",
                            "git_http_url": self.server.url("acme/widget.git")},
                "object_attributes": {"id": 99, "iid": 7, "action": action, "state": "opened", "source_branch": "change",
                                      "target_branch": "main", "source_project_id": 1, "target_project_id": 1,
                                      "created_at": "2026-11-20 09:00:00 UTC", "last_commit": {"id": self.head}, **more}}

    def until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                self.fail(f"{self.gl.statuses}\n{self.gl.log[-5:]}\n{self.log.read_text()[-6000:]}")
            time.sleep(0.1)

    def told(self):
        return self.gl.statuses and self.gl.statuses[-1]["state"] in ("success", "failed")

    def idle(self):
        return all(j["state"] not in ("queued", "running", "waiting") for j in self.get("/jobs?limit=100")["items"])

    def test_from_webhook_to_threads(self):
        self.assertEqual(self.send(self.payload(), key="whsec_" + base64.b64encode(b"x" * 32).decode()), 401)
        self.assertEqual(self.send(self.payload(), at=time.time() - 1000), 401)
        self.assertEqual(self.send(self.payload()), 202)
        self.until(self.told)
        self.until(self.idle)
        s, = self.gl.statuses
        self.assertEqual((s["sha"], s["state"], s["ref"], s["name"]), (self.head, "failed", "change", "SecureOps"))
        posted = [row[2]["state"] for row in self.gl.writes() if "/statuses/" in row[1]]
        self.assertEqual(posted, ["pending", "failed"])
        notes = [n for n in self.gl.notes.values() if not n.get("resolvable")]
        self.assertEqual(len(notes), 1)
        self.assertIn("Dockerfile", notes[0]["body"])
        lines = {n["position"]["new_line"] for n in self.gl.notes.values() if n.get("resolvable")}
        self.assertTrue(lines and lines <= {1, 2, 3}, self.gl.notes)
        # the same once more: the code has not changed, and nothing is written
        writes = len(self.gl.writes())
        self.assertEqual(self.send(self.payload("update")), 202)
        self.until(self.idle)
        self.assertEqual(len(self.gl.writes()), writes)


if __name__ == "__main__":
    unittest.main()
