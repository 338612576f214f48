/* Stands in the place of secureops-runner: does what the job's request says under "act", on a store
 * that it opens as the real one does. Every other descriptor than 0 to 3 is a leak of the daemon.
 */
#include <secureops/ipc.h>
#include <secureops/json.h>
#include <secureops/store_jobs.h>

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { LEAK = 90, BAD_JOB = 91, STORE = 92 };

static struct sco_str act;
static const struct sco_node *message;
static struct sco_frames in;

static const char *text(const char *path)
{
    static char kept[4][1024];
    static int n;
    struct sco_str s = sco_text_at(message, path);
    snprintf(kept[n = (n + 1) % 4], sizeof kept[0], "%.*s", SCO_STR_ARG(s));
    return kept[n];
}

static void check_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    for (struct dirent *e; d && (e = readdir(d));) {
        int64_t fd;
        if (sco_parse_i64(sco_str_c(e->d_name), 0, 1 << 20, &fd) == 0 && fd > SCO_WORKER_FD &&
            fd != dirfd(d)) {
            fprintf(stderr, "descriptor %s is open\n", e->d_name);
            exit(LEAK);
        }
    }
    if (d)
        closedir(d);
    if (getenv("NOTIFY_SOCKET") || getenv("SECUREOPS_AUTH_KEY")) {
        fprintf(stderr, "the environment has what is the daemon's alone\n");
        exit(LEAK);
    }
}

static void say(enum sco_msg type, const char *json)
{
    if (sco_frame_send(SCO_WORKER_FD, type, sco_str_c(json), NULL) < 0)
        exit(0); /* the daemon is gone */
}

static void say_done(const char *outcome, const char *reason)
{
    char json[512];
    snprintf(json, sizeof json, "{\"outcome\":\"%s\",\"reason\":\"%s\"}", outcome, reason);
    say(SCO_MSG_DONE, json);
}

static int open_store(struct sco_store **ret, struct sco_error *err)
{
    char where[1024];
    snprintf(where, sizeof where, "%s", text("setup.store"));
    struct sco_store_options o = {.where = where};
    return sco_store_open(&o, ret, err);
}

/* As the real one does it: the job ends in the runner's own transaction. */
static void complete(void)
{
    struct sco_store *s = NULL;
    struct sco_error err = {0};
    enum sco_job_state state;
    int r = open_store(&s, &err);
    if (r == 0) {
        struct sco_job_end e = {
            .lease = {.job_id = text("job.id"),
                      .node = text("setup.node"),
                      .attempt = (uint32_t)sco_int_at(message, "job.attempt", 0)},
            .outcome = SCO_JOB_END_COMPLETED,
            .now = sco_int_at(message, "job.request.now", sco_now_ms())};
        r = sco_store_job_end(s, &e, &state, &err);
    }
    sco_store_close(s);
    if (r < 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(STORE);
    }
    if (sco_str_is(act, "scanned")) /* as the real one tells */
        say(SCO_MSG_DONE,
            "{\"outcome\":\"completed\",\"saved\":{\"started_ms\":1790000002000,"
            "\"duration_ms\":250},\"scanners\":[{\"name\":\"semgrep\",\"status\":\"completed\","
            "\"started_ms\":1790000000000,\"duration_ms\":1500},{\"name\":\"trivy\",\"status\":"
            "\"failed\",\"started_ms\":1790000000000,\"duration_ms\":20}]}");
    else
        say_done("completed", "");
}

/* Until the daemon says CANCEL, or is gone. */
static void wait_for_cancel(void)
{
    enum sco_msg type;
    struct sco_str payload;
    int r;
    while ((r = sco_frames_read(&in, SCO_WORKER_FD, &type, &payload, NULL)) == 1)
        if (type == SCO_MSG_CANCEL) {
            say_done("cancelled", "asked to");
            return;
        }
}

static void wait_for_file(const char *path)
{
    while (access(path, F_OK) < 0)
        usleep(2000);
    complete();
}

static void perform(void)
{
    if (sco_str_starts(act, "complete")) {
        say(SCO_MSG_LOG, "{\"level\":3,\"text\":\"here I am\"}");
        say(SCO_MSG_PROGRESS, "{\"done\":1,\"total\":2,\"what\":\"x\"}");
        complete();
    } else if (sco_str_is(act, "scanned")) {
        complete();
    } else if (sco_str_is(act, "fail")) {
        say_done("failed", "no such branch");
    } else if (sco_str_is(act, "retry")) {
        say_done("retry", "the network is away");
    } else if (sco_str_is(act, "token")) {
        say_done("failed", text("secrets.checkout_token"));
    } else if (sco_str_is(act, "exit")) {
        fprintf(stderr, "first line\nboom \x1b[31m\n");
        exit(7);
    } else if (sco_str_is(act, "die")) {
        raise(SIGKILL);
    } else if (sco_str_is(act, "leave")) { /* and what it started lives on, out of its group */
        if (fork() == 0) {
            setsid();
            close(SCO_WORKER_FD);
            for (;;)
                pause();
        }
        raise(SIGKILL);
    } else if (sco_str_starts(act, "hang")) {
        wait_for_cancel();
    } else if (sco_str_is(act, "deaf")) {
        signal(SIGTERM, SIG_IGN);
        for (;;)
            pause();
    } else if (sco_str_is(act, "garbage")) {
        ssize_t n = write(SCO_WORKER_FD, "\1\0\0\0?x", 6);
        (void)n;
        pause();
    } else if (sco_str_is(act, "wait")) {
        wait_for_file(text("job.request.file"));
    }
}

int main(void)
{
    static struct sco_arena arena;
    enum sco_msg type;
    struct sco_str payload;
    check_descriptors();
    if (sco_frames_read(&in, SCO_WORKER_FD, &type, &payload, NULL) != 1 || type != SCO_MSG_JOB ||
        sco_json_parse(payload, &arena, &message, NULL) < 0)
        return BAD_JOB;
    act = sco_text_at(message, "job.request.act");
    perform();
    sco_frames_done(&in);
    sco_arena_done(&arena);
    return 0;
}
