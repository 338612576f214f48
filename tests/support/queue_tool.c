/* Adds and shows jobs of a store, for tests of the daemon:
 *   queue_tool STORE add ACT [FILE]    prints the id
 *   queue_tool STORE show ID           prints "STATE ATTEMPT REASON"
 *   queue_tool STORE cancel ID */
#include <secureops/store_jobs.h>

static int add(struct sco_store *s, const char *act, const char *file, struct sco_error *err)
{
    char request[1024];
    struct sco_job_added a;
    snprintf(request, sizeof request, "{\"act\":\"%s\",\"file\":\"%s\"}", act, file);
    struct sco_job_request q = {.kind = "scan",
                                .target_key = act,
                                .revision = "",
                                .scanners = "",
                                .request = request,
                                .origin = "cli",
                                .correlation_id = "test-1",
                                .traceparent =
                                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                .priority = SCO_JOB_PRIORITY};
    int r = sco_store_job_add(s, &q, sco_now_ms(), &a, err);
    if (r == 0)
        puts(a.id);
    return r;
}

static int show(struct sco_store *s, const char *id, struct sco_error *err)
{
    struct sco_job_page p = {0};
    int r = sco_store_job(s, id, &p, err);
    if (r == 0)
        printf("%s %u %s\n", sco_job_state_name(p.v[0].state), p.v[0].attempt,
               p.v[0].reason ? p.v[0].reason : "");
    sco_job_page_done(&p);
    return r;
}

int main(int argc, char **argv)
{
    struct sco_store *s = NULL;
    struct sco_error err = {0};
    enum sco_job_state state;
    if (argc < 4)
        return 2;
    struct sco_store_options o = {.where = argv[1]};
    int r = sco_store_open(&o, &s, &err);
    if (r == 0 && strcmp(argv[2], "add") == 0)
        r = add(s, argv[3], argc > 4 ? argv[4] : "", &err);
    else if (r == 0 && strcmp(argv[2], "show") == 0)
        r = show(s, argv[3], &err);
    else if (r == 0 && strcmp(argv[2], "cancel") == 0)
        r = sco_store_job_cancel(s, argv[3], "test", sco_now_ms(), &state, &err);
    sco_store_close(s);
    if (r < 0)
        fprintf(stderr, "%s\n", err.text);
    return r < 0;
}
