"""What the tests of web plugins share: the worker of the conformance tests, the stand-in server, and
a runner that ends with 77 when nothing is built."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "conformance")]
from http_standin import Standin  # noqa: E402,F401
from worker import Worker, build_dir, plugin_path  # noqa: E402


class WebTest(unittest.TestCase):
    plugin = None
    target = "/"
    target_kind = "directory"

    def setUp(self):
        self.worker = Worker()
        self.addCleanup(self.stop)

    def stop(self):
        self.worker.stop()
        self.worker.tmp.cleanup()

    def scan(self, options, **more):
        return self.worker.scan(self.plugin, more.pop("target", self.target), None,
                                target_kind=self.target_kind, options=options, **more)

    def assertReason(self, result, text):
        self.assertIn(text, "%s; %s" % (result.reason, "; ".join(result.reasons)))


def run(plugin):
    worker = os.path.join(build_dir(), "bin", "secureops-worker")
    if not os.path.exists(worker) or not os.path.exists(plugin_path(plugin)):
        print("not built: " + worker)
        sys.exit(77)
    unittest.main(verbosity=2)
