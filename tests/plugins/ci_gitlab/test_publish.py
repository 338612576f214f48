"""Results at GitLab: commit status, note, threads; twice, raced, refused, lost."""
import json
import unittest

from world import BOT, Case, DEGRADED, HEAD, LATER

MARK = "<!-- secureops:widget:default -->"
FILE = {"src/a.c": {"diff": "@@ -1,3 +1,4 @@\n a\n+b\n c\n d\n@@ -20,3 +21,3 @@ f()\n x\n-old\n+new\n y\n"}}
# new lines of it: 1 unchanged, 2 added, 3 and 4 unchanged, 21 unchanged, 22 added, 23 unchanged


class Status(Case):
    def states(self):
        return [(s["state"], s["name"], s["ref"]) for s in self.gl.statuses]

    def test_pending_then_result(self):
        first = self.publish(phase="pending")
        self.assertEqual((self.states(), self.steps(first)), ([("pending", "SecureOps", "change")], {"status": "done"}))
        self.assertEqual(self.gl.notes, {})
        self.publish(3, state=first["state"])
        s = self.gl.statuses[0]
        self.assertEqual(self.states(), [("failed", "SecureOps", "change")])
        self.assertEqual((s["sha"], s["description"], s["target_url"]),
                         (HEAD, "3 new findings: 1 critical", "https://secureops.example/scans/1"))

    def test_as_the_daemon_asks(self):
        """Pending, and an end without result, come without a scan."""
        bare = dict(scan=None, gate=None, summary=None, findings=None, markdown=None)
        for phase, state in (("result", "success"), ("error", "failed")):
            with self.subTest(phase=phase):
                self.gl.statuses.clear()
                first = self.good(self.call("publish", **{**self.request(0), **bare, "phase": "pending"}))
                more = {} if phase == "result" else {**bare, "phase": phase, "reason": "the runner died"}
                last = self.good(self.call("publish", **{**self.request(0), **more, "state": first["state"]}))
                self.assertEqual(self.states(), [(state, "SecureOps", "change")])
                again = self.good(self.call("publish", **{**self.request(0), **more, "state": last["state"]}))
                self.assertEqual(self.steps(again)["status"], "unchanged")

    def test_again_writes_nothing(self):
        self.gl.diffs = FILE
        for n in (0, 3, 30):
            with self.subTest(n=n):
                pending = self.publish(phase="pending")
                first = self.publish(n, state=pending["state"])
                writes = len(self.gl.writes())
                for state in (None, first["state"]):
                    again = self.publish(n, state=state)
                    self.assertEqual(set(self.steps(again).values()), {"unchanged"}, again)
                self.publish(n, phase="pending", state=first["state"])  # late, and of no effect
                self.assertEqual(len(self.gl.writes()), writes)

    def test_another_scan_of_the_same_commit(self):
        first = self.publish(0, phase="pending")
        first = self.publish(0, state=first["state"])
        scan = {**self.request()["scan"], "id": "scan-2"}
        second = self.publish(0, phase="pending", scan=scan, state=first["state"])
        self.assertEqual([s[0] for s in self.states()], ["success", "pending"])
        self.publish(0, scan=scan, state=second["state"])
        self.assertEqual([s[0] for s in self.states()], ["success", "success"])

    def test_refused_transitions(self):
        """GitLab refuses to set the state that is there already."""
        self.publish(phase="pending")
        scan = {**self.request()["scan"], "id": "scan-2", "url": "https://secureops.example/scans/2"}
        self.assertEqual(self.steps(self.publish(phase="pending", scan=scan)), {"status": "unchanged"})
        self.gl.statuses[0]["state"] = "running"  # somebody else's doing
        self.assertEqual(self.steps(self.publish(phase="pending", scan=scan)), {"status": "unchanged"})
        self.assertEqual(len(self.gl.statuses), 1)
        text = 'Cannot transition status via :succeed from :manual'
        self.gl.fault("/statuses/", "POST", 400, body=json.dumps({"message": text}))
        answer = self.publish(0, code=DEGRADED, steps=["status"])
        self.assertIn("Cannot transition", answer["steps"][0]["reason"])

    def test_two_scans_at_once(self):
        scan = {**self.request()["scan"], "id": "scan-2"}
        one, two = self.publish(phase="pending"), self.publish(phase="pending", scan=scan)
        self.publish(2, state=one["state"])
        self.publish(3, scan=scan, state=two["state"])
        self.assertEqual({s[0] for s in self.states()}, {"failed"})
        self.assertEqual(len([n for n in self.gl.notes.values() if n["body"].startswith(MARK)]), 1)

    def test_lost_answers(self):
        for after in (False, True):
            for status in (502, 0):
                with self.subTest(after=after, status=status):
                    self.gl.statuses.clear()
                    self.gl.fault("/statuses/", "POST", status, after=after)
                    self.assertEqual(self.steps(self.publish(0, steps=["status"])), {"status": "done"})
                    self.assertEqual(self.states(), [("success", "SecureOps", "change")])

    def test_long_texts_are_cut(self):
        long = "\U0001F600" * 300
        self.publish(0, gate={"result": "incomplete", "reasons": [long]}, name="n" * 300,
                     scan={"id": "s", "url": "https://x/" + "y" * 300, "status": "completed"})
        s = self.gl.statuses[0]
        self.assertLessEqual(len(s["description"].encode()), 255)
        self.assertTrue(s["description"].startswith("Incomplete: \U0001F600"))
        self.assertEqual((len(s["name"]), s.get("target_url"), s["state"]), (255, None, "failed"))

    def test_incomplete_is_no_success(self):
        for gate, phase, says in ((dict(result="incomplete", reasons=["trivy timed out"]), "result", "Incomplete: trivy"),
                                  (dict(result="passed", reasons=[]), "error", "No result: the runner died"),
                                  (dict(result="?", reasons=[]), "result", "Incomplete: a part")):
            with self.subTest(phase=phase, gate=gate):
                self.gl.statuses.clear()
                self.publish(0, phase="pending")
                self.publish(0, gate=gate, phase=phase, reason="the runner died", scan={"id": "x"})
                s = self.gl.statuses[0]
                self.assertEqual((len(self.gl.statuses), s["state"]), (1, "failed"))
                self.assertTrue(s["description"].startswith(says), s)

    def test_of_a_fork(self):
        self.gl.mr(8, "f" * 40, source_project_id=3)
        more = dict(commit_sha="f" * 40, pr_number=8, head_repository="eve/widget", branch="theirs")
        self.assertEqual(self.steps(self.publish(0, **more))["status"], "done")
        self.assertEqual(self.states(), [("success", "SecureOps", "refs/merge-requests/8/head")])
        self.gl.statuses.clear()
        self.publish(0, **{**more, "head_repository": None, "branch": "refs/merge-requests/8/head"})
        self.assertEqual(self.states(), [("success", "SecureOps", "refs/merge-requests/8/head")])
        self.gl.statuses.clear()
        self.gl.fault("/statuses/", "POST", 404, body='{"message":"404 References for commit Not Found"}')
        result = self.publish(0, code=DEGRADED, **more)
        self.assertEqual(self.steps(result), {"status": "degraded", "comment": "unchanged", "threads": "unchanged"})
        self.assertIn("fork", result["steps"][0]["reason"])

    def test_two_branches_at_one_commit(self):
        self.gl.branches["next"] = HEAD
        self.publish(0, pr_number=None)
        self.assertEqual(self.steps(self.publish(0, pr_number=None, branch="next")), {"status": "done"})
        self.assertEqual([s[2] for s in self.states()], ["change", "next"])
        self.assertEqual(self.steps(self.publish(0, pr_number=None, branch="refs/heads/next")), {"status": "unchanged"})

    def test_by_the_path_of_the_project(self):
        self.publish(0, context={}, steps=["status"])
        self.assertIn("/projects/acme%2Fwidget/statuses/", self.gl.writes()[0][1])
        self.gl.statuses.clear()
        answer = self.worker.call("publish", {**self.request(0), "repository": "acme/sub/widget", "context": {},
                                              "pr_number": None})
        self.assertEqual(self.good(answer)["steps"][0]["result"], "done")
        self.assertIn("/projects/acme%2Fsub%2Fwidget/", self.gl.writes()[-1][1])

    def test_steps_that_are_not_ours(self):
        result = self.publish(0, steps=["check", "sarif", "description", "review"], pr_number=None)
        self.assertEqual(self.steps(result), {"status": "done", "threads": "skipped", "sarif": "skipped",
                                              "description": "skipped"})

    def test_requests_that_are_none(self):
        for bad in (dict(commit_sha="main"), dict(commit_sha=None), dict(marker="A b"), dict(marker="--"), dict(marker=""),
                    dict(phase="soon"), dict(findings="/nonexistent"), dict(repository="acme"),
                    dict(context={"project_id": "1/../2"})):
            answer = self.call("publish", **self.request(**bad))
            self.assertLess(answer.code, 0, bad)
            self.assertEqual(self.gl.writes(), [])


class Note(Case):
    def ours(self):
        return [n["body"] for n in self.gl.notes.values() if n["body"].startswith(MARK) and n["author"] == BOT]

    def test_one_for_ever(self):
        first = self.publish()
        number = int(first["state"]["note_id"])
        for i in range(3):
            state = first["state"] if i else None
            result = self.publish(state=state, markdown=self.file("c.md", f"run {i}\n"), scan={"id": f"s{i}"},
                                  steps=["comment"])
            self.assertEqual(result["steps"][0]["url"],
                             f"https://gitlab.example/acme/widget/-/merge_requests/7#note_{number}")
            self.assertEqual(self.ours(), [f"{MARK}\nrun {i}\n"])

    def test_found_on_a_later_page_and_only_by_its_author(self):
        for i in range(250):
            self.gl.add_note(5, f"note {i}")
        others = [self.gl.add_note(6, f"{MARK}\nmine"), self.gl.add_note(BOT, "<!-- secureops:widget:other -->\nother"),
                  self.gl.add_note(BOT, f"> {MARK}\nquoted"), self.gl.add_note(BOT, f"{MARK[:-4]}:abc -->\na thread")]
        ours = self.gl.add_note(BOT, f"{MARK}\nold")
        before = {k: self.gl.notes[k]["body"] for k in others}
        result = self.publish(steps=["comment"], markdown=self.file("c.md", "new"))
        self.assertEqual(result["state"]["note_id"], str(ours))
        self.assertEqual(self.gl.notes[ours]["body"], f"{MARK}\nnew")
        self.assertEqual({k: self.gl.notes[k]["body"] for k in others}, before)
        self.assertEqual(len(self.gl.notes), 255)

    def test_a_second_one_of_ours_goes(self):
        ours = [self.gl.add_note(BOT, f"{MARK}\n{i}") for i in range(3)]
        self.publish(steps=["comment"])
        self.assertEqual(list(self.gl.notes), ours[:1])

    def test_removed_by_somebody(self):
        first = self.publish(steps=["comment"])
        self.gl.notes.clear()
        self.publish(steps=["comment"], state=first["state"])
        self.assertEqual(len(self.ours()), 1)

    def test_another_text_by_the_id_of_the_last_time_is_not_ours(self):
        theirs = self.gl.add_note(5, "hello")
        self.publish(steps=["comment"], state={"note_id": str(theirs), "author": str(BOT)})
        self.assertEqual((self.gl.notes[theirs]["body"], len(self.ours())), ("hello", 1))
        self.publish(steps=["comment"], state={"note_id": "../../x", "author": str(BOT)})

    def test_lost_answers(self):
        for after in (False, True):
            for method in ("POST", "PUT"):
                for status in (502, 0):
                    with self.subTest(after=after, method=method, status=status):
                        self.gl.notes.clear()
                        if method == "PUT":
                            self.gl.add_note(BOT, f"{MARK}\nold")
                        self.gl.fault("/notes", method, status, after=after)
                        self.publish(steps=["comment"])
                        self.assertEqual(len(self.gl.notes), 1)
                        self.assertIn("## SecureOps", self.ours()[0])

    def test_limit(self):
        text = "# Title\n<details>\n```\n" + ("| row \U0001F600 |\n" * 200000)
        self.publish(0, steps=["comment"], markdown=self.file("big.md", text))
        kept = self.ours()[0]
        self.assertIn("more lines", kept)
        self.assertTrue(900000 < len(kept.encode()) <= 1000000)
        self.assertEqual((kept.count("```") % 2, kept.count("<details>")), (0, kept.count("</details>")))

    def test_no_line_is_a_quick_action(self):
        text = "/merge\n  /close\n\t/approve\na /b\n| /x |\n\r/assign @me\n/"
        self.publish(0, steps=["comment"], markdown=self.file("c.md", text))
        for line in self.ours()[0].splitlines():
            self.assertFalse(line.strip().startswith("/"), line)
        self.assertIn("\na /b\n| /x |\n", self.ours()[0])
        self.gl.diffs = FILE
        self.publish(1, findings=self.findings(1, line_number=2, title="/merge", rule_id="/close\n/close", severity="HIGH",
                                               remediation="x\n/approve"), steps=["threads"])
        for n in self.gl.notes.values():
            self.assertFalse([line for line in n["body"].splitlines() if line.strip().startswith("/")])

    def test_a_newer_head_gives_way(self):
        self.gl.mr(7, "c" * 40)
        self.gl.commits[HEAD] = 1
        self.gl.diffs = FILE
        result = self.publish()
        self.assertEqual(self.steps(result), {"status": "done", "comment": "skipped", "threads": "skipped"})
        self.assertEqual(self.gl.notes, {})
        self.assertEqual(self.gl.statuses[0]["state"], "failed")  # the old commit does not stay pending

    def test_no_merge_request(self):
        self.assertEqual(self.steps(self.publish(pr_number=None)), {"status": "done"})


class Threads(Case):
    def setUp(self):
        super().setUp()
        self.gl.diffs = dict(FILE)

    def at(self, *lines, **more):
        return self.findings(len(lines), line_number=lambda i: lines[i], fingerprint=lambda i: f"{lines[i]:064x}", **more)

    def threads(self):
        out = {}
        for notes in self.gl.discussions.values():
            n = self.gl.notes[notes[0]]
            at = n["position"] or {}
            out[int(n["body"].split(":")[3].split(" ")[0], 16)] = (at.get("old_line"), at.get("new_line"), n["resolved"])
        return out

    def go(self, *lines, code=0, **more):
        return self.publish(len(lines), code=code, findings=self.at(*lines), steps=["threads"], **more)

    def test_positions(self):
        result = self.go(2, 3, 10, 22, 23, 500)
        self.assertEqual(self.steps(result), {"threads": "done"})
        self.assertEqual(self.threads(), {2: (None, 2, False), 3: (2, 3, False), 22: (None, 22, False),
                                          23: (22, 23, False)})
        self.assertIn("2 findings are on lines", result["steps"][0]["reason"])
        note = next(iter(self.gl.notes.values()))
        self.assertIn("**CRITICAL**: Weakness 0 (rule-0)", note["body"])
        self.assertIn("Fix: Do better.", note["body"])

    def test_renamed_and_new_and_removed_files(self):
        self.gl.diffs = {"new name.c": {"old_path": "old.c", "diff": "@@ -1,2 +1,3 @@\n a\n+b\n c\n"},
                         "fresh.c": {"diff": "@@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline at end of file\n"},
                         "gone.c": {"diff": "@@ -1,2 +0,0 @@\n-a\n-b\n"}, "bin": {"diff": ""}}
        names = ["new name.c", "fresh.c", "gone.c", "bin", "old.c"]
        self.publish(5, findings=self.findings(5, file_path=lambda i: names[i], line_number=2), steps=["threads"])
        got = [(p["old_path"], p["new_path"], p.get("old_line"), p.get("new_line"))
               for p in (n["position"] for n in self.gl.notes.values())]
        self.assertEqual(got, [("old.c", "new name.c", None, 2), ("fresh.c", "fresh.c", None, 2), ("gone.c", "gone.c", 2, None)])

    def test_below_a_root(self):
        self.gl.diffs = {"sub/src/a.c": FILE["src/a.c"]}
        self.go(2, root="sub")
        self.assertEqual(list(self.threads()), [2])

    def test_resolved_when_gone_and_back(self):
        self.go(2, 22)
        self.assertEqual(self.steps(self.go(22)), {"threads": "done"})
        self.assertEqual({k: v[2] for k, v in self.threads().items()}, {2: True, 22: False})
        self.assertEqual(self.steps(self.go(22)), {"threads": "unchanged"})
        self.go(2, 22)
        self.assertEqual({k: v[2] for k, v in self.threads().items()}, {2: False, 22: False})
        for n in self.gl.notes.values():  # a person's word stands
            n.update(resolved=True, resolved_by=5)
        self.assertEqual(self.steps(self.go(2, 22)), {"threads": "unchanged"})
        self.assertEqual(len(self.gl.discussions), 2)

    def test_what_was_not_checked_is_not_gone(self):
        self.go(2)
        self.go(gate={"result": "incomplete", "reasons": ["x"]})
        self.go(scan={"id": "s", "status": "incomplete"})
        self.go(summary={"new": 5})  # more than the file holds
        self.assertEqual(self.threads()[2][2], False)
        self.go()
        self.assertEqual(self.threads()[2][2], True)

    def test_threads_of_others_stay(self):
        self.gl.add_note(6, "words")
        self.go(2)
        for name, author, body in (("1" * 40, 6, f"{MARK[:-4]}:{'9' * 64} -->"), ("2" * 40, BOT, "<!-- secureops:other:x:9 -->")):
            number = self.gl.add_note(author, body)
            self.gl.notes[number].update(resolvable=True, resolved=False)
            self.gl.discussions[name] = [number]
        self.go()
        self.assertEqual([self.gl.notes[v[0]]["resolved"] for v in self.gl.discussions.values()], [True, False, False])

    def test_many_pages(self):
        for i in range(230):
            self.gl.add_note(5, f"note {i}")
        self.go(2)
        self.assertEqual(self.steps(self.go(2)), {"threads": "unchanged"})
        for i in range(150):
            self.gl.diffs[f"other{i}.c"] = FILE["src/a.c"]
        last = self.findings(1, file_path="other149.c", line_number=2, fingerprint="e" * 64)
        self.publish(1, findings=last, steps=["threads"])
        self.assertEqual(len(self.gl.discussions), 2)

    def test_the_worst_and_no_more(self):
        self.gl.diffs = {"src/a.c": {"diff": "@@ -0,0 +1,200 @@\n" + "+x\n" * 200}}
        result = self.publish(100, steps=["threads"])
        self.assertEqual(sorted(self.threads()), list(range(20)))
        self.assertIn("80 more", result["steps"][0]["reason"])
        self.assertEqual(self.steps(self.publish(100, steps=["threads"])), {"threads": "unchanged"})
        self.start(threads_max=0)
        self.assertNotIn("threads", self.steps(self.publish(3)))

    def test_one_thread_for_equal_fingerprints(self):
        self.publish(3, findings=self.findings(3, fingerprint="f" * 64), steps=["threads"])
        self.assertEqual(len(self.gl.discussions), 1)

    def test_a_line_that_gitlab_does_not_take(self):
        self.gl.diffs["src/a.c"] = {**FILE["src/a.c"], "truth": "@@ -5,1 +5,1 @@\n x\n"}
        result = self.go(2)
        self.assertEqual(self.threads(), {2: (None, None, False)})
        self.assertIn("src/a.c:2", next(iter(self.gl.notes.values()))["body"])
        self.assertIn("did not take their line", result["steps"][0]["reason"])
        self.assertEqual(self.steps(self.go(2)), {"threads": "unchanged"})
        self.go()
        self.assertEqual(self.threads()[2][2], True)

    def test_older_server(self):
        self.gl.new_diffs = False
        self.go(2, 3)
        self.assertEqual(len(self.threads()), 2)

    def test_lost_answers(self):
        for after in (False, True):
            for status in (502, 0):
                with self.subTest(after=after, status=status):
                    self.gl.notes.clear()
                    self.gl.discussions.clear()
                    self.gl.fault("/discussions$", "POST", status, after=after)
                    self.go(2, 3, 22)
                    self.assertEqual(sorted(self.threads()), [2, 3, 22])
                    self.assertEqual(len(self.gl.discussions), 3)
        self.gl.fault("/discussions/", "PUT", 502, after=True)
        self.go(2)
        self.assertEqual([v[2] for v in self.threads().values()], [False, True, True])

    def test_goes_on_where_it_stopped(self):
        self.gl.fault("/discussions$", "POST", 429, body="Retry later", kind="text/plain", headers={"Retry-After": "60"})
        self.gl.faults[0]["times"] = 0
        self.go(2)
        self.gl.faults[0]["times"] = 1
        answer = self.call("publish", **self.request(2, findings=self.at(2, 22)))
        self.assertEqual((answer.code, answer.retry_ms), (LATER, 60000))
        self.assertEqual({s["step"] for s in answer.result["steps"]}, {"status", "comment"})
        self.publish(2, findings=self.at(2, 22), state=answer.result["state"])
        self.assertEqual(sorted(self.threads()), [2, 22])

    def test_hostile_text(self):
        bad = "</details>\x00\x1b[31m@everyone | ```\n<script>#1 \U0001F600" * 3
        self.publish(1, findings=self.at(2, title=bad, rule_id=bad, remediation=bad, description=bad), steps=["threads"])
        body = next(iter(self.gl.notes.values()))["body"]
        for word in ("<script>", "@everyone", "</details>", "\x1b", "```", " #1"):
            self.assertNotIn(word, body)

    def test_diffs_that_are_none(self):
        for text in ("@@", "@@ -1 +1 @@", "@@ -1,3 +x @@\n+a", "@@ -99999999999999999999,1 +1 @@\n+a\n", "+a\n+b\n",
                     "@@ -1 +2 @@\n+a\n", "@@ -1,1 +2,1 @@\n\n\n\n+z"):
            self.gl.diffs = {"src/a.c": {"diff": text}}
            self.go(2)


class Reader(Case):
    """A token that may only read."""
    token = "glpat-reader"

    def test_nothing_can_be_written(self):
        self.gl.diffs = FILE
        result = self.publish(3, code=DEGRADED)
        self.assertEqual(self.steps(result), {"status": "failed", "comment": "failed", "threads": "failed"})
        for step in result["steps"]:
            self.assertIn("insufficient_scope", step["reason"])
        self.assertEqual(len(self.gl.writes()), 3)  # each refusal is asked for once


if __name__ == "__main__":
    unittest.main()
