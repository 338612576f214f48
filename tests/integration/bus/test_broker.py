"""The bus over a real Kafka broker (scripts/kafka.sh), killed and stopped while events are written."""
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts/kafka.sh"
SKIPPED = 77


def free_ports():
    """Two that follow each other, and that nobody is given while the broker is away: below those that
    the kernel chooses from."""
    for _ in range(100):
        port = random.randrange(20000, 32000)
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise RuntimeError("no two ports are free")


class Broker:
    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_ports(), None

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([SCRIPT, "start", self.folder / "kafka", str(self.port)],
                                            stdout=log, stderr=log)
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"the broker ended ({self.process.poll()}): "
                           + (self.folder / "log").read_text(errors="replace")[-4000:])

    def stop(self, sig):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(60)


def main():
    jars = subprocess.run([SCRIPT, "jars"], stdout=subprocess.DEVNULL, check=False)
    if jars.returncode:
        return jars.returncode
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sco-kafka-"))
    broker = Broker(folder)
    try:
        broker.start()
        env = {**os.environ, "SECUREOPS_TEST_KAFKA": f"127.0.0.1:{broker.port}",
               "SECUREOPS_TEST_SECONDS": "14"}
        program = subprocess.Popen([sys.argv[1]], env=env)
        for sig in (signal.SIGKILL, signal.SIGTERM):
            time.sleep(3)
            broker.stop(sig)
            time.sleep(1)
            broker.start()
        return program.wait(200)
    finally:
        broker.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
