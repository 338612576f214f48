/* Running git: what it may read, whom it may ask, and what its failures mean. Nothing of the user,
 * the system or the repository configures it; it runs no hook and follows no redirection to another
 * host. A token is in a memory file of this process that only the askpass program opens, a key for
 * ssh in one that only ssh opens. */
#include "checkout_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <secureops/exec.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARGS_MAX = 32, ENV_MAX = 128, OUTPUT_MAX = 64 << 20, WORDS_MAX = 600 };

#define ASK_FILE "SECUREOPS_ASKPASS_FILE"
#define ASK_HOST "SECUREOPS_ASKPASS_HOST"

static const char *const settings[][2] = {
    {"core.hooksPath", "/dev/null"},
    {"core.symlinks", "false"}, /* a link would lead scanners out of the folder */
    {"core.fsmonitor", "false"},
    {"core.protectHFS", "true"},
    {"core.protectNTFS", "true"},
    {"core.attributesFile", "/dev/null"},
    {"credential.helper", ""},
    {"transfer.fsckObjects", "true"},
    {"fetch.fsckObjects", "true"},
    /* old commits of honest projects have these, and they harm nobody */
    {"fetch.fsck.badTimezone", "ignore"},
    {"fetch.fsck.missingSpaceBeforeDate", "ignore"},
    {"fetch.fsck.zeroPaddedFilemode", "ignore"},
    {"fetch.fsck.badFilemode", "ignore"},
    {"http.followRedirects", "false"},
    {"http.lowSpeedLimit", "1"},
    {"http.lowSpeedTime", "60"},
    {"gc.auto", "0"},
    {"maintenance.auto", "false"},
    {"submodule.recurse", "false"},
    {"fetch.recurseSubmodules", "false"},
    {"advice.detachedHead", "false"},
    {"init.defaultBranch", "main"},
};
/* Of the process that asks: certificates and proxies are the machine's business. */
static const char *const passed[] = {"SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
                                     "https_proxy",   "HTTPS_PROXY",  "no_proxy",
                                     "NO_PROXY",      "all_proxy",    "ALL_PROXY"};

/* ---- environment ---- */
struct env {
    struct checkout *k;
    const char **v;
    size_t n;
    bool failed;
};

static void put(struct env *e, const char *name, const char *value)
{
    char *one = sco_arena_fmt(&e->k->arena, "%s=%s", name, value);
    if (!one || e->n + 1 >= ENV_MAX)
        e->failed = true;
    else
        e->v[e->n++] = one;
}

/* A memory file of this process, and its path for programs that we start. */
static int keep_secret(const char *what, struct sco_str text, int *fd, struct sco_buf *path,
                       struct sco_error *err)
{
    *fd = memfd_create(what, MFD_CLOEXEC);
    if (*fd < 0 || fchmod(*fd, 0400) < 0) /* ssh wants its key to be nobody else's */
        return sco_error_errno(err, errno, "cannot keep the secret for git");
    int r = sco_fs_write_all(*fd, text);
    if (r < 0)
        return sco_error_errno(err, -r, "cannot keep the secret for git");
    sco_buf_addf(path, "/proc/%ld/fd/%d", (long)getpid(), *fd);
    return sco_buf_check(path, err);
}

static int keep_key(struct checkout *k, struct sco_buf *path, struct sco_error *err)
{
    struct sco_str text = sco_str_c(k->q->ssh_key_text);
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    if (!sco_str_starts(text, "-----BEGIN "))
        return sco_error_set(err, SCO_E_INVALID,
                             "the secret for this repository is no private key, which ssh wants");
    sco_buf_add(&key, text);
    if (!sco_str_ends(text, "\n")) /* ssh reads no key without it */
        sco_buf_addc(&key, '\n');
    int r = sco_buf_check(&key, err);
    if (r == 0)
        r = keep_secret("ssh-key", sco_buf_str(&key), &k->key_fd, path, err);
    if (key.p)
        explicit_bzero(key.p, key.n);
    return r;
}

static int put_ssh(struct env *e, struct sco_error *err)
{
    const struct sco_checkout_request *q = e->k->q;
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, kept = {0};
    const char *key = q->ssh_key ? q->ssh_key : "none";
    bool own = q->ssh_key_text && *q->ssh_key_text && sco_repository_is_ssh(sco_str_c(q->url));
    int r = own ? keep_key(e->k, &kept, err) : 0;
    if (r < 0)
        return r;
    if (own)
        key = sco_buf_z(&kept);
    const char *files[] = {q->ssh_key, q->known_hosts};
    for (size_t i = 0; i < SCO_ARRAY_LEN(files); i++) /* a shell reads the command */
        if (files[i] && (files[i][0] != '/' || strpbrk(files[i], "'\\\n")))
            return sco_error_set(err, SCO_E_INVALID,
                                 "checkout.ssh_key and known_hosts are absolute paths without "
                                 "quotes");
    sco_buf_addf(&b,
                 "ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o ForwardAgent=no "
                 "-o StrictHostKeyChecking=yes -o ConnectTimeout=30 -o ServerAliveInterval=30 "
                 "-o IdentityFile='%s'",
                 key);
    if (q->known_hosts)
        sco_buf_addf(&b, " -o UserKnownHostsFile='%s' -o GlobalKnownHostsFile=/dev/null",
                     q->known_hosts);
    put(e, "GIT_SSH_COMMAND", sco_buf_z(&b));
    put(e, "GIT_SSH_VARIANT", "ssh");
    return b.failed ? sco_error_nomem(err) : 0;
}

static int put_token(struct env *e, struct sco_error *err)
{
    struct checkout *k = e->k;
    SCO_AUTO(sco_buf) struct sco_buf host = {0}, file = {0};
    char exe[4096];
    sco_repository_host(sco_str_c(k->url), &host);
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0)
        return sco_error_errno(err, errno, "cannot name the program that answers git");
    exe[n] = 0;
    int r = keep_secret("askpass", sco_str_c(k->q->token), &k->token_fd, &file, err);
    if (r < 0)
        return r;
    put(e, "GIT_ASKPASS", exe);
    put(e, ASK_FILE, sco_buf_z(&file));
    put(e, ASK_HOST, sco_buf_z(&host));
    return 0;
}

static int make_env(struct checkout *k, struct sco_error *err)
{
    struct env e = {.k = k, .v = sco_arena_alloc(&k->arena, ENV_MAX * sizeof *e.v)};
    if (!e.v)
        return sco_error_nomem(err);
    put(&e, "PATH", "/usr/local/bin:/usr/bin:/bin");
    put(&e, "HOME", "/nonexistent");
    put(&e, "LC_ALL", "C");
    put(&e, "GIT_CONFIG_NOSYSTEM", "1");
    put(&e, "GIT_CONFIG_SYSTEM", "/dev/null");
    put(&e, "GIT_CONFIG_GLOBAL", "/dev/null");
    put(&e, "GIT_ATTR_NOSYSTEM", "1");
    put(&e, "GIT_TERMINAL_PROMPT", "0");
    put(&e, "GIT_LFS_SKIP_SMUDGE", "1");
    put(&e, "GIT_NO_REPLACE_OBJECTS", "1");
    put(&e, "GIT_OPTIONAL_LOCKS", "0");
    for (size_t i = 0; i < SCO_ARRAY_LEN(settings); i++) {
        char name[64];
        snprintf(name, sizeof name, "GIT_CONFIG_KEY_%zu", i);
        put(&e, name, settings[i][0]);
        snprintf(name, sizeof name, "GIT_CONFIG_VALUE_%zu", i);
        put(&e, name, settings[i][1]);
    }
    char count[16];
    snprintf(count, sizeof count, "%zu", SCO_ARRAY_LEN(settings));
    put(&e, "GIT_CONFIG_COUNT", count);
    for (size_t i = 0; i < SCO_ARRAY_LEN(passed); i++)
        if (getenv(passed[i]))
            put(&e, passed[i], getenv(passed[i]));
    int r = put_ssh(&e, err);
    if (r == 0 && k->q->token && *k->q->token)
        r = put_token(&e, err);
    k->env = e.v;
    return r == 0 && e.failed ? sco_error_nomem(err) : r;
}

int git_prepare(struct checkout *k, struct sco_error *err)
{
    SCO_AUTO(sco_free)
    char *git = sco_fs_find_program(k->q->git ? k->q->git : "git", "/usr/local/bin:/usr/bin:/bin");
    if (!git)
        return sco_error_set(err, SCO_E_INVALID, "git is not installed");
    k->git = sco_arena_cstr(&k->arena, sco_str_c(git));
    return k->git ? make_env(k, err) : sco_error_nomem(err);
}

void git_done(struct checkout *k)
{
    if (k->token_fd >= 0)
        close(k->token_fd);
    if (k->key_fd >= 0)
        close(k->key_fd);
    k->token_fd = k->key_fd = -1;
    sco_arena_done(&k->arena);
}

/* ---- what went wrong ---- */
static const struct {
    const char *text;
    int code;
} meanings[] = {
    {"Authentication failed", SCO_E_PERMISSION},
    {"could not read Username", SCO_E_PERMISSION},
    {"could not read Password", SCO_E_PERMISSION},
    {"Permission denied", SCO_E_PERMISSION},
    {"error: 401", SCO_E_PERMISSION},
    {"error: 403", SCO_E_PERMISSION},
    {"Host key verification failed", SCO_E_PERMISSION},
    {"dubious ownership", SCO_E_PERMISSION},
    {"not allowed", SCO_E_PERMISSION},
    {"error: 404", SCO_E_NOT_FOUND},
    {"' not found", SCO_E_NOT_FOUND},
    {"Repository not found", SCO_E_NOT_FOUND},
    {"does not appear to be a git repository", SCO_E_NOT_FOUND},
    {"couldn't find remote ref", SCO_E_NOT_FOUND},
    {"not our ref", SCO_E_NOT_FOUND},
    {"unadvertised object", SCO_E_NOT_FOUND},
    {"error: 30", SCO_E_INVALID}, /* redirections are not followed */
    {"unable to update url base from redirection", SCO_E_INVALID},
    {"No space left on device", SCO_E_IO},
    {"fsck error", SCO_E_FORMAT},
    {"error: object ", SCO_E_FORMAT},
    {"not valid: is this a git repository", SCO_E_FORMAT},
    {"unable to access", SCO_E_NETWORK},
    {"Could not resolve", SCO_E_NETWORK},
    {"Connection ", SCO_E_NETWORK},
    {"timed out", SCO_E_NETWORK},
    {"early EOF", SCO_E_NETWORK},
    {"unexpected disconnect", SCO_E_NETWORK},
    {"hung up unexpectedly", SCO_E_NETWORK},
    {"Could not read from remote repository", SCO_E_NETWORK},
};

static struct sco_str line_at(struct sco_str text, const char *at)
{
    const char *from = at, *to = at, *end = text.p + text.n;
    while (from > text.p && from[-1] != '\n')
        from--;
    while (to < end && *to != '\n')
        to++;
    return sco_str_trim(sco_str_make(from, (size_t)(to - from)));
}

/* The last words of git, made fit for people; should the token be in them, it is not. */
static int explain(const struct checkout *k, const char *command,
                   const struct sco_command_result *res, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf words = {0};
    struct sco_str text = sco_str_trim(res->err);
    const char *said = NULL;
    int code = SCO_E_TOOL;
    for (size_t i = SCO_ARRAY_LEN(meanings); text.n && i-- > 0;) { /* the first that fits wins */
        const char *at = memmem(text.p, text.n, meanings[i].text, strlen(meanings[i].text));
        code = at ? meanings[i].code : code;
        said = at ? at : said;
    }
    const char *fatal = text.n ? memmem(text.p, text.n, "fatal: ", 7) : NULL;
    if (fatal && said && said < fatal) /* ssh knows what git does not: "Host key ..." */
        text = line_at(text, said);
    else if (fatal)
        text = sco_str_make(fatal + 7, text.n - (size_t)(fatal + 7 - text.p));
    if (text.n > WORDS_MAX)
        text.n = WORDS_MAX;
    sco_buf_add_printable(&words, text);
    const char *token = k->q->token;
    if (token && *token && strstr(sco_buf_z(&words), token))
        sco_buf_clear(&words);
    if (res->signal)
        return sco_error_set(err, SCO_E_TOOL, "git %s was ended by signal %d", command,
                             res->signal);
    return sco_error_set(err, code, "git %s: %s", command,
                         words.n ? sco_buf_z(&words) : "it failed without a word");
}

/* ---- running ---- */
static const char *name_of(const char *const *args)
{
    while (args[0] && args[1] && strcmp(args[0], "-c") == 0)
        args += 2;
    return args[0];
}

int git_run(struct checkout *k, const struct git_command *c, struct sco_str *ret_out,
            struct sco_error *err)
{
    const char *argv[ARGS_MAX] = {k->git};
    const char *protocols = c->local || k->q->allow_local ? "GIT_ALLOW_PROTOCOL=https:ssh:file"
                                                          : "GIT_ALLOW_PROTOCOL=https:ssh";
    const char *more[] = {protocols, NULL};
    size_t n = 1;
    for (const char *const *a = c->args; *a; a++)
        if (n + 1 < ARGS_MAX)
            argv[n++] = *a;
    struct checkout_watch w = {.cancel_fd = k->q->cancel_fd,
                               .end_fd = -1,
                               .stop_fd = -1,
                               .dirs = {k->q->into, k->mirror},
                               .limit = k->limit};
    int r = checkout_watch_start(&w, err);
    if (r < 0)
        return r;
    struct sco_exec_env env = {.env = k->env,
                               .work_dir = c->dir,
                               .deadline_mono_ms = k->deadline,
                               .output_limit = OUTPUT_MAX,
                               .cancel_fd = w.end_fd,
                               .arena = &k->arena};
    struct sco_command command = {
        .struct_size = sizeof command, .argv = argv, .env = more, .cwd = c->dir};
    struct sco_command_result res = {.struct_size = sizeof res};
    r = sco_exec_run(&env, &command, &res, err);
    checkout_watch_stop(&w);
    if (w.over)
        return sco_error_set(err, SCO_E_LIMIT,
                             "the repository is larger than %llu MiB (checkout.size_limit)",
                             (unsigned long long)(k->limit >> 20));
    if (r < 0)
        return r;
    if (res.timed_out)
        return sco_error_set(err, SCO_E_TIMEOUT, "git %s did not end in time", name_of(c->args));
    if (res.exit_code != 0)
        return explain(k, name_of(c->args), &res, err);
    if (ret_out)
        *ret_out = res.out;
    return 0;
}

/* ---- askpass ---- */
/* git asks "Password for 'https://user@host:443': "; others than the host of the URL, as those of
 * submodules, are not told. */
static bool asks_for(const char *prompt, const char *host)
{
    const char *quote = strchr(prompt, '\''), *end = quote ? strchr(quote + 1, '\'') : NULL;
    SCO_AUTO(sco_buf) struct sco_buf asked = {0};
    if (!end || strncmp(quote, "'https://", 9) != 0)
        return false;
    sco_repository_host(sco_str_make(quote + 1, (size_t)(end - quote) - 1), &asked);
    return asked.n && !asked.failed && strcmp(sco_buf_z(&asked), host) == 0;
}

bool sco_checkout_askpass(int argc, char **argv, int *ret_status)
{
    const char *file = getenv(ASK_FILE), *host = getenv(ASK_HOST);
    SCO_AUTO(sco_buf) struct sco_buf token = {0};
    if (!file || !host || argc != 2)
        return false;
    *ret_status = 1;
    if (!asks_for(argv[1], host))
        return true;
    if (strncmp(argv[1], "Username", 8) == 0)
        sco_buf_addz(&token, "x-access-token");
    else if (sco_fs_read(file, 64 << 10, &token, NULL) < 0)
        return true;
    sco_buf_addc(&token, '\n');
    if (!token.failed && sco_fs_write_all(STDOUT_FILENO, sco_buf_str(&token)) == 0)
        *ret_status = 0;
    if (token.p)
        explicit_bzero(token.p, token.n);
    return true;
}
