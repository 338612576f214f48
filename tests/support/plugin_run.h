/* For tests of a plugin's run(): a stand-in for the scanner's program. It is told what the program
 * would do; it keeps the command line that the plugin built. Include after plugin_test.h. */
#pragma once

#include <sys/stat.h>
#include <unistd.h>

enum { FAKE_RUNS_MAX = 4 };

struct fake_program {
    int exit_code, signal;
    const char *report;      /* text to write; NULL: none */
    const char *report_path; /* below the work folder */
    const char *err;         /* on stderr */
    int old;                 /* the report is from long before the run */
    int timed_out, truncated, missing;
};

static struct fake_program program[FAKE_RUNS_MAX]; /* one for each run */
static char command_lines[FAKE_RUNS_MAX][8192];    /* arguments with " " between, and environment */
static char work_dir[64];
static int runs;

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[4096], *slash;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if ((slash = strrchr(path, '/')) && slash > path + strlen(folder)) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void note_command(const struct sco_command *c, char *out, size_t cap)
{
    size_t n = 0;
    for (const char *const *a = c->env; a && *a && n < cap; a++)
        n += (size_t)snprintf(out + n, cap - n, "%s ", *a);
    for (const char *const *a = c->argv; *a && n < cap; a++)
        n += (size_t)snprintf(out + n, cap - n, "%s ", *a);
}

static int fake_run(struct fake_host *host, const struct sco_command *c,
                    struct sco_command_result *r, struct sco_errbuf *e)
{
    (void)host;
    assert_true(runs < FAKE_RUNS_MAX);
    const struct fake_program *p = &program[runs];
    note_command(c, command_lines[runs], sizeof command_lines[runs]);
    runs++;
    if (p->missing)
        return sco_errf(e, SCO_E_NOT_FOUND, "no such program");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *r = (struct sco_command_result){
        .struct_size = sizeof *r,
        .exit_code = p->signal ? -1 : p->exit_code,
        .signal = p->signal,
        .timed_out = (uint32_t)p->timed_out,
        .truncated = (uint32_t)p->truncated,
        .started_ms = (int64_t)now.tv_sec * 1000,
        .err = sco_str_c(p->err),
    };
    if (p->report) {
        char path[4096];
        write_file(work_dir, p->report_path, p->report);
        snprintf(path, sizeof path, "%s/%s", work_dir, p->report_path);
        struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
        if (p->old)
            assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    }
    return 0;
}

/* A job on an empty folder of its own, `target` below the work folder. */
static struct sco_job fake_job(void)
{
    static char target[80];
    snprintf(work_dir, sizeof work_dir, "/tmp/sco-plugin-XXXXXX");
    assert_non_null(mkdtemp(work_dir));
    snprintf(target, sizeof target, "%s/target", work_dir);
    assert_int_equal(mkdir(target, 0700), 0);
    memset(program, 0, sizeof program);
    memset(command_lines, 0, sizeof command_lines);
    runs = 0;
    fh->run = fake_run;
    return (struct sco_job){
        .struct_size = sizeof(struct sco_job),
        .target_kind = SCO_TARGET_DIRECTORY,
        .target = target,
        .work_dir = work_dir,
        .cache_dir = work_dir,
        .program = "/opt/bin/tool",
        .cpus = 2,
        .timeout_ms = 60000,
    };
}

static int run_job(const struct sco_job *job)
{
    fh->error[0] = 0;
    return fh->plugin->scanner->run(fh->ctx, job, &fh->e);
}

static void remove_job(void)
{
    char command[128];
    pid_t pid = fork();
    if (pid == 0) {
        snprintf(command, sizeof command, "%s", work_dir);
        execl("/bin/rm", "rm", "-rf", command, (char *)NULL);
        _exit(127);
    }
    int status;
    waitpid(pid, &status, 0);
}

/* Every cut of a small report: none may be taken for a whole one. `whole` findings are in it. */
static inline void cut_everywhere(const char *path)
{
    static char text[64 << 10];
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    for (size_t i = 0; i < n; i++) {
        int r = fake_host_parse_text(fh, text, i);
        if (r >= 0)
            fail_msg("cut at byte %zu of %zu: taken for a whole report", i, n);
        assert_true(fh->error[0]);
    }
    assert_true(fake_host_parse_text(fh, text, n) >= 0);
}

/* Texts that are no report of the tool at all. */
static inline void refuse_nonsense(void)
{
    static const char *const texts[] = {"",
                                        " \n",
                                        "nonsense",
                                        "<xml/>",
                                        "42",
                                        "\"x\"",
                                        "{}",
                                        "[42]",
                                        "[[]]",
                                        "[{}]",
                                        "{\"a\"",
                                        "{\"results\": 1}",
                                        "{\"results\": {}}",
                                        "INFO starting\n{\"results\": []}",
                                        "{\"results\": null, \"errors\": null}",
                                        "\xff\xfe{\"results\": []}",
                                        "[null, null]",
                                        "true"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (fake_host_parse_text(fh, texts[i], strlen(texts[i])) >= 0)
            fail_msg("taken for a report: %s", texts[i]);
}
