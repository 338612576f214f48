r"""U+0000, as \u0000 in JSON and as a byte, wherever a text comes in from outside: webhook, scanner, report
that is imported, body of a request, pipeline. Databases refuse it in texts. It becomes U+FFFD, or the
one who brought it is told; nothing is stuck, and nothing is an error of the server.
"""
import json
import unittest

import test_ci_github
from ci_loop import git, gitleaks
from fakes import LEAK
from on_postgresql import OnPostgreSQL

NUL, MARK = "a\0b", "a�b"


class Everywhere:
    settings = (*test_ci_github.GitHubLoop.settings, "pipelines.enabled=true")

    def no_failure(self):
        """Every job ended well, every webhook was acted upon, no answer was an error of the server."""
        self.quiet()
        jobs = [j for j in self.jobs() if j["state"] != "completed"]
        self.assertEqual(jobs, [], self.log.read_text()[-4000:])
        self.assertEqual([d for d in self.get("/deliveries?limit=500")["items"] if d["status"] != "done"], [])
        self.no_error()

    def no_error(self):
        """A scan of a branch that is not there is one of its own."""
        log = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        self.assertEqual([x for x in log if x.get("status", "").startswith("5") and x["path"] != "/ready" or
                          x["level"] == "error" and "there is no branch" not in x["message"]], [])

    def settled(self):
        self.quiet()
        return self.get("/deliveries?limit=500")["items"]

    # ---- what platforms send
    def test_webhook(self):
        """In whatever a stranger may write: message, author, title, names of files."""
        head = self.change(self.repo, **{"a.ini": "token\n"})
        leak = {**LEAK, "File": "a.ini", "Description": NUL, "Author": NUL, "Message": NUL, "Tags": [NUL],
                "Fingerprint": "a.ini:github-pat:1"}
        self.tool("gitleaks", gitleaks(json.dumps([leak]), code=10))
        self.gh.pull(7, head)
        commit = {"id": head, "timestamp": "2026-11-20T09:30:00Z", "message": NUL,
                  "author": {"name": NUL, "username": NUL}, "added": [NUL], "removed": [], "modified": []}
        repository = {**self.repository_of("acme/shop"), "description": NUL}
        self.send("push", {"ref": "refs/heads/main", "before": "0" * 40, "after": head, "created": False,
                           "deleted": False, "forced": False, "repository": repository,
                           "sender": {"login": NUL}, "pusher": {"name": NUL}, "head_commit": commit,
                           "commits": [commit]})
        self.told(head)
        self.assertEqual(self.check_of(head)["conclusion"], "failure")
        found, = self.get("/vulnerabilities")["items"]
        self.assertIn(MARK, found["title"] + found.get("description", ""))
        author, = [i["event"]["data"]["author"] for i in self.get("/events?type=metrics.commit")["items"]]
        self.assertEqual(author, MARK)
        self.no_failure()

    def test_names_in_a_webhook(self):
        """Of branch and run: nothing is scanned under another name, and those behind are not held up."""
        head = self.change(self.repo)
        self.push(head, branch=NUL)
        run = {"id": 5, "name": NUL, "run_attempt": 1, "head_branch": NUL, "head_sha": head,
               "status": "completed", "conclusion": "failure", "event": NUL, "actor": {"login": NUL},
               "html_url": "https://github.com/acme/shop/actions/runs/5", "pull_requests": [],
               "head_repository": self.repository_of("acme/shop"), "created_at": "2026-11-20T09:30:00Z",
               "run_started_at": "2026-11-20T09:30:10Z", "updated_at": "2026-11-20T09:33:10Z"}
        self.send("workflow_run", {"action": "completed", "repository": self.repository_of("acme/shop"),
                                   "sender": {"login": NUL}, "workflow": {"id": 5, "name": NUL},
                                   "workflow_run": run})
        after = self.change(self.repo, **{"b.txt": "b"})
        self.push(after)
        self.told(after)
        self.assertTrue(all(d["status"] in ("done", "failed") for d in self.settled()))
        build, = self.get("/events?type=metrics.build")["items"]
        self.assertNotIn("\0", json.dumps(build, ensure_ascii=False))
        self.no_error()

    # ---- what people send
    def test_imports(self):
        report = {"version": "2.1.0", "runs": [{
            "tool": {"driver": {"name": "linter" + NUL, "rules": []}},
            "results": [{"ruleId": NUL, "message": {"text": NUL}, "level": "error",
                         "properties": {NUL: [NUL, {"x": NUL}]}, "partialFingerprints": {"x": NUL},
                         "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/" + NUL},
                                                             "region": {"startLine": 1}}}]}]}]}
        self.import_report(report, "shop", scanner="sarif")
        found, = self.get("/vulnerabilities")["items"]
        self.assertEqual((found["title"], found["rule_id"]), (MARK, MARK))
        for kind in ("json", "csv", "sarif"):
            self.assertNotIn("\0", self.ask(200, "GET", f"/reports/security?format={kind}&repository=shop").text)
        raw = self.import_report(json.dumps(report).replace("\\u0000", "\0"), "raw", scanner="sarif")
        self.assertEqual(self.get(f"/scans/{raw['id']}")["gate_result"], "incomplete")  # it is no JSON

    def import_report(self, report, repository, *states, **query):
        query = "&".join(f"{k}={v}" for k, v in query.items())
        job = self.ask(202, "POST", f"/imports?repository={repository}&{query}",
                       report if isinstance(report, str) else json.dumps(report),
                       headers={"Content-Type": "application/octet-stream"}).json()
        return self.wait(job, *states)

    def test_requests(self):
        target = {"target": {"location": self.git_server.url("acme/shop.git")}}
        user = self.ask(201, "POST", "/users", {"email": "kim@example.com", "name": NUL, "roles": ["viewer"],
                                                "password": "correct horse battery"}).json()
        self.assertEqual(self.get(f"/users/{user['id']}")["name"], MARK)
        for path, body in (("/schedules", {"name": NUL, "interval": "1h", "scan": target}),
                           ("/targets", {"name": NUL, **target}), ("/tokens", {"name": NUL}),
                           ("/scans/all", {**target, "branch": NUL}),
                           ("/waivers", {"policy": "docker-user-missing", "path": "a", "reason": NUL}),
                           ("/pipelines", {"name": "p", **target, "branch": NUL, "definition": NUL}),
                           ("/iac/compliance/attestations", {"framework": NUL, "control": NUL, "reason": NUL})):
            reply = self.request("POST", path, body)
            self.assertIn(reply.status, (201, 202, 400, 404, 409, 422), f"{path}: {reply}")
            raw = self.request("POST", path, json.dumps(body).replace("\\u0000", "\0").encode(),
                               headers={"Content-Type": "application/json"})
            self.assertEqual(raw.status, 400, f"{path}: {raw}")
        for path in ("/vulnerabilities?repository=a%00b", "/jobs/%00", "/schedules/a%00b"):
            self.assertIn(self.request("GET", path).status, (400, 404), path)
        self.ask(400, "GET", "/audit?actor=a%00b")
        self.assertEqual(self.request("PUT", "/secrets/s", {"value": NUL}).status, 204)
        self.leaks_in("a.ini")
        self.change(self.repo, **{"a.ini": "token\n"})
        self.wait(self.ask(202, "POST", "/scans/all", {**target, "scanners": ["gitleaks"]}).json())
        found, = self.get("/vulnerabilities?limit=1")["items"]
        changed = self.ask(200, "PUT", f"/vulnerabilities/{found['id']}",
                           {"status": "ACCEPTED", "reason": NUL, "assignee": NUL}).json()
        self.assertEqual(changed["status"], "ACCEPTED")
        history = self.get(f"/vulnerabilities/{found['id']}/history")["items"]
        self.assertIn(MARK, json.dumps(history, ensure_ascii=False))
        self.quiet()
        self.no_error()

    def test_documents(self):
        r"""YAML has \0 as well."""
        self.change(self.repo, **{"pod.yaml": 'apiVersion: v1\nkind: Pod\nmetadata: {name: "a\\0b"}\nspec:\n'
                                              '  containers: [{name: "x\\0y", image: "nginx:latest\\0"}]\n'})
        target = {"target": {"location": self.git_server.url("acme/shop.git")}}
        self.wait(self.ask(202, "POST", "/scans/iac", target).json())
        found = self.get("/vulnerabilities?limit=200")["items"]
        self.assertTrue(found)
        self.assertNotIn("\\u0000", json.dumps(found))
        self.no_failure()

    # ---- what pipelines print and leave
    def test_pipeline(self):
        target = {"target": {"location": self.git_server.url("acme/shop.git")}}
        definition = ("stages: [{name: a, artifacts: [out], env: {X: \"a\\0b\"}, steps: ["
                      "{run: \"printf 'one\\\\000two\\\\n'; printf 'x\\\\000y' >out\"}]}]")
        refused = self.request("POST", "/pipelines", {"name": "p", **target, "branch": "main",
                                                      "definition": definition})
        self.assertIn(refused.status, (400, 422), str(refused))
        definition = definition.replace(', env: {X: "a\\0b"}', "")
        self.ask(201, "POST", "/pipelines", {"name": "p", **target, "branch": "main", "definition": definition})
        x = self.ask(202, "POST", "/pipelines/p/execute", {}).json()

        def ended():
            now = self.get(f"/pipelines/executions/{x['id']}")
            return now if now["status"] not in ("queued", "running", "pending") else None
        self.assertEqual(self.until(ended, "the end")["status"], "success")
        logs = self.request("GET", f"/pipelines/executions/{x['id']}/logs").body
        self.assertIn(b"two", logs)
        self.assertEqual(self.request("GET", f"/pipelines/executions/{x['id']}/artifacts/download?name=a/out").body, b"x\0y")
        self.no_failure()


class SQLite(Everywhere, test_ci_github.GitHubLoop):
    pass


class PostgreSQL(OnPostgreSQL, Everywhere, test_ci_github.GitHubLoop):
    pass


if __name__ == "__main__":
    unittest.main()
