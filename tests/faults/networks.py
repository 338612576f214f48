"""Two networks of the test's own, as namespaces, and a router between them that lets packets pass
or drops them without a word. The test's process moves into the near one and stays there: what it
starts is there as well."""
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
NEAR, FAR = "192.0.2", "198.51.100"  # for documentation: nobody has them


class NotPermitted(Exception):
    pass


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotPermitted(f"{' '.join(command)}: {done.stderr.strip()}")


class Networks:
    def __init__(self):
        self.holders = []
        if os.geteuid() != 0 or ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
            raise NotPermitted("namespaces take root")
        try:
            self.make()
        except (NotPermitted, OSError) as e:
            self.close()
            raise NotPermitted(f"no networks of a test's own: {e}") from e

    def make(self):
        self.router, self.far = self.namespace(), self.namespace()
        run("ip", "link", "set", "lo", "up")
        self.cable(None, f"{NEAR}.2", self.router, f"{NEAR}.1", "near")
        self.cable(self.far, f"{FAR}.2", self.router, f"{FAR}.1", "far")
        self.heal()

    def namespace(self):
        """Lives as long as a process that sleeps in it; its id."""
        holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 600"],
                                  stdout=subprocess.PIPE)
        self.holders.append(holder)
        if not holder.stdout.readline():
            raise NotPermitted("unshare --net")
        run(*self.enter(holder.pid, "ip", "link", "set", "lo", "up"))
        return holder.pid

    @staticmethod
    def enter(pid, *command):
        return ("nsenter", f"--net=/proc/{pid}/ns/net", *command) if pid else command

    def cable(self, one, address, router, gateway, name):
        run("ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}-r")
        run("ip", "link", "set", f"{name}-r", "netns", str(router))
        if one:
            run("ip", "link", "set", name, "netns", str(one))
        for pid, device, own in ((one, name, address), (router, f"{name}-r", gateway)):
            run(*self.enter(pid, "ip", "address", "add", f"{own}/24", "dev", device))
            run(*self.enter(pid, "ip", "link", "set", device, "up"))
        run(*self.enter(one, "ip", "route", "add", "default", "via", gateway))

    def forward(self, value):
        run(*self.enter(self.router, "sh", "-c", f"echo {value} >/proc/sys/net/ipv4/ip_forward"))

    def cut(self):
        self.forward(0)

    def heal(self):
        self.forward(1)

    def close(self):
        for holder in self.holders:
            holder.kill()
            holder.wait()
            holder.stdout.close()
