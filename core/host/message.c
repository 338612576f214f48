/* What the worker says: every message but the findings' own text is built here. Texts come from
 * plugins and scanners: they are made printable, cut, and freed of the job's secrets. */
#include "host_priv.h"

#include <stdlib.h>
#include <unistd.h>

/* A failed send means that the engine is gone: the job is cancelled. */
int host_send(struct sco_worker *w, enum sco_msg type, struct sco_str payload)
{
    if (getpid() != w->thread) /* a plugin forked, and its child came back to us */
        _exit(1);
    if (w->done)
        return SCO_E_CANCELLED;
    w->sending = true;
    int r = sco_frame_send(w->fd, type, payload, NULL);
    w->sending = r < 0; /* perhaps in the middle: nothing more may follow */
    if (r < 0) {
        w->cancelled = true;
        return SCO_E_CANCELLED;
    }
    return 0;
}

int host_send_json(struct sco_worker *w, enum sco_msg type, struct sco_buf *b)
{
    return b->failed ? SCO_E_NOMEM : host_send(w, type, sco_buf_str(b));
}

int host_flush(struct sco_worker *w)
{
    if (!w->batch.n)
        return 0;
    int r = host_send(w, SCO_MSG_FINDINGS, sco_buf_str(&w->batch));
    sco_buf_clear(&w->batch);
    if (r == 0)
        w->sent = w->findings;
    return r;
}

/* ---- texts ---- */

static void add_secret(struct sco_worker *w, struct sco_str s)
{
    if (s.n >= 4 && w->n_secrets < HOST_SECRETS_MAX) /* shorter ones would blot out everything */
        w->secrets[w->n_secrets++] = s;
}

void host_collect_secrets(struct sco_worker *w, const struct sco_node *values)
{
    for (size_t i = 0; i < w->plugin.n_options; i++) {
        const struct sco_option *o = &w->plugin.options[i];
        if (!(o->flags & SCO_OPT_SECRET))
            continue;
        SCO_EACH (v, sco_get(values, o->name))
            add_secret(w, sco_text(v));
    }
}

/* What a scanner found: its own words, in a failure perhaps, must not repeat it. */
void host_note_found(struct sco_worker *w, struct sco_str found)
{
    for (size_t i = 0; i < w->n_secrets; i++)
        if (sco_str_eq(w->secrets[i], found))
            return;
    if (found.n >= 6 && w->n_secrets < HOST_SECRETS_MAX)
        add_secret(w, sco_arena_str(&w->arena, found));
}

static void add_without_secrets(const struct sco_worker *w, struct sco_buf *b, struct sco_str s)
{
    for (size_t at = 0; at < s.n;) {
        size_t hit = 0;
        for (size_t i = 0; i < w->n_secrets && !hit; i++) {
            struct sco_str k = w->secrets[i];
            if (k.n <= s.n - at && memcmp(s.p + at, k.p, k.n) == 0)
                hit = k.n;
        }
        if (hit)
            sco_buf_addz(b, "***");
        else
            sco_buf_addc(b, s.p[at]);
        at += hit ? hit : 1;
    }
}

void host_add_clean(const struct sco_worker *w, struct sco_buf *b, struct sco_str text, size_t max)
{
    SCO_AUTO(sco_buf) struct sco_buf safe = {0};
    text = sco_str_trim(text);
    if (text.n > 16 * max) /* far more than will be shown */
        text.n = 16 * max;
    if (w->n_secrets) {
        add_without_secrets(w, &safe, text);
        text = sco_buf_str(&safe);
    }
    bool cut = text.n > max;
    if (cut) {
        text.n = max;
        while (text.n && (text.p[text.n] & 0xC0) == 0x80) /* not inside a character */
            text.n--;
    }
    sco_buf_add_printable(b, text);
    if (cut)
        sco_buf_addz(b, "...");
}

/* ---- messages ---- */

void host_loading(struct sco_worker *w, const char *path)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "path", path);
    sco_json_end(&o, '}');
    host_send_json(w, SCO_MSG_LOADING, &b);
}

static void send_log(struct sco_worker *w, uint32_t level, struct sco_str text)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, clean = {0};
    struct sco_json_out o = {.b = &b};
    host_add_clean(w, &clean, text, HOST_TEXT_LEN);
    if (w->log_dropped)
        sco_buf_addf(&clean, " (%u lines left out before)", w->log_dropped);
    w->log_dropped = 0;
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "level",
                  level >= SCO_LOG_ERROR && level <= SCO_LOG_DEBUG ? level : SCO_LOG_INFO);
    sco_json_kstr(&o, "text", sco_buf_str(&clean));
    sco_json_end(&o, '}');
    host_send_json(w, SCO_MSG_LOG, &b);
}

void host_log_str(struct sco_worker *w, uint32_t level, struct sco_str text)
{
    int64_t second = sco_mono_ms() / 1000;
    if (w->log_second != second) {
        w->log_second = second;
        w->log_seen = 0;
    }
    if (w->log_seen++ < HOST_LOG_PER_SECOND)
        send_log(w, level, text);
    else
        w->log_dropped++;
}

void host_log(struct sco_worker *w, uint32_t level, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&text, fmt, ap);
    va_end(ap);
    host_log_str(w, level, sco_buf_str(&text));
}

static bool is_known_reason(const struct sco_worker *w, struct sco_str reason)
{
    struct sco_str all = sco_buf_str(&w->reasons);
    return reason.n && all.n && memmem(all.p, all.n, reason.p, reason.n);
}

void host_incomplete_str(struct sco_worker *w, struct sco_str reason)
{
    SCO_AUTO(sco_buf) struct sco_buf clean = {0}, b = {0};
    struct sco_json_out o = {.b = &b};
    host_add_clean(w, &clean, reason, HOST_REASON_LEN);
    if (!clean.n)
        sco_buf_addz(&clean, "the plugin gave no reason");
    if (is_known_reason(w, sco_buf_str(&clean)) || w->n_reasons++ >= HOST_REASONS_MAX)
        return;
    if (w->reasons.n)
        sco_buf_addz(&w->reasons, "; ");
    sco_buf_add(&w->reasons, sco_buf_str(&clean));
    if (w->calling) /* it goes with the answer */
        return;
    sco_json_begin(&o, '{');
    sco_json_kstr(&o, "reason", sco_buf_str(&clean));
    sco_json_end(&o, '}');
    host_send_json(w, SCO_MSG_INCOMPLETE, &b);
}

void host_incomplete(struct sco_worker *w, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&text, fmt, ap);
    va_end(ap);
    host_incomplete_str(w, sco_buf_str(&text));
}

void host_send_tool(struct sco_worker *w, const char *name, const char *version)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "name", name);
    sco_json_kz(&o, "version", version);
    sco_json_end(&o, '}');
    host_send_json(w, SCO_MSG_TOOL, &b);
}

static void key_or_null(struct sco_json_out *o, const char *key, const char *z)
{
    sco_json_key(o, key);
    if (z)
        sco_json_str(o, sco_str_c(z));
    else
        sco_json_null(o);
}

void host_done(struct sco_worker *w, const char *status, int code, const char *reason)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, clean = {0};
    struct sco_json_out o = {.b = &b};
    if (w->done)
        return;
    if (w->log_dropped) /* the count of what was left out must not be lost itself */
        send_log(w, SCO_LOG_WARNING, SCO_STR("the plugin logged more than is shown"));
    if (reason)
        host_add_clean(w, &clean, sco_str_c(reason), HOST_TEXT_LEN);
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "status", status);
    key_or_null(&o, "reason", clean.n ? sco_buf_z(&clean) : NULL);
    sco_json_ki64(&o, "code", code);
    sco_json_ki64(&o, "findings", (int64_t)w->findings);
    sco_json_ki64(&o, "records", (int64_t)w->records);
    sco_json_key(&o, "exit_code");
    if (w->exit_code >= 0)
        sco_json_i64(&o, w->exit_code);
    else
        sco_json_null(&o);
    key_or_null(&o, "version", w->version);
    sco_json_end(&o, '}');
    host_send_json(w, SCO_MSG_DONE, &b);
    w->done = true;
}
