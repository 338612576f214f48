"""A Kafka cluster in a process of its own (kafka.c), and what it takes to break it."""
import collections
import json
import subprocess

from harness import BUILD

PROGRAM = BUILD / "tests" / "faults_kafka"
PREFIX = "dcc."
# what a broker may answer to a produce request: in passing, and for good
PASSING = (3, 6, 7, 19, 20, 56, -195)
REFUSALS = (29, 31, 44, 87, 45, 47)
NOT_AUTHORISED = 29


class Kafka:
    def __init__(self, brokers=None):
        """With brokers, a client of theirs."""
        args = [brokers] if brokers else []
        self.process = subprocess.Popen([PROGRAM, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, errors="replace")
        self.brokers = self.process.stdout.readline().strip()
        if not self.brokers:
            self.process.wait(10)
            raise RuntimeError("the cluster does not start")

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer != "ok":
            raise RuntimeError(f"{words}: {answer}")

    def dump(self, path):
        """All messages: {topic: {key: [event, ...]}}, in the order of the partition."""
        self.tell("dump", path, PREFIX)
        found = collections.defaultdict(lambda: collections.defaultdict(list))
        with open(path, encoding="utf-8") as f:
            for line in f:
                topic, _, _, key, text = line.rstrip("\n").split("\t", 4)
                found[topic][key].append(json.loads(text))
        return found

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
