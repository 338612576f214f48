"""Webhooks to two nodes on one PostgreSQL: each comes to either and is worked by whichever is first, or is
left. One check, one comment, one set of events."""
import collections
import http.client
import sys
import threading
import time
import unittest

import test_ci_github
from ci_loop import git
from harness import descendants
from on_postgresql import Node, OnPostgreSQL
from webhooks import signed


class TwoNodes(OnPostgreSQL, test_ci_github.GitHubLoop):
    settings = (*test_ci_github.GitHubLoop.settings, "server.node=one", "queue.lease=3s",
                "server.public_url=http://secureops.example")
    # what comes of one pull request with one new finding, once each
    once = ("security.scan.requested", "security.scan.completed", "security.vulnerability.detected",
            "metrics.pr")

    def setUp(self):
        super().setUp()
        self.ports, self.answers = [self.port], []
        self.base = git(self.repo, "rev-parse", "HEAD")
        self.leaks_in("a.ini")

    def second(self, *settings):
        node = Node(self, "two", *settings)
        self.ports.append(node.port)
        return node

    def topic(self, number):
        git(self.repo, "checkout", "-q", "-b", f"topic{number}", self.base)
        return self.change(self.repo, **{"a.ini": f"token {number}\n"})

    def opened(self, number, head, port):
        """A pull request, told to the node that listens there."""
        here, self.port = self.port, port
        try:
            self.pull_request(number, head, self.base, branch=f"topic{number}")
        finally:
            self.port = here

    def at_both(self, body, headers):
        threads = [threading.Thread(target=self.deliver, args=(port, body, headers)) for port in self.ports]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def deliver(self, port, body, headers):
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            c.request("POST", "/webhook/github", body=body, headers=headers)
            self.answers.append(c.getresponse().status)
        finally:
            c.close()

    def events(self):
        """By type, those of each commit or pull request."""
        found, after = collections.Counter(), 0
        while page := self.get(f"/events?cursor={after}&limit=500")["items"]:
            after = page[-1]["position"]
            found.update(i["event"]["event_type"].removeprefix("dcc.") for i in page)
        return found

    def check_once(self, *heads):
        for head in heads:
            self.told(head)
        self.quiet()
        for head in heads:
            check = self.check_of(head)
            self.assertEqual((check["status"], check["title"]), ("completed", "1 new finding: 1 critical"))
        self.assertEqual(len(self.gh.checks), len(heads))
        self.assertEqual(len(self.gh.comments), len(heads))
        self.assertEqual(len(self.gh.sarifs), len(heads))
        self.assertEqual({p["status"] for p in self.publications()}, {"published"})
        self.assertEqual({k: n for k, n in self.events().items() if k in self.once},
                         dict.fromkeys(self.once, len(heads)))
        self.assertEqual([j["state"] for j in self.scans()], ["completed"] * len(heads))

    def test_one_takes_and_the_other_works(self):
        """The node that webhooks come to runs no scans."""
        self.stop_daemon()
        self.settings = (*self.settings, "queue.slots=0")
        self.start_daemon()
        two = self.second("queue.slots=4")
        head = self.topic(7)
        begin = time.monotonic()
        self.opened(7, head, self.ports[0])
        self.told(head)
        print(f"\n  webhook at one node, told by the other after {time.monotonic() - begin:.2f} s", file=sys.stderr)
        self.check_once(head)
        two.stop()

    def test_both_at_once(self):
        """Each delivery comes to both nodes, as from a platform that has not seen the answer."""
        two = self.second()
        heads = {n: self.topic(n) for n in range(1, 7)}
        for number, head in heads.items():
            self.send = lambda event, payload: self.at_both(*signed(event, payload))
            self.pull_request(number, head, self.base, branch=f"topic{number}")
        self.assertEqual(sorted(self.answers), [200] * 6 + [202] * 6)
        self.check_once(*heads.values())
        two.stop()

    def test_killed_between_pending_and_result(self):
        """With all that it has begun: the other comes to the result."""
        two = self.second()
        self.leaks_in("a.ini", before="sleep 300")
        head = self.topic(7)
        self.opened(7, head, self.ports[0])
        nodes = (self.daemon, two.process)

        def busy():
            return [n for n in nodes if any("sleep 300" in c for c in descendants(n.pid).values())]
        self.until(lambda: self.checks(head) and busy(), "the pending check, and the scanner")
        self.leaks_in("a.ini")
        victim, = busy()
        self.lose(victim, two)
        self.check_once(head)

    def lose(self, victim, two):
        """One of the two; the other is asked from now on."""
        victim.kill()
        victim.wait()
        if victim is self.daemon:
            self.daemon, self.port, self.log = two.process, two.port, two.log
            two.process = None

    def test_killed_with_webhooks(self):
        """As soon as it has acknowledged them: nobody else knows of them, but the store."""
        two = self.second()
        for number in range(1, 6):
            head = self.topic(number)
            self.opened(number, head, self.ports[0])
        self.lose(self.daemon, two)
        begin = time.monotonic()
        heads = [git(self.repo, "rev-parse", f"topic{number}") for number in range(1, 6)]
        self.check_once(*heads)
        print(f"\n  all told {time.monotonic() - begin:.1f} s after the node was lost", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
