/* Comments in the source that tell a tool to be silent. Most tools obey their own; where one was
 * told not to, or a report was made by another version, the comment is honoured here, and the
 * finding stays visible as a suppressed one. Only the comments of the tool that reported it count,
 * and only for the rule that they name. */
#include "encoder_priv.h"

enum { RANGE_LINES = 10, BLOCK_LINES = 200, ID_MAX = 200 };
enum {
    AT_LINES = 1,  /* a line of the finding */
    AT_BEFORE = 2, /* the line before it */
    AT_BLOCK = 4,  /* anywhere in a long one */
};

static const struct marker {
    const char *tool, *text;
    uint32_t where;
    bool wants_id; /* it is for the rules that it names, and no others */
} markers[] = {
    {"bandit", "nosec", AT_LINES, false},
    {"gosec", "nosec", AT_LINES, false},
    {"semgrep", "nosemgrep", AT_LINES | AT_BEFORE, false},
    {"checkov", "checkov:skip=", AT_BLOCK, true},
    {"trivy", "trivy:ignore:", AT_LINES | AT_BEFORE, true},
    {"gitleaks", "gitleaks:allow", AT_LINES, false},
    {"trufflehog", "trufflehog:ignore", AT_LINES, false},
    {"hadolint", "hadolint ignore=", AT_BEFORE, true},
    {"kics", "kics-scan ignore-line", AT_BEFORE, false},
    {"flawfinder", "Flawfinder: ignore", AT_LINES, false},
};

static bool is_id(char c)
{
    unsigned char low = (unsigned char)c | 32;
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/* What stands before the marker begins a comment: "#", "//", "/ *", "--", "<!--", ";". */
static bool begins_comment(struct sco_str before)
{
    before = sco_str_trim(before);
    return before.n && memchr("#/*-;", before.p[before.n - 1], 5);
}

static bool same_rule(struct sco_str id, struct sco_str rule)
{
    if (id.n > ID_MAX || rule.n < id.n)
        return false;
    /* Semgrep's rules have the path of their file before them, Trivy's "AVD-" */
    char last = rule.n > id.n ? rule.p[rule.n - id.n - 1] : '.';
    struct sco_str end = sco_str_make(rule.p + rule.n - id.n, id.n);
    return (last == '.' || last == '-') && strncasecmp(id.p, end.p, id.n) == 0;
}

/* Whether what follows the marker speaks of the rule. Words that are no ids are an explanation. */
static bool names_rule(const struct marker *m, struct sco_str rest, struct sco_str rule)
{
    bool listed = m->wants_id || (rest.n && rest.p[0] == ':'), any = false;
    size_t i = 0;
    while (i < rest.n) {
        while (i < rest.n && (rest.p[i] == ' ' || rest.p[i] == ',' || rest.p[i] == '='))
            i++;
        if (i < rest.n && rest.p[i] == ':' && !any)
            i++;
        size_t from = i;
        bool digit = false;
        while (i < rest.n && is_id(rest.p[i]))
            digit |= rest.p[i] >= '0' && rest.p[i] <= '9', i++;
        if (i == from) {
            if (i < rest.n && rest.p[i] == ' ')
                continue;
            break;
        }
        if (!digit && !listed)
            continue;
        any = true;
        if (same_rule(sco_str_make(rest.p + from, i - from), rule))
            return true;
        if (m->wants_id && i < rest.n && rest.p[i] != ',')
            break; /* the reason follows */
    }
    return !any && !m->wants_id;
}

static bool line_has(const struct marker *m, struct sco_str line, struct sco_str rule,
                     struct sco_str *ret)
{
    size_t n = strlen(m->text);
    const char *at = line.n ? memmem(line.p, line.n, m->text, n) : NULL;
    if (!at || !begins_comment(sco_str_make(line.p, (size_t)(at - line.p))))
        return false;
    struct sco_str rest = sco_str_make(at + n, line.n - (size_t)(at + n - line.p));
    if (rest.n && is_id(rest.p[0]) && !m->wants_id) /* a longer word */
        return false;
    *ret = sco_str_trim(sco_str_make(at, line.n - (size_t)(at - line.p)));
    return names_rule(m, sco_str_trim(rest), rule);
}

static bool find_marker(struct sco_encoder *e, const struct marker *m, const struct norm *n,
                        struct sco_str *ret)
{
    int64_t from = m->where & AT_BEFORE ? n->line - 1 : n->line;
    int64_t end = n->end_line > n->line ? n->end_line : n->line;
    int64_t most = m->where & AT_BLOCK ? BLOCK_LINES : RANGE_LINES;
    if (end > n->line + most)
        end = n->line + most;
    if (!(m->where & (AT_LINES | AT_BLOCK)))
        end = from;
    for (int64_t line = from; line <= end; line++)
        if (line_has(m, enc_source_line(e, n, line), n->rule_id, ret))
            return true;
    return false;
}

void enc_inline(struct sco_encoder *e, struct norm *n)
{
    struct sco_str tool = n->tool_name.n ? n->tool_name : e->tool, text = {NULL, 0};
    if (n->n_suppressions || n->line <= 0 || !n->file_path.n || !tool.n)
        return;
    size_t i = 0;
    while (i < SCO_ARRAY_LEN(markers) && !sco_str_is_nocase(tool, markers[i].tool))
        i++;
    if (i == SCO_ARRAY_LEN(markers) || !find_marker(e, &markers[i], n, &text))
        return;
    struct sco_suppression *s = enc_alloc(e, sizeof *s);
    if (!s)
        return;
    s->kind = SCO_SUPPRESS_INLINE;
    s->reason = enc_line(e, text, 200, "suppressions");
    n->suppressions = s;
    n->n_suppressions = 1;
}
