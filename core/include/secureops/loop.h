/* The event loop is libevent's (struct event_base); this adds what it lacks: child processes with
 * posix_spawn and pidfd, in groups of their own, and the end of orphans. One thread. */
#pragma once

#include <sys/types.h>
#include <secureops/base.h>

struct event_base;
struct sco_child;

struct sco_spawn {
    const char *const *argv; /* argv[0] absolute */
    const char *const *env;  /* NULL-terminated, the whole environment */
    int fd;                  /* becomes descriptor `fd_as` of the child; -1: none */
    int fd_as;
    int stderr_fd; /* -1: /dev/null */
};

/* status is waitpid's. Called on the loop, once; the child is reaped before. */
typedef void (*sco_child_fn)(struct sco_child *c, int status, void *user);

/* Starts the program in a process group of its own. stdin and stdout are /dev/null. */
int sco_child_spawn(struct event_base *base, const struct sco_spawn *s, sco_child_fn fn, void *user,
                    struct sco_child **ret, struct sco_error *err) SCO_NODISCARD;
pid_t sco_child_pid(const struct sco_child *c);
/* Once it is reaped: what the largest of its processes had in memory at most, in bytes. */
uint64_t sco_child_peak_memory(const struct sco_child *c);
void sco_child_kill(struct sco_child *c, int signal);  /* the whole group */
struct sco_child *sco_child_free(struct sco_child *c); /* kills and reaps when still running */

/* Makes this process the one that inherits the orphans of its children. */
int sco_loop_become_subreaper(struct sco_error *err) SCO_NODISCARD;
/* Kills and reaps every child of this process that sco_child_spawn did not start: what a dead
 * worker left behind. Repeats until there is none. Returns how many. */
int sco_loop_kill_orphans(void);
