"""Commands, options and messages: what does not need a scanner."""
import os
import pty
import re
import subprocess
import unittest

from fakes import gitleaks
from harness import GATE, PASSED, SECUREOPS, SOURCE, USAGE, Case


class Help(Case):
    def test_version(self):
        for args in (("version",), ("--version",)):
            r = self.run_it(*args, code=PASSED)
            self.assertRegex(r.out, r"^secureops \d+\.\d+\.\d+\n")
            self.assertRegex(r.out, r"plugin ABI 1\.\d+")
            self.assertEqual(r.err, "")

    def test_help_on_stdout(self):
        for args in (("help",), ("--help",), ("-h",)):
            r = self.run_it(*args, code=PASSED)
            for command in ("scan", "import", "plugin", "doctor", "config", "version"):
                self.assertIn(f"\n  {command} ", r.out)
            self.assertEqual(r.err, "")

    def test_help_of_each_command(self):
        for command in ("scan", "import", "plugin", "doctor", "config"):
            a = self.run_it(command, "--help", code=PASSED)
            b = self.run_it("help", command, code=PASSED)
            self.assertEqual(a.out, b.out)
            self.assertIn(f"Usage: secureops {command}", a.out)
            self.assertIn("--config", a.out)

    def test_no_arguments(self):
        r = self.run_it(code=USAGE)
        self.assertEqual(r.out, "")
        self.assertIn("Usage: secureops", r.err)

    def test_documented_options(self):
        """docs/command-line.md names every option of scan and import."""
        doc = (SOURCE / "docs" / "command-line.md").read_text()
        for command in ("scan", "import"):
            for option in re.findall(r"--[a-z-]+", self.run_it(command, "--help").out):
                self.assertIn(f"`{option}", doc, f"{command} {option}")


class Usage(Case):
    def refused(self, args, *words, **kw):
        r = self.run_it(*args, code=USAGE, **kw)
        self.assertEqual(r.out, "", str(r))
        self.assertTrue(r.err.startswith("secureops: "), str(r))
        for word in words:
            self.assertIn(word, r.err)
        return r

    def test_unknown_command(self):
        self.refused(["scna", "."], 'unknown command "scna"', 'did you mean "scan"?')
        self.refused(["zzzzzz"], "unknown command", "--help")

    def test_unknown_option(self):
        self.refused(["scan", "--fail-onn", "high", "."], "unknown option", "--fail-on?")
        self.refused(["scan", "--frobnicate", "."], "unknown option --frobnicate", "--help")
        self.refused(["scan", "-Z", "."], "unknown option -Z")

    def test_what_may_be_a_secret_is_not_repeated(self):
        secret = "scou_" + "S3cr3t" * 7
        for args in ([secret], ["login", secret], ["login", "--token=" + secret], ["logout", secret],
                     ["login", "-t" + secret], ["doctor", secret], ["findings", "list", secret],
                     ["login", "--setup=" + secret], ["login", "--token", secret]):
            self.assertNotIn("S3cr3t", self.refused(args).err, args)

    def test_missing_value(self):
        self.refused(["scan", ".", "--timeout"], "--timeout wants a value")

    def test_value_for_a_switch(self):
        self.refused(["scan", "--offline=maybe", "."], "--offline")

    def test_bad_values(self):
        self.refused(["scan", "--fail-on", "hihg", "."], "--fail-on", "hihg", "high")
        self.refused(["scan", "--jobs", "many", "."], "--jobs", "many")
        self.refused(["scan", "--jobs", "99999999999999999999", "."], "--jobs")
        self.refused(["scan", "--timeout", "soon", "."], "--timeout", "soon")
        self.refused(["scan", "--format", "xml", "."], "--format", "xml", "sarif")
        self.refused(["scan", "--format", "json=", "."], "--format", "path")
        self.refused(["scan", "--set", "scan.jobs", "."], "--set", "NAME=VALUE")
        self.refused(["scan", "--set", "scan.jbos=2", "."], "jbos", "jobs")

    def test_two_formats_on_stdout(self):
        self.refused(["scan", "--format", "json,sarif", "."], "standard output")

    def test_output_for_several_formats(self):
        self.refused(["scan", "--format", "json=a,sarif=b", "-o", "c", "."], "-o")

    def test_unknown_scanner(self):
        for option in ("--scanners", "--skip", "--require"):
            self.refused(["scan", option, "gitlekas", "."], "gitlekas", 'did you mean "gitleaks"')
        self.refused(["scan", "--set", "scanners.gitlekas.enabled=false", "."], "gitlekas",
                     "gitleaks")

    def test_no_such_target(self):
        self.refused(["scan", "nowhere"], "nowhere", "no such file or folder")

    def test_unreadable_target(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        self.write("dark/x", "").parent.chmod(0)
        self.addCleanup((self.cwd / "dark").chmod, 0o700)
        self.refused(["scan", "dark"], "dark", "Permission denied")

    def test_import_without_files(self):
        self.refused(["import"], "import wants at least one report")

    def test_plugin_usage(self):
        for args in (["plugin"], ["plugin", "lsit"], ["plugin", "info"], ["plugin", "list", "x"]):
            self.refused(args, "plugin list")

    def test_unknown_plugin(self):
        self.refused(["plugin", "info", "gitlekas"], "gitlekas", 'did you mean "gitleaks"')


class Configuration(Case):
    def test_check_names_file_line_and_column(self):
        self.write("my.yaml", "scan:\n  jbos: 3\n")
        r = self.run_it("config", "check", "--config", "my.yaml", code=USAGE)
        self.assertIn("my.yaml:2:3:", r.err)
        self.assertIn("jobs", r.err)

    def test_check_accepts(self):
        self.write("my.yaml", "scan:\n  jobs: 3\nscanners:\n  bandit:\n    enabled: false\n")
        r = self.run_it("config", "check", "--config", "my.yaml", code=PASSED)
        self.assertIn("my.yaml: ok", r.out)

    def test_check_refuses_an_unknown_scanner_option(self):
        self.write("my.yaml", "scanners:\n  bandit:\n    colour: red\n")
        r = self.run_it("config", "check", "--config", "my.yaml", code=USAGE)
        self.assertIn("my.yaml:3:5:", r.err)

    def test_missing_config_file(self):
        r = self.run_it("scan", "--config", "none.yaml", ".", code=USAGE)
        self.assertIn("none.yaml", r.err)

    def test_layers(self):
        self.write("my.yaml", "scan:\n  jobs: 3\n  timeout: 5m\n")
        r = self.run_it("config", "show", "--config", "my.yaml", "--set", "scan.timeout=7m",
                        env={"SECUREOPS_SCAN_JOBS": "5"}, code=PASSED)
        self.assertRegex(r.out, r"jobs: 5 .*SECUREOPS_SCAN_JOBS")
        self.assertRegex(r.out, r"timeout: 7m")

    def test_nothing_is_read_from_the_target(self):
        self.tool("gitleaks", gitleaks("[]", code=0))
        self.write("target/secureops.yaml", "scan: [this is no configuration\n")
        self.run_it("scan", "target", code=PASSED)

    def test_a_file_that_lies_around_may_not_choose_programs(self):
        self.write("secureops.yaml", "tools:\n  path: [/tmp/evil]\n")
        r = self.run_it("scan", ".", code=USAGE)
        self.assertIn("secureops.yaml:", r.err)
        self.assertIn("--config", r.err)

    def test_docs_match(self):
        """docs/configuration.md is what the program prints."""
        r = self.run_it("config", "docs", code=PASSED)
        self.assertIn("scanners", r.out)
        doc = SOURCE / "docs" / "configuration.md"
        if not doc.exists():
            self.skipTest("docs/configuration.md is not there")
        self.assertIn(r.out.strip(), doc.read_text(),
                      "docs/configuration.md is out of date: secureops config docs")


    def test_page_of_policies(self):
        """docs/policies.md is what the program prints."""
        r = self.run_it("policy", "docs", code=PASSED)
        self.assertEqual(r.out, (SOURCE / "docs" / "policies.md").read_text(),
                         "docs/policies.md is out of date: secureops policy docs")


class Plugins(Case):
    def test_list(self):
        r = self.run_it("plugin", "list", code=PASSED)
        for name in ("sarif", "gitleaks", "semgrep", "trivy", "checkov", "bandit"):
            self.assertRegex(r.out, rf"(?m)^{name} +\S+ +\S+ +(found|missing|none) ")
        self.assertNotIn("cannot be used", r.out)

    def test_list_as_json(self):
        plugins = self.run_it("plugin", "list", "--format", "json", code=PASSED).json()["plugins"]
        for p in plugins:
            self.assertNotIn("error", p)
            own = ("operations", "title") if p["kind"] == "ci" else ("finds", "targets")
            if p["name"] == "sbom":  # it finds nothing
                own = ("targets",)
            for key in ("name", "version", "license", "summary", "path", *own):
                self.assertTrue(p.get(key), f"{p['name']}: no {key}")

    def test_info_of_each(self):
        plugins = self.run_it("plugin", "list", "--format", "json", code=PASSED).json()["plugins"]
        for p in plugins:
            r = self.run_it("plugin", "info", p["name"], code=PASSED)
            self.assertIn(p["path"], r.out)
            section = "integrations" if p["kind"] == "ci" else "scanners"
            self.assertIn(f"Options ({section}.{p['name']} ", r.out)
            j = self.run_it("plugin", "info", p["name"], "--format", "json", code=PASSED).json()
            self.assertEqual(j["name"], p["name"])

    def test_doctor(self):
        self.tool("gitleaks", "#!/bin/sh\necho 8.30.1\n")
        r = self.run_it("doctor", code=PASSED)
        self.assertRegex(r.out, r"(?m)^gitleaks +ready +8\.30\.1 ")
        self.assertIn(str(self.tools / "gitleaks"), r.out)
        j = self.run_it("doctor", "--format", "json", code=PASSED).json()
        by_name = {s["name"]: s for s in j["scanners"]}
        self.assertEqual(by_name["gitleaks"]["version"], "8.30.1")
        self.assertEqual(by_name["sarif"]["status"], "built in")

    def test_doctor_says_how_to_get_what_is_missing(self):
        j = self.run_it("doctor", "--format", "json", code=PASSED).json()
        missing = [s for s in j["scanners"] if s["status"] == "missing"]
        for s in missing:
            self.assertTrue(s.get("install"), s)

    def test_a_program_that_hangs_does_not_hang_the_doctor(self):
        self.tool("gitleaks", "#!/bin/sh\nsleep 1000\n")
        r = self.run_it("doctor", timeout=60)
        self.assertRegex(r.out, r"(?m)^gitleaks +\w+")


class Output(Case):
    def test_json_and_broken_pipe(self):
        """A reader that goes away is no crash."""
        p = subprocess.Popen(f"{SECUREOPS} scan . --no-progress | true", shell=True, cwd=self.cwd,
                             env=self.env, stderr=subprocess.PIPE, text=True)
        _, err = p.communicate(timeout=60)
        self.assertNotIn("Sanitizer", err)
        self.assertEqual(os.WIFSIGNALED(p.returncode), False)

    def test_full_disk_is_an_error(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "w") as full:
            p = subprocess.run([SECUREOPS, "scan", ".", "--format", "json", "--no-progress"],
                               stdout=full, stderr=subprocess.PIPE, cwd=self.cwd, env=self.env,
                               text=True, timeout=60)
        self.assertNotEqual(p.returncode, PASSED)
        self.assertIn("secureops: ", p.stderr)

    def test_unwritable_output(self):
        r = self.run_it("scan", ".", "--format", "json", "-o", "no/such/folder/x.json")
        self.assertNotIn(r.code, (PASSED, GATE))
        self.assertIn("no/such/folder", r.err)

    def test_no_color(self):
        """No escapes without a terminal, none with NO_COLOR on one."""
        r = self.run_it("scan", ".")
        self.assertNotIn("\x1b", r.text)
        for env, wanted in (({"TERM": "xterm-256color"}, True),
                            ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False),
                            ({"TERM": "dumb"}, False)):
            text = self.on_terminal(["scan", "."], env)
            self.assertEqual("\x1b[" in text, wanted, f"{env}: {text!r}")
        self.assertNotIn("\x1b[", self.on_terminal(["scan", "--no-color", "."],
                                                   {"TERM": "xterm-256color"}))

    def on_terminal(self, args, env):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.cwd)
            os.execve(SECUREOPS, [str(SECUREOPS), *args], dict(self.env, **env))
        text = b""
        while True:
            try:
                chunk = os.read(fd, 4096)
            except OSError:
                break
            if not chunk:
                break
            text += chunk
        os.close(fd)
        os.waitpid(pid, 0)
        return text.decode(errors="replace")


if __name__ == "__main__":
    unittest.main(verbosity=2)
