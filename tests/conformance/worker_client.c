/* A client of secureops-worker for tests: what the engine would receive, as JSON lines, in the
 * worker's own order and before anything is merged.
 *
 * Usage: worker_client WORKER < jobs
 * Each line of standard input is one job message (see ipc.h). For each, a worker is started, and
 * every message that it sends is written as one line {"msg":"incomplete","data":{...}}; findings
 * one by one. The last line of a job is {"msg":"end","exit":N,"signal":N}. */
#include <secureops/finding.h>
#include <secureops/ipc.h>

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct client {
    const char *worker;
    int fd;
    pid_t pid;
    struct sco_frames in;
    struct sco_pool *pool;
    struct sco_decoder *decoder;
};

static int start(struct client *c)
{
    int pair[2];
    char *argv[] = {(char *)"secureops-worker", NULL};
    posix_spawn_file_actions_t fa;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    posix_spawn_file_actions_init(&fa);
    if (pair[1] == SCO_WORKER_FD) /* dup2 onto itself would keep close-on-exec */
        fcntl(pair[1], F_SETFD, 0);
    posix_spawn_file_actions_adddup2(&fa, pair[1], SCO_WORKER_FD);
    int r = posix_spawn(&c->pid, c->worker, &fa, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    close(pair[1]);
    c->fd = pair[0];
    if (r == 0)
        return 0;
    close(pair[0]);
    errno = r;
    return -1;
}

static const char *message_name(enum sco_msg type)
{
    switch (type) {
    case SCO_MSG_HELLO:
        return "hello";
    case SCO_MSG_LOADING:
        return "loading";
    case SCO_MSG_DESCRIBE:
        return "describe";
    case SCO_MSG_PLUGIN:
        return "plugin";
    case SCO_MSG_TOOL:
        return "tool";
    case SCO_MSG_LOG:
        return "log";
    case SCO_MSG_PROGRESS:
        return "progress";
    case SCO_MSG_INCOMPLETE:
        return "incomplete";
    case SCO_MSG_DONE:
        return "done";
    default:
        return "other";
    }
}

static void print_line(const char *msg, struct sco_str data)
{
    printf("{\"msg\":\"%s\",\"data\":%.*s}\n", msg, SCO_STR_ARG(data));
}

static int print_findings(struct client *c, struct sco_str payload)
{
    struct sco_finding_set set = {.pool = c->pool};
    struct sco_error err = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    int r = sco_decoder_batch(c->decoder, payload, &set, &err);
    if (r < 0)
        fprintf(stderr, "worker_client: findings: %s\n", err.text);
    for (size_t i = 0; r >= 0 && i < set.n; i++) {
        struct sco_json_out o = {.b = &b};
        sco_buf_clear(&b);
        sco_finding_write(&o, &set.v[i]);
        print_line("finding", sco_buf_str(&b));
    }
    sco_finding_set_done(&set);
    return r;
}

static int talk(struct client *c, struct sco_str job)
{
    struct sco_error err = {0};
    enum sco_msg type;
    struct sco_str payload;
    int r = sco_frame_send(c->fd, SCO_MSG_JOB, job, &err);
    while (r >= 0 && (r = sco_frames_read(&c->in, c->fd, &type, &payload, &err)) == 1) {
        if (type == SCO_MSG_FINDINGS)
            r = print_findings(c, payload);
        else
            print_line(message_name(type), payload);
    }
    if (r < 0)
        fprintf(stderr, "worker_client: %s\n", err.text);
    return r;
}

static int one_job(const char *worker, struct sco_str job)
{
    struct client c = {.worker = worker, .fd = -1};
    int status = 0, r;
    c.pool = sco_pool_new();
    c.decoder = c.pool ? sco_decoder_new(c.pool) : NULL;
    if (!c.decoder || start(&c) < 0) {
        fprintf(stderr, "worker_client: cannot start %s: %s\n", worker, strerror(errno));
        sco_decoder_free(c.decoder);
        sco_pool_free(c.pool);
        return -1;
    }
    r = talk(&c, job);
    close(c.fd);
    while (waitpid(c.pid, &status, 0) < 0 && errno == EINTR)
        continue;
    printf("{\"msg\":\"end\",\"exit\":%d,\"signal\":%d}\n",
           WIFEXITED(status) ? WEXITSTATUS(status) : -1,
           WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    fflush(stdout);
    sco_frames_done(&c.in);
    sco_decoder_free(c.decoder);
    sco_pool_free(c.pool);
    return r;
}

int main(int argc, char **argv)
{
    SCO_AUTO(sco_free) char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int failed = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: worker_client WORKER < jobs\n");
        return 2;
    }
    while ((n = getline(&line, &cap, stdin)) > 0) {
        while (n > 0 && line[n - 1] == '\n')
            n--;
        failed |= one_job(argv[1], sco_str_make(line, (size_t)n)) < 0;
    }
    return failed;
}
