/* systemd's notifications, without libsystemd: datagrams to $NOTIFY_SOCKET. The watchdog is fed by
 * the loop, so that a loop that hangs is noticed. */
#include "daemon_priv.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct notify {
    struct sockaddr_un address;
    socklen_t length;
    int fd;
    struct event *watchdog;
};

/* Nobody waits: systemd that does not read must not stop the loop. */
static void tell(const struct notify *n, const char *text)
{
    if (n && n->fd >= 0 &&
        sendto(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
               (const struct sockaddr *)&n->address, n->length) < 0)
        return; /* nobody is there, ignoring */
}

static void on_watchdog(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    tell(user, "WATCHDOG=1");
}

static bool take_address(struct notify *n, const char *path)
{
    size_t len = path ? strlen(path) : 0;
    if (len < 2 || len >= sizeof n->address.sun_path || (path[0] != '/' && path[0] != '@'))
        return false;
    n->address.sun_family = AF_UNIX;
    memcpy(n->address.sun_path, path, len);
    if (path[0] == '@')
        n->address.sun_path[0] = '\0'; /* an abstract name */
    n->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return true;
}

/* WATCHDOG_USEC, when it is meant for this process; twice as often. */
static void start_watchdog(struct notify *n, struct event_base *base)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    int64_t us, whose;
    if (!usec || sco_parse_i64(sco_str_c(usec), 1, INT64_MAX, &us) < 0)
        return;
    if (pid && (sco_parse_i64(sco_str_c(pid), 0, INT32_MAX, &whose) < 0 || whose != getpid()))
        return;
    struct timeval tv = {.tv_sec = us / 2000000, .tv_usec = us / 2 % 1000000};
    n->watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, n);
    if (n->watchdog)
        event_add(n->watchdog, &tv);
}

struct notify *notify_new(struct event_base *base)
{
    static const char *const names[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};
    struct notify *n = sco_alloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->fd = -1;
    if (take_address(n, getenv(names[0]))) {
        n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        start_watchdog(n, base);
    }
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++)
        unsetenv(names[i]); /* nobody that we start is to speak for us */
    return n;
}

struct notify *notify_free(struct notify *n)
{
    if (!n)
        return NULL;
    if (n->watchdog)
        event_free(n->watchdog);
    if (n->fd >= 0)
        close(n->fd);
    free(n);
    return NULL;
}

static void tell_status(struct notify *n, const char *what, const char *status)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "%sSTATUS=", what);
    sco_buf_add_printable(&b, sco_str_c(status));
    tell(n, sco_buf_z(&b));
}

void notify_ready(struct notify *n, const char *status)
{
    tell_status(n, "READY=1\n", status);
}

void notify_status(struct notify *n, const char *status)
{
    tell_status(n, "", status);
}

void notify_reloading(struct notify *n)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(sco_mono_ns() / 1000));
    tell(n, sco_buf_z(&b));
}

void notify_stopping(struct notify *n)
{
    tell(n, "STOPPING=1\nSTATUS=stopping");
}
