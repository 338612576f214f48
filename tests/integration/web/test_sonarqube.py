#!/usr/bin/env python3
"""The SonarQube plugin in the real worker against a loopback server with the API's shapes and
limits: 500 results a page, 10,000 a search."""
import base64
import datetime
import json
import os
import stat
import tempfile

from web_test import Standin, WebTest, run

TOKEN = "squ_0123456789abcdef"
PROJECT = "org.example:app"
SEVERITIES = ("BLOCKER", "CRITICAL", "MAJOR", "MINOR", "INFO")
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def issue(i, severity="MAJOR", rule="java:S1", created=START):
    return {"key": "K%d" % i, "rule": rule, "severity": severity, "project": PROJECT,
            "component": "%s:src/F%d.java" % (PROJECT, i % 50), "line": i + 1, "status": "OPEN",
            "message": "Issue %d" % i, "type": "VULNERABILITY",
            "creationDate": created.strftime("%Y-%m-%dT%H:%M:%S+0000")}


class Server(Standin):
    """A SonarQube with issues and hotspots."""

    def __init__(self, issues=(), hotspots=(), version="25.5.0.107428", analysed=True, rules=(),
                 facet_limit=100):
        super().__init__(list(rules))
        self.issues, self.hotspots, self.facet_limit = list(issues), list(hotspots), facet_limit
        self.version, self.analysed = version, analysed
        self.refused = 0

    def choose(self, request):
        answer = super().choose(request)
        if answer.get("status") != 404 or "errors" not in answer.get("json", {}):
            return answer
        path, q = request["path"], request["query"]
        if path == "/api/server/version":
            return {"body": self.version}
        if path == "/api/system/status":
            return {"json": {"status": "UP"}}
        if not request["headers"].get("authorization"):
            return {"status": 401}
        handlers = {
            "/api/components/show": self.component, "/api/issues/search": self.search,
            "/api/hotspots/search": self.search_hotspots, "/api/rules/show": self.rule,
            "/api/hotspots/show": self.rule,
            "/api/qualitygates/project_status": lambda q: {"json": {"projectStatus": {
                "status": "ERROR", "conditions": [{"status": "ERROR", "metricKey": "new_violations",
                                                   "actualValue": "3"}]}}}}
        return handlers[path](q) if path in handlers else answer

    def component(self, q):
        if q.get("component") != PROJECT:
            return {"status": 404, "json": {"errors": [{"msg": "Component key not found"}]}}
        component = {"key": PROJECT}
        if self.analysed:
            component["analysisDate"] = "2026-11-01T10:00:00+0000"
        return {"json": {"component": component}}

    def page(self, q, name, items, **more):
        size, number = int(q.get("ps", 100)), int(q.get("p", 1))
        if size > 500 or size * number > 10000:
            self.refused += 1
            return {"status": 400, "json": {"errors": [{
                "msg": "Can return only the first 10000 results. %dth result asked."
                % (size * number)}]}}
        part = items[(number - 1) * size:number * size]
        return {"json": {"paging": {"pageIndex": number, "pageSize": size, "total": len(items)},
                         name: part, "components": [], **more}}

    def search(self, q):
        if q.get("components" if self.since(10, 2) else "componentKeys") != PROJECT:
            return self.page(q, "issues", [])
        found = self.issues
        if "severities" in q:
            found = [i for i in found if i["severity"] in q["severities"].split(",")]
        if "rules" in q:
            found = [i for i in found if i["rule"] in q["rules"].split(",")]
        for name, keep in (("createdAfter", lambda a, b: a >= b), ("createdBefore",
                                                                  lambda a, b: a < b)):
            if name in q:
                found = [i for i in found if keep(i["creationDate"], q[name])]
        found = sorted(found, key=lambda i: i["creationDate"], reverse=q.get("asc") == "false")
        counts = {}
        for i in found:
            counts[i["rule"]] = counts.get(i["rule"], 0) + 1
        values = [{"val": k, "count": v} for k, v in
                  sorted(counts.items(), key=lambda kv: -kv[1])][:self.facet_limit]
        return self.page(q, "issues", found, facets=[{"property": "rules", "values": values}])

    def since(self, *wanted):
        return tuple(int(n) for n in self.version.split(".")[:2]) >= wanted

    def search_hotspots(self, q):
        if q.get("project" if self.since(10, 2) else "projectKey") != PROJECT:
            return {"status": 400, "json": {"errors": [{"msg": "no project"}]}}
        return self.page(q, "hotspots", self.hotspots)

    @staticmethod
    def rule(_):
        return {"json": {"rule": {"key": "java:S1", "name": "A rule", "htmlDesc":
                                  "<p>About <b>it</b>.</p><a href='https://cwe.mitre.org/79'>CWE-79</a>",
                                  "securityStandards": ["cwe:80"]}}}


class SonarQube(WebTest):
    plugin = "sonarqube"

    def options(self, server, **more):
        return {"url": server.url + "/", "token": TOKEN, "project_key": PROJECT, "rate": 0.0,
                "analyze": "never", "poll_interval": 10, **more}

    def test_scan(self):
        hotspot = {"key": "H1", "component": PROJECT + ":a.py", "project": PROJECT, "line": 4,
                   "securityCategory": "csrf", "vulnerabilityProbability": "HIGH",
                   "status": "TO_REVIEW", "message": "Is it safe?", "ruleKey": "python:S1"}
        with Server([issue(1, "BLOCKER"), issue(2)], [hotspot]) as server:
            result = self.scan(self.options(server))
            requests = server.requests
        self.assertEqual(result.status, "completed", result)
        self.assertEqual(result.version, "25.5.0.107428")
        self.assertEqual([f["severity"] for f in result.findings], ["CRITICAL", "MEDIUM", "HIGH"])
        first = result.findings[0]
        self.assertEqual(first["description"], "About it.\n\nCWE-79")
        self.assertEqual(first["cwe_ids"], ["CWE-79", "CWE-80"])
        self.assertIn("/project/issues?id=org.example%3Aapp&open=K1", first["references"][0])
        self.assertEqual(first["file_path"], "src/F1.java")
        self.assertIn("quality gate: ERROR: new_violations is 3", result.logs)
        private = [r for r in requests if "server/version" not in r["path"]]
        self.assertTrue(all(r["headers"]["authorization"] == "Bearer " + TOKEN for r in private))
        self.assertNotIn(TOKEN, json.dumps([[r["path"], r["query"]] for r in requests]))
        self.assertEqual(len([r for r in requests if r["path"] == "/api/rules/show"]), 2)

    def test_old_server(self):
        with Server([issue(1)], version="9.9.4.87374") as server:
            result = self.scan(self.options(server))
            headers = server.asked("/api/components/show")[0]["headers"]
        basic = base64.b64encode((TOKEN + ":").encode()).decode()
        self.assertEqual(headers["authorization"], "Basic " + basic)
        self.assertEqual((result.status, len(result.findings)), ("completed", 1), result)

    def test_many_pages(self):
        with Server([issue(i) for i in range(1234)]) as server:
            result = self.scan(self.options(server))
        self.assertEqual((result.status, len(result.findings)), ("completed", 1234))

    def test_more_than_ten_thousand(self):
        """By severity, by rule, by time: all are taken, none twice, nothing beyond the limit."""
        issues = [issue(i, SEVERITIES[i % 2], "java:S%d" % (i % 3)) for i in range(12000)]
        issues += [issue(12000 + i, "MAJOR", "java:S%d" % (i % 2)) for i in range(11000)]
        issues += [issue(23000 + i, "MINOR", "java:S7", START + datetime.timedelta(minutes=i))
                   for i in range(10500)]
        with Server(issues) as server:
            result = self.scan(self.options(server), timeout_ms=120000)
            refused = server.refused
        self.assertEqual((result.status, len(result.findings), refused), ("completed", 33500, 0),
                         result)
        keys = {(f.get("metadata") or {}).get("key") for f in result.findings}
        self.assertEqual(len(keys), 33500)

    def test_facets_that_do_not_name_every_rule(self):
        issues = [issue(i, "MAJOR", "java:S%d" % i, START + datetime.timedelta(hours=i))
                  for i in range(10010)]
        with Server(issues) as server:
            result = self.scan(self.options(server, rule_details=False), timeout_ms=120000)
        self.assertEqual((result.status, len(result.findings)), ("completed", 10010), result)

    def test_issues_that_cannot_be_told_apart(self):
        with Server([issue(i) for i in range(10020)]) as server:
            result = self.scan(self.options(server), timeout_ms=120000)
        self.assertEqual((result.status, len(result.findings)), ("incomplete", 10000), result)
        self.assertReason(result, "10020 issues of one moment")

    def test_nothing_found_is_not_clean(self):
        with Server() as server:
            missing = self.scan(self.options(server, project_key="other"))
            server.analysed = False
            never = self.scan(self.options(server))
            bare = self.options(server)
            del bare["token"]
            anonymous = self.scan(bare)
        self.assertEqual(missing.status, "failed")
        self.assertReason(missing, "Component key not found")
        self.assertEqual(never.status, "incomplete")
        self.assertReason(never, "never analysed")
        self.assertEqual(anonymous.status, "failed")
        self.assertReason(anonymous, "token is missing or wrong")

    def test_server_that_is_not_ready(self):
        for rules, why in (
                ([{"path": "/api/system/status", "answers": [{"json": {"status": "STARTING"}}]}],
                 "its status is STARTING"),
                ([{"path": "/api/server/version", "answers": [{"body": "<html>proxy</html>"}]}],
                 "no server at this URL"),
                ([{"path": "/api/issues/search", "answers": [{"json": {"issues": []}}]}],
                 "no total"),
                ([{"path": "/api/issues/search", "answers": [
                    {"json": {"paging": {"total": 1}, "issues": []}, "mode": "cut"}]}],
                 "cut short")):
            with Server([issue(1)], rules=rules) as server:
                result = self.scan(self.options(server), timeout_ms=20000)
            self.assertEqual(result.status, "failed", why)
            self.assertReason(result, why)

    def test_fewer_than_counted(self):
        first = {"json": {"paging": {"total": 7}, "issues": [issue(1)], "components": []}}
        with Server(rules=[{"path": "/api/issues/search", "answers": [first]}]) as server:
            result = self.scan(self.options(server))
        self.assertEqual(result.status, "incomplete")
        self.assertReason(result, "counts 7 issues, 1 could be taken")

    def scanner(self, folder, code=0, task="T1"):
        """A sonar-scanner that notes how it was called and leaves a task."""
        program = os.path.join(folder, "fake-scanner")
        with open(program, "w", encoding="utf-8") as f:
            f.write('#!/bin/sh\necho "$@" > "%s/arguments"\necho "$SONAR_TOKEN" > "%s/token"\n'
                    'for a in "$@"; do case $a in -Dsonar.scanner.metadataFilePath=*)\n'
                    'echo "ceTaskId=%s" > "${a#*=}";; esac; done\necho broken >&2\nexit %d\n'
                    % (folder, folder, task, code))
        os.chmod(program, stat.S_IRWXU)
        return program

    def analyse(self, tasks, code=0, task="T1", **more):
        rules = [{"path": "/api/ce/task", "answers": [{"json": {"task": t}} for t in tasks]}]
        with tempfile.TemporaryDirectory() as folder, Server([issue(1)], rules=rules) as server:
            os.mkdir(os.path.join(folder, "src"))
            options = self.options(server, analyze="auto",
                                   program=self.scanner(folder, code, task), **more)
            result = self.scan(options, target=os.path.join(folder, "src"))
            called = {}
            for name in ("arguments", "token"):
                path = os.path.join(folder, name)
                if os.path.exists(path):
                    with open(path, encoding="utf-8") as f:
                        called[name] = f.read().strip()
            called["gate"] = [r["query"] for r in
                              server.asked("/api/qualitygates/project_status")]
        return result, called

    def test_analysis(self):
        result, called = self.analyse([{"status": "PENDING"}, {"status": "IN_PROGRESS"},
                                       {"status": "SUCCESS", "analysisId": "A9",
                                        "warnings": ["old scanner"]}],
                                      properties=["sonar.sources=lib"])
        self.assertEqual((result.status, len(result.findings)), ("completed", 1), result)
        self.assertIn("old scanner", result.logs)
        self.assertEqual(called["gate"], [{"analysisId": "A9"}])
        self.assertEqual(called["token"], TOKEN)
        self.assertNotIn(TOKEN, called["arguments"])
        self.assertIn("-Dsonar.projectKey=" + PROJECT, called["arguments"])
        self.assertIn("-Dsonar.sources=lib", called["arguments"])

    def test_analysis_that_fails(self):
        result, _ = self.analyse([{"status": "FAILED", "errorMessage": "no disk"}])
        self.assertEqual((result.status, result.findings), ("failed", []))
        self.assertReason(result, "FAILED: no disk")
        result, _ = self.analyse([], code=1)
        self.assertEqual(result.status, "failed")
        self.assertReason(result, "broken")
        result, _ = self.analyse([{"status": "SUCCESS"}], task="")
        self.assertReason(result, "left no task")
        result, _ = self.analyse([{"status": "PENDING"}], task_timeout=100)
        self.assertReason(result, "did not end in time")
        result, _ = self.analyse([], properties=["sonar.token=x"])
        self.assertReason(result, "belong into `token`")

    def test_without_the_program(self):
        with Server([issue(1)]) as server:
            auto = self.scan(self.options(server, analyze="auto", program="/nowhere/scanner"))
            always = self.scan(self.options(server, analyze="always", program="/nowhere/scanner"))
        self.assertEqual((auto.status, len(auto.findings)), ("completed", 1))
        self.assertIn("those of the last analysis", "; ".join(auto.logs))
        self.assertEqual(always.status, "failed")

    def test_key_of_the_target(self):
        with tempfile.TemporaryDirectory() as folder, Server([issue(1)]) as server:
            with open(os.path.join(folder, "sonar-project.properties"), "w",
                      encoding="utf-8") as f:
                f.write("# comment\n sonar.projectKey = %s \n" % PROJECT)
            options = self.options(server)
            del options["project_key"]
            result = self.scan(options, target=folder)
            self.assertEqual((result.status, len(result.findings)), ("completed", 1), result)
            os.unlink(os.path.join(folder, "sonar-project.properties"))
            result = self.scan(options, target=folder)
        self.assertEqual(result.status, "failed")
        self.assertReason(result, "project_key is not set")

    def test_project_is_created(self):
        rules = [{"path": "/api/components/show", "answers": [
            {"status": 404, "json": {"errors": [{"msg": "Component key not found"}]}},
            {"json": {"component": {"analysisDate": "2026-11-01T10:00:00+0000"}}}]},
            {"path": "/api/projects/create", "method": "POST", "answers": [{"json": {}}]}]
        # the stand-in takes an answer of status 404 with errors for "no rule": give it no errors
        rules[0]["answers"][0]["json"] = {"message": "Component key not found"}
        with Server([issue(1)], rules=rules) as server:
            result = self.scan(self.options(server, create_project=True))
            created = server.asked("/api/projects/create")
        self.assertEqual(result.status, "completed", result)
        self.assertEqual(created[0]["body"], "project=org.example%3Aapp&name=org.example%3Aapp")


if __name__ == "__main__":
    run("sonarqube")
