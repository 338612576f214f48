"""Webhooks while the daemon and the worker of the integration are killed at random points: what was
acknowledged is acted upon, once; what was not is sent again, as a platform does.

SECUREOPS_FAULTS_KILLS (default 20) halves are kills on each store.
"""
import http.client
import os
import queue
import signal
import threading
import time
import unittest

import webhooks
from faults import Faults, OnPostgreSQL
from harness import descendants
from webhooks import push, signed, workflow_run

KILLS = max(2, int(os.environ.get("SECUREOPS_FAULTS_KILLS", "20")) // 2)
SENDERS = 4


class Webhooks(Faults):
    # nothing is scanned: what counts is that it is asked for
    settings = (*Faults.settings, "queue.attempts=1")

    @property
    def config(self):
        return webhooks.config(self.root)

    def setUp(self):
        self.acknowledged, self.refused, self.work = {}, [], queue.Queue()
        super().setUp()

    def send(self, connection, n):
        event, payload = push(n, branch=f"b{n}") if n % 2 else workflow_run(10**10 + n, "completed",
                                                                           "success")
        body, headers = signed(event, payload, delivery=f"d{n}")
        connection.request("POST", "/webhook/github", body=body, headers=headers)
        reply = connection.getresponse()
        text = reply.read()
        if reply.status in (200, 202):
            self.acknowledged[f"d{n}"] = n
            return True
        if reply.status != 503:
            self.refused.append((n, reply.status, text))
        return reply.status != 503

    def sender(self, more):
        connection = None
        while True:
            try:
                n = self.work.get(timeout=0.1)
            except queue.Empty:
                if more.is_set():
                    continue
                if connection:
                    connection.close()
                return
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port,
                                                                      timeout=10)
                if not self.send(connection, n):
                    self.work.put(n)
                    time.sleep(0.05)
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = None
                self.work.put(n)
                time.sleep(0.05)

    def kill_something(self):
        workers = [pid for pid, command in descendants(self.daemon.pid).items()
                   if "secureops-worker" in command.split(" ")[0]]
        if workers and self.random.random() < 0.5:
            try:
                os.kill(self.random.choice(workers), signal.SIGKILL)
            except ProcessLookupError:
                pass
            return
        self.daemon.kill()
        self.daemon.wait()
        self.start_daemon()

    def settled(self):
        items, cursor = {}, ""
        while cursor is not None:
            page = self.get(f"/deliveries?limit=500{cursor and '&cursor=' + cursor}")
            items.update({i["delivery"]: i for i in page["items"]})
            cursor = page.get("next_cursor")
        return items if all(i["status"] != "received" for i in items.values()) else None

    def run_kills(self):
        more, n = threading.Event(), 0
        more.set()
        threads = [threading.Thread(target=self.sender, args=(more,)) for _ in range(SENDERS)]
        for t in threads:
            t.start()
        try:
            for _ in range(KILLS):
                for _ in range(40):
                    self.work.put(n)
                    n += 1
                time.sleep(self.random.uniform(0, 0.3))
                self.kill_something()
        finally:
            more.clear()
            for t in threads:
                t.join(60)
        self.assertEqual(self.refused, [])
        self.assertEqual(len(self.acknowledged), n)
        until, items = time.monotonic() + 90, None
        while items is None and time.monotonic() < until:
            items = self.settled()
            time.sleep(0.2)
        self.assertIsNotNone(items, self.log.read_text()[-4000:])
        self.assertEqual({d: items[d]["status"] for d in self.acknowledged if d in items},
                         {d: "done" for d in self.acknowledged})
        self.once(n)
        self.stop_daemon()

    def once(self, n):
        jobs, cursor = [], ""
        while cursor is not None:
            page = self.get(f"/jobs?limit=200{cursor and '&cursor=' + cursor}")
            jobs += [j for j in page["items"] if j["kind"] == "scan"]
            cursor = page.get("next_cursor")
        commits = [j["request"]["commit"] for j in jobs]
        self.assertEqual(len(commits), len(set(commits)), "a push was scanned twice")
        self.assertEqual(len(commits), n // 2)
        builds = []
        cursor = ""
        while cursor is not None:
            page = self.get(f"/events?type=metrics.build&limit=500{cursor and '&cursor=' + cursor}")
            builds += page["items"]
            cursor = page.get("next_cursor")
        self.assertEqual(len(builds), n - n // 2, "a build was told twice, or not at all")


class SQLite(Webhooks):
    def test_kills(self):
        self.run_kills()


class PostgreSQL(OnPostgreSQL, Webhooks):
    def test_kills(self):
        self.run_kills()


if __name__ == "__main__":
    unittest.main()
