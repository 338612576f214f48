"""Others judge what we send and what we write: GitLab's own description of its API (Prism stands between the
plugin and the stand-in, as far as the description goes: it has no notes and threads), gitlab-ci-local, which
runs the generated pipeline, and python-gitlab, a client that judges the stand-in. Needs npm and the corpus,
or Debian's python3-gitlab; says so and skips without them."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

from world import BUILD, Case, HEAD, corpus

PLACE = BUILD / "tests" / "gitlab-judges"
PACKAGES = ["@stoplight/prism-cli@5.14.2", "gitlab-ci-local@4.61.1"]


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
                                   "--fetch-retries=0", "--fetch-timeout=20000", "--prefix", PLACE, *PACKAGES],
                                  capture_output=True, timeout=200, check=False)
        except subprocess.TimeoutExpired:
            raise unittest.SkipTest(f"npm did not bring {name} in time") from None
        if done.returncode or not program.exists():
            raise unittest.SkipTest(f"npm cannot bring {name}: {done.stderr.decode(errors='replace')[-300:]}")
    return program


class Prism(Case):
    """A mock that knows the description and nothing else: it answers examples, and 400, 404, 422 to what does not
    fit. What it does not describe goes to the stand-in."""

    @classmethod
    def setUpClass(cls):
        if not corpus():
            raise unittest.SkipTest("the corpus is not here: set SECUREOPS_CORPUS")
        cls.prism = tool("prism")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        cls.mock = f"http://127.0.0.1:{port}"
        cls.process = subprocess.Popen([cls.prism, "mock", "-h", "127.0.0.1", "-p", str(port),
                                        corpus() / "openapi" / "gitlab.json"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        cls.addClassCleanup(cls.process.wait)
        cls.addClassCleanup(cls.process.terminate)
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(cls.mock + "/api/v4/projects/1/hooks", timeout=5)
            except urllib.error.HTTPError:
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def call(self, op, **request):
        return super().call(op, **{"context": {"project_id": "1"}, **request})

    def judge(self, row):
        method, path, body, headers, _ = row
        kept = {k: v for k, v in headers.items() if k.lower() in ("private-token", "content-type", "accept")}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.mock + path, data=data, method=method, headers=kept)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as e:
            return e.code

    def test_what_we_send(self):
        self.gl.pipeline(5, "running")
        self.gl.job(50, 5)
        self.gl.traces[50] = b"x"
        self.gl.diffs = {"src/a.c": {"diff": "@@ -0,0 +1,9 @@\n" + "+x\n" * 9}}
        first = self.publish(phase="pending")
        self.publish(3, state=first["state"])
        self.good(self.call("trigger", ref="main", inputs={"A": "b"}))
        for op in ("status", "cancel"):
            self.good(self.call(op, pipeline_id="5"))
        self.good(self.call("rerun", pipeline_id="5", failed_only=True))
        self.good(self.call("logs", job_id="50"))
        self.good(self.call("artifacts", job_id="50"))
        made = self.good(self.call("configure", what="webhook", url="https://secureops.example/webhook/gitlab"))
        self.gl.hooks[int(made["id"])]["job_events"] = False
        self.good(self.call("configure", what="webhook", url="https://secureops.example/webhook/gitlab"))
        self.gl.hook_log[int(made["id"])] = [{"id": 3, "response_status": "500", "request_headers": {"Idempotency-Key": "k"}}]
        self.good(self.worker.call("poll", {"repositories": ["acme/widget"], "since": "2026-11-22T09:00:00Z"}))
        self.start(trigger_token="glptt-trigger")
        self.good(self.call("trigger", ref="main", inputs={"A": "b"}))
        paths = json.loads((corpus() / "openapi" / "gitlab.json").read_text())["paths"]
        known = [(re.compile(re.sub(r"\\{\w+\\}", "[^/?]+", re.escape(k)) + r"(\?.*)?"), v) for k, v in paths.items()]
        seen, wrong = set(), []
        for row in self.gl.log:
            for pattern, methods in known:
                if pattern.fullmatch(row[1]) and row[0].lower() in methods:
                    status = self.judge(row)
                    seen.add((row[0], pattern.pattern))
                    if not 200 <= status < 300:
                        wrong.append((row[0], row[1], row[2], status))
        print(f"{len(seen)} of {sum(len(set(v) & {'get', 'post', 'put', 'delete'}) for v in paths.values())} "
              "described operations were used, and judged by GitLab's description")
        self.assertEqual(wrong, [])
        self.assertGreaterEqual(len(seen), 14)
        self.assertEqual(self.judge(("POST", f"/api/v4/projects/1/statuses/{HEAD}", {"state": "done"},
                                     {"PRIVATE-TOKEN": "x", "Content-Type": "application/json"}, 0)), 400)


class Workflow(Case):
    """gitlab-ci-local runs the generated file; `secureops` is a program that writes down how it was called."""

    def run_job(self, content, more=(), reports=True, status=0):
        runner = tool("gitlab-ci-local")
        if not shutil.which("rsync"):
            self.skipTest("gitlab-ci-local needs rsync, which is not installed")
        repo = pathlib.Path(self.dir.name) / "repo"
        shutil.rmtree(repo, ignore_errors=True)
        (repo / "bin").mkdir(parents=True)
        program = repo / "bin" / "secureops"
        program.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$SEEN\"\n"
                           + ("for a; do case $a in *=*.json) echo '{}' > \"${a##*=}\";; esac; done\n" if reports else "")
                           + f"exit {status}\n")
        program.chmod(0o755)
        (repo / ".gitlab-ci.yml").write_text(content)
        for args in (["init", "-q", "-b", "main"], ["add", "."], ["remote", "add", "origin", "git@gitlab.example:a/b.git"],
                     ["-c", "user.name=t", "-c", "user.email=t@e", "commit", "-q", "-m", "x"]):
            subprocess.run(["git", *args], cwd=repo, check=True, capture_output=True)
        seen = repo / "seen"
        env = {**os.environ, "PATH": f"{repo / 'bin'}:{os.environ['PATH']}", "SEEN": str(seen), "HOME": self.dir.name}
        done = subprocess.run([runner, "--force-shell-executor", "--shell-isolation=false", *more, "secureops"],
                              cwd=repo, env=env, capture_output=True, timeout=120, check=False)
        return done, seen.read_text().split() if seen.exists() else None

    def content(self, **more):
        return self.good(self.call("configure", what="workflow", dry_run=True, **more))["file"]["content"]

    def test_on_the_default_branch(self):
        done, seen = self.run_job(self.content(), ["--variable", "CI_DEFAULT_BRANCH=main"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(seen, ["scan", "--format", "table,gitlab-sast=gl-sast-report.json",
                                "--format", "gitlab-secret-detection=gl-secret-detection-report.json",
                                "--format", "gitlab-codequality=gl-code-quality-report.json", "."])

    def test_in_a_merge_request(self):
        hostile = "$(touch pwned); a b"
        done, seen = self.run_job(self.content(stage="test"), ["--variable", "CI_PIPELINE_SOURCE=merge_request_event",
                                                               "--variable", f"CI_MERGE_REQUEST_DIFF_BASE_SHA={'b' * 40}",
                                                               "--variable", f"CI_MERGE_REQUEST_TITLE={hostile}"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(seen[-3:], ["--diff", "b" * 40, "."])

    def test_a_failed_gate_fails_the_job(self):
        done, seen = self.run_job(self.content(), ["--variable", "CI_DEFAULT_BRANCH=main"], status=1)
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(seen)

    def test_it_can_be_wrong(self):
        done, seen = self.run_job(self.content(stage="it's: no #stage"), ["--variable", "CI_DEFAULT_BRANCH=main"])
        self.assertNotEqual(done.returncode, 0)
        self.assertIsNone(seen)
        self.assertIn(b"stage", done.stdout + done.stderr)


class Script(Case):
    """The script of the job in a plain shell, where gitlab-ci-local cannot be had."""

    def run_script(self, **env):
        text = self.good(self.call("configure", what="workflow", dry_run=True))["file"]["content"]
        block = re.search(r"^  script:\n((?:    - .*\n)+)", text, re.M)[1]
        script = "secureops() { printf '%s\\n' \"$@\"; }\n" + re.sub("^    - ", "", block, flags=re.M)
        done = subprocess.run(["sh", "-eu", "-c", script], env={"PATH": os.environ["PATH"], **env}, capture_output=True,
                              text=True, timeout=20, check=True, cwd=self.dir.name)
        return done.stdout.split("\n")[:-1]

    def test_script(self):
        self.assertEqual(self.run_script()[-1], ".")
        self.assertNotIn("--diff", self.run_script(CI_MERGE_REQUEST_DIFF_BASE_SHA=""))
        said = self.run_script(CI_MERGE_REQUEST_DIFF_BASE_SHA="$(touch pwned); a b")
        self.assertEqual(said[-3:], ["--diff", "$(touch pwned); a b", "."])
        self.assertFalse((pathlib.Path(self.dir.name) / "pwned").exists())
        self.assertEqual([a.split("=")[1] for a in said if "=" in a],
                         ["gl-sast-report.json", "gl-secret-detection-report.json", "gl-code-quality-report.json"])


CLIENT = """
import sys, gitlab
gl = gitlab.Gitlab(sys.argv[1], private_token="glpat-bot", keep_base_url=True)
gl.auth()
p = gl.projects.get("acme/widget")
mr = p.mergerequests.get(7)
n = mr.notes.create({"body": "hello"})
n.body = "again"
n.save()
assert [x.body for x in mr.notes.list(all=True)] == ["again"]
d = mr.discussions.create({"body": "x", "position": {"position_type": "text", "base_sha": "b" * 40, "start_sha": "c" * 40,
    "head_sha": "a" * 40, "new_path": "src/a.c", "old_path": "src/a.c", "new_line": 1}})
d.resolved = True
d.save()
try:
    mr.discussions.create({"body": "x", "position": {"position_type": "text", "base_sha": "b" * 40, "start_sha": "c" * 40,
        "head_sha": "a" * 40, "new_path": "src/a.c", "old_path": "src/a.c", "new_line": 99}})
    sys.exit("a line outside was taken")
except gitlab.GitlabCreateError as e:
    assert "line_code" in str(e), e
c = p.pipelines.create({"ref": "main", "variables": [{"key": "A", "value": "b"}]})
c.cancel()
assert p.pipelines.get(c.id).status == "canceled"
h = p.hooks.create({"url": "https://x/y", "push_events": 1})
assert [x.id for x in p.hooks.list(all=True)] == [h.id]
assert len(p.branches.list(all=True)) == 152
"""


class Client(Case):
    def test_python_gitlab_against_the_stand_in(self):
        python = next((p for p in ("/usr/bin/python3", sys.executable) if os.path.exists(p) and subprocess.run(
            [p, "-c", "import gitlab"], capture_output=True, check=False).returncode == 0), None)
        if not python:
            self.skipTest("python-gitlab is not installed")
        self.gl.diffs = {"src/a.c": {"diff": "@@ -0,0 +1,9 @@\n" + "+x\n" * 9}}
        self.gl.branches.update({f"b{i}": "e" * 40 for i in range(150)})
        done = subprocess.run([python, "-c", CLIENT, self.gl.url], capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
