/* seccomp: system calls that no scanner needs and that attack the kernel or other processes give
 * EPERM. A list of what is refused, not of what is allowed: Python, Java, Go and Node programs, and
 * those of next year, must run. Inherited like Landlock, and needs no_new_privs like it. */
#include "exec_priv.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define MACHINE AUDIT_ARCH_RISCV64
#endif

#ifdef MACHINE

/* Newer than the C library's headers; the numbers are the same on every machine. */
enum {
    NR_OPEN_TREE = 428,
    NR_MOVE_MOUNT,
    NR_FSOPEN,
    NR_FSCONFIG,
    NR_FSMOUNT,
    NR_FSPICK,
    NR_CLONE3 = 435,
    NR_PIDFD_GETFD = 438,
    NR_MOUNT_SETATTR = 442,
    NR_QUOTACTL_FD = 443,
    NR_OPEN_TREE_ATTR = 467,
};

static const unsigned refused[] = {
/* other processes */
#ifndef SCO_SANITIZED /* the leak check traces its own process */
    SYS_ptrace,
    SYS_process_vm_readv,
#endif
    SYS_process_vm_writev,
    SYS_kcmp,
    NR_PIDFD_GETFD,
    /* mounts and namespaces */
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    NR_OPEN_TREE,
    NR_MOVE_MOUNT,
    NR_FSOPEN,
    NR_FSCONFIG,
    NR_FSMOUNT,
    NR_FSPICK,
    NR_MOUNT_SETATTR,
    NR_OPEN_TREE_ATTR,
    SYS_open_by_handle_at,
    /* the kernel and its modules */
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_syslog,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    /* keys */
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    /* the machine's settings */
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_acct,
    SYS_quotactl,
    NR_QUOTACTL_FD,
    SYS_vhangup,
    SYS_fanotify_init,
#ifdef SYS_iopl
    SYS_iopl,
    SYS_ioperm,
#endif
};

enum {
    NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                 CLONE_NEWPID | CLONE_NEWNET,
    LENGTH_MAX = 2 * SCO_ARRAY_LEN(refused) + 32,
};

struct program {
    struct sock_filter code[LENGTH_MAX];
    unsigned short n;
};

static void put(struct program *p, unsigned op, unsigned k, unsigned yes, unsigned no)
{
    p->code[p->n++] =
        (struct sock_filter){(unsigned short)op, (unsigned char)yes, (unsigned char)no, k};
}

static void load(struct program *p, unsigned offset)
{
    put(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void give(struct program *p, unsigned result)
{
    put(p, BPF_RET | BPF_K, result, 0, 0);
}

/* Low half of a system call's argument; the machines above are little-endian. */
static unsigned argument(unsigned i)
{
    return (unsigned)offsetof(struct seccomp_data, args) + 8 * i;
}

static void begin(struct program *p)
{
    const unsigned enosys = SECCOMP_RET_ERRNO | ENOSYS;
    load(p, offsetof(struct seccomp_data, arch));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0);
    give(p, enosys); /* 32-bit calls have other numbers */
    load(p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    put(p, BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1); /* so has x32 */
    give(p, enosys);
#endif
}

static void build(struct program *p)
{
    const unsigned eperm = SECCOMP_RET_ERRNO | EPERM, enosys = SECCOMP_RET_ERRNO | ENOSYS;
    begin(p);
    for (size_t i = 0; i < SCO_ARRAY_LEN(refused); i++) {
        put(p, BPF_JMP | BPF_JEQ | BPF_K, refused[i], 0, 1);
        give(p, eperm);
    }
    /* its flags are in memory, where a filter cannot look: the C library falls back to clone */
    put(p, BPF_JMP | BPF_JEQ | BPF_K, NR_CLONE3, 0, 1);
    give(p, enosys);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
    load(p, argument(0));
    put(p, BPF_JMP | BPF_JSET | BPF_K, (unsigned)NAMESPACES, 0, 1);
    give(p, eperm);
    give(p, SECCOMP_RET_ALLOW);
    /* typing into the terminal of the user */
    put(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4);
    load(p, argument(1));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, TIOCSTI, 1, 0);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, TIOCLINUX, 0, 1);
    give(p, eperm);
    give(p, SECCOMP_RET_ALLOW);
}

/* Pairs of sockets stay: they lead to nobody else. */
static void build_network(struct program *p, enum sco_network network)
{
    static const unsigned outside[] = {AF_INET, AF_INET6, AF_NETLINK /* names are looked up */};
    const unsigned eperm = SECCOMP_RET_ERRNO | EPERM;
    begin(p);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1); /* it makes sockets, too */
    give(p, eperm);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0);
    give(p, SECCOMP_RET_ALLOW);
    load(p, argument(0));
    for (size_t i = 0; network == SCO_NETWORK_OUTSIDE && i < SCO_ARRAY_LEN(outside); i++) {
        put(p, BPF_JMP | BPF_JEQ | BPF_K, outside[i], 0, 1);
        give(p, SECCOMP_RET_ALLOW);
    }
    give(p, eperm);
}

static int apply(const struct program *p, struct sco_error *err)
{
    struct sock_fprog filter = {.len = p->n, .filter = (struct sock_filter *)p->code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0)
        return 0;
    if (errno == EINVAL || errno == ENOSYS)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "the kernel has no seccomp filters");
    return sco_error_errno(err, errno, "cannot apply the seccomp filter");
}

int sco_sandbox_seccomp(struct sco_error *err)
{
    struct program p = {.n = 0};
    build(&p);
    return apply(&p, err);
}

int sco_sandbox_network(enum sco_network network, struct sco_error *err)
{
    struct program p = {.n = 0};
    if (network == SCO_NETWORK_FULL)
        return 0;
    build_network(&p, network);
    return apply(&p, err);
}

#else

int sco_sandbox_network(enum sco_network network, struct sco_error *err)
{
    if (network == SCO_NETWORK_FULL)
        return 0;
    return sco_error_set(err, SCO_E_UNSUPPORTED, "no seccomp filter for this kind of machine");
}

int sco_sandbox_seccomp(struct sco_error *err)
{
    return sco_error_set(err, SCO_E_UNSUPPORTED, "no seccomp filter for this kind of machine");
}

#endif
