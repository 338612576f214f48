/* Parts of the daemon that can be seen without it: mails, keys, snapshots, what runners inherit. */
#include "daemon_priv.h"
#include "mail_format.h"

#include <arpa/inet.h>
#include <secureops/crypto.h>
#include <secureops/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- mails ---- */
static struct mail_text letter(void)
{
    return (struct mail_text){.from = "secureops@example.org",
                              .to = "somebody@example.org",
                              .subject = "Hello",
                              .text = "Line one\nLine two\n",
                              .now = 1792000000000};
}

static void test_mail(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct mail_text m = letter();
    assert_int_equal(mail_format(&m, &b, NULL), 0);
    const char *z = sco_buf_z(&b);
    assert_non_null(strstr(z, "Date: Wed, 14 Oct 2026 17:46:40 +0000\r\n"));
    assert_non_null(strstr(z, "\r\nFrom: <secureops@example.org>\r\nTo: <somebody@example.org>\r\n"
                              "Subject: Hello\r\nMessage-ID: <"));
    assert_non_null(strstr(z, "\r\n\r\nTGluZSBvbmUKTGluZSB0d28K\r\n"));
    for (const char *p = z; (p = strchr(p, '\n')); p++)
        assert_true(p[-1] == '\r');
}

static void test_mail_long_and_foreign(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct mail_text m = letter();
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    m.text = text;
    m.subject = "Pr\xc3\xbc"
                "fung der Schl\xc3\xbcssel: \xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2"
                "\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac";
    assert_int_equal(mail_format(&m, &b, NULL), 0);
    struct sco_str rest = sco_buf_str(&b), line;
    while (sco_str_split(&rest, '\n', &line))
        assert_true(line.n <= 79);
    assert_non_null(strstr(sco_buf_z(&b), "Subject: =?UTF-8?B?"));
    assert_null(strstr(sco_buf_z(&b), "\xc3"));
}

/* Nobody adds a header, another receiver, or a command. */
static void test_mail_hostile(void **state)
{
    (void)state;
    static const char *const addresses[] = {"",      "nobody",    "a@b@c", "a@b>\r\nRCPT TO:<x@y>",
                                            "a b@c", "<a@b>",     "@b",    "a@",
                                            "a@b,c", "\xc3\xbc@b"};
    static const char *const subjects[] = {"a\r\nBcc: x@y", "a\nb", "\xff"};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct mail_text m = letter();
    for (size_t i = 0; i < SCO_ARRAY_LEN(addresses); i++) {
        m.to = addresses[i];
        assert_int_equal(mail_format(&m, &b, NULL), SCO_E_INVALID);
    }
    m = letter();
    for (size_t i = 0; i < SCO_ARRAY_LEN(subjects); i++) {
        m.subject = subjects[i];
        assert_int_equal(mail_format(&m, &b, NULL), SCO_E_INVALID);
    }
    assert_int_equal(b.n, 0);
}

/* A server that takes one mail, and keeps what it was told. */
struct smtp {
    int fd;
    char heard[8192];
    size_t n;
};

static bool hear_line(struct smtp *s, int fd, char line[1024])
{
    size_t n = 0;
    while (n < 1023 && read(fd, line + n, 1) == 1)
        if (line[n++] == '\n')
            break;
    line[n] = '\0';
    if (s->n + n < sizeof s->heard) {
        memcpy(s->heard + s->n, line, n + 1);
        s->n += n;
    }
    return n > 0;
}

static void say(int fd, const char *z)
{
    assert_int_equal(write(fd, z, strlen(z)), (ssize_t)strlen(z));
}

static void *serve(void *user)
{
    struct smtp *s = user;
    char line[1024];
    bool data = false;
    int fd = accept(s->fd, NULL, NULL);
    say(fd, "220 here\r\n");
    while (hear_line(s, fd, line)) {
        if (data) {
            if (strcmp(line, ".\r\n") != 0)
                continue;
            data = false;
            say(fd, "250 taken\r\n");
        } else if (strncmp(line, "DATA", 4) == 0) {
            data = true;
            say(fd, "354 go on\r\n");
        } else if (strncmp(line, "QUIT", 4) == 0) {
            say(fd, "221 bye\r\n");
            break;
        } else {
            say(fd, strstr(line, "refused@") ? "550 no\r\n" : "250 fine\r\n");
        }
    }
    close(fd);
    return NULL;
}

static int send_to(struct smtp *s, const char *to, struct sco_error *err)
{
    char url[64];
    pthread_t t;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    struct sco_config c = {.smtp.from = SCO_STR("secureops@example.org")};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s->fd, 1), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    snprintf(url, sizeof url, "smtp://127.0.0.1:%u", ntohs(a.sin_port));
    c.smtp.url = sco_str_c(url);
    assert_int_equal(pthread_create(&t, NULL, serve, s), 0);
    int r = mail_send(&c, to, "Hello", ".\nText", err);
    pthread_join(t, NULL);
    close(s->fd);
    return r;
}

static void test_mail_is_sent(void **state)
{
    (void)state;
    static struct smtp s;
    struct sco_error err = {0};
    struct sco_config none = {0};
    if (send_to(&s, "somebody@example.org", &err) < 0)
        fail_msg("%s", err.text);
    assert_non_null(strstr(s.heard, "MAIL FROM:<secureops@example.org>"));
    assert_non_null(strstr(s.heard, "RCPT TO:<somebody@example.org>"));
    assert_non_null(strstr(s.heard, "Subject: Hello\r\n"));
    memset(&s, 0, sizeof s);
    assert_int_equal(send_to(&s, "refused@example.org", &err), SCO_E_NETWORK);
    assert_int_equal(mail_send(&none, "a@b", "x", "y", &err), SCO_E_UNSUPPORTED);
}

/* ---- keys ---- */
static char *dir;

static int set_up(void **state)
{
    (void)state;
    return sco_fs_mkdtemp(NULL, "sco-daemon-", &dir, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(sco_fs_remove_tree(dir), 0);
    free(dir);
    return 0;
}

static const char *file(const char *name, const char *content)
{
    static char path[4][512];
    static int n;
    char *p = path[n = (n + 1) % 4];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    if (content)
        assert_int_equal(sco_fs_write(p, sco_str_c(content), 0600, NULL), 0);
    return p;
}

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

static void test_keys(void **state)
{
    (void)state;
    struct keys a = {0}, b = {0};
    struct sco_config c = {0};
    struct sco_error err = {0};
    char ref[600];
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(keys_load(&a, &c, dir, NULL), 0); /* made */
    assert_int_equal(keys_load(&b, &c, dir, NULL), 0); /* found */
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(strlen(a.id), DAEMON_KEY_ID_LEN);
    snprintf(ref, sizeof ref, "file:%s", file("configured", HEX "\n"));
    c.auth.key = sco_str_c(ref);
    assert_int_equal(keys_load(&b, &c, dir, NULL), 0);
    for (int i = 0; i < DAEMON_KEY_LEN; i++)
        assert_int_equal(b.key[i], i);
    assert_string_not_equal(a.id, b.id);
    file("configured", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    assert_int_equal(keys_load(&a, &c, dir, NULL), 0);
    assert_memory_equal(a.key, b.key, DAEMON_KEY_LEN);
    static const char *const bad[] = {"short", HEX "00",
                                      "zz0102030405060708090a0b0c0d0e0f10111213"
                                      "1415161718191a1b1c1d1e1f"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        file("configured", bad[i]);
        assert_int_equal(keys_load(&a, &c, dir, &err), SCO_E_INVALID);
        assert_null(strstr(err.text, bad[i]));
    }
}

static void test_keys_credential(void **state)
{
    (void)state;
    struct keys k = {0};
    struct sco_config c = {0};
    setenv("CREDENTIALS_DIRECTORY", dir, 1);
    file("secureops-key", HEX);
    assert_int_equal(keys_load(&k, &c, "/nonexistent", NULL), 0);
    assert_int_equal(k.key[31], 31);
    unlink(file("secureops-key", NULL));
    assert_int_equal(keys_load(&k, &c, dir, NULL), 0); /* the folder's */
    unsetenv("CREDENTIALS_DIRECTORY");
}

/* ---- snapshots ---- */
static int load(const char *yaml, struct snapshot **ret, struct sco_error *err)
{
    struct daemon_args a = {.config = file("secureopsd.yaml", yaml)};
    return snapshot_load(&a, ret, err);
}

/* A token goes to hosts that are named, or to none. */
static void test_token_of_checkouts(void **state)
{
    struct sco_error err = {0};
    struct snapshot *s = NULL;
    (void)state;
    assert_int_equal(load("checkout:\n  token: env:T\n", &s, &err), SCO_E_INVALID);
    assert_non_null(strstr(err.text, "checkout.hosts"));
    assert_int_equal(load("checkout:\n  token: env:T\n  hosts: [git.example]\n", &s, &err), 0);
    snapshot_unref(s);
}

static void test_snapshots(void **state)
{
    (void)state;
    struct snapshot *a = NULL, *b = NULL;
    struct sco_error err = {0};
    SCO_AUTO(sco_buf) struct sco_buf differs = {0};
    assert_int_equal(load("queue: {slots: 3, scanner_limits: [zap=1, trivy=2]}\n", &a, &err), 0);
    assert_int_equal(a->n_limits, 2);
    assert_string_equal(a->limits[1].scanner, "trivy");
    assert_non_null(a->file); /* what runners are told, wherever they start */
    assert_string_equal(a->file, file("secureopsd.yaml", NULL));
    assert_int_equal(a->limits[1].max, 2);
    assert_int_equal(load("queue: {slots: 4}\nserver: {listen: '127.0.0.1:1'}\n", &b, &err), 0);
    snapshot_differences(a, b, &differs);
    assert_string_equal(sco_buf_z(&differs), "server.listen, queue.scanner_limits");
    snapshot_ref(a);
    assert_null(snapshot_unref(a));
    assert_int_equal(a->config->queue.slots, 3); /* somebody holds it still */
    snapshot_unref(a);
    snapshot_unref(b);
    static const char *const bad[] = {"queue: {scanner_limits: [zap]}\n",
                                      "queue: {scanner_limits: [zap=0]}\n",
                                      "queue: {lease: 4s, poll: 2s}\n",
                                      "server: {tls_key: /x}\n",
                                      "store: {path: /x, url: 'postgresql:///x'}\n",
                                      "smtp: {url: 'smtp://x'}\n",
                                      "nonsense: 1\n",
                                      "queue: [\n"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_true(load(bad[i], &a, &err) < 0);
    static const char *const sets[] = {"queue.slots=7", NULL}, *const worse[] = {"slots", NULL};
    struct daemon_args with = {.config = file("secureopsd.yaml", ""), .sets = sets};
    assert_int_equal(snapshot_load(&with, &a, &err), 0);
    assert_int_equal(a->config->queue.slots, 7);
    assert_true(sco_str_is(a->sets, "[\"queue.slots=7\"]"));
    snapshot_unref(a);
    with.sets = worse;
    assert_int_equal(snapshot_load(&with, &a, &err), SCO_E_INVALID);
}

/* ---- what runners inherit ---- */
static bool has(const char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return true;
    return false;
}

static void test_environment(void **state)
{
    (void)state;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_config c = {.auth.key = SCO_STR("env:MY_KEY")};
    static const char *const ours[] = {"NOTIFY_SOCKET", "SECUREOPS_AUTH_KEY", "MY_KEY",
                                       "CREDENTIALS_DIRECTORY", "SECUREOPS_SMTP_PASSWORD"};
    static const char *const theirs[] = {"MY_KEY_2", "SECUREOPS_SCAN_JOBS", "PATH"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(ours); i++)
        setenv(ours[i], "x", 1);
    setenv(theirs[0], "x", 1);
    setenv(theirs[1], "1", 1);
    const char *const *env = paths_environment(&arena, &c);
    for (size_t i = 0; i < SCO_ARRAY_LEN(ours); i++) {
        assert_false(has(env, ours[i]));
        unsetenv(ours[i]);
    }
    for (size_t i = 0; i < SCO_ARRAY_LEN(theirs); i++)
        assert_true(has(env, theirs[i]));
    unsetenv(theirs[0]);
    unsetenv(theirs[1]);
}

/* ---- programs for requests ---- */
static void test_commands(void **state)
{
    (void)state;
    struct commands c;
    static const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    struct sco_error err = {0};
    int status = -1;
    commands_init(&c, "/bin/sh", env);
    static const char *const echo[] = {"-c", "echo \"$PATH\"; exit 3", NULL};
    assert_int_equal(commands_run(&c, NULL, echo, &out, &status, &err), 0);
    assert_string_equal(sco_buf_z(&out), "/usr/bin:/bin\n");
    assert_int_equal(status, 3);
    static const char *const die[] = {"-c", "kill -9 $$", NULL};
    assert_int_equal(commands_run(&c, NULL, die, &out, &status, &err), SCO_E_INTERNAL);
    assert_true(commands_kill_orphans(&c));
    commands_done(&c);
    commands_init(&c, "/nonexistent", env);
    assert_int_equal(commands_run(&c, NULL, echo, &out, &status, &err), SCO_E_NOT_FOUND);
    commands_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mail),
        cmocka_unit_test(test_mail_long_and_foreign),
        cmocka_unit_test(test_mail_hostile),
        cmocka_unit_test(test_mail_is_sent),
        cmocka_unit_test_setup_teardown(test_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys_credential, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_snapshots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_token_of_checkouts, set_up, tear_down),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
