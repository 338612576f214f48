"""The installed programs, and plugins built against the installed SDK."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from fakes import gitleaks, leaks
from harness import BUILD, GATE, PASSED, SANITIZED, SOURCE, USAGE, Case


class Installed(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prefix = pathlib.Path(tempfile.mkdtemp(prefix="sco-prefix-"))
        cls.addClassCleanup(shutil.rmtree, cls.prefix, ignore_errors=True)
        r = subprocess.run(["cmake", "--install", BUILD, "--prefix", cls.prefix],
                           capture_output=True, text=True)
        if r.returncode:
            raise RuntimeError(r.stdout + r.stderr)
        cls.secureops = cls.prefix / "bin" / "secureops"

    def command(self, *args, code=0, cwd=None, timeout=200):
        r = subprocess.run([str(a) for a in args], capture_output=True, text=True,
                           cwd=cwd or self.cwd, timeout=timeout,
                           env=dict(self.env, PATH=os.environ["PATH"],
                                    HOME=os.environ.get("HOME", "/")))
        self.assertEqual(r.returncode, code, f"{args}\n{r.stdout}\n{r.stderr}")
        return r

    def test_layout(self):
        for path in ("bin/secureops", "libexec/secureops/secureops-worker",
                     "include/secureops/plugin.h"):
            self.assertTrue((self.prefix / path).is_file(), path)
        files = [str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*") if p.is_file()]
        for name in ("secureops-plugin.pc", "gitleaks.so", "sarif.so"):
            self.assertTrue(any(f.endswith("/" + name) for f in files), f"{name}: {files}")
        self.assertTrue(any(f.lower().endswith("config.cmake") for f in files), files)

    def test_only_the_sdk_header_is_installed(self):
        headers = [p.name for p in self.prefix.rglob("*.h")]
        self.assertEqual(sorted(h for h in headers if "template" not in h
                                and h not in self.template_headers()), ["plugin.h"])

    def template_headers(self):
        return [p.name for p in self.prefix.glob("share/**/*.h")]

    def test_scan_with_the_installed_program(self):
        self.tool("gitleaks", gitleaks(leaks()))
        self.write("conf/app.ini", "x\n")
        r, report = self.report("scan", "--scanners", "gitleaks", "--fail-on", "low", code=GATE,
                                program=self.secureops)
        self.assertEqual(len(report["findings"]), 1)

    def test_policies_of_the_installation_are_used(self):
        self.write("Dockerfile", "FROM alpine:3.20\n")
        r, report = self.report("scan", "--scanners", "policies", "Dockerfile",
                                program=self.secureops)
        self.assertEqual([b["path"] for b in report["policies"]["bundles"]],
                         [str(self.prefix / "share" / "secureops" / "policies")])
        self.assertGreater(report["policies"]["evaluations"], 10)

    def test_plugins_of_the_installation_are_used(self):
        r = self.run_it("plugin", "list", "--format", "json", code=PASSED, program=self.secureops)
        for p in json.loads(r.out)["plugins"]:
            self.assertTrue(p["path"].startswith(str(self.prefix)), p["path"])

    def test_pkg_config(self):
        pc = next(self.prefix.rglob("secureops-plugin.pc"))
        r = subprocess.run(["pkg-config", "--cflags", "secureops-plugin"], capture_output=True, text=True,
                           env=dict(os.environ, PKG_CONFIG_PATH=str(pc.parent)))
        self.assertEqual(r.returncode, 0, r.stderr)
        self.write("x.c", "#include <secureops/plugin.h>\nint x = SCO_ABI_MAJOR;\n")
        self.command("cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", *r.stdout.split(),
                     "-c", "x.c")

    def build_plugin(self, folder):
        self.command("cmake", "-S", folder, "-B", f"{folder}/build", "-G", "Ninja",
                     f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror")
        self.command("cmake", "--build", f"{folder}/build")
        self.command("ctest", "--test-dir", f"{folder}/build", "--output-on-failure",
                     "--no-tests=error")

    def test_new_plugin_builds_passes_and_loads(self):
        r = self.run_it("plugin", "new", "my-scanner", code=PASSED, program=self.secureops)
        self.assertIn("cmake", r.out)
        for name in ("CMakeLists.txt", "README.md"):
            self.assertTrue((self.cwd / "my-scanner" / name).is_file(), name)
        for path in (self.cwd / "my-scanner").rglob("*"):
            if path.is_file():
                self.assertNotIn("sample-scanner", path.read_text(), path)
        if SANITIZED:
            return  # a plugin of its own build does not fit a sanitized worker
        self.build_plugin(self.cwd / "my-scanner")
        # where the instructions say that it is
        folder = re.search(r"--plugins (\S+)", r.out)[1].replace("$PWD", str(self.cwd))
        plugins = self.run_it("plugin", "list", "--plugins", folder, "--format", "json",
                              code=PASSED, program=self.secureops).json()
        mine = [p for p in plugins["plugins"] if p["name"] == "my-scanner"]
        self.assertEqual(len(mine), 1, plugins)
        self.assertNotIn("error", mine[0])

    def test_new_plugin_refuses(self):
        for name in ("Bad_Name", "-x", "x y", "../x", ""):
            r = self.run_it("plugin", "new", name, program=self.secureops)
            self.assertEqual(r.code, USAGE, f"{name!r}: {r}")
        self.write("there/file", "mine\n")
        r = self.run_it("plugin", "new", "there", program=self.secureops)
        self.assertNotEqual(r.code, PASSED)
        self.assertEqual((self.cwd / "there/file").read_text(), "mine\n")

    def test_example_plugins(self):
        """Every plugin in examples/ builds against the installed SDK and passes its tests."""
        found = sorted((SOURCE / "examples").glob("*plugin*/CMakeLists.txt"))
        if not found:
            self.skipTest("no example plugin")
        if SANITIZED:
            self.skipTest("built without sanitizers")
        for file in found:
            copy = self.cwd / file.parent.name
            shutil.copytree(file.parent, copy)
            self.build_plugin(copy)


if __name__ == "__main__":
    unittest.main(verbosity=2)
