/* A bundle in a temporary folder, a document, and the verdicts as one text a line:
 * "fail policy resource file:line pointer: message". */
#pragma once

#include <secureops/policy.h>
#include <secureops/fs.h>

#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

struct bundle {
    char *dir;
    struct sco_policies_options opt;
    const char *bundles[2];
    struct sco_policies *p;
    struct sco_buf out;
    struct sco_error err;
};

static inline void bundle_init(struct bundle *b)
{
    *b = (struct bundle){0};
    assert_int_equal(sco_fs_mkdtemp(NULL, "policy", &b->dir, &b->err), 0);
    b->bundles[0] = b->dir;
    b->opt.bundles = b->bundles;
}

static inline void bundle_file(struct bundle *b, const char *name, const char *text)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/%s", b->dir, name);
    char *slash = strrchr(path.p, '/');
    *slash = 0;
    assert_int_equal(sco_fs_mkdirs(path.p, 0755, &b->err), 0);
    *slash = '/';
    assert_int_equal(sco_fs_write(sco_buf_z(&path), sco_str_c(text), 0644, &b->err), 0);
}

static inline void bundle_done(struct bundle *b)
{
    b->p = sco_policies_free(b->p);
    sco_buf_done(&b->out);
    assert_int_equal(sco_fs_remove_tree(b->dir), 0);
    free(b->dir);
}

static inline void bundle_load(struct bundle *b)
{
    b->p = sco_policies_free(b->p);
    int r = sco_policies_load(&b->opt, &b->p, &b->err);
    if (r < 0)
        print_error("%s\n", b->err.text);
    assert_int_equal(r, 0);
}

/* A policy "t" of kubernetes:Pod whose check has this body. */
static inline void bundle_check(struct bundle *b, const char *body)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    sco_buf_addf(&text,
                 "return { id = 't', title = 't', severity = 'HIGH', applies_to = 'kubernetes', "
                 "remediation = 'r', scope = 'project', check = function(r, params)\n%s\nend }\n",
                 body);
    bundle_file(b, "t.lua", sco_buf_z(&text));
    bundle_load(b);
    size_t n;
    const struct sco_policy_problem *problems = sco_policies_problems(b->p, &n);
    for (size_t i = 0; i < n; i++)
        print_error("%s\n", problems[i].message);
    assert_int_equal(n, 0);
}

static inline int bundle_add(void *user, const struct sco_verdict *v)
{
    struct bundle *b = user;
    sco_buf_addf(&b->out, "%s %s %s %s:%u %s: %s", sco_verdict_name(v->kind), v->policy->id,
                 v->resource->name, v->place.file_path, v->place.line, v->pointer, v->message);
    if (v->kind == SCO_VERDICT_SKIP)
        sco_buf_addf(&b->out, " [%s%s%s]", v->reason ? v->reason : "", v->expires ? " until " : "",
                     v->expires ? v->expires : "");
    if (v->fix)
        sco_buf_addf(&b->out, " <%u-%u:%s>", v->fix->pos, v->fix->end, v->fix->text);
    sco_buf_addc(&b->out, '\n');
    return 0;
}

/* The verdicts over one text. */
static inline const char *bundle_eval(struct bundle *b, const char *name, const char *text)
{
    struct sco_iac_set docs = {0};
    int r = sco_iac_add_text(&docs, sco_str_c(text), name, SCO_IAC_FORMAT_NONE, SCO_IAC_EXPLICIT,
                             &b->err);
    if (r < 0)
        print_error("%s\n", b->err.text);
    assert_true(r >= 0);
    for (size_t i = 0; i < docs.n_docs; i++)
        if (docs.docs[i].reason)
            print_error("%s\n", docs.docs[i].reason);
    sco_buf_clear(&b->out);
    r = sco_policies_eval(b->p, &docs, bundle_add, b, &b->err);
    sco_iac_set_done(&docs);
    assert_int_equal(r, 0);
    return sco_buf_z(&b->out);
}

#define POD                                                                                        \
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels: {app: x}\nspec:\n"               \
    "  containers:\n  - name: a\n    image: nginx\n    securityContext:\n"                         \
    "      privileged: true\n    ports:\n    - containerPort: 80\n      hostPort: 80\n"            \
    "  - name: b\n    image: busybox:1\n"
