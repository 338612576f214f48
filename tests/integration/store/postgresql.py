"""A private PostgreSQL cluster from the system's packages, for as long as a command runs.

    postgresql.py COMMAND [ARG...]      once for each COMMAND; SECUREOPS_TEST_STORE names the database

Exit status 77 (skipped) says why there is none: no server, or nobody whom it could run as.
"""
import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77


def find_server():
    """The folder of initdb and postgres, the newest version first; None."""
    places = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True,
                    key=lambda p: float(p.split("/")[4]))
    for place in [os.environ.get("SECUREOPS_PG_BIN", ""), *places]:
        if place and (pathlib.Path(place) / "postgres").exists():
            return pathlib.Path(place)
    found = shutil.which("initdb")
    return pathlib.Path(found).parent if found else None


def find_user():
    """Whom the server runs as: it refuses root. None: as we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    return False


class Cluster:
    def __init__(self, settings=()):
        self.settings = settings
        self.server = None

    def __enter__(self):
        self.bin, self.user = find_server(), find_user()
        if not self.bin:
            raise FileNotFoundError("PostgreSQL's server is not installed (apt install postgresql)")
        if self.user is False:
            raise FileNotFoundError("there is no unprivileged user whom PostgreSQL could run as")
        # not in TMPDIR: it may be closed to the server's user
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sco-pg-", dir="/tmp"))
        if self.user:
            os.chown(self.root, self.user.pw_uid, self.user.pw_gid)
        name = self.user.pw_name if self.user else pwd.getpwuid(os.geteuid()).pw_name
        self.url = f"postgresql:///postgres?host={self.root}&user={name}"
        try:
            self.run("initdb", "-D", self.root / "data", "-A", "trust", "-E", "UTF8",
                     "--locale=C.UTF-8", "-N")
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def command(self, program, *args):
        return [str(self.bin / program), *map(str, args)]

    def child(self):
        if not self.user:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def run(self, program, *args):
        subprocess.run(self.command(program, *args), check=True, cwd="/", **self.child(),
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def start(self):
        settings = ["listen_addresses=", f"unix_socket_directories={self.root}",
                    "max_connections=40", *self.settings]
        args = [a for s in settings for a in ("-c", s)]
        with open(self.root / "log", "w", encoding="utf-8") as log:
            self.server = subprocess.Popen(
                self.command("postgres", "-D", self.root / "data", *args), cwd="/", **self.child(),
                stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + 30
        while time.monotonic() < until and self.server.poll() is None:
            ready = subprocess.run(self.command("pg_isready", "-q", "-h", self.root), check=False)
            if ready.returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError((self.root / "log").read_text(encoding="utf-8"))

    def stop(self, sig=signal.SIGINT):
        """SIGINT: fast, connections are cut; SIGQUIT: as if the power went."""
        if self.server and self.server.poll() is None:
            self.server.send_signal(sig)
            self.server.wait(30)
        self.server = None

    def __exit__(self, *_):
        try:
            self.stop(signal.SIGQUIT)  # what it has is thrown away: no checkpoint before
        finally:
            shutil.rmtree(self.root, ignore_errors=True)


def main():
    try:
        with Cluster(("fsync=off",)) as cluster:  # nothing here is about a machine that crashes
            for command in sys.argv[1:]:
                env = dict(os.environ, SECUREOPS_TEST_STORE=cluster.url)
                code = subprocess.run([command], env=env, check=False).returncode
                if code:
                    return code
    except FileNotFoundError as e:
        print(f"skipped: {e}")
        return SKIPPED
    except subprocess.CalledProcessError as e:
        print(f"{e}\n{e.stderr}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
