"""Results at GitHub: check run, status, comment, code scanning, review; twice, raced, refused, lost."""
import json
import unittest

from world import BASE, Case, DEGRADED, HEAD, LATER, sarif

MARK = "<!-- secureops:widget:default -->"


class Check(Case):
    def test_pending_then_result(self):
        first = self.publish(phase="pending")
        c = self.only_check()
        self.assertEqual((c["status"], c["head_sha"], self.steps(first)), ("in_progress", HEAD, {"check": "done"}))
        self.assertEqual(self.gh.comments, {})
        result = self.publish(3, state=first["state"])
        self.assertEqual((c["status"], c["conclusion"], len(c["annotations"])), ("completed", "failure", 3))
        self.assertEqual(c["title"], "3 new findings: 1 critical")
        self.assertEqual(result["url"], f"https://github.com/checks/{c['id']}")

    def test_again_writes_nothing(self):
        for n in (0, 3, 120):
            with self.subTest(n=n):
                self.gh.checks.clear()
                self.gh.comments.clear()
                first = self.publish(n)
                writes = len(self.gh.writes())
                for state in (None, first["state"]):
                    again = self.publish(n, state=state)
                    self.assertEqual(set(self.steps(again).values()), {"unchanged"})
                self.publish(n, phase="pending")  # late, and of no effect
                self.assertEqual(len(self.gh.writes()), writes)
                self.assertEqual(self.only_check()["status"], "completed")

    def test_batches(self):
        for n, calls in ((0, 1), (1, 1), (50, 1), (51, 2), (1000, 4)):
            with self.subTest(n=n):
                self.gh.checks.clear()
                self.gh.log.clear()
                self.publish(n, steps=["check"])
                c = self.only_check()
                self.assertEqual(len(c["annotations"]), min(n, 200))
                self.assertEqual(c["status"], "completed")
                self.assertEqual(len(self.gh.writes()), calls)
                titles = [a["title"] for a in c["annotations"]]
                self.assertEqual(titles, [f"{a.split(':')[0]}: Weakness {i}" for i, a in enumerate(titles)])
                self.assertEqual("not shown" in c.get("text", ""), n == 1000)

    def test_conclusion_comes_last(self):
        self.publish(120, steps=["check"])
        bodies = [row[2] for row in self.gh.writes()]
        self.assertEqual(["conclusion" in b for b in bodies], [False, False, True])

    def test_pending_then_many(self):
        first = self.publish(phase="pending")
        self.publish(120, state=first["state"])
        self.assertEqual(len(self.only_check()["annotations"]), 120)

    def test_lost_answers(self):
        """Whatever write loses its answer, before or after it took effect: one check, each finding once."""
        for at in range(3):
            for after in (False, True):
                for status in (502, 0):
                    with self.subTest(at=at, after=after, status=status):
                        self.gh.checks.clear()
                        self.gh.faults.clear()
                        self.gh.fault("/check-runs", "POST" if at == 0 else "PATCH", status, after=after)
                        if at == 2:
                            self.gh.faults[0]["times"] = 0
                            self.gh.fault(r"/check-runs/\d+$", "PATCH", status, times=1, after=after)
                        self.publish(120, steps=["check"])
                        c = self.only_check()
                        self.assertEqual([a["message"].split("rule-")[1] for a in c["annotations"]],
                                         [str(i) for i in range(120)])
                        self.assertEqual(c["status"], "completed")

    def test_goes_on_where_it_stopped(self):
        self.gh.fault(r"/check-runs/\d+$", "PATCH", 403, headers={"Retry-After": "600"})
        answer = self.call("publish", **self.request(120))
        self.assertEqual((answer.code, answer.retry_ms), (LATER, 600000))
        self.assertEqual(self.only_check()["status"], "in_progress")
        self.publish(120)
        c = self.only_check()
        self.assertEqual((len(c["annotations"]), c["status"]), (120, "completed"))
        self.assertEqual(len({a["message"] for a in c["annotations"]}), 120)

    def test_places(self):
        rows = [
            dict(file_path="./src//a.c", line_number=5, end_line=2, column=9, end_column=3),  # the end before the start
            dict(file_path="src/a.c", line_number=5, end_line=9, column=2, end_column=3),
            dict(file_path="src/a.c", line_number=None),
            dict(file_path="/etc/passwd", line_number=1), dict(file_path="../x", line_number=1),
            dict(file_path="a\\b", line_number=1), dict(file_path=None, resource="aws_s3_bucket.x"),
        ]
        base = {"severity": "HIGH", "title": "T", "rule_id": "r", "description": "d", "fingerprint": "f" * 64}
        text = "".join(json.dumps({**base, **r}) + "\n" for r in rows)
        self.publish(7, findings=self.file("f.jsonl", text), root="sub/dir")
        c = self.only_check()
        self.assertEqual([(a["path"], a["start_line"], a["end_line"], a.get("start_column")) for a in c["annotations"]],
                         [("sub/dir/src/a.c", 5, 5, 9), ("sub/dir/src/a.c", 5, 9, None), ("sub/dir/src/a.c", 1, 1, None)])
        self.assertEqual(c["text"].count("| HIGH |"), 4)
        self.assertIn("aws\\_s3\\_bucket.x", c["text"])

    def test_files_that_are_not_there(self):
        self.gh.tree = ["src/f0.c", "src"]
        self.publish(14)
        c = self.only_check()
        self.assertEqual({a["path"] for a in c["annotations"]}, {"src/f0.c"})
        self.assertEqual(c["text"].count("Weakness"), 12)

    def test_hostile_text(self):
        bad = "</details>\x00\x1b[31m@everyone | ```\n<script>#1 \U0001F600" * 3
        self.publish(3, findings=self.findings(3, title=bad, description="\U0001F600" * 30000, rule_id=bad,
                                               file_path=lambda i: None if i else "src/\u00e4 b.c"))
        c = self.only_check()
        self.assertEqual(c["annotations"][0]["path"], "src/\u00e4 b.c")
        self.assertNotIn("<script>", c["text"])
        self.assertNotIn("@everyone", c["text"])

    def test_incomplete_is_no_success(self):
        for gate, phase, says in ((dict(result="incomplete", reasons=["trivy timed out"]), "result", "Incomplete: trivy"),
                                  (dict(result="passed", reasons=[]), "error", "No result: the runner died")):
            with self.subTest(phase=phase):
                self.gh.checks.clear()
                self.publish(0, gate=gate, phase=phase, reason="the runner died")
                c = self.only_check()
                self.assertEqual(c["conclusion"], "failure")
                self.assertTrue(c["title"].startswith(says), c["title"])

    def test_error_ends_what_was_pending(self):
        first = self.publish(phase="pending")
        self.publish(phase="error", reason="killed", state=first["state"])
        self.assertEqual((self.only_check()["status"], self.only_check()["conclusion"]), ("completed", "failure"))

    def test_two_scans_at_once(self):
        one, two = ({**self.request()["scan"], "id": name} for name in ("scan-1", "scan-2"))
        self.publish(phase="pending", scan=one)
        self.publish(phase="pending", scan=two)
        self.publish(3, scan=two)
        self.publish(2, scan=one)
        self.assertEqual([(c["status"], len(c["annotations"])) for c in self.gh.checks.values()],
                         [("completed", 2), ("completed", 3)])
        self.assertEqual(len(self.gh.comments), 1)

    def test_limits(self):
        text = "# Title\n" + "\U0001F600" * 15 + "\n" + "<details>\n```\n" + ("| row \U0001F600 |\n" * 20000)
        result = self.publish(3, markdown=self.file("big.md", text))
        self.assertEqual(self.steps(result), {"check": "done", "comment": "done"})
        for kept in (self.only_check()["summary"], next(iter(self.gh.comments.values()))["body"]):
            self.assertIn("more lines", kept)
            self.assertGreater(len(kept.encode()), 60000)
            self.assertEqual(kept.count("```") % 2, 0)
            self.assertEqual(kept.count("<details>"), kept.count("</details>"))

    def test_requests_that_are_none(self):
        for bad in (dict(commit_sha="main"), dict(commit_sha=None), dict(marker="A b"), dict(marker="--"), dict(marker=""),
                    dict(phase="soon"), dict(findings="/nonexistent")):
            answer = self.call("publish", **self.request(**bad))
            self.assertLess(answer.code, 0, bad)
            self.assertEqual(self.gh.writes(), [])


class Comment(Case):
    def bodies(self):
        return [c["body"] for c in self.gh.comments.values()]

    def test_one_for_ever(self):
        first = self.publish()
        number = int(first["state"]["comment_id"])
        for i in range(3):
            state = first["state"] if i else None
            self.publish(state=state, markdown=self.file("c.md", f"run {i}\n"),
                         scan={"id": f"s{i}"}, steps=["comment"])
            self.assertEqual(list(self.gh.comments), [number])
            self.assertEqual(self.bodies(), [f"{MARK}\nrun {i}\n"])

    def test_found_on_a_later_page_and_only_by_its_author(self):
        for i in range(120):
            self.gh.add_comment("alice", f"comment {i}")
        mallory = self.gh.add_comment("mallory", f"{MARK}\nmine")
        other = self.gh.add_comment("acme[bot]", "<!-- secureops:widget:other -->\nother")
        quoted = self.gh.add_comment("acme[bot]", f"> {MARK}\nquoted")
        ours = self.gh.add_comment("acme[bot]", f"{MARK}\nold")
        before = {k: self.gh.comments[k]["body"] for k in (mallory, other, quoted)}
        # a token's own account is asked for
        result = self.publish(steps=["comment"], markdown=self.file("c.md", "new"))
        self.assertEqual(result["state"]["comment_id"], str(ours))
        self.assertEqual(self.gh.comments[ours]["body"], f"{MARK}\nnew")
        self.assertEqual({k: self.gh.comments[k]["body"] for k in before}, before)
        self.assertEqual(len(self.gh.comments), 124)

    def test_a_second_one_of_ours_goes(self):
        ours = [self.gh.add_comment("acme[bot]", f"{MARK}\n{i}") for i in range(3)]
        self.publish(steps=["comment"])
        self.assertEqual(list(self.gh.comments), ours[:1])

    def test_removed_by_somebody(self):
        first = self.publish(steps=["comment"])
        self.gh.comments.clear()
        self.publish(steps=["comment"], state=first["state"])
        self.assertEqual(len(self.gh.comments), 1)

    def test_lost_answers(self):
        for after in (False, True):
            for method in ("POST", "PATCH"):
                with self.subTest(after=after, method=method):
                    self.gh.comments.clear()
                    if method == "PATCH":
                        self.gh.add_comment("acme[bot]", f"{MARK}\nold")
                    self.gh.fault("/comments", method, 502, after=after)
                    self.publish(steps=["comment"])
                    self.assertEqual(len(self.gh.comments), 1)
                    self.assertIn("## SecureOps", self.bodies()[0])

    def test_a_newer_head_gives_way(self):
        self.gh.pull(7, "c" * 40)
        result = self.publish(sarif=self.file("s.sarif", json.dumps(sarif())))
        self.assertEqual(self.steps(result), {"check": "done", "comment": "skipped", "sarif": "skipped"})
        self.assertEqual(self.gh.comments, {})
        self.assertEqual(self.only_check()["status"], "completed")  # the old commit does not stay pending

    def test_a_commit_that_is_gone(self):
        self.gh.pull(7, "c" * 40)
        self.gh.gone.add(HEAD)
        result = self.publish()
        self.assertEqual(self.steps(result), {"check": "skipped", "comment": "skipped"})
        self.assertIn("No commit found", result["steps"][0]["reason"])

    def test_no_pull_request(self):
        self.assertEqual(self.steps(self.publish(pr_number=None)), {"check": "done"})


class Token(Case):
    """A personal access token: no check runs."""
    token = "ghp_pat"

    def test_status_in_the_place_of_the_check(self):
        first = self.publish(phase="pending", code=DEGRADED)
        result = self.publish(3, code=DEGRADED, state=first["state"])
        self.assertEqual(self.steps(result), {"check": "degraded", "comment": "done"})
        self.assertIn("may not create check runs", result["steps"][0]["reason"])
        self.assertEqual([(s["state"], s["context"]) for s in self.gh.statuses],
                         [("pending", "SecureOps"), ("failure", "SecureOps")])
        self.assertEqual(self.gh.statuses[1]["target_url"], "https://secureops.example/scans/1")
        self.assertEqual(self.gh.checks, {})
        self.publish(3, code=DEGRADED, state=result["state"])
        self.publish(3, code=DEGRADED)
        self.assertEqual(len(self.gh.statuses), 2)
        self.assertEqual([c["author"] for c in self.gh.comments.values()], ["pat-user"])

    def test_refused_check_runs_are_tried_again(self):
        """With another credential, or a day later; not in the middle of a scan."""
        first = self.publish(phase="pending", code=DEGRADED)
        state = first["state"]
        other = {**self.request()["scan"], "id": "scan-2"}
        self.gh.log.clear()
        self.publish(3, code=DEGRADED, state=state, scan=other)
        self.assertEqual([r for r in self.gh.log if "check-runs" in r[1]], [])  # it was refused just now
        self.start(token="ghs_app")
        self.publish(3, code=DEGRADED, state=state)  # the same scan: people look at its status
        self.assertEqual(self.gh.checks, {})
        result = self.publish(3, state=state, scan=other)
        self.assertEqual(self.steps(result), {"check": "done", "status": "unchanged", "comment": "unchanged"})
        self.assertEqual(self.only_check()["conclusion"], "failure")
        self.assertFalse(result["state"]["no_checks"])
        # the same credential, to which the right was given
        self.gh.checks.clear()
        late = {**result["state"], "no_checks": True, "no_checks_as": state["no_checks_as"]}
        self.start(token="ghp_pat")
        for at, tried in (("2020-01-01T00:00:00Z", True), ("2099-01-01T00:00:00Z", True), (state["no_checks_at"], False)):
            self.gh.log.clear()
            third = {**other, "id": f"scan-{at}"}
            again = self.publish(3, code=DEGRADED, scan=third, state={**late, "no_checks_at": at})
            self.assertEqual(any("check-runs" in r[1] for r in self.gh.log), tried, at)
        self.assertEqual(again["state"]["no_checks_at"], state["no_checks_at"])

    def test_another_commit_leaves_the_status_alone(self):
        first = self.publish(phase="pending", code=DEGRADED)
        self.start(token="ghs_app")
        self.gh.pull(7, "d" * 40)
        result = self.publish(3, state=first["state"], commit_sha="d" * 40, scan={"id": "scan-2"})
        self.assertEqual(self.steps(result)["check"], "done")
        self.assertNotIn("status", self.steps(result))

    def test_long_reasons_are_cut(self):
        self.publish(0, code=DEGRADED, gate={"result": "incomplete", "reasons": ["\U0001F600" * 300]})
        self.assertLessEqual(len(self.gh.statuses[0]["description"].encode()), 140)

    def test_status_alone(self):
        self.gh.fault("/statuses/", "POST", 502, after=True)
        self.assertEqual(self.steps(self.publish(0, steps=["status"])), {"status": "done"})
        self.assertEqual(len(self.gh.statuses), 1)
        self.assertEqual(self.gh.statuses[0]["state"], "success")


class Fork(Case):
    """A token that may only read."""
    token = "ghs_fork"

    def test_nothing_can_be_written(self):
        result = self.publish(3, code=DEGRADED, sarif=self.file("s.sarif", json.dumps(sarif())))
        self.assertEqual(self.steps(result), {"check": "failed", "comment": "failed", "sarif": "skipped"})
        for step in result["steps"]:
            self.assertIn("Resource not accessible", step["reason"])
        # each refusal is asked for once
        self.assertEqual(len(self.gh.writes()), 4)


class CodeScanning(Case):
    def upload(self, log, code=0, **more):
        return self.publish(1, code=code, sarif=self.file("s.sarif", json.dumps(log)), **more)

    def test_upload(self):
        self.gh.sarif_polls = 2
        result = self.upload(sarif())
        self.assertEqual(self.steps(result)["sarif"], "done")
        s = next(iter(self.gh.sarifs.values()))
        self.assertEqual((s["commit_sha"], s["ref"]), (HEAD, "refs/pull/7/head"))
        again = self.upload(sarif(), state=result["state"])
        self.assertEqual(self.steps(again)["sarif"], "unchanged")
        self.assertEqual(len(self.gh.sarifs), 1)
        self.upload(sarif(2), state=result["state"])
        self.assertEqual(len(self.gh.sarifs), 2)

    def test_branch(self):
        self.upload(sarif(), pr_number=None, branch="main")
        self.assertEqual(next(iter(self.gh.sarifs.values()))["ref"], "refs/heads/main")

    def test_refused_after_the_202(self):
        for log, says in ((sarif(location=False), "expected artifact location"), (sarif(runs=2), "same category"),
                          (sarif(runs=21), "20 runs")):
            result = self.upload(log, code=DEGRADED)
            step = result["steps"][-1]
            self.assertEqual(step["result"], "failed")
            self.assertIn(says, step["reason"])

    def test_slow_processing(self):
        self.gh.sarif_polls = 1000
        result = self.upload(sarif(), code=DEGRADED)
        self.assertEqual(self.steps(result)["sarif"], "degraded")
        for s in self.gh.sarifs.values():
            s["polls"] = 0
        again = self.upload(sarif(), state=result["state"])
        self.assertEqual((self.steps(again)["sarif"], len(self.gh.sarifs)), ("unchanged", 1))

    def test_not_enabled(self):
        self.gh.code_scanning = False
        self.assertEqual(self.steps(self.upload(sarif()))["sarif"], "skipped")
        result = self.upload(sarif(), code=DEGRADED, steps=["sarif"])
        self.assertEqual(self.steps(result), {"sarif": "failed"})
        self.assertIn("Advanced Security", result["steps"][0]["reason"])

    def test_lost_answer(self):
        self.gh.fault("/sarifs$", "POST", 502, after=True)
        self.assertEqual(self.steps(self.upload(sarif()))["sarif"], "done")
        self.assertEqual(len(self.gh.sarifs), 1)

    def test_lost_limit(self):
        self.gh.fault("/sarifs$", "POST", 413, body='{"message":"too large"}')
        self.assertEqual(self.steps(self.upload(sarif(), code=DEGRADED))["sarif"], "failed")


class Review(Case):
    def test_lines_of_the_diff_only(self):
        self.gh.files = {"src/f0.c": "@@ -1,3 +1,4 @@\n a\n+b\n@@ -20 +22,2 @@ x\n+c", "src/f1.c": "@@ -0,0 +1,9 @@\n+x"}
        result = self.publish(10, steps=["review"])
        self.assertEqual(self.steps(result), {"review": "done"})
        got = [(c["path"], c["line"]) for c in self.gh.reviews[0]["comments"]]
        self.assertEqual(got, [("src/f0.c", 1), ("src/f1.c", 2), ("src/f1.c", 9)])
        self.assertIn("7 findings", result["steps"][0]["reason"])
        self.assertEqual(self.steps(self.publish(10, steps=["review"], state=result["state"])), {"review": "unchanged"})
        self.assertEqual(len(self.gh.reviews), 1)

    def test_lost_answer(self):
        self.gh.files = {"src/f0.c": "@@ -1,3 +1,4 @@\n a"}
        self.gh.fault("/reviews$", "POST", 0, after=True)
        self.publish(1, steps=["review"])
        self.assertEqual(len(self.gh.reviews), 1)


if __name__ == "__main__":
    unittest.main()
