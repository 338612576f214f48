"""Results at Azure DevOps: statuses, the summary, threads on lines; twice, raced, refused, lost."""
import json
import unittest

from world import Case, DEGRADED, HEAD, LATER, ME, OLD, OTHER

MARK = "<!-- secureops:widget:default -->"
LINE = "<!-- secureops:widget:default:"


class Status(Case):
    def test_pending_then_result(self):
        first = self.publish(phase="pending")
        self.assertEqual(self.steps(first), {"check": "done", "status": "done"})
        for key in (HEAD, (7, 2)):
            s, = self.az.statuses[key]
            self.assertEqual((s["state"], s["context"]), ("pending", {"name": "SecureOps", "genre": "secureops"}))
        self.publish(3, state=first["state"])
        for key in (HEAD, (7, 2)):
            s = self.az.statuses[key][-1]
            self.assertEqual((s["state"], s["description"], s["targetUrl"]),
                             ("failed", "3 new findings: 1 critical", "https://secureops.example/scans/1"))
        self.assertEqual(self.az.statuses[7, 2][-1]["iterationId"], 2)

    def test_as_the_daemon_asks(self):
        """Pending, and an end without result, come without a scan."""
        bare = dict(scan=None, gate=None, summary=None, findings=None, markdown=None)
        first = self.publish(0, phase="pending", **{**bare, "findings": None})
        self.publish(0, phase="error", reason="the runner died", state=first["state"], **bare)
        self.assertEqual([s["state"] for s in self.az.statuses[HEAD]], ["pending", "error"])
        again = self.publish(0, phase="error", reason="the runner died", **bare)
        self.assertEqual(set(self.steps(again).values()), {"unchanged"})

    def test_again_writes_nothing(self):
        for n in (0, 3):
            with self.subTest(n=n):
                first = self.publish(n)
                writes = len(self.az.writes())
                for state in (None, first["state"]):
                    again = self.publish(n, state=state)
                    self.assertEqual(set(self.steps(again).values()), {"unchanged"})
                self.assertEqual(len(self.az.writes()), writes)

    def test_words(self):
        for gate, phase, word, says in (("passed", "result", "succeeded", "No new"), ("failed", "result", "failed", "No new"),
                                        ("incomplete", "result", "error", "Incomplete: trivy"),
                                        ("passed", "error", "error", "No result: killed")):
            self.publish(0, gate={"result": gate, "reasons": ["trivy timed out"]}, phase=phase, reason="killed",
                         steps=["status"])
            s = self.az.statuses[HEAD][-1]
            self.assertEqual((s["state"], s["description"].startswith(says)), (word, True), s)

    def test_without_a_pull_request(self):
        r = self.publish(3, pr_number=None)
        self.assertEqual(self.steps(r), {"status": "done"})
        r = self.publish(3, pr_number=None, steps=["check", "comment", "threads", "sarif"])
        self.assertEqual(self.steps(r), {"check": "unchanged", "comment": "skipped", "threads": "skipped",
                                         "sarif": "skipped"})

    def test_lost_answers(self):
        for path in ("/commits/", "/iterations/2/statuses"):
            for after in (False, True):
                for status in (502, 0):
                    with self.subTest(path=path, after=after, status=status):
                        self.az.statuses.clear()
                        self.az.fault(path, "POST", status, after=after)
                        self.publish(3)
                        self.assertEqual([len(v) for v in self.az.statuses.values()], [1, 1])

    def test_an_older_head(self):
        self.az.pulls[7].append("9" * 40)
        r = self.publish(3)
        self.assertEqual(self.steps(r), {"check": "done", "status": "done", "comment": "skipped", "threads": "skipped"})
        self.assertEqual(sorted(map(str, self.az.statuses)), sorted([str((7, 2)), HEAD]))  # its own iteration

    def test_a_commit_of_no_iteration(self):
        r = self.publish(3, commit_sha="8" * 40, code=DEGRADED)
        self.assertEqual(self.steps(r)["check"], "failed")
        self.assertEqual(self.steps(r)["status"], "done")

    def test_refused(self):
        self.az.fault("/iterations/2/statuses", "POST", 403,
                      body='{"message":"GitPullRequestStatusRejectedByPolicyException"}')
        r = self.publish(3, code=DEGRADED)
        check = r["steps"][0]
        self.assertEqual((check["step"], check["result"]), ("check", "failed"))
        self.assertIn("RejectedByPolicy", check["reason"])
        self.assertEqual(self.steps(r)["comment"], "done")

    def test_later_goes_on_where_it_stopped(self):
        self.az.fault("/threads", "POST", 429, headers={"Retry-After": "600"})
        answer = self.call("publish", **self.request(3))
        self.assertEqual((answer.code, answer.retry_ms), (LATER, 600000))
        self.assertEqual([s["step"] for s in answer.result["steps"]], ["check", "status"])
        self.publish(3, state=answer.result["state"])
        self.assertEqual([len(v) for v in self.az.statuses.values()], [1, 1])

    def test_requests_that_are_none(self):
        for bad in (dict(marker="a b"), dict(marker="-->"), dict(phase="x"), dict(commit_sha="0" * 40), dict(repository=None)):
            self.assertEqual(self.call("publish", **self.request(1, **bad)).name, "INVALID", bad)


class Comment(Case):
    def only(self):
        found = [t for t in self.az.threads.values() if not t["isDeleted"] and "threadContext" not in t
                 and t["comments"][0]["author"] == ME]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def publish(self, n=3, code=0, **more):
        return super().publish(n, code, **{"steps": ["comment"], **more})

    def test_one_that_is_updated(self):
        first = self.publish(3)
        thread = self.only()
        self.assertTrue(thread["comments"][0]["content"].startswith(MARK))
        self.assertEqual(thread["status"], "active")
        r = self.publish(0, markdown=self.file("b.md", "all good\n"), state=first["state"])
        self.assertEqual((self.only()["id"], self.only()["comments"][0]["content"].split("\n")[1], self.only()["status"]),
                         (thread["id"], "all good", "closed"))
        self.assertIn("discussionId", r["steps"][0]["url"])
        self.publish(3)
        self.assertEqual(self.only()["status"], "active")

    def test_what_a_person_decided_stays(self):
        self.publish(3)
        for word in ("wontFix", "byDesign"):
            self.only()["status"] = word
            self.publish(0)
            self.assertEqual(self.only()["status"], word)

    def test_marker_and_author(self):
        self.az.add_thread(OTHER, MARK + "\nnot ours")
        self.az.add_thread(ME, "quoting " + MARK)
        self.az.add_thread(ME, MARK + "\ngone", isDeleted=True)
        self.az.add_thread(ME, "<!-- secureops:widget:other -->\nanother configuration")
        before = {k: json.dumps(v) for k, v in self.az.threads.items()}
        self.publish(3)
        self.assertEqual(len(self.az.threads), 5)
        for k, v in before.items():
            self.assertEqual(json.dumps(self.az.threads[k]), v)

    def test_second_one_goes(self):
        one, two = (self.az.add_thread(ME, MARK + "\nx") for _ in range(2))
        self.publish(3)
        self.assertEqual((self.only()["id"], self.az.threads[two]["isDeleted"]), (one, True))

    def test_lost_answers(self):
        for method in ("POST", "PATCH"):
            for after in (False, True):
                for status in (502, 0):
                    with self.subTest(method=method, after=after, status=status):
                        self.az.threads.clear()
                        if method == "PATCH":
                            self.az.add_thread(ME, MARK + "\nold", status="active")
                        self.az.fault("/threads", method, status, after=after)
                        self.publish(3)
                        self.assertIn("| 1 | 2 |", self.only()["comments"][0]["content"])

    def test_limit(self):
        self.publish(3, markdown=self.file("big.md", "<details>\n```\n" + ("| row \U0001F600 |\n" * 40000)))
        text = self.only()["comments"][0]["content"]
        self.assertLessEqual(len(text.encode()), 150000)
        self.assertIn("more lines", text)
        self.assertIn("</details>", text)


class Threads(Case):
    def lines(self):
        return [t for t in self.az.threads.values() if "threadContext" in t and not t["isDeleted"]]

    def publish(self, n=3, code=0, **more):
        return super().publish(n, code, **{"steps": ["threads"], **more})

    def test_positions(self):
        rows = [dict(file_path="./src//f0.c", line_number=5, end_line=2, column=9, end_column=3),
                dict(file_path="src/f0.c", line_number=5, end_line=9, column=2, end_column=3),
                dict(file_path="src/f1.c", line_number=1),
                dict(file_path="src/f0.c", line_number=None), dict(file_path="src/other.c", line_number=1),
                dict(file_path="/src/f0.c", line_number=1), dict(file_path="../x", line_number=1)]
        base = {"severity": "HIGH", "title": "T", "rule_id": "r", "description": "d"}
        text = "".join(json.dumps({**base, "fingerprint": f"{i:064x}", **r}) + "\n" for i, r in enumerate(rows))
        r = self.publish(7, findings=self.file("f.jsonl", text))
        at = [t["threadContext"] for t in self.lines()]
        self.assertEqual([(a["filePath"], *a["rightFileStart"].values(), *a["rightFileEnd"].values()) for a in at],
                         [("/src/f0.c", 5, 9, 5, 9), ("/src/f0.c", 5, 2, 9, 3), ("/src/f1.c", 1, 1, 1, 1)])
        self.assertIn("4 findings are in no file", r["steps"][0]["reason"])

    def test_root(self):
        self.az.changes = ["/sub/dir/src/f0.c"]
        self.publish(1, root="sub/dir")
        self.assertEqual(self.lines()[0]["threadContext"]["filePath"], "/sub/dir/src/f0.c")

    def test_gone_and_back(self):
        self.publish(3)
        self.assertEqual([t["status"] for t in self.lines()], ["active"] * 3)
        self.publish(2)
        self.assertEqual([t["status"] for t in self.lines()], ["active", "active", "fixed"])
        self.publish(3)
        self.assertEqual([t["status"] for t in self.lines()], ["active"] * 3)
        self.lines()[2]["status"] = "wontFix"
        self.publish(2)
        self.publish(3)
        self.assertEqual(self.lines()[2]["status"], "wontFix")

    def test_an_incomplete_scan_closes_nothing(self):
        self.publish(3)
        self.publish(0, gate={"result": "incomplete", "reasons": ["x"]})
        self.publish(0, scan={"id": "s", "status": "incomplete"})
        self.assertEqual([t["status"] for t in self.lines()], ["active"] * 3)
        self.publish(0)
        self.assertEqual([t["status"] for t in self.lines()], ["fixed"] * 3)

    def test_what_was_not_handed_over_is_not_gone(self):
        self.publish(3)
        self.publish(1, summary={"new": 3, "by_severity": {}})
        self.assertEqual([t["status"] for t in self.lines()], ["active"] * 3)

    def test_only_ours(self):
        self.az.add_thread(OTHER, LINE + "f" * 64 + " -->\nx", threadContext={})
        self.publish(0)
        self.assertEqual(self.lines()[0]["status"], "active")

    def test_worst_first_and_no_more(self):
        self.start(threads_max=5)
        r = self.publish(12)
        self.assertEqual(len(self.lines()), 5)
        self.assertIn("7 are beyond", r["steps"][0]["reason"])
        writes = len(self.az.writes())
        self.assertEqual(self.steps(self.publish(12)), {"threads": "unchanged"})
        self.assertEqual(len(self.az.writes()), writes)

    def test_many_files(self):
        self.az.changes = [f"/gen/{i}" for i in range(2500)] + ["/src/f0.c"]
        self.publish(1)
        self.assertEqual(len(self.lines()), 1)

    def test_lost_answers(self):
        for after in (False, True):
            for status in (502, 0):
                self.az.threads.clear()
                self.az.fault("/threads", "POST", status, after=after)
                self.publish(3)
                self.assertEqual(len(self.lines()), 3)

    def test_hostile_text(self):
        bad = "</details>\x00\x1b[31m@everyone | ```\n<script>#1 --> \U0001F600" * 3
        self.publish(2, findings=self.findings(2, title=bad, description="\U0001F600" * 30000, rule_id=bad))
        for t in self.lines():
            text = t["comments"][0]["content"]
            self.assertNotIn("<script>", text)
            self.assertNotIn("@everyone", text)
            self.assertLess(len(text.encode()), 20000)


if __name__ == "__main__":
    unittest.main()
