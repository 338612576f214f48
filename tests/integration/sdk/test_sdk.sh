#!/usr/bin/env bash
# The SDK as a plugin author gets it: installs the build into a folder, moves the folder, and builds
# plugins against it, with CMake and with pkg-config alone.
#
#   test_sdk.sh SOURCE BUILD
set -euo pipefail

source=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/moved

fail()
{
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# Runs a command; its output is shown only when it fails.
quietly()
{
    "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "$*"; }
}

# A plugin exports its one function and nothing else.
check_symbols()
{
    local symbols
    symbols=$(nm -D --defined-only --format=posix "$1" | awk '{ print $1 }' | sort)
    [[ $symbols == sco_plugin_v1 ]] || fail "$1 exports: $symbols"
}

echo "installing"
quietly cmake --install "$build" --prefix "$work/first"
mv "$work/first" "$prefix"
lib=$prefix/$(cd "$prefix" && dirname "$(find lib* -type d -name secureops | head -1)")

echo "layout"
for file in bin/secureops libexec/secureops/secureops-worker include/secureops/plugin.h \
    share/secureops/plugin-template/CMakeLists.txt \
    share/secureops/plugin-template-ci/CMakeLists.txt share/doc/secureops; do
    [[ -e $prefix/$file ]] || fail "$file is not installed"
done
for file in secureops/xml.so secureops/http.so secureops/sign.so secureops/plugins pkgconfig/secureops-plugin.pc \
    cmake/SecureOpsPlugin/SecureOpsPluginConfig.cmake cmake/SecureOpsPlugin/plugin.map; do
    [[ -e $lib/$file ]] || fail "$lib/$file is not installed"
done
headers=$(cd "$prefix/include" && find . -type f)
[[ $headers == ./secureops/plugin.h ]] || fail "more headers than plugin.h: $headers"
[[ -x $prefix/share/secureops/plugin-template/testdata/bin/sample-scanner ]] ||
    fail "the template's stand-in program lost its mode"
if grep -rlF -e "$work/first" -e "$build" "$lib/cmake" "$lib/pkgconfig"; then
    fail "these name the folder that they were built for"
fi
for plugin in "$lib"/secureops/plugins/*.so; do
    check_symbols "$plugin"
done

echo "plugin.h alone, as C99, C11, C++11 and C++17"
strict=(-Wall -Wextra -Wshadow -pedantic -Werror -fsyntax-only -I "$prefix/include")
printf '#include <secureops/plugin.h>\n' >"$work/alone.c"
quietly cc -std=c99 "${strict[@]}" "$work/alone.c"
quietly cc -std=c11 "${strict[@]}" "$work/alone.c"
if command -v c++ >/dev/null; then
    cp "$work/alone.c" "$work/alone.cc"
    quietly c++ -std=c++11 "${strict[@]}" "$work/alone.cc"
    quietly c++ -std=c++17 "${strict[@]}" "$work/alone.cc"
fi

# secureops and its own state, nothing of the user's
export XDG_CONFIG_HOME=$work/config XDG_CACHE_HOME=$work/cache XDG_DATA_HOME=$work/data
secureops=$prefix/bin/secureops
cd "$work"

echo "plugin new, against the installed SDK"
quietly "$secureops" plugin new acme-audit
if grep -rniE 'sample.scanner' acme-audit; then
    fail "the template's own name is left"
fi
quietly cmake -S acme-audit -B acme-audit/build -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_FLAGS=-Werror
quietly cmake --build acme-audit/build
quietly ctest --test-dir acme-audit/build --output-on-failure
check_symbols acme-audit/build/plugins/acme-audit.so
if "$secureops" plugin new acme-audit >/dev/null 2>&1; then
    fail "plugin new wrote into a folder that exists"
fi
quietly cmake --install acme-audit/build --prefix "$prefix"
"$secureops" plugin list | grep -q '^acme-audit' || fail "the installed plugin is not listed"

echo "plugin new --kind ci, against the installed SDK"
quietly "$secureops" plugin new acme-hub --kind ci
if grep -rniE 'sample.platform' acme-hub; then
    fail "the template's own name is left"
fi
quietly cmake -S acme-hub -B acme-hub/build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_FLAGS=-Werror
quietly cmake --build acme-hub/build
quietly ctest --test-dir acme-hub/build --output-on-failure
check_symbols acme-hub/build/plugins/acme-hub.so

echo "examples/plugin, against the installed SDK"
quietly cmake -S "$source/examples/plugin" -B example -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_FLAGS=-Werror
quietly cmake --build example
quietly ctest --test-dir example --output-on-failure
check_symbols example/plugins/cppcheck.so

echo "examples/plugin, with pkg-config alone"
if command -v pkg-config >/dev/null; then
    export PKG_CONFIG_PATH=$lib/pkgconfig
    read -ra cflags <<<"$(pkg-config --cflags secureops-plugin)"
    read -ra ldflags <<<"$(pkg-config --variable=plugin_ldflags secureops-plugin)"
    mkdir by-hand
    quietly cc -shared -fPIC -fvisibility=hidden -DPLUGIN_VERSION='"0"' "${cflags[@]}" \
        "$source/examples/plugin/cppcheck.c" -o by-hand/cppcheck.so "${ldflags[@]}"
    check_symbols by-hand/cppcheck.so
    "$secureops" plugin list --plugins by-hand | grep -q '^cppcheck' ||
        fail "the plugin that was built by hand is not listed"
fi
echo "ok"
