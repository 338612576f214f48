"""Policies as their users meet them: in a scan, evaluated alone, written and tested."""
import json
import shutil
import signal
import subprocess
import tarfile
import time
import unittest
import xml.etree.ElementTree as ElementTree

from harness import GATE, INCOMPLETE, PASSED, USAGE, Case

POD = """apiVersion: v1
kind: Pod
metadata: {name: web%s}
spec:
  containers:
    - name: c
      image: nginx:1.27
      securityContext: {privileged: %s}
"""

POLICY = """return {
  id = "%s",
  title = "A policy of the tests",
  severity = "MEDIUM",
  applies_to = "kubernetes:Pod",
  remediation = "Do something.",
  %s
  check = function(r, params)
    %s
  end,
}
"""


class PolicyCase(Case):
    def pod(self, path="pod.yaml", privileged="true", name=""):
        return self.write(path, POD % (name, privileged))

    def policy(self, name, check, extra="", pack="pack"):
        self.write(f"{pack}/{name}.lua", POLICY % (name, extra, check))
        return pack

    def scan(self, *args, only=None, code=None, target=".", **kw):
        chosen = ["--set", f"scanners.policies.policies={only}"] if only else []
        return self.report("scan", "--scanners", "policies", *chosen, *args, target, code=code, **kw)

    def evaluate(self, *args, code=None, **kw):
        result = self.run_it("policy", "eval", *args, "--format", "json", code=code, **kw)
        return result, json.loads(result.out)


class Scan(PolicyCase):
    def test_finds_without_any_program(self):
        self.pod("deploy/pod.yaml")
        _, report = self.scan(only="k8s-privileged", code=GATE)
        self.assertEqual(len(report["findings"]), 1)
        f = report["findings"][0]
        self.assertEqual((f["vulnerability_type"], f["rule_id"], f["severity"]),
                         ("IAC", "k8s-privileged", "HIGH"))
        self.assertEqual((f["file_path"], f["line_number"], f["resource"]),
                         ("deploy/pod.yaml", 8, "Pod.default.web"))
        self.assertIn("CKV_K8S_16", f["aliases"])
        self.assertEqual(f["metadata"]["pointer"], "/spec/containers/0/securityContext/privileged")
        self.assertTrue(f["remediation"] and f["description"])
        policies = report["policies"]
        self.assertEqual(f["metadata"]["policy_digest"], policies["bundles"][0]["digest"])
        self.assertEqual(policies["verdicts"]["fail"], 1)
        self.assertEqual(policies["documents"]["parsed"], 1)
        self.assertEqual(policies["evaluated"], [{"id": "k8s-privileged", "verdicts": {"fail": 1}}])

    def test_single_file(self):
        self.pod()
        _, report = self.scan(only="k8s-privileged", target="pod.yaml", code=GATE)
        self.assertEqual(report["findings"][0]["file_path"], "pod.yaml")

    def test_targets_add_up(self):
        self.pod("a/pod.yaml")
        self.pod("b/pod.yaml", "false")
        _, report = self.report("scan", "--scanners", "policies", "a", "b", "--set",
                                "scanners.policies.policies=k8s-privileged", code=GATE)
        self.assertEqual([f["file_path"] for f in report["findings"]], ["a/pod.yaml"])
        self.assertEqual(report["policies"]["verdicts"]["pass"], 1)
        self.assertEqual(report["policies"]["verdicts"]["fail"], 1)

    def test_folder_without_infrastructure_code(self):
        self.write("main.py", "print(1)\n")
        self.write("data.yaml", "a: 1\n")
        _, report = self.report("scan", "--skip", "bandit,semgrep,gitleaks,trivy,checkov", ".")
        run = self.run_of(report, "policies")
        self.assertEqual(run["status"], "skipped")
        self.assertIn("no infrastructure code", run["reason"])

    def test_comment_suppresses(self):
        for comment in ("checkov:skip=CKV_K8S_16:needs it", "secureops:skip=k8s-privileged:needs it"):
            self.write("pod.yaml", f"# {comment}\n" + POD % ("", "true"))
            _, report = self.scan(only="k8s-privileged", code=PASSED)
            f = report["findings"][0]
            self.assertEqual([(s["kind"], s["reason"]) for s in f["suppressions"]],
                             [("inline", "needs it")])
            self.assertEqual(report["policies"]["verdicts"]["skip"], 1)

    def test_error_of_a_policy_is_incomplete(self):
        self.pod()
        pack = self.policy("t-breaks", "error('it broke')")
        result, report = self.scan("--policies", pack, only="t-breaks", code=INCOMPLETE)
        run = self.run_of(report, "policies")
        self.assertEqual(run["status"], "incomplete")
        self.assertIn("policy t-breaks on Pod.default.web (pod.yaml:1)", run["reason"])
        self.assertIn("it broke", run["reason"])
        self.assertEqual([(e["policy"], e["resource"], e["line_number"])
                          for e in report["policies"]["errors"]],
                         [("t-breaks", "Pod.default.web", 1)])
        self.assertEqual(report["policies"]["verdicts"]["error"], 1)

    def test_policy_that_does_not_load(self):
        self.pod()
        self.policy("t-good", "if r.spec.containers[1].securityContext.privileged then fail('x') end")
        self.write("pack/bad.lua", 'return { id = "t-bad", serverity = "LOW" }\n')
        _, report = self.scan("--policies", "pack", only="t-good", code=INCOMPLETE)
        self.assertIn("serverity", self.run_of(report, "policies")["reason"])
        self.assertEqual(len(report["findings"]), 1)  # the other one ran
        self.assertTrue(any("did you mean" in p["message"] for p in report["policies"]["problems"]))

    def test_file_that_does_not_parse(self):
        self.write("k8s/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: [\n")
        _, report = self.scan(only="k8s-privileged", code=INCOMPLETE)
        self.assertRegex(self.run_of(report, "policies")["reason"], r"k8s/pod.yaml:\d+")
        self.assertEqual(report["policies"]["documents"]["failed"], 1)

    def test_template_is_named(self):
        self.pod("pod.yaml", "false")
        self.write("chart/Chart.yaml", "apiVersion: v2\nname: x\nversion: 1.0.0\n")
        self.write("chart/templates/pod.yaml",
                   "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\n")
        result, report = self.scan(only="k8s-privileged", code=PASSED)
        self.assertIn("chart/templates/pod.yaml", self.run_of(report, "policies")["reason"])
        self.assertIn("chart/templates/pod.yaml",
                      [d["file_path"] for d in report["policies"]["not_judged"]])
        result = self.run_it("scan", "-s", "policies", "--set",
                             "scanners.policies.policies=k8s-privileged", ".", "--no-progress")
        self.assertIn("chart/templates/pod.yaml", result.out)

    def test_endless_policy_ends(self):
        self.pod()
        pack = self.policy("t-endless", "while true do end")
        result, report = self.scan("--policies", pack, only="t-endless", code=INCOMPLETE)
        self.assertLess(result.seconds, 20)
        self.assertEqual(report["policies"]["verdicts"]["error"], 1)

    def test_deadline_ends_the_worker(self):
        for i in range(6):
            self.pod(f"{i}.yaml", name=i)
        pack = self.policy("t-endless", "while true do end")
        result, report = self.scan("--policies", pack, "--timeout", "1s", "--set",
                                   "scanners.policies.instructions=1000000000000",
                                   only="t-endless", code=INCOMPLETE)
        self.assertEqual(self.run_of(report, "policies")["status"], "timeout")
        self.assertLess(result.seconds, 15)

    def test_options(self):
        self.pod()
        check = "if params.limit > 2 then fail('limit ' .. params.limit) end"
        pack = self.policy("t-params", check, "params = { limit = 1 },")
        _, report = self.scan("--policies", pack, only="t-params", code=PASSED)
        self.assertEqual(report["findings"], [])
        _, report = self.scan("--policies", pack, "--set", "scanners.policies.params=t-params.limit=3",
                              "--set", "scanners.policies.severities=t-*=CRITICAL", only="t-params",
                              code=GATE)
        self.assertEqual((report["findings"][0]["severity"], report["findings"][0]["description"]),
                         ("CRITICAL", "limit 3"))
        _, report = self.scan("--policies", pack, "--set", "scanners.policies.skip=t-*", only="t-params")
        self.assertEqual(report["policies"]["evaluations"], 0)

    def test_wrong_options(self):
        self.pod()
        for option, words in (("policies=nope", "nope"), ("params=x", "ID.NAME=VALUE"),
                              ("params=k8s-privileged.nope=1", "nope"),
                              ("severities=k8s-privileged=BAD", "ID=SEVERITY"),
                              ("severities=nope=LOW", "nope"), ("frameworks=nope", "nope")):
            _, report = self.scan("--set", f"scanners.policies.{option}", code=INCOMPLETE)
            run = self.run_of(report, "policies")
            self.assertEqual(run["status"], "failed", option)
            self.assertIn(words, run["reason"], option)

    def test_default_off_policies(self):
        self.pod()
        pack = self.policy("t-off", "fail('off')", "default = false,")
        _, report = self.scan("--policies", pack)
        self.assertNotIn("t-off", [f["rule_id"] for f in report["findings"]])
        _, report = self.scan("--policies", pack, "--set", "scanners.policies.all=true")
        self.assertIn("t-off", [f["rule_id"] for f in report["findings"]])

    def test_found_configuration_may_not_bring_policies(self):
        self.pod()
        self.write("secureops.yaml", "policies: {dirs: [pack]}\n")
        result = self.run_it("scan", ".", code=USAGE)
        self.assertIn("secureops.yaml:1:1: policies:", result.err)
        self.assertIn("--config", result.err)

    def test_pack_that_is_not_there(self):
        self.pod()
        for command in (["scan"], ["policy", "eval"], ["policy", "test"], ["compliance", "list"]):
            operands = ["pod.yaml"] if command[-1] in ("scan", "eval") else []
            result = self.run_it(*command, *operands, "--policies", "absent", code=USAGE)
            self.assertIn("absent", result.err)
            self.assertEqual(result.out, "")

    def test_packs_of_the_configuration(self):
        self.pod()
        self.policy("t-mine", "fail('mine')", pack="conf/pack")
        self.write("conf/c.yaml", "policies: {dirs: [pack]}\n")
        _, report = self.scan("--config", "conf/c.yaml", only="t-mine", target="pod.yaml")
        self.assertEqual([f["rule_id"] for f in report["findings"]], ["t-mine"])

    def test_merges_with_the_same_check_of_another_tool(self):
        self.pod()
        sarif = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Checkov"}}, "results": [
            {"ruleId": "CKV_K8S_16", "level": "error", "message": {"text": "privileged"},
             "locations": [{"physicalLocation": {"artifactLocation": {"uri": "pod.yaml"},
                                                 "region": {"startLine": 1, "endLine": 8}}}]}]}]}
        self.write("out.sarif", json.dumps(sarif))
        self.tool("other-scan", f"#!/bin/sh\ncat {self.cwd}/out.sarif\n")
        self.write("plugins/other.yaml", "name: other\nfinds: [IAC]\ntargets: [directory, file]\n"
                   "programs: [other-scan]\ncommand: [other-scan, '{target}']\n"
                   "report: {format: sarif, from: stdout}\n")
        _, report = self.report("scan", "--scanners", "policies,other", "--plugins",
                                self.cwd / "plugins", "--set",
                                "scanners.policies.policies=k8s-privileged", "pod.yaml")
        self.assertEqual([r["status"] for r in report["scanners"]], ["completed"] * 2, report)
        self.assertEqual(len(report["findings"]), 1, report["findings"])
        self.assertEqual({t["rule_id"] for t in report["findings"][0]["tools"]},
                         {"CKV_K8S_16", "k8s-privileged"})


class Shares(PolicyCase):
    """Many files are spread over workers; what comes out is the same."""

    def setUp(self):
        super().setUp()
        for i in range(2100):
            self.pod(f"d{i // 300}/{i}.yaml", "true" if i % 7 == 0 else "false", f"-{i}")
        self.policy("t-all", "if #resources('kubernetes:Pod') ~= 2100 then fail('sees ' .. "
                    "#resources('kubernetes:Pod')) end", 'scope = "project",')
        self.chosen = ["--policies", "pack"]

    def test_scan(self):
        reports = [self.scan(*self.chosen, "-j", j, only="k8s-privileged,t-all",
                             code=GATE)[1] for j in (1, 3)]
        for r in reports:
            self.assertEqual(len(r["findings"]), 300)
            self.assertEqual(len(r["scanners"]), 1)
        self.assertEqual(reports[0]["findings"], reports[1]["findings"])
        self.assertEqual(reports[0]["policies"], reports[1]["policies"])
        self.assertEqual(reports[1]["policies"]["documents"]["parsed"], 2100)
        self.assertEqual(reports[1]["scanners"][0]["status"], "completed")

    def test_scan_with_a_broken_file(self):
        self.write("d3/broken.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: [\n")
        _, report = self.scan(*self.chosen, "-j", "3", only="k8s-privileged", code=INCOMPLETE)
        self.assertEqual(len(report["findings"]), 300)
        self.assertIn("d3/broken.yaml", self.run_of(report, "policies")["reason"])
        self.assertEqual(len(report["policies"]["not_judged"]), 1)

    def test_eval(self):
        outs = [self.evaluate(".", *self.chosen, "-p", "k8s-privileged,t-all", "-j", j, code=GATE)[1]
                for j in (1, 3)]
        self.assertEqual(outs[1]["summary"], {"pass": 3900, "fail": 300, "unknown": 0, "skip": 0,
                                              "error": 0, "not_applicable": 0})
        key = lambda r: (r["file_path"], r["policy"])  # noqa: E731
        self.assertEqual(sorted(outs[0]["results"], key=key), sorted(outs[1]["results"], key=key))
        for what in ("documents", "bundles", "summary", "run"):
            self.assertEqual(outs[0][what], outs[1][what])
        again = self.evaluate(".", *self.chosen, "-p", "k8s-privileged,t-all", "-j", 3)[1]
        self.assertEqual(outs[1]["results"], again["results"])  # in the same order

    def test_more_than_fits_into_memory(self):
        lines = []
        for j in ("1", "3"):
            result = self.run_it("policy", "eval", ".", "-p", "k8s-*", "-j", j, "--format", "json",
                                 code=GATE, timeout=200)
            self.assertGreater(len(result.out), 3 * (32 << 20))  # of a share, before its turn
            lines.append(sorted(line.rstrip(",") for line in result.out.splitlines()))
        self.assertEqual(len(lines[0]), len(lines[1]))
        self.assertTrue(lines[0] == lines[1])

    def test_cancel(self):
        self.policy("t-slow", "for i = 1, 300000 do local x = i * 2 end")
        process = self.start("policy", "eval", ".", *self.chosen, "-p", "t-slow", "-j", "3")
        time.sleep(0.7)
        process.send_signal(signal.SIGINT)
        self.assertEqual(self.finish(process, 20).code, INCOMPLETE)


class Waivers(PolicyCase):
    def waivers(self, *items):
        text = "waivers:\n"
        for item in items:
            text += "  - " + json.dumps(item) + "\n"
        return self.write("w.yaml", text)

    def scan_with(self, *items, code=None):
        self.pod()
        return self.scan("--waivers", self.waivers(*items), only="k8s-privileged", code=code)[1]

    def test_by_policy_alias_and_glob(self):
        for name in ("k8s-privileged", "CKV_K8S_16", "ckv_k8s_16", "k8s-priv*", "KSV-0017",
                     "kics:dd29336b-fe57-445b-a26e-e6aa867ae609"):
            report = self.scan_with({"policy": name, "reason": "needed"}, code=PASSED)
            self.assertEqual([(s["kind"], s["reason"]) for s in
                              report["findings"][0]["suppressions"]], [("waiver", "needed")], name)
            self.assertEqual(report["policies"]["waivers"],
                             {"findings": 1, "expired": [], "unused": []})

    def test_place_decides(self):
        for place, code in (({"resource": "Pod.default.*"}, PASSED), ({"resource": "Pod.other.*"}, GATE),
                            ({"path": "*.yaml"}, PASSED), ({"path": "other/**"}, GATE)):
            self.scan_with(dict(place, rule="k8s-privileged", reason="x"), code=code)

    def test_expired_fails_and_is_shown(self):
        report = self.scan_with({"policy": "k8s-privileged", "reason": "x", "owner": "me@example.com",
                                 "expires": "2020-01-31"}, code=GATE)
        self.assertNotIn("suppressions", report["findings"][0])
        self.assertTrue(any("has expired on 2020-01-31" in r and "me@example.com" in r
                            for r in report["gate"]["reasons"]), report["gate"])
        self.assertEqual(report["policies"]["waivers"]["expired"][0]["findings"], 1)
        # also where nothing else would fail
        self.report("scan", "-s", "policies", "--set", "scanners.policies.policies=k8s-privileged",
                    "--fail-on", "none", "--waivers", "w.yaml", ".", code=GATE)

    def test_last_day_counts(self):
        self.scan_with({"policy": "k8s-privileged", "reason": "x", "expires": "2999-12-31"}, code=PASSED)

    def test_unused_is_told(self):
        self.pod()
        w = self.waivers({"policy": "nothing-*", "reason": "x"})
        result = self.run_it("scan", "-s", "policies", "--waivers", w, ".", "--no-progress")
        self.assertRegex(result.out, r"Waivers that nothing matched: nothing-\* \(.*w.yaml:2\)")

    def test_other_scanners(self):
        self.write("r.sarif", json.dumps({"version": "2.1.0", "runs": [{
            "tool": {"driver": {"name": "T"}}, "results": [
                {"ruleId": "X1", "level": "error", "message": {"text": "bad"}, "locations": [
                    {"physicalLocation": {"artifactLocation": {"uri": "a.c"},
                                          "region": {"startLine": 1}}}]}]}]}))
        w = self.waivers({"rule": "x1", "path": "a.c", "reason": "x"})
        _, report = self.report("import", "r.sarif", "--waivers", w, code=PASSED)
        self.assertEqual(report["summary"]["suppressed"], 1)

    def test_malformed(self):
        for text, words in (("waivers: x\n", "expected a list"), ("a: []\n", 'the key "waivers"'),
                            ("waivers:\n  - {policy: a}\n", "needs a reason"),
                            ("waivers:\n  - {reason: a}\n", "policy: or rule:"),
                            ("waivers:\n  - {polcy: a, reason: b}\n", 'did you mean "policy"'),
                            ("waivers:\n  - {policy: '*', reason: b}\n", "everything"),
                            ("waivers:\n  - {policy: a, rule: b, reason: b}\n", "not both"),
                            ("waivers:\n  - {policy: a, reason: b, expires: soon}\n", "a date"),
                            ("waivers: [\n", "w.yaml:")):
            self.write("w.yaml", text)
            result = self.run_it("scan", "--waivers", "w.yaml", ".", code=USAGE)
            self.assertIn(words, result.err)
            self.assertIn("w.yaml:", result.err)
        self.run_it("scan", "--waivers", "absent.yaml", ".", code=USAGE)

    def test_a_file_in_the_folder_is_not_taken_by_itself(self):
        self.pod()
        self.write(".secureops/waivers.yaml",
                   'waivers:\n  - {policy: k8s-privileged, reason: "trust me"}\n')
        result, report = self.scan(only="k8s-privileged", code=GATE)
        self.assertIn("--waivers .secureops/waivers.yaml", result.err)
        self.scan("--waivers", ".secureops/waivers.yaml", only="k8s-privileged", code=PASSED)
        self.assertEqual(self.run_it("policy", "list", code=PASSED).err, "")


class Gates(PolicyCase):
    def gated(self, *gates, code=None, privileged="true", args=()):
        self.pod(privileged=privileged)
        return self.scan("--gate", ",".join(gates), *args, only="k8s-privileged", code=code)[1]

    def test_presets(self):
        report = self.gated("gate-high", code=GATE)
        gate = report["gate"]
        self.assertEqual(gate["result"], "failed")
        self.assertEqual(gate["policies"][0]["fingerprint"], report["findings"][0]["fingerprint"])
        self.assertIn(report["findings"][0]["fingerprint"][:12], gate["reasons"][0])
        self.assertIsNone(gate["fail_on"])  # the gate stands in the place of the default
        report = self.gated("strict", code=GATE)
        self.assertTrue(any("gate-scanners" in r for r in report["gate"]["reasons"]))
        report = self.gated("balanced", code=PASSED)
        self.assertTrue(report["gate"]["title"])
        self.gated("report-only", code=PASSED)
        self.gated("report-only", code=GATE, args=["--fail-on", "high"])

    def test_names_are_checked_first(self):
        result = self.run_it("scan", "--gate", "balancd", ".", code=USAGE)
        self.assertIn('did you mean "balanced"', result.err)
        result = self.run_it("scan", "--gate", "k8s-privileged", ".", code=USAGE)
        self.assertIn("not the result of a scan", result.err)

    def gate_policy(self, check):
        self.write("pack/g.lua", (POLICY % ("gate-mine", "default = false,", check))
                   .replace("kubernetes:Pod", "scan"))

    def test_broken_gate_fails_closed(self):
        self.gate_policy("error('no idea')")
        report = self.gated("gate-mine", code=INCOMPLETE, privileged="false", args=["--policies", "pack"])
        self.assertTrue(any("no idea" in r for r in report["gate"]["reasons"]), report["gate"])

    def test_an_error_after_many_verdicts_counts(self):
        head = "return { id = '%s', title = 't', severity = 'HIGH', remediation = 'r', " \
               "applies_to = 'scan', default = false, check = function(r) %s end }\n"
        names = ["gate-a%02d" % i for i in range(11)]
        for name in names:
            self.write("pack/%s.lua" % name,
                       head % (name, "for i = 1, 1000 do fail(r, { 'x', i }, 'm') end"))
        self.write("pack/z.lua", head % ("gate-z", "error('no idea')"))
        report = self.gated(*names, code=GATE, args=["--policies", "pack"])
        self.assertEqual(report["gate"]["reasons"][-1], "10950 more reasons of gates")
        self.gated(*names, "gate-z", code=INCOMPLETE, args=["--policies", "pack"])

    def test_own_gate(self):
        self.gate_policy("if #report.findings > 0 then fail('x') end".replace("report", "r"))
        self.gated("gate-mine", code=PASSED, privileged="false", args=["--policies", "pack"])
        report = self.gated("gate-mine", code=GATE, args=["--policies", "pack"])
        self.assertEqual(report["gate"]["reasons"], ["gate-mine: x"])

    def test_configured_and_imported(self):
        self.write("c.yaml", "gate: {policies: [gate-high]}\n")
        self.write("r.sarif", json.dumps({"version": "2.1.0", "runs": [{
            "tool": {"driver": {"name": "T"}}, "results": [
                {"ruleId": "X1", "level": "error", "message": {"text": "bad"}}]}]}))
        _, report = self.report("import", "r.sarif", "--config", "c.yaml", code=GATE)
        self.assertEqual([g["policy"] for g in report["gate"]["policies"]], ["gate-high"])

    def test_any_tools_report_attests_what_is_in_it(self):
        self.write("r.sarif", json.dumps({"version": "2.1.0", "runs": [{
            "tool": {"driver": {"name": "T"}}, "results": [
                {"ruleId": "X1", "level": "note", "message": {"text": "bad"}, "locations": [
                    {"physicalLocation": {"artifactLocation": {"uri": "a.c"},
                                          "region": {"startLine": 1}}}]}]}]}))
        _, report = self.report("import", "r.sarif", "--gate", "gate-scanners", code=GATE)
        self.assertEqual(report["scanners"][0]["finds"], ["SAST"])
        self.assertTrue(any("SECRET" in r for r in report["gate"]["reasons"]), report["gate"])

    def test_waived_findings_pass(self):
        self.write("w.yaml", "waivers:\n  - {policy: k8s-privileged, reason: x}\n")
        self.gated("gate-high", code=PASSED, args=["--waivers", "w.yaml"])


class Eval(PolicyCase):
    def test_contract(self):
        self.pod("a.yaml")
        self.pod("b.yaml", "false", "-b")
        _, out = self.evaluate("a.yaml", "b.yaml", "--policy", "k8s-privileged", code=GATE)
        self.assertEqual(out["version"], "1")
        for r in out["results"]:
            self.assertLessEqual({"policy", "aliases", "severity", "verdict", "resource", "file_path",
                                  "line_number", "end_line", "pointer", "message"}, r.keys())
        self.assertEqual([(r["verdict"], r["resource"], r["file_path"]) for r in out["results"]],
                         [("fail", "Pod.default.web", "a.yaml"),
                          ("pass", "Pod.default.web-b", "b.yaml")])
        self.assertEqual(out["results"][0]["line_number"], 8)
        for d in out["documents"]:
            self.assertEqual((d["format"], d["status"], d["reason"]), ("kubernetes", "parsed", None))

    def test_suggestions_for_dockerfiles(self):
        """Applied from the end to the start, they leave none of these failures."""
        text = ("FROM debian:12\nMAINTAINER Ada\nADD a.txt /srv/\nRUN apt-get update \\\n"
                "  && apt-get install curl\nWORKDIR srv\n")
        policies = ("docker-maintainer,docker-add-local,docker-apt-get-unattended,"
                    "docker-apt-get-recommends,docker-workdir-absolute")
        for _ in range(2):  # two speak of the same word
            self.write("Dockerfile", text)
            out = self.run_it("policy", "eval", "Dockerfile", "--format", "json", "--policy",
                              policies, code=GATE).json()
            fixes = {r["fix"]["offset"]: r["fix"] for r in out["results"] if r["verdict"] == "fail"}
            for at in sorted(fixes, reverse=True):
                text = text[:at] + fixes[at]["text"] + text[at + fixes[at]["length"]:]
        self.write("Dockerfile", text)
        self.run_it("policy", "eval", "Dockerfile", "--policy", policies, code=PASSED)
        self.assertIn("COPY a.txt /srv/\n", text)

    def test_what_cannot_begin_prints_nothing(self):
        r = self.run_it("policy", "eval", "nowhere.yaml", "--format", "json", code=USAGE)
        self.assertEqual(r.out, "")
        self.assertIn("nowhere.yaml", r.err)

    def test_hadolint_comments_skip(self):
        self.write("Dockerfile", "# hadolint ignore=DL3007\nFROM debian:latest\n")
        out = self.run_it("policy", "eval", "Dockerfile", "--format", "json", "--policy", "DL3007",
                          code=PASSED).json()
        self.assertEqual([r["verdict"] for r in out["results"]], ["skip"])

    def test_exit_statuses(self):
        self.pod("bad.yaml")
        self.pod("good.yaml", "false")
        self.write("broken.yaml", "apiVersion: v1\nkind: [\n")
        one = ["--policy", "k8s-privileged"]
        self.run_it("policy", "eval", "good.yaml", *one, code=PASSED)
        self.run_it("policy", "eval", "bad.yaml", *one, code=GATE)
        self.run_it("policy", "eval", "bad.yaml", "broken.yaml", *one, code=INCOMPLETE)
        for args in (["absent.yaml", *one], ["good.yaml", "--policy", "k8s-priviliged"],
                     ["good.yaml", "--framework", "nope"], [], ["good.yaml", "--format", "xml"]):
            self.run_it("policy", "eval", *args, code=USAGE)
        self.write("empty/readme.txt", "nothing")
        result = self.run_it("policy", "eval", "empty", code=INCOMPLETE)
        self.assertIn("nothing was judged", result.err)

    def test_suggests_a_name(self):
        self.pod()
        result = self.run_it("policy", "eval", "pod.yaml", "--policy", "k8s-priviliged", code=USAGE)
        self.assertIn("k8s-privileged", result.err)

    def test_error_is_incomplete(self):
        self.pod()
        pack = self.policy("t-breaks", "local x = nil + 1")
        result, out = self.evaluate("pod.yaml", "--policies", pack, "-p", "t-breaks", code=INCOMPLETE)
        self.assertEqual([r["verdict"] for r in out["results"]], ["error"])
        self.assertEqual(out["run"]["status"], "incomplete")

    def test_default_off_ones_too(self):
        self.pod()
        pack = self.policy("t-off", "fail('x')", "default = false,")
        _, out = self.evaluate("pod.yaml", "--policies", pack)
        self.assertIn("t-off", {r["policy"] for r in out["results"]})

    def test_folders_and_several_paths(self):
        self.pod("x/deploy/a.yaml")
        self.pod("y.yaml")
        _, out = self.evaluate("./x", "y.yaml", "-p", "k8s-privileged")
        self.assertEqual([r["file_path"] for r in out["results"]], ["x/deploy/a.yaml", "y.yaml"])
        self.write("x/.gitignore", "deploy\n")
        _, out = self.evaluate("x", "-p", "k8s-privileged", code=INCOMPLETE)
        _, out = self.evaluate("x", "-p", "k8s-privileged", "--include-ignored", code=GATE)
        self.assertEqual(len(out["results"]), 1)

    def test_framework_version(self):
        self.pod()
        _, out = self.evaluate("pod.yaml", "--framework", "pod-security-baseline@1.25", code=GATE)
        self.assertIn("k8s-privileged", {r["policy"] for r in out["results"]})
        self.assertNotIn("k8s-cpu-limit", {r["policy"] for r in out["results"]})

    def test_table_and_trace(self):
        self.pod()
        result = self.run_it("policy", "eval", "pod.yaml", "-p", "k8s-privileged", "--trace", code=GATE)
        self.assertIn("pod.yaml:8  Pod.default.web", result.out)
        self.assertIn("privileged", result.out.split("is privileged")[1])  # what it read

    def test_waivers(self):
        self.pod()
        self.write("w.yaml", "waivers:\n  - {policy: CKV_K8S_16, reason: ok, expires: 2999-01-01}\n")
        _, out = self.evaluate("pod.yaml", "-p", "k8s-privileged", "--waivers", "w.yaml", code=PASSED)
        r = out["results"][0]
        self.assertEqual((r["verdict"], r["reason"], r["expires"]), ("skip", "ok", "2999-01-01"))

    def test_same_input_same_output(self):
        for i in range(20):
            self.pod(f"{i}.yaml", name=f"-{i}")
        first = self.evaluate(".", "-p", "k8s-*")[0].out
        self.assertEqual(first, self.evaluate(".", "-p", "k8s-*")[0].out)

    def test_names_of_strangers(self):
        self.write("\x1b[31mpod.yaml", POD % ("", "true"))
        result = self.run_it("policy", "eval", ".", "-p", "k8s-privileged", code=GATE)
        self.assertNotIn("\x1b", result.text)


class Packs(PolicyCase):
    def test_every_case_of_the_installed_packs(self):
        result = self.run_it("policy", "test", code=PASSED, timeout=240)
        self.assertRegex(result.out, r"\d{3,} cases: \d+ passed, 0 failed")


class Authors(PolicyCase):
    def test_list(self):
        out = self.run_it("policy", "list", "--format", "json", code=PASSED).json()
        for p in out["policies"]:
            self.assertLessEqual({"id", "title", "severity", "applies_to", "frameworks", "aliases"},
                                 p.keys())
        one = [p for p in out["policies"] if p["id"] == "k8s-privileged"][0]
        self.assertIn("CKV_K8S_16", one["aliases"])
        self.assertEqual(one["applies_to"], ["kubernetes:workload"])
        self.assertIn("privileged", one["frameworks"]["pod-security-baseline"])
        chosen = self.run_it("policy", "list", "--framework", "pod-security-baseline", "--format",
                             "json", code=PASSED).json()["policies"]
        self.assertLess(len(chosen), len(out["policies"]))
        self.assertIn("k8s-privileged", self.run_it("policy", "list", code=PASSED).out)

    def test_show(self):
        for name in ("k8s-privileged", "CKV_K8S_16"):
            out = self.run_it("policy", "show", name, code=PASSED).out
            for words in ("k8s-privileged", "Code:", "Example: fail", "Example: pass", "cis-kubernetes"):
                self.assertIn(words, out)
        self.run_it("policy", "show", "nope", code=USAGE)

    def test_new_works_for_every_selector(self):
        self.run_it("policy", "new", "t-x", "--for", "kubernets", code=USAGE)
        result = self.run_it("policy", "new", "t-x", "--for", "nope", code=USAGE)
        known = result.err.split("start from one of ")[1].split(" and change")[0].split(", ")
        self.assertGreater(len(known), 8)
        for i, selector in enumerate(known):
            self.run_it("policy", "new", f"t-{i}", "--for", selector, "--dir", f"new{i}", code=PASSED)
            result = self.run_it("policy", "test", f"new{i}", "--coverage", code=PASSED)
            self.assertIn("2 cases: 2 passed, 0 failed", result.out)
            self.assertIn("100.0 % of lines", result.out)
        self.run_it("policy", "new", "t-0", "--dir", "new0", code=USAGE)  # exists
        self.run_it("policy", "new", "Bad_Id", code=USAGE)

    def failing(self):
        self.policy("t-one", "if r.spec.hostPID then fail(r, 'spec.hostPID', 'host') end")
        self.write("pack/t-one.cases.yaml", """- name: fails & <tags>
  input: "apiVersion: v1\\nkind: Pod\\nmetadata: {name: a}\\nspec: {hostPID: true}\\n"
  expect: fail
- name: wrong on purpose
  input: "apiVersion: v1\\nkind: Pod\\nmetadata: {name: a}\\n"
  expect: fail
""")

    def test_test_formats(self):
        self.failing()
        result = self.run_it("policy", "test", "pack", code=GATE)
        self.assertIn("t-one.cases.yaml:4", result.out)
        out = self.run_it("policy", "test", "pack", "--format", "json", "--coverage", code=GATE).json()
        self.assertEqual([c["passed"] for c in out["cases"] if c["name"].startswith("fails")], [True])
        self.assertGreaterEqual(out["failed"], 1)
        self.assertEqual(out["coverage"][0]["file_path"], "t-one.lua")
        tap = self.run_it("policy", "test", "pack", "--format", "tap", code=GATE).out.splitlines()
        self.assertEqual(tap[0], "TAP version 13")
        self.assertIn(f"1..{len(out['cases'])}", tap)
        self.assertTrue(any(line.startswith("not ok 2 - t-one") for line in tap), tap)
        root = ElementTree.fromstring(
            self.run_it("policy", "test", "pack", "--format", "junit", code=GATE).out)
        self.assertEqual(root.get("tests"), str(len(out["cases"])))
        self.assertEqual(root[0].get("name"), "fails & <tags>")

    def test_coverage_names_what_was_not_reached(self):
        self.policy("t-two", "if r.spec.hostPID then\n      fail('a')\n    elseif r.spec.hostIPC then\n"
                    "      fail('b')\n    end")
        self.write("pack/t-two.cases.yaml", """- input: "apiVersion: v1\\nkind: Pod\\nspec: {hostPID: true}\\n"
  expect: fail
- input: "apiVersion: v1\\nkind: Pod\\nspec: {}\\n"
  expect: pass
""")
        out = self.run_it("policy", "test", "pack", "--format", "json", "--coverage", code=PASSED).json()
        text = (self.cwd / "pack/t-two.lua").read_text().splitlines()
        self.assertIn(text.index("      fail('b')") + 1, out["coverage"][0]["missed"])

    def test_part_of_a_pack(self):
        self.write("pack/lib/helper.lua", "return { yes = function() return true end }\n")
        self.write("pack/a/one.lua", 'local helper = import("helper")\n' +
                   POLICY % ("t-one", "", "if r.spec.hostPID and helper.yes() then fail('x') end"))
        self.write("pack/b/two.lua", POLICY % ("t-two", "", "error('never')"))
        self.write("pack/a/one.cases.yaml", """- input: "apiVersion: v1\\nkind: Pod\\nspec: {hostPID: true}\\n"
  expect: fail
- input: "apiVersion: v1\\nkind: Pod\\nspec: {}\\n"
  expect: pass
""")
        for path in ("pack/a", "pack/a/one.lua", "pack/a/one.cases.yaml"):
            result = self.run_it("policy", "test", path, code=PASSED)
            self.assertIn("2 cases: 2 passed", result.out, path)
        self.run_it("policy", "test", "pack", code=GATE)  # two has no cases

    def test_nothing_to_test(self):
        self.write("pack/readme.txt", "")
        self.assertIn(self.run_it("policy", "test", "pack").code, (USAGE, INCOMPLETE))
        self.run_it("policy", "test", "absent", code=USAGE)

    def test_profile(self):
        self.pod()
        out = self.run_it("policy", "profile", "pod.yaml", "--format", "json", code=PASSED).json()
        times = [p["ns"] for p in out["policies"]]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertGreater(out["evaluations"], 50)

    @unittest.skipUnless(shutil.which("openssl"), "openssl makes the keys")
    def test_signed_archives(self):
        for args in (["genpkey", "-algorithm", "ed25519", "-out", "key.pem"],
                     ["pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"]):
            subprocess.run(["openssl", *args], cwd=self.cwd, check=True, capture_output=True)
        self.pod()
        self.policy("t-one", "fail('from an archive')")
        with tarfile.open(self.cwd / "pack.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            tar.add(self.cwd / "pack", arcname=".")
        keys = ["--policy-keys", "public.pem"]
        use = ["policy", "eval", "pod.yaml", "-p", "t-one", "--policies", "pack.tar", *keys]
        self.assertIn("not signed", self.run_it(*use, code=USAGE).err)
        self.run_it("policy", "sign", "pack.tar", "--key", "public.pem", code=USAGE)
        self.run_it("policy", "sign", "pack", "--key", "key.pem", code=USAGE)
        self.run_it("policy", "sign", "pack.tar", "--key", "key.pem", code=PASSED)
        self.assertIn("1 policy", self.run_it("policy", "verify", "pack.tar", *keys, code=PASSED).out)
        self.assertIn("from an archive", self.run_it(*use, code=GATE).out)
        with open(self.cwd / "pack.tar", "ab") as f:
            f.write(b"x")
        self.assertIn("was changed", self.run_it("policy", "verify", "pack.tar", *keys, code=USAGE).err)
        self.assertIn("was changed", self.run_it(*use, code=USAGE).err)
        self.run_it("policy", "verify", "pack.tar", code=USAGE)

    def test_a_workflow_is_tried(self):
        tag = self.write("tag.json", '{"event": "tag", "repo_full_name": "acme/shop"}')
        result = self.run_it("policy", "run", "call-on-findings", tag, code=PASSED)
        self.assertEqual(result.out, "")
        self.assertIn("call-on-findings does not run on this event", result.err)
        result = self.run_it("policy", "run", "call-on-nothing", tag, code=USAGE)
        self.assertIn("there is no workflow 'call-on-nothing'", result.err)

    def test_usage(self):
        for args in ([], ["shw"], ["show"], ["eval"], ["list", "x"], ["test", "a", "b"]):
            self.run_it("policy", *args, code=USAGE)
        self.assertIn('did you mean "show"', self.run_it("policy", "shw").err)


class Compliance(PolicyCase):
    def setUp(self):
        super().setUp()
        self.policy("t-pid", "if r.spec.hostPID then fail(r, 'spec.hostPID', 'uses <b>=1</b>') end",
                    'frameworks = { ["t-frame"] = "1.1" },')
        self.policy("t-service", "fail('x')", 'frameworks = { ["t-frame"] = "1.2" },')
        path = self.cwd / "pack/t-service.lua"
        path.write_text(path.read_text().replace("kubernetes:Pod", "kubernetes:Service"))
        self.policy("t-breaks", "error('b')", 'default = false, frameworks = { ["t-frame"] = "1.3" },')
        self.policy("gate-t", "fail('result')",
                    'default = false, frameworks = { ["t-frame"] = "1.7" },')
        path = self.cwd / "pack/gate-t.lua"
        path.write_text(path.read_text().replace("kubernetes:Pod", "scan"))
        self.write("pack/compliance/t-frame.yaml", """id: t-frame
title: "=Frame <script>"
version: "1"
controls:
  - {id: "1.1", title: "PIDs"}
  - {id: "1.2", title: "Services"}
  - {id: "1.3", title: "Broken"}
  - {id: "1.4", title: "By hand", manual: true}
  - {id: "1.5", title: "Nothing speaks of it"}
  - {id: "1.6", title: "Dynamic tests", facts: ["scanned:DAST"]}
  - {id: "1.7", title: "Result"}
  - {id: "1.8", title: "Scanned", facts: ["scanned:IAC"]}
""")
        self.args = ["compliance", "report", "--framework", "t-frame", "--policies", "pack", "-s",
                     "policies", "pod.yaml"]

    def controls(self, *args, code=None):
        out = self.run_it(*self.args, *args, "--format", "json", code=code).json()
        return {c["id"]: c for c in out["controls"]}, out

    def test_statuses(self):
        self.pod()
        controls, out = self.controls(code=INCOMPLETE)  # one policy broke
        self.assertEqual({k: c["status"] for k, c in controls.items()},
                         {"1.1": "unknown", "1.2": "not_evaluated", "1.3": "error", "1.4": "manual",
                          "1.5": "manual", "1.6": "unknown", "1.7": "fail", "1.8": "unknown"})
        self.assertEqual(out["summary"]["fail"], 1)
        (self.cwd / "pack/t-breaks.lua").unlink()
        controls, out = self.controls(code=GATE)
        self.assertEqual(controls["1.1"]["status"], "pass")
        self.assertEqual(controls["1.1"]["policies"], [{"id": "t-pid", "pass": 1}])
        self.assertEqual(controls["1.3"]["status"], "manual")
        self.assertEqual(controls["1.8"]["status"], "pass")
        (self.cwd / "pack/gate-t.lua").unlink()
        self.controls(code=PASSED)

    def failing(self):
        self.write("pod.yaml", 'apiVersion: v1\nkind: Pod\nmetadata: {name: "=cmd"}\n'
                               'spec: {hostPID: true}\n')
        (self.cwd / "pack/t-breaks.lua").unlink()

    def test_failures_are_evidence(self):
        self.failing()
        controls, _ = self.controls(code=GATE)
        f = controls["1.1"]["failures"][0]
        self.assertEqual((controls["1.1"]["status"], f["policy"], f["file_path"], f["line_number"]),
                         ("fail", "t-pid", "pod.yaml", 4))

    def test_a_default_is_no_gate(self):
        self.pod()
        self.policy("t-pid", "", 'frameworks = { ["t-gate"] = "1" },')
        for name in ("t-service", "t-breaks", "gate-t"):
            (self.cwd / f"pack/{name}.lua").unlink()
        self.write("pack/compliance/t-gate.yaml", "id: t-gate\ntitle: T\ncontrols:\n"
                   "  - {id: '1', title: P}\n  - {id: '2', title: G, facts: [gated]}\n")
        self.args[3] = "t-gate"
        controls, _ = self.controls(code=PASSED)
        self.assertEqual(controls["2"]["status"], "unknown")
        controls, _ = self.controls("--set", "gate.fail_on=high", code=PASSED)
        self.assertEqual(controls["2"]["status"], "pass")

    def test_only_policies_where_no_control_asks_for_more(self):
        self.pod()
        self.tool("gitleaks", "#!/bin/sh\nexit 2\n")
        report = ("compliance", "report", "--framework")
        self.run_it(*report, "pod-security-baseline", code=GATE)
        self.assertIn("gitleaks", self.run_it(*report, "soc2", code=INCOMPLETE).err)

    def test_waived_is_not_passed(self):
        self.failing()
        self.write("w.yaml", "waivers:\n  - {policy: t-pid, reason: ok}\n")
        controls, _ = self.controls("--waivers", "w.yaml", code=GATE)
        self.assertEqual(controls["1.1"]["status"], "waived")

    def test_html_is_escaped_and_alone(self):
        self.failing()
        self.run_it(*self.args, "--format", "html", "-o", "r.html", code=GATE)
        html = (self.cwd / "r.html").read_text()
        self.assertNotIn("<script", html)
        self.assertNotIn("<b>=1", html)
        self.assertIn("&lt;b&gt;=1", html)
        self.assertNotRegex(html, r"(src|href)\s*=")

    def test_csv_is_no_formula(self):
        self.failing()
        import csv
        rows = list(csv.reader(self.run_it(*self.args, "--format", "csv", code=GATE)
                               .out.splitlines()))
        self.assertEqual(rows[0][:4], ["framework", "control", "title", "status"])
        self.assertEqual(len(rows), 9)
        for row in rows[1:]:
            for field in row:
                self.assertNotIn(field[:1], ("=", "+", "-", "@"))

    def test_table_list_usage(self):
        self.pod()
        result = self.run_it(*self.args)
        self.assertRegex(result.out, r"MANUAL +1\.4")
        listed = self.run_it("compliance", "list", "--policies", "pack", "--format", "json",
                             code=PASSED).json()["frameworks"]
        self.assertIn("t-frame", [f["id"] for f in listed])
        self.assertIn("cis-kubernetes", [f["id"] for f in listed])
        for args in (["report", "."], ["report", "--framework", "nope", "."], ["lst"], []):
            self.run_it("compliance", *args, code=USAGE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
