"""Scanners described in YAML: they take part like plugins, and nothing that goes wrong is clean."""
import json
import os
import re
import unittest

from harness import GATE, INCOMPLETE, PASSED, SOURCE, USAGE, Case
from test_real import TOOLS

EXAMPLES = SOURCE / "examples" / "described"
GUIDE = SOURCE / "docs" / "described-scanners.md"

JSON = """\
name: acme
title: Acme Audit
summary: Finds what Acme finds.
install: apt-get install acme
finds: [SAST]
targets: [directory, file]
programs: [acme]
detect: ["*.c"]
command: [acme, --out, "{report}", "{options}", "{target}"]
when_offline: [--no-net]
exclude: {flag: --skip}
env: {ACME_CACHE: "{cache_dir}/acme"}
report: {format: json}
exit_codes: {ok: [0, 1], incomplete: [3]}
findings: results
errors: errors
fields: {rule_id: id, title: text, severity: level, file_path: file, line: line, cwe: cwe}
severity_map: {bad: HIGH, "*": LOW}
sniff: {keys: [results, acme_version]}
"""
SARIF = """\
name: acme
finds: [SAST]
programs: [acme]
command: [acme, "{target}"]
report: {format: sarif, from: stdout}
"""
FINDING = {"id": "A1", "text": "weak code", "level": "bad", "file": "src/a.c", "line": 2, "cwe": 79}
LOG = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Acme", "rules": []}}, "results": [
    {"ruleId": "R1", "level": "error", "message": {"text": "weak here"}, "locations": [
        {"physicalLocation": {"artifactLocation": {"uri": "src/a.c"},
                              "region": {"startLine": 4}}}]}]}]}


def results(*items, **more):
    return json.dumps({"acme_version": "1", "results": items, **more})


def program(report, code=0, err="", stdout=False, before=":"):
    """Writes `report` (None: nothing) to the argument after --out, or to standard output."""
    if report is None:
        write = ":"
    else:
        to = "" if stdout else '>"$out"'
        write = f"cat {to} <<'REPORT'\n{report}\nREPORT"
    return f"""#!/bin/sh
case $1 in --version) echo acme 4.5.6; exit 0 ;; esac
args="$*"
while [ $# -gt 0 ]; do
    case $1 in --out) out=$2 ;; esac
    shift
done
{before}
{write}
printf '%s' "{err}" >&2
exit {code}
"""


class Acme(Case):
    def setUp(self):
        super().setUp()
        self.plugins = self.root / "plugins"
        self.plugins.mkdir()
        self.write("repo/src/a.c", "int main(void)\n{\n    gets(0);\n    return 0;\n}\n")

    def describe(self, text, name="acme"):
        path = self.plugins / f"{name}.yaml"
        path.write_text(text)
        return path

    def acme(self, text=JSON, **kw):
        """Describes acme, with `kw` for the program it is."""
        self.describe(text)
        if kw:
            self.tool("acme", program(**kw))

    def scan(self, *args, code=None, target="repo", **kw):
        result, report = self.report("scan", "--plugins", self.plugins, "--scanners", "acme", *args,
                                     target, code=code, **kw)
        return self.run_of(report, "acme"), report


class Described(Acme):
    # ---- it is a scanner as any other
    def test_json(self):
        self.acme(report=results(FINDING, {"id": 7, "level": "odd"}), code=1)
        run, report = self.scan(code=GATE)
        self.assertEqual((run["status"], run["version"]), ("completed", "4.5.6"))
        f = {x["rule_id"]: x for x in report["findings"]}
        self.assertEqual(f["A1"]["severity"], "HIGH")
        self.assertEqual(f["A1"]["vulnerability_type"], "SAST")
        self.assertEqual((f["A1"]["file_path"], f["A1"]["line_number"]), ("src/a.c", 2))
        self.assertEqual(f["A1"]["cwe_ids"], ["CWE-79"])
        self.assertEqual(f["A1"]["tools"][0]["name"], "Acme Audit")
        self.assertEqual(f["7"]["severity"], "LOW")

    def test_sarif_on_standard_output(self):
        self.acme(SARIF, report=json.dumps(LOG), stdout=True)
        run, report = self.scan(code=GATE)
        self.assertEqual(run["status"], "completed")
        self.assertEqual(report["findings"][0]["rule_id"], "R1")
        self.assertEqual(report["findings"][0]["file_path"], "src/a.c")

    def test_nothing_found(self):
        self.acme(report=results())
        run, report = self.scan(code=PASSED)
        self.assertEqual((run["status"], report["findings"]), ("completed", []))

    def test_detection_decides_whether_it_runs(self):
        self.acme(report=results(FINDING))
        r = self.run_it("scan", "--plugins", self.plugins, "--dry-run", "repo", code=PASSED)
        self.assertRegex(r.out, r"(?m)^acme +run")
        self.write("other/a.py", "x = 1\n")
        r = self.run_it("scan", "--plugins", self.plugins, "--dry-run", "other", code=PASSED)
        self.assertNotRegex(r.out, r"(?m)^acme +run")

    def test_list_info_doctor(self):
        self.acme(report=results())
        r = self.run_it("plugin", "list", "--plugins", self.plugins, "--format", "json")
        found = {p["name"]: p for p in r.json()["plugins"]}
        self.assertEqual(found["acme"]["path"], str(self.plugins / "acme.yaml"))
        self.assertEqual(found["acme"]["finds"], "SAST")
        self.assertNotIn("described", found)
        self.assertIn("bandit", found)
        r = self.run_it("plugin", "info", "acme", "--plugins", self.plugins, code=PASSED)
        self.assertIn("acme: Finds what Acme finds.", r.out)
        self.assertIn("directory,file", r.out)
        r = self.run_it("doctor", "--plugins", self.plugins)
        self.assertRegex(r.out, r"(?m)^acme +ready +4\.5\.6 ")
        self.run_it("plugin", "info", "described", code=USAGE)
        r = self.run_it("scan", "--scanners", "described", "repo", code=USAGE)
        self.assertIn("no scanner \"described\"", r.err)

    def test_program_that_is_missing(self):
        self.acme()
        run, _ = self.scan(code=INCOMPLETE)
        self.assertEqual(run["status"], "missing")
        r = self.run_it("doctor", "--plugins", self.plugins)
        self.assertRegex(r.out, r"(?m)^acme +missing +- +apt-get install acme$")

    def test_command_line(self):
        self.acme(report="", before='printf \'{"results":[{"id":"%s","level":"%s"}]}\' "$args" '
                                    '"$ACME_CACHE" >"$out.new"',
                  code='$(mv "$out.new" "$out"; echo 0)')
        self.write("repo/.gitignore", "vendor/\n")
        self.write("repo/vendor/x.c", "int x;\n")
        self.write("repo/-rf/x.c", "int x;\n")
        run, report = self.scan("--offline", "--exclude", "-rf", "--fail-on", "none", code=PASSED)
        seen = report["findings"][0]["rule_id"]
        self.assertIn("/report-1.json --skip vendor --no-net ", seen)
        self.assertTrue(seen.endswith("/repo"), seen)
        self.assertNotIn("-rf", seen)

    def test_network_scanner_offline(self):
        self.acme(JSON + "network: true\n", report=results(FINDING))
        run, _ = self.scan("--offline", code=INCOMPLETE)
        self.assertEqual(run["status"], "skipped")
        self.assertIn("needs the network", run["reason"])

    def test_files_instead_of_the_folder(self):
        self.acme(JSON.replace('"{target}"]', '"{files}"]'), report=results(FINDING),
                  before='case $args in */repo/-o.c\\ */repo/src/a.c) ;; *) exit 9 ;; esac')
        self.write("repo/-o.c", "int o;\n")
        run, _ = self.scan(code=GATE)
        self.assertEqual(run["status"], "completed", run)
        self.tool("acme", program(results(FINDING),
                                  before='case $args in */repo/src/a.c) ;; *) exit 9 ;; esac'))
        run, report = self.scan(code=GATE, target="repo/src/a.c")
        self.assertEqual(run["status"], "completed", run)

    def test_configuration(self):
        self.acme(report=results(FINDING))
        self.scan("--set", "scanners.acme.timeout=9s", code=GATE)
        r = self.run_it("scan", "--plugins", self.plugins, "--set", "scanners.acme.depth=1", "repo",
                        code=USAGE)
        self.assertIn("scanners.acme.depth", r.err)
        r = self.run_it("scan", "--plugins", self.plugins, "--set", "scanners.acme.enabled=false",
                        "--dry-run", "repo")
        self.assertRegex(r.out, r"(?m)^acme +skip")

    # ---- import
    def test_import_by_name_and_by_keys(self):
        self.acme()
        self.write("r.json", results(FINDING))
        for how in (("--scanner", "acme"), ()):
            r, report = self.report("import", "--plugins", self.plugins, *how, "r.json", code=GATE)
            self.assertEqual(self.run_of(report, "acme")["status"], "completed")
            self.assertEqual(report["findings"][0]["rule_id"], "A1")
        self.write("other.json", json.dumps({"results": [FINDING]}))
        r, report = self.report("import", "--plugins", self.plugins, "other.json", code=INCOMPLETE)
        self.assertIn("not a report of a known tool", report["scanners"][0]["reason"])
        self.assertIn("acme", report["scanners"][0]["reason"])

    def test_import_of_a_list(self):
        self.acme(JSON.replace("findings: results\n", "findings: .\n").replace("errors: errors\n", "")
                  .replace("keys: [results, acme_version]", "keys: [id, level, cwe]"))
        self.write("r.json", json.dumps([FINDING, dict(FINDING, line=3)]))
        r, report = self.report("import", "--plugins", self.plugins, "r.json", code=GATE)
        self.assertEqual(len(report["findings"]), 2)

    def test_import_sarif_by_name(self):
        self.acme(SARIF)
        self.write("r.sarif", json.dumps(LOG))
        r, report = self.report("import", "--plugins", self.plugins, "--scanner", "acme", "r.sarif",
                                code=GATE)
        self.assertEqual(report["findings"][0]["rule_id"], "R1")

    def test_two_described_ones(self):
        """The more keys a report has to have, the surer."""
        self.acme()
        self.describe(JSON.replace("name: acme", "name: other").replace(
            "keys: [results, acme_version]", "keys: [results]"), "other")
        self.write("r.json", results(FINDING))
        self.write("o.json", json.dumps({"results": [FINDING]}))
        r, report = self.report("import", "--plugins", self.plugins, "r.json", "o.json", code=GATE)
        self.assertEqual([s["name"] for s in report["scanners"]], ["acme", "other"])

    # ---- what is not trusted
    def ends(self, status, words, text=JSON, **kw):
        self.acme(text, **kw)
        run, report = self.scan("--fail-on", "none", "--timeout", "20s", code=INCOMPLETE)
        self.assertEqual(run["status"], status, run)
        self.assertIn(words, run["reason"], run)
        return report

    def test_exit_statuses(self):
        self.ends("failed", "Acme Audit failed with exit status 2: cannot read the rules",
                  report=results(FINDING), code=2, err="cannot read the rules")
        report = self.ends("incomplete", "status 3, an incomplete scan: b.c was not parsed",
                           report=results(FINDING), code=3, err="b.c was not parsed")
        self.assertEqual(len(report["findings"]), 1)
        self.ends("failed", "exit status 2: no such rule set", SARIF, stdout=True, code=2,
                  report="no such rule set")
        self.ends("failed", "exit status 2", SARIF, stdout=True, code=2, report='{"a": "hidden"}')
        run, _ = self.scan(code=INCOMPLETE)
        self.assertNotIn("hidden", run["reason"])
        self.ends("failed", "signal 9", report=results(), before="kill -9 $$")

    def test_reports_that_are_none(self):
        for what in ({}, {"text": SARIF, "stdout": True}):
            with self.subTest(**what):
                self.ends("failed", "report", report=None, **what)
                self.ends("failed", "empty", report="", **what)
                self.ends("failed", "", report="no JSON at all", **what)
                self.ends("failed", "", report='{"results": [', **what)
                self.ends("failed", "", report='{"runs": [{"results": [', **what)
                self.ends("failed", "", report="[]", **what)
                self.ends("failed", "", report="{}", **what)
                self.ends("failed", "", report="null", **what)
        self.ends("failed", 'no list at "results"', report='{"result": []}')
        self.ends("failed", '"results" is null', report='{"results": null}')
        self.ends("failed", "something follows", report=results() + results())

    def test_items_without_a_rule(self):
        report = self.ends("incomplete", "2 items of the report were not understood",
                           report=results(FINDING, {"text": "x"}, 7))
        self.assertEqual(len(report["findings"]), 1)
        self.ends("failed", "none of its 1 items", report=results({"text": "x"}))

    def test_errors_of_the_report(self):
        self.ends("incomplete", "cannot parse b.c",
                  report=results(errors=[{"message": "cannot parse b.c"}]))

    def test_a_severity_that_is_never_there(self):
        self.ends("incomplete", 'nothing at "level"', report=results({"id": "A1", "severity": "bad"}))

    def test_hang(self):
        self.acme(report=results(), before="sleep 100")
        run, _ = self.scan("--timeout", "1s", code=INCOMPLETE)
        self.assertEqual(run["status"], "timeout")

    def test_endless(self):
        self.acme(SARIF, report="", stdout=True, before="yes")
        run, _ = self.scan("--set", "scan.output_limit=1MB", code=INCOMPLETE)
        self.assertEqual(run["status"], "failed")

    def test_hostile_values(self):
        deep = "[" * 200 + "]" * 200
        odd = ('{"results":[{"id":"\\u001b[31mx\\u0000\\u202e","text":"' + "x" * 200000 + '","level":'
               '{"a":1},"file":"../../../../etc/passwd","line":99999999999999999999,"cwe":'
               + deep + '},{"id":true,"text":["a"],"level":-1,"file":7,"line":"9-12",'
               '"cwe":{"a":"b"}}]}')
        self.acme(report=odd)
        run, report = self.scan("--fail-on", "none")
        self.assertEqual(len(report["findings"]), 2)
        for f in report["findings"]:
            self.assertFalse(f["file_path"].startswith(("/", "..")))
        r = self.run_it("scan", "--plugins", self.plugins, "--scanners", "acme", "repo")
        self.assertNotIn("\x1b", r.out)
        self.assertNotIn("\u202e", r.out)

    def test_secrets_stay_in_the_worker(self):
        secret = "hunter2-Xk29fLqp38Zt"
        self.acme(JSON.replace("[SAST]", "[SECRET]").replace("cwe: cwe", "secret: value"),
                  report=results(dict(FINDING, value=secret, text=f"password {secret}")))
        r, report = self.report("scan", "--plugins", self.plugins, "--scanners", "acme", "repo",
                                code=GATE)
        self.assertNotIn(secret, r.text)
        self.assertEqual(report["findings"][0]["vulnerability_type"], "SECRET")

    # ---- bad descriptors
    def test_bad_descriptor(self):
        self.acme(JSON.replace("severity_map: {bad: HIGH", "severity_map: {bad: HIHG"),
                  report=results())
        r = self.run_it("plugin", "list", "--plugins", self.plugins, code=PASSED)
        self.assertRegex(r.out, r"(?m)^acme .*cannot be used: \S+/acme.yaml:18:21: severity_map: "
                                r"\"HIHG\" .*did you mean HIGH\?")
        r = self.run_it("doctor", "--plugins", self.plugins, code=INCOMPLETE)
        self.assertRegex(r.out, r"(?m)^acme +broken ")
        run, _ = self.scan(code=INCOMPLETE)
        self.assertEqual(run["status"], "failed")
        self.assertIn("acme.yaml:18:21", run["reason"])
        self.run_it("scan", "--plugins", self.plugins, "--skip", "bandit", "repo", code=INCOMPLETE)

    def test_who_may_write_it(self):
        self.acme(report=results())
        path = self.plugins / "acme.yaml"
        for mode in (0o664, 0o606):
            path.chmod(mode)
            run, _ = self.scan(code=INCOMPLETE)
            self.assertIn("expected no write permission", run["reason"])
        path.chmod(0o644)
        self.plugins.chmod(0o777)
        run, _ = self.scan(code=INCOMPLETE)
        self.assertIn("expected no write permission", run["reason"])

    def test_only_plugin_folders_are_searched(self):
        """What is scanned, and the current folder, never say what is run."""
        self.tool("acme", "#!/bin/sh\n: >/tmp/sco-described-was-run\n")
        for place in ("repo", "repo/plugins", "repo/.secureops", ".", "plugins"):
            self.write(f"{place}/acme.yaml", JSON)
        for cwd in (self.cwd, self.cwd / "repo"):
            r = self.run_it("plugin", "list", "--format", "json", cwd=cwd)
            self.assertNotIn("acme", [p["name"] for p in r.json()["plugins"]])
            r = self.run_it("scan", "--dry-run", ".", cwd=cwd, code=PASSED)
            self.assertNotIn("acme", r.out)
        self.write("secureops.yaml", "tools: {plugins: [plugins]}\n")
        r = self.run_it("scan", "repo", code=USAGE)
        self.assertIn("tools: not taken from a file", r.err)

    def test_which_one_of_a_name(self):
        """An earlier folder outranks a later one; in one folder, a plugin outranks a description."""
        self.describe(SARIF.replace("name: acme", "name: bandit"), "bandit")
        r = self.run_it("plugin", "list", "--plugins", self.plugins, "--format", "json")
        found = [p["path"] for p in r.json()["plugins"] if p["name"] == "bandit"]
        self.assertEqual(found, [str(self.plugins / "bandit.yaml")])
        os.symlink("/nonexistent", self.plugins / "bandit.so")
        r = self.run_it("plugin", "list", "--plugins", self.plugins, "--format", "json")
        found = [p["path"] for p in r.json()["plugins"] if p["name"] == "bandit"]
        self.assertEqual(found, [str(self.plugins / "bandit.so")])


class Guide(Acme):
    """What the documentation shows is what works."""

    def test_the_example(self):
        text = GUIDE.read_text()
        self.describe(re.search(r"```yaml\n(name: acme.*?)```", text, re.DOTALL)[1])
        self.write("r.json", re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])
        r, report = self.report("import", "--plugins", self.plugins, "r.json", code=GATE)
        f = report["findings"][0]
        self.assertEqual((f["rule_id"], f["severity"], f["file_path"], f["line_number"]),
                         ("AC101", "HIGH", "src/page.acme", 12))

    def test_every_key_is_there(self):
        """Keys come from the tables of the code."""
        code = (SOURCE / "core" / "engine" / "descriptor.c").read_text()
        keys = set(re.findall(r'(?:STR|LIST)\("(\w+)"\)|\.name = "(\w+)"', code))
        keys = {a or b for a, b in keys} | {"env", "severity_map"}
        self.assertGreater(len(keys), 40)
        text = GUIDE.read_text()
        for key in keys:
            self.assertTrue(f"`{key}`" in text or f"{key}:" in text, f"{key} is not documented")


class Examples(Case):
    """The real programs, as far as they are installed, with a file that they cannot read."""

    def scan(self, name):
        self.env["SECUREOPS_TOOLS"] = str(TOOLS)
        info = self.run_it("plugin", "info", name, "--plugins", EXAMPLES, "--format", "json",
                           code=PASSED).json()
        if not info.get("program"):
            self.skipTest(f"{name} is not installed ({info['install']})")
        r, report = self.report("scan", "--plugins", EXAMPLES, "--scanners", name, "--fail-on",
                                "none", "repo")
        return self.run_of(report, name), {(f["rule_id"], f["file_path"], f["line_number"])
                                           for f in report["findings"]}

    def test_all_are_usable(self):
        r = self.run_it("plugin", "list", "--plugins", EXAMPLES, "--format", "json")
        found = {p["name"]: p for p in r.json()["plugins"]}
        names = [p.stem for p in EXAMPLES.glob("*.yaml")]
        self.assertGreaterEqual(len(names), 3)
        for name in names:
            self.assertNotIn("error", found[name])

    def test_flawfinder(self):
        self.write("repo/a.c", "#include <stdio.h>\nint f(char *b)\n{\n    gets(b);\n}\n")
        run, found = self.scan("flawfinder")
        self.assertEqual(run["status"], "completed", run)
        self.assertIn(("FF1014", "a.c", 4), found)
        self.write("repo/latin.c", b"/* caf\xe9 */\n")
        run, _ = self.scan("flawfinder")
        self.assertEqual(run["status"], "failed", run)
        self.assertIn("exit status 15", run["reason"])

    def test_hadolint(self):
        self.write("repo/sub/Dockerfile", "FROM debian\n")
        run, found = self.scan("hadolint")
        self.assertEqual((run["status"], found), ("completed", {("DL3006", "sub/Dockerfile", 1)}))
        self.write("repo/x.dockerfile", "FRM debian\n")
        run, found = self.scan("hadolint")
        self.assertEqual((run["status"], found), ("incomplete", {("DL3006", "sub/Dockerfile", 1)}))
        self.assertIn("x.dockerfile: unexpected 'F'", run["reason"])

    def test_shellcheck(self):
        self.write("repo/-a.sh", "#!/bin/sh\nrm $1\n")
        run, found = self.scan("shellcheck")
        self.assertEqual((run["status"], found), ("completed", {("SC2086", "-a.sh", 2)}))
        self.write("repo/b.sh", "#!/bin/sh\nif x; then\n")
        run, found = self.scan("shellcheck")
        self.assertEqual(run["status"], "incomplete", run)
        self.assertIn(("SC2086", "-a.sh", 2), found)


if __name__ == "__main__":
    unittest.main()
