/* Running a scanner's program inside a worker: a process group of its own, limits, capture of
 * stdout and stderr, an end to everything it started. Used by the worker only. */
#pragma once

#include <secureops/base.h>

struct sco_exec_stats {                  /* of one command, beyond what its result says */
    uint64_t stdout_bytes, stderr_bytes; /* written; more than what was kept */
    int leftovers;                       /* processes that it left behind, killed */
};

struct sco_exec_env {       /* of the job; borrowed */
    const char *const *env; /* clean environment, "NAME=value", NULL-terminated */
    const char *work_dir;
    int64_t deadline_mono_ms; /* 0: none */
    uint64_t output_limit;
    uint64_t memory_limit;        /* RLIMIT_AS of the program; 0: none */
    int cancel_fd;                /* readable when the job is cancelled; -1: none */
    struct sco_arena *arena;      /* of what the result points to */
    struct sco_exec_stats *stats; /* NULL: not wanted */
    /* Gets what is written to stdout as it comes, in the place of the result; NULL: it is kept. */
    void (*output)(void *user, struct sco_str bytes);
    void *user;
};

enum { SCO_EXEC_STDERR_HEAD = 16 << 10, SCO_EXEC_STDERR_TAIL = 48 << 10, SCO_EXEC_GRACE_MS = 2000 };

/* As struct sco_host.run of plugin.h; both structs are of this header's size. At the deadline:
 * SIGTERM to the group, SIGKILL two seconds later, then whatever it left behind (descendants are
 * found through the subreaper). More stdout than the limit ends it at once; of stderr the start and
 * the end are kept and the rest is read and dropped. */
int sco_exec_run(const struct sco_exec_env *env, const struct sco_command *c,
                 struct sco_command_result *ret, struct sco_error *err) SCO_NODISCARD;

/* Kills (SIGKILL) and reaps every descendant of this process, which must be a subreaper. Returns
 * how many were still running; gives up after five seconds (a process in the kernel that cannot be
 * killed). Allocates nothing and is safe in a signal handler. */
int sco_exec_reap_all(void);

/* ---- cgroup ---- */
/* Makes a cgroup for what is started later, where the one that this process is in was delegated to
 * its user: sco_exec_run and sco_exec_reap_all use it by themselves. To be called before Landlock.
 * False: there is none, which is no error. */
bool sco_cgroup_open(void);
/* Removes it; everything in it must have ended. Safe in a signal handler. */
void sco_cgroup_close(void);

/* ---- sandbox ----
 * To be called once, early, before anything is loaded: no new privileges, parent-death signal
 * (the parent is checked again), subreaper, no core dumps, umask 077. */
int sco_sandbox_process(int64_t parent_pid, struct sco_error *err) SCO_NODISCARD;
/* Landlock: everything may be read, only `write` (NULL-terminated folders and files) and /dev may
 * be written. 0: ABI version in *ret_abi; SCO_E_UNSUPPORTED: the kernel has none. */
int sco_sandbox_landlock(const char *const *write, int *ret_abi,
                         struct sco_error *err) SCO_NODISCARD;
/* The same, and what is in `hidden` (NULL-terminated absolute paths without links) may not be read,
 * but for what is in `write`. Names of files stay visible. */
int sco_sandbox_landlock_hiding(const char *const *write, const char *const *hidden, int *ret_abi,
                                struct sco_error *err) SCO_NODISCARD;
/* seccomp: refuses (EPERM) what no scanner needs: ptrace, mounts, module and key handling, bpf,
 * perf, reboot, clock setting, namespaces, io_uring and their like. SCO_E_UNSUPPORTED as above. */
int sco_sandbox_seccomp(struct sco_error *err) SCO_NODISCARD;
/* Which sockets may be made from here on, by this process and what it starts; those that are open
 * stay, and so do pairs. SCO_E_UNSUPPORTED as above. */
enum sco_network {
    SCO_NETWORK_OUTSIDE, /* IPv4 and IPv6; no local (Unix, abstract), packet, vsock sockets */
    SCO_NETWORK_NONE,    /* none */
    SCO_NETWORK_FULL,    /* all */
};
int sco_sandbox_network(enum sco_network network, struct sco_error *err) SCO_NODISCARD;
