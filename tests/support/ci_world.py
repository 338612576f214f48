"""What the tests of the CI plugins share: a stand-in of the platform and the plugin in a worker for each
test, the request of a publication. The world.py of a plugin says what is its own."""
import json
import os
import pathlib
import tempfile
import unittest

from ci_worker import DEGRADED, E, LATER, Worker  # noqa: F401

SOURCE = pathlib.Path(os.environ.get("SECUREOPS_SOURCE", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("SECUREOPS_BUILD", SOURCE / "build"))
HEAD, BASE = "a" * 40, "b" * 40
SEVERITIES = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"]


def corpus():
    for place in (os.environ.get("SECUREOPS_CORPUS"), SOURCE.parent / "shared" / "corpus"):
        if place and (pathlib.Path(place) / "ci").is_dir():
            return pathlib.Path(place) / "ci"
    return None


class PluginCase(unittest.TestCase):
    plugin = None
    repository = "acme/widget"
    options = {}  # of a class of tests
    context = {}
    times = {"started_at": "2026-11-20T09:31:07Z", "completed_at": "2026-11-20T09:32:07Z"}  # of the scan
    finding = {}  # members beside the usual ones, or functions of its number

    def stand_in(self):
        """Starts the platform."""
        raise NotImplementedError

    def defaults(self):
        """Options of the plugin."""
        raise NotImplementedError

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix=f"secureops-{self.plugin}-")
        self.addCleanup(self.dir.cleanup)
        self.stand_in()
        self.worker = None
        self.start()

    def start(self, **options):
        if self.worker:
            self.worker.close()
        chosen = {"write_gap": 0, "backoff": 20, "wait": 3000, **self.defaults(), **self.options, **options}
        chosen = {k: v for k, v in chosen.items() if v is not None}
        self.worker = Worker(BUILD, self.plugin, chosen, http={"break_after": 1000, "break_ms": 1000})
        self.addCleanup(self.worker.close)

    def call(self, op, **request):
        timeout = request.pop("timeout_ms", 30000)
        return self.worker.call(op, {"repository": self.repository, **request}, timeout)

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
            own = {k: v(i) if callable(v) else v for k, v in {**self.finding, **more}.items()}
            rows.append({"severity": SEVERITIES[min(i * 5 // max(n, 1), 4)], "title": f"Weakness {i}",
                         "description": "Text.", "rule_id": f"rule-{i}", "file_path": "src/a.c",
                         "line_number": i + 1, "fingerprint": f"{i:064x}", "tools": [{"name": "Semgrep"}], **own})
        return self.file("findings.jsonl", "".join(json.dumps(r) + "\n" for r in rows))

    def request(self, n=3, **more):
        q = {"context": self.context, "commit_sha": HEAD, "branch": "change", "pr_number": 7, "base_sha": BASE,
             "phase": "result", "marker": "widget:default", "name": "SecureOps",
             "scan": {"id": "scan-1", "url": "https://secureops.example/scans/1", "status": "completed", **self.times},
             "gate": {"result": "failed" if n else "passed", "reasons": ["1 CRITICAL finding"] if n else []},
             "summary": {"new": n, "unchanged": 0, "resolved": 0, "by_severity": {"CRITICAL": 1 if n else 0}},
             "findings": more.get("findings") or self.findings(n), "sarif": None, "root": "", "state": None,
             "markdown": self.file("comment.md", "## SecureOps\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")}
        return {**q, **more}

    def publish(self, n=3, code=0, **more):
        return self.good(self.call("publish", **self.request(n, **more)), code)

    def steps(self, result):
        return {s["step"]: s["result"] for s in result["steps"]}
