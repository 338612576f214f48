"""GitHub from end to end: a signed webhook in, a scan of a repository that is fetched over https,
check run, comment, code scanning and Kafka out; and what may go wrong in between."""
import base64
import datetime
import gzip
import json
import os
import signal
import sys
import time
import unittest

import webhooks
from ci_loop import TESTS, Loop, git, gitleaks
from daemon import ADMIN
from github_standin import GitHub
from harness import descendants
from webhooks import SENDER, signed

sys.path.append(str(TESTS / "faults"))
import kafka  # noqa: E402

ZERO = "0" * 40


class GitHubLoop(Loop):
    credential = "ghs_app"
    more = ""

    def open_platform(self):
        self.gh = GitHub()
        self.gh.tree = None
        self.addCleanup(self.gh.__exit__)

    @property
    def config(self):
        secret = self.root / "hook"
        secret.write_text(webhooks.SECRET)
        secret.chmod(0o600)
        token = self.root / "token"
        token.write_text(self.credential)
        token.chmod(0o600)
        return f"""integrations:
  github:
    webhook_secret: ["file:{secret}"]
    token: file:{token}
    api_url: {self.gh.url}
    write_gap: 0
    backoff: 20ms
    wait: 1s
    check_paths: false
    sarif_wait: 10s
{self.more}{self.rules}"""

    # ---- webhooks
    def repository_of(self, name):
        return {"id": 1, "name": name.split("/")[1], "full_name": name, "default_branch": "main",
                "owner": {"login": name.split("/")[0]}, "clone_url": self.git_server.url(f"{name}.git"),
                "html_url": f"https://github.com/{name}"}

    def push(self, after, before=ZERO, branch="main", name="acme/shop", forced=False):
        commit = {"id": after, "timestamp": "2026-11-20T09:30:00Z", "message": "change",
                  "author": {"name": "Kim", "username": "kim"}, "added": [], "removed": [], "modified": ["a"]}
        self.send("push", {"ref": f"refs/heads/{branch}", "before": before, "after": after, "created": False,
                           "deleted": False, "forced": forced, "repository": self.repository_of(name),
                           "sender": SENDER, "pusher": {"name": "kim"}, "head_commit": commit, "commits": [commit]})

    def pull_request(self, number, head, base, action="opened", fork=None, branch="topic"):
        self.gh.pull(number, head)
        self.send("pull_request", {
            "action": action, "number": number, "repository": self.repository_of("acme/shop"), "sender": SENDER,
            "pull_request": {
                "id": 7, "number": number, "state": "open", "merged": False, "draft": False, "title": "A change",
                "user": SENDER, "created_at": "2026-11-20T09:00:00Z", "merge_commit_sha": "c" * 40,
                "html_url": f"https://github.com/acme/shop/pull/{number}",
                "head": {"ref": branch, "sha": head, "repo": self.repository_of(fork or "acme/shop")},
                "base": {"ref": "main", "sha": base, "repo": self.repository_of("acme/shop")}}})

    def send(self, event, payload):
        return self.post("/webhook/github", *signed(event, payload))

    # ---- what GitHub was told
    def checks(self, commit):
        return [c for c in self.gh.checks.values() if c["head_sha"] == commit]

    def check_of(self, commit):
        found = self.checks(commit)
        self.assertEqual(len(found), 1, found)
        return found[0]


class Told(GitHubLoop):
    more = "    break_after: 1000\n"

    def test_operators_see_what_was_told(self):
        """Why the platform has not been told, when it is tried again; and once more by hand."""
        def ours(*args, **kw):
            return self.run_it("publications", *args, env=env, **kw)

        def row(**wanted):
            items = ours("list", "--format", "json", "--pr", "7").json()["publications"]
            return items[0] if items and wanted.items() <= items[0].items() else None
        env = {"SECUREOPS_SERVER": self.url, "SECUREOPS_TOKEN": self.token}
        head = git(self.repo, "rev-parse", "HEAD")
        self.gh.fault(match="/check-runs", status=503, times=1000)
        self.pull_request(7, head, head)
        told = self.until(lambda: (lambda p: p if p and p.get("next_attempt_at") else None)(row(status="pending")),
                          "an attempt that failed")
        self.assertGreaterEqual(told["attempts"], 1)
        self.assertIn("503", told["last_error"])
        self.assertIn("github acme/shop#7: ", ours("list", "--status", "pending").out)
        self.assertIn("again at", ours("list").out)
        self.gh.faults.clear()
        told = self.until(lambda: row(status="published"), "the result")
        self.assertNotIn("last_error", told)
        self.assertNotIn("next_attempt_at", told)
        self.assertEqual(ours("list", "--status", "failed").out, "No publications\n")
        self.assertEqual(ours("show", told["id"], "--format", "json").json(), told)
        writes = len(self.gh.writes())
        self.assertEqual(ours("retry", told["id"]).out, f"{told['id']} pending\n")
        self.told(head)
        self.assertEqual(len(self.gh.writes()), writes)
        local = self.run_it("publications", "list", "--repository", "acme/shop", "--integration", "github",
                            f"--store={self.data / 'store.db'}", "--format", "json").json()["publications"]
        self.assertEqual([p["id"] for p in local], [told["id"]])


class Results(GitHubLoop):
    def test_pull_request(self):
        """Pending first, then the result; the next push updates what is there; nothing twice."""
        base = self.change(self.repo, **{"conf/old.ini": "a\n"})
        self.leaks_in("conf/old.ini", "services/api/conf/app.ini")
        git(self.repo, "checkout", "-q", "-b", "topic")
        head = self.change(self.repo, **{"services/api/conf/app.ini": "token\n"})
        begin = time.monotonic()
        self.pull_request(7, head, base)
        p = self.told(head)
        self.show_times(begin, head)
        self.assertNotIn("reason", p)
        c = self.check_of(head)
        self.assertEqual((c["status"], c["conclusion"]), ("completed", "failure"))
        self.assertEqual(c["title"], "1 new finding: 1 critical")
        # the new one alone, and where the repository has it
        self.assertEqual([(a["path"], a["start_line"]) for a in c["annotations"]], [("services/api/conf/app.ini", 1)])
        first = next(row for row in self.gh.writes())
        self.assertEqual((first[1], first[2]["status"]), ("/repos/acme/shop/check-runs", "in_progress"))
        comment, = self.gh.comments.values()
        self.assertIn("services/api/conf/app.ini", comment["body"])
        self.assertNotIn("old.ini", comment["body"])
        sarif, = self.gh.sarifs.values()
        self.assertEqual((sarif["commit_sha"], sarif["ref"], sarif["errors"]), (head, "refs/pull/7/head", []))
        self.assertEqual(sarif["polls"], 0)  # GitHub was asked until it had read it
        # the merge commit is nobody's: all of it is about the head
        self.assertNotIn("c" * 40, json.dumps([row[:3] for row in self.gh.log]))
        # told once more: nothing changes
        writes = len(self.gh.writes())
        self.ask(200, "POST", f"/publications/{p['id']}/retry")
        self.told(head)
        self.quiet()
        self.assertEqual([row[:2] for row in self.gh.writes()[writes:]], [])
        # the next push: the same comment
        after = self.change(self.repo, **{"services/api/conf/app.ini": "token\n# more\n", "b.ini": "token\n"})
        self.leaks_in("conf/old.ini", "services/api/conf/app.ini", "b.ini")
        self.pull_request(7, after, base, "synchronize")
        self.told(after)
        same, = self.gh.comments.values()
        self.assertEqual((same["id"], "b.ini" in same["body"]), (comment["id"], True))
        self.assertEqual(len(self.check_of(after)["annotations"]), 2)
        self.assertEqual(len(self.publications()), 1)
        # all is mended: said in the same place
        self.leaks_in()
        last = self.change(self.repo, **{"b.ini": "\n"})
        self.pull_request(7, last, base, "synchronize")
        self.told(last)
        self.assertEqual(self.check_of(last)["conclusion"], "success")
        self.assertEqual(list(self.gh.comments), [comment["id"]])

    def test_pending_while_all_slots_are_taken(self):
        """Scans have all slots: the platform hears at once that one more waits."""
        go = self.root / "go"
        self.leaks_in(before=f"until [ -e {go} ]; do sleep 0.1; done")
        for i in range(4):  # four repositories: one of each runs at a time
            self.new_repository(f"acme/slow{i}")
            commit = git(self.root / "git" / f"acme/slow{i}.git", "rev-parse", "HEAD")
            self.push(commit, name=f"acme/slow{i}")
        try:
            self.until(lambda: [j["state"] for j in self.scans()].count("running") == 4, "four scans")
            head = self.change(self.repo, **{"other.txt": "of this repository alone\n"})
            begin = time.monotonic()
            self.push(head)
            check, = self.until(lambda: self.checks(head), "the pending check", 30)
            took = time.monotonic() - begin
            state = self.get(f"/jobs/{self.publication(head)['job_id']}")["state"]
        finally:
            go.touch()
        print(f"\n  all slots taken: pending {took:.2f} s after the webhook", file=sys.stderr)
        self.assertLess(took, 2)
        self.assertEqual((check["status"], state), ("in_progress", "queued"))
        self.told(head)

    def show_times(self, begin, head):
        def at(path, status=None):
            return next(row[4] - begin for row in self.gh.log
                        if path in row[1] and row[0] != "GET" and (not status or (row[2] or {}).get("status") == status))
        scan, = self.scans()
        times = [datetime.datetime.fromisoformat(scan[k].replace("Z", "+00:00")) for k in ("started_at", "completed_at")]
        print(f"\n  webhook at 0; pending {at('check-runs'):.2f} s, result {at('check-runs/', 'completed'):.2f} s, "
              f"comment {at('/comments'):.2f} s, SARIF {at('/sarifs'):.2f} s, all told {time.monotonic() - begin:.2f} s; "
              f"the scan itself {(times[1] - times[0]).total_seconds():.2f} s", file=sys.stderr)

    def test_renamed_file(self):
        text = "".join(f"line {i}\n" for i in range(40))
        base = self.change(self.repo, **{"conf/old.ini": text})
        git(self.repo, "checkout", "-q", "-b", "topic")
        (self.repo / "etc").mkdir()
        git(self.repo, "mv", "conf/old.ini", "etc/new.ini")
        head = self.change(self.repo)
        self.leaks_in("etc/new.ini")
        self.pull_request(7, head, base)
        self.told(head)
        c = self.check_of(head)
        self.assertEqual((c["conclusion"], c["annotations"], c["title"]), ("success", [], "No new findings"))

    def test_comment_over_the_limit(self):
        base = git(self.repo, "rev-parse", "HEAD")
        git(self.repo, "checkout", "-q", "-b", "topic")
        names = [f"a/folder/with/a/long/name/{i:04d}/" + "x" * 60 + ".ini" for i in range(400)]
        head = self.change(self.repo, **{n: "token\n" for n in names})
        self.leaks_in(*names)
        self.pull_request(7, head, base)
        self.told(head)
        comment, = self.gh.comments.values()  # the stand-in takes what GitHub takes
        self.assertGreater(len(comment["body"]), 40000)
        self.assertEqual(len(self.check_of(head)["annotations"]), 200)

    def test_fork(self):
        """Its commits are in the base repository; what it may not write is said."""
        base = git(self.repo, "rev-parse", "HEAD")
        git(self.repo, "checkout", "-q", "-b", "topic")
        head = self.change(self.repo, **{"a.ini": "token\n"})
        git(self.repo, "update-ref", "refs/pull/7/head", head)
        git(self.repo, "checkout", "-q", "main")
        git(self.repo, "branch", "-q", "-D", "topic")
        self.leaks_in("a.ini")
        self.pull_request(7, head, base, fork="mallory/shop")
        self.told(head)
        self.assertEqual(self.check_of(head)["conclusion"], "failure")
        self.assertEqual(len(self.gh.comments), 1)
        self.assertEqual({r for r in self.git_server.requests if "mallory" in r}, set())


class Folder(GitHubLoop):
    """A repository of several projects: one of them is scanned, and told where the repository has it."""
    rules = """rules:
  - name: api
    on: [push, pull_request]
    path: services/api
    paths: ["services/api/**"]
    scanners: [gitleaks]
    publish: [check, comment, review, sarif]
    fail_on: low
"""

    def test_paths_of_the_repository(self):
        base = self.change(self.repo, **{"services/api/conf/old.ini": "a\n", "services/web/b.ini": "b\n"})
        git(self.repo, "checkout", "-q", "-b", "topic")
        head = self.change(self.repo, **{"services/api/conf/app.ini": "token\n"})
        # as the scanner has it, who sees the folder alone
        self.leaks_in("conf/old.ini", "conf/app.ini")
        path = "services/api/conf/app.ini"
        self.gh.files = {path: "@@ -0,0 +1,1 @@\n+token"}
        self.pull_request(7, head, base)
        p = self.told(head)
        self.assertNotIn("reason", p)
        c = self.check_of(head)
        self.assertEqual((c["title"], [(a["path"], a["start_line"]) for a in c["annotations"]]),
                         ("1 new finding: 1 critical", [(path, 1)]))
        comment, = self.gh.comments.values()
        self.assertIn(path, comment["body"])
        review, = self.gh.reviews
        self.assertEqual([(r["path"], r["line"]) for r in review["comments"]], [(path, 1)])
        sarif, = self.gh.sarifs.values()
        log = json.loads(gzip.decompress(base64.b64decode(sarif["sarif"])))
        uris = {place["physicalLocation"]["artifactLocation"]["uri"]
                for run in log["runs"] for r in run["results"] for place in r["locations"]}
        self.assertEqual(uris, {path, "services/api/conf/old.ini"})
        found = self.get("/vulnerabilities?limit=50")["items"]
        self.assertEqual({v["file_path"] for v in found}, uris)
        # one is mended: it is closed, for the folder was looked at
        self.leaks_in("conf/old.ini")
        after = self.change(self.repo, **{path: "\n"})
        self.pull_request(7, after, base, "synchronize")
        self.told(after)
        self.assertEqual(self.statuses(), {path: "RESOLVED", "services/api/conf/old.ini": "OPEN"})
        # no such folder any more: no result, which is not a clean one
        (self.repo / "services/api/conf/app.ini").unlink()
        (self.repo / "services/api/conf/old.ini").unlink()
        gone = self.change(self.repo)
        self.pull_request(7, gone, base, "synchronize")
        p = self.told(gone)
        self.assertEqual(self.check_of(gone)["conclusion"], "failure")
        self.assertEqual(self.statuses()["services/api/conf/old.ini"], "OPEN")

    def statuses(self):
        return {v["file_path"]: v["status"] for s in ("OPEN", "RESOLVED")
                for v in self.get(f"/vulnerabilities?limit=50&status={s}")["items"]}


class ForkToken(GitHubLoop):
    credential = "ghs_fork"

    def test_nothing_may_be_written(self):
        head = self.change(self.repo, **{"a.ini": "token\n"})
        self.leaks_in("a.ini")
        self.push(head)
        p = self.told(head, "failed")
        self.assertIn("Resource not accessible by integration", p["reason"])
        self.assertEqual((self.gh.checks, self.gh.statuses, self.gh.comments), ({}, [], {}))
        self.assertEqual(len(self.scans()), 1)  # and it was scanned all the same


class LetPass(GitHubLoop):
    more = '    check_name: "Security"\ngate:\n  on_incomplete: warn\n'

    def test_incomplete_is_said(self):
        """The operator lets incomplete scans pass: nobody reads them as clean."""
        head = self.change(self.repo, **{"a.ini": "token\n"})
        self.tool("gitleaks", gitleaks("[]", code=2))  # its own failure
        self.push(head)
        self.told(head)
        c = self.check_of(head)
        self.assertEqual((c["name"], c["conclusion"]), ("Security", "success"))
        self.assertIn("a part was not checked", c["title"])


class PersonalToken(GitHubLoop):
    credential = "ghp_pat"

    def test_status(self):
        head = self.change(self.repo, **{"a.ini": "token\n"})
        self.leaks_in("a.ini")
        self.push(head)
        p = self.told(head)
        self.assertIn("check degraded", p["reason"])
        self.assertEqual([(s["sha"], s["state"]) for s in self.gh.statuses], [(head, "pending"), (head, "failure")])


class Order(GitHubLoop):
    def topic(self):
        base = git(self.repo, "rev-parse", "HEAD")
        git(self.repo, "checkout", "-q", "-b", "topic")
        return base, self.change(self.repo, **{"a.ini": "token\n"})

    def under_way(self, commit):
        """Its check is pending and its scanner runs."""
        self.until(lambda: self.checks(commit), "the pending check")
        self.until(lambda: any("sleep 300" in c for c in descendants(self.daemon.pid).values()), "the scanner")

    def test_force_push(self):
        """The older head gives way: its scan ends, its check does not stay pending."""
        base, old = self.topic()
        self.leaks_in("a.ini", before="sleep 300")
        self.pull_request(7, old, base)
        self.under_way(old)
        git(self.repo, "reset", "-q", "--hard", base)
        self.leaks_in("b.ini")
        head = self.change(self.repo, **{"b.ini": "token\n"})
        self.pull_request(7, head, base, "synchronize")
        self.told(head)
        self.quiet()
        self.assertEqual([j["state"] for j in self.scans()], ["cancelled", "completed"])
        gave_way = self.check_of(old)
        self.assertEqual((gave_way["status"], gave_way["conclusion"]), ("completed", "failure"))
        self.assertIn("a newer revision is scanned", gave_way["title"])
        self.assertEqual(self.check_of(head)["title"], "1 new finding: 1 critical")
        comment, = self.gh.comments.values()
        self.assertIn("b.ini", comment["body"])

    def test_two_scans_at_once(self):
        """A push of the branch and its pull request, twice: each commit is told, in one comment."""
        base, first = self.topic()
        self.leaks_in("a.ini")
        second = self.change(self.repo, **{"a.ini": "token\n#\n"})
        for head, action in ((first, "opened"), (second, "synchronize")):
            self.pull_request(7, head, base, action)
            self.push(head, base, "topic")
        self.told(second)
        self.quiet()
        self.until(lambda: all(p["status"] != "pending" for p in self.publications()), "the end of all")
        self.assertEqual(len(self.gh.comments), 1)
        self.assertTrue(self.gh.checks)
        self.assertEqual({c["status"] for c in self.gh.checks.values()}, {"completed"})

    def test_scans_that_do_not_end(self):
        """Cancelled, failed, given up: each is told, none stays pending."""
        self.leaks_in("a.ini", before="sleep 300")
        cancelled = self.change(self.repo, **{"a.ini": "1"})
        self.push(cancelled)
        self.under_way(cancelled)
        job, = self.scans()
        self.ask(202, "POST", f"/jobs/{job['id']}/cancel")
        absent = "5" * 40  # no such commit
        self.push(absent, branch="gone")
        dead = self.change(self.repo, **{"a.ini": "2"})
        self.push(dead, branch="b2")
        for _ in range(2):
            self.kill_runner(job)
        for commit, says in ((cancelled, "the scan was cancelled"), (absent, "the scan has failed"),
                             (dead, "the scan was given up")):
            p = self.told(commit)
            self.assertIn(says, p["reason"])
            c = self.check_of(commit)
            self.assertEqual((c["status"], c["conclusion"], c["title"]), ("completed", "failure", f"No result: {says}"))

    def kill_runner(self, *others):
        """That which has a scanner under it."""
        def find():
            for pid, line in descendants(self.daemon.pid).items():
                if "secureops-runner" in line and any("sleep 300" in c for c in descendants(pid).values()):
                    return pid
            return None
        done = {j["id"] for j in others}
        self.until(lambda: all(j["state"] not in ("queued", "running") for j in self.scans() if j["id"] in done),
                   "the end of the others")
        pid = self.until(find, "a runner")
        os.kill(pid, signal.SIGKILL)
        self.until(lambda: pid not in descendants(self.daemon.pid), "its end")

    def test_daemon_killed(self):
        """kill -9 between pending and result."""
        self.leaks_in("a.ini", before="sleep 300")
        head = self.change(self.repo, **{"a.ini": "token\n"})
        self.push(head)
        self.under_way(head)
        self.daemon.kill()
        self.daemon.wait()
        self.leaks_in("a.ini")
        self.start_daemon()
        self.token = self.login(ADMIN)
        self.told(head)
        c = self.check_of(head)
        self.assertEqual((c["status"], c["title"]), ("completed", "1 new finding: 1 critical"))


class Away(GitHubLoop):
    settings = (*GitHubLoop.settings,)
    more = "    break_after: 1000\n"

    def test_platform_away(self):
        """Errors, cut connections, a rate limit: published later, and once."""
        base = git(self.repo, "rev-parse", "HEAD")
        git(self.repo, "checkout", "-q", "-b", "topic")
        head = self.change(self.repo, **{"a.ini": "token\n"})
        self.leaks_in("a.ini")
        self.gh.fault(match="/acme/", status=503, times=12)
        self.gh.fault(match="/acme/", status=0, times=5)
        self.gh.fault(match="/comments", method="POST", status=403, headers={"Retry-After": "3"}, times=1)
        self.gh.fault(match="/comments", method="POST", status=502, after=True, times=1)
        self.pull_request(7, head, base)
        p = self.told(head)
        self.assertEqual([f["times"] for f in self.gh.faults], [0] * 4)
        self.assertNotIn("reason", p)
        self.assertEqual(self.check_of(head)["status"], "completed")
        self.assertEqual((len(self.gh.comments), len(self.gh.sarifs)), (1, 1))

    def test_wrong_credential(self):
        self.credential = "ghp_wrong"
        self.config  # writes the file
        self.ask(200, "POST", "/reload")
        head = self.change(self.repo, **{"a.ini": "token\n"})
        self.leaks_in("a.ini")
        self.push(head)
        p = self.told(head, "failed")
        self.assertIn("401", p["reason"])
        self.assertEqual([x["id"] for x in self.publications(status="failed", integration="github")], [p["id"]])
        self.until(lambda: 'secureops_publications{status="failed"} 1' in
                   self.request("GET", "/metrics").text, "the metric")
        self.assertNotIn("ghp_wrong", self.log.read_text())
        # mended: once more, by hand
        self.credential = "ghs_app"
        self.config
        self.ask(200, "POST", "/reload")
        self.ask(200, "POST", f"/publications/{p['id']}/retry")
        self.told(head)
        self.assertEqual(self.check_of(head)["title"], "1 new finding: 1 critical")


@unittest.skipUnless(kafka.PROGRAM.exists(), "SecureOps was built without librdkafka")
class Events(GitHubLoop):
    def setUp(self):
        self.kafka = kafka.Kafka()
        self.addCleanup(self.kafka.close)
        self.settings = (*self.settings, f"events.brokers={self.kafka.brokers}")
        super().setUp()

    def check_nothing_left(self, result):
        pass  # the cluster is a child of this test

    def test_events_leave(self):
        head = self.change(self.repo, **{"a.ini": "token\n"})
        self.leaks_in("a.ini")
        begin = time.monotonic()
        self.push(head)
        wanted = ("security.scan.completed", "security.vulnerability.detected", "metrics.commit")

        def there():
            topics = self.kafka.dump(self.root / "messages")
            return all(kafka.PREFIX + t in topics for t in wanted) and topics
        topics = self.until(there, "the events")
        self.told(head)
        print(f"\n  webhook at 0; told and in Kafka after {time.monotonic() - begin:.2f} s", file=sys.stderr)
        event = [e for v in topics[kafka.PREFIX + wanted[1]].values() for e in v]
        self.assertEqual(["a.ini" in json.dumps(e["data"]) for e in event], [True])


if __name__ == "__main__":
    unittest.main()
