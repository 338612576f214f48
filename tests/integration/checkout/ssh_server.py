"""A real sshd of one's own: its port, its host key, one key that may come in."""
import getpass
import os
import pathlib
import shutil
import socket
import subprocess
import time

SSHD = os.environ.get("SSHD") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
PRIVILEGE_FOLDER = pathlib.Path("/run/sshd")  # compiled in; the unit of the package makes it


def absent():
    """Why there can be none here; None: there can."""
    if not SSHD:
        return "no sshd: install openssh-server"
    if not shutil.which("ssh-keygen"):
        return "no ssh-keygen: install openssh-client"
    if os.geteuid() == 0:
        try:
            PRIVILEGE_FOLDER.mkdir(mode=0o755, exist_ok=True)
        except OSError as e:
            return f"sshd wants {PRIVILEGE_FOLDER}: {e}"
    return None


def make_key(path):
    """Gives the private key; the public one is beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path],
                   check=True, capture_output=True)
    return pathlib.Path(path)


def public(key):
    return " ".join(pathlib.Path(f"{key}.pub").read_text().split()[:2])


class Sshd:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o700)
        self.host_key = make_key(self.folder / "host")
        self.key = make_key(self.folder / "client")
        (self.folder / "authorized").write_text(public(self.key) + "\n")
        self.log = self.folder / "log"
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        config = self.folder / "config"
        config.write_text("\n".join([
            f"Port {self.port}", "ListenAddress 127.0.0.1", f"HostKey {self.host_key}",
            f"AuthorizedKeysFile {self.folder / 'authorized'}", "PidFile none", "UsePAM no",
            "StrictModes no", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password", "LogLevel VERBOSE", ""]))
        self.process = subprocess.Popen([SSHD, "-D", "-f", config, "-E", self.log],
                                        stdin=subprocess.DEVNULL)
        self.wait()

    def wait(self):
        until = time.monotonic() + 20
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return
            except OSError:
                time.sleep(0.05)
        self.close()
        raise AssertionError(f"sshd does not listen: {self.text()}")

    def text(self):
        return self.log.read_text() if self.log.exists() else ""

    def url(self, path):
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    def known(self, key=None):
        """A line of known_hosts; with the key of somebody else: it has changed."""
        return f"[127.0.0.1]:{self.port} {public(key or self.host_key)}\n"

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
