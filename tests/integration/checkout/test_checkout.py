"""Checkouts: what arrives, from where it may come, and what hostile repositories get done."""
import ctypes
import io
import os
import pathlib
import shutil
import stat
import subprocess
import tarfile
import tempfile
import time
import unittest
import zipfile

from git_server import Server, commit, git

BUILD = pathlib.Path(os.environ.get("SECUREOPS_BUILD", pathlib.Path(__file__).parents[3] / "build"))
PROBE = BUILD / "tests" / "checkout_probe"


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sco-checkout-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.into = self.dir / "into"
        self.cache = self.dir / "cache"
        self.pass_fds = ()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.dir)}

    def secret(self, text):
        """A descriptor with the token, so that the probe's own environment does not show it."""
        read, write = os.pipe()
        os.write(write, text.encode())
        os.close(write)
        self.addCleanup(os.close, read)
        self.pass_fds = (read,)
        return str(read)

    def fresh(self):
        shutil.rmtree(self.into, ignore_errors=True)
        self.into.mkdir()

    def start(self, url, **options):
        self.fresh()
        args = [f"url={url}", f"into={self.into}"] + [f"{k}={v}" for k, v in options.items()]
        return subprocess.Popen([PROBE, *args], env=self.env, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                pass_fds=self.pass_fds)

    def ask(self, url, **options):
        out, err = self.start(url, **options).communicate(timeout=120)
        self.assertEqual(err, "")
        return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)

    def good(self, url, **options):
        got = self.ask(url, **options)
        self.assertNotIn("error", got, got)
        return got

    def bad(self, code, url, **options):
        got = self.ask(url, **options)
        self.assertEqual(got.get("error"), code, got)
        self.assertTrue(got["text"])
        return got["text"]

    def text(self, name):
        return (self.into / name).read_text()


class Git(Case):
    def setUp(self):
        super().setUp()
        self.repo = self.dir / "repo"
        self.first = commit(self.repo, {"a.txt": "one\n", "src/b.txt": "b\n"})
        git(self.repo, "tag", "-a", "v1", "-m", "v1")
        self.second = commit(self.repo, {"a.txt": "two\n"})
        git(self.repo, "branch", "feature/x", self.first)
        self.url = f"file://{self.repo}"

    def test_default_branch(self):
        got = self.good(self.url)
        self.assertEqual((got["branch"], got["commit"]), ("main", self.second))
        self.assertEqual(got["repository"], str(self.repo))
        self.assertEqual(got["root"], str(self.into))
        self.assertEqual(self.text("a.txt"), "two\n")
        self.assertEqual(git(self.into, "rev-list", "--count", "HEAD"), "1")
        self.assertEqual(git(self.into, "symbolic-ref", "HEAD"), "refs/heads/main")
        self.assertEqual(git(self.into, "status", "--porcelain"), "")

    def test_branch_tag_commit_history(self):
        for cache in (None, self.cache):
            more = {"cache": cache} if cache else {}
            got = self.good(self.url, revision="feature/x", **more)
            self.assertEqual((got["branch"], got["commit"]), ("feature/x", self.first))
            self.assertEqual(self.text("a.txt"), "one\n")
            got = self.good(self.url, revision="v1", **more)
            self.assertEqual((got["branch"], got["commit"]), ("", self.first))
            for name in (self.first, self.first[:10]):
                got = self.good(self.url, revision=name, **more)
                self.assertEqual((got["branch"], got["commit"]), ("", self.first))
                self.assertEqual(self.text("a.txt"), "one\n")
            self.good(self.url, depth=0, **more)
            self.assertEqual(git(self.into, "rev-list", "--count", "HEAD"), "2")

    def test_mirror_follows(self):
        self.good(self.url, cache=self.cache)
        third = commit(self.repo, {"c.txt": "c"})
        self.assertEqual(self.good(self.url, cache=self.cache)["commit"], third)
        git(self.repo, "reset", "-q", "--hard", self.first)  # forced back
        self.assertEqual(self.good(self.url, cache=self.cache)["commit"], self.first)
        git(self.repo, "checkout", "-q", "-b", "feature2")
        git(self.repo, "branch", "-D", "feature/x")
        git(self.repo, "branch", "feature", third)  # where feature/x was a folder
        self.assertEqual(self.good(self.url, cache=self.cache, revision="feature")["commit"], third)

    def test_doubtful_mirror_is_made_anew(self):
        self.good(self.url, cache=self.cache)
        mirror = next(self.cache.glob("*.git"))
        (mirror / "shallow.lock").write_text("")  # as a killed git leaves it
        shutil.rmtree(mirror / "objects")
        mirror.with_suffix(".busy").write_text("")
        self.assertEqual(self.good(self.url, cache=self.cache)["commit"], self.second)
        self.assertFalse(mirror.with_suffix(".busy").exists())

    def test_two_at_once(self):
        one = self.start(self.url, cache=self.cache)
        other = self.dir / "other"
        other.mkdir()
        two = subprocess.Popen([PROBE, f"url={self.url}", f"into={other}", f"cache={self.cache}"],
                               env=self.env, stdout=subprocess.PIPE, text=True)
        outs = [p.communicate(timeout=60)[0] for p in (one, two)]
        for out in outs:
            self.assertIn(f"commit={self.second}", out)

    def test_trim(self):
        self.good(self.url, cache=self.cache)
        old = next(self.cache.glob("*.git"))
        os.utime(old.with_suffix(".lock"), (1, 1))
        other = self.dir / "other-repo"
        commit(other, {"x": "y"})
        self.good(f"file://{other}", cache=self.cache)
        new = next(m for m in self.cache.glob("*.git") if m != old)
        size = int(subprocess.run(["du", "-s", "-B1", new], capture_output=True, text=True,
                                  check=True).stdout.split()[0])
        subprocess.run([PROBE, f"trim={self.cache}", f"limit={size + 4096}"], check=True)
        self.assertFalse(old.exists())
        self.assertTrue(new.exists())
        self.assertEqual(self.good(self.url, cache=self.cache)["commit"], self.second)

    def test_what_is_not_there(self):
        self.assertIn("nowhere", self.bad("not-found", self.url, revision="nowhere"))
        self.bad("not-found", self.url, revision="0" * 40)
        self.bad("not-found", self.url, revision="abcdef1234")
        self.bad("not-found", f"file://{self.dir}/none")
        empty = self.dir / "empty"
        empty.mkdir()
        git(empty, "init", "-q", "--bare")
        self.bad("not-found", f"file://{empty}")

    def test_options_and_other_ways_in(self):
        marker = self.dir / "marker"
        for url in ("--upload-pack=touch " + str(marker), "-x", "ext::sh -c touch% /x", "http://h/x",
                    "git://localhost/x", "ssh://-oProxyCommand=x/y", "-oProxyCommand=x:y",
                    "https://user:pw@localhost/x", "https://token@localhost/x", "https:///x",
                    "https://localhost", "https://local host/x", "h'ost:x", "fd::17", "",
                    "https://localhost:99999/x", "file://host/x", "relative/path", "https://.x/y"):
            self.bad("invalid", url)
        for revision in ("--upload-pack=x", "-x", "a..b", "a b", "a~1", "a^{}", "a:b", "*", "+main",
                         "@{u}", "a.lock", "/main", "main/", "main\n", "x" * 600):
            self.bad("invalid", self.url, revision=revision)
        self.bad("permission", self.url, local=0)
        self.bad("permission", str(self.repo), local=0)
        self.assertFalse(marker.exists())

    def test_nothing_of_the_user_or_the_repository_runs(self):
        marker = self.dir / "marker"
        hook = self.dir / "hooks" / "post-checkout"
        hook.parent.mkdir()
        hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
        hook.chmod(0o755)
        (self.dir / ".gitconfig").write_text(
            f"[core]\n\thooksPath = {hook.parent}\n\tfsmonitor = {hook}\n"
            f'[filter "x"]\n\tsmudge = "touch {marker}; cat"\n[url "file:///x"]\n\tinsteadOf = file\n')
        self.env.update(GIT_DIR=str(self.dir / "elsewhere"), GIT_SSH_COMMAND=f"touch {marker}",
                        GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="core.hooksPath",
                        GIT_CONFIG_VALUE_0=str(hook.parent))
        commit(self.repo, {".gitattributes": "* filter=x\n", ".gitconfig": "[core]\n",
                           "x.txt": "version https://git-lfs.github.com/spec/v1\n"})
        self.good(self.url)
        self.assertEqual(self.text("x.txt"), "version https://git-lfs.github.com/spec/v1\n")
        self.assertFalse(marker.exists())

    def test_links_lead_nowhere(self):
        (self.repo / "out").symlink_to("/etc/passwd")
        (self.repo / "dir").symlink_to("/etc")
        (self.repo / "in").symlink_to("a.txt")
        commit(self.repo, {})
        self.good(self.url)
        for name in ("out", "dir", "in"):
            self.assertTrue(stat.S_ISREG(os.lstat(self.into / name).st_mode))
        self.assertEqual(self.text("out"), "/etc/passwd")
        self.assertEqual(git(self.into, "status", "--porcelain"), "")

    def test_a_repository_that_git_should_refuse(self):
        tree = subprocess.run(["git", "hash-object", "-w", "--stdin"], input="x", text=True,
                              cwd=self.repo, capture_output=True, check=True).stdout.strip()
        evil = f"100644 blob {tree}\t.git/config\n".encode().replace(b".git/config", b".git")
        sub = subprocess.run(["git", "mktree"], input=evil, cwd=self.repo, capture_output=True,
                             check=True).stdout.decode().strip()
        bad = git(self.repo, "commit-tree", sub, "-m", "evil")
        git(self.repo, "update-ref", "refs/heads/evil", bad)
        self.bad("format", self.url, revision="evil")
        self.bad("format", self.url, revision="evil", cache=self.cache)

    def test_submodules(self):
        sub = self.dir / "sub"
        commit(sub, {"s.txt": "sub\n"})
        git(self.repo, "submodule", "--quiet", "add", f"file://{sub}", "lib")
        commit(self.repo, {})
        self.good(self.url)
        self.assertEqual(list((self.into / "lib").iterdir()), [])
        self.good(self.url, submodules=1)
        self.assertEqual(self.text("lib/s.txt"), "sub\n")
        for url in ("https://169.254.169.254/x", "ext::sh -c touch% x", "ssh://other/x"):
            git(self.repo, "config", "-f", ".gitmodules", "submodule.lib.url", url)
            commit(self.repo, {})
            self.bad("permission", self.url, submodules=1)
        git(self.repo, "config", "-f", ".gitmodules", "submodule.lib.url", f"file://{sub}")
        git(self.repo, "config", "-f", ".gitmodules", "submodule.lib.update", "!touch /tmp/x")
        commit(self.repo, {})
        got = self.ask(self.url, submodules=1)
        self.assertIn("error", got)

    def test_too_large(self):
        big = os.urandom(6 << 20)
        (self.repo / "big").write_bytes(big)
        commit(self.repo, {})
        self.bad("limit", self.url, size=2 << 20)
        self.bad("limit", self.url, size=2 << 20, cache=self.cache)
        self.assertEqual(list(self.cache.glob("*.git")), [])
        self.good(self.url, size=200 << 20, cache=self.cache)

    def test_small_on_the_way_large_on_disk(self):
        (self.repo / "zeros").write_bytes(bytes(300 << 20))
        commit(self.repo, {})
        self.bad("limit", self.url, size=20 << 20)


class Https(Case):
    def setUp(self):
        super().setUp()
        self.repo = self.dir / "srv" / "r.git"
        work = self.dir / "work"
        self.first = commit(work, {"a.txt": "one\n"})
        self.second = commit(work, {"a.txt": "two\n"})
        self.repo.parent.mkdir()
        git(self.dir, "clone", "-q", "--bare", str(work), str(self.repo))
        self.server = Server(self.repo.parent, self.dir)
        self.addCleanup(self.server.close)
        self.env["GIT_SSL_CAINFO"] = str(self.server.certificate)

    def test_public(self):
        got = self.good(self.server.url("r.git"), local=0, cache=self.cache)
        self.assertEqual(got["commit"], self.second)
        self.assertEqual(got["repository"], f"https://localhost:{self.server.port}/r")
        # this server gives no commit by its name unless it is a branch's
        got = self.good(self.server.url("r.git"), local=0, revision=self.first, cache=self.cache)
        self.assertEqual(got["commit"], self.first)
        got = self.good(self.server.url("r.git"), local=0, revision=self.first)
        self.assertEqual(got["commit"], self.first)

    def test_only_what_is_new(self):
        work = self.dir / "work"
        (work / "big").write_bytes(os.urandom(1 << 20))
        commit(work, {})
        git(work, "push", "-q", str(self.repo), "main")
        self.good(self.server.url("r.git"), cache=self.cache)
        size = sum(f.stat().st_size for f in self.cache.rglob("*") if f.is_file())
        commit(work, {"small": "x"})
        git(work, "push", "-q", str(self.repo), "main")
        self.good(self.server.url("r.git"), cache=self.cache)
        more = sum(f.stat().st_size for f in self.cache.rglob("*") if f.is_file())
        self.assertLess(more - size, 64 << 10)

    def test_token(self):
        url = self.server.url("private/r.git")
        self.bad("permission", url)
        self.env["PROBE_TOKEN"] = self.secret("s3cret-token")
        self.assertEqual(self.good(url, cache=self.cache)["commit"], self.second)
        self.env["PROBE_TOKEN"] = self.secret("s3cret-token")
        self.good(url, cache=self.cache, revision=self.second)
        self.env["PROBE_TOKEN"] = self.secret("wrong-token")
        self.bad("permission", url, cache=self.cache, revision=self.second)  # though it is there
        self.env["PROBE_TOKEN"] = self.secret("s3cret-token")
        self.good(url, cache=self.cache, depth=0)
        self.env["PROBE_TOKEN"] = self.secret("wrong-token")
        self.bad("permission", url, cache=self.cache, revision=self.second, depth=0)
        text = self.bad("permission", url)
        self.assertNotIn("wrong-token", text)
        for path in self.dir.rglob("*"):
            if path.is_file():
                self.assertNotIn(b"s3cret-token", path.read_bytes(), path)

    def test_token_is_seen_nowhere(self):
        self.env["PROBE_TOKEN"] = self.secret("s3cret-token")
        process = self.start(self.server.url("hang/private/r.git"), timeout=20000)
        deadline = time.monotonic() + 20
        while not any(r.startswith("/hang/") for r in self.server.requests):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        seen = 0
        for pid in descendants(process.pid):
            for name in ("cmdline", "environ"):
                try:
                    data = pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
                except OSError:
                    continue
                seen += 1
                self.assertNotIn(b"s3cret-token", data)
        self.assertGreater(seen, 3)
        process.kill()
        process.communicate()

    def test_the_token_is_for_its_host_only(self):
        env = {**self.env, "SECUREOPS_ASKPASS_FILE": str(self.dir / "t"),
               "SECUREOPS_ASKPASS_HOST": "git.example.com"}
        (self.dir / "t").write_text("s3cret")
        for prompt, answer in (("Password for 'https://x@git.example.com': ", "s3cret\n"),
                               ("Username for 'https://git.example.com': ", "x-access-token\n"),
                               ("Password for 'https://x@GIT.example.com:8443': ", "s3cret\n"),
                               ("Password for 'https://git.example.com.evil.org': ", ""),
                               ("Password for 'https://git.example.com@evil.org': ", ""),
                               ("Password for 'http://git.example.com': ", ""),
                               ("Password for 'https://evil.org/git.example.com': ", ""),
                               ("x@git.example.com's password: ", ""), ("", "")):
            done = subprocess.run([PROBE, prompt], env=env, capture_output=True, text=True)
            self.assertEqual(done.stdout, answer, prompt)

    def test_submodules(self):
        lib = self.dir / "lib"
        commit(lib, {"s.txt": "sub\n"})
        git(self.dir, "clone", "-q", "--bare", str(lib), str(self.repo.parent / "lib.git"))
        work = self.dir / "work"
        git(work, "submodule", "--quiet", "add", f"file://{lib}", "lib")
        git(work, "config", "-f", ".gitmodules", "submodule.lib.url", "../lib.git")
        commit(work, {})
        git(work, "push", "-q", str(self.repo), "main")
        self.good(self.server.url("r.git"), local=0, submodules=1)
        self.assertEqual(self.text("lib/s.txt"), "sub\n")
        port = self.server.port
        for url in (f"https://127.0.0.1:{port}/lib.git", f"file://{lib}", str(lib),
                    f"../../127.0.0.1:{port}/lib.git", f"./.././../127.0.0.1:{port}/lib.git",
                    f"../x/../../127.0.0.1:{port}/lib.git"):
            git(work, "config", "-f", ".gitmodules", "submodule.lib.url", url)
            commit(work, {})
            git(work, "push", "-q", str(self.repo), "main")
            self.bad("permission", self.server.url("r.git"), local=0, submodules=1)

    def test_redirections_are_not_followed(self):
        self.env["PROBE_TOKEN"] = self.secret("s3cret-token")
        self.bad("invalid", self.server.url("moved/private/r.git"))
        self.assertEqual(self.server.authorizations, [])

    def test_away_hanging_failing(self):
        self.bad("network", self.server.url("down/r.git"))
        self.bad("not-found", self.server.url("none.git"))
        started = time.monotonic()
        self.bad("timeout", self.server.url("hang/r.git"), timeout=1500)
        self.assertLess(time.monotonic() - started, 15)
        del self.env["GIT_SSL_CAINFO"]
        self.bad("network", self.server.url("r.git"))  # a certificate that nobody knows
        self.bad("network", "https://localhost:1/r.git")

    def test_cancel(self):
        process = self.start(self.server.url("hang/r.git"), cancel=1, timeout=60000)
        deadline = time.monotonic() + 20
        while not self.server.requests:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        started = time.monotonic()
        out, _ = process.communicate(timeout=30)  # closes its standard input
        self.assertIn("error=cancelled", out)
        self.assertLess(time.monotonic() - started, 10)


def descendants(pid):
    found = [pid]
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat_line = pathlib.Path(f"/proc/{entry}/stat").read_text()
                parent = int(stat_line.rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += descendants(int(entry))
    return found


def tar_of(path, entries, mode="w:gz"):
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as t:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                t.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                t.addfile(info)
    return path


class Archives(Case):
    def files(self):
        return {str(p.relative_to(self.into)): p.read_bytes()
                for p in self.into.rglob("*") if p.is_file()}

    def test_tar(self):
        long = "/".join(["folder-with-a-long-name"] * 8) + "/x" + "y" * 150
        for mode, name in (("w:gz", "a.tar.gz"), ("w", "a.tar"), ("w:gz", "a.tgz")):
            path = tar_of(self.dir / name, [("top/a.txt", b"a" * 100000), ("top/empty", b""),
                                            (long, b"deep"), ("./dot", b"d"), ("ä", b"u")], mode)
            got = self.good(str(path))
            self.assertEqual(self.files(), {"top/a.txt": b"a" * 100000, "top/empty": b"",
                                            long: b"deep", "dot": b"d", "ä": b"u"})
            self.assertEqual(got["repository"], str(path))
            self.good(f"file://{path}")
        done = subprocess.run(["tar", "--format=gnu", "-czf", self.dir / "g.tar.gz", "-C",
                               self.into, "."], check=True)
        self.assertEqual(done.returncode, 0)
        before = self.files()
        self.good(str(self.dir / "g.tar.gz"))
        self.assertEqual(self.files(), before)

    def test_zip(self):
        path = self.dir / "a.zip"
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with zipfile.ZipFile(path, "w", method) as z:
                z.writestr("top/a.txt", b"a" * 100000)
                z.writestr("top/empty", b"")
                z.writestr("folder/", b"")
                z.comment = b"a comment"
            self.good(str(path))
            self.assertEqual(self.files(), {"top/a.txt": b"a" * 100000, "top/empty": b""})
            self.assertTrue((self.into / "folder").is_dir())
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            with z.open("big", "w", force_zip64=True) as f:
                f.write(b"x" * 1000)
        self.good(str(path))
        self.assertEqual(self.files(), {"big": b"x" * 1000})

    def test_hostile_tar(self):
        outside = self.dir / "outside"
        for name in ("../outside", "/tmp/../x", "a/../../outside", "a/b/../../../x", "\\x"):
            self.bad("invalid", str(tar_of(self.dir / "e.tar.gz", [(name, b"x")])))
        path = tar_of(self.dir / "l.tar.gz", [
            ("link", (tarfile.SYMTYPE, "/etc")), ("link/cron", b"x"),
            ("hard", (tarfile.LNKTYPE, "/etc/passwd")), ("fifo", (tarfile.FIFOTYPE, "")),
            ("dev", (tarfile.CHRTYPE, "")), (".git/config", b"[core]\n"), ("x/.GIT/config", b"c"),
            ("ok", b"fine")])
        self.good(str(path))
        self.assertEqual(self.files(), {"link/cron": b"x", "ok": b"fine"})
        self.assertFalse(outside.exists())
        self.assertEqual(sorted(os.listdir(self.into)), ["link", "ok"])

    def test_hostile_zip(self):
        path = self.dir / "e.zip"
        for name in ("../x", "/x", "a/../../x"):
            with zipfile.ZipFile(path, "w") as z:
                z.writestr(zipfile.ZipInfo(name), b"x")
            self.bad("invalid", str(path))
        with zipfile.ZipFile(path, "w") as z:
            link = zipfile.ZipInfo("link")
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            z.writestr(link, b"/etc/passwd")
            z.writestr(".git/hooks/post-checkout", b"x")
            z.writestr("ok", b"fine")
        self.good(str(path))
        self.assertEqual(self.files(), {"ok": b"fine"})

    def test_bombs(self):
        path = tar_of(self.dir / "b.tar.gz", [("zeros", bytes(60 << 20))])
        self.assertLess(path.stat().st_size, 1 << 20)
        self.bad("limit", str(path), size=8 << 20)
        path = self.dir / "b.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("zeros", bytes(60 << 20))
        self.bad("limit", str(path), size=8 << 20)
        data = bytearray(path.read_bytes())
        at = data.rfind(b"PK\x01\x02")
        data[at + 24:at + 28] = (10).to_bytes(4, "little")  # says that it is small
        path.write_bytes(data)
        self.bad("parse", str(path), size=80 << 20)

    def test_damage(self):
        whole = tar_of(self.dir / "w.tar.gz", [("a", os.urandom(20000)), ("b", b"y" * 20000)])
        data = whole.read_bytes()
        for cut in (0, 10, 512, len(data) // 2, len(data) - 200):
            (self.dir / "c.tar.gz").write_bytes(data[:cut])
            self.bad("parse", str(self.dir / "c.tar.gz"))
        path = self.dir / "w.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("a", os.urandom(20000))
        data = path.read_bytes()
        for cut in (0, 10, 512, len(data) - 5):
            (self.dir / "c.zip").write_bytes(data[:cut])
            self.bad("parse", str(self.dir / "c.zip"))
        broken = bytearray(data)
        broken[5000] ^= 255
        (self.dir / "c.zip").write_bytes(broken)
        self.bad("parse", str(self.dir / "c.zip"))
        broken = bytearray(data)
        broken[data.rfind(b"PK\x01\x02") + 8] |= 1
        (self.dir / "c.zip").write_bytes(broken)
        self.bad("unsupported", str(self.dir / "c.zip"))

    def test_folder(self):
        folder = self.dir / "plain"
        folder.mkdir()
        got = self.good(f"{folder}/")
        self.assertEqual((got["root"], got["repository"]), (f"{folder}/", str(folder)))
        self.bad("not-found", f"{self.dir}/none")
        self.bad("invalid", f"{folder}/../x")
        self.bad("invalid", str(folder), revision="main")


if __name__ == "__main__":
    unittest.main()
