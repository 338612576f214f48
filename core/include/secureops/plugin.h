/* SecureOps plugin ABI, version 1.2. The only header that a plugin needs: C99, also valid C++.
 *
 * A plugin is a shared object that exports one function, sco_plugin_v1(), which returns a constant
 * struct sco_plugin. The host reads `magic`, `struct_size`, `abi_major` and `abi_minor` first and
 * touches nothing else when one of them does not fit. All structs are append-only: a field is
 * never moved, widened or reused. A struct that one side fills and the other reads starts with its
 * size; the reader takes the smaller of the two sizes and sees zero in what is missing.
 *
 * A plugin runs in a worker process of its own, one job per process (a CI plugin: one integration
 * per process, one call after the other): calls are synchronous, on one thread, and may block. A
 * plugin may crash: only its job fails.
 *
 * Ownership: every pointer that crosses the border is borrowed. What the host hands to the plugin
 * is valid until the call returns, unless stated otherwise; what the plugin hands to the host is
 * copied before the host function returns. Nothing is freed on the other side.
 *
 * Text is UTF-8. Lines and columns are 1-based, 0 means unknown. Times are milliseconds.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCO_PLUGIN_MAGIC 0x50434F53u /* "SOCP" in memory on a little-endian machine */
#define SCO_ABI_MAJOR 1u
#define SCO_ABI_MINOR 2u
#define SCO_PLUGIN_SYMBOL "sco_plugin_v1"

#if defined(__GNUC__)
#define SCO_EXPORT __attribute__((visibility("default")))
#define SCO_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define SCO_EXPORT
#define SCO_PRINTF(fmt, args)
#endif

/* ---- results ----
 * 0 is success, a negative value one of this closed list, a positive value an outcome that the
 * function documents. */
#define SCO_E_NOMEM (-1)
#define SCO_E_INVALID (-2)     /* wrong argument, option or configuration */
#define SCO_E_IO (-3)          /* the operating system said no */
#define SCO_E_LIMIT (-4)       /* larger, deeper or more than a named limit */
#define SCO_E_PARSE (-5)       /* malformed: not JSON, not XML, cut short */
#define SCO_E_FORMAT (-6)      /* well-formed, but not what it should be */
#define SCO_E_NOT_FOUND (-7)   /* no such file, program, plugin, key */
#define SCO_E_TIMEOUT (-8)     /* a deadline passed */
#define SCO_E_CANCELLED (-9)   /* the user or the engine asked to stop */
#define SCO_E_PERMISSION (-10) /* refused: owner, mode, path outside its folder */
#define SCO_E_ABI (-11)        /* plugin and host do not fit */
#define SCO_E_TOOL (-12)       /* the scanner's program failed */
#define SCO_E_NETWORK (-13)    /* connection, TLS, HTTP status */
#define SCO_E_UNSUPPORTED (-14)
#define SCO_E_INTERNAL (-15) /* a bug */

/* What sco_scanner.run and .parse may return beside 0 (complete) and a negative error (failed;
 * the findings emitted so far are kept and the job is shown as failed). */
#define SCO_RUN_INCOMPLETE 1 /* part of the work was not done; say what in the error text */
#define SCO_RUN_SKIPPED 2    /* there was nothing for this scanner to do; say why */

/* ---- strings ---- */

/* A view: n bytes at p, not NUL-terminated. {NULL, 0} is "absent". */
struct sco_str {
    const char *p;
    size_t n;
};

struct sco_str_list {
    const struct sco_str *v;
    size_t n;
};

/* Text of an error, filled by the plugin with sco_errf(). The buffer is the host's. */
struct sco_errbuf {
    uint32_t struct_size;
    uint32_t cap; /* bytes at text, at least 1024 */
    char *text;   /* NUL-terminated */
};

/* ---- documents ----
 * Reports are read as a stream. A value is handed out as a small tree of nodes; the big lists in
 * it can be left out ("deferred") and walked item by item afterwards, in constant memory. */
#define SCO_NODE_NULL 0u
#define SCO_NODE_BOOL 1u
#define SCO_NODE_INT 2u  /* fits int64_t */
#define SCO_NODE_REAL 3u /* any other number; `text` has the digits as written */
#define SCO_NODE_STR 4u
#define SCO_NODE_LIST 5u
#define SCO_NODE_MAP 6u
#define SCO_NODE_DEFERRED 7u /* a list or map left in the file: walk it with iter_open() */

struct sco_node {
    uint32_t type;
    uint32_t n;          /* LIST, MAP: number of children; DEFERRED: 1 for a map, 0 for a list */
    struct sco_str key;  /* member name when the parent is a MAP */
    struct sco_str text; /* STR: the value; INT, REAL: the digits; BOOL: true or false */
    int64_t i;           /* INT, BOOL: the value; DEFERRED: private */
    const struct sco_node *child; /* LIST, MAP: first child */
    const struct sco_node *next;  /* next sibling */
};

struct sco_reader; /* an open document */
struct sco_iter;   /* a walk over a list or map */
struct sco_host;

/* XML: an element is a MAP; attributes are members "@name", text is the member "#text", child
 * elements are members under their local name (namespace dropped), repeated when they repeat.
 * Called for each record element, when it ends. `ancestors` are the open elements above it, the
 * outermost first, with their attributes and the simple children that ended before. 0 goes on,
 * anything else stops and becomes the result of read_xml. */
typedef int (*sco_xml_record_fn)(void *user, const struct sco_node *const *ancestors,
                                 size_t n_ancestors, const struct sco_node *record);

struct sco_data_api {
    uint32_t struct_size;

    /* Opens a JSON document. 0, or SCO_E_NOT_FOUND, SCO_E_IO with the reason in e. */
    int (*open)(const struct sco_host *h, const char *path, struct sco_reader **ret,
                struct sco_errbuf *e);
    /* The same for text in memory, which must stay until close. */
    int (*open_mem)(const struct sco_host *h, struct sco_str text, struct sco_reader **ret,
                    struct sco_errbuf *e);
    void (*close)(struct sco_reader *r); /* NULL is fine */

    /* Reads the next top-level value: 1 and *ret, or 0 at the end of the file (an empty file has
     * no value), or an error. Members whose name is in the NULL-terminated list `deferred` (NULL:
     * none), at any depth of the value, are left in the file when they are lists or maps. "[]" in
     * the list stands for a top-level list. The tree lives until the next read or close. After the
     * value, only white space may follow unless read is called again (JSON Lines, concatenated
     * JSON). SCO_E_PARSE names byte offset and JSON path; SCO_E_LIMIT the limit. */
    int (*read)(struct sco_reader *r, const char *const *deferred, const struct sco_node **ret,
                struct sco_errbuf *e);

    /* Walks a LIST, MAP or DEFERRED node; NULL and anything else is an empty walk. Each item is
     * read when asked for; it lives until the next call on the same walk. Several walks may be
     * open, nested or not. iter_next: 1 and *ret, 0 at the end, or an error. */
    int (*iter_open)(struct sco_reader *r, const struct sco_node *node, struct sco_iter **ret,
                     struct sco_errbuf *e);
    int (*iter_next)(struct sco_iter *it, const char *const *deferred, const struct sco_node **ret,
                     struct sco_errbuf *e);
    void (*iter_close)(struct sco_iter *it);

    /* Streams an XML document; see sco_xml_record_fn. No entities beyond the five of XML, no
     * network, no DTD. `records` is a NULL-terminated list of local names. */
    int (*read_xml)(const struct sco_host *h, const char *path, const char *const *records,
                    sco_xml_record_fn fn, void *user, struct sco_errbuf *e);
};

/* ---- findings ---- */
#define SCO_TYPE_SAST 1u
#define SCO_TYPE_SCA 2u
#define SCO_TYPE_DAST 3u
#define SCO_TYPE_IAC 4u
#define SCO_TYPE_SECRET 5u
#define SCO_TYPE_LICENSE 6u
#define SCO_TYPE_QUALITY 7u
#define SCO_TYPE_BIT(type) (1u << (type))

#define SCO_SEV_UNKNOWN 0u /* the host decides: severity_text, then CVSS, else INFO */
#define SCO_SEV_INFO 1u
#define SCO_SEV_LOW 2u
#define SCO_SEV_MEDIUM 3u
#define SCO_SEV_HIGH 4u
#define SCO_SEV_CRITICAL 5u

#define SCO_FINDING_KEV 1u            /* known to be exploited */
#define SCO_FINDING_FALSE_POSITIVE 2u /* the tool says so */
#define SCO_FINDING_RESOLVED 4u       /* the tool reports it as already fixed */

struct sco_location {
    struct sco_str file_path; /* or URL */
    int64_t line, end_line, column, end_column;
    struct sco_str resource; /* IaC address, DAST parameter, logical name */
};

#define SCO_SUPPRESS_INLINE 1u   /* a comment in the source */
#define SCO_SUPPRESS_WAIVER 2u   /* a file of exceptions */
#define SCO_SUPPRESS_BASELINE 3u /* known before */

struct sco_suppression {
    uint32_t kind, reserved;
    struct sco_str reason;
    struct sco_str expires; /* RFC 3339 date or time, or absent */
};

struct sco_pair {
    struct sco_str key, value;
};

/* One finding as the tool reported it. Zero everything, set struct_size, fill what is known. */
struct sco_report_finding {
    uint32_t struct_size;
    uint32_t type;                /* SCO_TYPE_*, required */
    uint32_t severity;            /* SCO_SEV_* */
    uint32_t flags;               /* SCO_FINDING_* */
    struct sco_str severity_text; /* the tool's own word, kept in metadata when not understood */
    struct sco_str rule_id;       /* required */
    struct sco_str title;         /* short; the rule id when absent */
    struct sco_str description;
    struct sco_str remediation;
    struct sco_str file_path; /* as the tool prints it: the host makes it relative to the root */
    int64_t line, end_line, column, end_column;
    struct sco_str resource;  /* IaC resource address; DAST: "METHOD URL" */
    struct sco_str parameter; /* DAST: the attacked parameter */
    struct sco_str snippet;   /* source text of the location; used for identity, not stored */
    struct sco_str stable_id; /* an identity that the tool guarantees under line shifts */
    struct sco_str secret;    /* the matched value: digested and masked by the host, never stored */
    struct sco_str package_name, package_version, ecosystem, purl, fixed_version;
    struct sco_str cvss_vector;           /* 2.0, 3.0, 3.1 or 4.0; the score is computed from it */
    double cvss_score;                    /* 0: unknown */
    double epss;                          /* 0: unknown */
    struct sco_str_list ids;              /* CVE, GHSA, PYSEC, ... in any order */
    struct sco_str_list cwes;             /* "CWE-79", "79" or "CWE-79: text" */
    struct sco_str_list references;       /* URLs */
    const struct sco_location *locations; /* further places beside the first */
    size_t n_locations;
    const struct sco_suppression *suppressions;
    size_t n_suppressions;
    const struct sco_pair *metadata; /* what the tool said beyond this */
    size_t n_metadata;
    struct sco_str commit;    /* git history scanners: the commit that holds it */
    struct sco_str tool_name; /* when one report speaks for several tools (SARIF); else absent */
    struct sco_str tool_version;
};

/* ---- running a program ---- */
struct sco_command {
    uint32_t struct_size;
    uint32_t flags;          /* 0 */
    const char *const *argv; /* NULL-terminated; argv[0] is a path or a name on the PATH */
    const char *const *env;  /* "NAME=value" beyond the clean environment; NULL: none */
    const char *cwd;         /* NULL: the work directory */
    const char *stdout_path; /* NULL: kept in the result, capped */
    int64_t timeout_ms;      /* 0: what is left of the job's deadline */
    uint64_t output_limit;   /* bytes of stdout, and of stderr; 0: the job's limit */
};

struct sco_command_result {
    uint32_t struct_size;
    int32_t exit_code;  /* -1 when a signal ended it */
    int32_t signal;     /* 0 when it exited */
    uint32_t timed_out; /* ended by the deadline */
    uint32_t truncated; /* it wrote more than output_limit; ended for that */
    int64_t started_ms; /* Unix time, to compare with a report's time of change */
    int64_t duration_ms;
    struct sco_str out; /* what was kept of stdout, and the tail of stderr; until the job ends */
    struct sco_str err;
};

/* ---- HTTP ---- */
struct sco_http_request {
    uint32_t struct_size;
    uint32_t flags;             /* SCO_HTTP_* */
    const char *method;         /* NULL: GET */
    const char *url;            /* http or https */
    const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
    struct sco_str body;
    int64_t timeout_ms; /* of one try; 0: 30 s */
    uint32_t retries;   /* further tries after 429, 502, 503, 504 and lost connections */
    uint32_t reserved;
    uint64_t body_limit;    /* of the answer; 0: 256 MiB */
    const char *ca_file;    /* NULL: the system's */
    const char *proxy;      /* NULL: from the environment */
    double rate_per_second; /* 0: no limit */
};
#define SCO_HTTP_INSECURE 1u    /* do not verify the server's certificate */
#define SCO_HTTP_RETRY_POST 2u  /* a POST that may be repeated */
#define SCO_HTTP_NO_REDIRECT 4u /* an answer 3xx is the answer */

struct sco_http_response {
    uint32_t struct_size;
    int32_t status;        /* HTTP status; the call fails only when there is none */
    struct sco_str body;   /* at most 64 KiB of it, for messages and small answers */
    const char *body_path; /* all of it, in a file of the work directory */
    struct sco_str content_type;
    /* Since 1.2. Of the last answer; names in small letters; repeated ones as they came. */
    const struct sco_pair *headers;
    size_t n_headers;
    int64_t retry_after_ms; /* of Retry-After, either form, from now; -1: absent */
};

/* ---- cryptography (since 1.2) ---- */
struct sco_crypto_api {
    uint32_t struct_size;
    uint32_t reserved;
    /* out: 32 bytes. 0, SCO_E_NOMEM. */
    int (*hmac_sha256)(const struct sco_host *h, struct sco_str key, struct sco_str text,
                       unsigned char *out);
    void (*sha256)(const struct sco_host *h, struct sco_str text, unsigned char *out);
    /* 1: the same. The time depends on the length of `given` alone. Nothing equals an empty secret.
     */
    int (*equal)(const struct sco_host *h, struct sco_str given, struct sco_str secret);
    /* `tmp` memory. {NULL, 0}: malformed, or out of memory. Base64 of RFC 4648 section 4, padding
     * required; url: section 5, without padding. */
    struct sco_str (*base64_encode)(const struct sco_host *h, struct sco_str bytes, int url);
    struct sco_str (*base64_decode)(const struct sco_host *h, struct sco_str text, int url);
    /* RSASSA-PKCS1-v1_5 with SHA-256 (RS256 of JWT); pem: PKCS #1 or PKCS #8, 2048 bits at least.
     * SCO_E_INVALID: no such key. */
    int (*sign_rs256)(const struct sco_host *h, struct sco_str pem, struct sco_str text,
                      struct sco_str *ret, struct sco_errbuf *e);
    /* gzip, `alloc` memory. */
    int (*gzip)(const struct sco_host *h, struct sco_str bytes, struct sco_str *ret,
                struct sco_errbuf *e);
    /* What is kept in cache_dir and is nobody else's to read: AES-256-GCM under a key that is made
     * of `secret`, bound to `what`. `alloc` memory. unseal: SCO_E_PERMISSION: of another secret or
     * use, or changed. */
    int (*seal)(const struct sco_host *h, struct sco_str secret, struct sco_str what,
                struct sco_str text, struct sco_str *ret, struct sco_errbuf *e);
    int (*unseal)(const struct sco_host *h, struct sco_str secret, struct sco_str what,
                  struct sco_str sealed, struct sco_str *ret, struct sco_errbuf *e);
};

/* ---- host ---- */
#define SCO_LOG_ERROR 1u
#define SCO_LOG_WARNING 2u
#define SCO_LOG_INFO 3u
#define SCO_LOG_DEBUG 4u

struct sco_host {
    uint32_t struct_size;
    uint16_t abi_major, abi_minor;
    void *impl; /* the host's */
    const struct sco_data_api *data;

    void (*log)(const struct sco_host *h, uint32_t level, struct sco_str text);
    /* 0, or an error after which the job should end (cancelled, too many findings). */
    int (*emit)(const struct sco_host *h, const struct sco_report_finding *f);
    /* The tool that the following findings come from; version may be absent. */
    int (*tool)(const struct sco_host *h, struct sco_str name, struct sco_str version);
    /* Something was not checked: the job becomes incomplete, with this reason, but goes on. */
    void (*incomplete)(const struct sco_host *h, struct sco_str reason);
    /* total 0: unknown. */
    void (*progress)(const struct sco_host *h, uint64_t done, uint64_t total, struct sco_str what);
    int (*cancelled)(const struct sco_host *h); /* 1: stop soon */

    /* Runs a program to its end, in a process group of its own, and ends everything it left. 0
     * when it ran, whatever its exit status. SCO_E_NOT_FOUND, SCO_E_IO, SCO_E_CANCELLED. */
    int (*run)(const struct sco_host *h, const struct sco_command *c, struct sco_command_result *r,
               struct sco_errbuf *e);
    int (*http)(const struct sco_host *h, const struct sco_http_request *q,
                struct sco_http_response *r, struct sco_errbuf *e);

    /* Memory, zeroed: `alloc` until the job ends, `tmp` until the next emit. NULL: out of it. */
    void *(*alloc)(const struct sco_host *h, size_t n);
    void *(*tmp)(const struct sco_host *h, size_t n);

    /* Since 1.1. Structured data beside findings: `kind` is 1 to 32 of a-z and hyphen, `json` one
     * JSON value on one line, at most SCO_RECORD_MAX bytes. What becomes of a record is the
     * engine's business: one that nobody asked for is dropped. 0; SCO_E_INVALID: no such kind or
     * text; SCO_E_LIMIT: too long, or more than the job's output limit in all; SCO_E_CANCELLED. */
    int (*record)(const struct sco_host *h, const char *kind, struct sco_str json);

    /* Since 1.2. */
    const struct sco_crypto_api *crypto;
    int64_t (*now)(const struct sco_host *h); /* Unix ms; of a delivery: when it was received */
};
#define SCO_RECORD_MAX (1u << 20)

/* ---- the plugin ---- */
#define SCO_OPT_BOOL 1u     /* int64_t, 0 or 1 */
#define SCO_OPT_INT 2u      /* int64_t */
#define SCO_OPT_DURATION 3u /* int64_t, milliseconds; written 500ms, 30s, 15m, 2h */
#define SCO_OPT_SIZE 4u     /* int64_t, bytes; written 512, 64KiB, 10MiB, 1GiB, 5MB */
#define SCO_OPT_STR 5u      /* struct sco_str, NUL-terminated */
#define SCO_OPT_ENUM 6u     /* struct sco_str, one of `values` */
#define SCO_OPT_LIST 7u     /* struct sco_str_list of NUL-terminated strings */
#define SCO_OPT_REAL 8u     /* double */

#define SCO_OPT_REQUIRED 1u
#define SCO_OPT_SECRET 2u     /* never printed; written as env:NAME or file:PATH */
#define SCO_OPT_DEPRECATED 4u /* `values` names the successor */
#define SCO_OPT_TRUSTED                                                                            \
    8u /* names code to run, or where secrets are sent: refused, as secrets                        \
          are, in a configuration file that the scanned change may bring */

/* One row of the option table; the table ends with a row whose name is NULL. */
struct sco_option {
    const char *name;
    uint32_t type;
    uint32_t flags;
    uint32_t offset;    /* of the field in the plugin's context */
    uint32_t reserved;  /* 0 */
    const char *def;    /* default as text; NULL: zero, empty */
    int64_t min, max;   /* INT, DURATION, SIZE; both 0: any */
    const char *values; /* ENUM: comma-separated */
    const char *doc;    /* one sentence */
};

#define SCO_KIND_SCANNER 1u
#define SCO_KIND_CI 2u

#define SCO_TARGET_DIRECTORY 1u
#define SCO_TARGET_GIT 2u   /* a git work tree with its history */
#define SCO_TARGET_IMAGE 4u /* container image, by name or archive */
#define SCO_TARGET_SBOM 8u  /* CycloneDX or SPDX file */
#define SCO_TARGET_URL 16u
#define SCO_TARGET_PLAN 32u /* Terraform plan as JSON */
#define SCO_TARGET_FILE 64u /* any other single file */

struct sco_job {
    uint32_t struct_size;
    uint32_t target_kind;        /* one SCO_TARGET_* */
    const char *target;          /* absolute path, image name or URL */
    const char *work_dir;        /* private, empty, removed after the job */
    const char *cache_dir;       /* private to this scanner, kept between jobs, one job at a time */
    const char *program;         /* absolute path of the scanner's program; NULL: it has none */
    const char *version;         /* of the program, or NULL */
    const char *const *excludes; /* NULL-terminated: folders (relative, no slash at the end) that
                                    are to be left out; the host drops what is found there anyway */
    const char *const *files;    /* NULL-terminated: files that matched `detect`, relative, at most
                                    10,000 (SCO_SCANNER_ALL_FILES: all of them); NULL when not a
                                    directory */
    uint32_t offline;            /* 1: no network */
    uint32_t cpus;               /* how many it may keep busy, at least 1 */
    int64_t timeout_ms;          /* left until the deadline */
    /* Since 1.1. */
    const char *request; /* JSON that is meant for this plugin by name; NULL: none */
};

struct sco_input {
    uint32_t struct_size;
    uint32_t reserved;
    const char *path; /* of the report */
    const char *root; /* the folder that the report's paths are relative to, or NULL */
};

#define SCO_PROBE_JSON 1u
#define SCO_PROBE_XML 2u
#define SCO_PROBE_TEXT 3u
#define SCO_PROBE_EMPTY 4u

/* What is known of a file whose format is asked for: its first MiB. */
struct sco_probe {
    uint32_t struct_size;
    uint32_t format;       /* SCO_PROBE_* */
    const char *file_name; /* without folder */
    struct sco_str head;
    const struct sco_node *root; /* JSON: as much of the tree as the head holds (cut lists, cut
                                    objects); XML: the root element with its attributes (member
                                    "#name" is its local name, "#ns" its namespace); else NULL */
};

#define SCO_SCANNER_NETWORK 1u     /* cannot work offline */
#define SCO_SCANNER_LOCKS_CACHE 2u /* two at once need two cache directories */
#define SCO_SCANNER_EXPLICIT 4u    /* runs only when named (--scanners) or configured */
#define SCO_SCANNER_ALL_FILES 8u   /* job.files has every file that matches (since 1.1) */

struct sco_scanner {
    uint32_t struct_size;
    uint32_t targets;  /* SCO_TARGET_* bits */
    uint32_t finds;    /* SCO_TYPE_BIT() bits */
    uint32_t flags;    /* SCO_SCANNER_* */
    const char *title; /* "Trivy" */
    const char *homepage;
    const char *const *programs;     /* NULL-terminated; the first found is used; NULL: none */
    const char *const *version_args; /* NULL-terminated; NULL: {"--version"} */
    const char *const *detect; /* NULL-terminated globs, against the file name, or the relative
                                  path when there is a slash in it; NULL: any content */
    const char *install;       /* how to get the program, one line */
    uint32_t timeout_s;        /* default deadline; 0: the host's */
    uint32_t max_parallel;     /* jobs of this scanner at once; 0: no limit */

    /* 0 to 100: how surely the file is a report of this tool. */
    uint32_t (*sniff)(const struct sco_probe *p);
    /* Runs the scanner and parses its report. 0, SCO_RUN_*, or a negative error. */
    int (*run)(void *ctx, const struct sco_job *job, struct sco_errbuf *e);
    /* Parses a saved report. The same results. */
    int (*parse)(void *ctx, const struct sco_input *in, struct sco_errbuf *e);
    /* May be NULL. For `secureops doctor`: says with host->log at SCO_LOG_INFO, a line each, what
     * beside the version decides about results, such as the age of a database. The job has no
     * target; its cache_dir may be in use by a scan. Nothing may be emitted. 0, or an error. */
    int (*inspect)(void *ctx, const struct sco_job *job, struct sco_errbuf *e);
};

/* ---- CI platforms (since 1.2) ----
 * A CI plugin speaks for one integration: an account at a platform, with its own options. It says
 * which webhooks are genuine, what they mean, and does at the platform what the engine asks for.
 * Shapes of the JSON documents: docs/ci-plugins.md. Memory of `tmp` and `alloc` lives until the
 * call returns. */

/* A webhook as it was received. While it is verified or translated no server is asked and no
 * program is run (SCO_E_PERMISSION). */
struct sco_delivery {
    uint32_t struct_size;
    uint32_t reserved;
    const struct sco_pair *headers; /* names in small letters */
    size_t n_headers;
    struct sco_str body;  /* the bytes */
    struct sco_str path;  /* of the URL, behind the integration's: "" or a secret of its own */
    struct sco_str query; /* without '?', as it came */
    int64_t received_ms;
};

/* Filled by verify; texts in `tmp` memory. */
struct sco_receipt {
    uint32_t struct_size;
    uint32_t flags;    /* SCO_RECEIPT_* */
    struct sco_str id; /* the same whenever the platform sends this delivery again; absent:
                          the host takes a digest of the body */
    struct sco_str native_event; /* the platform's name of it */
};
#define SCO_RECEIPT_IGNORED 1u /* genuine, and of no use: answered 2xx and not kept */

struct sco_ci_call {
    uint32_t struct_size;
    uint32_t reserved;
    const struct sco_node *request; /* an object */
    const char *work_dir;           /* private; files that a result names are written here */
    const char *cache_dir; /* of this integration, kept between calls; others use it meanwhile */
    int64_t timeout_ms;    /* left until the deadline; 0: none */
    int64_t *retry_ms;     /* out, with SCO_CI_LATER: not before so long from now */
};
/* What an operation may return beside 0 (done) and a negative error, which is final but for
 * SCO_E_NETWORK, SCO_E_TIMEOUT and SCO_E_IO. */
#define SCO_CI_LATER 1    /* the platform wants us to wait: a limit of its rates, its restart */
#define SCO_CI_DEGRADED 2 /* done as far as it may be; the error text says what was left out */

/* Answers with one record "result", unless stated otherwise. */
typedef int (*sco_ci_fn)(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);

struct sco_ci {
    uint32_t struct_size;
    uint32_t reserved;
    const char *title; /* "GitHub" */
    const char *homepage;
    /* Looks at nothing but headers, path and the bytes of the body until the credential is proved.
     * 0; SCO_E_PERMISSION: unsigned, forged, too old; then SCO_E_PARSE: genuine, but no document.
     */
    int (*verify)(void *ctx, const struct sco_delivery *d, struct sco_receipt *ret,
                  struct sco_errbuf *e);
    /* A record "event" for each normalised event; of what is of no use one "ignored" event. A
     * delivery that verify has passed. */
    int (*translate)(void *ctx, const struct sco_delivery *d, struct sco_errbuf *e);
    sco_ci_fn trigger, status, cancel, rerun, rollback, logs, artifacts, configure, publish;
    /* Records "event" for what happened since request.since, and "result" with what to ask next. */
    sco_ci_fn poll;
    /* A token with which the code at request.clone_url is fetched, no mightier than that wants.
     * SCO_E_UNSUPPORTED: that is not at this platform, or there is no such token. */
    sco_ci_fn credential;
};

struct sco_plugin {
    uint32_t magic, struct_size; /* read first; nothing else until both pass */
    uint16_t abi_major, abi_minor;
    uint32_t kind;    /* SCO_KIND_* */
    const char *name; /* lower case, digits, hyphen: the name in configuration and reports */
    const char *version;
    const char *license;              /* SPDX identifier of the plugin */
    const char *summary;              /* one sentence */
    const struct sco_option *options; /* NULL: none */
    uint32_t option_size;             /* sizeof(struct sco_option) */
    uint32_t ctx_size; /* the host hands a zeroed context of this size with the options set */
    int (*open)(void *ctx, const struct sco_host *host, struct sco_errbuf *e);
    void (*close)(void *ctx);          /* also after a failed open */
    const struct sco_scanner *scanner; /* SCO_KIND_SCANNER */
    const struct sco_ci *ci;           /* SCO_KIND_CI; since 1.2 */
};

/* The one exported symbol. */
SCO_EXPORT const struct sco_plugin *sco_plugin_v1(void);
typedef const struct sco_plugin *(*sco_plugin_fn)(void);

/* ---- helpers ----
 * Small enough to be inline, so that a plugin links nothing. All accept NULL nodes. */

#define SCO_STR(literal) sco_str_make("" literal, sizeof(literal) - 1)

static inline struct sco_str sco_str_make(const char *p, size_t n)
{
    struct sco_str s;
    s.p = p;
    s.n = n;
    return s;
}

static inline struct sco_str sco_str_c(const char *z)
{
    return sco_str_make(z, z ? strlen(z) : 0);
}

static inline int sco_str_eq(struct sco_str a, struct sco_str b)
{
    return a.n == b.n && (a.n == 0 || (a.p && b.p && memcmp(a.p, b.p, a.n) == 0));
}

static inline int sco_str_is(struct sco_str a, const char *z)
{
    return sco_str_eq(a, sco_str_c(z));
}

static inline int sco_str_starts(struct sco_str a, const char *z)
{
    size_t n = strlen(z);
    return a.n >= n && memcmp(a.p, z, n) == 0;
}

/* ASCII letters compare without case. */
static inline int sco_str_is_nocase(struct sco_str a, const char *z)
{
    size_t i;
    for (i = 0; i < a.n; i++) {
        unsigned x = (unsigned char)a.p[i], y = (unsigned char)z[i];
        if (x - 'A' < 26u)
            x += 32;
        if (y - 'A' < 26u)
            y += 32;
        if (x != y || y == 0)
            return 0;
    }
    return z[i] == 0;
}

/* Writes the text of an error; returns `code`, so that a function can end with it. */
SCO_PRINTF(3, 4)
static inline int sco_errf(struct sco_errbuf *e, int code, const char *fmt, ...)
{
    if (e && e->text && e->cap) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(e->text, e->cap, fmt, ap);
        va_end(ap);
    }
    return code;
}

/* Member of a map, or NULL. The first one when the name repeats. */
static inline const struct sco_node *sco_get(const struct sco_node *map, const char *key)
{
    const struct sco_node *c;
    size_t n = strlen(key);
    if (!map || map->type != SCO_NODE_MAP)
        return NULL;
    for (c = map->child; c; c = c->next)
        if (c->key.n == n && memcmp(c->key.p, key, n) == 0)
            return c;
    return NULL;
}

/* Member by a path of names with dots between: "extra.metadata.cwe". */
static inline const struct sco_node *sco_path(const struct sco_node *map, const char *path)
{
    while (map && *path) {
        size_t n = strcspn(path, ".");
        const struct sco_node *c = map->type == SCO_NODE_MAP ? map->child : NULL;
        while (c && !(c->key.n == n && memcmp(c->key.p, path, n) == 0))
            c = c->next;
        map = c;
        path += n;
        if (*path == '.')
            path++;
    }
    return map;
}

static inline int sco_is(const struct sco_node *v, uint32_t type)
{
    return v && v->type == type;
}

/* Text of a string, number or boolean; {NULL, 0} for null, lists, maps and absent. */
static inline struct sco_str sco_text(const struct sco_node *v)
{
    if (!v || v->type == SCO_NODE_NULL || v->type > SCO_NODE_STR)
        return sco_str_make(NULL, 0);
    return v->text;
}

static inline struct sco_str sco_text_at(const struct sco_node *map, const char *path)
{
    return sco_text(sco_path(map, path));
}

/* An integer, also one written as a string ("12", "12-14" gives 12); `def` for anything else. */
static inline int64_t sco_int(const struct sco_node *v, int64_t def)
{
    size_t i = 0;
    int neg = 0;
    int64_t x = 0;
    if (!v)
        return def;
    if (v->type == SCO_NODE_INT)
        return v->i;
    if (v->type != SCO_NODE_STR && v->type != SCO_NODE_REAL)
        return def;
    if (v->text.n && v->text.p[0] == '-') {
        neg = 1;
        i = 1;
    }
    if (i >= v->text.n || v->text.p[i] < '0' || v->text.p[i] > '9' || v->text.n - i > 18)
        return def;
    for (; i < v->text.n && v->text.p[i] >= '0' && v->text.p[i] <= '9'; i++)
        x = x * 10 + (v->text.p[i] - '0');
    return neg ? -x : x;
}

static inline int64_t sco_int_at(const struct sco_node *map, const char *path, int64_t def)
{
    return sco_int(sco_path(map, path), def);
}

/* A boolean, also "true", "false", 0 and 1. */
static inline int sco_bool(const struct sco_node *v, int def)
{
    if (!v)
        return def;
    if (v->type == SCO_NODE_BOOL || v->type == SCO_NODE_INT)
        return v->i != 0;
    if (v->type == SCO_NODE_STR && sco_str_is_nocase(v->text, "true"))
        return 1;
    if (v->type == SCO_NODE_STR && sco_str_is_nocase(v->text, "false"))
        return 0;
    return def;
}

/* A number, also one written as a string; `def` for anything else. Locale-independent. */
static inline double sco_real(const struct sco_node *v, double def)
{
    struct sco_str t = sco_text(v);
    size_t i = 0;
    double x = 0, scale = 1;
    int neg = 0, any = 0, exp = 0, eneg = 0;
    if (!v || v->type == SCO_NODE_BOOL)
        return def;
    if (i < t.n && (t.p[i] == '-' || t.p[i] == '+'))
        neg = t.p[i++] == '-';
    for (; i < t.n && t.p[i] >= '0' && t.p[i] <= '9'; i++, any = 1)
        x = x * 10 + (t.p[i] - '0');
    if (i < t.n && t.p[i] == '.')
        for (i++; i < t.n && t.p[i] >= '0' && t.p[i] <= '9'; i++, any = 1)
            x += (t.p[i] - '0') * (scale /= 10);
    if (any && i < t.n && (t.p[i] == 'e' || t.p[i] == 'E')) {
        i++;
        if (i < t.n && (t.p[i] == '-' || t.p[i] == '+'))
            eneg = t.p[i++] == '-';
        for (; i < t.n && t.p[i] >= '0' && t.p[i] <= '9' && exp < 400; i++)
            exp = exp * 10 + (t.p[i] - '0');
        while (exp-- > 0)
            x = eneg ? x / 10 : x * 10;
    }
    if (!any || i != t.n)
        return def;
    return neg ? -x : x;
}

static inline double sco_real_at(const struct sco_node *map, const char *path, double def)
{
    return sco_real(sco_path(map, path), def);
}

/* First item of something that may be a list, a single value or absent; go on with sco_next(). */
static inline const struct sco_node *sco_first(const struct sco_node *v)
{
    if (!v || v->type == SCO_NODE_NULL)
        return NULL;
    return v->type == SCO_NODE_LIST ? v->child : v;
}

static inline const struct sco_node *sco_next(const struct sco_node *list,
                                              const struct sco_node *item)
{
    return item && list && list->type == SCO_NODE_LIST ? item->next : NULL;
}

#define SCO_EACH(item, list)                                                                       \
    for (const struct sco_node *item = sco_first(list); item; item = sco_next(list, item))

/* Formats into memory that lives until the next emit. {NULL, 0} when out of memory. */
SCO_PRINTF(2, 3)
static inline struct sco_str sco_fmt(const struct sco_host *h, const char *fmt, ...)
{
    va_list ap, ap2;
    int n;
    char *p;
    va_start(ap, fmt);
    va_copy(ap2, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    p = n < 0 ? NULL : (char *)h->tmp(h, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, ap2);
    va_end(ap2);
    return sco_str_make(p, p ? (size_t)n : 0);
}

/* For "%.*s". */
#define SCO_STR_ARG(s) (int)((s).n > 0x7fffffff ? 0x7fffffff : (s).n), (s).p ? (s).p : ""

/* A NUL-terminated copy that lives until the job ends. */
static inline const char *sco_cstr(const struct sco_host *h, struct sco_str s)
{
    char *p = (char *)h->alloc(h, s.n + 1);
    if (p && s.n)
        memcpy(p, s.p, s.n);
    return p;
}

/* A list of the texts in a node (list or single value), until the next emit. */
static inline struct sco_str_list sco_texts(const struct sco_host *h, const struct sco_node *v)
{
    struct sco_str_list l = {NULL, 0};
    size_t n = 0;
    struct sco_str *a;
    SCO_EACH (c, v)
        n++;
    if (!n || !(a = (struct sco_str *)h->tmp(h, n * sizeof *a)))
        return l;
    l.v = a;
    SCO_EACH (c, v) {
        struct sco_str t = sco_text(c);
        if (t.n)
            a[l.n++] = t;
    }
    return l;
}

/* A list of one text; empty when the text is. `slot` must live until the emit. */
static inline struct sco_str_list sco_one(struct sco_str *slot, struct sco_str text)
{
    struct sco_str_list l = {NULL, 0};
    *slot = text;
    if (text.n) {
        l.v = slot;
        l.n = 1;
    }
    return l;
}

#ifdef __cplusplus
}
#endif
