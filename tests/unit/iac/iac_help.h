/* For the tests of core/iac: texts into a set, and short ways to say what is expected. */
#pragma once

#include <secureops/iac.h>

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

struct fixture {
    struct sco_iac_set set;
    struct sco_error err;
    int r; /* of the last add */
};

static inline void add_as(struct fixture *f, const char *name, struct sco_str text,
                          enum sco_iac_format format, uint32_t flags)
{
    f->err = (struct sco_error){0};
    f->r = sco_iac_add_text(&f->set, text, name, format, flags, &f->err);
}

static inline void add(struct fixture *f, const char *name, const char *text)
{
    add_as(f, name, sco_str_c(text), SCO_IAC_FORMAT_NONE, 0);
}

static inline void done(struct fixture *f)
{
    sco_iac_set_done(&f->set);
}

/* Starts over with one text. */
static inline void only(struct fixture *f, const char *name, const char *text)
{
    done(f);
    add(f, name, text);
}

static inline const struct sco_iac_doc *doc(const struct fixture *f, size_t i)
{
    assert_true(i < f->set.n_docs);
    return &f->set.docs[i];
}

static inline void assert_doc(const struct fixture *f, size_t i, enum sco_iac_format format,
                              enum sco_iac_status status)
{
    if (doc(f, i)->status != status)
        print_error("reason: %s\n", doc(f, i)->reason ? doc(f, i)->reason : "none");
    assert_string_equal(sco_iac_format_name(doc(f, i)->format), sco_iac_format_name(format));
    assert_string_equal(sco_iac_status_name(doc(f, i)->status), sco_iac_status_name(status));
}

static inline void assert_reason(const struct fixture *f, size_t i, const char *part)
{
    assert_non_null(doc(f, i)->reason);
    if (!strstr(doc(f, i)->reason, part))
        fail_msg("\"%s\" is not in \"%s\"", part, doc(f, i)->reason);
}

/* Names of all resources with blanks between. */
static inline void assert_resources(const struct fixture *f, const char *expected)
{
    SCO_AUTO(sco_buf) struct sco_buf names = {0};
    for (size_t i = 0; i < f->set.n_resources; i++) {
        sco_buf_addz(&names, i ? " " : "");
        sco_buf_addz(&names, f->set.resources[i].name);
    }
    assert_string_equal(sco_buf_z(&names), expected);
}

static inline const struct sco_iac_resource *resource(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->set.n_resources; i++)
        if (strcmp(f->set.resources[i].name, name) == 0)
            return &f->set.resources[i];
    fail_msg("no resource %s", name);
    return NULL;
}

static inline bool selected(const struct sco_iac_resource *r, const char *selector)
{
    for (size_t i = 0; r->selectors[i]; i++)
        if (strcmp(r->selectors[i], selector) == 0)
            return true;
    return false;
}

/* A node as text: "null" "true" "12" "0.5" "\"x\"" "unknown" "[1, 2]" "{a: 1}". */
static inline void show(const struct sco_iac_node *v, struct sco_buf *b)
{
    if (!v) {
        sco_buf_addz(b, "absent");
        return;
    }
    bool map = v->type == SCO_IAC_MAP;
    switch (v->type) {
    case SCO_IAC_BOOL:
        sco_buf_addz(b, v->i ? "true" : "false");
        break;
    case SCO_IAC_INT:
        sco_buf_add_i64(b, v->i);
        break;
    case SCO_IAC_REAL:
        sco_buf_addf(b, "%g.", v->real);
        break;
    case SCO_IAC_STR:
        sco_buf_addf(b, v->flags & SCO_IAC_DIGITS ? "#%s" : "\"%s\"", v->text);
        break;
    case SCO_IAC_LIST:
    case SCO_IAC_MAP:
        sco_buf_addc(b, map ? '{' : '[');
        for (uint32_t i = 0; i < v->n; i++) {
            sco_buf_addz(b, i ? ", " : "");
            if (map)
                sco_buf_addf(b, "%s: ", v->member[i].key);
            show(map ? &v->member[i].value : &v->item[i], b);
        }
        sco_buf_addc(b, map ? '}' : ']');
        break;
    default:
        sco_buf_addz(b, sco_iac_type_name(v->type));
    }
}

static inline void assert_shows(const struct sco_iac_node *v, const char *expected)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    show(v, &b);
    assert_string_equal(sco_buf_z(&b), expected);
}

/* "line:column-line:column" of a node. */
static inline void assert_place(const struct fixture *f, const struct sco_iac_node *v,
                                const char *expected)
{
    struct sco_iac_place p;
    char text[80];
    assert_non_null(v);
    sco_iac_place(&f->set, v, &p);
    snprintf(text, sizeof text, "%u:%u-%u:%u", p.line, p.column, p.end_line, p.end_column);
    assert_string_equal(text, expected);
}
