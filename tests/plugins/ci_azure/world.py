"""What the tests of the Azure DevOps plugin share."""
import base64
import json
import os
import pathlib
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ.get("SECUREOPS_SOURCE", pathlib.Path(__file__).parents[3]))
BUILD = pathlib.Path(os.environ.get("SECUREOPS_BUILD", SOURCE / "build"))
sys.path.insert(0, str(SOURCE / "tests" / "support"))

from azure_standin import Azure, ME, OTHER, PROJECT, REPO  # noqa: E402,F401
from ci_worker import DEGRADED, E, LATER, Worker  # noqa: E402,F401

USER, PASSWORD = "svc-hook", "p@ss:word-1"
HEAD, OLD, BASE = "a" * 40, "d" * 40, "b" * 40
SEVERITIES = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"]


def corpus():
    for place in (os.environ.get("SECUREOPS_CORPUS"), SOURCE.parent / "shared" / "corpus"):
        if place and (pathlib.Path(place) / "ci").is_dir():
            return pathlib.Path(place) / "ci"
    return None


def headers(user=USER, password=PASSWORD, **more):
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}", "Content-Type": "application/json; charset=utf-8", **more}


class Case(unittest.TestCase):
    """A stand-in and a worker for each test; what was written is checked at the end."""
    options = {}

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="secureops-azure-")
        self.addCleanup(self.dir.cleanup)
        self.az = Azure()
        self.addCleanup(self.az.__exit__)
        self.az.pull(7, OLD, HEAD)
        self.worker = None
        self.start()

    def start(self, **options):
        if self.worker:
            self.worker.close()
        chosen = {"url": self.az.url, "organization": "acme", "token": "pat", "webhook_user": USER,
                  "webhook_password": [PASSWORD], "write_gap": 0, "backoff": 20, "wait": 3000, "threads_max": 50,
                  "check_name": "SecureOps", "genre": "secureops", "webhook_header": "X-SecureOps-Token",
                  "inputs_as": "parameters", **self.options, **options}
        chosen = {k: v for k, v in chosen.items() if v is not None}
        self.worker = Worker(BUILD, "azure-devops", chosen, http={"break_after": 1000, "break_ms": 1000})
        self.addCleanup(self.worker.close)

    def call(self, op, **request):
        timeout = request.pop("timeout_ms", 30000)
        return self.worker.call(op, {"repository": "Fabrikam/widget", **request}, timeout)

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
                         "description": "Text.", "rule_id": f"rule-{i}", "file_path": f"src/f{i % 2}.c",
                         "line_number": i + 1, "fingerprint": f"{i:064x}", "tools": [{"name": "Semgrep"}],
                         **{k: v(i) if callable(v) else v for k, v in more.items()}})
        return self.file("findings.jsonl", "".join(json.dumps(r) + "\n" for r in rows))

    def request(self, n=3, **more):
        q = {"context": {}, "commit_sha": HEAD, "branch": "change", "pr_number": 7, "base_sha": BASE,
             "phase": "result", "marker": "widget:default", "name": "SecureOps",
             "scan": {"id": "scan-1", "url": "https://secureops.example/scans/1", "status": "completed"},
             "gate": {"result": "failed" if n else "passed", "reasons": ["1 CRITICAL finding"] if n else []},
             "summary": {"new": n, "unchanged": 0, "resolved": 0, "by_severity": {"CRITICAL": 1 if n else 0}},
             "findings": more.get("findings") or self.findings(n), "sarif": None, "root": "", "state": None,
             "markdown": self.file("comment.md", "## SecureOps\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")}
        return {**q, **more}

    def publish(self, n=3, code=0, **more):
        return self.good(self.call("publish", **self.request(n, **more)), code)

    def steps(self, result):
        return {s["step"]: s["result"] for s in result["steps"]}
