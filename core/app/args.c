/* Arguments: long and short flags from a table, operands, help from the same table. */
#include "cli_priv.h"

static const struct flag *find_long(const struct command *cmd, struct sco_str name)
{
    for (const struct flag *f = cmd->flags; f && f->name; f++)
        if (sco_str_is(name, f->name))
            return f;
    return NULL;
}

static const struct flag *find_short(const struct command *cmd, char letter)
{
    for (const struct flag *f = cmd->flags; f && f->name; f++)
        if (f->letter && f->letter == letter)
            return f;
    return NULL;
}

static int unknown(const struct command *cmd, const char *arg, struct sco_error *err)
{
    const char *names[64];
    size_t n = 0;
    for (const struct flag *f = cmd->flags; f && f->name && n < SCO_ARRAY_LEN(names); f++)
        names[n++] = f->name;
    struct sco_str word = sco_str_c(arg + strspn(arg, "-"));
    word.n = strcspn(word.p, "=");
    const char *near = sco_str_nearest(word, names, n);
    int shown = (int)(word.p + word.n - arg); /* without its value, which may be a secret */
    return sco_error_set(
        err, SCO_E_INVALID, "unknown option %.*s%s%s%s; \"secureops %s --help\" lists the options",
        shown, arg, near ? ", did you mean --" : "", near ? near : "", near ? "?" : "", cmd->name);
}

static int apply(struct cli *c, const struct flag *f, const char *value, struct sco_error *err)
{
    char origin[64];
    c->given |= (uint64_t)1 << (f - c->command->flags);
    snprintf(origin, sizeof origin, "--%s", f->name);
    if (f->id) {
        c->values[f->id] = value;
        if (c->lists[f->id].n)
            sco_buf_addc(&c->lists[f->id], ',');
        sco_buf_addz(&c->lists[f->id], value);
        if (sco_buf_check(&c->lists[f->id], err) < 0)
            return SCO_E_NOMEM;
    }
    if (f->id == ARG_SET) {
        const char *eq = strchr(value, '=');
        char *path =
            eq ? sco_arena_cstr(&c->arena, sco_str_make(value, (size_t)(eq - value))) : NULL;
        if (!path)
            return sco_error_set(err, SCO_E_INVALID, "--set wants NAME=VALUE, not \"%s\"", value);
        return sco_config_set(&c->input, path, eq + 1, origin, err);
    }
    return f->config ? sco_config_set(&c->input, f->config, value, origin, err) : 0;
}

static int take_long(struct cli *c, char **argv, int argc, int *i, struct sco_error *err)
{
    const char *arg = argv[*i], *eq = strchr(arg, '=');
    struct sco_str name = sco_str_make(arg + 2, eq ? (size_t)(eq - arg - 2) : strlen(arg + 2));
    const struct flag *f = find_long(c->command, name);
    if (!f)
        return unknown(c->command, arg, err);
    if (!f->arg) {
        if (eq)
            return sco_error_set(err, SCO_E_INVALID, "--%s takes no value", f->name);
        return apply(c, f, "true", err);
    }
    if (eq)
        return apply(c, f, eq + 1, err);
    if (f->arg[0] == '[') /* the value may be left out, and comes after "=" only */
        return apply(c, f, "", err);
    if (*i + 1 >= argc)
        return sco_error_set(err, SCO_E_INVALID, "--%s wants a value: --%s %s", f->name, f->name,
                             f->arg);
    return apply(c, f, argv[++*i], err);
}

static int take_short(struct cli *c, char **argv, int argc, int *i, struct sco_error *err)
{
    for (const char *p = argv[*i] + 1; *p; p++) {
        const struct flag *f = find_short(c->command, *p);
        int r;
        if (!f)
            return unknown(c->command, (char[]){'-', *p, 0}, err);
        if (!f->arg) {
            if ((r = apply(c, f, "true", err)) < 0)
                return r;
            continue;
        }
        if (p[1])
            return apply(c, f, p + 1, err);
        if (*i + 1 >= argc)
            return sco_error_set(err, SCO_E_INVALID, "-%c wants a value: -%c %s", *p, *p, f->arg);
        return apply(c, f, argv[++*i], err);
    }
    return 0;
}

int args_parse(struct cli *c, int argc, char **argv, struct sco_error *err)
{
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        int r = 0;
        if (!only_operands && strcmp(a, "--") == 0) {
            only_operands = true;
        } else if (!only_operands && a[0] == '-' && a[1] == '-') {
            r = take_long(c, argv, argc, &i, err);
        } else if (!only_operands && a[0] == '-' && a[1]) {
            r = take_short(c, argv, argc, &i, err);
        } else {
            if (SCO_VEC_PUSH(c->operands, c->n_operands, c->cap_operands) < 0)
                return sco_error_nomem(err);
            c->operands[c->n_operands++] = a;
        }
        if (r < 0)
            return r;
    }
    return 0;
}

bool args_has(const struct cli *c, int id)
{
    return c->values[id] != NULL;
}

int args_want_json(const struct cli *c, bool *ret, struct sco_error *err)
{
    const char *format = args_has(c, ARG_FORMAT) ? c->values[ARG_FORMAT] : "table";
    *ret = strcmp(format, "json") == 0;
    if (*ret || strcmp(format, "table") == 0)
        return 0;
    return sco_error_set(err, SCO_E_INVALID,
                         "--format: expected table or json for \"secureops %s\", got \"%s\"",
                         c->command->name, format);
}

void args_help(const struct command *command, FILE *out)
{
    fprintf(out, "Usage: secureops %s%s%s\n\n%s\n", command->name, command->args[0] ? " " : "",
            command->args, command->summary);
    if (command->details)
        fprintf(out, "\n%s\n", command->details);
    if (command->flags)
        fprintf(out, "\nOptions:\n");
    for (const struct flag *f = command->flags; f && f->name; f++) {
        char left[64];
        snprintf(left, sizeof left, "%c%c%s--%s%s%s", f->letter ? '-' : ' ',
                 f->letter ? f->letter : ' ', f->letter ? ", " : "  ", f->name,
                 f->arg && f->arg[0] != '[' ? " " : "", f->arg ? f->arg : "");
        fprintf(out, "  %-30s %s\n", left, f->help);
    }
}
