"""secureopsd as an operator sees it: start, readiness, reload, stop, and what must not happen."""
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time

from daemon import BUILD, PATIENCE, SANITIZED, SOURCE, Case, wait_for

FAILED, USAGE = 4, 2


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Start(Case):
    def test_with_nothing_set_up(self):
        d = self.start()
        self.assertEqual(d.get("/health")[0], 200)
        wait_for(lambda: d.get("/ready")[0] == 200)
        checks = d.get("/ready")[1]["checks"]
        self.assertEqual({k: v["status"] for k, v in checks.items()},
                         {"store": "up", "scheduler": "up", "kafka": "off", "disk": "up"})
        self.assertEqual((d.data / "key").stat().st_mode & 0o777, 0o600)
        self.assertEqual(d.data.stat().st_mode & 0o777, 0o700)
        self.assertEqual((d.data / "store.db").stat().st_mode & 0o777, 0o600)
        self.assertIn("/setup#token=", d.text())
        self.assertFalse([x for x in d.lines() if "token=" in x["message"]])
        for line in d.lines():
            self.assertLessEqual({"timestamp", "level", "module", "message"}, set(line))
        self.assertFalse([x for x in d.lines() if x.get("path") in ("/health", "/ready")])
        self.assertEqual(d.stop(), 0)
        self.assertIn("stopped", d.lines()[-1]["message"])
        self.assertTrue(any("STOPPING=1" in m for m in d.hear()))

    def test_publishers_wait(self):
        d = self.start(f"events.jsonl={self.root}/events.jsonl")
        wait_for(lambda: (self.root / "events.jsonl").exists())
        self.assertNotIn("store is away", d.text())
        self.assertNotIn("not open yet", d.text())

    def test_soon_and_small(self):
        """The reach of the design is 150 ms and 25 MB; this machine may be busy."""
        self.start().stop()
        d = self.start()
        seconds = time.monotonic() - d.started
        if SANITIZED:
            self.skipTest("measured without sanitizers")
        self.assertLess(seconds, 2)
        wait_for(lambda: d.get("/ready")[0] == 200)
        with open(f"/proc/{d.process.pid}/status", encoding="ascii") as f:
            status = dict(line.split(":", 1) for line in f)
        self.assertLess(int(status["VmRSS"].split()[0]), 25 * 1024)

    def test_idle(self):
        """At the default poll of two seconds: one burst each, and nothing in between."""
        if SANITIZED:
            self.skipTest("measured without sanitizers")
        d = self.start("queue.poll=2s")

        def switches():
            with open(f"/proc/{d.process.pid}/status", encoding="ascii") as f:
                return int(dict(line.split(":", 1) for line in f)["voluntary_ctxt_switches"])
        time.sleep(1)
        before = switches()
        time.sleep(6)
        self.assertLessEqual(switches() - before, 12)

    def test_one_for_each_folder(self):
        d = self.start()
        second = self.start(ready=False)
        self.assertEqual(second.process.wait(PATIENCE), USAGE)
        self.assertIn(f"process {d.process.pid}", second.text())
        self.assertEqual(d.get("/health")[0], 200)
        d.process.kill()
        d.process.wait()
        self.start()  # a lock does not outlive its daemon

    def test_the_key_stays(self):
        d = self.start()
        key = (d.data / "key").read_text()
        d.stop()
        d = self.start()
        self.assertEqual((d.data / "key").read_text(), key)
        d.stop()
        (d.data / "key").chmod(0o644)
        d = self.start(ready=False)
        self.assertEqual(d.process.wait(PATIENCE), USAGE)
        self.assertIn("can be read by others", d.text())
        self.assertNotIn(key.strip(), d.text())

    def test_configuration(self):
        def run(*args):
            return subprocess.run([BUILD / "bin" / "secureopsd", *args], capture_output=True,
                                  text=True, timeout=60, env={"PATH": os.environ["PATH"]})
        self.assertIn("secureopsd ", run("--version").stdout)
        self.assertEqual(run("--check").returncode, 0)
        self.assertEqual(run("--check", "--set", "queue.slots=x").returncode, USAGE)
        self.assertEqual(run("--check", "--set", "queue.lease=3s").returncode, USAGE)
        self.assertEqual(run("--check", "--set", "server.tls_cert=/x").returncode, USAGE)
        self.assertEqual(run("--config", "/nonexistent.yaml").returncode, USAGE)
        file = self.root / "names.yaml"
        for text, words in (
                ("integrations:\n  github: {webhok_secret: x}\n", ":2:12: unknown option"),
                ("integrations:\n  github: {webhook_secret: env:NOT_SET}\n", "NOT_SET"),
                ("rules:\n  - on: pull_request\n    workflows: [scan-forks-nightly, nome]\n",
                 ":3:37: rules: workflows: there is no workflow"),
                ("rules:\n  - {on: push, scanners: [gitleeks]}\n", "did you mean gitleaks?"),
                ("rules:\n  - {on: push, integrations: [github]}\n", "there is no integration"),
                ("rules:\n  - {on: push, gates: [none]}\n", ":2:24: rules: gates: there is no gate"),
                ("rules:\n  - {on: push, frameworks: [none]}\n", ":2:29: rules: frameworks:"),
                ("gate: {policies: none}\n", ":1:18: gate: policies:"),
                ("workflows:\n  after_scan:\n    - none\n", ":3:7: workflows: after_scan:"),
                ("workflows: {on_finding: none}\n", ":1:25: workflows: on_finding:"),
                ("workflows: {on_alert: call-on-findings}\n",
                 "would never run here: its `on` does not name alert"),
                ("rules:\n  - {on: [push, tag], workflows: [scan-forks-nightly]}\n", "does not name push or tag"),
                ("workflows: {schedule: [\"call-on-overdue=0 3 * * *\"]}\n", "does not name schedule"),
                ("workflows: {schedule: none}\n", "is not NAME=CRON"),
                ("workflows: {schedule: [\"none=0 3 * * *\"]}\n", "there is no workflow"),
                ("workflows: {time_zone: Mars/Olympus, schedule: [\"scan-at-times=0 3 * * *\"]}\n",
                 "there is no time zone"),
                ("scanners: {gitleeks: {enabled: true}}\n", "did you mean gitleaks?")):
            with self.subTest(text=text):
                file.write_text(text)
                r = run("--check", "--config", str(file))
                self.assertEqual(r.returncode, USAGE, r.stderr)
                self.assertIn(words, r.stderr)
                self.assertIn(str(file) if "NOT_SET" not in text else "", r.stderr)
        file.write_text("integrations: {gitlab: {signing_token: [\"store:x\"]}}\n"
                        "workflows: {schedule: [\"scan-at-times=0 3 * * *\"], on_finding: call-on-findings}\n")
        r = run("--check", "--config", str(file))
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("integrations.gitlab has no credential (token)", r.stderr)
        packs = BUILD / "share" / "secureops" / "policies"  # as jobs see them: the same one is one
        file.write_text(f"policies: {{dirs: [{packs}]}}\ngate: {{policies: balanced}}\n")
        r = run("--check", "--config", str(file))
        self.assertEqual(r.returncode, 0, r.stderr)
        file.write_text("policies: {keys: [/one, /other]}\n")
        for check in (("--check",), ("--set", f"server.data={self.root}/keys")):
            r = run(*check, "--config", str(file))
            self.assertEqual(r.returncode, USAGE)
            self.assertIn("put all keys into one", r.stderr)
        self.assertEqual(run("--nonsense").returncode, USAGE)
        self.assertEqual(run("argument").returncode, USAGE)

    def test_the_store_is_away(self):
        url = "store.url=postgresql://nobody:s3cret@127.0.0.1:1/nothing?connect_timeout=1"
        if not (BUILD / "lib" / "secureops" / "store_postgresql.so").exists():
            self.skipTest("there is no driver for PostgreSQL")
        d = self.start(url)
        self.assertEqual(d.get("/health")[0], 200)
        status, body = d.get("/ready")
        self.assertEqual((status, body["status"]), (503, "unavailable"))
        self.assertIn(body["checks"]["store"]["status"], ("starting", "down"))
        self.assertTrue(any("waiting for the store" in m for m in d.hear(0.5)))
        self.assertEqual(d.stop(), 0)
        self.assertNotIn("s3cret", d.text())
        d = self.start(url, "--require-store", ready=False)
        self.assertEqual(d.process.wait(PATIENCE), FAILED)

    def test_watchdog(self):
        d = self.start(watchdog=200000)
        wait_for(lambda: sum("WATCHDOG=1" in m for m in d.hear()) >= 3)


class Unit(Case):
    """deploy/systemd/secureopsd.service, as far as systemd's own tool can tell."""

    def test_verify_and_security(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        text = (SOURCE / "deploy" / "systemd" / "secureopsd.service").read_text()
        for old, new in (("/usr/bin/secureopsd", "/bin/true"), ("=secureops\nGroup=secureops",
                                                                "=daemon\nGroup=daemon")):
            self.assertIn(old, text)
            text = text.replace(old, new)
        unit = self.root / "secureopsd.service"
        unit.write_text(text)
        done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True,
                              timeout=60)
        said = [x for x in done.stderr.splitlines() if str(unit) in x]
        self.assertEqual((done.returncode, said), (0, []))
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20",
                               unit], capture_output=True, text=True, timeout=60)
        if "unrecognized option" in done.stderr:
            self.skipTest("this systemd-analyze judges only units that are loaded")
        self.assertEqual(done.returncode, 0, done.stdout[-300:])


class Reload(Case):
    GOOD = "queue:\n  slots: 3\n"

    def slots(self, d):
        for line in d.get("/metrics")[1].splitlines():
            if line.startswith('secureops_runner_slots{slots="scan"} '):
                return int(line.split()[1])
        return None

    def test_good_bad_good(self):
        d = self.start(config=self.GOOD)
        wait_for(lambda: self.slots(d) == 3)
        d.config.write_text("queue:\n  slots: 5\n")
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.slots(d) == 5)
        self.assertTrue(any("RELOADING=1" in m and "MONOTONIC_USEC=" in m for m in d.hear()))
        d.config.write_text("queue:\n  slots: many\n")
        d.process.send_signal(signal.SIGHUP)
        error = wait_for(lambda: d.get("/health")[1]["configuration"].get("error"))
        self.assertIn("secureopsd.yaml:2", error)
        self.assertEqual(self.slots(d), 5)
        self.assertEqual(d.get("/ready")[0], 200)
        d.config.write_text("queue:\n  slots: 4\nserver:\n  threads: 7\n")
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "error" not in d.get("/health")[1]["configuration"])
        wait_for(lambda: self.slots(d) == 4)
        self.assertIn("a restart is needed for server.threads", d.text())
        rows = wait_for(lambda: len(self.reloads(d)) == 3 and self.reloads(d))
        self.assertEqual([(r[0], r[1]) for r in rows],
                         [("signal:HUP", "success"), ("signal:HUP", "failure"),
                          ("signal:HUP", "success")])
        self.assertIn("secureopsd.yaml:2", rows[1][2])

    def reloads(self, d):
        with contextlib.closing(sqlite3.connect(d.store)) as store:
            return store.execute("SELECT actor, outcome, details FROM audit_log WHERE action = "
                                 "'configuration.reload' ORDER BY seq").fetchall()

    def test_nobody_may(self):
        d = self.start()
        self.assertEqual(d.get("/api/v1/reload", "POST")[0], 401)
        self.assertEqual(d.get("/api/v1/metrics")[0], 401)

    def test_token_of_metrics(self):
        token = self.root / "token"
        token.write_text("m3trics\n")
        token.chmod(0o600)
        d = self.start(f"server.metrics_token=file:{token}")
        self.assertEqual(d.get("/metrics")[0], 401)
        self.assertEqual(d.get("/metrics", headers={"Authorization": "Bearer wrong!!"})[0], 401)
        self.assertEqual(d.get("/metrics", headers={"Authorization": "Bearer m3trics"})[0], 200)


class Jobs(Case):
    def test_one_is_run(self):
        d = self.start()
        job = d.queue("add", "complete")
        wait_for(lambda: d.job(job)[0] == "completed")
        d.get("/metrics")
        wait_for(lambda: 'secureops_jobs{state="completed"} 1' in d.get("/metrics")[1])
        self.assertTrue([x for x in d.lines() if x.get("job") == job and
                         x.get("correlation_id") == "test-1"])

    def test_a_runner_is_killed(self):
        d = self.start("queue.backoff=60s", "queue.backoff_max=60s")
        job = d.queue("add", "hang")
        pid = wait_for(d.runners)[0]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: d.job(job)[:2] == ("queued", 1))
        self.assertIn("signal 9", d.job(job)[2])
        self.assertEqual(d.runners(), [])
        self.assertEqual(d.get("/health")[0], 200)

    def test_what_a_dead_runner_left(self):
        d = self.start("queue.backoff=60s", "queue.backoff_max=60s")
        job = d.queue("add", "leave")
        wait_for(lambda: d.job(job)[:2] == ("queued", 1))
        wait_for(lambda: d.runners() == [])  # the daemon inherits it, and ends it
        self.assertEqual(d.get("/health")[0], 200)

    def test_one_that_kills_every_runner(self):
        d = self.start()
        job = d.queue("add", "die")
        wait_for(lambda: d.job(job)[0] == "dead")
        self.assertEqual(d.job(job)[1], 3)
        self.assertIn("signal 9", d.job(job)[2])

    def test_cancel(self):
        d = self.start()
        job = d.queue("add", "hang")
        wait_for(d.runners)
        d.queue("cancel", job)
        wait_for(lambda: d.job(job)[0] == "cancelled")

    def test_deadline(self):
        d = self.start("queue.timeout=200ms", "queue.backoff=60s", "queue.backoff_max=60s")
        job = d.queue("add", "hang")
        wait_for(lambda: d.job(job)[:2] == ("queued", 1))
        self.assertIn("deadline", d.job(job)[2])

    def test_stop_hands_back(self):
        d = self.start("queue.grace=200ms")
        job = d.queue("add", "hang")
        pid = wait_for(d.runners)[0]
        self.assertEqual(d.stop(), 0)
        self.assertEqual(d.job(job)[0], "queued")
        self.assertFalse(alive(pid))

    def test_stop_lets_end(self):
        d = self.start("queue.grace=60s")
        go = self.root / "go"
        job = d.queue("add", "wait", str(go))
        wait_for(d.runners)
        d.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "stopping" in d.text())
        go.write_text("")
        self.assertEqual(d.process.wait(PATIENCE), 0)
        self.assertEqual(d.job(job)[0], "completed")

    def test_second_stop_is_at_once(self):
        d = self.start("queue.grace=1h")
        job = d.queue("add", "hang")
        wait_for(d.runners)
        d.process.send_signal(signal.SIGTERM)
        time.sleep(0.7)
        self.assertIsNone(d.process.poll())
        self.assertEqual(d.stop(), 0)
        self.assertEqual(d.job(job)[0], "queued")

    def test_the_daemon_is_killed(self):
        """Its runner ends with it; the job runs again at once, long before its lease is over."""
        d = self.start("queue.lease=1h")
        job = d.queue("add", "hang")
        pid = wait_for(d.runners)[0]
        d.process.kill()
        d.process.wait()
        wait_for(lambda: not alive(pid))
        self.assertEqual(d.job(job)[0], "running")
        d = self.start("queue.lease=1h")
        wait_for(lambda: d.job(job)[1] == 2)
        wait_for(lambda: "1 jobs were running here" in d.text())  # told after it may run again
        d.queue("cancel", job)
        wait_for(lambda: d.job(job)[0] == "cancelled")
