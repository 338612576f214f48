/* Module instances and the configuration behind them. The configuration knows no instance keys:
 * module.a["x"].module.b[0] is root_module.module_calls.a.module.module_calls.b.module. */
#include "plan_priv.h"

static const struct sco_iac_node *root_config(const struct plan *p)
{
    return sco_iac_get(sco_iac_get(p->root, "configuration"), "root_module");
}

/* The key of p->config: the module's configuration, and an address in it. */
static void **config_place(struct plan *p, const struct sco_iac_node *config, const char *prefix,
                           struct sco_str address)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    sco_buf_add(&key, sco_str_make((const char *)&config, sizeof config));
    sco_buf_addz(&key, prefix);
    sco_buf_add(&key, address);
    return key.failed ? NULL : sco_map_put(&p->config, sco_buf_str(&key), NULL);
}

static int config_get(const struct plan *p, const struct sco_iac_node *config, const char *prefix,
                      struct sco_str address, const struct sco_iac_node **ret)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    sco_buf_add(&key, sco_str_make((const char *)&config, sizeof config));
    sco_buf_addz(&key, prefix);
    sco_buf_add(&key, address);
    if (key.failed)
        return SCO_E_NOMEM;
    *ret = sco_map_get(&p->config, sco_buf_str(&key));
    return 0;
}

/* Puts the resources and calls of a module into p->config, once for all its instances. Resources
 * are written "data.aws_x.y" or "aws_x.y", calls get "module." before their name. */
static int index_config(struct plan *p, const struct sco_iac_node *config)
{
    struct sco_str self = sco_str_make((const char *)&config, sizeof config);
    if (!config || sco_map_has(&p->config, self))
        return 0;
    void **place = sco_map_put(&p->config, self, NULL);
    if (!place)
        return SCO_E_NOMEM;
    *place = (void *)config;
    const struct sco_iac_node *resources = sco_iac_get(config, "resources"), *v;
    for (size_t i = 0; (v = sco_iac_at(resources, i)); i++) {
        struct sco_str address = sco_iac_text(sco_iac_get(v, "address"));
        if (!(place = config_place(p, config, "", address)))
            return SCO_E_NOMEM;
        *place = (void *)v;
    }
    const struct sco_iac_node *calls = sco_iac_get(config, "module_calls");
    for (uint32_t i = 0; sco_iac_is(calls, SCO_IAC_MAP) && i < calls->n; i++) {
        const struct sco_iac_member *m = &calls->member[i];
        if (!(place = config_place(p, config, "module.", sco_str_make(m->key, m->key_n))))
            return SCO_E_NOMEM;
        *place = (void *)&m->value;
    }
    return 0;
}

int plan_configuration(struct plan *p, const struct plan_module *m, struct sco_str relative,
                       const struct sco_iac_node **ret)
{
    *ret = NULL;
    return m->config ? config_get(p, m->config, "", relative, ret) : 0;
}

/* The instance at `address`, whose last step is `name` and `key`. */
static struct plan_module *make(struct plan *p, struct sco_str address, struct plan_module *parent,
                                struct sco_str name, struct sco_str key)
{
    void **place = sco_map_put(&p->modules, address, NULL);
    struct plan_module *m = place ? sco_arena_alloc(&p->scratch, sizeof *m) : NULL;
    if (!m)
        return NULL;
    *m = (struct plan_module){.address = address, .key = key, .parent = parent};
    if (parent) {
        if (parent->config && config_get(p, parent->config, "module.", name, &m->call) < 0)
            return NULL;
        m->config = sco_iac_get(m->call, "module");
    } else {
        m->config = root_config(p);
    }
    if (index_config(p, m->config) < 0)
        return NULL;
    *place = m;
    return m;
}

struct plan_module *plan_module(struct plan *p, struct sco_str address)
{
    struct plan_module *m = sco_map_get(&p->modules, address);
    if (m)
        return m;
    struct sco_str rest = address, name, key, none = {"", 0};
    m = sco_map_get(&p->modules, none);
    if (!m && !(m = make(p, none, NULL, none, none)))
        return NULL;
    for (int depth = 0; depth < PLAN_MODULES_MAX && plan_module_step(&rest, &name, &key); depth++) {
        size_t n = (size_t)(rest.p - address.p);
        if (n && rest.n && address.p[n - 1] == '.')
            n--;
        struct sco_str prefix = sco_str_make(address.p, n);
        struct plan_module *child = sco_map_get(&p->modules, prefix);
        if (!child) {
            struct sco_str kept = sco_arena_str(&p->scratch, prefix);
            key.p = kept.p + (key.p - address.p);
            child = kept.p ? make(p, kept, m, name, key) : NULL;
        }
        if (!child)
            return NULL;
        m = child;
    }
    return m;
}
