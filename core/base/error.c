/* Error texts. See error.h. */
#include <secureops/base.h>

#include <errno.h>
#include <stdlib.h>

static void put_text(struct sco_error *err, const char *prefix, const char *fmt, va_list ap)
{
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    size_t used = n < 0 ? 0 : (size_t)n;
    if (prefix && used < sizeof err->text) {
        n = snprintf(err->text + used, sizeof err->text - used, ": %s", prefix);
        used += n < 0 ? 0 : (size_t)n;
    }
    if (used >= sizeof err->text)
        memcpy(err->text + sizeof err->text - 4, "...", 4);
}

int sco_error_set(struct sco_error *err, int code, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        err->code = code;
        put_text(err, NULL, fmt, ap);
        va_end(ap);
    }
    return code;
}

int sco_error_errno(struct sco_error *err, int e, const char *fmt, ...)
{
    int code = e == ENOENT || e == ENOTDIR               ? SCO_E_NOT_FOUND
               : e == EACCES || e == EPERM || e == EROFS ? SCO_E_PERMISSION
               : e == ENOMEM                             ? SCO_E_NOMEM
                                                         : SCO_E_IO;
    if (err) {
        char reason[128];
        va_list ap;
        va_start(ap, fmt);
        err->code = code;
        put_text(err, strerror_r(e, reason, sizeof reason), fmt, ap);
        va_end(ap);
    }
    return code;
}

int sco_error_prefix(struct sco_error *err, const char *fmt, ...)
{
    if (!err)
        return SCO_E_INTERNAL;
    char old[sizeof err->text];
    memcpy(old, err->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    put_text(err, old, fmt, ap);
    va_end(ap);
    return err->code;
}

int sco_error_nomem(struct sco_error *err)
{
    return sco_error_set(err, SCO_E_NOMEM, "out of memory");
}

const char *sco_error_name(int code)
{
    static const char *const names[] = {
        "ok",      "no-memory", "invalid",    "io",  "limit", "parse",   "format",      "not-found",
        "timeout", "cancelled", "permission", "abi", "tool",  "network", "unsupported", "internal",
    };
    int i = -code;
    return i >= 0 && i < (int)SCO_ARRAY_LEN(names) ? names[i] : "unknown";
}

int sco_error_to_errbuf(const struct sco_error *err, int code, struct sco_errbuf *e)
{
    return sco_errf(e, code, "%s", err && err->text[0] ? err->text : sco_error_name(code));
}

void sco_bug_(const char *file, int line, const char *what)
{
    fprintf(stderr, "secureops: bug: %s:%d: %s\n", file, line, what);
    abort();
}
