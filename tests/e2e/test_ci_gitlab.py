"""GitLab from end to end: a webhook in, a scan, commit status, note and discussion out."""
import json
import unittest
import uuid

from ci_loop import Loop, git
from gitlab_standin import GitLab

SECRET = "gl-secret-token-0123456789"


class MergeRequest(Loop):
    def open_platform(self):
        self.gl = GitLab()
        self.gl.projects = {1: "acme/shop"}
        self.addCleanup(self.gl.__exit__)

    @property
    def config(self):
        for name, text in (("hook", SECRET), ("token", "glpat-bot")):
            (self.root / name).write_text(text)
            (self.root / name).chmod(0o600)
        return f"""integrations:
  gitlab:
    url: {self.gl.url}
    webhook_secret: ["file:{self.root}/hook"]
    token: file:{self.root}/token
    write_gap: 0
    backoff: 20ms
    wait: 1s
{self.rules}"""

    def merge_request(self, iid, head, action="open", old=None):
        self.gl.mr(iid, head)
        project = {"id": 1, "name": "shop", "path_with_namespace": "acme/shop", "default_branch": "main",
                   "git_http_url": self.git_server.url("acme/shop.git"), "web_url": "https://gitlab.example/acme/shop",
                   "http_url": self.git_server.url("acme/shop.git"), "visibility_level": 0}
        more = {"oldrev": old} if old else {}
        body = json.dumps({
            "object_kind": "merge_request", "event_type": "merge_request", "project": project,
            "user": {"id": 5, "username": "alice", "name": "Alice"},
            "object_attributes": {
                "id": 99, "iid": iid, "source_branch": "topic", "target_branch": "main", "source_project_id": 1,
                "target_project_id": 1, "state": "opened", "title": "A change", "action": action, "source": project,
                "target": project, "created_at": "2026-11-20T09:00:00Z", "updated_at": "2026-11-20T09:00:00Z",
                "url": f"https://gitlab.example/acme/shop/-/merge_requests/{iid}", "work_in_progress": False,
                "draft": False, **more,
                "last_commit": {"id": head, "message": "change", "timestamp": "2026-11-20T09:00:00Z"}}}).encode()
        return self.post("/webhook/gitlab", body, {
            "Content-Type": "application/json", "X-Gitlab-Event": "Merge Request Hook", "X-Gitlab-Token": SECRET,
            "Idempotency-Key": str(uuid.uuid4())})

    def states(self, commit):
        return [s["state"] for s in self.gl.statuses if s["sha"] == commit]

    def notes(self):
        return [n for n in self.gl.notes.values() if n["iid"] == 7 and "SecureOps" in n["body"]]

    def test_merge_request(self):
        self.change(self.repo, **{"conf/old.ini": "a\n"})
        git(self.repo, "checkout", "-q", "-b", "topic")
        head = self.change(self.repo, **{"a.ini": "token\n"})
        self.gl.branches["topic"] = head
        self.leaks_in("conf/old.ini", "a.ini")
        self.merge_request(7, head)
        p = self.told(head)
        self.assertEqual((p["pr_number"], self.states(head)[-1]), (7, "failed"), p)
        first = self.gl.writes()[0]
        self.assertIn(f"/statuses/{head}", first[1])
        self.assertIn(first[2]["state"], ("pending", "running"))
        note = [n for n in self.notes() if "a.ini" in n["body"]][0]
        self.assertNotIn("old.ini", note["body"])
        writes = len(self.gl.writes())
        self.ask(200, "POST", f"/publications/{p['id']}/retry")  # once more: nothing changes
        self.told(head)
        self.quiet()
        self.assertEqual([row[:2] for row in self.gl.writes()[writes:]], [])
        # mended: the same note
        self.leaks_in("conf/old.ini")
        after = self.change(self.repo, **{"a.ini": "\n"})
        self.gl.branches["topic"] = after
        self.merge_request(7, after, "update", head)
        self.told(after)
        self.assertEqual(self.states(after)[-1], "success")
        self.assertIn(note["id"], [n["id"] for n in self.notes()])
        self.assertIn("SecureOps: passed", self.gl.notes[note["id"]]["body"])


if __name__ == "__main__":
    unittest.main()
