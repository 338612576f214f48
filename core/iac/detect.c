/* What a file is. The name decides where tools decide by the name (workflows, GitLab), the content
 * everywhere else: manifests are called anything. */
#include "detect_priv.h"

const char *const sco_iac_detect[] = {
    "*.yaml",
    "*.yml",
    "*.json",
    "Dockerfile",
    "Dockerfile[._-]*",
    "dockerfile",
    "dockerfile[._-]*",
    "*.Dockerfile",
    "*.dockerfile",
    "Containerfile",
    "Containerfile[._-]*",
    "*.Containerfile",
    "*.containerfile",
    "*.tfplan",
    "tfplan",
    "tfplan.*",
    "plan.out",
    NULL,
};

/* ---- names ---- */
struct name_rule {
    const char *pattern;
    enum iac_name name;
    enum sco_iac_format format;
};

static const struct name_rule rules[] = {
    {"**/*.dockerignore", IAC_NAME_NOTHING, SCO_IAC_FORMAT_NONE},
    {"**/{Dockerfile,dockerfile,Containerfile}", IAC_NAME_FORMAT, SCO_IAC_FORMAT_DOCKERFILE},
    {"**/{Dockerfile,Containerfile}.*", IAC_NAME_FORMAT, SCO_IAC_FORMAT_DOCKERFILE},
    {"**/*.{Dockerfile,dockerfile,Containerfile,containerfile}", IAC_NAME_FORMAT,
     SCO_IAC_FORMAT_DOCKERFILE},
    {"**/.github/workflows/*.{yml,yaml}", IAC_NAME_FORMAT, SCO_IAC_FORMAT_GITHUB_WORKFLOW},
    {"**/action.{yml,yaml}", IAC_NAME_FORMAT, SCO_IAC_FORMAT_GITHUB_ACTION},
    {"**/*.gitlab-ci.{yml,yaml}", IAC_NAME_FORMAT, SCO_IAC_FORMAT_GITLAB_CI},
    {"**/{docker-compose,compose}{,[._-]*}.{yml,yaml}", IAC_NAME_FORMAT, SCO_IAC_FORMAT_COMPOSE},
    {"**/*.{yml,yaml}", IAC_NAME_YAML, SCO_IAC_FORMAT_NONE},
    {"**/*.json", IAC_NAME_JSON, SCO_IAC_FORMAT_NONE},
    {"**/{*.tfplan,tfplan,plan.out,*.plan,tfplan.*,plan}", IAC_NAME_PLAN, SCO_IAC_FORMAT_NONE},
    /* Dockerfile-alpine is one, dockerfile.go is not: the content decides. */
    {"**/{Dockerfile,dockerfile,Containerfile}[._-]*", IAC_NAME_CONTENT, SCO_IAC_FORMAT_NONE},
};

/* Whether none of the words is there that the names of special files have. Nearly all files: the
 * patterns need not be tried. */
static bool is_ordinary(const char *path)
{
    static const char *const words[] = {".github/", "action.",   "gitlab-ci",
                                        "compose",  "ockerfile", "ontainerfile"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(words); i++)
        if (strstr(path, words[i]))
            return false;
    return true;
}

enum iac_name iac_name_of(const char *path, enum sco_iac_format *ret)
{
    struct sco_str name = sco_str_c(path);
    *ret = SCO_IAC_FORMAT_NONE;
    if (is_ordinary(path) && (sco_str_ends(name, ".yaml") || sco_str_ends(name, ".yml")))
        return IAC_NAME_YAML;
    for (size_t i = 0; i < SCO_ARRAY_LEN(rules); i++) {
        const char *rooted = rules[i].pattern + 3; /* without the leading folders */
        if (sco_glob_match(rules[i].pattern, sco_str_c(path)) ||
            sco_glob_match(rooted, sco_str_c(path))) {
            *ret = rules[i].format;
            return rules[i].name;
        }
    }
    return IAC_NAME_NOTHING;
}

/* ---- a look at the text ---- */
enum { KEY_API = 1, KEY_KIND = 2, KEY_SERVICES = 4, KEY_ON = 8, KEY_JOBS = 16, KEY_RUNS = 32 };

static unsigned key_bit(struct sco_str key)
{
    static const struct {
        const char *key;
        unsigned bit;
    } keys[] = {{"apiVersion", KEY_API}, {"kind", KEY_KIND}, {"services", KEY_SERVICES},
                {"on", KEY_ON},          {"true", KEY_ON},   {"jobs", KEY_JOBS},
                {"runs", KEY_RUNS}};
    if (key.n > 2 && (key.p[0] == '"' || key.p[0] == '\'') && key.p[key.n - 1] == key.p[0])
        key = sco_str_make(key.p + 1, key.n - 2);
    for (size_t i = 0; i < SCO_ARRAY_LEN(keys); i++)
        if (sco_str_is(key, keys[i].key))
            return keys[i].bit;
    return 0;
}

/* The keys that stand at column `indent`. */
static unsigned keys_at(struct sco_str text, size_t indent)
{
    struct sco_str line;
    unsigned bits = 0;
    while (sco_str_split(&text, '\n', &line)) {
        if (line.n > 4 && memcmp(line.p, "--- ", 4) == 0 && !indent)
            line = sco_str_make(line.p + 4, line.n - 4);
        size_t i = 0;
        while (i < line.n && line.p[i] == ' ')
            i++;
        const char *colon = i == indent ? memchr(line.p, ':', line.n) : NULL;
        if (colon)
            bits |= key_bit(sco_str_trim(sco_str_make(
                line.p + i, (size_t)(colon - line.p) > i ? (size_t)(colon - line.p) - i : 0)));
    }
    return bits;
}

/* Indentation of the first line that holds something. */
static size_t first_indent(struct sco_str text)
{
    struct sco_str line;
    while (sco_str_split(&text, '\n', &line)) {
        struct sco_str word = sco_str_trim(line);
        if (word.n && word.p[0] != '#' && word.p[0] != '{' && word.p[0] != '%' &&
            !sco_str_starts(word, "---"))
            return (size_t)(word.p - line.p);
    }
    return 0;
}

/* "{" as the first thing, "---", comments and empty lines aside; "{{" is a template. */
static bool starts_flow(struct sco_str text)
{
    struct sco_str line;
    while (sco_str_split(&text, '\n', &line)) {
        if (line.n >= 3 && memcmp(line.p, "---", 3) == 0)
            line = sco_str_make(line.p + 3, line.n - 3);
        line = sco_str_trim(line);
        if (line.n && line.p[0] != '#')
            return line.p[0] == '{' && (line.n < 2 || line.p[1] != '{');
    }
    return false;
}

enum sco_iac_format iac_sniff_yaml(struct sco_str text)
{
    static const char *const words[] = {"apiVersion", "services", "jobs", "runs"};
    bool any = false;
    for (size_t i = 0; i < SCO_ARRAY_LEN(words) && !any; i++)
        any = sco_str_contains(text, words[i]);
    if (!any)
        return SCO_IAC_FORMAT_NONE;
    unsigned bits = keys_at(text, 0);
    size_t indent = first_indent(text);
    if (indent)
        bits |= keys_at(text, indent);
    bool flow = starts_flow(text);
    if (flow) /* which keys stand at the top is not seen here: the tree will tell */
        bits = KEY_SERVICES | (sco_str_contains(text, "apiVersion") ? KEY_API | KEY_KIND : 0);
    if ((bits & (KEY_API | KEY_KIND)) == (KEY_API | KEY_KIND))
        return SCO_IAC_FORMAT_KUBERNETES;
    if ((bits & (KEY_ON | KEY_JOBS)) == (KEY_ON | KEY_JOBS))
        return SCO_IAC_FORMAT_GITHUB_WORKFLOW;
    if ((bits & KEY_RUNS) && sco_str_contains(text, "using"))
        return SCO_IAC_FORMAT_GITHUB_ACTION;
    return bits & KEY_SERVICES ? SCO_IAC_FORMAT_COMPOSE : SCO_IAC_FORMAT_NONE;
}

bool iac_sniff_objects(struct sco_str text)
{
    return sco_str_contains(text, "apiVersion") && sco_str_contains(text, "kind");
}

bool iac_sniff_pipeline(struct sco_str text)
{
    return sco_str_contains(text, "stages:") ||
           (sco_str_contains(text, "stage:") && sco_str_contains(text, "script:"));
}

enum sco_iac_format iac_sniff_json(struct sco_str text)
{
    if (sco_str_contains(text, "\"resource_changes\"") ||
        sco_str_contains(text, "\"planned_values\"") ||
        (sco_str_contains(text, "\"format_version\"") &&
         sco_str_contains(text, "\"configuration\"")))
        return SCO_IAC_FORMAT_TERRAFORM_PLAN;
    if (sco_str_contains(text, "\"apiVersion\"") && sco_str_contains(text, "\"kind\""))
        return SCO_IAC_FORMAT_KUBERNETES;
    if (sco_str_contains(text, "\"findings\"") && sco_str_contains(text, "\"scan\""))
        return SCO_IAC_FORMAT_SCAN;
    if (sco_str_contains(text, "\"services\"") && sco_str_contains(text, "\"image\""))
        return SCO_IAC_FORMAT_COMPOSE;
    return SCO_IAC_FORMAT_NONE;
}

bool iac_sniff_dockerfile(struct sco_str text)
{
    struct sco_str line;
    while (sco_str_split(&text, '\n', &line)) {
        line = sco_str_trim(line);
        if (!line.n || line.p[0] == '#')
            continue;
        size_t n = 0;
        while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t')
            n++;
        struct sco_str word = sco_str_make(line.p, n);
        return n < line.n && (sco_str_is_nocase(word, "FROM") || sco_str_is_nocase(word, "ARG"));
    }
    return false;
}

/* ---- trees ---- */
static const struct sco_iac_node *member(const struct sco_iac_node *v, const char *key,
                                         uint32_t type)
{
    v = sco_iac_get(v, key);
    return sco_iac_is(v, type) ? v : NULL;
}

static bool has_any(const struct sco_iac_node *v, const char *const *keys)
{
    for (; *keys; keys++)
        if (sco_iac_get(v, *keys))
            return true;
    return false;
}

/* Whether a value of the map has one of these keys. */
static bool child_has_any(const struct sco_iac_node *map, const char *const *keys)
{
    for (uint32_t i = 0; map && i < map->n; i++)
        if (map->member[i].value.type == SCO_IAC_MAP && has_any(&map->member[i].value, keys))
            return true;
    return false;
}

static bool is_workflow(const struct sco_iac_node *root)
{
    static const char *const keys[] = {"steps", "uses", "runs-on", NULL};
    return (sco_iac_get(root, "on") || sco_iac_get(root, "true")) &&
           child_has_any(member(root, "jobs", SCO_IAC_MAP), keys);
}

static bool is_compose(const struct sco_iac_node *root)
{
    static const char *const keys[] = {"image", "build", "extends", "container_name", NULL};
    const struct sco_iac_node *services = member(root, "services", SCO_IAC_MAP);
    return child_has_any(services, keys) || (services && sco_iac_get(root, "version"));
}

static bool is_gitlab(const struct sco_iac_node *root)
{
    static const char *const keys[] = {"script", "trigger", NULL};
    const struct sco_iac_node *stages = member(root, "stages", SCO_IAC_LIST);
    if (stages)
        return sco_iac_is(sco_iac_at(stages, 0), SCO_IAC_STR) && child_has_any(root, keys);
    for (uint32_t i = 0; i < root->n; i++) { /* a part that others include: jobs of a stage */
        const struct sco_iac_node *job = &root->member[i].value;
        if (member(job, "stage", SCO_IAC_STR) && sco_iac_get(job, "script"))
            return true;
    }
    return false;
}

/* Also without format_version: the reader of plans says what is wrong then. */
bool iac_is_plan(const struct sco_iac_node *root)
{
    return sco_iac_get(root, "resource_changes") || sco_iac_get(root, "planned_values") ||
           (sco_iac_get(root, "format_version") && sco_iac_get(root, "configuration"));
}

enum sco_iac_format iac_detect(const struct sco_iac_node *root, enum sco_iac_format named)
{
    if (root->type != SCO_IAC_MAP)
        return named;
    if (member(root, "apiVersion", SCO_IAC_STR) && member(root, "kind", SCO_IAC_STR))
        return SCO_IAC_FORMAT_KUBERNETES;
    if (is_workflow(root))
        return SCO_IAC_FORMAT_GITHUB_WORKFLOW;
    if (sco_iac_path(root, "runs.using"))
        return SCO_IAC_FORMAT_GITHUB_ACTION;
    if (iac_is_plan(root))
        return SCO_IAC_FORMAT_TERRAFORM_PLAN;
    if (member(root, "scan", SCO_IAC_MAP) && member(root, "findings", SCO_IAC_LIST) &&
        sco_iac_get(root, "version"))
        return SCO_IAC_FORMAT_SCAN;
    if (is_compose(root))
        return SCO_IAC_FORMAT_COMPOSE;
    if (named != SCO_IAC_FORMAT_NONE)
        return named;
    return is_gitlab(root) ? SCO_IAC_FORMAT_GITLAB_CI : SCO_IAC_FORMAT_NONE;
}
