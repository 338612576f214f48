/* Inside core/exec only. */
#pragma once

#include <secureops/exec.h>

#include <sys/types.h>

/* ---- spawn.c ---- */
struct exec_child {
    const char *path; /* of the program */
    char *const *argv;
    char *const *env;
    const char *cwd;
    int out_fd, err_fd; /* become 1 and 2 */
    uint64_t memory_limit;
};
/* Starts the program in a session of its own, with stdin /dev/null. */
int exec_spawn(const struct exec_child *c, pid_t *ret_pid, int *ret_pidfd, struct sco_error *err);

/* ---- cgroup.c ---- nothing when there is none; all but the first are safe in signal handlers */
const char *exec_cgroup_parent(void); /* the folder that the group is in, or NULL */
void exec_cgroup_enter(void);         /* by the process itself */
void exec_cgroup_kill(void);

/* ---- capture.c ---- */
struct exec_capture {
    int fd;      /* read end; -1: at its end */
    int file_fd; /* stdout goes here; -1: it is kept in `kept` */
    bool over;   /* more than `limit` was written */
    uint64_t limit, total;
    struct sco_buf kept;
    /* stderr: the start is in `kept`, the newest bytes in a ring */
    char *ring;
    size_t ring_at;
    void (*output)(void *user, struct sco_str bytes); /* in the place of `kept`; or NULL */
    void *user;
};
int exec_capture_stdout(struct exec_capture *c, const char *path, uint64_t limit, int *ret_child_fd,
                        struct sco_error *err);
int exec_capture_stderr(struct exec_capture *c, int *ret_child_fd, struct sco_error *err);
/* Reads what is there, without blocking; closes at the end. 0, or an error of the file or memory.
 */
int exec_capture_read(struct exec_capture *c, struct sco_error *err);
/* What was kept, as one text in the arena. */
int exec_capture_text(struct exec_capture *c, struct sco_arena *arena, struct sco_str *ret,
                      struct sco_error *err);
void exec_capture_done(struct exec_capture *c);
