/* secureops audit verify [SEQ:HASH] | list: the audit log of a store, read past the daemon. */
#include "cli_priv.h"

#include <secureops/crypto.h>
#include <secureops/store_accounts.h>

/* ---- verify ---- */
/* "1234:9f86d0...", as an earlier verification has printed it. */
static int parse_note(const char *text, int64_t *ret_seq, struct sco_str *ret_hash,
                      struct sco_error *err)
{
    struct sco_str rest = sco_str_c(text), seq;
    if (sco_str_split(&rest, ':', &seq) && sco_parse_i64(seq, 1, INT64_MAX - 1, ret_seq) == 0 &&
        rest.n == 64) {
        *ret_hash = rest;
        return 0;
    }
    return sco_error_set(err, SCO_E_INVALID,
                         "\"%s\": expected what \"secureops audit verify\" has printed before, "
                         "NUMBER:HASH",
                         text);
}

/* A chain that was written anew is whole, but does not have the row that was noted. */
static int check_note(struct sco_store *s, int64_t seq, struct sco_str hash, struct sco_error *err)
{
    struct sco_audit_page page = {0};
    char cursor[24], hex[65] = "";
    snprintf(cursor, sizeof cursor, "%lld", (long long)seq + 1);
    struct sco_audit_filter f = {.cursor = cursor, .limit = 1};
    int r = sco_store_audit(s, &f, &page, err);
    if (r == 0 && page.n && page.v[0].seq == seq)
        sco_hex(page.v[0].hash, sizeof page.v[0].hash, hex);
    sco_audit_page_done(&page);
    if (r == 0 && !sco_str_is(hash, hex))
        r = sco_error_set(err, SCO_E_FORMAT,
                          "%s: row %lld of the audit log is %s: the chain is not the one that was "
                          "noted",
                          sco_store_where(s), (long long)seq,
                          hex[0] ? "another one" : "not there (any more)");
    return r;
}

static int verify(struct cli *c, struct sco_store *s, struct sco_error *err)
{
    struct sco_str hash = {0};
    int64_t noted = 0, seq = 0, first = 0;
    uint64_t rows = 0;
    uint8_t head[32];
    char hex[65];
    int r = c->n_operands > 1 ? parse_note(c->operands[1], &noted, &hash, err) : 0;
    if (r == 0)
        r = sco_store_audit_verify(s, &rows, err);
    if (r == 0 && noted)
        r = check_note(s, noted, hash, err);
    if (r == 0)
        r = sco_store_audit_head(s, &seq, head, &first, err);
    if (r < 0)
        return r;
    sco_hex(head, sizeof head, hex);
    printf("%s: the audit log is whole, %llu rows\n", sco_store_where(s), (unsigned long long)rows);
    if (seq)
        printf("%lld:%s\n", (long long)seq, hex);
    return 0;
}

/* ---- list ---- */
static void entry_json(struct sco_json_out *o, const struct sco_audit_entry *e)
{
    char at[SCO_TIME_LEN], hash[65];
    sco_time_format(e->at, at);
    sco_hex(e->hash, sizeof e->hash, hash);
    sco_json_begin(o, '{');
    sco_json_ki64(o, "seq", e->seq);
    sco_json_kz(o, "at", at);
    sco_json_kz(o, "actor", e->actor);
    sco_json_kz(o, "action", e->action);
    sco_json_kz(o, "object", e->object);
    sco_json_kz(o, "outcome", e->outcome);
    sco_json_kz(o, "correlation_id", e->correlation_id);
    sco_json_kz(o, "address", e->address);
    if (e->details) {
        sco_json_key(o, "details");
        sco_json_raw(o, sco_str_c(e->details));
    }
    sco_json_kz(o, "hash", hash);
    sco_json_end(o, '}');
}

static void entry_line(struct sco_buf *b, const struct sco_audit_entry *e)
{
    const char *const cells[] = {e->actor, e->action, e->object, e->outcome, e->address};
    char at[SCO_TIME_LEN];
    sco_time_format(e->at, at);
    sco_buf_addf(b, "%8lld  %s", (long long)e->seq, at);
    for (size_t i = 0; i < SCO_ARRAY_LEN(cells); i++) {
        sco_buf_addz(b, "  ");
        sco_buf_add_printable(b, sco_str_c(cells[i] ? cells[i] : "-"));
    }
    sco_buf_addc(b, '\n');
}

static int list(struct cli *c, struct sco_store *s, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b, .pretty = true};
    struct sco_audit_page page = {0};
    bool json = false;
    struct sco_audit_filter f = {.actor = c->values[ARG_ACTOR],
                                 .action = c->values[ARG_ACTION],
                                 .object = c->values[ARG_OBJECT],
                                 .cursor = c->values[ARG_CURSOR]};
    int r = args_want_json(c, &json, err);
    if (r == 0)
        r = context_limit(c, &f.limit, err);
    if (r == 0)
        r = sco_store_audit(s, &f, &page, err);
    if (r < 0)
        return r;
    if (json) {
        sco_json_begin(&o, '{');
        sco_json_key(&o, "entries");
        sco_json_begin(&o, '[');
    }
    for (size_t i = 0; i < page.n; i++)
        if (json)
            entry_json(&o, &page.v[i]);
        else
            entry_line(&b, &page.v[i]);
    if (json) {
        sco_json_end(&o, ']');
        sco_json_kz(&o, "cursor", page.cursor);
        sco_json_end(&o, '}');
        sco_buf_addc(&b, '\n');
    } else if (page.cursor) {
        sco_buf_addf(&b, "more: --cursor %s\n", page.cursor);
    }
    sco_audit_page_done(&page);
    r = sco_buf_check(&b, err);
    if (r == 0)
        fwrite(b.p ? b.p : "", 1, b.n, stdout);
    return r;
}

int cmd_audit(struct cli *c)
{
    struct sco_error err = {0};
    struct sco_store *s = NULL;
    const char *what = c->n_operands ? c->operands[0] : "";
    bool is_verify = strcmp(what, "verify") == 0;
    int r = 0;
    if ((!is_verify && strcmp(what, "list") != 0) || c->n_operands > (is_verify ? 2 : 1))
        r = sco_error_set(&err, SCO_E_INVALID,
                          "\"secureops audit\" wants list, or verify [NUMBER:HASH]");
    if (r == 0)
        r = context_open_store(c, false, false, &s, &err);
    if (r == 0)
        r = is_verify ? verify(c, s, &err) : list(c, s, &err);
    sco_store_close(s);
    if (r == SCO_E_FORMAT && is_verify) {
        context_fail(&err);
        return EXIT_GATE;
    }
    return r < 0 ? context_fail(&err) : EXIT_PASSED;
}
