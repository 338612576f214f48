/* The matrix of a stage: every combination of its values, without the excluded ones. */
#include "pipeline_priv.h"

enum { AXES_MAX = 8, VALUES_MAX = 64 };

struct axis {
    const char *name, *variable; /* "python", "MATRIX_PYTHON" */
    const struct sco_yaml *values[VALUES_MAX];
    size_t n;
};

static int take_axis(struct pipeline_reading *rd, const struct sco_yaml *m, struct axis *x)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_str name = m->key->text;
    if (!pipeline_is_variable(name))
        return pipeline_wrong(rd, m->key, "\"%.60s\" is no name: letters, digits and _", name.p);
    if (m->kind != SCO_YAML_LIST || !m->n || m->n > VALUES_MAX)
        return pipeline_wrong(rd, m, "a list of 1 to %d values is wanted", VALUES_MAX);
    sco_buf_addz(&b, "MATRIX_");
    for (size_t i = 0; i < name.n; i++)
        sco_buf_addc(&b, name.p[i] >= 'a' && name.p[i] <= 'z' ? (char)(name.p[i] - 32) : name.p[i]);
    x->name = name.p;
    x->variable = sco_arena_cstr(rd->arena, sco_buf_str(&b));
    if (b.failed || !x->variable)
        return sco_error_nomem(rd->err);
    for (const struct sco_yaml *v = m->child; v; v = v->next) {
        const char *text = NULL;
        int r = pipeline_text(rd, v, SCO_PIPELINE_NAME_MAX, &text);
        if (r < 0)
            return r;
        for (size_t i = 0; i < v->text.n; i++)
            if ((unsigned char)v->text.p[i] < ' ' || v->text.p[i] == 127)
                return pipeline_wrong(rd, v, "a value of a matrix is one line");
        for (size_t i = 0; i < x->n; i++)
            if (sco_str_eq(x->values[i]->text, v->text))
                return pipeline_wrong(rd, v, "\"%s\" is there twice", text);
        x->values[x->n++] = v;
    }
    return 0;
}

static int take_axes(struct pipeline_reading *rd, const struct sco_yaml *matrix, struct axis *axes,
                     size_t *n)
{
    size_t all = 1;
    if (matrix->kind != SCO_YAML_MAP || !matrix->n || matrix->n > AXES_MAX)
        return pipeline_wrong(rd, matrix, "a matrix is a map of 1 to %d lists", AXES_MAX);
    for (const struct sco_yaml *m = matrix->child; m; m = m->next, (*n)++) {
        int r = take_axis(rd, m, &axes[*n]);
        if (r < 0)
            return r;
        for (size_t i = 0; i < *n; i++)
            if (strcmp(axes[i].variable, axes[*n].variable) == 0)
                return pipeline_wrong(rd, m->key, "\"%s\" is \"%s\" in the same variable",
                                      axes[*n].name, axes[i].name);
        all *= axes[*n].n;
        if (all > SCO_PIPELINE_STAGES_MAX)
            return sco_yaml_error(rd->err, SCO_E_LIMIT, rd->file, matrix,
                                  "the matrix has more than %d combinations",
                                  SCO_PIPELINE_STAGES_MAX);
    }
    return 0;
}

static int check_exclude(struct pipeline_reading *rd, const struct sco_yaml *exclude,
                         const struct axis *axes, size_t n)
{
    if (exclude && exclude->kind != SCO_YAML_LIST)
        return pipeline_wrong(rd, exclude, "exclude is a list of maps");
    for (const struct sco_yaml *x = exclude ? exclude->child : NULL; x; x = x->next) {
        if (x->kind != SCO_YAML_MAP || !x->n)
            return pipeline_wrong(rd, x, "what is excluded is a map of values of the matrix");
        for (const struct sco_yaml *m = x->child; m; m = m->next) {
            size_t i = 0, k = 0;
            while (i < n && !sco_str_is(m->key->text, axes[i].name))
                i++;
            while (i < n && k < axes[i].n && !sco_str_eq(m->text, axes[i].values[k]->text))
                k++;
            if (i == n || k == axes[i].n || m->kind != SCO_YAML_SCALAR)
                return pipeline_wrong(rd, m, "the matrix has no such value");
        }
    }
    return 0;
}

static bool is_excluded(const struct sco_yaml *exclude, const struct axis *axes, size_t n,
                        const size_t *at)
{
    for (const struct sco_yaml *x = exclude ? exclude->child : NULL; x; x = x->next) {
        bool all = true;
        for (size_t i = 0; i < n; i++) {
            const struct sco_yaml *m = sco_yaml_get(x, sco_str_c(axes[i].name));
            all = all && (!m || sco_str_eq(m->text, axes[i].values[at[i]]->text));
        }
        if (all)
            return true;
    }
    return false;
}

static int combine(struct pipeline_reading *rd, const struct axis *axes, size_t n, const size_t *at,
                   const char *const *env, struct pipeline_combination *ret)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        const char *value = axes[i].values[at[i]]->text.p;
        sco_buf_addf(&b, "%s%s", i ? ", " : " (", value);
        r = pipeline_env_add(rd, env, axes[i].variable, value, &env);
    }
    sco_buf_addc(&b, ')');
    *ret = (struct pipeline_combination){sco_arena_cstr(rd->arena, sco_buf_str(&b)), env};
    return r < 0 ? r : b.failed || !ret->suffix ? sco_error_nomem(rd->err) : 0;
}

int pipeline_matrix(struct pipeline_reading *rd, const struct sco_yaml *matrix,
                    const struct sco_yaml *exclude, const char *const *env,
                    struct pipeline_combination **ret, size_t *ret_n)
{
    struct pipeline_combination *v =
        sco_arena_alloc(rd->arena, SCO_PIPELINE_STAGES_MAX * sizeof *v);
    struct axis *axes = sco_arena_alloc(rd->arena, AXES_MAX * sizeof *axes);
    size_t n_axes = 0, n = 0, at[AXES_MAX] = {0};
    if (!v || !axes)
        return sco_error_nomem(rd->err);
    if (!matrix && exclude)
        return pipeline_wrong(rd, exclude, "there is no matrix to exclude something of");
    int r = matrix ? take_axes(rd, matrix, axes, &n_axes) : 0;
    if (r == 0)
        r = check_exclude(rd, exclude, axes, n_axes);
    if (!matrix)
        v[n++] = (struct pipeline_combination){"", env};
    for (bool more = matrix; more && r == 0;) {
        if (!is_excluded(exclude, axes, n_axes, at))
            r = combine(rd, axes, n_axes, at, env, &v[n++]);
        size_t i = n_axes; /* the last one counts fastest */
        while (i > 0 && ++at[i - 1] == axes[i - 1].n)
            at[--i] = 0;
        more = i > 0;
    }
    if (r == 0 && !n)
        r = pipeline_wrong(rd, exclude, "nothing of the matrix is left");
    if (r == 0) {
        *ret = v;
        *ret_n = n;
    }
    return r;
}
