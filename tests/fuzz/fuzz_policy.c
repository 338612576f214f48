/* Any source and any input through the whole engine. The bytes are parts with "%%" lines between:
 * p.lua, the input, its name, p.cases.yaml, compliance/f.yaml; bytes that start with "tar" and a
 * newline are an archive after it. Every verdict keeps its promises, twice. */
#include <secureops/policy.h>

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARTS = 5 };

static void add_file(struct sco_buf *out, const char *name, struct sco_str text)
{
    char head[512] = {0};
    snprintf(head, 100, "%s", name);
    snprintf(head + 124, 12, "%011o", (unsigned)text.n);
    head[156] = '0';
    memcpy(head + 257, "ustar\00000", 8);
    memset(head + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof head; i++)
        sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum);
    sco_buf_add(out, sco_str_make(head, sizeof head));
    sco_buf_add(out, text);
    while (out->n % 512)
        sco_buf_addc(out, 0);
}

static void split(struct sco_str s, struct sco_str part[PARTS])
{
    for (size_t i = 0; i < PARTS; i++) {
        const char *at = s.n ? memmem(s.p, s.n, "\n%%\n", 4) : NULL;
        if (!at || i + 1 == PARTS) {
            part[i] = s;
            s.n = 0;
            continue;
        }
        part[i] = sco_str_make(s.p, (size_t)(at - s.p) + 1);
        s = sco_str_make(at + 4, s.n - (size_t)(at + 4 - s.p));
    }
}

static int on_verdict(void *user, const struct sco_verdict *v)
{
    (void)user;
    SCO_BUG_ON(!v->policy || !v->doc || !v->resource || !v->message || !v->pointer);
    SCO_BUG_ON((unsigned)v->kind >= SCO_VERDICT_MAX_);
    SCO_BUG_ON(!sco_utf8_valid(sco_str_c(v->message)));
    SCO_BUG_ON(!v->place.line || !v->place.column || v->place.end_line < v->place.line);
    SCO_BUG_ON(v->fix && (v->fix->pos > v->fix->end || v->fix->end > v->doc->text->bytes.n));
    SCO_BUG_ON(v->fix && v->kind != SCO_VERDICT_FAIL && v->kind != SCO_VERDICT_SKIP);
    return 0;
}

static int on_case(void *user, const struct sco_policy_case_result *r)
{
    (void)user;
    SCO_BUG_ON(r->passed != !r->message || !r->name || !r->policy || !r->file_path);
    return 0;
}

static int on_coverage(void *user, const struct sco_policy_coverage *c)
{
    (void)user;
    SCO_BUG_ON(c->covered > c->lines || c->branches_taken > c->branches || !c->missed);
    return 0;
}

static void run(struct sco_policies *p, struct sco_str input, struct sco_str name)
{
    struct sco_iac_set docs = {0};
    struct sco_error err = {0};
    char file[64];
    snprintf(file, sizeof file, "%.*s", (int)(name.n < 60 ? name.n : 60), name.p ? name.p : "");
    file[strcspn(file, "\n")] = 0;
    int r =
        sco_iac_add_text(&docs, input, *file ? file : "input.yaml", SCO_IAC_FORMAT_NONE, 0, &err);
    if (r >= 0) {
        for (int i = 0; i < 2; i++)
            SCO_BUG_ON(sco_policies_eval(p, &docs, on_verdict, NULL, &err) < 0);
    }
    sco_iac_set_done(&docs);
    SCO_BUG_ON(sco_policies_test(p, on_case, NULL, &err) < 0);
    SCO_BUG_ON(sco_policies_coverage(p, on_coverage, NULL, &err) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCO_AUTO(sco_buf) struct sco_buf tar = {0};
    struct sco_str all = sco_str_make((const char *)data, size), part[PARTS] = {{0}};
    if (size > 4 && memcmp(data, "tar\n", 4) == 0) {
        sco_buf_add(&tar, sco_str_make(all.p + 4, all.n - 4));
    } else {
        split(all, part);
        add_file(&tar, "p.lua", part[0]);
        add_file(&tar, "p.cases.yaml", part[3]);
        add_file(&tar, "compliance/f.yaml", part[4]);
        add_file(&tar, "lib/l.lua", sco_str_c("return { f = function(x) return x end }"));
    }
    SCO_AUTO(sco_fd) int fd = memfd_create("bundle", MFD_CLOEXEC);
    SCO_BUG_ON(fd < 0 || write(fd, tar.p, tar.n) != (ssize_t)tar.n);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const char *bundles[] = {path, NULL};
    struct sco_policies_options o = {
        .bundles = bundles,
        .limits = {.memory = 2 << 20, .total_memory = 64 << 20, .instructions = 50000},
        .trace = size % 2,
        .coverage = size % 3 == 0,
        .now_ms = 1750000000000,
    };
    struct sco_policies *p = NULL;
    struct sco_error err = {0};
    int r = sco_policies_load(&o, &p, &err);
    SCO_BUG_ON(r < 0 && !err.text[0]);
    if (r == 0)
        run(p, part[1], part[2]);
    sco_policies_free(p);
    return 0;
}
