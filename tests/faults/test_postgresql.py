"""PostgreSQL goes away in the middle of requests and merges: stopped, crashed, connections cut, made
read-only. SECUREOPS_FAULTS_ROUNDS (default 4) times.
"""
import os
import signal
import threading
import time
import unittest

from faults import Faults, OnPostgreSQL

ROUNDS = int(os.environ.get("SECUREOPS_FAULTS_ROUNDS", "4"))


class PostgreSQL(OnPostgreSQL, Faults):
    def setUp(self):
        super().setUp()
        self.make_folders()
        self.next = 0
        self.again = []  # not taken yet
        self.stop = threading.Event()

    def work(self):
        """Requests one after the other, whatever becomes of the server."""
        while not self.stop.is_set():
            if not self.submit(self.next):
                self.again.append(self.next)
            self.next += 1
            time.sleep(0.05)

    def worker(self):
        failed = []

        def run():
            try:
                self.work()
            except BaseException as e:  # told by the test's own thread
                failed.append(e)
        thread = threading.Thread(target=run)
        thread.start()
        return thread, failed

    def under_work(self, *faults):
        thread, failed = self.worker()
        try:
            for i in range(ROUNDS):
                time.sleep(self.random.uniform(0.3, 1.2))
                faults[i % len(faults)]()
        finally:
            self.stop.set()
            thread.join(90)
        self.assertFalse(thread.is_alive())
        self.assertEqual(failed, [])
        self.assertGreater(len(self.accepted), 0)
        for number in self.again:
            self.submit_until_taken(number)
        self.assertEqual(len(set(self.accepted.values())), self.next)
        self.finish_all(self.id())

    def restart(self, sig):
        self.cluster.stop(sig)
        time.sleep(self.random.uniform(0, 1))
        self.cluster.start()

    def cut(self):
        for _ in range(5):
            self.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                       "application_name = 'secureops'")
            time.sleep(self.random.uniform(0, 0.2))

    def read_only(self):
        for value in ("on", "off"):
            self.query(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
            self.query("SELECT pg_reload_conf()")
            time.sleep(0.7)

    def test_stopped_and_crashed(self):
        self.under_work(lambda: self.restart(signal.SIGINT), lambda: self.restart(signal.SIGQUIT))

    def test_connections_cut(self):
        self.under_work(self.cut)

    def test_read_only(self):
        self.under_work(self.read_only)
        self.assertGreater(self.answers[503], 0, self.answers)


if __name__ == "__main__":
    unittest.main()
