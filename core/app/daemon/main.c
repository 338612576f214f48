/* secureopsd: its command line. */
#include "daemon_priv.h"

#include <getopt.h>
#include <stdlib.h>

enum { EXIT_USAGE = 2 };

static const char help[] =
    "usage: secureopsd [OPTION...]\n"
    "\n"
    "Runs scans that the API, schedules and Kafka ask for, keeps findings through their life, and\n"
    "publishes events. Without any configuration: a store in its folder, the API on "
    "127.0.0.1:8080.\n"
    "\n"
    "  -c, --config FILE      configuration (default: /etc/secureops/secureopsd.yaml, if it is "
    "there)\n"
    "      --set NAME=VALUE   one value, as queue.slots=4; several times\n"
    "      --check            check the configuration, and leave\n"
    "      --require-store    leave when the store is away at the start; else it is waited for\n"
    "      --version          the version, and leave\n"
    "  -h, --help             this text\n"
    "\n"
    "SIGTERM ends it when the jobs that run have ended, or queue.grace is over; a second one at\n"
    "once. SIGHUP reads the configuration anew.\n";

static int usage(const char *text, const char *what)
{
    fprintf(stderr, "secureopsd: %s%s; see --help\n", text, what);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    enum { OPT_SET = 256, OPT_CHECK, OPT_REQUIRE_STORE, OPT_VERSION };
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"set", required_argument, NULL, OPT_SET},
                                            {"check", no_argument, NULL, OPT_CHECK},
                                            {"require-store", no_argument, NULL, OPT_REQUIRE_STORE},
                                            {"version", no_argument, NULL, OPT_VERSION},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char **sets = sco_alloc((size_t)argc + 1, sizeof *sets);
    struct daemon_args a = {.sets = sets};
    size_t n = 0;
    int status = -1;
    for (int c; status < 0 && sets && (c = getopt_long(argc, argv, "c:h", options, NULL)) >= 0;) {
        if (c == 'c')
            a.config = optarg;
        else if (c == OPT_SET)
            sets[n++] = optarg;
        else if (c == OPT_CHECK)
            a.check = true;
        else if (c == OPT_REQUIRE_STORE)
            a.require_store = true;
        else if (c == OPT_VERSION)
            status = puts("secureopsd " SCO_VERSION) < 0;
        else if (c == 'h')
            status = fputs(help, stdout) < 0;
        else
            status = EXIT_USAGE; /* getopt has told */
    }
    if (status < 0 && optind < argc)
        status = usage("takes no arguments: ", argv[optind]);
    if (status < 0)
        status = sets ? daemon_run(&a) : usage("out of memory", "");
    free(sets);
    return status;
}
