#!/usr/bin/env bash
# Checks which headers a file includes: a module takes only modules of its own layer or lower, a
# private header stays in its folder, an external library has its few users, a plugin needs
# <secureops/plugin.h> alone. The tables below are the layers of docs/architecture.md.
#
#   scripts/check-layers.sh        exit status 1: something is out of place
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

git ls-files --cached --others --exclude-standard 'core/*.[ch]' 'plugins/*.[ch]' |
    while read -r file; do [[ ! -f $file ]] || grep -HnE '^[[:space:]]*#[[:space:]]*include' "$file" || true; done |
    awk -F: '
    BEGIN {
        n = split("base 0 data 1 config 1 loop 1 crypto 1 ipc 2 plug 2 exec 2 host 2 iac 2 " \
                  "policy 2 report 2 telemetry 1 store 2 bus 3 auth 3 sched 3 ci 3 engine 3 api 4 app 4", l, " ")
        for (i = 1; i < n; i += 2)
            layer[l[i]] = l[i + 1]

        # Public headers that are not called like their module.
        n = split("plugin base error base address base module base fs base log base json data finding data scan data " \
                  "option config yaml config http host xml host sign host waivers engine " \
                  "compliance report threads loop store_jobs store store_events store " \
                  "webclient app packs app store_accounts store store_stats store store_compliance store store_ci store ci_jobs ci action data pipeline ci pipeline_start ci mask ci store_pipelines store diff engine schedule sched cron sched checkout engine", m, " ")
        for (i = 1; i < n; i += 2)
            module[m[i]] = m[i + 1]
        for (i in layer)
            module[i] = i

        # Who may use a library: modules, separated by spaces.
        users["openssl"] = "crypto auth api"; users["nettle"] = "crypto"; users["gmp"] = "crypto"
        users["libxml"] = "host"
        users["yaml.h"] = "config iac"
        users["dlfcn.h"] = "base plug"
        users["event2"] = "loop engine sched bus store ci api app"
        users["curl"] = "host api telemetry app"
        users["lua"] = "policy"; users["lua.h"] = "policy"; users["lauxlib.h"] = "policy"
        users["lualib.h"] = "policy"
        users["sqlite3.h"] = "store"; users["libpq-fe.h"] = "store"
        users["librdkafka"] = "bus"
        users["jwt.h"] = "api"; users["wslay"] = "api"
        users["seccomp.h"] = "exec"
        bad = 0
    }

    function fail(text) { printf "%s:%s: %s\n", $1, $2, text; bad = 1 }

    function has_word(list, word) { return index(" " list " ", " " word " ") > 0 }

    {
        split($1, path, "/")
        text = $0
        sub(/^[^:]*:[^:]*:/, "", text)
        if (!match(text, /[<"][^>"]+[>"]/))
            next
        kind = substr(text, RSTART, 1)
        name = substr(text, RSTART + 1, RLENGTH - 2)
        split(name, part, "/")

        if (path[1] == "plugins") {
            # Built in, and more than plugin.h: docs/adr/0012-policies-are-a-plugin.md.
            if (path[3] == "policies" && has_word("secureops/base.h secureops/finding.h " \
                    "secureops/fs.h secureops/iac.h secureops/json.h secureops/policy.h " \
                    "secureops/yaml.h", name))
                next
            if (part[1] == "secureops" && name != "secureops/plugin.h")
                fail("a plugin includes <secureops/plugin.h> only, not " name)
            next
        }
        # core/include/secureops/x.h belongs to the module that module[x] names.
        if (path[2] == "include") {
            own = path[4]; sub(/\.h$/, "", own)
            if (!(own in module)) {
                if (!(own in told)) fail("unknown public header: name its module in this check")
                told[own] = 1
                next
            }
            own = module[own]
            if (kind == "\"") fail("a public header includes a private one: " name)
        } else {
            own = path[2]
        }
        if (!(own in layer)) {
            if (!(own in told)) fail("unknown module " own ": name its layer in this check")
            told[own] = 1
            next
        }
        if (part[1] == "secureops") {
            other = part[2]; sub(/\.h$/, "", other)
            if (!(other in module))
                fail("unknown header " name)
            else if (layer[module[other]] > layer[own])
                fail(own " (layer " layer[own] ") includes " name " of " module[other] \
                     " (layer " layer[module[other]] ")")
        } else if (kind == "\"") {
            dir = $1; sub(/\/[^\/]*$/, "", dir)
            if (name ~ /\.\./)
                fail("a private header stays in its folder: " name)
            else if ((getline line < (dir "/" name)) < 0)
                fail("a private header of another folder: " name)
            else
                close(dir "/" name)
        } else if (part[1] in users && !has_word(users[part[1]], own)) {
            fail("<" name "> is for " users[part[1]] " only, not for " own)
        }
    }
    END { exit bad }
    '
