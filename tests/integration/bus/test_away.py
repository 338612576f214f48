"""Events are published while PostgreSQL is stopped and started again: test_away.c."""
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "store"))
from postgresql import SKIPPED, Cluster  # noqa: E402


def main():
    try:
        with Cluster() as cluster:
            env = {**os.environ, "SECUREOPS_TEST_STORE": cluster.url}
            program = subprocess.Popen([sys.argv[1]], env=env, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
            kinds = [signal.SIGINT, signal.SIGQUIT]
            for line in program.stdout:
                if line.strip() != "restart":
                    print(line, end="")
                    continue
                cluster.stop(kinds[0])
                kinds.reverse()
                time.sleep(1.5)
                cluster.start()
                program.stdin.write("go\n")
                program.stdin.flush()
            return program.wait(60)
    except FileNotFoundError as e:
        print(f"skipped: {e}")
        return SKIPPED


if __name__ == "__main__":
    sys.exit(main())
