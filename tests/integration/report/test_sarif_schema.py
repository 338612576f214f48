"""SARIF as others judge it: valid against the schema, no error or warning from sarif-multitool
with its own and GitHub's rules. Reports of made-up scans, and of real reports read by
"secureops import" when the program is built. Exit status 77: skipped, with the reason."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
SOURCE = os.environ.get("SECUREOPS_SOURCE") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "../../.."))
BUILD = os.environ.get("SECUREOPS_BUILD") or os.path.join(SOURCE, "build")
CORPUS = os.environ.get("SECUREOPS_CORPUS") or os.path.join(SOURCE, "../shared/corpus")
TOOLS = os.environ.get("SECUREOPS_TOOLS") or os.path.join(
    os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"), "secureops/tools")

# Of the imports: one or two of each kind of report.
IMPORTS = [
    "trivy/*.json", "semgrep/*.json", "gitleaks/*.json", "checkov/*.json", "bandit/*.json",
    "sarif/*.sarif", "sarif/*.json", "zap/*.xml", "zap/*.json", "sonarqube/*.json",
    "dependency_check/*.xml", "dependency_check/*.json",
]
EACH = 4


def skip(reason):
    print("skipped: " + reason)
    sys.exit(SKIP)


def tool(name):
    path = os.path.join(TOOLS, "bin", name)
    if not os.access(path, os.X_OK):
        path = shutil.which(name)
    if not path:
        skip("no %s; scripts/install-scanners.sh sarif-tools installs it" % name)
    return path


def imports(folder):
    """SARIF of real reports; returns how many."""
    program = os.path.join(BUILD, "bin", "secureops")
    if not os.access(program, os.X_OK) or not os.path.isdir(os.path.join(CORPUS, "scans")):
        print("no program, or no corpus: made-up reports only")
        return 0
    done = 0
    for pattern in IMPORTS:
        for path in sorted(glob.glob(os.path.join(CORPUS, "scans", pattern)))[:EACH]:
            out = os.path.join(folder, "import%d.sarif" % done)
            r = subprocess.run([program, "import", "--quiet", "--format", "sarif=" + out, path],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
            if r.returncode not in (0, 1, 3):
                continue
            if not os.path.exists(out):
                sys.exit("no SARIF for %s" % path)
            done += 1
    return done


def check_schema(ajv, files):
    schema = os.path.join(CORPUS, "sarif", "sarif-schema-2.1.0.json")
    if not os.path.exists(schema):
        skip("no SARIF schema in the corpus")
    command = [ajv, "validate", "-s", schema]
    for path in files:
        command += ["-d", path]
    r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if r.returncode:
        print("\n".join(l for l in r.stdout.splitlines() if not l.endswith(" valid")))
        sys.exit("not valid against the schema")


def text(run, result):
    message = result["message"]
    if "text" in message:
        return message["text"]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    out = rule["messageStrings"][message["id"]]["text"]
    for i, argument in enumerate(message.get("arguments", [])):
        out = out.replace("{%d}" % i, argument)
    return out


def wanted(name, rule, message):
    """What cannot be better than what the tools say: a tool that SecureOps did not run itself may
    have no homepage or version, and a hostile one a name without sense."""
    if rule != "SARIF2005":
        return True
    return not (name.startswith(("hostile", "import", "empty", "statuses")) or
                any("'%s'" % t in message for t in ("ZAP", "Sonar", "Checkov")))


def check_multitool(multitool, files, folder):
    out = os.path.join(folder, "multitool.json")
    subprocess.run([multitool, "validate", *files, "--rule-kind", "Sarif;Ghas", "--level",
                    "Error;Warning", "--output", out, "--log", "ForceOverwrite"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=240)
    if not os.path.exists(out):
        sys.exit("sarif-multitool wrote no result")
    with open(out, encoding="utf-8-sig") as f:
        log = json.load(f)
    bad = []
    for run in log["runs"]:
        for invocation in run.get("invocations", []):
            if not invocation["executionSuccessful"]:
                sys.exit("sarif-multitool failed: %s" % invocation)
        for result in run.get("results", []):
            name = os.path.basename(
                result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
            if wanted(name, result["ruleId"], text(run, result)):
                bad.append("%s: %s: %s" % (name, result["ruleId"], text(run, result)))
    if bad:
        print("\n".join(bad[:40]))
        sys.exit("%d complaints of sarif-multitool" % len(bad))


def main():
    ajv, multitool = tool("ajv"), tool("sarif-multitool")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([os.path.join(BUILD, "tests", "report_fixtures"), folder], check=True)
        n = imports(folder)
        files = sorted(glob.glob(os.path.join(folder, "*.sarif")))
        check_schema(ajv, files)
        check_multitool(multitool, files, folder)
        print("%d reports, %d of them imports: valid and clean" % (len(files), n))


main()
