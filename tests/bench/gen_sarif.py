#!/usr/bin/env python3
"""Writes a SARIF 2.1.0 report for benchmarks to standard output.

usage: gen_sarif.py [RESULTS [RULES]]

100,000 results are about 100 MB. The same arguments always give the same bytes, and memory use does
not grow with the number of results.
"""
import hashlib
import json
import sys

LEVELS = ("error", "warning", "warning", "note")
FOLDERS = ("api", "auth", "billing", "core", "export", "jobs", "web/handlers", "web/views")
NAMES = ("account", "cache", "client", "invoice", "queue", "report", "session", "upload")
TOPICS = (
    ("sql-injection", "SQL statement built from request data", "CWE-89"),
    ("path-traversal", "File path built from request data", "CWE-22"),
    ("command-injection", "Shell command built from request data", "CWE-78"),
    ("weak-hash", "MD5 is not collision resistant", "CWE-327"),
    ("hardcoded-password", "Password literal in source code", "CWE-798"),
)
STATEMENTS = (
    'cursor.execute("SELECT * FROM users WHERE name = \'" + name + "\'")',
    'open(os.path.join(ROOT, request.args["file"]))',
    'subprocess.call("convert " + source, shell=True)',
    "hashlib.md5(value.encode()).hexdigest()",
)


class Numbers:
    """A small linear congruential generator: the same on every version of Python."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self.state >> 33) % n


def rule(i):
    name, text, cwe = TOPICS[i % len(TOPICS)]
    return {
        "id": f"bench.{name}.{i:02d}",
        "name": name.title().replace("-", ""),
        "shortDescription": {"text": text},
        "fullDescription": {"text": f"{text}. An attacker may use it to reach data of others."},
        "helpUri": f"https://example.com/rules/{name}",
        "defaultConfiguration": {"level": LEVELS[i % len(LEVELS)]},
        "properties": {"tags": ["security", f"external/cwe/{cwe.lower()}"], "precision": "high",
                       "security-severity": f"{4 + i % 6}.{i % 10}"},
    }


def result(i, rules, rnd):
    r = rules[rnd.below(len(rules))]
    uri = f"src/{FOLDERS[rnd.below(8)]}/{NAMES[rnd.below(8)]}_{rnd.below(400)}.py"
    line = 1 + rnd.below(2000)
    column = 1 + rnd.below(60)
    digest = hashlib.sha256(f"{r['id']} {uri} {i}".encode()).hexdigest()
    text = (f"{r['shortDescription']['text']}: the value comes from the request in {uri} and "
            f"reaches a dangerous call on line {line}. Use a parameter instead")
    if rnd.below(10) == 0:
        text += " \u2014 siehe Pr\u00fcfbericht \"A\""
    return {
        "ruleId": r["id"],
        "ruleIndex": rules.index(r),
        "level": r["defaultConfiguration"]["level"],
        "message": {"text": text + "."},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": line, "startColumn": column, "endLine": line + rnd.below(3),
                       "endColumn": column + 40,
                       "snippet": {"text": "    " + STATEMENTS[rnd.below(4)] + "\n"}}}}],
        "partialFingerprints": {"primaryLocationLineHash": f"{digest[:16]}:1",
                                "matchBasedId/v1": digest},
        "properties": {"confidence": ("HIGH", "MEDIUM", "LOW")[rnd.below(3)],
                       "score": rnd.below(100) / 10,
                       "help": f"See {r['helpUri']}. Changed in review {rnd.below(90000)}; "
                               "validate the value against a list of what is allowed before use",
                       "reviewed": rnd.below(2) == 1, "owner": f"team-{rnd.below(12)}",
                       "trace": f"request.args -> {NAMES[rnd.below(8)]}() -> "
                                f"{NAMES[rnd.below(8)]}.execute()"},
    }


def main(argv):
    count = int(argv[1]) if len(argv) > 1 else 1000
    rules = [rule(i) for i in range(int(argv[2]) if len(argv) > 2 else 20)]
    rnd = Numbers(20240229)
    out = sys.stdout
    driver = {"name": "benchmark", "version": "1.0.0", "rules": rules}
    out.write('{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0",'
              '"runs":[{"tool":' + json.dumps({"driver": driver}) + ',"results":[\n')
    for i in range(count):
        out.write((",\n" if i else "") + json.dumps(result(i, rules, rnd), ensure_ascii=False))
    out.write("\n]}]}\n")


if __name__ == "__main__":
    main(sys.argv)
