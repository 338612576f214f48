/* Dockerfiles: lines and words, variables and stages, and the tree that policies see. */
#include "show.h"
#include "dockerfile_priv.h"

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

struct fixture {
    struct sco_iac_set s;
    struct sco_error err;
    struct sco_buf shown;
};

static const struct sco_iac_doc *load(struct fixture *f, const char *text)
{
    sco_iac_set_done(&f->s);
    f->err = (struct sco_error){0};
    assert_int_equal(sco_iac_add_text(&f->s, sco_str_c(text), "Dockerfile",
                                      SCO_IAC_FORMAT_DOCKERFILE, 0, &f->err),
                     1);
    return &f->s.docs[0];
}

static void done(struct fixture *f)
{
    sco_iac_set_done(&f->s);
    sco_buf_done(&f->shown);
}

/* By members with dots between, numbers are items. */
static const struct sco_iac_node *at(const struct sco_iac_node *v, const char *path)
{
    struct sco_str rest = sco_str_c(path), part;
    int64_t i;
    while (v && sco_str_split(&rest, '.', &part))
        v = sco_parse_i64(part, 0, 1000, &i) == 0 ? sco_iac_at(v, (size_t)i)
                                                  : sco_iac_get_str(v, part);
    return v;
}

static void assert_shown(struct fixture *f, const struct sco_iac_node *v, const char *what,
                         const char *want)
{
    sco_buf_clear(&f->shown);
    show_node(v, &f->shown);
    if (strcmp(sco_buf_z(&f->shown), want) != 0)
        fail_msg("%s\ngot:  %s\nwant: %s", what, sco_buf_z(&f->shown), want);
}

/* Loads a text and compares one part of the tree. */
static void assert_part(struct fixture *f, const char *text, const char *path, const char *want)
{
    const struct sco_iac_doc *d = load(f, text);
    if (!d->root)
        fail_msg("%s\n%s", text, d->reason);
    assert_shown(f, at(d->root, path), text, want);
}

struct part {
    const char *text, *path, *want;
};

static void check_parts(const struct part *parts, size_t n)
{
    struct fixture f = {0};
    for (size_t i = 0; i < n; i++)
        assert_part(&f, parts[i].text, parts[i].path, parts[i].want);
    done(&f);
}

/* ---- lines ---- */
#define LAST "stages.0.instructions.1."

static void joined_lines(void **state)
{
    static const struct part parts[] = {
        {"FROM a\nRUN b \\\n  c", LAST "value", "\"b   c\""},
        {"FROM a\nRUN b \\  \t\n  c", LAST "value", "\"b   c\""},
        {"FROM a\nRUN b \\\n# comment\n  # more \\\nc\n", LAST "value", "\"b c\""},
        {"FROM a\nRUN b \\\n\n   \n c\n", LAST "value", "\"b  c\""},
        {"FROM a\nRUN b \\", LAST "value", "\"b\""},
        {"FROM a\nRUN b \\\n", LAST "value", "\"b\""},
        {"FROM a\nRUN b \\\\\nUSER c\n", LAST "value", "\"b \\\\\""},
        {"FROM a\r\nRUN b \\\r\n c\r\n", LAST "value", "\"b  c\""},
        {"\xef\xbb\xbf"
         "FROM a\n",
         "stages.0.image.reference", "\"a\""},
        {"  from a\n\trun b\n", LAST "instruction", "\"RUN\""},
        {"FROM \\\n a \\\n AS \\\n b\n", "stages.0.name", "\"b\""},
        {"# escape=`\nFROM a\nRUN b `\n c:\\d\n", LAST "value", "\"b  c:\\d\""},
        {"#Syntax=x\n#ESCAPE = `\nFROM a\nRUN b `\n c\n", LAST "value", "\"b  c\""},
        {"# comment\n# escape=`\nFROM a\nRUN b `\n", LAST "value", "\"b `\""},
        {"# unknown=1\n# escape=`\nFROM a\n", "escape", "\"\\\""},
        {"\n# escape=`\nFROM a\n", "escape", "\"\\\""},
        {"# escape=`\nFROM a\n", "escape", "\"`\""},
    };
    (void)state;
    check_parts(parts, SCO_ARRAY_LEN(parts));
}

static void failed(void **state)
{
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"", "Dockerfile:1:1: there is no instruction in this file"},
        {"# only\n\n", "Dockerfile:2:1: there is no instruction in this file"},
        {"# escape=x\nFROM a\n", "Dockerfile:1:1: escape character \"x\" is neither \\ nor `"},
        {"# escape=`\n# escape=`\nFROM a\n",
         "Dockerfile:2:1: the escape directive may be there once"},
        {"FROM a\nRUN <<EOF\nb\n",
         "Dockerfile:2:1: the here-document <<EOF has no end: no line is \"EOF\""},
        {"FROM a\nCOPY <<A <<B /c\nA\nRUN d\n",
         "Dockerfile:2:1: the here-document <<B has no end: no line is \"B\""},
        {"FROM a\nCMD [\"b\", 1]\n", "Dockerfile:2:1: CMD: a JSON array may hold strings only"},
        {"FROM a\nENV b\n", "Dockerfile:2:1: ENV needs a name and a value"},
        {"FROM a\nLABEL b=c d\n", "Dockerfile:2:1: LABEL: there is no = in \"d\""},
        {"FROM a\n\\\n\n", "Dockerfile:2:1: a continuation without an instruction"},
        {"ONBUILD onbuild ONBUILD ONBUILD ONBUILD ONBUILD ONBUILD ONBUILD ONBUILD RUN a",
         "Dockerfile:1:1: ONBUILD within ONBUILD"},
    };
    struct fixture f = {0};
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        const struct sco_iac_doc *d = load(&f, rows[i].text);
        assert_int_equal(d->status, SCO_IAC_FAILED);
        assert_string_equal(d->reason, rows[i].reason);
        assert_null(d->root);
        assert_int_equal(d->n_resources, 0);
    }
    done(&f);
}

/* What the parser takes and Docker refuses: read as far as it goes, and said. */
static void partial(void **state)
{
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"FROM a\nRUM b\n", "line 2: RUM is no instruction: did you mean RUN?"},
        {"RUN a\nFROM b\n", "line 1: RUN before the first FROM"},
        {"ARG a\n", "there is no FROM"},
        {"FROM a b\n", "line 1: FROM takes an image, or an image AS a name"},
        {"FROM a\nCOPY b\n", "line 2: COPY needs a source and a destination"},
        {"FROM a\nSHELL b\n", "line 2: SHELL needs the JSON form"},
        {"FROM a\nUSER\n", "line 2: USER without a name"},
        {"FROM a\nENV\n", "line 2: ENV without a name"},
        {"FROM a\nHEALTHCHECK curl\n", "line 2: HEALTHCHECK curl is neither CMD nor NONE"},
        {"FROM a\nONBUILD FROM b\n", "line 2: ONBUILD may not hold FROM"},
    };
    struct fixture f = {0};
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        const struct sco_iac_doc *d = load(&f, rows[i].text);
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addf(&b, "Docker does not build this file: %s; correct it", rows[i].reason);
        assert_int_equal(d->status, SCO_IAC_PARTIAL);
        assert_string_equal(d->reason, sco_buf_z(&b));
        assert_non_null(d->root);
    }
    const struct sco_iac_doc *d = load(&f, "FROM a\n{% if x %}\nRUN b\n{% endif %}\n");
    assert_int_equal(d->status, SCO_IAC_SKIPPED);
    assert_string_equal(d->reason, "a template: scan the Dockerfile that is made from it");
    done(&f);
}

/* ---- words ---- */
static void forms(void **state)
{
    static const struct part parts[] = {
        {"FROM a\nCMD [\"b\", \"c d\", \"\\u0041\\n\\ud83d\\ude00\"]", LAST "args",
         "[\"b\", \"c d\", \"A\n\xf0\x9f\x98\x80\"]"},
        {"FROM a\nCMD [\"b\"]", LAST "form", "\"exec\""},
        {"FROM a\nCMD [ ]", LAST "form", "\"exec\""},
        {"FROM a\nCMD ['b']", LAST "form", "\"shell\""},
        {"FROM a\nCMD [\"b\"", LAST "form", "\"shell\""},
        {"FROM a\nCMD [\"b\",]", LAST "form", "\"shell\""},
        {"FROM a\nCMD [\"b\"] c", LAST "form", "\"shell\""},
        {"FROM a\nCMD [\"b\\x\"]", LAST "args", "[\"[\"b\\x\"]\"]"},
        {"FROM a\nCMD [\"b\", \\\n \"c\"]", LAST "args", "[\"b\", \"c\"]"},
        {"FROM a\nCOPY [\"b c\", \"d\"]", LAST "sources", "[\"b c\"]"},
        {"FROM a\nCOPY b c d/", LAST "sources", "[\"b\", \"c\"]"},
        {"FROM a\nCOPY --from=x --chown=1:2 --chmod=755 --link b c", LAST "flags",
         "{from: \"x\", chown: \"1:2\", chmod: \"755\", link: true}"},
        {"FROM a\nCOPY --from=x --chown=1:2 b c", LAST "chown", "\"1:2\""},
        {"FROM a\nCOPY --weird=1 b c", LAST "dest", "\"c\""},
        {"FROM a\nCOPY -- --b c", LAST "sources", "[\"--b\"]"},
        {"FROM a\nRUN --mount=type=cache,dst=/x,ro --mount=target=/y b", LAST "mounts",
         "[{type: \"cache\", target: \"/x\", readonly: true}, {target: \"/y\", type: \"bind\"}]"},
        {"FROM a\nENV b c  d", LAST "pairs", "[{key: \"b\", value: \"c  d\"}]"},
        {"FROM a\nENV b=\"c d\" e=f\\ g h='$i'", LAST "pairs",
         "[{key: \"b\", value: \"c d\"}, {key: \"e\", value: \"f g\"}, "
         "{key: \"h\", value: \"$i\"}]"},
        {"FROM a\nLABEL b.c=d", LAST "pairs", "[{key: \"b.c\", value: \"d\"}]"},
        {"FROM a\nARG b c=d", LAST "pairs", "[{key: \"b\"}, {key: \"c\", value: \"d\"}]"},
        {"FROM a\nEXPOSE 80 53/udp 1000-1010/tcp 1:22 $X x", LAST "ports",
         "[{value: \"80\", port: 80, from: 80, to: 80, protocol: \"tcp\"}, "
         "{value: \"53/udp\", port: 53, from: 53, to: 53, protocol: \"udp\"}, "
         "{value: \"1000-1010/tcp\", from: 1000, to: 1010, protocol: \"tcp\"}, "
         "{value: \"1:22\", port: 22, from: 22, to: 22, protocol: \"tcp\"}, ?, "
         "{value: \"x\", protocol: \"tcp\"}]"},
        {"FROM a\nUSER b:c", LAST "user", "\"b\""},
        {"FROM a\nUSER b:c", LAST "group", "\"c\""},
        {"FROM a\nWORKDIR /b c", LAST "path", "\"/b c\""},
        {"FROM a\nVOLUME /b /c", LAST "paths", "[\"/b\", \"/c\"]"},
        {"FROM a\nSTOPSIGNAL 9", LAST "signal", "\"9\""},
        {"FROM a\nMAINTAINER b <c>", LAST "args", "[\"b <c>\"]"},
        {"FROM a\nHEALTHCHECK NONE", LAST "none", "true"},
        {"FROM a\nHEALTHCHECK --interval=5m CMD b c || d", LAST "commands",
         "[{name: \"b\", args: [\"c\"], env: {}, op: \"||\"}, "
         "{name: \"d\", args: [], env: {}, op: \"\"}]"},
        {"FROM a\nHEALTHCHECK CMD [\"b\", \"c\"]", LAST "commands",
         "[{name: \"b\", args: [\"c\"], env: {}, op: \"\"}]"},
        {"FROM a\nENTRYPOINT [\"/bin/sh\", \"-c\", \"b; c\"]", LAST "commands.2.name", "\"c\""},
        {"FROM a\nCMD []", LAST "commands", "[]"},
        {"FROM a\nONBUILD RUN b $c", LAST "child.commands",
         "[{name: \"b\", args: [\"$c\"], env: {}, op: \"\"}]"},
        {"FROM a\nONBUILD USER $c", LAST "child.user", "?"},
        {"FROM a\nSHELL [\"/bin/bash\", \"-c\"]\nRUN b", "stages.0.instructions.2.shell",
         "[\"/bin/bash\", \"-c\"]"},
        {"FROM a\nSHELL [\"python3\", \"-c\"]\nRUN b", "stages.0.instructions.2.commands", "?"},
        {"FROM a\nSHELL [\"C:\\\\x\\\\PowerShell.exe\", \"-c\"]\nRUN b c:\\d",
         "stages.0.instructions.2.commands.0.args", "[\"c:\\d\"]"},
        {"# escape=`\nFROM a\nRUN b c:\\d", LAST "commands.0.args", "[\"c:\\d\"]"},
    };
    (void)state;
    check_parts(parts, SCO_ARRAY_LEN(parts));
}

static void heredocs(void **state)
{
    static const struct part parts[] = {
        {"FROM a\nRUN <<EOF\nUSER b\nc && d\nEOF\nUSER e\n", LAST "commands",
         "[{name: \"USER\", args: [\"b\"], env: {}, op: \";\"}, "
         "{name: \"c\", args: [], env: {}, op: \"&&\"}, "
         "{name: \"d\", args: [], env: {}, op: \";\"}]"},
        {"FROM a\nRUN <<EOF\nUSER b\nEOF\nUSER e\n", "stages.0.user", "\"e\""},
        {"FROM a\nRUN <<-EOT\n\t\tb\n\tEOT\nUSER e\n", LAST "heredocs",
         "[{name: \"EOT\", body: \"b\n\", expand: true, strip: true}]"},
        {"FROM a\nRUN <<'EOF'\n$b\nEOF\n", LAST "heredocs",
         "[{name: \"EOF\", body: \"$b\n\", expand: false, strip: false}]"},
        {"FROM a\nRUN <<\"E F\"\nb\nE F\n", LAST "heredocs.0.name", "\"E F\""},
        {"FROM a\nRUN --mount=type=cache,target=/x <<EOF\nb\nEOF\nUSER e\n", LAST "commands",
         "[{name: \"b\", args: [], env: {}, op: \";\"}]"},
        {"FROM a\nCOPY <<A <<-B /c\nRUN x\nA\n\ty\n\tB\nUSER e\n", LAST "heredocs",
         "[{name: \"A\", body: \"RUN x\n\", expand: true, strip: false}, "
         "{name: \"B\", body: \"y\n\", expand: true, strip: true}]"},
        {"FROM a\nCOPY x <<A /c\nA\n", LAST "sources", "[\"x\"]"},
        {"FROM a\nRUN python3 <<EOF\nimport os\nEOF\n", LAST "commands",
         "[{name: \"python3\", args: [], env: {}, op: \";\"}]"},
        {"FROM a\nRUN <<EOF\n#!/usr/bin/env python3\nimport os\nEOF\n", LAST "commands", "[]"},
        {"FROM a\nRUN <<EOF\n#!/usr/bin/env -S bash -e\nb\nEOF\n", LAST "commands.0.name", "\"b\""},
        {"FROM a\nRUN bash <<EOF\nb\nEOF\n", LAST "commands.1.name", "\"b\""},
        {"FROM a\nRUN cat <<EOF > /x\n$(b)\nEOF\n", LAST "commands.1.name", "\"b\""},
        {"FROM a\nRUN echo \"<<X\"\nUSER e\n", "stages.0.user", "\"e\""},
        {"FROM a\nRUN cat << 'EOF'\nUSER e\n", "stages.0.user", "\"e\""},
        {"FROM a\nRUN cat << 'EOF' > /x\nUSER f\nEOF\nUSER e\n", "stages.0.user", "\"e\""},
        {"FROM a\nRUN cat << 'EOF' > /x\nUSER f\nEOF\n", LAST "heredocs",
         "[{name: \"EOF\", body: \"USER f\n\", expand: false, strip: false}]"},
        {"FROM a\nRUN cat << 'EOF' > /x\nUSER f\nEOF\n", LAST "commands",
         "[{name: \"cat\", args: [], env: {}, op: \";\"}]"},
        {"FROM a\nRUN << \tA cat << B\nb\nA\nc\nB\nUSER e\n", "stages.0.user", "\"e\""},
        {"FROM a\nCOPY << EOF x /y\nb\nEOF\n", LAST "sources", "[\"x\"]"},
        {"FROM a\nRUN cat <<- EOF\nUSER e\n", "stages.0.user", "\"e\""},
        {"FROM a\nRUN a '<< b'\nUSER e\n", "stages.0.user", "\"e\""},
        {"FROM a\nRUN cat <<<EOF\nUSER e\n", "stages.0.user", "\"e\""},
        {"FROM a\nRUN [\"x\", \"<<EOF\"]\nUSER e\n", "stages.0.user", "\"e\""},
        {"FROM a\nCMD x <<EOF\nUSER e\n", "stages.0.user", "\"e\""},
        {"FROM a\nRUN 3<<EOF x\ny\nEOF\nUSER e\n", "stages.0.user", "\"e\""},
        {"FROM a\nONBUILD RUN <<EOF\nb\nEOF\nUSER e\n", LAST "child.commands.0.name", "\"b\""},
        {"FROM a\r\nRUN <<EOF\r\nb\r\nEOF\r\nUSER e\r\n", LAST "commands.0.name", "\"b\""},
    };
    (void)state;
    check_parts(parts, SCO_ARRAY_LEN(parts));
}

/* ---- images, variables, stages ---- */
static void images(void **state)
{
    static const struct {
        const char *from, *want;
    } rows[] = {
        {"a", "{reference: \"a\", name: \"a\", repository: \"a\"}"},
        {"a:1", "{reference: \"a:1\", name: \"a\", repository: \"a\", tag: \"1\"}"},
        {"host:5000/a", "{reference: \"host:5000/a\", name: \"host:5000/a\", "
                        "registry: \"host:5000\", repository: \"a\"}"},
        {"gcr.io/a/b:1@sha256:0", "{reference: \"gcr.io/a/b:1@sha256:0\", name: \"gcr.io/a/b\", "
                                  "registry: \"gcr.io\", repository: \"a/b\", tag: \"1\", "
                                  "digest: \"sha256:0\"}"},
        {"library/a", "{reference: \"library/a\", name: \"library/a\", repository: "
                      "\"library/a\"}"},
        {"scratch", "{reference: \"scratch\", scratch: true, name: \"scratch\"}"},
        {"$X", "{reference: ?, name: ?, repository: ?, tag: ?, digest: ?}"},
        {"a:$X", "{reference: ?, name: \"a\", repository: \"a\", tag: ?, digest: ?}"},
        {"a:${X:-2}", "{reference: \"a:2\", name: \"a\", repository: \"a\", tag: \"2\"}"},
        {"a${X:+-$X}", "{reference: \"a\", name: \"a\", repository: \"a\"}"},
        {"$X/a:1", "{reference: ?, name: ?, registry: ?, repository: \"a\", tag: \"1\"}"},
        {"a:${V}-slim", "{reference: \"a:3-slim\", name: \"a\", repository: \"a\", "
                        "tag: \"3-slim\"}"},
        {"a:$TARGETARCH", "{reference: ?, name: \"a\", repository: \"a\", tag: ?, digest: ?}"},
    };
    struct fixture f = {0};
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addf(&b, "ARG X\nARG V=3\nFROM --platform=$BUILDPLATFORM %s AS n\n", rows[i].from);
        assert_part(&f, sco_buf_z(&b), "stages.0.image", rows[i].want);
        assert_shown(&f, at(f.s.docs[0].root, "stages.0.platform"), "platform", "?");
    }
    done(&f);
}

static void variables(void **state)
{
    static const struct part parts[] = {
        {"ARG X=1\nFROM a\nUSER $X", LAST "user", "?"},
        {"ARG X=1\nFROM a\nARG X\nUSER $X", "stages.0.user", "\"1\""},
        {"ARG X=1\nFROM a\nARG X=2\nUSER $X", "stages.0.user", "\"2\""},
        {"FROM a\nARG X\nUSER $X", "stages.0.user", "?"},
        {"FROM a\nARG X\nUSER ${X:-b}", "stages.0.user", "\"b\""},
        {"FROM a\nENV X=1\nARG X=2\nUSER $X", "stages.0.user", "\"1\""},
        {"FROM a\nARG X=2\nENV X=1\nUSER ${X}b", "stages.0.user", "\"1b\""},
        {"FROM a\nENV X=1\nENV X=2 Y=$X\nUSER $X$Y", "stages.0.user", "\"21\""},
        {"FROM a\nENV X=$Y\nUSER $X", "stages.0.user", "?"},
        {"FROM a\nUSER $PATH", "stages.0.user", "?"},
        {"FROM a\nUSER ${PATH:-b}", "stages.0.user", "?"},
        {"FROM a\nUSER ${!x}", "stages.0.user", "?"},
        {"FROM scratch\nWORKDIR /b$X", LAST "path", "\"/b\""},
        {"FROM a\nUSER '$X'", "stages.0.user", "\"$X\""},
        {"FROM a\nUSER \\$X", "stages.0.user", "\"$X\""},
        {"FROM a\nENV X=\nUSER ${X-b}c${X:-d}", "stages.0.user", "\"cd\""},
        {"FROM a\nENV X=a.tar.gz\nUSER ${X%.*}/${X%%.*}/${X#*.}/${X##*.}", "stages.0.user",
         "\"a.tar/a/tar.gz/gz\""},
        {"FROM a\nENV X=a-b-c\nUSER ${X/-/_}/${X//-/_}", "stages.0.user", "\"a_b-c/a_b_c\""},
        {"FROM a\nENV X=1\nRUN b $X", "stages.0.instructions.2.commands.0.args", "[\"$X\"]"},
        {"FROM a AS b\nENV X=1\nARG Y=2\nFROM B\nUSER $X\nWORKDIR $Y", "stages.1.user", "\"1\""},
        {"FROM scratch AS b\nARG Y=2\nFROM b\nWORKDIR /$Y", "stages.1.instructions.1.path",
         "\"/\""},
        {"ARG X=1\nARG Y=$X.2\nFROM a:$Y", "stages.0.image.tag", "\"1.2\""},
        {"ARG X=1\nARG Y\nFROM a", "args", "{X: \"1\", Y: ?}"},
        {"FROM a\nENV X=1\nFROM a\nUSER $X", "stages.1.user", "?"},
    };
    (void)state;
    check_parts(parts, SCO_ARRAY_LEN(parts));
}

static void stages(void **state)
{
    static const char text[] = "ARG V=1\nFROM a:$V AS Base\nUSER x:y\nRUN b\nRUN c\n"
                               "FROM base\nCOPY --from=0 p q\nCOPY --from=base p q\n"
                               "COPY --from=nginx p q\nONBUILD RUN d\nFROM z AS base\n";
    static const struct {
        const char *name, *type;
        const char *selector;
        uint32_t parent;
    } want[] = {
        {"Dockerfile", "Dockerfile", "dockerfile", UINT32_MAX},
        {"ARG[0]", "ARG", "dockerfile:instruction", 0},
        {"stage(Base)", "stage", "dockerfile:stage", 0},
        {"stage(Base).FROM[0]", "FROM", "dockerfile:instruction", 2},
        {"stage(Base).USER[0]", "USER", "dockerfile:instruction", 2},
        {"stage(Base).RUN[0]", "RUN", "dockerfile:instruction", 2},
        {"stage(Base).RUN[1]", "RUN", "dockerfile:instruction", 2},
        {"stage(1)", "stage", "dockerfile:stage", 0},
        {"stage(1).FROM[0]", "FROM", "dockerfile:instruction", 7},
        {"stage(1).COPY[0]", "COPY", "dockerfile:instruction", 7},
        {"stage(1).COPY[1]", "COPY", "dockerfile:instruction", 7},
        {"stage(1).COPY[2]", "COPY", "dockerfile:instruction", 7},
        {"stage(1).ONBUILD[0]", "ONBUILD", "dockerfile:instruction", 7},
        {"stage(2)", "stage", "dockerfile:stage", 0}, /* "base" is taken */
        {"stage(2).FROM[0]", "FROM", "dockerfile:instruction", 13},
    };
    struct fixture f = {0};
    (void)state;
    const struct sco_iac_doc *d = load(&f, text);
    assert_int_equal(d->status, SCO_IAC_PARSED);
    assert_int_equal(d->n_resources, SCO_ARRAY_LEN(want));
    for (size_t i = 0; i < SCO_ARRAY_LEN(want); i++) {
        const struct sco_iac_resource *r = &f.s.resources[i];
        assert_string_equal(r->name, want[i].name);
        assert_string_equal(r->type, want[i].type);
        assert_string_equal(r->selectors[0], want[i].selector);
        assert_int_equal(r->parent, want[i].parent);
    }
    assert_string_equal(f.s.resources[12].selectors[1], "dockerfile:ONBUILD");
    const struct sco_iac_node *root = d->root;
    assert_shown(&f, at(root, "final"), "final", "2");
    assert_shown(&f, at(root, "stages.0.name"), "name", "\"Base\"");
    assert_shown(&f, at(root, "stages.1.name"), "name", "-");
    assert_shown(&f, at(root, "stages.1.image"), "image",
                 "{reference: \"base\", stage: 0, name: \"base\"}");
    assert_shown(&f, at(root, "stages.1.user"), "user", "\"x\"");
    assert_shown(&f, at(root, "stages.1.group"), "group", "\"y\"");
    assert_shown(&f, at(root, "stages.2.user"), "user", "-");
    assert_shown(&f, at(root, "stages.1.instructions.1.from_stage"), "from", "0");
    assert_shown(&f, at(root, "stages.1.instructions.2.from_stage"), "from", "0");
    assert_shown(&f, at(root, "stages.1.instructions.3.from_stage"), "from", "-");
    assert_shown(&f, at(root, "stages.1.instructions.3.from"), "from", "\"nginx\"");
    assert_int_equal(at(root, "instructions")->n, 11);
    SCO_AUTO(sco_buf) struct sco_buf p = {0};
    assert_true(sco_iac_pointer(root, f.s.resources[6].node, &p));
    assert_string_equal(sco_buf_z(&p), "/stages/0/instructions/3");
    done(&f);
}

/* ---- places ---- */
static void assert_place(struct fixture *f, const char *path, const char *bytes, uint32_t line,
                         uint32_t column)
{
    const struct sco_iac_node *v = at(f->s.docs[0].root, path);
    struct sco_str text = f->s.docs[0].text->bytes;
    struct sco_iac_place place;
    assert_non_null(v);
    if (v->end - v->pos != strlen(bytes) || memcmp(text.p + v->pos, bytes, strlen(bytes)) != 0)
        fail_msg("%s: \"%.*s\", not \"%s\"", path, (int)(v->end - v->pos), text.p + v->pos, bytes);
    sco_iac_place(&f->s, v, &place);
    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

static void places(void **state)
{
    struct fixture f = {0};
    (void)state;
    load(&f, "# c\nFROM --platform=x a:1 AS n\n\n  RUN b 'c d' \\\n  # e\n    && f \\\n\n  -g\n"
             "CMD [ \"h\", \\\n \"i j\" ]\nRUN <<E\nk && l\nE\nENV m=\"n o\" \\\n p=q\n"
             "COPY --chown=r:s \\\n t \\\n u\n");
    assert_place(&f, "stages.0.platform", "x", 2, 17);
    assert_place(&f, "stages.0.image", "a:1", 2, 19);
    assert_place(&f, "stages.0.name", "n", 2, 26);
    const char *run = "RUN b 'c d' \\\n  # e\n    && f \\\n\n  -g";
    assert_place(&f, "stages.0.instructions.1", run, 4, 3);
    assert_place(&f, "stages.0.instructions.1.commands.0", "b 'c d'", 4, 7);
    assert_place(&f, "stages.0.instructions.1.commands.0.args.0", "'c d'", 4, 9);
    assert_place(&f, "stages.0.instructions.1.commands.1.name", "f", 6, 8);
    assert_place(&f, "stages.0.instructions.1.commands.1.args.0", "-g", 8, 3);
    assert_place(&f, "stages.0.instructions.2.args.1", "\"i j\"", 10, 2);
    assert_place(&f, "stages.0.instructions.3", "RUN <<E\nk && l\nE", 11, 1);
    assert_place(&f, "stages.0.instructions.3.commands.1", "l", 12, 6);
    assert_place(&f, "stages.0.instructions.3.heredocs.0.body", "k && l\n", 12, 1);
    assert_place(&f, "stages.0.instructions.4.pairs.0.value", "\"n o\"", 14, 7);
    assert_place(&f, "stages.0.instructions.4.pairs.1", "p=q", 15, 2);
    assert_place(&f, "stages.0.instructions.5.flags.chown", "r:s", 16, 14);
    assert_place(&f, "stages.0.instructions.5.dest", "u", 18, 2);
    done(&f);
}

/* ---- limits ---- */
static void limits(void **state)
{
    struct fixture f = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    (void)state;
    /* values that double themselves */
    sco_buf_addz(&b, "FROM a\nENV A=0123456789\n");
    for (int i = 0; i < 40; i++)
        sco_buf_addz(&b, "ENV A=$A$A\n");
    sco_buf_addz(&b, "USER $A\n");
    const struct sco_iac_doc *d = load(&f, sco_buf_z(&b));
    assert_shown(&f, at(d->root, "stages.0.user"), "user", "?");
    assert_true(f.s.arena.used < 4 << 20);
    /* too much in all is said */
    sco_buf_clear(&b);
    sco_buf_addz(&b, "FROM a\nENV A=");
    for (int i = 0; i < 60000; i++)
        sco_buf_addc(&b, 'x');
    for (int i = 0; i < 300; i++)
        sco_buf_addz(&b, "\nLABEL l=$A");
    d = load(&f, sco_buf_z(&b));
    assert_int_equal(d->status, SCO_IAC_PARTIAL);
    assert_non_null(strstr(d->reason, "larger or commands more"));
    /* commands without end */
    sco_buf_clear(&b);
    sco_buf_addz(&b, "FROM a\nRUN ");
    for (int i = 0; i < 50; i++)
        sco_buf_addz(&b, "$(");
    d = load(&f, sco_buf_z(&b));
    assert_int_equal(d->status, SCO_IAC_PARTIAL);
    assert_shown(&f, at(d->root, LAST "commands"), "commands", "?");
    /* stages */
    sco_buf_clear(&b);
    for (int i = 0; i < 1001; i++)
        sco_buf_addz(&b, "FROM a\n");
    d = load(&f, sco_buf_z(&b));
    assert_int_equal(d->status, SCO_IAC_FAILED);
    assert_string_equal(d->reason, "more than 1000 stages");
    done(&f);
}

/* Patterns that backtrack, and nesting, end; what they decide is unknown. */
static void hostile_patterns(void **state)
{
    struct fixture f = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    (void)state;
    sco_buf_addz(&b, "FROM a\nENV A=");
    for (int i = 0; i < 5000; i++)
        sco_buf_addc(&b, 'a');
    sco_buf_addz(&b, "\nUSER ${A#");
    for (int i = 0; i < 30; i++)
        sco_buf_addz(&b, "*a");
    sco_buf_addz(&b, "b}\n");
    const struct sco_iac_doc *d = load(&f, sco_buf_z(&b));
    assert_shown(&f, at(d->root, "stages.0.user"), "user", "?");
    assert_int_equal(d->status, SCO_IAC_PARTIAL);
    sco_buf_clear(&b);
    sco_buf_addz(&b, "FROM a\nUSER ");
    for (int i = 0; i < 10000; i++)
        sco_buf_addz(&b, "${A:-");
    d = load(&f, sco_buf_z(&b));
    assert_shown(&f, at(d->root, "stages.0.user"), "user", "?");
    done(&f);
}

static void out_of_memory(void **state)
{
    static const char text[] =
        "ARG V=1\nFROM a:$V AS b\nENV X=\"${V:-x}\" Y=${X%z}\nRUN --mount=type=cache c && d <<E\n"
        "f\nE\nCOPY --from=0 <<G /h\ni\nG\nEXPOSE 1-2 $X\nUSER $X:y\nSHELL [\"bash\", \"-c\"]\n"
        "HEALTHCHECK CMD j\nONBUILD RUN k\nVOLUME [\"l\"]\nFROM b\nRUM m\nCMD [\"sh\", \"-c\", "
        "\"n\"]\n";
    (void)state;
    for (long n = 0;; n++) {
        struct sco_iac_set s = {0};
        assert_true(n < 10000);
        sco_alloc_fail_at(n);
        int r =
            sco_iac_add_text(&s, sco_str_c(text), "Dockerfile", SCO_IAC_FORMAT_DOCKERFILE, 0, NULL);
        bool over = sco_alloc_fail_at(-1) <= n;
        if (r == 1) { /* over, or tried again: nothing may be missing */
            assert_int_equal(s.docs[0].status, SCO_IAC_PARTIAL);
            assert_int_equal(s.docs[0].n_resources, 17);
        } else {
            assert_true(!over && r == SCO_E_NOMEM);
        }
        sco_iac_set_done(&s);
        if (over)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined_lines),     cmocka_unit_test(failed),
        cmocka_unit_test(partial),          cmocka_unit_test(forms),
        cmocka_unit_test(heredocs),         cmocka_unit_test(images),
        cmocka_unit_test(variables),        cmocka_unit_test(stages),
        cmocka_unit_test(places),           cmocka_unit_test(limits),
        cmocka_unit_test(hostile_patterns), cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
