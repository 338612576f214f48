"""The checks of the source and the counting of tests find what they are there for."""
import importlib.util
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load(name):
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"),
                                                  ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Layers(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.root = pathlib.Path(self.dir.name)
        subprocess.run(["git", "init", "-q", self.root], check=True)
        self.write("scripts/check-layers.sh", (ROOT / "scripts/check-layers.sh").read_text())

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def check(self):
        return subprocess.run(["bash", self.root / "scripts/check-layers.sh"], text=True,
                              capture_output=True)

    def refused(self, path, line, words):
        self.write(path, line + "\n")
        r = self.check()
        self.assertEqual(r.returncode, 1, r.stdout + r.stderr)
        self.assertIn(f"{path}:1: ", r.stdout)
        self.assertIn(words, r.stdout)

    def test_accepts_lower_layers(self):
        self.write("core/include/secureops/json.h", "#include <secureops/base.h>\n")
        self.write("core/data/data_priv.h", "#include <stdio.h>\n")
        self.write("core/data/a.c", '#include "data_priv.h"\n#include <secureops/json.h>\n')
        self.write("core/engine/b.c", "#include <secureops/report.h>\n#include <event2/event.h>\n")
        self.write("plugins/scanners/x/x.c", "#include <secureops/plugin.h>\n")
        r = self.check()
        self.assertEqual((r.returncode, r.stdout), (0, ""), r.stderr)

    def test_refuses_a_higher_layer(self):
        self.refused("core/base/a.c", "#include <secureops/json.h>", "layer 1")

    def test_refuses_a_higher_layer_in_a_public_header(self):
        self.refused("core/include/secureops/base.h", "#include <secureops/scan.h>", "layer 1")

    def test_refuses_the_private_header_of_another_folder(self):
        self.write("core/data/data_priv.h", "")
        self.refused("core/engine/a.c", '#include "data_priv.h"', "another folder")

    def test_refuses_a_path_to_a_private_header(self):
        self.write("core/data/data_priv.h", "")
        self.refused("core/engine/a.c", '#include "../data/data_priv.h"', "stays in its folder")

    def test_refuses_a_library_outside_its_module(self):
        self.refused("core/data/a.c", "#include <openssl/evp.h>", "crypto auth api only")

    def test_refuses_engine_headers_in_a_plugin(self):
        self.refused("plugins/scanners/x/x.c", "#include <secureops/base.h>", "plugin.h> only")

    def test_refuses_an_unknown_module(self):
        self.refused("core/magic/a.c", "#include <stdio.h>", "unknown module magic")


class Source(unittest.TestCase):
    def setUp(self):
        self.source = load("check-source")

    def banned(self, text, name="core/x/a.c"):
        return [m.split(": ", 1)[1].split("(")[0] for _, m in self.source.banned(name, text)]

    def test_banned_calls(self):
        self.assertEqual(self.banned("int f(void)\n{\n    strcpy(a, b);\n    x = atoi (s);\n}\n"),
                         ["strcpy", "atoi"])

    def test_comments_strings_and_other_words_are_no_calls(self):
        self.assertEqual(self.banned('/* strcpy(a, b) */ // system(x)\nchar *s = "popen(";\n'
                                     "assert_int_equal(1, 1); my_strcpy(a); p->system(1);\n"), [])

    def test_exit_only_in_programs(self):
        self.assertEqual(self.banned("exit(1);"), ["exit"])
        self.assertEqual(self.banned("exit(1);", "core/app/main.c"), [])
        self.assertEqual(self.banned("_exit(1);"), [])

    def test_function_length(self):
        body = "    if (x) {\n        y();\n    }\n" * 40
        text = f'extern "C" {{\n}}\nstatic const int t[] = {{\n1 }};\nint f(int (*g)(int), int b)\n{{\n{body}}}\n'
        self.assertEqual(list(self.source.functions(text)), [("f", 6, 122)])
        found = list(self.source.size("a.c", text))
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0][0])

    def test_file_length(self):
        self.assertEqual([b for b, _ in self.source.size("a.c", "\n" * 700)], [False])
        self.assertEqual([b for b, _ in self.source.size("a.c", "\n" * 1001)], [True])
        self.assertEqual(list(self.source.size("a.c", "\n" * 600)), [])


class Summary(unittest.TestCase):
    def run_summary(self, tests, log=""):
        with tempfile.TemporaryDirectory() as tmp:
            junit, logfile = pathlib.Path(tmp) / "t.xml", pathlib.Path(tmp) / "log"
            junit.write_text(f"<testsuite>{tests}</testsuite>")
            logfile.write_text(log)
            r = subprocess.run(["python3", ROOT / "scripts/test-summary.py", junit, logfile],
                               text=True, capture_output=True)
        return r.returncode, r.stdout.splitlines()

    def case(self, name, status, out="", extra=""):
        return (f'<testcase name="{name}" status="{status}" time="1.5">{extra}'
                f"<system-out>{out}</system-out></testcase>")

    def test_counts_cases_of_cmocka(self):
        out = ("[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\nno corpus\n[  SKIPPED ] b\n"
               "[ RUN      ] c\n[  FAILED  ] c\n[  FAILED  ] 1 test(s)\n[  FAILED  ] c\n")
        rc, lines = self.run_summary(self.case("unit.x", "fail", out, "<failure/>"))
        self.assertEqual((rc, lines[-1]), (1, "1 passed, 1 failed, 1 skipped"))
        self.assertIn("skipped: unit.x: b: no corpus", lines)

    def test_counts_cases_of_unittest(self):
        out = ("test_a (m.T.test_a) ... ok\ntest_b (m.T.test_b)\nA text. ... ok\n"
               "test_c (m.T.test_c) ... skipped 'no semgrep'\n"
               "test_d (m.T.test_d) ... printed this\nok\n")
        rc, lines = self.run_summary(self.case("e2e.x", "run", out))
        self.assertEqual((rc, lines[-1]), (0, "3 passed, 0 failed, 1 skipped"))
        self.assertIn("skipped: e2e.x: test_c: no semgrep", lines)

    def test_a_crash_after_good_cases_is_a_failure(self):
        out = "[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\n"
        rc, lines = self.run_summary(self.case("unit.x", "fail", out, "<failure/>"),
                                     "1/1 Test #1: unit.x ....***Exception: SegFault 0.1 sec\n")
        self.assertEqual((rc, lines[-1]), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertIn("---- unit.x: Exception: SegFault after 1.5 s", lines)

    def test_a_missing_program_is_a_failure(self):
        rc, lines = self.run_summary(self.case("a", "notrun", "Unable to find executable: x",
                                               '<skipped message="Unable to find executable"/>')
                                     + self.case("b", "run"))
        self.assertEqual((rc, lines[-1]), (1, "1 passed, 1 failed, 0 skipped"))

    def test_skipped_programs_have_a_reason(self):
        rc, lines = self.run_summary(self.case("a", "notrun", "no corpus here\n",
                                               '<skipped message="SKIP_RETURN_CODE=77"/>')
                                     + self.case("b", "run", "SKIP part: left out\n"))
        self.assertEqual((rc, lines[-1]), (0, "1 passed, 0 failed, 2 skipped"))
        self.assertIn("skipped: a: no corpus here", lines)
        self.assertIn("skipped: b: part: left out", lines)

    def test_no_test_is_a_failure(self):
        rc, lines = self.run_summary("")
        self.assertEqual((rc, lines[-2:]), (1, ["no test ran", "0 passed, 0 failed, 0 skipped"]))

    def test_only_skipped_is_a_failure(self):
        rc, lines = self.run_summary(self.case("a", "notrun", "x", "<skipped/>"))
        self.assertEqual((rc, lines[-1]), (1, "0 passed, 0 failed, 1 skipped"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
