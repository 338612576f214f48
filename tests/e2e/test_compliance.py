"""Stored compliance: a scan with frameworks leaves an assessment of each, which the API and the
command line show, export, and join with what people attest."""
import csv
import io
import sqlite3
import unittest

from daemon import ADMIN
from harness import PASSED, USAGE
from test_api import BAD, GOOD
from test_policy import PolicyCase
from test_remote import RemoteCase

FRAMEWORK = """id: t-frame
title: Frame
version: "7"
controls:
  - {id: "1", title: "No host PIDs"}
  - {id: "2", title: "Code of conduct", manual: true}
  - {id: "3", title: "Scanned", facts: ["scanned:IAC"]}
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostPID: %s}\n"
CHECK = """if r.spec.hostPID == 'broken' then error('cannot judge') end
        if r.spec.hostPID == true then fail(r, 'spec.hostPID', 'uses it') end"""


def result(controls):
    return {c["id"]: c["verdict"] for c in controls}


class Stored(RemoteCase):
    def setUp(self):
        super().setUp()
        self.log_in()

    def latest(self, query=""):
        return self.get(f"/iac/compliance?framework=cis-docker{query}")["items"]

    def test_scans_to_report(self):
        app = self.repository("app", Dockerfile=BAD)
        lib = self.repository("lib", Dockerfile=GOOD)
        self.repository("other", Dockerfile=GOOD)
        wants = {"branch": "main", "scanners": ["policies"]}
        self.assertEqual(self.latest(), [])
        self.ask(404, "GET", "/iac/compliance/cis-docker")
        self.scan("iac", self.cwd / "other", **wants)  # not asked of it
        job = self.scan("iac", app, frameworks=["cis-docker"], **wants)
        self.scan("iac", lib, frameworks=["cis-docker", "soc2"], **wants)

        [newest, first] = self.latest()
        self.assertEqual((first["repository"], first["branch"], first["scan_id"]),
                         (str(app), "main", job["scan_id"]))
        self.assertEqual((first["result"], first["complete"], first["stale"]),
                         ("non_compliant", True, False))
        self.assertGreater(first["counts"]["fail"], 0)
        self.assertEqual(newest["counts"]["fail"], 0)
        # the framework has controls that no scan can judge: clean, and yet not compliant
        self.assertEqual(newest["result"], "undetermined")
        self.assertEqual(len(self.get("/iac/compliance?framework=soc2")["items"]), 1)

        # over all of them: the worst decides, with its evidence
        view = self.get("/iac/compliance/cis-docker")
        self.assertEqual((view["result"], len(view["assessments"])), ("non_compliant", 2))
        self.assertEqual(view["unassessed_repositories"], [str(self.cwd / "other")])
        failed = [c for c in view["controls"] if c["verdict"] == "fail"]
        self.assertEqual(len(failed), view["counts"]["fail"])
        cell = [r for r in failed[0]["results"] if r["verdict"] == "fail"][0]
        self.assertEqual(cell["repository"], str(app))
        self.assertEqual(cell["evidence"]["failures"][0]["file_path"], "Dockerfile")
        self.assertTrue([p for p in cell["evidence"]["policies"] if p.get("fail")])
        only = self.get(f"/iac/compliance/cis-docker?repository={lib}&evidence=false")
        self.assertEqual(only["counts"]["fail"], 0)
        self.assertNotIn("evidence", only["controls"][0]["results"][0])

        # it is mended: the latest changes, the history does not
        self.commit(app, Dockerfile=GOOD)
        self.scan("iac", app, frameworks=["cis-docker"], **wants)
        history = self.get(f"/iac/compliance/cis-docker/history?repository={app}")["items"]
        self.assertEqual([h["result"] for h in history], ["undetermined", "non_compliant"])
        self.assertNotEqual(history[0]["commit_sha"], history[1]["commit_sha"])
        self.assertEqual(self.get("/iac/compliance/cis-docker")["counts"]["fail"], 0)

        # documents for an auditor, from the daemon and from its store alike
        html = self.ask(200, "GET", "/iac/compliance/cis-docker/report?format=html")
        self.assertIn(history[0]["digest"], html.text)
        self.assertNotRegex(html.text, r"<script|(src|href)\s*=")
        rows = list(csv.DictReader(io.StringIO(
            self.ask(200, "GET", "/iac/compliance/cis-docker/report?format=csv").text)))
        self.assertEqual(len(rows), 2 * len(view["controls"]))
        show = ("compliance", "show", "--framework", "cis-docker", "--format")
        there = self.remote(*show, "json").json()
        here = self.run_it(*show, "json", f"--store={self.data}/store.db", code=PASSED).json()
        there.pop("generated_at"), here.pop("generated_at")
        self.assertEqual(there, here)
        self.assertIn("not evaluated", self.remote(*show, "table").out)
        self.assertIn("No assessments", self.remote("compliance", "status", "--team", "x").out)
        self.assertIn("cis-docker@", self.remote("compliance", "status").out)

    def test_attestations(self):
        lib = self.repository("lib", Dockerfile=GOOD)
        self.scan("iac", lib, frameworks=["cis-docker"], scanners=["policies"])
        view = self.get("/iac/compliance/cis-docker")
        manual = [c["id"] for c in view["controls"] if c["verdict"] == "manual"]
        self.assertGreater(len(manual), 1)
        body = {"framework": f"cis-docker@{view['version']}", "control": manual[0],
                "reason": "hosts are hardened", "evidence": "https://wiki.example/hosts",
                "expires_at": "2099-12-31"}
        path = "/iac/compliance/attestations"
        for role in ("security_engineer", "security_analyst", "developer", "manager"):
            token = self.make_user(f"{role}@example.com", [role])
            self.ask(403, "POST", path, body, token=token)
            self.ask(200 if role in ("security_analyst", "manager") else 403, "GET", path,
                     token=token)
        made = self.ask(201, "POST", path, body).json()
        self.assertEqual((made["attested_by"], made["in_force"]), (ADMIN, True))
        counts = self.get("/iac/compliance/cis-docker")["counts"]
        self.assertEqual((counts["attested"], counts["manual"]), (1, len(manual) - 1))
        [row] = self.get("/audit?action=compliance.attest")["items"]
        self.assertEqual((row["actor"], row["details"]["control"]), (ADMIN, manual[0]))
        automatic = [c["id"] for c in view["controls"] if not c["manual"]][0]
        self.ask(400, "POST", path, {**body, "control": automatic})
        self.ask(404, "POST", path, {**body, "control": "nope"})
        attest = ("compliance", "attest", "--framework", "cis-docker", "--control")
        self.remote(*attest, manual[1], "--reason", "seen", "--verdict", "fail",
                    "--repository", str(lib))
        view = self.get("/iac/compliance/cis-docker")
        self.assertEqual(result(view["controls"])[manual[1]], "fail")
        self.remote(*attest, manual[0], "--reason", "not so", "--verdict", "withdrawn")
        self.assertEqual(result(self.get("/iac/compliance/cis-docker")["controls"])[manual[0]],
                         "manual")
        self.assertEqual(len(self.get(path)["items"]), 3)
        self.assertIn("hosts are hardened", self.remote("compliance", "attestations").out)

    def test_what_was_not_checked(self):
        """A framework that is not there ends the job; one with a policy that breaks says so."""
        app = self.repository("app", Dockerfile=GOOD)
        self.scan("iac", app, "failed", "dead", frameworks=["nope"], scanners=["policies"])
        self.assertEqual(self.get("/iac/compliance")["items"], [])


class Local(PolicyCase):
    """Without a daemon: frameworks of the configuration, a local store."""

    def setUp(self):
        super().setUp()
        self.policy("t-pid", CHECK, 'frameworks = { ["t-frame"] = "1" },')
        self.write("pack/compliance/t-frame.yaml", FRAMEWORK)

    def scan(self, pid, *args):
        self.write("app/pod.yaml", POD % pid)
        return self.run_it("scan", "--store=s.db", "--policies", "pack", "--set",
                           "scanners.policies.frameworks=t-frame",
                           *(args or ("--scanners", "policies")), "app")

    def status(self, *args):
        return self.run_it("compliance", "status", "--store=s.db", "--format", "json", *args,
                           code=PASSED).json()["items"]

    def test_states(self):
        self.scan("false")
        [first] = self.status()
        self.assertEqual((first["framework"], first["version"], first["result"]),
                         ("t-frame", "7", "undetermined"), first)
        self.assertEqual((first["counts"]["manual"], first["counts"]["pass"]), (1, 2), first)
        self.run_it("compliance", "attest", "--store=s.db", "--framework", "t-frame@7", "--control",
                    "2", "--reason", "signed by all", code=PASSED)
        self.assertEqual(self.status()[0]["result"], "compliant")
        self.run_it("audit", "verify", "--store=s.db", code=PASSED)
        # a policy that breaks: an error, and the scan is not complete
        self.scan("broken")
        [broken] = self.status()
        self.assertEqual((broken["result"], broken["complete"], broken["counts"]["error"]),
                         ("undetermined", False, 1), broken)
        self.assertEqual(broken["last_complete_at"], first["assessed_at"])
        # a failure, which is waived then, and not passed
        self.scan("true")
        self.assertEqual(self.status()[0]["result"], "non_compliant")
        self.write("w.yaml", "waivers:\n  - {policy: t-pid, reason: ok}\n")
        self.scan("true", "--scanners", "policies", "--waivers", "w.yaml")
        [waived] = self.status()
        self.assertEqual((waived["result"], waived["counts"]["waived"]), ("undetermined", 1))
        # a scan that leaves the policies out was not asked
        self.scan("true", "--skip", "policies")
        self.assertEqual(self.status()[0]["id"], waived["id"])
        history = self.run_it("compliance", "history", "--framework", "t-frame", "--store=s.db",
                              "--format", "json", code=PASSED).json()["items"]
        self.assertEqual(len(history), 4)

    def test_changed_evidence(self):
        self.scan("true")
        self.run_it("db", "verify", "--store=s.db", code=PASSED)
        with sqlite3.connect(self.cwd / "s.db") as db:
            db.execute("UPDATE compliance_results SET status = 'pass' WHERE status = 'fail'")
        db.close()
        self.assertIn("was changed", self.run_it("db", "verify", "--store=s.db").err)

    def test_a_framework_that_is_not_there(self):
        self.write("app/pod.yaml", POD % "false")
        r = self.run_it("scan", "--store=s.db", "--scanners", "policies", "--set",
                        "scanners.policies.frameworks=nope", "app", code=USAGE)
        self.assertIn("nope", r.err)

    def test_usage(self):
        for args in (["show"], ["history"], ["attest"], ["status", "x"], ["list", "--store=s.db"],
                     ["report", "--framework", "cis-docker", "--server", "http://127.0.0.1:9"]):
            self.run_it("compliance", *args, code=USAGE)


if __name__ == "__main__":
    unittest.main()
