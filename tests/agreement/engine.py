"""Calls the built program over files of the corpus and hands back its verdicts."""
import collections
import concurrent.futures
import json
import os
import subprocess

ARGUMENTS_MAX = 500  # files of one call


class EngineError(Exception):
    pass


class Engine:
    def __init__(self, program, corpus, policies=None, jobs=2):
        self.program, self.corpus = program, corpus
        self.extra = ["--policies", policies] if policies else []  # beside the built-in ones
        self.pool = concurrent.futures.ThreadPoolExecutor(jobs)
        self.calls = 0
        listed = self._run(["policy", "list", "--format", "json"])["policies"]
        self.policies = {p["id"]: p for p in listed}
        self.by_alias = collections.defaultdict(set)
        for p in listed:
            for alias in p["aliases"]:
                self.by_alias[alias].add(p["id"])

    def _run(self, args):
        self.calls += 1
        done = subprocess.run([*self.program, *args, *self.extra], cwd=self.corpus,
                              stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode not in (0, 1, 3):  # 1: something failed, 3: something was not judged
            raise EngineError("%s: exit %d: %s" % (" ".join(args[:4]), done.returncode,
                                                   done.stderr.decode(errors="replace")[-2000:]))
        try:
            return json.loads(done.stdout)
        except ValueError as e:
            raise EngineError("%s: no JSON: %s: %s" % (" ".join(args[:4]), e,
                                                       done.stderr.decode(errors="replace")[-2000:]))

    def covering(self, alias):
        return self.by_alias.get(alias, set())

    def exists(self, path):
        return os.path.isfile(os.path.join(self.corpus, path))

    def eval(self, paths, policies=None, framework=None):
        """Verdicts by file: {path: [result]}. Paths are relative to the corpus."""
        args = ["policy", "eval", *paths, "--format", "json", "--jobs", "1"]
        if policies:
            args += ["--policy", ",".join(sorted(policies))]
        if framework:
            args += ["--framework", framework]
        out = self._run(args)
        found = collections.defaultdict(list)
        for r in out["results"]:
            found[self._relative(r["file_path"])].append(r)
        for d in out["documents"]:
            if d.get("status") == "failed":
                found[self._relative(d["file_path"])].append(
                    {"policy": "(document)", "aliases": [], "verdict": "error", "resource": "",
                     "line_number": 0, "end_line": 0, "message": d.get("reason") or "failed"})
        return found

    def _relative(self, path):
        return os.path.relpath(os.path.join(self.corpus, path), self.corpus)

    def eval_many(self, requests):
        """Several eval() at once: a list of keyword arguments, results in their order."""
        return list(self.pool.map(lambda r: self.eval(**r), requests))

    def eval_files(self, paths, policies=None):
        """Files that have nothing to do with each other: in as few calls as fit."""
        paths = sorted(set(paths))
        cuts = [paths[i:i + ARGUMENTS_MAX] for i in range(0, len(paths), ARGUMENTS_MAX)]
        found = {}
        for part in self.eval_many([{"paths": c, "policies": policies} for c in cuts]):
            found.update(part)
        return collections.defaultdict(list, found)
