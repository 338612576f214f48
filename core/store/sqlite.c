/* The SQLite driver: one file, write-ahead log, bound parameters. A connection belongs to one
 * thread at a time. */
#include "store_priv.h"

#include <secureops/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct store_migration sqlite_migrations[];
extern const size_t sqlite_n_migrations;

enum {
    APPLICATION_ID = 0x53434F53 /* "SCOS" */,
    WAIT_MS = 30000,
    CACHE_KB = 64 << 10,
    BACKUP_PAGES = 1024,
    OFTEN_MAX = 24
};

struct db {
    sqlite3 *h;
    char *path;
    sqlite3_stmt *often[OFTEN_MAX]; /* kept prepared */
    size_t n_often;
};

/* ---- errors ---- */
static int code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return SCO_E_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SCO_E_TIMEOUT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return SCO_E_FORMAT;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        return SCO_E_IO;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return SCO_E_PERMISSION;
    case SQLITE_TOOBIG:
        return SCO_E_LIMIT;
    default:
        return SCO_E_INTERNAL;
    }
}

static int fail(const struct db *d, int rc, struct sco_error *err)
{
    int code = code_of(rc);
    const char *what = d->h ? sqlite3_errmsg(d->h) : sqlite3_errstr(rc);
    if (code == SCO_E_NOMEM)
        return sco_error_nomem(err);
    if (code == SCO_E_TIMEOUT)
        return sco_error_set(err, code,
                             "%s: somebody else has been writing for too long; try again", d->path);
    if (code == SCO_E_FORMAT)
        return sco_error_set(err, code,
                             "%s: %s; \"secureops db verify\" says more, a backup is the way back",
                             d->path, what);
    if (code == SCO_E_PERMISSION || (rc & 0xff) == SQLITE_READONLY)
        return sco_error_set(err, code,
                             "%s cannot be written: %s; check its owner and mode, and "
                             "those of its folder",
                             d->path, what);
    if (code == SCO_E_IO) /* which call of the system failed, and why */
        return sco_error_set(err, code, "%s: %s (%d, errno %d)", d->path, what,
                             d->h ? sqlite3_extended_errcode(d->h) : rc,
                             d->h ? sqlite3_system_errno(d->h) : 0);
    return sco_error_set(err, code, "%s: %s", d->path, what);
}

static int run(struct db *d, const char *sql, struct sco_error *err)
{
    int rc = sqlite3_exec(d->h, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : fail(d, rc, err);
}

/* ---- statements ---- */
static int prepare(struct db *d, const char *sql, sqlite3_stmt **ret, struct sco_error *err)
{
    int rc = sqlite3_prepare_v2(d->h, sql, -1, ret, NULL);
    return rc == SQLITE_OK ? 0 : fail(d, rc, err);
}

/* Texts are borrowed: the statement is stepped before they go. */
static int bind(sqlite3_stmt *st, int at, const struct store_value *v)
{
    switch (v->type) {
    case STORE_NULL:
        return sqlite3_bind_null(st, at);
    case STORE_I64:
    case STORE_BOOL:
        return sqlite3_bind_int64(st, at, v->i);
    case STORE_REAL:
        return sqlite3_bind_double(st, at, v->real);
    case STORE_TEXT:
    case STORE_JSON:
        return sqlite3_bind_text64(st, at, v->s.p ? v->s.p : "", v->s.n, SQLITE_STATIC,
                                   SQLITE_UTF8);
    default:
        return sqlite3_bind_blob64(st, at, v->s.p ? v->s.p : "", v->s.n, SQLITE_STATIC);
    }
}

static int bind_all(sqlite3_stmt *st, const struct store_value *v, size_t n)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++)
        rc = bind(st, (int)i + 1, &v[i]);
    return rc;
}

/* The value is asked, not the column: that looks for errors and locks three times for each text.
 * Nobody else has this connection. */
static void read_column(sqlite3_stmt *st, int at, struct store_value *v)
{
    sqlite3_value *from = sqlite3_column_value(st, at);
    *v = (struct store_value){0};
    switch (sqlite3_value_type(from)) {
    case SQLITE_INTEGER:
        v->type = STORE_I64;
        v->i = sqlite3_value_int64(from);
        v->real = (double)v->i;
        break;
    case SQLITE_FLOAT:
        v->type = STORE_REAL;
        v->real = sqlite3_value_double(from);
        break;
    case SQLITE_TEXT:
        v->type = STORE_TEXT;
        v->s.p = (const char *)sqlite3_value_text(from);
        v->s.n = v->s.p ? (size_t)sqlite3_value_bytes(from) : 0;
        break;
    case SQLITE_BLOB:
        v->type = STORE_BLOB;
        v->s.p = sqlite3_value_blob(from);
        v->s.n = (size_t)sqlite3_value_bytes(from);
        break;
    default:
        break;
    }
}

static int rows(struct db *d, sqlite3_stmt *st, const struct store_value *v, size_t n,
                store_row_fn row, void *user, struct sco_error *err)
{
    struct store_value out[48] = {0};
    int rc = bind_all(st, v, n), columns = sqlite3_column_count(st), r = 0;
    SCO_BUG_ON(columns > (int)SCO_ARRAY_LEN(out));
    if (rc == SQLITE_OK)
        while (r == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
            for (int i = 0; i < columns; i++)
                read_column(st, i, &out[i]);
            r = row(user, out, (size_t)columns);
        }
    if (r == 0 && rc != SQLITE_DONE)
        r = fail(d, rc, err);
    else if (r == SCO_E_NOMEM)
        sco_error_nomem(err);
    return r;
}

static int db_query(void *db, const char *sql, const struct store_value *v, size_t n,
                    store_row_fn row, void *user, struct sco_error *err)
{
    struct db *d = db;
    sqlite3_stmt *st = NULL;
    int r = prepare(d, sql, &st, err);
    if (r == 0)
        r = rows(d, st, v, n, row, user, err);
    sqlite3_finalize(st);
    return r;
}

/* One that is under way (a row of it asks the same again) is not touched. */
static int db_often(void *db, const char *sql, const struct store_value *v, size_t n,
                    store_row_fn row, void *user, struct sco_error *err)
{
    struct db *d = db;
    size_t i = 0;
    while (i < d->n_often && strcmp(sqlite3_sql(d->often[i]), sql) != 0)
        i++;
    if (i == OFTEN_MAX || (i < d->n_often && sqlite3_stmt_busy(d->often[i])))
        return db_query(db, sql, v, n, row, user, err);
    if (i == d->n_often) {
        int r = prepare(d, sql, &d->often[i], err);
        if (r < 0)
            return r;
        d->n_often++;
    }
    int r = rows(d, d->often[i], v, n, row, user, err);
    sqlite3_reset(d->often[i]); /* nothing of it is read any more, and nothing bound is kept */
    sqlite3_clear_bindings(d->often[i]);
    return r;
}

static int db_exec(void *db, const char *sql, const struct store_value *v, size_t n,
                   int64_t *ret_changed, struct sco_error *err)
{
    struct db *d = db;
    sqlite3_stmt *st = NULL;
    int r = prepare(d, sql, &st, err);
    if (r < 0)
        return r;
    int rc = bind_all(st, v, n);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        r = fail(d, rc, err);
    else if (ret_changed)
        *ret_changed = sqlite3_changes64(d->h);
    sqlite3_finalize(st);
    return r;
}

/* ---- transactions ---- */
static int db_begin(void *db, bool write, struct sco_error *err)
{
    return run(db, write ? "BEGIN IMMEDIATE" : "BEGIN", err);
}

static void db_rollback(void *db)
{
    struct db *d = db;
    if (!sqlite3_get_autocommit(d->h))
        sqlite3_exec(d->h, "ROLLBACK", NULL, NULL, NULL); /* what fails here is rolled back */
}

static int db_commit(void *db, struct sco_error *err)
{
    int r = run(db, "COMMIT", err);
    if (r < 0)
        db_rollback(db);
    return r;
}

static int db_lock(void *db, struct sco_error *err)
{
    (void)db;
    (void)err;
    return 0; /* BEGIN IMMEDIATE has done that */
}

/* ---- schema ---- */
static int take_i64(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

static int db_version(void *db, uint32_t *ret, struct sco_error *err)
{
    int64_t version = 0;
    int r = db_query(db, "PRAGMA user_version", NULL, 0, take_i64, &version, err);
    if (r == 0)
        *ret = (uint32_t)version;
    return r;
}

static int db_set_version(void *db, uint32_t v, struct sco_error *err)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %u", v); /* takes no parameter */
    return run(db, sql, err);
}

static int db_script(void *db, struct sco_str sql, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_add(&b, sql);
    return b.failed ? sco_error_nomem(err) : run(db, sco_buf_z(&b), err);
}

static int db_reserve(void *db, int64_t n, int64_t *ret, struct sco_error *err)
{
    int64_t last = 0;
    (void)n;
    int r = db_query(db, "SELECT coalesce(max(pk), 0) FROM vulnerabilities", NULL, 0, take_i64,
                     &last, err);
    if (r == 0)
        *ret = last + 1;
    return r;
}

/* ---- many rows ---- */
static void bulk_sql(struct sco_buf *b, const struct store_bulk_spec *spec)
{
    sco_buf_addf(b, spec->update ? "UPDATE %s SET " : "INSERT INTO %s (", spec->table);
    for (size_t i = spec->update; i < spec->n; i++) {
        sco_buf_addf(b, "%s%s", i > spec->update ? ", " : "", spec->columns[i].name);
        if (spec->update)
            sco_buf_addf(b, " = ?%zu", i + 1);
    }
    if (spec->update) {
        sco_buf_addf(b, " WHERE %s = ?1", spec->columns[0].name);
        return;
    }
    sco_buf_addz(b, ") VALUES (");
    for (size_t i = 0; i < spec->n; i++)
        sco_buf_addf(b, "%s?%zu", i ? ", " : "", i + 1);
    sco_buf_addc(b, ')');
}

/* What the row before had already stays bound: half of the columns say the same in every row. The
 * same place with other bytes in it needs nothing either: they are read at the step. */
static int bind_changed(sqlite3_stmt *st, const struct store_value *v, struct store_value *bound,
                        size_t n)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
        bool same = v[i].type == bound[i].type && v[i].i == bound[i].i &&
                    v[i].s.p == bound[i].s.p && v[i].s.n == bound[i].s.n && v[i].type != STORE_REAL;
        if (!same)
            rc = bind(st, (int)i + 1, &v[i]);
        bound[i] = v[i];
    }
    return rc;
}

static int db_bulk(void *db, const struct store_bulk_spec *spec, store_next_fn next, void *user,
                   struct sco_error *err)
{
    struct db *d = db;
    SCO_AUTO(sco_buf) struct sco_buf sql = {0};
    struct store_value row[BULK_COLUMNS_MAX], bound[BULK_COLUMNS_MAX] = {0}; /* all are NULL */
    sqlite3_stmt *st = NULL;
    bulk_sql(&sql, spec);
    int r = sql.failed ? sco_error_nomem(err) : prepare(d, sco_buf_z(&sql), &st, err);
    while (r == 0 && (r = next(user, row, err)) > 0) {
        int rc = bind_changed(st, row, bound, spec->n);
        if (rc == SQLITE_OK)
            rc = sqlite3_step(st);
        r = rc == SQLITE_DONE ? 0 : fail(d, rc, err);
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
    return r;
}

/* ---- columns ---- */
struct columns {
    store_row_fn row;
    void *user;
};

static int on_column(void *user, const struct store_value *v, size_t n)
{
    const struct columns *c = user;
    struct store_value out[2] = {v[0], sv_i64(STORE_TEXT)};
    (void)n;
    if (sco_str_is(v[1].s, "INTEGER"))
        out[1].i = STORE_I64;
    else if (sco_str_is(v[1].s, "REAL"))
        out[1].i = STORE_REAL;
    else if (sco_str_is(v[1].s, "BLOB"))
        out[1].i = STORE_BLOB;
    return c->row(c->user, out, 2);
}

static int db_columns(void *db, const char *table, store_row_fn row, void *user,
                      struct sco_error *err)
{
    struct store_value v = sv_text(table);
    struct columns c = {row, user};
    return db_query(db, "SELECT name, type FROM pragma_table_info($1) ORDER BY cid", &v, 1,
                    on_column, &c, err);
}

/* ---- open ---- */
/* A file of another program is left alone. */
static int check_owner(struct db *d, struct sco_error *err)
{
    int64_t id = 0, tables = 0;
    int r = db_query(d, "PRAGMA application_id", NULL, 0, take_i64, &id, err);
    if (r == 0 && id != APPLICATION_ID)
        r = db_query(d, "SELECT count(*) FROM sqlite_schema", NULL, 0, take_i64, &tables, err);
    if (r == 0 && tables)
        r = sco_error_set(err, SCO_E_FORMAT, "%s is a database of another program", d->path);
    return r;
}

static int set_up(struct db *d, const struct sco_store_options *o, struct sco_error *err)
{
    sqlite3_busy_timeout(d->h, (int)(o->wait_ms > 0 ? o->wait_ms : WAIT_MS));
    sqlite3_extended_result_codes(d->h, 1);
    char cache[64]; /* takes no parameter */
    snprintf(cache, sizeof cache, "PRAGMA cache_size = -%u", o->cache_kb ? o->cache_kb : CACHE_KB);
    int r = check_owner(d, err);
    if (r == 0)
        r = run(d, cache, err);
    if (r == 0)
        r = run(d,
                "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                "PRAGMA foreign_keys = ON; "
                "PRAGMA trusted_schema = OFF; "
                "PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY",
                err);
    return r;
}

/* The findings of an organisation are nobody else's to read. */
static int make_file(const char *path, struct sco_error *err)
{
    struct sco_str base = sco_path_base(sco_str_c(path));
    size_t dir = (size_t)(base.p - path);
    if (dir > 1) {
        SCO_AUTO(sco_free) char *folder = sco_strdup(sco_str_make(path, dir - 1));
        if (!folder)
            return sco_error_nomem(err);
        int r = sco_fs_mkdirs(folder, 0700, err);
        if (r < 0)
            return r;
    }
    /* One that is there is not opened: to close it would drop the locks that this process has on it
     * through other connections (POSIX), and somebody could reset the log below them. */
    SCO_AUTO(sco_fd) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd >= 0 || (errno == EEXIST && faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0))
        return 0;
    return sco_error_errno(err, errno, "cannot open the store %s", path);
}

static void db_close(void *db)
{
    struct db *d = db;
    while (d->n_often)
        sqlite3_finalize(d->often[--d->n_often]);
    sqlite3_close(d->h);
    free(d->path);
    free(d);
}

static int db_ready(void *db, struct sco_error *err)
{
    (void)db;
    (void)err;
    return 0;
}

static pthread_once_t configured = PTHREAD_ONCE_INIT;

static void configure(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* malloc needs no lock then */
}

/* SQLite opens a file again that got a descriptor below 3, and closes the first one; with that,
 * POSIX says, the process loses its locks on the file, and others throw the log away under us. */
static int fill_standard(struct sco_error *err)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot open /dev/null");
    close(fd);
    return 0;
}

static int db_open(const struct sco_store_options *o, void **ret, struct sco_error *err)
{
    struct stat st;
    int filled = fill_standard(err);
    if (filled < 0)
        return filled;
    if (o->create) {
        int r = make_file(o->where, err);
        if (r < 0)
            return r;
    } else if (stat(o->where, &st) < 0) {
        return errno == ENOENT
                   ? sco_error_set(err, SCO_E_NOT_FOUND,
                                   "there is no store %s: \"secureops scan --store\" makes one, "
                                   "--store PATH names another",
                                   o->where)
                   : sco_error_errno(err, errno, "cannot open the store %s", o->where);
    }
    struct db *d = sco_alloc(1, sizeof *d);
    if (!d || !(d->path = sco_strdup(sco_str_c(o->where)))) {
        free(d);
        return sco_error_nomem(err);
    }
    pthread_once(&configured, configure);
    int rc = sqlite3_open_v2(o->where, &d->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    int r = rc == SQLITE_OK ? set_up(d, o, err) : fail(d, rc, err);
    if (r < 0) {
        db_close(d);
        return r;
    }
    *ret = d;
    return 0;
}

/* ---- care ---- */
static int copy_pages(struct db *d, const char *path, struct sco_error *err)
{
    struct db to = {.path = d->path};
    int rc = sqlite3_open_v2(path, &to.h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    sqlite3_backup *b = rc == SQLITE_OK ? sqlite3_backup_init(to.h, "main", d->h, "main") : NULL;
    if (b) {
        do {
            rc = sqlite3_backup_step(b, BACKUP_PAGES);
            if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
                sqlite3_sleep(20);
        } while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED);
        rc = sqlite3_backup_finish(b);
    } else if (rc == SQLITE_OK)
        rc = sqlite3_errcode(to.h);
    /* one file, that can be copied: without a write-ahead log */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(to.h, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    int r = rc == SQLITE_OK ? 0 : fail(&to, rc, err);
    sqlite3_close(to.h);
    return r < 0 ? sco_error_prefix(err, "backup to %s", path) : 0;
}

static int sync_path(const char *path, struct sco_error *err)
{
    SCO_AUTO(sco_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return sco_error_errno(err, errno, "cannot write %s", path);
    return 0;
}

static int db_backup(void *db, const char *path, struct sco_error *err)
{
    struct stat st;
    SCO_AUTO(sco_buf) struct sco_buf part = {0};
    if (lstat(path, &st) == 0)
        return sco_error_set(err, SCO_E_INVALID,
                             "%s is there already: a backup does not take its place", path);
    sco_buf_addf(&part, "%s.part", path);
    const char *tmp = sco_buf_z(&part);
    if (part.failed)
        return sco_error_nomem(err);
    unlink(tmp);
    SCO_AUTO(sco_fd) int fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot write %s", tmp);
    /* of one moment: without a transaction, each write of somebody else makes it begin anew */
    int r = run(db, "BEGIN; SELECT count(*) FROM sqlite_schema", err);
    if (r == 0)
        r = copy_pages(db, tmp, err);
    db_rollback(db);
    if (r == 0)
        r = sync_path(tmp, err);
    if (r == 0 && link(tmp, path) < 0)
        r = sco_error_errno(err, errno, "cannot write %s", path);
    unlink(tmp);
    return r;
}

struct complaints {
    struct sco_buf text;
    size_t n;
};

static int take_complaint(void *user, const struct store_value *v, size_t n)
{
    struct complaints *c = user;
    (void)n;
    if (v[0].type == STORE_TEXT && !sco_str_is(v[0].s, "ok") && c->n++ < 5)
        sco_buf_addf(&c->text, "; %.*s", SCO_STR_ARG(v[0].s));
    return 0;
}

static int db_verify(void *db, struct sco_error *err)
{
    struct db *d = db;
    struct complaints c = {0};
    int r = db_query(d, "PRAGMA integrity_check(20)", NULL, 0, take_complaint, &c, err);
    if (r == 0)
        r = db_query(d, "PRAGMA foreign_key_check", NULL, 0, take_complaint, &c, err);
    if (r == 0 && c.n)
        r = sco_error_set(err, SCO_E_FORMAT, "%s is damaged%s", d->path, sco_buf_z(&c.text));
    sco_buf_done(&c.text);
    return r;
}

const struct sco_store_ops *sco_store_sqlite(void);
const struct sco_store_ops *sco_store_sqlite(void)
{
    static const struct sco_store_ops ops = {
        .struct_size = sizeof ops,
        .name = "SQLite",
        .skip_locked = "",
        .migrations = sqlite_migrations,
        .n_migrations = &sqlite_n_migrations,
        .open = db_open,
        .close = db_close,
        .ready = db_ready,
        .begin = db_begin,
        .commit = db_commit,
        .rollback = db_rollback,
        .lock = db_lock,
        .version = db_version,
        .set_version = db_set_version,
        .script = db_script,
        .exec = db_exec,
        .query = db_query,
        .often = db_often,
        .reserve = db_reserve,
        .bulk = db_bulk,
        .columns = db_columns,
        .backup = db_backup,
        .verify = db_verify,
    };
    return &ops;
}
