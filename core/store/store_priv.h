/* Between the store and its drivers. What a finding's life is stands in merge.c, once; a driver
 * knows how its database is opened, asked, and filled fast. Statements that both understand are
 * written once, with $1, $2, ... each used in this order. */
#pragma once

#include <secureops/store.h>

enum store_type {
    STORE_NULL,
    STORE_I64,
    STORE_REAL,
    STORE_BOOL,
    STORE_TEXT,
    STORE_JSON,
    STORE_BLOB,
    STORE_UUID, /* 16 bytes */
};
struct store_value {
    uint32_t type;
    int64_t i; /* I64, BOOL */
    double real;
    struct sco_str s; /* TEXT, JSON, BLOB, UUID: borrowed */
};

static inline struct store_value sv_i64(int64_t i)
{
    return (struct store_value){.type = STORE_I64, .i = i};
}
static inline struct store_value sv_i64_or_null(int64_t i)
{
    return (struct store_value){.type = i ? STORE_I64 : STORE_NULL, .i = i};
}
static inline struct store_value sv_real(double v)
{
    return (struct store_value){.type = STORE_REAL, .real = v};
}
static inline struct store_value sv_bool(bool v)
{
    return (struct store_value){.type = STORE_BOOL, .i = v};
}
static inline struct store_value sv_text(const char *z) /* NULL: NULL */
{
    return (struct store_value){.type = z ? STORE_TEXT : STORE_NULL, .s = sco_str_c(z)};
}
static inline struct store_value sv_json(struct sco_str s)
{
    return (struct store_value){.type = STORE_JSON, .s = s};
}
static inline struct store_value sv_bytes(uint32_t type, const void *p, size_t n)
{
    return (struct store_value){.type = type, .s = sco_str_make(p, n)};
}

/* What is written many rows at a time: a row per call of a store_next_fn. */
enum store_bulk {
    BULK_FINDINGS,  /* new rows of vulnerabilities */
    BULK_DETAILS,   /* and of vulnerability_details */
    BULK_SEEN,      /* pk, last_detected, last_scan, scope */
    BULK_CONTENT,   /* pk and the columns of vulnerabilities that follow a report */
    BULK_REDETAILS, /* pk, content */
    BULK_STATE,     /* pk and the columns of the status */
    BULK_HISTORY,
    BULK_EVENTS, /* rows of the outbox */
    BULK_MAX_
};
/* Lists of findings need most: five parts, each with fewer than 40. */
enum { BULK_COLUMNS_MAX = 32, STORE_PARAMS_MAX = 240 };
struct store_bulk_spec {
    const char *table;
    size_t n;
    struct {
        const char *name;
        uint32_t type;
    } columns[BULK_COLUMNS_MAX];
    bool update; /* the row with this first column gets the others; else an insert */
};
extern const struct store_bulk_spec store_bulks[BULK_MAX_];

struct store_migration {
    const char *name; /* "0001_start" */
    const unsigned char *sql;
    size_t n;
};

/* 0: go on; anything else ends the query with it. Values are borrowed for the call. */
typedef int (*store_row_fn)(void *user, const struct store_value *v, size_t n);
/* Fills the next row: 1; 0: there is none; negative: an error. */
typedef int (*store_next_fn)(void *user, struct store_value *row, struct sco_error *err);

struct sco_store_ops { /* what a driver gives; every call may fail as store.h says */
    uint32_t struct_size;
    const char *name;        /* "SQLite" */
    const char *skip_locked; /* behind a SELECT within a statement that changes what it finds */
    const struct store_migration *migrations;
    const size_t *n_migrations;
    int (*open)(const struct sco_store_options *o, void **ret, struct sco_error *err);
    void (*close)(void *db);
    int (*ready)(void *db, struct sco_error *err); /* connects anew when it has to */
    /* `write`: nobody else is in between, or they wait (SQLite), or rows are locked (PostgreSQL) */
    int (*begin)(void *db, bool write, struct sco_error *err);
    int (*commit)(void *db, struct sco_error *err); /* on failure: rolled back */
    void (*rollback)(void *db);
    /* The server's clock; NULL: there is no server. */
    int (*clock)(void *db, int64_t *ret, struct sco_error *err);
    /* NULL: nothing to do. The transaction need not outlive a crash of the server. */
    int (*relax)(void *db, struct sco_error *err);
    int (*lock)(void *db, struct sco_error *err); /* in a transaction: alone until its end */
    /* In a transaction that writes: of those who name the same, one after the other. NULL: they are
     * anyway. */
    int (*queue_up)(void *db, struct sco_str name, struct sco_error *err);
    int (*version)(void *db, uint32_t *ret, struct sco_error *err);
    int (*set_version)(void *db, uint32_t v, struct sco_error *err);
    int (*script)(void *db, struct sco_str sql, struct sco_error *err);
    int (*exec)(void *db, const char *sql, const struct store_value *v, size_t n,
                int64_t *ret_changed, struct sco_error *err);
    int (*query)(void *db, const char *sql, const struct store_value *v, size_t n, store_row_fn row,
                 void *user, struct sco_error *err);
    /* As query; NULL: the same. A statement of a few, asked all the time: kept prepared. */
    int (*often)(void *db, const char *sql, const struct store_value *v, size_t n, store_row_fn row,
                 void *user, struct sco_error *err);
    /* n numbers for new findings, from *ret on; within a transaction that writes. */
    int (*reserve)(void *db, int64_t n, int64_t *ret, struct sco_error *err);
    int (*bulk)(void *db, const struct store_bulk_spec *spec, store_next_fn next, void *user,
                struct sco_error *err);
    /* Rows (name, enum store_type of the column), in order. */
    int (*columns)(void *db, const char *table, store_row_fn row, void *user,
                   struct sco_error *err);
    int (*renumber)(void *db, const char *table, struct sco_error *err); /* NULL: no sequences */
    /* NULL: none. Outside of a transaction: makes the partitions of this month and the next three,
     * and drops the empty ones that end before `before`. */
    int (*partitions)(void *db, const char *table, const char *column, int64_t now, int64_t before,
                      struct sco_error *err);
    int (*backup)(void *db, const char *path, struct sco_error *err);
    int (*verify)(void *db, struct sco_error *err);
};
#define STORE_MODULE_SYMBOL "sco_store_ops_v1"
typedef const struct sco_store_ops *(*store_module_fn)(void);

struct sco_store {
    const struct sco_store_ops *ops;
    void *db;
    char *where, *address; /* address: with its password */
    unsigned depth;        /* of transactions */
    int failed;            /* the first failure in the one that is open */
    int64_t sla_ms[SCO_SEV_MAX_];
    sco_store_observe_fn observe; /* or NULL */
    void *observer;
    int64_t began_ns;  /* of the transaction; monotonic */
    uint32_t attempts; /* of jobs; 0: ours */
    struct sco_store_context context;
    struct sco_arena context_arena;
};

/* ---- store.c ---- */
/* With a driver that is there already. */
int store_open_with(const struct sco_store_ops *ops, const struct sco_store_options *o,
                    struct sco_store **ret, struct sco_error *err) SCO_NODISCARD;
int store_exec(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
               int64_t *ret_changed, struct sco_error *err) SCO_NODISCARD;
int store_query(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
                store_row_fn row, void *user, struct sco_error *err) SCO_NODISCARD;
/* As store_query, for what is asked all the time. */
int store_often(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
                store_row_fn row, void *user, struct sco_error *err) SCO_NODISCARD;
/* " AND column = 'x'", or IN, for the bits of `wanted` that are set; nothing for none and for all.
 * The names are ours. */
void store_one_of(struct sco_buf *sql, const char *column, uint32_t wanted, unsigned n,
                  const char *(*name)(unsigned i));
/* Within a transaction that writes: of those who give a table's row the same name, one after the
 * other, so that what is asked of the table then holds. */
int store_queue_up(struct sco_store *s, const char *table, const char *name,
                   struct sco_error *err) SCO_NODISCARD;
const char *store_keep(struct sco_arena *a, const struct store_value *v); /* NULL for NULL */
/* A UUID as text, in the arena; the other way: false when it is none. */
const char *store_uuid_text(struct sco_arena *a, const struct store_value *v);
bool store_uuid_parse(struct sco_str text, uint8_t ret[16]);
void store_uuid_format(const uint8_t id[16], char out[37]);
const char *store_nomem(void *p); /* NULL */

/* ---- scope.c ---- */
/* Appends ",1,7,": the branches whose repository one of the globs matches. As a parameter:
 * "v.branch_pk IN (SELECT pk FROM branches WHERE " the list STORE_SCOPE_HAS_PK ")" */
#define STORE_SCOPE_HAS_PK " LIKE '%,' || pk || ',%'"
int store_scope(struct sco_store *s, const char *const *globs, struct sco_buf *out,
                struct sco_error *err) SCO_NODISCARD;

/* ---- finding_days.c ---- */
struct finding_day {
    int64_t created, reopened, resolved, fix_ms, opened;
};
struct finding_change {
    bool created, was_open, is_open; /* open: store_counts_as_open */
    uint32_t from_severity, to_severity;
    enum sco_status from, to;
    int64_t first, at;
};
static inline bool store_counts_as_open(enum sco_status s, bool suppressed)
{
    return (s == SCO_STATUS_OPEN || s == SCO_STATUS_IN_PROGRESS) && !suppressed;
}
int64_t finding_day_of(int64_t at); /* days since 1970-01-01 */
void finding_day_count(struct finding_day by[SCO_SEV_MAX_], const struct finding_change *c);
int finding_days_add(struct sco_store *s, int64_t branch, int64_t at,
                     const struct finding_day by[SCO_SEV_MAX_],
                     struct sco_error *err) SCO_NODISCARD;

/* ---- retention.c ---- */
int store_make_partitions(struct sco_store *s, int64_t now, struct sco_error *err) SCO_NODISCARD;

/* ---- module.c ---- */
int store_module(const char *name, const char *dir, const struct sco_store_ops **ret,
                 struct sco_error *err) SCO_NODISCARD;

/* ---- coverage.c: what the scan looked at ---- */
struct coverage;
int coverage_new(const struct sco_store_subject *subject, const struct sco_scan *scan,
                 struct coverage **ret, struct sco_error *err) SCO_NODISCARD;
struct coverage *coverage_free(struct coverage *c);
/* Nothing may be resolved by this scan. */
bool coverage_is_void(const struct coverage *c);
/* The tool ran to its end, everywhere; or there was nothing for it to look at. */
bool coverage_has_tool(const struct coverage *c, struct sco_str tool, bool *ret_ran);
/* A finding of these tools (names by commas) at this path would have been reported again. */
bool coverage_has(const struct coverage *c, struct sco_str tools, struct sco_str path);

/* ---- scans.c ---- */
int scan_save(struct sco_store *s, const struct sco_scan *scan, const char *scope, int64_t branch,
              const struct sco_scan_stored *counts, struct sco_error *err) SCO_NODISCARD;
