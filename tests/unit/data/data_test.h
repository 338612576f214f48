/* Shared by the tests of the finding model. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <secureops/finding.h>

/* A finding with what is required; the rest is zero. */
static inline struct sco_report_finding report(uint32_t type, const char *rule, const char *title)
{
    struct sco_report_finding f = {0};
    f.struct_size = sizeof f;
    f.type = type;
    f.severity = SCO_SEV_MEDIUM;
    f.rule_id = sco_str_c(rule);
    f.title = sco_str_c(title);
    return f;
}

/* Pool, encoder, decoder and set in one piece. */
struct wire {
    struct sco_encoder *e;
    struct sco_decoder *d;
    struct sco_finding_set set;
    struct sco_buf buf;
};

static inline void wire_init(struct wire *w, const struct sco_encoder_options *o)
{
    static const struct sco_encoder_options none = {.tool_name = "tool", .tool_version = "1.0"};
    memset(w, 0, sizeof *w);
    w->set.pool = sco_pool_new();
    w->d = sco_decoder_new(w->set.pool);
    w->e = sco_encoder_new(o ? o : &none);
    assert_non_null(w->e);
    assert_non_null(w->d);
}

static inline void wire_done(struct wire *w)
{
    w->e = sco_encoder_free(w->e);
    w->d = sco_decoder_free(w->d);
    w->set.pool = sco_pool_free(w->set.pool);
    sco_finding_set_done(&w->set);
    sco_buf_done(&w->buf);
}

/* Encodes and decodes one finding; the result stays valid until the next one. */
static inline const struct sco_finding *wire_pass(struct wire *w,
                                                  const struct sco_report_finding *f)
{
    struct sco_error err = {0};
    sco_buf_clear(&w->buf);
    if (sco_encoder_add(w->e, f, &w->buf, &err) < 0)
        fail_msg("encoder: %s", err.text);
    if (sco_decoder_batch(w->d, sco_buf_str(&w->buf), &w->set, &err) < 0)
        fail_msg("decoder: %s in %.*s", err.text, (int)w->buf.n, w->buf.p);
    return &w->set.v[w->set.n - 1];
}
