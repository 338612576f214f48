"""What is new: --diff against real repositories of git, --baseline, and what the gate makes of it."""
import json
import os
import shutil
import subprocess
import unittest

from fakes import SECRET, gitleaks, leaks
from harness import GATE, INCOMPLETE, PASSED, USAGE, Case

FILLER = "".join(f"value_{i} = compute_something({i})\n" for i in range(20))
GIT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a",
       "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
       "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
       "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}


class GitCase(Case):
    def setUp(self):
        super().setUp()
        self.repo = self.cwd / "repo"
        self.repo.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *args, cwd=None):
        return subprocess.run(["git", *args], cwd=cwd or self.repo, check=True, text=True,
                              env=dict(self.env, **GIT), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE).stdout.strip()

    def put(self, path, text):
        return self.write(f"repo/{path}", text)

    def commit(self, message="change"):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def branch(self, name="topic"):
        self.git("checkout", "-q", "-b", name)

    # ---- a scanner that finds every line with "weak": as SARIF, by a walk over the work tree
    def sarif(self, root=None, ranges=None):
        """ranges: {path: (line, end_line)} instead of the lines."""
        root = root or self.repo
        results = []

        def add(path, line, end):
            results.append({
                "ruleId": "weak", "level": "error", "message": {"text": f"weak call {path} {line}"},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": path},
                    "region": {"startLine": line, "endLine": end}}}]})
        for base, folders, names in os.walk(os.fsencode(root)):
            folders[:] = [f for f in folders if f != b".git"]
            for name in sorted(names):
                full = os.path.join(base, name)
                path = os.fsdecode(os.path.relpath(full, os.fsencode(root)))
                with open(full, "rb") as f:
                    text = f.read()
                if ranges is None or path not in ranges:
                    for i, line in enumerate(text.split(b"\n"), 1):
                        if b"weak" in line:
                            add(path, i, i)
        for path, (line, end) in (ranges or {}).items():
            add(path, line, end)
        log = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Weakness"}},
                                             "results": results}]}
        return self.write("weak.sarif", json.dumps(log))

    def judged(self, *args, code=None, root=None, ranges=None, base="main"):
        """{(path, line): state} of what the walk finds."""
        report = self.sarif(root, ranges)
        _, r = self.report("import", report, "--root", root or self.repo, "--diff", base, *args,
                           code=code)
        self.last = r
        return {(f["file_path"], f["line_number"]): f["baseline_state"] for f in r["findings"]}


class Lines(GitCase):
    def seed(self, text=FILLER + "weak(old)\n" + FILLER, path="a.py"):
        self.put(path, text)
        self.commit("base")
        self.branch()

    def test_added_line_is_new_and_shifted_one_is_not(self):
        self.seed()
        self.put("a.py", "weak(new)\n\n" + FILLER + "weak(old)\n" + FILLER)
        self.commit()
        self.assertEqual(self.judged(code=GATE), {("a.py", 1): "new", ("a.py", 23): "unchanged"})
        c = self.last["comparison"]
        self.assertEqual((c["new"], c["unchanged"], c["updated"], c["absent"]), (1, 1, 0, 0))
        self.assertEqual(c["base_sha"], self.git("rev-parse", "main"))
        self.assertEqual(c["merge_base"], self.git("rev-parse", "main"))
        self.assertEqual(self.last["summary"]["by_severity"]["HIGH"], 1)
        self.assertRegex(self.last["gate"]["reasons"][0], "^1 new finding of severity HIGH")

    def test_what_was_there_passes(self):
        self.seed()
        self.put("b.py", "fine()\n")
        self.commit()
        self.assertEqual(self.judged(code=PASSED), {("a.py", 21): "unchanged"})

    def test_changed_line_is_new(self):
        self.seed()
        self.put("a.py", FILLER + "weak(other)\n" + FILLER)
        self.assertEqual(self.judged(code=GATE), {("a.py", 21): "new"})  # not even committed

    def test_untracked_file_is_new(self):
        self.seed()
        self.put("b.py", "weak(untracked)\n")
        self.assertEqual(self.judged(code=GATE)["b.py", 1], "new")

    def test_file_that_git_has_no_more_is_new(self):
        self.put("b.py", FILLER + "weak(b)\n")
        self.seed()
        self.git("rm", "-q", "--cached", "a.py")
        self.git("mv", "b.py", "c.py")
        self.git("commit", "-q", "-m", "forgotten")
        self.put("b.py", FILLER + "weak(b)\n")
        self.assertEqual(self.judged(), {("a.py", 21): "new", ("b.py", 21): "new",
                                         ("c.py", 21): "unchanged"})
        (self.repo / ".git/index").unlink()  # then nothing is known
        self.assertEqual(set(self.judged().values()), {"new"})

    def test_base_that_went_on_is_left_at_the_merge_base(self):
        self.seed()
        self.put("b.py", "weak(topic)\n")
        self.commit()
        self.git("checkout", "-q", "main")
        self.put("a.py", FILLER)  # main has removed it meanwhile: the topic did not bring it
        self.commit()
        self.git("checkout", "-q", "topic")
        self.assertEqual(self.judged(), {("a.py", 21): "unchanged", ("b.py", 1): "new"})
        self.assertNotEqual(self.last["comparison"]["merge_base"],
                            self.last["comparison"]["base_sha"])

    def test_rename_is_followed(self):
        self.seed()
        self.git("mv", "a.py", "moved.py")
        self.commit()
        self.assertEqual(self.judged(code=PASSED), {("moved.py", 21): "unchanged"})
        self.put("moved.py", "weak(more)\n" + FILLER + "weak(old)\n" + FILLER)
        self.commit()
        self.assertEqual(self.judged(), {("moved.py", 1): "new", ("moved.py", 22): "unchanged"})

    def test_moved_lines_are_followed(self):
        block = "def helper(argument):\n    weak(argument, 'a long enough line')\n    return 1\n"
        self.seed(FILLER + block)
        self.put("a.py", FILLER)
        self.put("b.py", "import os\n\n" + block)
        self.commit()
        self.assertEqual(self.judged(code=PASSED), {("b.py", 4): "unchanged"})

    def test_second_copy_is_new(self):
        line = "weak('a line that is long enough to be recognised')\n"
        self.seed(FILLER + line)
        self.put("a.py", FILLER + line)
        self.put("b.py", line)
        self.put("c.py", "pass\n" + line)
        self.put("a.py", FILLER)
        self.commit()
        states = sorted(self.judged(code=GATE).values())
        self.assertEqual(states, ["new", "unchanged"])

    def test_indentation_is_no_change_of_code(self):
        self.seed(FILLER + "weak('a line that is long enough')\n")
        self.put("a.py", FILLER + "if True:\n    weak('a line that is long enough')\n")
        self.commit()
        self.assertEqual(self.judged(code=PASSED), {("a.py", 22): "unchanged"})

    def test_line_endings_are_no_change(self):
        self.seed()
        self.put("a.py", (FILLER + "weak(old)\n" + FILLER).replace("\n", "\r\n"))
        self.commit()
        self.assertEqual(self.judged(code=PASSED), {("a.py", 21): "unchanged"})

    def test_range_with_a_removed_line_is_new(self):
        text = "open()\ncheck(argument)\nweak(argument)\nclose()\n"
        self.seed(text + FILLER)
        self.put("a.py", text.replace("check(argument)\n", "") + FILLER)
        self.commit()
        self.assertEqual(self.judged(ranges={"a.py": (1, 3)}), {("a.py", 1): "new"})
        self.assertEqual(self.judged(ranges={"a.py": (3, 5)}), {("a.py", 3): "unchanged"})

    def test_deleted_file_and_binary(self):
        self.put("gone.py", "weak(gone)\n")
        self.put("blob.bin", b"\0\1weak\0\n")
        self.put("same.bin", b"\0\1weak same\0\n")
        self.seed()
        (self.repo / "gone.py").unlink()
        self.put("blob.bin", b"\0\2weak\0\n")
        self.git("mv", "same.bin", "other.bin")
        self.commit()
        self.assertEqual(self.judged(), {("a.py", 21): "unchanged", ("blob.bin", 1): "new",
                                         ("other.bin", 1): "unchanged"})

    def test_odd_names(self):
        names = ["sp ace.py", "quo\"te.py", "new\nline.py", "tab\t.py", "b/é.py", "-dash.py",
                 "a => b.py", "{x}.py", "+++ b.py"]
        for name in names:
            self.put(name, FILLER + "weak(old)\n")
        self.seed()
        for name in names:
            self.put(name, "weak(new)\n" + FILLER + "weak(old)\n")
        self.commit()
        _, r = self.report("import", self.odd(names), "--root", self.repo, "--diff", "main")
        got = {(f["file_path"], f["line_number"]): f["baseline_state"] for f in r["findings"]}
        self.assertEqual(sorted(got.values()), ["new"] * len(names) + ["unchanged"] * len(names))
        for (path, line), state in got.items():
            self.assertEqual(state, "new" if line == 1 else "unchanged", path)

    def odd(self, names):
        items = [dict(json.loads(leaks())[0], File=n, StartLine=line, EndLine=line, RuleID=f"r{line}",
                      Secret=f"{SECRET}{i}{line}")
                 for i, n in enumerate(names) for line in (1, 22)]
        return self.write("leaks.json", json.dumps(items))

    def test_lines_that_look_like_headers(self):
        self.seed(FILLER + "-- a/a.py\nweak(x)\n")
        self.put("a.py", FILLER + "++ b/evil.py\n@@ -1 +1 @@\nweak(x)\nweak(y)\n")
        self.commit()
        self.assertEqual(self.judged(), {("a.py", 23): "unchanged", ("a.py", 24): "new"})

    def test_folder_in_the_work_tree(self):
        self.put("sub/b.py", FILLER + "weak(old)\n")
        self.seed()
        self.put("sub/b.py", "weak(new)\n" + FILLER + "weak(old)\n")
        self.commit()
        self.assertEqual(self.judged(root=self.repo / "sub"),
                         {("b.py", 1): "new", ("b.py", 22): "unchanged"})

    def test_type_change_and_conflict(self):
        os.symlink("a.py", self.repo / "link.py")
        self.seed()
        (self.repo / "link.py").unlink()
        self.put("link.py", "weak(file)\n")
        self.commit()
        self.assertEqual(self.judged()["link.py", 1], "new")
        self.git("checkout", "-q", "main")
        self.put("a.py", "weak(theirs)\n")
        self.commit()
        self.git("checkout", "-q", "-b", "other", "HEAD~1")
        self.put("a.py", "weak(ours)\n")
        self.commit()
        with self.assertRaises(subprocess.CalledProcessError):
            self.git("merge", "-q", "main")
        self.assertEqual({k: v for k, v in self.judged().items() if k[0] == "a.py"},
                         {("a.py", 2): "new", ("a.py", 4): "new"})


class Repositories(GitCase):
    def test_shallow_clone_says_what_is_missing(self):
        self.put("a.py", "weak(old)\n")
        self.commit("one")
        self.commit("two")
        self.branch()
        self.put("b.py", "weak(new)\n")
        self.commit("three")
        clone = self.cwd / "clone"
        self.git("clone", "-q", "--depth=1", "--no-single-branch", "-b", "topic",
                 f"file://{self.repo}", str(clone))
        r = self.run_it("import", self.sarif(clone), "--root", clone, "--diff", "main", code=USAGE)
        self.assertIn("no commit in common", r.err)
        self.assertIn("the clone is shallow", r.err)
        self.git("fetch", "-q", "--unshallow", cwd=clone)
        self.assertEqual(self.judged(root=clone), {("a.py", 1): "unchanged", ("b.py", 1): "new"})

    def test_fork(self):
        self.put("a.py", "weak(old)\n")
        self.commit("one")
        fork = self.cwd / "fork"
        self.git("clone", "-q", str(self.repo), str(fork))
        self.put("c.py", "weak(upstream)\n")  # upstream goes on
        self.commit("two")
        self.git("remote", "add", "upstream", str(self.repo), cwd=fork)
        self.git("checkout", "-q", "-b", "topic", cwd=fork)
        self.write("fork/b.py", "weak(new)\n")
        self.git("add", "-A", cwd=fork)
        self.git("commit", "-q", "-m", "fork", cwd=fork)
        self.git("fetch", "-q", "upstream", cwd=fork)
        self.assertEqual(self.judged(root=fork, base="upstream/main"),
                         {("a.py", 1): "unchanged", ("b.py", 1): "new"})

    def test_linked_work_tree_and_remote_branch(self):
        self.put("a.py", "weak(old)\n")
        self.commit()
        tree = self.cwd / "tree"
        self.git("worktree", "add", "-q", "-b", "topic", str(tree))
        self.write("tree/b.py", "weak(new)\n")
        self.assertEqual(self.judged(root=tree), {("a.py", 1): "unchanged", ("b.py", 1): "new"})
        clone = self.cwd / "clone"
        self.git("clone", "-q", "-b", "topic", str(self.repo), str(clone))
        self.assertEqual(self.judged(root=clone), {("a.py", 1): "unchanged"})  # origin/main

    def test_submodule(self):
        library = self.cwd / "library"
        library.mkdir()
        self.git("init", "-q", "-b", "main", cwd=library)
        self.write("library/l.py", "weak(library)\n")
        self.git("add", "-A", cwd=library)
        self.git("commit", "-q", "-m", "one", cwd=library)
        self.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "lib")
        self.commit()
        self.branch()
        self.put("b.py", "weak(new)\n")
        self.commit()
        self.assertEqual(self.judged()["lib/l.py", 1], "unchanged")
        self.write("repo/lib/more.py", "weak(more)\n")
        self.git("add", "-A", cwd=self.repo / "lib")
        self.git("commit", "-q", "-m", "two", cwd=self.repo / "lib")
        self.commit()
        self.assertEqual(self.judged()["lib/more.py", 1], "new")

    def test_configuration_of_the_work_tree_is_not_obeyed(self):
        self.put("a.py", "weak(old)\n")
        self.put(".gitattributes", "*.py filter=evil diff=evil\n")
        self.commit()
        self.branch()
        self.put("b.py", "weak(new)\n")
        self.commit()
        trace = self.cwd / "trace"
        for key in ("filter.evil.clean", "filter.evil.process", "diff.evil.command",
                    "diff.evil.textconv", "core.fsmonitor", "diff.external"):
            self.git("config", key, f"touch {trace}; cat #")
        self.put("a.py", "weak(old)\npass\n")
        self.assertEqual(self.judged(), {("a.py", 1): "unchanged", ("b.py", 1): "new"})
        self.assertFalse(trace.exists())

    def test_errors_come_before_the_scan(self):
        self.put("a.py", "weak(old)\n")
        report = self.sarif()
        r = self.run_it("import", report, "--root", self.repo, "--diff", "main", code=USAGE)
        self.assertIn("there is no commit yet", r.err)
        self.commit()
        for rev, word in (("nothing", 'no revision "nothing"'), ("", "wants a branch"),
                          ("--help", "wants a branch")):
            r = self.run_it("import", report, "--root", self.repo, f"--diff={rev}", code=USAGE)
            self.assertIn(word, r.err)
        r = self.run_it("import", report, "--root", self.cwd / "..", "--diff", "main", code=USAGE)
        self.assertIn("does not lie in a work tree of git", r.err)
        r = self.run_it("scan", self.repo, self.cwd, "--diff", "main", code=USAGE)
        self.assertIn("one folder", r.err)
        self.git("checkout", "-q", "--orphan", "island")
        self.commit("island")
        r = self.run_it("import", report, "--root", self.repo, "--diff", "main", code=USAGE)
        self.assertIn("no commit in common", r.err)

    def test_damaged_repository_is_an_error(self):
        self.put("a.py", "weak(old)\n")
        self.commit()
        self.branch()
        self.put("a.py", "weak(new)\n")
        self.commit()
        blob = self.git("rev-parse", "main:a.py")
        (self.repo / ".git/objects" / blob[:2] / blob[2:]).unlink()
        r = self.run_it("import", self.sarif(), "--root", self.repo, "--diff", "main")
        self.assertNotIn(r.code, (PASSED, GATE), str(r))
        self.assertIn("git diff", r.err)


class Kinds(GitCase):
    def trivy(self, results):
        return self.write("trivy.json", json.dumps({
            "SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "filesystem",
            "Results": results}))

    def states(self, report, *args, code=None):
        _, r = self.report("import", report, "--root", self.repo, "--diff", "main", *args,
                           code=code)
        return {(f.get("package", {}).get("name") or f["rule_id"], f.get("line_number", 0)):
                f["baseline_state"] for f in r["findings"]}

    def packages(self, target, kind, *packages):
        return self.trivy([{"Target": target, "Class": "lang-pkgs", "Type": kind,
                            "Vulnerabilities": [
                                {"VulnerabilityID": f"CVE-2024-{i + 1000}", "PkgName": n,
                                 "InstalledVersion": v, "Severity": "HIGH", "Title": "t"}
                                for i, (n, v) in enumerate(packages)]}])

    def test_packages_of_a_lock_file(self):
        def lock(**versions):
            return json.dumps({"packages": {f"node_modules/{n}": {"version": v, "x": "y"}
                                            for n, v in versions.items()}}, indent=2)
        self.put("package-lock.json", lock(lodash="4.17.1", minimist="1.2.0", ws="1.0.0"))
        self.commit()
        self.branch()
        self.put("package-lock.json", lock(added="2.0.0", lodash="4.17.1", minimist="1.2.5",
                                           ws="1.0.0"))
        self.commit()
        report = self.packages("package-lock.json", "npm", ("lodash", "4.17.1"),
                               ("minimist", "1.2.5"), ("added", "2.0.0"), ("ws", "1.0.0"))
        self.assertEqual(self.states(report, code=GATE), {
            ("lodash", 0): "unchanged", ("minimist", 0): "new", ("added", 0): "new",
            ("ws", 0): "unchanged"})

    def test_packages_of_a_lock_file_that_stayed(self):
        self.put("requirements.txt", "django==1.0\n")
        self.commit()
        self.branch()
        self.put("b.py", "pass\n")
        self.commit()
        report = self.packages("requirements.txt", "pip", ("django", "1.0"))
        self.assertEqual(self.states(report, code=PASSED), {("django", 0): "unchanged"})

    def test_block_of_infrastructure_code(self):
        text = 'resource "a" "b" {\n  encrypted = true\n  name = "x"\n}\n'
        self.put("main.tf", text + FILLER)
        self.commit()
        self.branch()
        self.put("main.tf", text.replace("  encrypted = true\n", "") + FILLER)
        self.commit()
        def report(start, end):
            cause = {"StartLine": start, "EndLine": end, "Resource": f"a.b{start}"}
            return self.trivy([{"Target": "main.tf", "Class": "config", "Type": "terraform",
                                "Misconfigurations": [{
                                    "ID": "AVD-AWS-0001", "Title": "t", "Severity": "HIGH",
                                    "Status": "FAIL", "CauseMetadata": cause}]}])
        self.assertEqual(set(self.states(report(1, 3), code=GATE).values()), {"new"})
        self.assertEqual(set(self.states(report(5, 8), code=PASSED).values()), {"unchanged"})
        # one line stands for a block that nobody knows: something was removed from the file
        self.assertEqual(set(self.states(report(1, 1), code=GATE).values()), {"new"})

    def test_secrets_of_the_history(self):
        self.put("a.py", "x\n")
        old = self.commit()
        self.branch()
        self.put("b.py", "y\n")
        new = self.commit()
        items = [dict(json.loads(leaks())[0], Commit=c, File=f"gone{i}", Secret=f"{SECRET}{i}")
                 for i, c in enumerate((old, new))]
        _, r = self.report("import", self.write("l.json", json.dumps(items)), "--root", self.repo,
                           "--diff", "main")
        self.assertEqual({f["file_path"]: f["baseline_state"] for f in r["findings"]},
                         {"gone0": "unchanged", "gone1": "new"})

    def test_what_has_no_place_is_new_unless_the_baseline_knows_it(self):
        self.put("a.py", "x\n")
        self.commit()
        report = self.packages("", "npm", ("lodash", "4.17.1"))
        _, r = self.report("import", report, "--root", self.repo, "--diff", "main",
                           "--baseline-write", "known.json", code=GATE)
        self.assertEqual([f["baseline_state"] for f in r["findings"]], ["new"])
        _, r = self.report("import", report, "--root", self.repo, "--diff", "main", "--baseline",
                           "known.json", code=PASSED)
        self.assertEqual([f["baseline_state"] for f in r["findings"]], ["unchanged"])


class Scan(GitCase):
    def setUp(self):
        super().setUp()
        self.put("conf/app.ini", f"token = {SECRET}\n")
        self.commit()
        self.branch()

    def scan(self, *args, **kw):
        return self.report("scan", self.repo, "--scanners", "gitleaks", *args, **kw)

    def test_gate_reports_and_policies(self):
        self.put("conf/new.ini", f"\ntoken = {SECRET[::-1]}\n")
        self.commit()
        both = leaks({}, {"File": "conf/new.ini", "StartLine": 2, "EndLine": 2,
                          "Secret": SECRET[::-1]})
        self.tool("gitleaks", gitleaks(both))
        _, r = self.scan("--diff", "main", code=GATE)
        self.assertEqual([(f["file_path"], f["baseline_state"]) for f in r["findings"]],
                         [("conf/new.ini", "new"), ("conf/app.ini", "unchanged")])
        self.tool("gitleaks", gitleaks(leaks()))
        _, r = self.scan("--diff", "main", "--gate", "gate-secrets", code=PASSED)
        self.assertEqual(r["gate"]["result"], "passed")
        table = self.run_it("scan", self.repo, "--scanners", "gitleaks", "--diff", "main",
                            "--no-progress", code=PASSED).out
        self.assertIn("No new findings; 1 unchanged", table)
        self.assertIn("1 unchanged, not shown: --all", table)
        self.assertIn("Compared with main (merge base ", table)
        sarif = self.run_it("scan", self.repo, "--scanners", "gitleaks", "--diff", "main",
                            "--no-progress", "--format", "sarif", code=PASSED).json()
        results = [x for run in sarif["runs"] for x in run["results"]]
        self.assertEqual([x["baselineState"] for x in results], ["unchanged"])
        junit = self.run_it("scan", self.repo, "--scanners", "gitleaks", "--diff", "main",
                            "--no-progress", "--format", "junit", code=PASSED).out
        self.assertIn('failures="0" errors="0" skipped="1"', junit)

    def test_a_scanner_that_failed_is_no_less_incomplete(self):
        self.tool("gitleaks", "#!/bin/sh\nexit 9\n")
        self.scan("--diff", "main", code=INCOMPLETE)


class Baseline(Case):
    def setUp(self):
        super().setUp()
        self.write("conf/app.ini", f"token = {SECRET}\n")
        self.tool("gitleaks", gitleaks(leaks()))

    def scan(self, *args, **kw):
        return self.report("scan", "--scanners", "gitleaks", *args, **kw)

    def states(self, *args, code=None):
        _, r = self.scan(*args, code=code)
        return [f["baseline_state"] for f in r["findings"]], r["comparison"]

    def test_each_report_serves(self):
        self.scan("--baseline-write", "short.json", code=GATE)
        first = (self.cwd / "short.json").read_text()
        for name, format in (("r.json", "json"), ("r.sarif", "sarif")):
            self.run_it("scan", "--scanners", "gitleaks", "--format", f"{format}={name}",
                        "--no-progress", code=GATE)
        for name in ("short.json", "r.json", "r.sarif"):
            states, c = self.states("--baseline", name, "--baseline-write", "again.json",
                                    code=PASSED)
            self.assertEqual((states, c["unchanged"], c["absent"]), (["unchanged"], 1, 0))
            self.assertEqual((self.cwd / "again.json").read_text(), first)

    def test_new_absent_and_more_severe(self):
        self.scan("--baseline-write", "known.json", code=GATE)
        self.tool("gitleaks", gitleaks(leaks({"Secret": SECRET[::-1], "RuleID": "other"})))
        states, c = self.states("--baseline", "known.json", code=GATE)
        self.assertEqual((states, c["new"], c["absent"]), (["new"], 1, 1))
        self.tool("gitleaks", gitleaks(leaks()))
        known = json.loads((self.cwd / "known.json").read_text())
        known["findings"][0]["severity"] = "LOW"
        self.write("lower.json", json.dumps(known))
        states, _ = self.states("--baseline", "lower.json", code=GATE)
        self.assertEqual(states, ["updated"])

    def test_what_was_suppressed_is_not_accepted(self):
        self.write("w.yaml", "waivers:\n  - rule: github-pat\n    reason: test\n")
        self.run_it("scan", "--scanners", "gitleaks", "--waivers", "w.yaml", "--no-progress",
                    "--format", "json=waived.json", "--baseline-write", "short.json", code=PASSED)
        for name in ("waived.json", "short.json"):
            states, _ = self.states("--baseline", name, code=GATE)
            self.assertEqual(states, ["new"])

    def test_broken_baselines(self):
        for text, word in (("", "neither a JSON"), ("{", "baseline bad.json"), ("[]", "neither"),
                           ('{"version":"1","findings":[{"severity":"LOW"}]}', "no fingerprint"),
                           ('{"runs":[{"results":[{"ruleId":"x"}]}]}', "no fingerprint"),
                           ('{"version":"1","findings":[]} x', "baseline bad.json")):
            self.write("bad.json", text)
            r = self.run_it("scan", "--scanners", "gitleaks", "--baseline", "bad.json", code=USAGE)
            self.assertIn(word, r.err)
        r = self.run_it("scan", "--baseline", "absent.json", code=USAGE)
        self.assertIn("absent.json", r.err)


if __name__ == "__main__":
    unittest.main()
