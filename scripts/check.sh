#!/usr/bin/env bash
# Every check that a machine can make, each to its end; the table at the end says what failed.
#
#   scripts/check.sh [--fast] [--only NAME]...     --fast: no tidy, sanitizers, valgrind
#   scripts/check.sh --list                        the names
#
# Exit status: 0 all passed, 1 one failed, 2 usage. The first run installs the checkers.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

fast_checks=(format layers banned size lua headers shell cppcheck build exports)
slow_checks=(tidy asan valgrind)
last_checks=(test)

# Files under version control, or on the way there.
source_files()
{
    git ls-files --cached --others --exclude-standard "$@" |
        grep -Ev '(^|/)testdata/|^examples/weak-repo/|^tests/fuzz/corpus/' | existing
}
existing() { while IFS= read -r f; do [[ ! -f $f ]] || printf '%s\n' "$f"; done; }

check_format()
{
    # Without pipefail: clang-format's own status says no more than its output.
    ( set +o pipefail
      source_files '*.c' '*.h' | xargs -r clang-format-14 --dry-run -Werror 2>&1 |
          awk -F: '/: error: / { n[$1]++ }
              END {
                  for (f in n) {
                      printf "%s: %d places; clang-format-14 -i %s\n", f, n[f], f
                      bad = 1
                  }
                  exit bad
              }' )
}

check_layers()   { scripts/check-layers.sh; }
check_banned()   { scripts/check-source.py banned; }
check_size()     { scripts/check-source.py size; }
check_lua()      { scripts/check-source.py lua; }
check_headers()  { scripts/check-headers.sh; }
check_shell()
{
    { source_files '*.sh'; printf '%s\n' .ci/run; } |
        xargs shellcheck --shell=bash --external-sources --severity=style
}
check_cppcheck()
{
    # unknownMacro: SCO_EACH and its like. uninitvar: takes the address of a buffer for its value;
    # compilers, clang-tidy and valgrind look for the real ones. The others: style.
    cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
        --suppress=unknownMacro --suppress=uninitvar --suppress=legacyUninitvar --suppress=ctuuninitvar \
        --suppress=duplicateAssignExpression --suppress=arrayIndexThenCheck \
        --suppress=identicalInnerCondition \
        --cppcheck-build-dir="$state" -j 2 \
        -D_GNU_SOURCE -DSCO_VERSION='"0"' -I core/include core plugins 2>&1
}
check_build()    { sco_build "$root" ci; }
check_exports()  { scripts/check-exports.sh build; }
check_tidy()     { scripts/check-tidy.sh build; }
check_asan()     { scripts/test.sh --preset asan --label 'unit|integration|fuzz'; }
check_valgrind() { scripts/check-valgrind.sh build; }
check_test()     { scripts/test.sh --preset ci; }

checks=("${fast_checks[@]}" "${slow_checks[@]}" "${last_checks[@]}")
only=()
while (( $# > 0 )); do
    case $1 in
        --fast) checks=("${fast_checks[@]}" "${last_checks[@]}") ;;
        --list) printf '%s\n' "${fast_checks[@]}" "${slow_checks[@]}" "${last_checks[@]}"; exit 0 ;;
        --only)
            declare -F "check_${2:-}" >/dev/null || { sco_warn "no check is called '${2:-}'"; exit 2; }
            only+=("$2"); shift ;;
        *) sed -n 's/^#   /usage: /p' "$0" >&2; exit 2 ;;
    esac
    shift
done
(( ${#only[@]} == 0 )) || checks=("${only[@]}")

scripts/setup.sh --dev >&2 || sco_warn 'going on with what is installed'
state=$root/build-check
mkdir -p "$state"

report=()
failed=0
for check in "${checks[@]}"; do
    printf '==== %s\n' "$check"
    start=$SECONDS
    if "check_$check"; then
        report+=("$(printf '%-10s ok      %4s s' "$check" $(( SECONDS - start )))")
    else
        report+=("$(printf '%-10s FAILED  %4s s' "$check" $(( SECONDS - start )))")
        failed=$(( failed + 1 ))
    fi
done
printf '\n'
printf '%s\n' "${report[@]}"
(( failed == 0 )) || exit 1
