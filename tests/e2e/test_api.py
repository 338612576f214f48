"""The API of a daemon, as a client sees it: a repository is scanned, its findings are looked after,
and found fixed; reports are imported; documents judged; errors told."""
import base64
import gzip
import io
import json
import subprocess
import tarfile
import unittest

from daemon import ADMIN, DaemonCase
from test_import import SARIF

BAD = "FROM debian:12\nRUN apt-get update\n"
GOOD = ("FROM debian:12\nRUN apt-get update \\\n && apt-get install -y --no-install-recommends "
        "curl=1.0 \\\n && rm -rf /var/lib/apt/lists/*\nUSER app\nHEALTHCHECK CMD true\n")


class Scans(DaemonCase):
    def test_a_repository_through_its_life(self):
        app = self.repository("app", Dockerfile=BAD)
        job = self.scan("iac", app, branch="main")
        self.assertEqual((job["attempt"], job["origin"]), (1, "api"))

        # what it came to, by the job's id and by the scan's
        state = self.get(f"/scans/{job['id']}")
        self.assertEqual((state["status"], state["scan"]["id"]), ("completed", job["scan_id"]))
        self.assertEqual(state["scan"]["branch"], "main")
        self.assertGreater(state["scan"]["created"], 0)
        self.assertEqual(self.get(f"/scans/{job['scan_id']}")["scan"], state["scan"])
        self.assertEqual([s["id"] for s in self.get("/scans")["items"]], [job["scan_id"]])

        # pages: every finding once
        seen, cursor = [], ""
        while cursor is not None:
            page = self.get("/vulnerabilities?limit=2" + (f"&cursor={cursor}" if cursor else ""))
            self.assertLessEqual(len(page["items"]), 2)
            seen += [f["id"] for f in page["items"]]
            cursor = page.get("next_cursor")
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(len(seen), state["scan"]["created"])
        of_scan = self.get(f"/scans/{job['id']}/findings")["items"]
        self.assertEqual(sorted(f["id"] for f in of_scan), sorted(seen))

        # a change needs what was read
        path = f"/vulnerabilities/{seen[0]}"
        read = self.ask(200, "GET", path)
        self.assertEqual(read.json()["status"], "OPEN")
        tag = read.headers["ETag"]
        self.ask(400, "PUT", path, {"status": "ACCEPTED"})
        self.ask(412, "PUT", path, {"assignee": "x"}, headers={"If-Match": '"other"'})
        now = self.ask(200, "PUT", path, {"status": "ACCEPTED", "reason": "known",
                                          "accepted_until": "2100-01-01", "assignee": "ada"},
                       headers={"If-Match": tag}).json()
        self.assertEqual((now["status"], now["assignee"]), ("ACCEPTED", "ada"))
        self.ask(412, "PUT", path, {"status": "OPEN"}, headers={"If-Match": tag})
        self.ask(200, "POST", "/vulnerabilities/bulk",
                 {"ids": seen[1:3], "status": "IN_PROGRESS"})

        # it is mended, and found so; what was accepted stays so
        self.commit(app, Dockerfile=GOOD)
        self.scan("iac", app, branch="main")
        left = self.get("/vulnerabilities?status=all&limit=500")["items"]
        status = {f["id"]: f["status"] for f in left}
        self.assertEqual(status[seen[0]], "ACCEPTED")
        self.assertEqual(status[seen[1]], "RESOLVED")
        actions = [e["action"] for e in self.get(f"/vulnerabilities/{seen[1]}/history")["items"]]
        self.assertEqual(actions, ["created", "status", "resolved"])
        self.assertEqual(self.get("/stats/repositories")["items"][0]["repository"], str(app))
        self.assertEqual(len(self.get("/stats/trend")["items"]), 30)

    def test_what_a_scan_left(self):
        app = self.repository("app", Dockerfile=BAD)
        job = self.scan("iac", app)
        sarif = self.ask(200, "GET", f"/scans/{job['id']}/sarif")
        self.assertEqual(sarif.json()["version"], "2.1.0")
        self.assertGreater(sum(len(r.get("results", [])) for r in sarif.json()["runs"]), 0)
        packed = self.ask(200, "GET", f"/scans/{job['id']}/sarif",
                          headers={"Accept-Encoding": "gzip"})
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(packed.body), sarif.body)
        report = self.get(f"/scans/{job['id']}/report")
        self.assertEqual(report["scan"]["id"], job["scan_id"])
        self.assertIn("gate", report)
        self.assertIn("completed", self.ask(200, "GET", f"/scans/{job['id']}/log").text)

    def test_a_job_that_fails(self):
        app = self.repository("app", Dockerfile=BAD)
        job = self.scan("iac", app, "failed", branch="no-such-branch")
        self.assertIn("no-such-branch", job["reason"])
        state = self.get(f"/scans/{job['id']}")
        self.assertEqual((state["status"], state["scan"]), ("failed", None))
        self.ask(404, "GET", f"/scans/{job['id']}/report")
        self.ask(409, "POST", f"/scans/{job['id']}/cancel")
        self.ask(202, "POST", f"/scans/{job['id']}/retry")
        self.assertGreaterEqual(self.wait(job, "failed")["attempt"], 1)

    def test_what_may_not_be_scanned(self):
        for location in ("/etc", f"file://{self.root}/data", str(self.cwd / ".." / "data")):
            self.ask(403, "POST", "/scans/all", {"target": {"location": location}})
        for body in ({}, {"target": {"location": "ext::sh -c id"}},
                     {"target": {"location": "https://user:pw@example.com/a"}},
                     {"target": {"location": "https://example.com/a"}, "scaners": ["x"]},
                     {"target": {"location": "https://example.com/a"}, "branch": "--upload-pack=x"}):
            problem = self.ask(400, "POST", "/scans/all", body).json()
            self.assertTrue(problem["errors"], problem)
        self.assertEqual(self.get("/jobs")["items"], [])

    def test_the_same_request_again(self):
        app = self.repository("app", Dockerfile=BAD)
        key = {"Idempotency-Key": "one"}
        body = {"target": {"location": str(app)}}
        first = self.ask(202, "POST", "/scans/iac", body, headers=key).json()
        again = self.ask(202, "POST", "/scans/iac", body, headers=key).json()
        self.assertEqual(first["id"], again["id"])
        self.wait(first)
        self.assertEqual(len(self.get("/jobs")["items"]), 1)


class Imports(DaemonCase):
    def test_a_report_of_another_tool(self):
        job = self.import_report(SARIF, "https://git.example.com/team/app", branch="main",
                                 scanner="sarif", name="report.sarif")
        self.assertEqual(job["kind"], "import")
        self.assertNotIn("file", job["request"])
        found = self.get("/vulnerabilities?repository=https://git.example.com/team/app")["items"]
        self.assertEqual([(f["rule_id"], f["file_path"], f["branch"]) for f in found],
                         [("R1", "src/a.c", "main")])
        self.assertEqual([p.name for p in self.data.rglob("import-*")], [])  # it is read

    def test_a_report_that_is_none(self):
        path = "/imports?repository=a"
        job = self.ask(202, "POST", path, "no report",
                       headers={"Content-Type": "application/octet-stream"}).json()
        ended = self.wait(job, "failed", "completed")
        state = self.get(f"/scans/{job['id']}")
        self.assertNotEqual(state.get("gate_result"), "passed", ended)
        self.ask(400, "POST", "/imports", "x", headers={"Content-Type": "application/octet-stream"})

    def test_reports(self):
        hostile = json.loads(json.dumps(SARIF))
        hostile["runs"][0]["results"][0]["message"]["text"] = "<script>alert(1)</script>"
        hostile["runs"][0]["tool"]["driver"]["rules"][0]["shortDescription"]["text"] = "=cmd|' /C calc'!A1"
        self.import_report(hostile, "app", scanner="sarif")
        report = self.get("/reports/security")
        self.assertEqual(report["summary"]["findings"], 1)
        self.assertEqual(len(report["findings"]), 1)
        csv = self.ask(200, "GET", "/reports/security?format=csv")
        self.assertIn("attachment", csv.headers["Content-Disposition"])
        self.assertNotIn(",\"=cmd", csv.text)
        html = self.ask(200, "GET", "/reports/security?format=html")
        self.assertNotIn("<script", html.text)
        self.assertIn("default-src 'none'", html.headers["Content-Security-Policy"])
        sarif = self.get("/reports/security?format=sarif&repository=app")
        self.assertEqual(sarif["runs"][0]["tool"]["driver"]["name"], "Example")
        self.ask(400, "GET", "/reports/security?format=sarif")


class Scopes(DaemonCase):
    def test_what_others_may_not_see_is_not_there(self):
        self.import_report(SARIF, "https://git.example.com/mine/app", scanner="sarif")
        other = self.import_report(SARIF, "https://git.example.com/theirs/app", scanner="sarif")
        theirs = self.get("/vulnerabilities?repository=https://git.example.com/theirs/app")["items"][0]
        me = self.make_user("bob@example.com", ["security_engineer"],
                            ["https://git.example.com/mine/*"])
        mine = self.get("/vulnerabilities", token=me)["items"]
        self.assertEqual({f["repository"] for f in mine}, {"https://git.example.com/mine/app"})
        nobody = theirs["id"][:-4] + "0000"
        for path in (f"/vulnerabilities/{theirs['id']}", f"/vulnerabilities/{nobody}",
                     f"/vulnerabilities/{theirs['id']}/history", f"/scans/{other['id']}",
                     f"/scans/{other['scan_id']}", f"/scans/{other['id']}/report",
                     f"/jobs/{other['id']}"):
            self.ask(404, "GET", path, token=me)
        self.ask(404, "PUT", f"/vulnerabilities/{theirs['id']}", {"status": "IN_PROGRESS"}, token=me)
        self.ask(400, "POST", "/vulnerabilities/bulk",
                 {"ids": [mine[0]["id"], theirs["id"]], "status": "IN_PROGRESS"}, token=me)
        self.assertEqual(self.get(f"/vulnerabilities/{mine[0]['id']}", token=me)["status"], "OPEN")
        self.assertEqual(len(self.get("/jobs", token=me)["items"]), 1)
        self.assertEqual(len(self.get("/scans", token=me)["items"]), 1)
        self.ask(403, "POST", "/scans/all",
                 {"target": {"location": "https://git.example.com/theirs/app"}}, token=me)
        self.ask(403, "GET", "/users", token=me)

    def test_who_is_nobody(self):
        for method, path in (("GET", "/vulnerabilities"), ("POST", "/scans/all"), ("GET", "/jobs")):
            self.ask(401, method, path, {} if method == "POST" else None, token=None)
            self.ask(401, method, path, {} if method == "POST" else None, token="forged")
        self.ask(404, "GET", "/nothing")
        self.ask(405, "DELETE", "/vulnerabilities")


class Policies(DaemonCase):
    def test_packs_have_to_be_signed_where_keys_are_set(self):
        key, public = self.root / "key.pem", self.root / "public.pem"
        for args in (("genpkey", "-algorithm", "ed25519", "-out", key),
                     ("pkey", "-in", key, "-pubout", "-out", public)):
            subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)
        self.stop_daemon()
        self.settings = (f"policies.keys={public}",)
        self.start_daemon()
        self.token = self.login(ADMIN)
        self.run_it("policy", "new", "my-policy", "--for", "dockerfile", "--dir", self.cwd / "pack",
                    code=0)
        archive = self.cwd / "mine.tar"
        with tarfile.open(archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            tar.add(self.cwd / "pack", arcname=".")
        kind = {"Content-Type": "application/x-tar"}
        text = archive.read_bytes()
        self.ask(422, "POST", "/iac/policies?name=mine", text, headers=kind)
        self.run_it("policy", "sign", archive, "--key", key, code=0)
        signature = base64.b64encode((self.cwd / "mine.tar.sig").read_bytes()).decode()
        self.ask(201, "POST", "/iac/policies?name=mine", text,
                 headers=dict(kind, **{"X-Signature": signature}))
        self.ask(422, "POST", "/iac/policies?name=mine", text + b"\0" * 512,
                 headers=dict(kind, **{"X-Signature": signature}))
        self.assertEqual([p["signed"] for p in self.get("/iac/policies/packs")["items"]], [True])

    def test_documents_in_the_request(self):
        body = {"files": [{"path": "deploy/Dockerfile", "content": BAD}]}
        result = self.ask(200, "POST", "/iac/scan", body).json()
        self.assertEqual(result["result"], "failed")
        self.assertEqual({r["file_path"] for r in result["results"]}, {"deploy/Dockerfile"})
        self.assertNotIn("pass", {r["verdict"] for r in result["results"]})
        body["policies"] = ["no-such-policy"]
        self.ask(422, "POST", "/iac/scan", body)
        body = {"files": [{"path": "../x", "content": ""}]}
        self.ask(400, "POST", "/iac/scan", body)
        result = self.ask(200, "POST", "/iac/scan",
                          {"files": [{"path": "x.yaml", "content": "a: [\n"}]}).json()
        self.assertEqual(result["result"], "incomplete")  # nothing was judged

    def test_packs(self):
        self.run_it("policy", "new", "my-policy", "--for", "dockerfile", "--dir", self.cwd / "pack",
                    code=0)
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            tar.add(self.cwd / "pack", arcname=".")
        kind = {"Content-Type": "application/x-tar"}
        reply = self.ask(201, "POST", "/iac/policies?name=mine", raw.getvalue(), headers=kind).json()
        self.assertEqual((reply["name"], reply["tests"]["failed"]), ("mine", 0))
        ids = {p["id"] for p in self.get("/iac/policies")["policies"]}
        self.assertTrue({"my-policy", "docker-user-missing"} <= ids)
        self.assertEqual(self.get("/iac/policies/my-policy")["id"], "my-policy")
        job = self.scan("iac", self.repository("app", Dockerfile=BAD))  # in force with the next job
        bundles = self.get(f"/scans/{job['id']}/report")["policies"]["bundles"]
        self.assertTrue([b for b in bundles if b["path"].endswith("/mine.tar")], bundles)
        self.ask(422, "POST", "/iac/policies?name=broken", b"no archive", headers=kind)
        self.assertEqual([p["name"] for p in self.get("/iac/policies/packs")["items"]], ["mine"])
        self.ask(204, "DELETE", "/iac/policies/packs/mine")
        self.ask(404, "GET", "/iac/policies/my-policy")
        self.assertIn("cis-docker", {f["id"] for f in self.get("/iac/compliance/frameworks")["frameworks"]})

    def test_waivers(self):
        made = self.ask(201, "POST", "/waivers", {
            "policy": "docker-user-missing", "path": "Dockerfile", "reason": "a base image"}).json()
        self.assertEqual(made["owner"], "admin@example.com")
        body = {"files": [{"path": "Dockerfile", "content": BAD}],
                "policies": ["docker-user-missing"]}
        self.assertEqual(self.ask(200, "POST", "/iac/scan", body).json()["result"], "passed")
        self.ask(400, "POST", "/waivers", {"policy": "*", "reason": "all"})
        job = self.scan("iac", self.repository("app", Dockerfile=BAD))  # scans take it as well
        found = {f["rule_id"]: f for f in self.get(f"/scans/{job['id']}/findings")["items"]}
        self.assertIn("suppressions", found["docker-user-missing"])
        self.ask(204, "DELETE", f"/waivers/{made['id']}")
        self.assertEqual(self.ask(200, "POST", "/iac/scan", body).json()["result"], "failed")


if __name__ == "__main__":
    unittest.main()
