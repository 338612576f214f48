/* Rules: name, description, CWEs and links, kept once for all issues. Descriptions are HTML, or
 * Markdown in custom rules; both become plain text. */
#include "sonar_priv.h"

enum { SLOTS = 65536 }; /* a power of 2 above twice SONAR_RULES_MAX */

struct sonar_rules {
    struct sonar_rule *slots[SLOTS];
    size_t n;
};

static size_t hash_of(const struct sonar *s, struct sco_str key)
{
    uint64_t h = 14695981039346656037u ^ ((uint64_t)(uintptr_t)s->rules >> 4);
    for (size_t i = 0; i < key.n; i++)
        h = (h ^ (unsigned char)key.p[i]) * 1099511628211u;
    return (size_t)(h ^ (h >> 29)) & (SLOTS - 1);
}

static struct sonar_rule **slot_of(struct sonar *s, struct sco_str key)
{
    size_t at = hash_of(s, key);
    while (s->rules->slots[at] && !sco_str_eq(s->rules->slots[at]->key, key))
        at = (at + 1) & (SLOTS - 1);
    return &s->rules->slots[at];
}

struct sonar_rule *sonar_rule_find(struct sonar *s, struct sco_str key)
{
    return s->rules ? *slot_of(s, key) : NULL;
}

static struct sco_str keep(const struct sco_host *h, struct sco_str t, size_t max)
{
    if (t.n > max)
        t.n = max;
    const char *p = t.n ? sco_cstr(h, t) : NULL;
    return sco_str_make(p, p ? t.n : 0);
}

struct sonar_rule *sonar_rule_make(struct sonar *s, struct sco_str key)
{
    if (!s->rules && !(s->rules = s->h->alloc(s->h, sizeof *s->rules)))
        return NULL;
    struct sonar_rule **slot = slot_of(s, key), *made;
    if (*slot)
        return *slot;
    if (s->rules->n == SONAR_RULES_MAX || !(made = s->h->alloc(s->h, sizeof *made)))
        return NULL;
    made->key = keep(s->h, key, 512);
    *slot = made;
    s->rules->n++;
    return made;
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void add_cwe(struct sonar *s, struct sonar_rule *r, struct sco_str number)
{
    while (number.n > 1 && number.p[0] == '0')
        number = sco_str_make(number.p + 1, number.n - 1);
    for (size_t i = 0; i < r->n_cwes; i++)
        if (sco_str_eq(r->cwes[i], number))
            return;
    if (number.n && number.n < 6 && r->n_cwes < SONAR_CWES_MAX)
        r->cwes[r->n_cwes++] = keep(s->h, number, 8);
}

/* Each "CWE-123" in a text. */
static void find_cwes(struct sonar *s, struct sonar_rule *r, struct sco_str text)
{
    for (size_t i = 0; i + 4 < text.n; i++) {
        if (memcmp(text.p + i, "CWE-", 4) != 0)
            continue;
        size_t k = i + 4;
        while (k < text.n && is_digit(text.p[k]))
            k++;
        add_cwe(s, r, sco_str_make(text.p + i + 4, k - i - 4));
        i = k - 1;
    }
}

static void find_links(struct sonar *s, struct sonar_rule *r, struct sco_str text)
{
    struct sco_str urls[SONAR_REFERENCES_MAX];
    size_t n = html_urls(text, urls, SONAR_REFERENCES_MAX);
    for (size_t i = 0; i < n && r->n_references < SONAR_REFERENCES_MAX; i++) {
        size_t k = 0;
        while (urls[i].n && strchr(").,]", urls[i].p[urls[i].n - 1]))
            urls[i].n--; /* Markdown's brackets */
        while (k < r->n_references && !sco_str_eq(r->references[k], urls[i]))
            k++;
        if (k == r->n_references)
            r->references[r->n_references++] = keep(s->h, urls[i], 2048);
    }
}

static int is_html(struct sco_str s)
{
    return s.n &&
           (memmem(s.p, s.n, "</", 2) || memmem(s.p, s.n, "<p", 2) || memmem(s.p, s.n, "<br", 3));
}

void sonar_rule_add(struct sonar *s, struct sonar_rule *r, struct sco_str text, int remediation)
{
    if (!text.n)
        return;
    find_cwes(s, r, text);
    find_links(s, r, text);
    struct sco_str *slot = remediation ? &r->remediation : &r->description;
    struct sco_str plain = is_html(text) ? html_text(s->h, text) : text;
    *slot = keep(s->h, rep_both(s->h, *slot, "\n\n", plain), SONAR_RULE_TEXT_MAX);
}

/* "cwe:79" in securityStandards; "cwe-937" in sysTags. */
static void read_standards(struct sonar *s, struct sonar_rule *r, const struct sco_node *list)
{
    SCO_EACH (item, list) {
        struct sco_str t = sco_text(item);
        if (t.n > 4 && (sco_str_starts(t, "cwe:") || sco_str_starts(t, "cwe-")) && is_digit(t.p[4]))
            add_cwe(s, r, sco_str_make(t.p + 4, t.n - 4));
    }
}

/* Newer servers cut the description into sections. */
static void read_sections(struct sonar *s, struct sonar_rule *r, const struct sco_node *list)
{
    SCO_EACH (section, list) {
        int fix = sco_str_is(sco_text(sco_get(section, "key")), "how_to_fix");
        sonar_rule_add(s, r, sco_text(sco_get(section, "content")), fix);
    }
}

void sonar_rule_read(struct sonar *s, struct sonar_rule *r, const struct sco_node *node)
{
    struct sco_str html = sco_text(sco_get(node, "htmlDesc"));
    if (!r->name.n)
        r->name = keep(s->h, sco_text(sco_get(node, "name")), 500);
    sonar_rule_add(s, r, html.n ? html : sco_text(sco_get(node, "mdDesc")), 0);
    if (!r->description.n)
        read_sections(s, r, sco_get(node, "descriptionSections"));
    /* of a hotspot */
    sonar_rule_add(s, r, sco_text(sco_get(node, "riskDescription")), 0);
    sonar_rule_add(s, r, sco_text(sco_get(node, "vulnerabilityDescription")), 0);
    sonar_rule_add(s, r, sco_text(sco_get(node, "fixRecommendations")), 1);
    read_standards(s, r, sco_get(node, "securityStandards"));
    read_standards(s, r, sco_get(node, "sysTags"));
}
