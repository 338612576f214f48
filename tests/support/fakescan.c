/* A scanner's program for tests. Its arguments say how it behaves; the default is a report of two
 * findings and exit status 1. libc only.
 *
 *   --version            prints "fakescan 1.2.3"
 *   --report FILE        where the report goes; stdout without it
 *   --findings N         that many findings (2)       --fixture FILE   that file as the report
 *   --no-report          none                         --cut N          only its first N bytes
 *   --stale              the report's time of change is long ago
 *   --exit N  --signal N how it ends                  --sleep MS       before the report
 *   --ignore-term        of SIGTERM                   --stderr-text T  writes T to stderr
 *   --stderr SIZE        that much, 1K 1M 1G          --stdout SIZE|endless
 *   --orphans N          processes in sessions of their own that would stay for an hour
 *   --storm N            a process that forks its successor and ends, for ever, in new sessions,
 * and a tree of N processes that ignore SIGTERM What it may do becomes findings with the rule "try"
 * and the title "WHAT: ok" or the error:
 *   --try-write FILE  --try-kill PID  --try-unshare  --try-ptrace  --try-env NAME  --try-fds
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TRIES_MAX = 32 };

static struct {
    const char *report, *fixture, *stderr_text;
    long findings, cut, exit_code, signal, sleep_ms, orphans, storm;
    long long err_bytes, out_bytes;
    int no_report, stale, ignore_term, endless;
    char tries[TRIES_MAX][256];
    int n_tries;
} o = {.findings = 2, .cut = -1, .exit_code = 1};

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

static long long size_of(const char *s)
{
    char *end;
    long long n = strtoll(s, &end, 10);
    return *end == 'G' ? n << 30 : *end == 'M' ? n << 20 : *end == 'K' ? n << 10 : n;
}

static void tried(const char *what, const char *arg, int ok)
{
    if (o.n_tries < TRIES_MAX)
        snprintf(o.tries[o.n_tries++], sizeof o.tries[0], "%s %s: %s", what, arg,
                 ok ? "ok" : strerror(errno));
}

static void try_write(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    tried("write", path, fd >= 0);
    if (fd >= 0)
        close(fd);
}

static void try_fds(void)
{
    char text[32];
    int n = 0;
    for (int fd = 3; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    snprintf(text, sizeof text, "%d", n);
    tried("fds", text, 1);
}

static void try_env(const char *name)
{
    char text[200];
    const char *v = getenv(name);
    snprintf(text, sizeof text, "%s=%s", name, v ? v : "(none)");
    tried("env", text, 1);
}

static int take(const char *name, const char *arg)
{
    const struct {
        const char *name;
        long *to;
    } numbers[] = {{"--findings", &o.findings}, {"--cut", &o.cut},        {"--exit", &o.exit_code},
                   {"--signal", &o.signal},     {"--sleep", &o.sleep_ms}, {"--orphans", &o.orphans},
                   {"--storm", &o.storm}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(name, numbers[i].name) == 0) {
            *numbers[i].to = strtol(arg, NULL, 10);
            return 1;
        }
    if (strcmp(name, "--report") == 0)
        o.report = arg;
    else if (strcmp(name, "--fixture") == 0)
        o.fixture = arg;
    else if (strcmp(name, "--stderr-text") == 0)
        o.stderr_text = arg;
    else if (strcmp(name, "--stderr") == 0)
        o.err_bytes = size_of(arg);
    else if (strcmp(name, "--stdout") == 0 && strcmp(arg, "endless") == 0)
        o.endless = 1;
    else if (strcmp(name, "--stdout") == 0)
        o.out_bytes = size_of(arg);
    else if (strcmp(name, "--try-write") == 0)
        try_write(arg);
    else if (strcmp(name, "--try-kill") == 0)
        tried("kill", arg, kill((pid_t)strtol(arg, NULL, 10), 0) == 0);
    else if (strcmp(name, "--try-env") == 0)
        try_env(arg);
    else
        return 0;
    return 1;
}

static int take_flag(const char *name)
{
    if (strcmp(name, "--no-report") == 0)
        o.no_report = 1;
    else if (strcmp(name, "--stale") == 0)
        o.stale = 1;
    else if (strcmp(name, "--ignore-term") == 0)
        o.ignore_term = 1;
    else if (strcmp(name, "--try-unshare") == 0)
        tried("unshare", "user", unshare(CLONE_NEWUSER) == 0);
    else if (strcmp(name, "--try-ptrace") == 0)
        tried("ptrace", "me", ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
    else if (strcmp(name, "--try-fds") == 0)
        try_fds();
    else
        return 0;
    return 1;
}

static void make_orphans(void)
{
    for (long i = 0; i < o.orphans; i++) {
        pid_t pid = fork();
        if (pid != 0) {
            waitpid(pid, NULL, 0);
            continue;
        }
        setsid();
        if (fork() != 0)
            _exit(0);
        signal(SIGTERM, SIG_IGN);
        pause_ms(3600000);
        _exit(0);
    }
}

static void make_storm(void)
{
    if (!o.storm)
        return;
    if (fork() == 0) { /* always one process, never the same */
        for (;;) {
            setsid();
            if (fork() != 0)
                _exit(0);
        }
    }
    for (long i = 0; i < o.storm; i++) { /* a chain in which each starts the next */
        if (fork() != 0) {
            if (i == 0)
                return;
            signal(SIGTERM, SIG_IGN);
            pause_ms(3600000);
            _exit(0);
        }
        if (i % 3 == 0)
            setsid();
    }
    _exit(0);
}

static void spill(FILE *f, long long n)
{
    static char chunk[1 << 16];
    memset(chunk, 'e', sizeof chunk);
    chunk[sizeof chunk - 1] = '\n';
    for (; n > 0; n -= (long long)sizeof chunk)
        if (fwrite(chunk, 1, n < (long long)sizeof chunk ? (size_t)n : sizeof chunk, f) == 0)
            _exit(9);
}

static void write_fixture(FILE *f)
{
    char chunk[4096];
    FILE *in = fopen(o.fixture, "re");
    for (size_t n; in && (n = fread(chunk, 1, sizeof chunk, in)) > 0;)
        fwrite(chunk, 1, n, f);
    if (in)
        fclose(in);
}

static void write_findings(FILE *f)
{
    long n = 0;
    fprintf(f, "{\"fakescan\":1,\"findings\":[");
    for (int i = 0; i < o.n_tries; i++)
        fprintf(f, "%s{\"rule\":\"try\",\"title\":\"%s\",\"severity\":\"low\"}", n++ ? "," : "",
                o.tries[i]);
    for (long i = 0; i < o.findings; i++)
        fprintf(f,
                "%s{\"rule\":\"FAKE-%ld\",\"title\":\"Fake %ld\",\"severity\":\"medium\","
                "\"file\":\"src/f%ld.c\",\"line\":%ld}",
                n++ ? ",\n" : "\n", i % 7, i, i % 100, i + 1);
    fprintf(f, "]}\n");
}

static void write_report(void)
{
    const struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
    if (o.no_report)
        return;
    FILE *f = o.report ? fopen(o.report, "we") : stdout;
    if (!f)
        _exit(8);
    if (o.fixture)
        write_fixture(f);
    else
        write_findings(f);
    fflush(f);
    if (o.report && o.cut >= 0 && ftruncate(fileno(f), o.cut) != 0)
        _exit(8);
    if (o.report)
        fclose(f);
    if (o.report && o.stale && utimensat(AT_FDCWD, o.report, old, 0) != 0)
        _exit(8);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0)
            return puts("fakescan 1.2.3 (built with the tests)") < 0;
        if (take_flag(argv[i]))
            continue;
        if (i + 1 >= argc || !take(argv[i], argv[i + 1])) {
            fprintf(stderr, "fakescan: what is %s?\n", argv[i]);
            return 7;
        }
        i++;
    }
    if (o.ignore_term)
        signal(SIGTERM, SIG_IGN);
    make_orphans();
    make_storm();
    pause_ms(o.sleep_ms);
    if (o.stderr_text)
        fprintf(stderr, "%s\n", o.stderr_text);
    spill(stderr, o.err_bytes);
    spill(stdout, o.endless ? 1LL << 62 : o.out_bytes);
    write_report();
    if (o.signal) {
        signal((int)o.signal, SIG_DFL);
        raise((int)o.signal);
    }
    return (int)o.exit_code;
}
