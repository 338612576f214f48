/* Kubernetes objects: every object of a document, those in lists too, and where each kind keeps its
 * pod spec. Kinds that nobody listed here pass through. */
#include "set_priv.h"

static struct sco_str text_at(const struct sco_iac_node *v, const char *path)
{
    return sco_iac_text(sco_iac_path(v, path));
}

/* A name as it is written: `name: 12` is refused by the cluster, but it has to be called something.
 */
static struct sco_str name_at(const struct sco_iac_set *s, const struct sco_iac_node *v,
                              const char *path)
{
    v = sco_iac_path(v, path);
    if (!v || (v->type != SCO_IAC_BOOL && v->type != SCO_IAC_INT && v->type != SCO_IAC_REAL))
        return sco_iac_text(v); /* of a null: nothing, it is as good as absent */
    return sco_str_make(s->docs[v->doc].text->bytes.p + v->pos, v->end - v->pos);
}

/* ---- pod specs ---- */
struct pod_path {
    const char *kind, *path;
};

static const struct pod_path pod_paths[] = {
    {"Pod", "spec"},
    {"Revision", "spec"}, /* of Knative */
    {"PodTemplate", "template.spec"},
    {"CronJob", "spec.jobTemplate.spec.template.spec"},
    {"ScheduledJob", "spec.jobTemplate.spec.template.spec"},
    {"ScaledJob", "spec.jobTargetRef.template.spec"},
};

static const char *const workloads[] = {"Deployment", "StatefulSet",           "DaemonSet",
                                        "ReplicaSet", "ReplicationController", "Job",
                                        "Rollout",    "DeploymentConfig"};

/* cert-manager: the pods that answer challenges. */
static const struct sco_iac_node *solver_pod(const struct sco_iac_node *v)
{
    static const char path[] = "http01.ingress.podTemplate.spec";
    const struct sco_iac_node *solvers = sco_iac_path(v, "spec.acme.solvers");
    for (uint32_t i = 0; sco_iac_is(solvers, SCO_IAC_LIST) && i < solvers->n; i++) {
        const struct sco_iac_node *spec = sco_iac_path(&solvers->item[i], path);
        if (spec)
            return spec;
    }
    const struct sco_iac_node *solver = sco_iac_path(v, "spec.solver");
    return sco_iac_path(solver, path);
}

static int add_containers(struct iac_items *items, const struct sco_iac_node *list)
{
    if (sco_iac_is(list, SCO_IAC_MAP))
        return iac_item(items, *list);
    for (uint32_t i = 0; sco_iac_is(list, SCO_IAC_LIST) && i < list->n; i++)
        if (iac_item(items, list->item[i]) < 0)
            return SCO_E_NOMEM;
    return 0;
}

/* Argo: the containers of all templates, with what the workflow says for its pods. */
static int workflow_pod(struct sco_iac_set *s, const struct sco_iac_node *spec,
                        const struct sco_iac_node **ret)
{
    SCO_AUTO(iac_items) struct iac_items main = {0}, init = {0};
    SCO_AUTO(iac_members) struct iac_members out = {0};
    const struct sco_iac_node *templates = sco_iac_get(spec, "templates");
    for (uint32_t i = 0; sco_iac_is(templates, SCO_IAC_LIST) && i < templates->n; i++) {
        const struct sco_iac_node *t = &templates->item[i];
        if (add_containers(&main, sco_iac_get(t, "container")) < 0 ||
            add_containers(&main, sco_iac_get(t, "script")) < 0 ||
            add_containers(&main, sco_iac_path(t, "containerSet.containers")) < 0 ||
            add_containers(&main, sco_iac_get(t, "sidecars")) < 0 ||
            add_containers(&init, sco_iac_get(t, "initContainers")) < 0)
            return SCO_E_NOMEM;
    }
    if (!main.n)
        return 0;
    struct iac_span at = {spec->doc, spec->pos, spec->end};
    struct sco_iac_node list = {0}, map = {0};
    bool some_init = init.n > 0;
    for (uint32_t i = 0; i < spec->n; i++) {
        const struct sco_iac_member *m = &spec->member[i];
        if (strcmp(m->key, "templates") != 0 &&
            iac_member(s, &out, sco_str_make(m->key, m->key_n), m->key_pos, m->value) < 0)
            return SCO_E_NOMEM;
    }
    int r = iac_list(s, &main, at, &list);
    if (r == 0)
        r = iac_member(s, &out, sco_str_c("containers"), templates->pos, list);
    if (r == 0 && some_init && (r = iac_list(s, &init, at, &list)) == 0)
        r = iac_member(s, &out, sco_str_c("initContainers"), templates->pos, list);
    if (r < 0 || (r = iac_map(s, &out, at, &map, NULL)) < 0)
        return r;
    map.flags |= SCO_IAC_MADE;
    *ret = iac_node(s, map);
    return *ret ? 0 : SCO_E_NOMEM;
}

static bool has_containers(const struct sco_iac_node *spec)
{
    return sco_iac_is(sco_iac_get(spec, "containers"), SCO_IAC_LIST);
}

/* Kinds that are not listed: a pod spec where custom resources usually have it. */
static const struct sco_iac_node *guess_pod(const struct sco_iac_node *v)
{
    static const char *const paths[] = {"spec.template.spec", "spec.podTemplate.spec",
                                        "spec.podTemplate", "spec.jobTemplate.spec.template.spec",
                                        "template.spec"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(paths); i++) {
        const struct sco_iac_node *spec = sco_iac_path(v, paths[i]);
        if (has_containers(spec))
            return spec;
    }
    return NULL;
}

static int find_pod(struct sco_iac_set *s, const struct sco_iac_node *v, struct sco_str kind,
                    const struct sco_iac_node **ret)
{
    const struct sco_iac_node *spec = NULL;
    struct sco_str api = text_at(v, "apiVersion");
    if (sco_str_contains(api, "argoproj.io/") && sco_str_contains(kind, "Workflow")) {
        const struct sco_iac_node *inner = sco_iac_path(v, "spec.workflowSpec");
        inner = inner ? inner : sco_iac_get(v, "spec");
        if (sco_iac_is(inner, SCO_IAC_MAP))
            return workflow_pod(s, inner, ret);
        return 0;
    }
    for (size_t i = 0; i < SCO_ARRAY_LEN(pod_paths) && !spec; i++)
        if (sco_str_is(kind, pod_paths[i].kind))
            spec = sco_iac_path(v, pod_paths[i].path);
    for (size_t i = 0; i < SCO_ARRAY_LEN(workloads) && !spec; i++)
        if (sco_str_is(kind, workloads[i]))
            spec = sco_iac_path(v, "spec.template.spec");
    if (!spec && sco_str_contains(api, "cert-manager.io/"))
        spec = solver_pod(v);
    if (!spec)
        spec = guess_pod(v);
    *ret = sco_iac_is(spec, SCO_IAC_MAP) ? spec : NULL;
    return 0;
}

/* ---- objects ---- */
static int object(struct sco_iac_set *s, uint32_t doc, const struct sco_iac_node *v,
                  struct sco_str kind)
{
    struct sco_str name = name_at(s, v, "metadata.name"),
                   space = name_at(s, v, "metadata.namespace");
    if (!name.n)
        name = name_at(s, v, "metadata.generateName");
    if (!name.n)
        name = sco_str_c("(unnamed)");
    if (!space.n)
        space = sco_str_c("default");
    const struct sco_iac_node *pod = NULL;
    int r = find_pod(s, v, kind, &pod);
    if (r < 0)
        return r;
    SCO_AUTO(sco_buf) struct sco_buf full = {0}, selector = {0};
    sco_buf_addz(&selector, "kubernetes:");
    sco_buf_add(&selector, kind);
    sco_buf_addf(&full, "%.*s.%.*s.%.*s", (int)kind.n, kind.p, (int)space.n, space.p, (int)name.n,
                 name.p);
    const char *selectors[4] = {"kubernetes", sco_buf_z(&selector), NULL, NULL};
    if (pod) {
        selectors[1] = "kubernetes:workload";
        selectors[2] = sco_buf_z(&selector);
    }
    if (selector.failed || full.failed)
        return SCO_E_NOMEM;
    uint32_t index;
    r = iac_resource(s, doc, selectors, sco_buf_z(&selector) + strlen("kubernetes:"),
                     sco_buf_z(&full), v, UINT32_MAX, &index);
    if (r == 0)
        s->resources[index].pod_spec = pod;
    return r;
}

static int add(struct sco_iac_set *s, uint32_t doc, const struct sco_iac_node *v,
               struct sco_str kind, uint32_t depth);

/* The items of a list; those of a PodList need not say that they are Pods. */
static int items(struct sco_iac_set *s, uint32_t doc, const struct sco_iac_node *list,
                 struct sco_str item_kind, uint32_t depth)
{
    for (uint32_t i = 0; i < list->n; i++) {
        const struct sco_iac_node *v = &list->item[i];
        struct sco_str kind = text_at(v, "kind");
        int r = 0;
        if (!kind.n)
            kind = item_kind;
        if (v->type == SCO_IAC_MAP && kind.n)
            r = add(s, doc, v, kind, depth + 1);
        else
            r = iac_doc_note(s, doc, "items[%u] is no object: it has no kind", i);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add(struct sco_iac_set *s, uint32_t doc, const struct sco_iac_node *v,
               struct sco_str kind, uint32_t depth)
{
    const struct sco_iac_node *list = sco_iac_get(v, "items");
    if (sco_str_ends(kind, "List") && sco_iac_is(list, SCO_IAC_LIST) && depth < 16)
        return items(s, doc, list, sco_str_make(kind.p, kind.n - strlen("List")), depth);
    return object(s, doc, v, kind);
}

int iac_kubernetes(struct sco_iac_set *s, uint32_t doc)
{
    const struct sco_iac_node *root = s->docs[doc].root;
    struct sco_str kind = text_at(root, "kind");
    if (!kind.n)
        return iac_doc_ends(s, doc, SCO_IAC_FAILED, "not a Kubernetes object: it has no kind");
    return add(s, doc, root, kind, 0);
}
