/* Plugins of CI platforms that must be refused when they are loaded, one per value of SIN; and one
 * whose description ends early, which must not. */
#define BAD_SCANNER_POINTER NULL
#include "bad.h"

static inline int some(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    (void)ctx;
    (void)c;
    return sco_errf(e, SCO_E_UNSUPPORTED, "nothing is done");
}

static inline int verify(void *ctx, const struct sco_delivery *d, struct sco_receipt *ret,
                         struct sco_errbuf *e)
{
    (void)ctx;
    (void)d;
    (void)ret;
    return sco_errf(e, SCO_E_PERMISSION, "nobody is believed");
}

static const struct sco_ci ci __attribute__((unused)) = {
#if defined(SIN_SIZE)
    .struct_size = 2,
#elif defined(SIN_SHORT)
    .struct_size = offsetof(struct sco_ci, status),
#else
    .struct_size = sizeof(struct sco_ci),
#endif
    .title = SIN_NAME,
#if defined(SIN_HALF)
    .verify = verify,
#endif
#if !defined(SIN_NOTHING)
    .trigger = some,
    .poll = some,
#endif
};

#if defined(SIN_NONE)
#define CI NULL
#else
#define CI &ci
#endif

#if defined(SIN_NO_OPEN)
BAD_DESCRIPTOR(SIN_NAME, .kind = SCO_KIND_CI, .scanner = NULL, .ci = CI, .open = NULL)
#else
BAD_DESCRIPTOR(SIN_NAME, .kind = SCO_KIND_CI, .scanner = NULL, .ci = CI)
#endif
