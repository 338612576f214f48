"""Daemons on PostgreSQL: two nodes and their jobs, a server that goes away and comes back."""
import pathlib
import signal
import sys
import unittest

sys.path.append(str(pathlib.Path(__file__).parents[1] / "store"))

from daemon import BUILD, Case, wait_for  # noqa: E402
from postgresql import Cluster  # noqa: E402


class Nodes(Case):
    @classmethod
    def setUpClass(cls):
        if not (BUILD / "lib" / "secureops" / "store_postgresql.so").exists():
            raise unittest.SkipTest("there is no driver for PostgreSQL")
        try:
            cls.cluster = Cluster().__enter__()
        except FileNotFoundError as e:
            raise unittest.SkipTest(str(e)) from e
        cls.addClassCleanup(cls.cluster.__exit__)

    def node(self, name, *args):
        root = self.root / name
        root.mkdir(exist_ok=True)
        d = self.start(f"store.url={self.cluster.url}", f"server.node={name}", *args, root=root)
        d.store = self.cluster.url
        wait_for(lambda: d.get("/ready")[0] == 200)
        return d

    def test_jobs_of_two_nodes(self):
        """Each job once, by one of them; what a dead one had the other one does."""
        one, two = self.node("one", "queue.lease=3s"), self.node("two", "queue.lease=3s")
        jobs = [one.queue("add", f"complete{i}") for i in range(12)]
        wait_for(lambda: all(one.job(j)[0] == "completed" for j in jobs))
        self.assertEqual({one.job(j)[1] for j in jobs}, {1})
        job = one.queue("add", "hang")
        first = wait_for(lambda: one if one.runners() else two if two.runners() else None)
        other = two if first is one else one
        first.process.kill()
        first.process.wait()
        self.assertEqual(other.job(job)[:2], ("running", 1))
        wait_for(other.runners)  # the lease of the other node is over
        self.assertEqual(other.job(job)[:2], ("running", 2))
        other.queue("cancel", job)
        wait_for(lambda: other.job(job)[0] == "cancelled")

    def test_the_server_restarts(self):
        d = self.node("one")
        job = d.queue("add", "hang-on")
        pid = wait_for(d.runners)
        self.cluster.stop(signal.SIGQUIT)
        wait_for(lambda: d.get("/ready")[1]["checks"]["store"]["status"] == "down")
        self.assertEqual(d.get("/health")[0], 200)
        self.cluster.start()
        wait_for(lambda: d.get("/ready")[0] == 200)
        self.assertEqual(d.runners(), pid)  # its job goes on
        self.assertEqual(d.job(job)[0], "running")
        d.queue("cancel", job)
        wait_for(lambda: d.job(job)[0] == "cancelled")
        self.assertEqual(d.stop(), 0)
        self.assertNotIn('"level":"error"', d.text())
