"""Programs that behave like scanners, one way or another."""
import json

SECRET = "ghp_" + "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zA7bC"
LEAK = {
    "RuleID": "github-pat", "Description": "Uncovered a GitHub Personal Access Token",
    "StartLine": 1, "EndLine": 1, "StartColumn": 9, "EndColumn": 48,
    "Match": f"token = {SECRET}", "Secret": SECRET, "File": "conf/app.ini", "SymlinkFile": "",
    "Commit": "", "Entropy": 4.9, "Author": "", "Email": "", "Date": "", "Message": "", "Tags": [],
    "Fingerprint": "conf/app.ini:github-pat:1",
}


def gitleaks(report="", code=10, before=":", after=":"):
    """A program that behaves like gitleaks: writes `report` where it is told to."""
    return f"""#!/bin/sh
case $1 in version | --version) echo 8.30.1; exit 0 ;; esac
while [ $# -gt 0 ]; do
    case $1 in
    --report-path=*) out=${{1#*=}} ;;
    --report-path) out=$2 ;;
    esac
    shift
done
{before}
[ -z "{'x' if report else ''}" ] || cat >"$out" <<'REPORT'
{report}
REPORT
{after}
exit {code}
"""


def leaks(*changes):
    return json.dumps([dict(LEAK, **c) for c in changes] if changes else [LEAK])
