#!/usr/bin/env bash
# Runs the unit tests under valgrind: errors and definite leaks fail. Tests with the label "slow"
# are left out.
#
#   scripts/check-valgrind.sh [BUILD-DIR]      a build without sanitizers; exit status 1: an error
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
build=${1:-build}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

run_one()
{
    local name=${1##*/} rc
    timeout 300 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
        --show-leak-kinds=definite \
        --suppressions=scripts/valgrind.supp --child-silent-after-fork=yes "$1" >"$tmp/$name" 2>&1 </dev/null
    rc=$?
    (( rc == 0 )) && return 0
    # A test may fail only because all is 30 times slower here, or because valgrind stands between
    # it and exec; what its jump out of the test leaks is then no finding.
    if (( rc == 99 )) && { ! grep -qF '[  FAILED  ]' "$tmp/$name" ||
                           grep -qE '^==.*(Invalid|uninitialised|overlap|Mismatched)' "$tmp/$name"; }
    then
        printf '%s: valgrind found errors\n' "$name"
        grep -E -A 12 '^==[0-9]+==' "$tmp/$name" | head -n 60
        return 1
    fi
    printf 'note: %s: exit status %s, no error that valgrind could be sure of\n' "$name" "$rc"
}
export -f run_one
export tmp SECUREOPS_SOURCE=$PWD SECUREOPS_BUILD=$PWD/$build

ctest --test-dir "$build" -N --show-only=json-v1 -L unit -LE slow |
    python3 -c 'import json, sys
for t in json.load(sys.stdin)["tests"]:
    if t.get("command"):
        print(t["command"][0])' >"$tmp/list"
if [[ ! -s $tmp/list ]]; then
    printf 'no unit tests in %s\n' "$build"
    exit 1
fi
# shellcheck disable=SC2016  # the inner bash expands it
xargs -P 2 -I '{}' bash -c 'run_one "$1"' _ '{}' <"$tmp/list"
