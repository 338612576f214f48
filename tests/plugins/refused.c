/* Plugins that must be refused when they are loaded: one per value of SIN. */
#include "bad.h"

static inline int run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    (void)job;
    (void)e;
    return bad_emit(ctx, "RAN", 1);
}

#if defined(SIN_NO_RUN)
BAD_SCANNER(NULL, NULL, NULL);
#else
BAD_SCANNER(run, NULL, NULL);
#endif

#define ROW(name_, type_, ...)                                                                     \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct bad_ctx, count), .doc = "A test.", \
        __VA_ARGS__                                                                                \
    }
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

#if defined(SIN_MAGIC)
BAD_DESCRIPTOR("bad-magic", .magic = 0x12345678u)
#elif defined(SIN_MAJOR)
BAD_DESCRIPTOR("bad-major", .abi_major = SCO_ABI_MAJOR + 1)
#elif defined(SIN_MINOR)
BAD_DESCRIPTOR("future-minor", .abi_minor = SCO_ABI_MINOR + 1)
#elif defined(SIN_SIZE)
BAD_DESCRIPTOR("tiny-struct", .struct_size = 4)
#elif defined(SIN_KIND)
BAD_DESCRIPTOR("bad-kind", .kind = 77)
#elif defined(SIN_NULL_NAME)
BAD_DESCRIPTOR(NULL)
#elif defined(SIN_BAD_NAME)
BAD_DESCRIPTOR("Bad Name!")
#elif defined(SIN_NO_SCANNER)
BAD_DESCRIPTOR("no-scanner", .scanner = NULL)
#elif defined(SIN_NO_RUN)
BAD_DESCRIPTOR("no-run")
#elif defined(SIN_OPTION_OFFSET)
static const struct sco_option options[] = {ROW("count", SCO_OPT_STR), END};
BAD_DESCRIPTOR("bad-offset", .options = options)
#elif defined(SIN_OPTION_DEFAULT)
static const struct sco_option options[] = {ROW("count", SCO_OPT_INT, .def = "12x"), END};
BAD_DESCRIPTOR("bad-default", .options = options)
#elif defined(SIN_OPTION_TYPE)
static const struct sco_option options[] = {ROW("count", 99), END};
BAD_DESCRIPTOR("bad-option-type", .options = options)
#elif defined(SIN_OPTION_TWICE)
static const struct sco_option options[] = {ROW("count", SCO_OPT_INT), ROW("count", SCO_OPT_INT),
                                            END};
BAD_DESCRIPTOR("option-twice", .options = options)
#elif defined(SIN_CTX_SIZE)
BAD_DESCRIPTOR("huge-context", .ctx_size = 0x7fffffff)
#endif

#if defined(SIN_NULL_PLUGIN)
const struct sco_plugin *sco_plugin_v1(void)
{
    (void)scanner;
    return NULL;
}
#elif defined(SIN_NO_SYMBOL)
SCO_EXPORT int sco_plugin_v0(void);
int sco_plugin_v0(void)
{
    return scanner.struct_size != 0;
}
#endif
