"""Daemons on a PostgreSQL of the test's own; several of them, as nodes of one installation."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "integration" / "store"))
from daemon import free_port  # noqa: E402
from postgresql import Cluster  # noqa: E402


class OnPostgreSQL:
    """Mixed in, before the case: a server of the test's own."""
    cluster_settings = ()

    def setUp(self):
        try:
            self.cluster = Cluster(self.cluster_settings)
            self.cluster.__enter__()
        except FileNotFoundError as e:
            self.skipTest(str(e))
        self.addCleanup(self.cluster.__exit__)
        self.store = self.cluster.url
        super().setUp()

    def query(self, sql):
        out = subprocess.run([str(self.cluster.bin / "psql"), self.store, "-XAtF", "\t", "-c", sql],
                             check=True, capture_output=True, text=True).stdout
        return [tuple(line.split("\t")) for line in out.splitlines()]

    def check_nothing_left(self, result):
        """The server is a child of this test."""


class Node:
    """One more daemon on the store of `case`, with a folder, a log and a port of its own. It is
    asked with the case's tokens: the key of the first is its own."""

    def __init__(self, case, name, *settings):
        self.case, self.name, self.port, self.settings = case, name, free_port(), settings
        self.folder = case.root / name
        self.folder.mkdir()
        self.log = case.root / f"{name}.log"
        self.process = None
        case.addCleanup(self.kill)
        self.start()

    def start(self):
        case = self.case
        self.process = case.spawn(self.folder / "data", self.port, self.log,
                                  f"server.node={self.name}", f"auth.key=file:{case.data}/key",
                                  *self.settings)
        case.await_ready(self.process, self.port, self.log)

    def stop(self):
        self.process.terminate()
        self.case.assertEqual(self.process.wait(30), 0, self.log.read_text()[-3000:])
        self.process = None

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None
