"""A scan that makes an SBOM: on the command line, through the daemon, for a release."""
import http.client
import json
import os
import pathlib
import time
import unittest

import webhooks
from daemon import DaemonCase
from harness import INCOMPLETE, PASSED, USAGE, Case

TOOLS = pathlib.Path(os.environ.get("SECUREOPS_TOOLS") or
                     pathlib.Path(os.environ.get("XDG_DATA_HOME") or
                                  pathlib.Path.home() / ".local" / "share") / "secureops" / "tools")

LOCK = {"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "packages": {
    "": {"name": "shop", "version": "1.0.0", "dependencies": {"left-pad": "1.3.0"}},
    "node_modules/left-pad": {
        "version": "1.3.0",
        "resolved": "https://registry.example/left-pad/-/left-pad-1.3.0.tgz",
        "integrity": "sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy/"
                     "aVx2HrNcqQGsdot8ghrjyrvMCoEA=="}}}


def document(n, **changes):
    return json.dumps({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "components": [{"type": "library", "name": f"pkg-{i}", "version": "1.0",
                        "description": "\"größer\"\\ 😀" * 20} for i in range(n)],
        **changes}, ensure_ascii=False, indent=1)


def syft(text, code=0, err=""):
    """A program that behaves like syft: writes `text` where it is told to."""
    return f"""#!/bin/sh
case $1 in --version) echo syft 1.18.1; exit 0 ;; esac
for a; do
    case $a in cyclonedx-json=*) out=${{a#*=}} ;; esac
done
echo '{err}' >&2
cat >"$out" <<'DOCUMENT'
{text}
DOCUMENT
exit {code}
"""


class CommandLine(Case):
    def setUp(self):
        super().setUp()
        self.write("shop/package-lock.json", json.dumps(LOCK))
        self.out = self.cwd / "sbom.cdx.json"

    def scan(self, *args, code=None, program="syft"):
        return self.report("scan", "--scanners", "sbom", "--set",
                           f"scanners.sbom.program={program}", *args, code=code)

    def test_it_is_kept_whole(self):
        text = document(4000)  # several records
        self.tool("trivy", "#!/bin/sh\nexit 1\n")
        self.tool("syft", syft(text))
        result, report = self.scan("--sbom", self.out, "shop", code=PASSED)
        self.assertGreater(len(text), 1 << 20)
        self.assertEqual(self.out.read_text(), text + "\n")
        self.assertEqual(report["sbom"], {"format": "CycloneDX", "spec_version": "1.6",
                                          "components": 4000, "complete": True})
        self.assertIn("CycloneDX 1.6, 4000 components\n", result.err)
        self.assertEqual([p.name for p in self.cwd.iterdir() if "sbom" in p.name],
                         ["sbom.cdx.json"])

    def test_what_is_none_leaves_nothing(self):
        self.tool("trivy", "#!/bin/sh\nexit 1\n")
        self.out.write_text("of an earlier scan")
        for text, code in ((document(3)[:-40], 0), (document(0), 0), ("", 0), (document(3), 1),
                           (document(3, bomFormat="SPDX"), 0)):
            with self.subTest(text=text[-60:], code=code):
                self.tool("syft", syft(text, code))
                result, report = self.scan("--sbom", self.out, "shop", code=INCOMPLETE)
                self.assertNotIn("sbom", report)
                self.assertIn("there is no SBOM", result.err)
                self.assertEqual(self.out.read_text(), "of an earlier scan")

    def test_a_partial_one_says_so(self):
        self.tool("trivy", "#!/bin/sh\nexit 1\n")
        self.tool("syft", syft(document(2), err="cataloger returned errors error=bad lock"))
        result, report = self.scan("--sbom", self.out, "shop", code=INCOMPLETE)
        self.assertIs(report["sbom"]["complete"], False)
        self.assertIn("error=bad lock", self.run_of(report, "sbom")["reason"])
        self.assertIn("2 components, incomplete\n", result.err)

    def test_only_when_asked_for(self):
        self.tool("trivy", "#!/bin/sh\nexit 1\n")
        self.tool("syft", syft(document(2)))
        _, report = self.report("scan", "--skip", "trivy,semgrep,checkov", "shop")
        self.assertEqual([r for r in report["scanners"] if r["name"] == "sbom"], [])
        _, report = self.scan("shop", code=INCOMPLETE)  # but it is not said where to
        self.assertIn("--sbom PATH", self.run_of(report, "sbom")["reason"])

    def test_it_stands_for_no_scanner(self):
        """An SBOM alone does not say that a target is clean."""
        self.tool("trivy", "#!/bin/sh\nexit 1\n")
        self.tool("syft", syft(document(2)))
        plugins = self.run_it("plugin", "list", "--format", "json", code=PASSED).json()["plugins"]
        others = ",".join(p["name"] for p in plugins
                          if p["kind"] == "scanner" and p["name"] != "sbom")
        _, report = self.report("scan", "--skip", others, "--set", "scanners.sbom.program=syft",
                                "--sbom", self.out, "shop", code=INCOMPLETE)
        self.assertEqual(self.run_of(report, "secureops")["reason"],
                         "no scanner looked at this target")
        self.assertTrue(self.out.exists())

    def test_missing_program(self):
        self.tool("trivy", "#!/bin/sh\nexit 1\n")
        _, report = self.scan("--sbom", self.out, "shop", code=INCOMPLETE, program="cdxgen")
        self.assertIn("cdxgen is not installed", self.run_of(report, "sbom")["reason"])

    def test_usage(self):
        self.write("other/a.txt", "a")
        for args, words in ((("--sbom", self.out, "shop", "other"), "--sbom is for one target"),
                            (("--sbom", "-", "shop"), "path of a file"),
                            (("--sbom", "nowhere/sbom.json", "shop"), "nowhere")):
            result = self.run_it("scan", *args, code=None)
            self.assertIn(words, result.err)
            self.assertNotEqual(result.code, PASSED)
        self.assertEqual(self.run_it("scan", "--sbom", self.out, "shop", "other").code, USAGE)

    # ---- real programs
    def real(self, program):
        if not (TOOLS / "bin" / program).exists():
            self.skipTest(f"{program} is not installed in {TOOLS}")
        self.env["SECUREOPS_TOOLS"] = str(TOOLS)
        _, report = self.scan("--sbom", self.out, "--offline", "shop", code=PASSED, program=program)
        names = [c["name"] for c in json.loads(self.out.read_text())["components"]]
        self.assertIn("left-pad", names)
        self.assertEqual(report["sbom"]["components"], len(names))
        self.write("shop/requirements.txt", "jinja2==3.1.4\n")
        self.write("shop/package-lock.json", '{"name": "shop", "lockf')
        _, report = self.scan("--sbom", self.out, "--offline", "shop", code=INCOMPLETE,
                              program=program)
        self.assertIn("package-lock.json", self.run_of(report, "sbom")["reason"])
        self.assertIs(report["sbom"]["complete"], False)
        names = [c["name"] for c in json.loads(self.out.read_text())["components"]]
        self.assertIn("jinja2", [n.lower() for n in names])
        for name in ("package-lock.json", "requirements.txt"):
            (self.cwd / "shop" / name).unlink()
        self.write("shop/README.md", "nothing to list")
        _, report = self.scan("--sbom", self.out, "--offline", "shop", code=INCOMPLETE,
                              program=program)
        self.assertIn("found no component", self.run_of(report, "sbom")["reason"])

    def test_real_trivy(self):
        self.real("trivy")

    def test_real_syft(self):
        self.real("syft")

    def test_real_osv_scanner(self):
        """What is in the folder is no configuration: this would leave the package out."""
        self.write("shop/osv-scanner.toml", '[[PackageOverrides]]\nname = "left-pad"\n'
                                            'ecosystem = "npm"\nignore = true\n')
        self.real("osv-scanner")


class Daemon(DaemonCase):
    def test_it_is_an_artifact(self):
        text = document(3)
        self.tool("syft", syft(text))
        shop = self.repository("shop", **{"package-lock.json": json.dumps(LOCK)})
        location = f"file://{shop}"
        job = self.scan("sca", location, sbom=True)  # whatever finds what
        reply = self.ask(200, "GET", f"/scans/{job['id']}/sbom")
        self.assertEqual(reply.text, text + "\n")
        self.assertEqual(reply.headers["Content-Type"], "application/vnd.cyclonedx+json")
        report = self.get(f"/scans/{job['id']}/report")
        self.assertEqual(report["sbom"]["components"], 3)
        self.assertEqual(self.run_of(report, "sbom")["status"], "completed")
        job = self.scan("sca", location)
        self.ask(404, "GET", f"/scans/{job['id']}/sbom")
        self.assertEqual([r for r in self.get(f"/scans/{job['id']}/report")["scanners"]
                          if r["name"] == "sbom"], [])
        self.ask(400, "POST", "/scans/dast", {"target": {"kind": "url", "location":
                                                         "http://127.0.0.1:1/"}, "sbom": True})

    def test_a_program_is_missing(self):
        shop = self.repository("shop", **{"package-lock.json": json.dumps(LOCK)})
        job = self.scan("all", f"file://{shop}", sbom=True)
        self.ask(404, "GET", f"/scans/{job['id']}/sbom")
        report = self.get(f"/scans/{job['id']}/report")
        run = self.run_of(report, "sbom")
        self.assertEqual((run["status"], run["counts"]), ("missing", True))
        self.assertIn("one of trivy, syft, cdxgen and osv-scanner", run["hint"])
        self.assertEqual(report["gate"]["result"], "incomplete")

    def test_auto(self):
        """Made where a program is; a notice where none is; incomplete where one fails."""
        shop = self.repository("shop", Dockerfile="FROM alpine:3.20@sha256:" + "a" * 64 + "\nUSER 1\n")
        how = {"sbom": "auto", "scanners": ["policies"]}
        job = self.scan("all", f"file://{shop}", **how)
        self.assertEqual(job["request"]["sbom"], "auto")
        report = self.get(f"/scans/{job['id']}/report")
        run = self.run_of(report, "sbom")
        self.assertEqual((run["status"], run["counts"]), ("missing", False))
        self.assertIn("no program that makes one is installed", run["reason"])
        self.assertIn("one of trivy, syft, cdxgen and osv-scanner", run["hint"])
        self.assertEqual(report["gate"]["result"], "passed", report["gate"])
        self.ask(404, "GET", f"/scans/{job['id']}/sbom")
        self.tool("syft", syft(document(3)))
        job = self.scan("all", f"file://{shop}", **how)
        self.assertIn("CycloneDX", self.ask(200, "GET", f"/scans/{job['id']}/sbom").text)
        self.tool("syft", syft("", 1))
        job = self.scan("all", f"file://{shop}", **how)
        report = self.get(f"/scans/{job['id']}/report")
        self.assertEqual(report["gate"]["result"], "incomplete")
        self.ask(400, "POST", "/scans/all", {"target": {"location": f"file://{shop}"}, "sbom": "maybe"})

    def test_the_command_line_gets_it(self):
        text = document(5)
        self.tool("syft", syft(text))
        shop = self.repository("shop", **{"package-lock.json": json.dumps(LOCK)})
        env = {"SECUREOPS_SERVER": self.url, "SECUREOPS_TOKEN": self.token}
        out = self.root / "out.cdx.json"
        result = self.run_it("scan", "--server", self.url, "--scanners", "sbom", "--sbom", out,
                             f"file://{shop}", env=env, code=PASSED)
        self.assertEqual(out.read_text(), text + "\n")
        self.assertIn("CycloneDX 1.6, 5 components\n", result.err)


class Release(DaemonCase):
    """The default rules: a release is scanned and has an SBOM; a push has none."""

    @property
    def config(self):
        return webhooks.config(self.root)

    def send(self, event, payload):
        body, headers = webhooks.signed(event, payload)
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            c.request("POST", "/webhook/github", body=body, headers=headers)
            self.assertEqual(c.getresponse().status, 202)
        finally:
            c.close()

    def test_sbom_of_the_rule(self):
        self.send("release", {
            "action": "published", "repository": webhooks.REPOSITORY, "sender": webhooks.SENDER,
            "release": {"id": 3, "tag_name": "v1.0", "name": "One", "draft": False,
                        "prerelease": False, "target_commitish": "main",
                        "created_at": "2026-11-20T09:00:00Z",
                        "published_at": "2026-11-20T09:30:00Z",
                        "html_url": "https://127.0.0.1:1/acme/shop/releases/v1.0"}})
        self.send(*webhooks.push(1))
        until = time.monotonic() + 30
        jobs = []
        while len(jobs) < 2 and time.monotonic() < until:
            time.sleep(0.1)
            jobs = [j for j in self.get("/jobs?limit=50")["items"] if j["kind"] == "scan"]
        requests = {j["request"]["branch"].split("/")[-1]: j["request"] for j in jobs}
        self.assertEqual(requests["v1.0"]["sbom"], "auto")
        self.assertNotIn("sbom", requests["main"])


if __name__ == "__main__":
    unittest.main()
