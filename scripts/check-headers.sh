#!/usr/bin/env bash
# Every header of core/ and plugins/ compiles alone; plugin.h also as C99 and as C++, since plugin authors use both.
#
#   scripts/check-headers.sh       exit status 1: one does not
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

rc=0
read -ra flags <<<"$(pkg-config --cflags libxml-2.0 libevent lua5.4 2>/dev/null)"

# compile COMPILER... HEADER
compile()
{
    printf '#include "%s"\n' "${*: -1}" |
        "${@:1:$#-1}" -D_GNU_SOURCE -Wall -Wextra -Werror -Icore/include -I. "${flags[@]}" \
            -fsyntax-only - || { printf '%s does not compile alone\n' "${*: -1}"; rc=1; }
}

while read -r header; do
    [[ -f $header ]] || continue
    # Input for scanners; the template of a plugin, which includes an installed header.
    [[ $header == */testdata/* || $header == */template/* ]] ||
        compile gcc -std=gnu11 -x c "$header"
done < <(git ls-files --cached --others --exclude-standard 'core/*.h' 'plugins/*.h')

plugin=core/include/secureops/plugin.h
compile gcc -std=c99 -pedantic -x c "$plugin"
compile g++ -std=c++11 -pedantic -x c++ "$plugin"
if command -v clang-14 >/dev/null; then
    compile clang-14 -std=c99 -pedantic -x c "$plugin"
    compile clang-14 -std=c++11 -pedantic -x c++ "$plugin"
fi
exit "$rc"
