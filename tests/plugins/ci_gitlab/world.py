"""What the tests of the GitLab plugin share."""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ.get("SECUREOPS_SOURCE", pathlib.Path(__file__).parents[3]))
BUILD = pathlib.Path(os.environ.get("SECUREOPS_BUILD", SOURCE / "build"))
sys.path.insert(0, str(SOURCE / "tests" / "support"))

from ci_worker import DEGRADED, E, LATER, Worker  # noqa: E402,F401
from gitlab_standin import GitLab  # noqa: E402,F401

TOKEN = "gl-secret-token-0123456789"
SIGNING = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
AT = 1700000000  # when the signed payloads were signed
HEAD, BASE = "a" * 40, "b" * 40
SEVERITIES = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"]
BOT = 77


def corpus():
    for place in (os.environ.get("SECUREOPS_CORPUS"), SOURCE.parent / "shared" / "corpus"):
        if place and (pathlib.Path(place) / "ci").is_dir():
            return pathlib.Path(place) / "ci"
    return None


def mac(key, id, at, body):
    key = base64.b64decode(key[len("whsec_"):])
    return "v1," + base64.b64encode(hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()).decode()


def signed(body, key=SIGNING, id="evt-1", at=AT, **more):
    return {"X-Gitlab-Event": "Push Hook", "Content-Type": "application/json", "webhook-id": id,
            "webhook-timestamp": str(at), "webhook-signature": mac(key, id, at, body), **more}


def plain(body=b"", token=TOKEN, **more):
    return {"X-Gitlab-Event": "Push Hook", "Content-Type": "application/json", "X-Gitlab-Token": token, **more}


class Case(unittest.TestCase):
    """A stand-in and a worker for each test."""
    token = "glpat-bot"
    options = {}

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="secureops-gitlab-")
        self.addCleanup(self.dir.cleanup)
        self.gl = GitLab()
        self.addCleanup(self.gl.__exit__)
        self.gl.mr(7, HEAD)
        self.worker = None
        self.start()

    def start(self, **options):
        if self.worker:
            self.worker.close()
        chosen = {"url": self.gl.url, "token": self.token, "webhook_secret": [TOKEN], "write_gap": 0, "backoff": 20,
                  "wait": 3000, "threads_max": 20, "status_name": "SecureOps", "token_type": "private",
                  **self.options, **options}
        chosen = {k: v for k, v in chosen.items() if v is not None}
        self.worker = Worker(BUILD, "gitlab", chosen, http={"break_after": 1000, "break_ms": 1000})
        self.addCleanup(self.worker.close)

    def call(self, op, **request):
        timeout = request.pop("timeout_ms", 30000)
        return self.worker.call(op, {"repository": "acme/widget", **request}, timeout)

    def good(self, answer, code=0):
        self.assertEqual(answer.code, code, answer)
        return answer.result

    def file(self, name, text):
        path = pathlib.Path(self.dir.name) / name
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        return str(path)

    def findings(self, n, **more):
        rows = []
        for i in range(n):
            rows.append({"severity": SEVERITIES[min(i * 5 // max(n, 1), 4)], "title": f"Weakness {i}",
                         "description": "Text.", "remediation": "Do better.", "rule_id": f"rule-{i}",
                         "file_path": "src/a.c", "line_number": i + 1, "fingerprint": f"{i:064x}",
                         "tools": [{"name": "Semgrep"}], **{k: v(i) if callable(v) else v for k, v in more.items()}})
        return self.file("findings.jsonl", "".join(json.dumps(r) + "\n" for r in rows))

    def request(self, n=3, **more):
        q = {"context": {"project_id": "1"}, "commit_sha": HEAD, "branch": "change", "pr_number": 7, "base_sha": BASE,
             "phase": "result", "marker": "widget:default", "name": "SecureOps",
             "scan": {"id": "scan-1", "url": "https://secureops.example/scans/1", "status": "completed",
                      "started_at": "2026-11-20T09:31:07Z", "completed_at": "2026-11-20T09:32:07Z"},
             "gate": {"result": "failed" if n else "passed", "reasons": ["1 CRITICAL finding"] if n else []},
             "summary": {"new": n, "unchanged": 0, "resolved": 0, "by_severity": {"CRITICAL": 1 if n else 0}},
             "findings": more.get("findings") or self.findings(n), "sarif": None, "root": "", "state": None,
             "markdown": self.file("comment.md", "## SecureOps\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")}
        return {**q, **more}

    def publish(self, n=3, code=0, **more):
        return self.good(self.call("publish", **self.request(n, **more)), code)

    def steps(self, result):
        return {s["step"]: s["result"] for s in result["steps"]}
