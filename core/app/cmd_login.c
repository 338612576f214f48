/* secureops login, logout: tokens of a daemon in the place of a password. Passwords and tokens come
 * from the terminal, without echo, or from standard input; never from the arguments. */
#include "remote.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

enum { LINE_MAX_ = 1024 };

struct line {
    char text[LINE_MAX_ + 1];
};

/* ---- the terminal ---- */
static struct termios shown;
static volatile sig_atomic_t terminal = -1;

static void on_signal(int number)
{
    if (terminal >= 0)
        tcsetattr(terminal, TCSAFLUSH, &shown);
    signal(number, SIG_DFL);
    raise(number);
}

/* Byte by byte: what comes after the line is for somebody else. */
static int read_line(int fd, struct line *ret, struct sco_error *err)
{
    size_t n = 0;
    char x = 0;
    for (;;) {
        ssize_t got = read(fd, &x, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sco_error_errno(err, errno, "cannot read");
        if (got == 0 || x == '\n')
            break;
        if (n == LINE_MAX_ || !x)
            return sco_error_set(err, SCO_E_LIMIT, "a line of more than %d bytes", LINE_MAX_);
        ret->text[n++] = x;
    }
    if (n && ret->text[n - 1] == '\r')
        n--;
    ret->text[n] = 0;
    return n ? 0 : sco_error_set(err, SCO_E_INVALID, "nothing was given");
}

static int ask_terminal(const char *prompt, bool secret, struct line *ret, struct sco_error *err)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction sa = {.sa_handler = on_signal}, was[SCO_ARRAY_LEN(numbers)];
    SCO_AUTO(sco_fd) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || tcgetattr(fd, &shown) < 0)
        return sco_error_set(err, SCO_E_INVALID,
                             "there is no terminal to ask at for \"%s\": --email, and "
                             "--password-stdin or --token-stdin",
                             prompt);
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < SCO_ARRAY_LEN(numbers); i++)
        sigaction(numbers[i], &sa, &was[i]);
    if (secret) {
        terminal = fd;
        tcsetattr(fd, TCSAFLUSH, &hidden);
    }
    dprintf(fd, "%s: ", prompt);
    int r = read_line(fd, ret, err);
    if (secret) {
        tcsetattr(fd, TCSAFLUSH, &shown);
        terminal = -1;
        dprintf(fd, "\n");
    }
    for (size_t i = 0; i < SCO_ARRAY_LEN(numbers); i++)
        sigaction(numbers[i], &was[i], NULL);
    return r < 0 ? sco_error_prefix(err, "%s", prompt) : 0;
}

static int take_secret(const struct cli *c, const char *prompt, struct line *ret,
                       struct sco_error *err)
{
    if (!args_has(c, ARG_PASSWORD_STDIN) && !args_has(c, ARG_TOKEN_STDIN))
        return ask_terminal(prompt, true, ret, err);
    int r = read_line(STDIN_FILENO, ret, err);
    return r < 0 ? sco_error_prefix(err, "%s on standard input", prompt) : 0;
}

/* ---- requests ---- */
struct who {
    struct line email, password, setup, totp;
};

static int post(struct remote *r, const char *path, const char *const *members,
                const struct sco_node **ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    for (; *members; members += 2)
        if (members[1][0])
            sco_json_kz(&o, members[0], members[1]);
    sco_json_end(&o, '}');
    struct remote_ask q = {
        .method = "POST", .path = path, .json = sco_buf_str(&b), .anonymous = true};
    int e = sco_buf_check(&b, err);
    if (e == 0)
        e = remote_json(r, &q, remote_arena(r), ret, err);
    if (b.p)
        explicit_bzero(b.p, b.n);
    return e;
}

static int post_login(struct remote *r, const struct who *w, const struct sco_node **ret,
                      struct sco_error *err)
{
    const char *members[] = {"email", w->email.text, "password", w->password.text,
                             "totp",  w->totp.text,  NULL};
    return post(r, "/auth/login", members, ret, err);
}

static int keep(struct remote *r, struct sco_error *err)
{
    const char *server = remote_server_of(r)->name;
    SCO_AUTO(sco_fd) int lock = -1;
    int e = logins_lock(&lock, err);
    return e == 0 ? logins_put(server, remote_login_of(r), err) : e;
}

static int log_in(struct remote *r, struct who *w, struct sco_error *err)
{
    const struct sco_node *v = NULL;
    struct remote_login *l = remote_login_of(r);
    struct sco_arena *a = remote_arena(r);
    if (w->setup.text[0]) {
        const char *members[] = {"token",    w->setup.text,    "email", w->email.text,
                                 "password", w->password.text, NULL};
        int e = post(r, "/auth/setup", members, &v, err);
        if (e < 0)
            return e;
    }
    int e = post_login(r, w, &v, err);
    if (e == 0 && sco_get(v, "second_factor") && !w->totp.text[0]) {
        e = ask_terminal("Code of the second factor", false, &w->totp, err);
        if (e < 0)
            return sco_error_set(err, e, "a code of the second factor is wanted: --totp CODE");
        e = post_login(r, w, &v, err);
    }
    if (e < 0)
        return e;
    l->email = sco_arena_cstr(a, sco_str_c(w->email.text));
    l->access = sco_arena_cstr(a, sco_text(sco_get(v, "access_token")));
    l->refresh = sco_arena_cstr(a, sco_text(sco_get(v, "refresh_token")));
    l->expires_ms = sco_now_ms() + sco_int(sco_get(v, "expires_in"), 0) * 1000;
    if (!l->access || !l->access[0] || !l->refresh || !l->refresh[0])
        return sco_error_set(err, SCO_E_FORMAT, "%s gave no tokens", remote_server_of(r)->name);
    return keep(r, err);
}

/* It is kept when it is one. */
static int log_in_with_token(struct remote *r, struct sco_error *err)
{
    const struct sco_node *v = NULL;
    int e = remote_get(r, "/auth/me", remote_arena(r), &v, err);
    if (e < 0)
        return e;
    struct sco_str email = sco_text(sco_get(v, "email"));
    remote_login_of(r)->email = email.n ? sco_arena_cstr(remote_arena(r), email) : NULL;
    return keep(r, err);
}

/* ---- commands ---- */
static int take_line(const char *value, struct line *ret, struct sco_error *err)
{
    size_t n = value ? strlen(value) : 0;
    if (n > LINE_MAX_)
        return sco_error_set(err, SCO_E_LIMIT, "a value of more than %d bytes", LINE_MAX_);
    if (n)
        memcpy(ret->text, value, n + 1);
    return 0;
}

/* All is asked for before there is a connection, and can be left with Ctrl-C. */
static int take_who(const struct cli *c, struct who *w, struct sco_error *err)
{
    int r = take_line(c->values[ARG_EMAIL], &w->email, err);
    if (r == 0)
        r = take_line(c->values[ARG_TOTP], &w->totp, err);
    if (r < 0)
        return r;
    if (args_has(c, ARG_TOKEN_STDIN)) {
        if (args_has(c, ARG_PASSWORD_STDIN) || args_has(c, ARG_SETUP) || args_has(c, ARG_EMAIL))
            return sco_error_set(err, SCO_E_INVALID,
                                 "--token-stdin is a login of its own, without --email, --setup "
                                 "and --password-stdin");
        return take_secret(c, "API token", &w->password, err);
    }
    if (!w->email.text[0])
        r = ask_terminal("E-mail", false, &w->email, err);
    if (r == 0 && args_has(c, ARG_SETUP))
        r = take_secret(c, "Setup token", &w->setup, err);
    if (r == 0)
        r = take_secret(c, args_has(c, ARG_SETUP) ? "Password to be" : "Password", &w->password,
                        err);
    if (r < 0 || !args_has(c, ARG_SETUP) || args_has(c, ARG_PASSWORD_STDIN))
        return r;
    struct line again = {0};
    r = take_secret(c, "Again", &again, err);
    if (r == 0 && strcmp(again.text, w->password.text) != 0)
        r = sco_error_set(err, SCO_E_INVALID, "these were two passwords");
    explicit_bzero(&again, sizeof again);
    return r;
}

static int need_server(const struct cli *c, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    struct remote_server ignored;
    if (!remote_wanted(c))
        return sco_error_set(err, SCO_E_INVALID,
                             "which daemon? --server URL, or SECUREOPS_SERVER in the environment");
    return remote_server_parse(remote_wanted(c), &a, &ignored, err);
}

int cmd_login(struct cli *c)
{
    struct sco_error err = {0};
    struct remote *r = NULL;
    struct who w = {0};
    bool token = args_has(c, ARG_TOKEN_STDIN);
    int e = need_server(c, &err);
    if (e == 0)
        e = take_who(c, &w, &err);
    if (e == 0)
        e = remote_open(
            c, &(struct remote_options){.anonymous = true, .token = token ? w.password.text : NULL},
            &r, &err);
    if (e == 0)
        e = token ? log_in_with_token(r, &err) : log_in(r, &w, &err);
    if (e == 0) {
        const char *email = remote_login_of(r)->email;
        printf("logged in to %s%s%s\n", remote_server_of(r)->name, email ? " as " : "",
               email ? email : "");
    }
    remote_close(r);
    explicit_bzero(&w, sizeof w);
    return e < 0 ? context_fail(&err) : EXIT_PASSED;
}

/* The login goes from here even when the daemon cannot be told. */
static int log_out(struct remote *r, struct sco_error *err)
{
    const char *server = remote_server_of(r)->name;
    struct remote_login l = {0};
    const struct sco_node *v = NULL;
    SCO_AUTO(sco_fd) int lock = -1;
    int e = logins_lock(&lock, err);
    if (e == 0)
        e = logins_get(server, remote_arena(r), &l, err);
    if (e == 0)
        e = logins_put(server, NULL, err);
    if (e < 0)
        return e;
    printf("logged out of %s\n", server);
    if (l.token)
        printf("the API token itself holds until it is revoked or expires\n");
    if (!l.refresh)
        return 0;
    const char *members[] = {"refresh_token", l.refresh, NULL};
    e = post(r, "/auth/logout", members, &v, err);
    return e < 0 ? sco_error_prefix(err, "the daemon could not be told") : 0;
}

int cmd_logout(struct cli *c)
{
    struct sco_error err = {0};
    struct remote *r = NULL;
    int e = need_server(c, &err);
    if (e == 0)
        e = remote_open(c, &(struct remote_options){.anonymous = true}, &r, &err);
    if (e == 0)
        e = log_out(r, &err);
    remote_close(r);
    return e < 0 ? context_fail(&err) : EXIT_PASSED;
}
