"""The runner itself: that it finds what disagrees, on samples and a program made for the purpose."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent

# A program that knows two policies and fails every file with BAD in it, whatever that is.
PROGRAM = """
import json, sys
policies = [{"id": "privileged", "aliases": ["PSA:privileged", "CKV_K8S_16", "kics:q1", "KSV-0017"]},
            {"id": "other", "aliases": ["PSA:hostports"]}]
if sys.argv[1:3] == ["policy", "list"]:
    print(json.dumps({"policies": policies}))
    sys.exit()
results = []
for path in sys.argv[3:]:
    if path.startswith("-"):
        break
    text = open(path).read()
    verdict = "fail" if "BAD" in text else "error" if "BROKEN" in text else "pass"
    results.append({"policy": "privileged", "aliases": policies[0]["aliases"], "verdict": verdict,
                    "resource": "Pod.default.web", "file_path": path, "line_number": 1,
                    "end_line": 1, "message": ""})
print(json.dumps({"results": results, "documents": []}))
sys.exit(1)
"""


class RunnerTest(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory(prefix="sco-agreement-")
        self.addCleanup(self.tmp.cleanup)
        self.root = pathlib.Path(self.tmp.name)
        (self.root / "program.py").write_text(PROGRAM)
        self.reasons({})

    def write(self, path, text):
        place = self.root / "policy" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text if isinstance(text, str)
                         else "".join(json.dumps(row) + "\n" for row in text))

    def reasons(self, entries):
        (self.root / "deliberate.json").write_text(json.dumps(entries))

    def run_on(self, name):
        env = {**os.environ, "SECUREOPS_CORPUS": str(self.root)}
        program = "%s %s" % (sys.executable, self.root / "program.py")
        return subprocess.run([sys.executable, "-B", HERE / "run.py", name, "--program", program,
                               "--deliberate", self.root / "deliberate.json"],
                              env=env, capture_output=True, text=True)

    def psa(self, expect, control, text):
        self.write("psa/baseline/v1.25/a.yaml", text)
        self.write("psa/expected.jsonl", [{"level": "baseline", "version": "v1.25",
                                           "expect": expect, "control": control,
                                           "file": "baseline/v1.25/a.yaml"}])
        return self.run_on("psa")

    def test_agreement_passes(self):
        done = self.psa("fail", "privileged", "BAD")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("0 undocumented", done.stdout)

    def test_a_missed_failure_is_found(self):
        done = self.psa("fail", "privileged", "good")
        self.assertEqual(done.returncode, 1)
        self.assertIn("psa: privileged baseline/v1.25/a.yaml", done.stdout)

    def test_a_failure_for_another_reason_is_found(self):
        self.assertEqual(self.psa("fail", "hostports", "BAD").returncode, 1)

    def test_a_false_alarm_is_found(self):
        self.assertEqual(self.psa("pass", "base", "BAD").returncode, 1)

    def test_an_error_is_no_pass(self):
        self.assertEqual(self.psa("pass", "base", "BROKEN").returncode, 1)

    def test_absent_files_are_counted(self):
        self.write("psa/baseline/v1.25/a.yaml", "BAD")
        row = {"level": "baseline", "version": "v1.25", "expect": "fail", "control": "privileged"}
        self.write("psa/expected.jsonl", [{**row, "file": "baseline/v1.25/a.yaml"},
                                          {**row, "file": "baseline/v1.25/gone.yaml"}])
        done = self.run_on("psa")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"psa +1 +1 +1 +100.0 +1 of 1 +1 ")

    def kics(self, polarity, text, name):
        self.write("kics/k8s/q/a.yaml", text)
        expected = [{"line": 1}] if polarity == "positive" else []
        self.write("kics-manifest.jsonl", [{"platform": "k8s", "query": "q", "id": "q1",
                                            "file": "k8s/q/a.yaml", "polarity": polarity,
                                            "expected": expected}])
        self.write("kics-expected-by-resource.jsonl",
                   [{"platform": "k8s", "query": "q", "file": "k8s/q/a.yaml", "doc": 0,
                     "kind": "Pod", "name": name}] if expected else [])
        return self.run_on("kics-k8s")

    def test_kics_by_resource(self):
        self.assertEqual(self.kics("positive", "BAD", "web").returncode, 0)
        self.assertEqual(self.kics("positive", "BAD", "db").returncode, 1)
        self.assertEqual(self.kics("positive", "good", "web").returncode, 1)

    def test_kics_negatives_have_no_findings(self):
        self.assertEqual(self.kics("negative", "good", "").returncode, 0)
        self.assertEqual(self.kics("negative", "BAD", "").returncode, 1)

    def test_a_reason_is_for_what_disagrees(self):
        reason = {"check": "q", "file": "k8s/q/a.yaml", "reason": "so"}
        self.reasons({"kics-k8s": [reason]})
        done = self.kics("negative", "BAD", "")
        self.assertIn("deliberate: so", done.stdout)
        self.assertIn("0 undocumented", done.stdout)
        self.assertEqual(done.returncode, 1)  # documented, but the goal is missed all the same
        done = self.kics("negative", "good", "")
        self.assertIn("nothing disagrees any more", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_a_missed_goal_fails(self):
        self.write("trivy-examples/a.yaml", "BAD")
        row = {"check": "KSV-9999", "expect": "fail", "file": "a.yaml", "kind": "kubernetes"}
        self.write("trivy-examples/expected.jsonl", [row])
        done = self.run_on("trivy-kubernetes")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no row is covered", done.stdout)

    def test_no_corpus_is_skipped_in_so_many_words(self):
        done = self.run_on("psa")
        self.assertEqual(done.returncode, 77)
        self.assertIn("skipped: no corpus", done.stdout)


if __name__ == "__main__":
    unittest.main()
