/* Frames: however a stream is cut, the same messages come out, or the same refusal. The first byte
 * chooses the pieces. What claims to be a job is read as one. */
#include <secureops/host.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_job(struct sco_str json)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_worker_job job;
    struct sco_error err = {0};
    if (sco_worker_job_parse(json, &arena, &job, &err) < 0) {
        SCO_BUG_ON(!err.text[0]);
        return;
    }
    SCO_BUG_ON(job.cpus < 1 || job.timeout_ms < 0);
    SCO_BUG_ON(job.kind == SCO_JOB_SCAN && (!job.target || !job.plugins[0]));
}

/* A number that stands for all messages and the end. */
static uint64_t read_all(struct sco_str s, size_t piece)
{
    struct sco_frames f = {0};
    uint64_t sum = 0;
    enum sco_msg type;
    struct sco_str payload;
    int r = 0;
    while (s.n && r >= 0) {
        struct sco_str part = sco_str_make(s.p, s.n < piece ? s.n : piece);
        s = sco_str_make(s.p + part.n, s.n - part.n);
        SCO_BUG_ON(sco_frames_feed(&f, part, NULL) < 0);
        while ((r = sco_frames_next(&f, &type, &payload, NULL)) == 1) {
            sum = sum * 31 + sco_hash(payload.p, payload.n, (uint64_t)type);
            if (type == SCO_MSG_JOB)
                read_job(payload);
        }
    }
    sco_frames_done(&f);
    return sum * 31 + (uint64_t)-r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct sco_str s = sco_str_make((const char *)data + 1, size - 1);
    SCO_BUG_ON(read_all(s, SIZE_MAX) != read_all(s, data[0] + 1u));
    return 0;
}
