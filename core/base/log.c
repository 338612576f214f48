/* Log lines. One process-wide sink, set up before there are threads; any thread logs: a line is a
 * single write(2), and the limits of the sites have a lock. */
#include <secureops/log.h>
#include <secureops/fs.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { RATE_PER_SECOND = 20, SITES = 64 };

static struct {
    int fd;
    uint32_t level;
    enum sco_log_format format;
} sink = {STDERR_FILENO, SCO_LOG_WARNING, SCO_LOG_TEXT};

/* A site is a format string; two that fall into one slot share its limit. */
static struct {
    const char *fmt;
    int64_t second;
    unsigned seen, dropped;
} sites[SITES];

static const char *const level_names[] = {"none", "error", "warning", "info", "debug"};

void sco_log_setup(int fd, uint32_t level, enum sco_log_format format)
{
    sink.fd = fd;
    sink.level = level > SCO_LOG_DEBUG ? SCO_LOG_DEBUG : level;
    sink.format = format;
}

bool sco_log_enabled(uint32_t level)
{
    return level <= sink.level;
}

uint32_t sco_log_level_parse(struct sco_str s)
{
    for (uint32_t i = 1; i < SCO_ARRAY_LEN(level_names); i++)
        if (sco_str_is_nocase(s, level_names[i]))
            return i;
    return 0;
}

static pthread_mutex_t sites_lock = PTHREAD_MUTEX_INITIALIZER;

static bool count_site(const char *fmt, unsigned *ret_dropped)
{
    unsigned i = (unsigned)(((uintptr_t)fmt >> 3) % SITES);
    int64_t second = sco_mono_ms() / 1000;
    *ret_dropped = 0;
    if (sites[i].fmt != fmt || sites[i].second != second) {
        if (sites[i].fmt == fmt)
            *ret_dropped = sites[i].dropped;
        sites[i].fmt = fmt;
        sites[i].second = second;
        sites[i].seen = sites[i].dropped = 0;
    }
    if (++sites[i].seen <= RATE_PER_SECOND)
        return true;
    sites[i].dropped++;
    return false;
}

static bool rate_allows(const char *fmt, unsigned *ret_dropped)
{
    pthread_mutex_lock(&sites_lock);
    bool r = count_site(fmt, ret_dropped);
    pthread_mutex_unlock(&sites_lock);
    return r;
}

static void add_json_text(struct sco_buf *b, struct sco_str s)
{
    sco_buf_addc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            sco_buf_addc(b, '\\');
        sco_buf_addc(b, s.p[i]);
    }
    sco_buf_addc(b, '"');
}

static void add_value(struct sco_buf *line, const char *text)
{
    SCO_AUTO(sco_buf) struct sco_buf safe = {0};
    sco_buf_add_printable(&safe, sco_str_c(text));
    if (sink.format == SCO_LOG_JSON)
        add_json_text(line, sco_buf_str(&safe));
    else
        sco_buf_add(line, sco_buf_str(&safe));
}

void sco_log_write(uint32_t level, const char *module, const char *const *fields, const char *fmt,
                   ...)
{
    unsigned dropped = 0;
    bool each = level & SCO_LOG_EACH;
    level &= ~(uint32_t)SCO_LOG_EACH;
    if (!sco_log_enabled(level) || (!each && !rate_allows(fmt, &dropped)))
        return;
    SCO_AUTO(sco_buf) struct sco_buf message = {0}, line = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&message, fmt, ap);
    va_end(ap);
    if (dropped)
        sco_buf_addf(&message, " (%u like this left out)", dropped);

    char now[SCO_TIME_LEN];
    sco_time_format(sco_now_ms(), now);
    bool json = sink.format == SCO_LOG_JSON;
    const char *name = level_names[level <= SCO_LOG_DEBUG ? level : SCO_LOG_DEBUG];
    sco_buf_addf(&line,
                 json ? "{\"timestamp\":\"%s\",\"level\":\"%s\",\"module\":\"%s\",\"message\":"
                      : "%s %s %s: ",
                 now, name, module);
    add_value(&line, sco_buf_z(&message));
    for (; fields && fields[0]; fields += 2) {
        sco_buf_addf(&line, json ? ",\"%s\":" : " %s=", fields[0]);
        add_value(&line, fields[1] ? fields[1] : "");
    }
    sco_buf_addz(&line, json ? "}\n" : "\n");
    if (!line.failed && sco_fs_write_all(sink.fd, sco_buf_str(&line)) < 0)
        return; /* nowhere left to say it, ignoring */
}
