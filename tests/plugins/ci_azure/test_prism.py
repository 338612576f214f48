"""Azure's own description of its API as the judge: what the plugin sent to the stand-in is sent once more,
to Prism as a mock, which refuses what does not fit. Needs npm and the corpus; says so and skips
without them."""
import collections
import json
import os
import re
import shutil
import socket
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from world import BUILD, Case, corpus

PLACE = BUILD / "tests" / "prism-azure"
THEIRS = BUILD / "tests" / "prism"  # of the tests of the GitHub plugin
PACKAGE = "@stoplight/prism-cli@5.14.2"
NAMES = ("azure-git", "azure-build", "azure-pipelines", "azure-hooks")


def prism():
    """The program; skips when it cannot be had."""
    program = THEIRS / "node_modules" / ".bin" / "prism"
    if not program.exists():
        program = PLACE / "node_modules" / ".bin" / "prism"
    if not program.exists():
        npm = shutil.which("npm")
        if not npm or os.environ.get("SECUREOPS_NO_NPM"):
            raise unittest.SkipTest("prism is not here and there is no npm to bring it")
        PLACE.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run([npm, "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts",
                                   "--fetch-retries=0", "--fetch-timeout=20000", "--prefix", PLACE, PACKAGE],
                                  capture_output=True, timeout=200, check=False)
        except subprocess.TimeoutExpired:
            raise unittest.SkipTest("npm did not bring prism in time") from None
        if done.returncode or not program.exists():
            raise unittest.SkipTest(f"npm cannot bring prism: {done.stderr.decode(errors='replace')[-300:]}")
    return program


class Prism(Case):
    @classmethod
    def setUpClass(cls):
        if not corpus():
            raise unittest.SkipTest("the corpus is not here: set SECUREOPS_CORPUS")
        cls.program = prism()

    def mock(self, name):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        p = subprocess.Popen([self.program, "mock", "-h", "127.0.0.1", "-p", str(port),
                              corpus() / "openapi" / f"{name}.json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        end = time.monotonic() + 60
        while time.monotonic() < end and p.poll() is None:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return port, p
            time.sleep(0.05)
        raise unittest.SkipTest("prism does not start")

    def everything(self):
        """One call of each operation that these descriptions know."""
        self.az.build(5, result="failed")
        self.az.record(5, "s1", "Stage", "production", result="failed")
        self.az.record(5, "j1", "Job", "unit", "s1", log={"id": 9})
        self.az.logs[5, 9] = b"text\n"
        self.az.artifacts[5] = {3: "reports"}
        self.az.build(6, "inProgress", None)
        first = self.publish(phase="pending")
        self.publish(3, state=first["state"])
        self.publish(1, markdown=self.file("b.md", "other\n"))
        self.publish(0)
        for op, more in (("trigger", {"workflow": "deploy", "ref": "main", "inputs": {"a": "b"}}), ("status", {}),
                         ("rerun", {"failed_only": True}), ("rerun", {"pipeline_id": "6"}), ("cancel", {"pipeline_id": "6"}),
                         ("logs", {"job_id": "j1"}), ("artifacts", {}),
                         ("rollback", {"to": {"pipeline_id": "6"}}), ("rollback", {"to": {}, "workflow": "7"}),
                         ("configure", {"what": "webhook", "url": "https://secureops.example/webhook/azure"})):
            answer = self.call(op, **{"pipeline_id": "5", **more})
            self.assertIn(answer.name, ("ok", "NOT_FOUND"), (op, answer))

    def ask(self, port, row):
        method, path, body, headers, _ = row
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", method=method, data=None if body is None else json.dumps(body).encode(),
            headers={k: v for k, v in headers.items() if k in ("Authorization", "Content-Type", "Accept")})
        try:
            with urllib.request.urlopen(request, timeout=30) as r:
                return r.status, r.read()
        except urllib.error.HTTPError as e:
            return e.code, e.read()

    def test_requests(self):
        self.everything()
        judged = collections.Counter()
        for name in NAMES:
            paths = json.loads((corpus() / "openapi" / f"{name}.json").read_text())["paths"]
            known = [(verb.upper(), re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + "$"))
                     for path, verbs in paths.items() for verb in verbs]
            port, process = self.mock(name)
            for row in self.az.log:
                bare = row[1].split("?")[0]
                if any(row[0] == verb and p.match(bare) for verb, p in known):
                    status, text = self.ask(port, row)
                    self.assertLess(status, 400, (row[:3], text[:2000]))
                    judged[name] += 1
            with self.subTest("the judge sees a mistake"):
                bad = next(r for r in self.az.log if any(r[0] == v and p.match(r[1].split("?")[0]) for v, p in known))
                status, _ = self.ask(port, (bad[0], bad[1].split("?")[0], *bad[2:]))
                self.assertEqual(status, 422)  # without api-version
            process.kill()
        print(f"Prism judged {dict(judged)} requests")
        self.assertEqual(set(judged), set(NAMES))


if __name__ == "__main__":
    unittest.main()
