#!/usr/bin/env python3
"""Gives every scanner plugin reports that are cut, mangled or not reports at all.

usage: hostile.py [--plugin NAME]... [--verbose]

The bases are the plugins' own samples (plugins/scanners/NAME/testdata). Whatever is done to them, a
worker has to end by itself, with a status; and a report that had findings must not come out as
completed with none, unless what was changed is a list that was emptied. A value that a scanner found
as a secret must never be in what a worker says.
Exit status 0, 1 (something is wrong), 77 (nothing is built)."""
import argparse
import glob
import json
import os
import sys
import tempfile

from worker import Hang, Worker, plugin_path, source_dir

BASE_MAX = 24 << 10    # larger samples are left out
CUTS_MAX = 300         # cuts of one sample; a longer one is cut at that many places
NODES_MAX = 40         # places of one sample that are changed
SECRETS = ["k3y-9f8e7d6c5b4a39281706", "AKIAIOSFODNN7EXAMPLE", "tr0ub4dor&3"]

GARBAGE = {
    "empty": b"", "space": b" \n\t", "text": b"no report today\n", "null": b"null",
    "number": b"42", "string": b'"report"', "true": b"true", "list of numbers": b"[1, 2, 3]",
    "list of null": b"[null]", "list of lists": b"[[[]]]", "object": b'{"hello": "world"}',
    "html": b"<html><body>502 Bad Gateway</body></html>", "nul": b"\0" * 64,
    "binary": bytes(range(256)), "utf-16": '{"results": []}'.encode("utf-16"),
    "deep list": b"[" * 100_000, "deep object": b'{"a":' * 100_000,
    "huge number": b"[" + b"9" * 100_000 + b"]", "two documents": b"{} {}",
    "entity bomb": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;">]>'
                   b"<a>&c;</a>",
    "external entity": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
                       b"<a>&b;</a>",
    "deep xml": b"<a>" * 100_000,
}
# A list that Trivy leaves out says that there is nothing: the tool's own convention.
ABSENT_IS_EMPTY = {("trivy", "Results"), ("trivy", "Vulnerabilities"),
                   ("trivy", "Misconfigurations"), ("trivy", "Secrets"), ("trivy", "Licenses")}

DELETE = object()
RAW = "\u0000raw\u0000"  # stands for text that is no JSON, put in afterwards
RAWS = {"huge integer": "9" * 400, "huge real": "1e999999", "bad utf-8": '"\xff\xfe"',
        "lone surrogate": '"\\ud800"', "nul": '"a\\u0000b"', "deep": "[" * 600 + "]" * 600,
        "trailing comma": "[1,]", "nan": "NaN", "comment": "/* x */ 1"}


# ---- changes ------------------------------------------------------------------------------------------
def nodes(value, path=()):
    """Paths of everything in a document; of a list the first and the last item."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from nodes(value[key], path + (key,))
    elif isinstance(value, list) and value:
        for i in sorted({0, len(value) - 1}):
            yield from nodes(value[i], path + (i,))


def get(value, path):
    for step in path:
        value = value[step]
    return value


def put(document, path, new):
    copy = json.loads(json.dumps(document))
    if not path:
        return new
    parent = get(copy, path[:-1])
    if new is DELETE:
        del parent[path[-1]]
    else:
        parent[path[-1]] = new
    return copy


def replacements(old, thorough):
    yield "null", None
    yield "deleted", DELETE
    yield "text", "\u00e4 <b>&amp; '); --"
    yield "number", -1
    yield "list", [None, 1, "a", {}, []]
    yield "object", {"a": None, "": [{}]}
    if isinstance(old, list):
        yield "emptied", []
        yield "doubled", old + old
        yield "many", old * 200 if len(old) < 10 else old
    if isinstance(old, (int, float)) and not isinstance(old, bool):
        yield "as text", str(old)
        yield "minus", -(2 ** 63)
    if isinstance(old, str):
        yield "as list", [old]
        yield "empty", ""
    if not thorough:
        return
    yield "long text", "x" * 300_000
    yield "real", 1.5
    for name in RAWS:
        yield name, RAW + name


def encode(document):
    text = json.dumps(document)
    for name, raw in RAWS.items():
        text = text.replace(json.dumps(RAW + name), raw)
    return text.encode("latin-1" if "\xff" in text else "utf-8")


def emptied(plugin, path, old, kind):
    """Whether the change only says that a list has nothing in it."""
    if kind == "deleted" and path and isinstance(path[-1], int):
        return True  # an item less
    if not isinstance(old, list):
        return False
    return kind in ("emptied",) or (kind in ("null", "deleted") and path
                                    and (plugin, path[-1]) in ABSENT_IS_EMPTY)


# ---- running -------------------------------------------------------------------------------------------
class Run:
    def __init__(self, plugin, worker, folder, verbose):
        self.plugin, self.worker, self.folder, self.verbose = plugin, worker, folder, verbose
        self.jobs, self.faults = 0, []
        self.statuses = {}

    def fault(self, what, why):
        self.faults.append("%s: %s: %s" % (self.plugin, what, why))

    def parse(self, what, data):
        path = os.path.join(self.folder, "report")
        with open(path, "wb") as f:
            f.write(data)
        self.jobs += 1
        try:
            result = self.worker.parse(path, self.plugin)
        except Hang as e:
            self.fault(what, "hangs: %s" % e)
            return None
        if result.signal or result.exit != 0 or result.status == "crashed":
            self.fault(what, "crashed: exit %s, signal %s" % (result.exit, result.signal))
            return None
        said = json.dumps([result.findings, result.reasons, result.logs, result.reason])
        for secret in SECRETS:
            if secret in said:
                self.fault(what, "says a secret")
        if result.status != "completed" and not result.explanation():
            self.fault(what, "%s without a reason" % result.status)
        self.statuses[result.status] = self.statuses.get(result.status, 0) + 1
        if self.verbose:
            print("  %s: %s" % (what, result))
        return result

    def garbage(self):
        for name, data in GARBAGE.items():
            result = self.parse(name, data)
            if result and result.status == "completed":
                self.fault(name, "taken for a report: %r" % result)

    def cuts(self, name, data):
        whole = data.rstrip()
        step = max(1, len(whole) // CUTS_MAX)
        for i in list(range(0, len(whole), step)) + list(range(len(whole) - 20, len(whole))):
            result = self.parse("%s cut at %d" % (name, i), whole[:i])
            if result and result.status == "completed":
                self.fault("%s cut at %d of %d" % (name, i, len(whole)), "%r" % result)

    def changes(self, name, data, found):
        document = json.loads(data)
        paths = list(nodes(document))
        step = max(1, len(paths) // NODES_MAX)
        chosen = [p for p in paths if len(p) < 3] + [p for p in paths if len(p) >= 3][::step]
        for n, path in enumerate(chosen):
            old = get(document, path)
            for kind, new in replacements(old, n % 5 == 0):
                if not path and new is DELETE:
                    continue
                what = "%s: %s %s" % (name, "/".join(map(str, path)) or "all", kind)
                result = self.parse(what, encode(put(document, path, new)))
                if (result and found and result.status == "completed" and not result.findings
                        and not emptied(self.plugin, path, old, kind)):
                    self.fault(what, "completed with nothing")

    def xml(self, name, data):
        """Every element and attribute emptied, every tag misspelt."""
        text = data.decode()
        places = [i for i, c in enumerate(text) if c == "<" and text[i + 1:i + 2].isalpha()]
        for i in places[::max(1, len(places) // (4 * NODES_MAX))]:
            for kind, new in (("renamed", "<x" + text[i + 1:]), ("dropped", text[i + 1:]),
                              ("junk", "&nosuch;<" + text[i + 1:]),
                              ("cdata", "<![CDATA[<x>]]>" + text[i:])):
                self.parse("%s: tag at %d %s" % (name, i, kind), (text[:i] + new).encode())
        self.parse(name + ": bad utf-8", data.replace(b">", b">\xff\xfe", 3))


def run_plugin(plugin, bases, worker, verbose):
    with tempfile.TemporaryDirectory() as folder:
        run = Run(plugin, worker, folder, verbose)
        run.garbage()
        parsed = []
        for path in bases:
            with open(path, "rb") as f:
                data = f.read()
            name = os.path.basename(path)
            result = run.parse(name, data)
            if result and result.findings:
                parsed.append((len(data), name, data, len(result.findings)))
        for i, (_, name, data, found) in enumerate(sorted(parsed)):
            if i == 0:
                run.cuts(name, data)
            if data.lstrip()[:1] in (b"{", b"["):
                run.changes(name, data, found)
            elif data.lstrip()[:1] == b"<":
                run.xml(name, data)
        if not parsed:
            run.fault("testdata", "no sample with findings up to %d bytes" % BASE_MAX)
        return run


def samples():
    found = {}
    pattern = os.path.join(source_dir(), "plugins", "scanners", "*", "testdata", "*")
    for path in sorted(glob.glob(pattern)):
        plugin = path.split(os.sep)[-3]
        if os.path.isfile(path) and os.path.getsize(path) <= BASE_MAX:
            found.setdefault(plugin, []).append(path)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--plugin", action="append")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    runs = []
    with Worker() as worker:
        for plugin, bases in samples().items():
            if (not args.plugin or plugin in args.plugin) and os.path.exists(plugin_path(plugin)):
                runs.append(run_plugin(plugin, bases, worker, args.verbose))
    if not runs:
        print("skipped: no plugin is built")
        return 77
    for run in runs:
        print("%-17s %5d inputs  %s  %s" % (
            run.plugin, run.jobs, "FAULTY" if run.faults else "ok    ",
            ", ".join("%d %s" % (n, s) for s, n in sorted(run.statuses.items()))))
    faults = [f for run in runs for f in run.faults]
    for fault in faults[:200]:
        print("  " + fault)
    print("%d inputs, %d faults" % (sum(r.jobs for r in runs), len(faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
