"""Two nodes on one PostgreSQL, and one of them is cut off from it: what passes to the server goes
nowhere, and connections stay open. Its job runs elsewhere, and what it makes of it is thrown away.
"""
import pathlib
import socket
import sys
import threading
import time
import unittest

TESTS = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "integration" / "daemon"), str(TESTS / "integration" / "store")]
from daemon import Case, wait_for  # noqa: E402
from postgresql import Cluster  # noqa: E402


class Proxy:
    """TCP to the server's socket; `cut` holds everything back, both ways."""

    def __init__(self, target):
        self.target, self.open = target, threading.Event()
        self.open.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.ended = False
        self.sockets = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.target)
            except OSError:
                client.close()
                continue
            self.sockets += [client, server]
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source, to):
        try:
            while part := source.recv(65536):
                self.open.wait()
                if self.ended:
                    return
                to.sendall(part)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        self.open.clear()

    def heal(self):
        self.open.set()

    def close(self):
        self.ended = True
        self.open.set()
        self.listener.close()
        for s in self.sockets:
            s.close()


class Partition(Case):
    def setUp(self):
        super().setUp()
        try:
            self.cluster = Cluster().__enter__()
        except FileNotFoundError as e:
            self.skipTest(str(e))
        self.addCleanup(self.cluster.__exit__)
        self.proxy = Proxy(f"{self.cluster.root}/.s.PGSQL.5432")
        self.addCleanup(self.proxy.close)

    def node(self, name, url):
        root = self.root / name
        root.mkdir()
        d = self.start(f"store.url={url}", f"server.node={name}", "queue.lease=3s", root=root)
        d.store = self.cluster.url
        wait_for(lambda: d.get("/ready")[0] == 200)
        return d

    def test_cut_off(self):
        user = self.cluster.url.rsplit("user=", 1)[1]
        far = self.node("far", f"postgresql://{user}@127.0.0.1:{self.proxy.port}/postgres"
                               "?sslmode=disable")
        job = far.queue("add", "hang")
        wait_for(far.runners)
        near = self.node("near", self.cluster.url)
        self.assertEqual(near.job(job)[:2], ("running", 1))
        self.proxy.cut()
        jobs = [near.queue("add", f"complete{i}") for i in range(12)]
        began = time.monotonic()
        wait_for(near.runners)
        wait_for(lambda: near.job(job)[:2] == ("running", 2))
        print(f"cut off: taken over after {time.monotonic() - began:.1f} s")
        wait_for(lambda: all(near.job(j)[0] == "completed" for j in jobs))
        self.assertEqual({near.job(j)[1] for j in jobs}, {1})
        self.proxy.heal()
        wait_for(lambda: not far.runners())  # it learns that the job is not its own any more
        self.assertEqual(near.job(job)[:2], ("running", 2))
        wait_for(lambda: far.get("/ready")[0] == 200)
        near.queue("cancel", job)
        wait_for(lambda: near.job(job)[0] == "cancelled")
        self.assertEqual(near.job(job)[1], 2)
        more = [far.queue("add", f"complete{i}") for i in range(12)]
        wait_for(lambda: all(near.job(j)[0] == "completed" for j in more))
        self.assertEqual({near.job(j)[1] for j in more}, {1})


if __name__ == "__main__":
    unittest.main()
