/* What the tables of a descriptor cannot say: words, placeholders, paths, and what goes with what.
 */
#include "descriptor_priv.h"

enum {
    NAME_MAX_LEN = 64,
    PATH_PARTS_MAX = 32, /* of a path into the report */
};

static const char *const severities[] = {"CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"};
static const char *const types[] = {"SAST", "SCA", "DAST", "IAC", "SECRET", "LICENSE", "QUALITY"};
static const char *const targets[] = {"directory", "git", "image", "sbom", "url", "plan", "file"};

/* Placeholders of an argument; the last two stand for arguments, in `command` alone. */
static const char *const places[] = {"target", "report", "work_dir", "cache_dir", "program",
                                     "jobs",   "files",  "options",  NULL};
enum { PLACE_TARGET = 1, PLACE_REPORT = 2, PLACE_FILES = 1 << 6, PLACE_OPTIONS = 1 << 7 };
enum { N_PLACES = 8 };

static bool in_list(struct sco_str_list l, struct sco_str s)
{
    for (size_t i = 0; i < l.n; i++)
        if (sco_str_eq(l.v[i], s))
            return true;
    return false;
}

static bool in_names(const char *const *names, size_t n, struct sco_str s)
{
    for (size_t i = 0; i < n; i++)
        if (sco_str_is(s, names[i]))
            return true;
    return false;
}

/* "WHAT "x" is not known; did you mean y?" */
static int refuse_word(struct reading *r, const struct sco_yaml *at, const char *what,
                       struct sco_str word, const char *const *names, size_t n)
{
    const char *near = sco_str_nearest(word, names, n);
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    for (size_t i = 0; i < n; i++)
        sco_buf_addf(&b, "%s%s", i ? ", " : "", names[i]);
    return REFUSE(r, at, "%s: \"%.*s\" is none of %s%s%s%s", what, word.n > 80 ? 80 : (int)word.n,
                  word.p, sco_buf_z(&b), near ? "; did you mean " : "", near ? near : "",
                  near ? "?" : "");
}

/* ---- who it is ---- */
static int check_name(struct reading *r)
{
    struct sco_str name = descriptor_value(r, SCANNER, "name")->text;
    struct sco_str file = sco_path_base(sco_str_c(r->file));
    if (sco_str_ends(file, ".yaml"))
        file.n -= strlen(".yaml");
    if (!name.n || name.n > NAME_MAX_LEN || name.p[0] == '-' ||
        strspn(name.p, "abcdefghijklmnopqrstuvwxyz0123456789-") != name.n)
        return REFUSE(r, descriptor_node(r, SCANNER, "name"),
                      "name: expected up to %d lower-case letters, digits and hyphens",
                      NAME_MAX_LEN);
    if (!sco_str_eq(name, file))
        return REFUSE(r, descriptor_node(r, SCANNER, "name"),
                      "name: the scanner calls itself \"%.*s\", its file must be %.*s.yaml",
                      SCO_STR_ARG(name), SCO_STR_ARG(name));
    return 0;
}

static int check_words(struct reading *r, const char *key, const char *const *names, size_t n)
{
    struct sco_str_list l = descriptor_value(r, SCANNER, key)->list;
    if (!l.n)
        return REFUSE(r, descriptor_item(r, SCANNER, key, 0), "%s: expected one at least", key);
    for (size_t i = 0; i < l.n; i++)
        if (!in_names(names, n, l.v[i]))
            return refuse_word(r, descriptor_item(r, SCANNER, key, i), key, l.v[i], names, n);
    return 0;
}

/* A relative path would be looked for in the current folder, which may be the scanned one. */
static int check_programs(struct reading *r)
{
    struct sco_str_list l = descriptor_value(r, SCANNER, "programs")->list;
    if (!l.n)
        return REFUSE(r, descriptor_item(r, SCANNER, "programs", 0),
                      "programs: expected one at least");
    for (size_t i = 0; i < l.n; i++)
        if (!l.v[i].n || (l.v[i].p[0] != '/' && memchr(l.v[i].p, '/', l.v[i].n)))
            return REFUSE(r, descriptor_item(r, SCANNER, "programs", i),
                          "programs: expected a name without folder, or an absolute path");
    return 0;
}

/* Without one, the type is that of the only thing that the scanner finds. */
static int check_type(struct reading *r, bool sarif)
{
    struct sco_str_list finds = descriptor_value(r, SCANNER, "finds")->list;
    const struct sco_value *type = descriptor_value(r, SCANNER, "type");
    const struct sco_yaml *at = descriptor_node(r, SCANNER, "type");
    if (!type->set && !sarif && finds.n != 1)
        return REFUSE(r, descriptor_node(r, SCANNER, "finds"),
                      "type is required where finds has several: which one is a finding?");
    if (!type->set) {
        r->type = sarif ? NULL : finds.v[0].p;
        return 0;
    }
    if (!in_names(types, SCO_ARRAY_LEN(types), type->text))
        return refuse_word(r, at, "type", type->text, types, SCO_ARRAY_LEN(types));
    if (!in_list(finds, type->text))
        return REFUSE(r, at, "type: %.*s is not in finds", SCO_STR_ARG(type->text));
    r->type = type->text.p;
    return 0;
}

/* ---- command ---- */
/* The bit of a placeholder at the start of s, and its length; 0: there is none, -1: not a known
 * one. Braces around anything but lower-case letters stand for themselves. */
static int place_at(struct sco_str s, size_t *ret_len)
{
    size_t n = 1;
    if (s.p[0] != '{')
        return 0;
    while (n < s.n && ((s.p[n] >= 'a' && s.p[n] <= 'z') || s.p[n] == '_'))
        n++;
    if (n == 1 || n == s.n || s.p[n] != '}')
        return 0;
    *ret_len = n + 1;
    for (int i = 0; i < N_PLACES; i++)
        if (sco_str_is(sco_str_make(s.p + 1, n - 1), places[i]))
            return 1 << i;
    return -1;
}

/* Adds the placeholders in a text to *seen. `allowed`: the bits that may stand in it. */
static int check_places(struct reading *r, const struct sco_yaml *at, struct sco_str text,
                        int allowed, int *seen)
{
    for (size_t i = 0, n = 0; i < text.n; i++) {
        struct sco_str rest = sco_str_make(text.p + i, text.n - i);
        int bit = place_at(rest, &n);
        if (bit < 0)
            return refuse_word(r, at, "placeholder", sco_str_make(rest.p + 1, n - 2), places,
                               N_PLACES);
        if (bit & ~allowed)
            return REFUSE(r, at, "%.*s has no meaning here", (int)n, rest.p);
        if (bit >= PLACE_FILES && text.n != n)
            return REFUSE(r, at, "%.*s stands for whole arguments: write it as one of its own",
                          (int)n, rest.p);
        if (bit >= PLACE_FILES && *seen & bit)
            return REFUSE(r, at, "%.*s is there twice", (int)n, rest.p);
        *seen |= bit;
    }
    return 0;
}

static int check_arguments(struct reading *r, const char *key, int allowed, int *seen)
{
    struct sco_str_list l = descriptor_value(r, SCANNER, key)->list;
    int e = 0;
    for (size_t i = 0; i < l.n && e == 0; i++)
        e = check_places(r, descriptor_item(r, SCANNER, key, i), l.v[i], allowed, seen);
    return e;
}

static bool env_name_ok(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool digit = c >= '0' && c <= '9';
        if (!(c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (digit && i)))
            return false;
    }
    return s.n > 0;
}

static int check_env(struct reading *r, int *seen)
{
    for (const struct sco_yaml *c = r->map[ENV] ? r->map[ENV]->child : NULL; c; c = c->next) {
        if (!env_name_ok(c->key->text))
            return REFUSE(r, c->key, "env: expected the name of a variable");
        if (c->kind != SCO_YAML_SCALAR || sco_yaml_is_null(c) || memchr(c->text.p, 0, c->text.n))
            return REFUSE(r, c, "env: expected text, got %s", sco_yaml_kind_name(c));
        int e = check_places(r, c, c->text, PLACE_FILES - 1, seen);
        if (e < 0)
            return e;
    }
    return 0;
}

static int check_program_of(struct reading *r)
{
    struct sco_str_list command = descriptor_value(r, SCANNER, "command")->list;
    struct sco_str_list programs = descriptor_value(r, SCANNER, "programs")->list;
    if (!command.n)
        return REFUSE(r, descriptor_item(r, SCANNER, "command", 0),
                      "command: expected one at least");
    if (sco_str_is(command.v[0], "{program}") || in_list(programs, command.v[0]))
        return 0;
    return REFUSE(r, descriptor_item(r, SCANNER, "command", 0),
                  "command: the first must be {program} or one of programs, as %.*s",
                  SCO_STR_ARG(programs.v[0]));
}

static int check_command(struct reading *r)
{
    const struct sco_yaml *at = descriptor_node(r, SCANNER, "command");
    bool from_stdout = sco_str_is(descriptor_value(r, REPORT, "from")->text, "stdout");
    bool in_target = sco_str_is(descriptor_value(r, SCANNER, "cwd")->text, "target");
    int seen = 0, e = check_program_of(r);
    if (e < 0 || (e = check_arguments(r, "command", (1 << N_PLACES) - 1, &seen)) < 0 ||
        (e = check_env(r, &seen)) < 0)
        return e;
    if (!(seen & (PLACE_TARGET | PLACE_FILES)) && !in_target)
        return REFUSE(r, at,
                      "command: nothing names what is scanned: {target}, {files}, or cwd: "
                      "target");
    if (seen & PLACE_FILES && !descriptor_value(r, SCANNER, "detect")->list.n)
        return REFUSE(r, at, "command: {files} are those that detect matches, and it is absent");
    if (!(seen & PLACE_REPORT) && !from_stdout)
        return REFUSE(r, at,
                      "command: nothing names the report: {report}, or report: {from: "
                      "stdout}");
    if (seen & PLACE_REPORT && from_stdout)
        return REFUSE(r, at, "command: {report} has no meaning with report: {from: stdout}");
    return check_arguments(r, "when_offline", PLACE_FILES - 1, &seen);
}

static int check_exclude(struct reading *r)
{
    if (!r->map[EXCLUDE])
        return 0;
    struct sco_str pattern = descriptor_value(r, EXCLUDE, "pattern")->text;
    if (!sco_str_contains(pattern, "{dir}"))
        return REFUSE(r, descriptor_node(r, EXCLUDE, "pattern"),
                      "exclude.pattern: expected {dir} in it");
    return 0;
}

/* ---- what it says ---- */
static int check_exit_codes(struct reading *r)
{
    static const char *const keys[] = {"ok", "incomplete"};
    bool seen[256] = {false};
    for (size_t k = 0; k < SCO_ARRAY_LEN(keys); k++) {
        struct sco_str_list l = descriptor_value(r, EXIT_CODES, keys[k])->list;
        for (size_t i = 0; i < l.n; i++) {
            int64_t code;
            const struct sco_yaml *at =
                r->map[EXIT_CODES] ? descriptor_item(r, EXIT_CODES, keys[k], i) : r->root;
            if (sco_parse_i64(l.v[i], 0, 255, &code) < 0)
                return REFUSE(r, at, "exit_codes.%s: expected 0 to 255", keys[k]);
            if (seen[code])
                return REFUSE(r, at, "exit_codes: %d is there twice", (int)code);
            seen[code] = true;
        }
    }
    return 0;
}

/* Names and numbers with dots between. */
static int check_path(struct reading *r, const struct sco_yaml *at, struct sco_str path)
{
    struct sco_str rest = path, part;
    size_t n = 0;
    bool ok = path.n > 0 && path.p[path.n - 1] != '.';
    while (ok && sco_str_split(&rest, '.', &part))
        ok = part.n && ++n <= PATH_PARTS_MAX;
    return ok ? 0
              : REFUSE(r, at, "expected a path of names with dots between, up to %d",
                       PATH_PARTS_MAX);
}

/* Only these are texts that may be put together. */
static bool is_text_field(const char *name)
{
    static const char *const others[] = {"line", "end_line", "column",    "end_column",
                                         "cwe",  "cve",      "references"};
    return !in_names(others, SCO_ARRAY_LEN(others), sco_str_c(name));
}

/* A path, or a text with paths in braces. */
static int check_field(struct reading *r, const char *name, struct sco_str text)
{
    const struct sco_yaml *at = descriptor_node(r, FIELDS, name);
    if (!text.n || !memchr(text.p, '{', text.n))
        return check_path(r, at, text);
    if (!is_text_field(name))
        return REFUSE(r, at, "%s takes one path, without braces", name);
    for (size_t i = 0; i < text.n; i++) {
        struct sco_str rest = sco_str_make(text.p + i, text.n - i), path;
        if (rest.p[0] != '{')
            continue;
        if (!memchr(rest.p, '}', rest.n))
            return REFUSE(r, at, "a path is not closed: expected }");
        rest = sco_str_make(rest.p + 1, rest.n - 1);
        sco_str_split(&rest, '}', &path);
        int e = check_path(r, at, path);
        if (e < 0)
            return e;
        i += path.n + 1;
    }
    return 0;
}

static int check_fields(struct reading *r)
{
    const struct sco_values *v = &r->v[FIELDS];
    int e = 0;
    for (size_t i = 0; i < v->n && e == 0; i++)
        e = v->v[i].set ? check_field(r, v->table[i].name, v->v[i].text) : 0;
    return e;
}

static int check_severities(struct reading *r)
{
    const struct sco_yaml *map = r->map[SEVERITY_MAP];
    for (const struct sco_yaml *c = map ? map->child : NULL; c; c = c->next) {
        if (memchr(c->key->text.p, 0, c->key->text.n))
            return REFUSE(r, c->key, "severity_map: expected a word of the tool");
        if (c->kind != SCO_YAML_SCALAR)
            return REFUSE(r, c, "severity_map: expected a severity, got %s", sco_yaml_kind_name(c));
        if (sco_severity_parse(c->text) == SCO_SEV_UNKNOWN)
            return refuse_word(r, c, "severity_map", c->text, severities,
                               SCO_ARRAY_LEN(severities));
    }
    return 0;
}

/* What a SARIF log says by itself. */
static int refuse_json_keys(struct reading *r)
{
    static const char *const keys[] = {"findings", "null_is_empty", "error_rules", "fields",
                                       "errors",   "sniff",         "severity_map"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(keys); i++) {
        const struct sco_yaml *node = descriptor_node(r, SCANNER, keys[i]);
        if (node)
            return REFUSE(r, node->key, "%s is for reports of format json", keys[i]);
    }
    return 0;
}

static int check_json(struct reading *r)
{
    const struct sco_value *findings = descriptor_value(r, SCANNER, "findings");
    const struct sco_value *errors = descriptor_value(r, SCANNER, "errors");
    int e = 0;
    if (!findings->set || !r->map[FIELDS])
        return REFUSE(r, r->map[REPORT], "reports of format json need %s",
                      findings->set ? "fields" : "findings: the path of the list");
    if (!sco_str_is(findings->text, "."))
        e = check_path(r, descriptor_node(r, SCANNER, "findings"), findings->text);
    if (e == 0 && errors->set)
        e = check_path(r, descriptor_node(r, SCANNER, "errors"), errors->text);
    if (e == 0 && r->map[SNIFF] && !descriptor_value(r, SNIFF, "keys")->list.n)
        e = REFUSE(r, descriptor_item(r, SNIFF, "keys", 0), "sniff.keys: expected one at least");
    if (e == 0)
        e = check_fields(r);
    return e == 0 ? check_severities(r) : e;
}

int descriptor_check(struct reading *r)
{
    int e = check_name(r);
    if (e == 0 && !r->map[REPORT])
        e = REFUSE(r, r->root, "report is required, but not given");
    if (e < 0)
        return e;
    bool sarif = sco_str_is(descriptor_value(r, REPORT, "format")->text, "sarif");
    if ((e = check_words(r, "finds", types, SCO_ARRAY_LEN(types))) < 0 ||
        (e = check_words(r, "targets", targets, SCO_ARRAY_LEN(targets))) < 0 ||
        (e = check_programs(r)) < 0 || (e = check_command(r)) < 0 || (e = check_exclude(r)) < 0 ||
        (e = check_exit_codes(r)) < 0 || (e = check_type(r, sarif)) < 0)
        return e;
    return sarif ? refuse_json_keys(r) : check_json(r);
}
