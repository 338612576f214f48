"""The official description of GitHub's API as the judge: Prism stands between the plugin and the
stand-in, and refuses requests and answers that do not fit it. The generated workflow is judged by
action-validator. Needs npm and the corpus; says so and skips without them."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time
import unittest
import urllib.request

from world import BASE, BUILD, Case, HEAD, corpus, sarif

PLACE = BUILD / "tests" / "prism"
PACKAGES = ["@stoplight/prism-cli@5.14.2", "@action-validator/cli@0.6", "@action-validator/core@0.6"]


def tool(name):
    """A program of npm's; skips when it cannot be had."""
    program = PLACE / "node_modules" / ".bin" / name
    if not program.exists():
        npm = shutil.which("npm")
        if not npm or os.environ.get("SECUREOPS_NO_NPM"):
            raise unittest.SkipTest(f"{name} is not here and there is no npm to bring it")
        PLACE.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run([npm, "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts",
                                   "--fetch-retries=0", "--fetch-timeout=20000", "--prefix", PLACE, *PACKAGES], capture_output=True, timeout=200, check=False)
        except subprocess.TimeoutExpired:
            raise unittest.SkipTest(f"npm did not bring {name} in time") from None
        if done.returncode or not program.exists():
            raise unittest.SkipTest(f"npm cannot bring {name}: {done.stderr.decode(errors='replace')[-300:]}")
    return program


class Prism(Case):
    @classmethod
    def setUpClass(cls):
        if not corpus():
            raise unittest.SkipTest("the corpus is not here: set SECUREOPS_CORPUS")
        cls.prism = tool("prism")

    def example(self, path):
        """A complete answer of GitHub, of its description."""
        d = json.loads((corpus() / "openapi" / "github.json").read_text())
        media = d["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        found = next(iter(media["examples"].values()))
        while "$ref" in found:
            node = d
            for name in found["$ref"].split("/")[1:]:
                node = node[name]
            found = node
        return found["value"]

    def start(self, **options):
        repo = "/repos/{owner}/{repo}"
        self.gh.templates = {"pull": {**self.example(repo + "/pulls/{pull_number}"), "requested_teams": []},
                             "run": self.example(repo + "/actions/runs/{run_id}")}
        self.prism_proxy()
        super().start(**options, api_url=self.proxy)

    def prism_proxy(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.proxy = f"http://127.0.0.1:{port}"
        self.said = open(pathlib.Path(self.dir.name) / "prism.log", "wb+")
        self.addCleanup(self.said.close)
        process = subprocess.Popen([self.prism, "proxy", "-h", "127.0.0.1", "-p", str(port),
                                    corpus() / "openapi" / "github.json", self.gh.url, "--errors"],
                                   stdout=self.said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(self.proxy + "/rate_limit", timeout=2)
            except urllib.error.HTTPError:
                self.gh.log.clear()
                return
            except OSError:
                time.sleep(0.1)
        self.fail("Prism did not start")

    def violations(self):
        self.said.flush()
        text = pathlib.Path(self.said.name).read_text(errors="replace")
        return [line for line in text.splitlines() if "iolation" in line]

    def test_all(self):
        self.gh.files = {"src/f0.c": "@@ -1,3 +1,400 @@\n a"}
        state = {"author": "acme[bot]"}
        for _ in range(110):
            self.gh.add_comment("alice", "words")
        with self.subTest("publish"):
            pending = self.publish(phase="pending", state=state)
            result = self.publish(120, state=pending["state"], steps=["check", "status", "comment", "sarif"],
                                  sarif=self.file("s.sarif", json.dumps(sarif())))
            self.assertEqual(set(self.steps(result).values()), {"done"})
            again = self.publish(120, state=result["state"], steps=["check", "status", "comment", "sarif"],
                                 sarif=self.file("s.sarif", json.dumps(sarif())))
            self.assertEqual(set(self.steps(again).values()), {"unchanged"})
            changed = self.publish(120, state={**result["state"], "comment_id": None}, steps=["comment"],
                                   markdown=self.file("c.md", "new"))
            self.assertEqual(self.steps(changed), {"comment": "done"})
        with self.subTest("runs"):
            self.gh.run(5, "in_progress", None)
            started = self.good(self.call("trigger", ref="main", workflow="ci.yml", inputs={"a": "b"}))
            self.assertTrue(started["pipeline_id"])
            self.good(self.call("trigger", inputs={"a": "b"}))
            self.good(self.call("cancel", pipeline_id="5"))
            self.good(self.call("rerun", pipeline_id="5"))
        with self.subTest("webhook"):
            made = self.good(self.call("configure", what="webhook", url="https://secureops.example/webhook/github"))
            self.assertEqual(made["action"], "created")
        with self.subTest("limit"):
            self.gh.fault("/check-runs$", "POST", 403, headers={"Retry-After": "1"},
                          body='{"message":"You have exceeded a secondary rate limit."}')
            self.publish(1, state=state, steps=["check"], scan={"id": "another"})
        self.assertEqual(self.violations(), [])


class Workflow(Case):
    def test_generated_workflow(self):
        validator = tool("action-validator")
        made = self.good(self.call("configure", what="workflow", dry_run=True, branch="it's: a #branch",
                                   runner="ubuntu-24.04"))
        path = self.file("secureops.yml", made["file"]["content"])
        done = subprocess.run([validator, path], capture_output=True, timeout=60, check=False, cwd=self.dir.name)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        bad = self.file("bad.yml", made["file"]["content"].replace("runs-on:", "runs-at:"))
        self.assertNotEqual(subprocess.run([validator, bad], capture_output=True, timeout=60, check=False,
                                           cwd=self.dir.name).returncode, 0)


if __name__ == "__main__":
    unittest.main()
