/* A host for plugins without a worker: the real JSON reader (the XML reader with fake_xml.h),
 * findings kept as deep copies for asserts, everything else recorded. For unit tests of plugins,
 * and fuzzing. */
#pragma once

#include <secureops/json.h>
#include <secureops/sign.h>

struct fake_finding {
    struct sco_report_finding f; /* all pointers are copies in the host's arena */
};

struct fake_host {
    struct sco_host h;
    struct sco_data_api data;
    struct sco_arena arena; /* until the end */
    struct sco_arena tmp;   /* until the next emit */
    struct fake_finding *v; /* NULL when not kept */
    size_t n, cap;
    size_t emitted; /* also counts those not kept */
    bool keep;
    size_t limit;               /* emit answers SCO_E_LIMIT after so many; 0: none */
    struct sco_buf incompletes; /* one reason a line */
    struct sco_buf logs;        /* "level text" a line */
    struct sco_buf tools;       /* "name version" a line */
    struct sco_buf records;     /* "kind json" a line */
    size_t n_incomplete;
    int cancelled;
    int64_t now; /* what the plugin is told; 0: the clock's */
    bool broken; /* the plugin broke the contract: see `fault` */
    char fault[256];

    /* Called instead of running a program or asking a server; NULL: SCO_E_UNSUPPORTED. */
    int (*run)(struct fake_host *fh, const struct sco_command *c, struct sco_command_result *r,
               struct sco_errbuf *e);
    int (*http)(struct fake_host *fh, const struct sco_http_request *q, struct sco_http_response *r,
                struct sco_errbuf *e);
    /* Sees each finding first; its result is emit's. NULL: none. */
    int (*check)(struct fake_host *fh, const struct sco_report_finding *f);
    void *user;

    char error[2048]; /* of the plugin's last call */
    struct sco_errbuf e;
    void *ctx;
    const struct sco_plugin *plugin;
};

struct fake_host *fake_host_new(void);
struct fake_host *fake_host_free(struct fake_host *fh);

/* The context with the options' defaults and then `options` (NULL, or "name", "value", ..., NULL as
 * texts); opens the plugin. 0 or what open said. */
int fake_host_open(struct fake_host *fh, const struct sco_plugin *plugin,
                   const char *const *options);
/* Parses a saved report; root may be NULL. The text of the error is in fh->error. */
int fake_host_parse(struct fake_host *fh, const char *path, const char *root);
/* The same for text, through a temporary file. */
int fake_host_parse_text(struct fake_host *fh, const char *text, size_t n);
/* Score of sniff for a file. */
uint32_t fake_host_sniff(struct fake_host *fh, const char *path);

/* Metadata of finding i, or {NULL, 0}. */
struct sco_str fake_meta(const struct fake_host *fh, size_t i, const char *key);
/* How many findings have this severity. */
size_t fake_count_severity(const struct fake_host *fh, uint32_t severity);
