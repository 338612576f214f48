/* Any bytes as the description of a scanner: an error with a place, or a form that the plugin for
 * described scanners takes, and reads reports by without breaking the contract. */
#include <fake_host.h>

#include "engine_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_report(struct fake_host *fh, const char *text)
{
    int r = fake_host_parse_text(fh, text, strlen(text));
    SCO_BUG_ON(r > SCO_RUN_SKIPPED || r < SCO_E_INTERNAL);
    SCO_BUG_ON(r != 0 && !fh->error[0]);
    SCO_BUG_ON(fh->broken);
}

static void use(struct sco_str json)
{
    static const char *const reports[] = {
        "[{\"code\":\"DL1\",\"file\":\"a\",\"level\":\"error\",\"line\":1,\"message\":\"m\"},{},7]",
        "{\"comments\":[{\"code\":2086,\"level\":\"info\",\"file\":\"a\",\"line\":[1]}],\"x\":"
        "null}",
        "{\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{\"name\":\"x\"}},\"results\":[{"
        "\"ruleId\":\"r\",\"message\":{\"text\":\"m\"}}]}]}",
    };
    const char *const options[] = {"descriptor", json.p, NULL};
    struct fake_host *fh = fake_host_new();
    SCO_BUG_ON(!fh || fake_host_open(fh, sco_plugin_v1(), options) < 0);
    for (size_t i = 0; i < SCO_ARRAY_LEN(reports); i++)
        read_report(fh, reports[i]);
    fake_host_free(fh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const files[] = {"flawfinder.yaml", "hadolint.yaml", "shellcheck.yaml"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(files); i++) {
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        struct sco_error err = {0};
        struct sco_str json = {NULL, 0}, text = sco_str_make((const char *)data, size);
        const struct sco_node *root = NULL;
        int r = descriptor_parse(text, files[i], &arena, &json, &err);
        SCO_BUG_ON(r > 0 || (r < 0 && (!err.text[0] || json.p)));
        SCO_BUG_ON(r < 0 && r != SCO_E_NOMEM && strncmp(err.text, files[i], strlen(files[i])) != 0);
        if (r < 0)
            continue;
        SCO_BUG_ON(sco_json_parse(json, &arena, &root, &err) < 0);
        SCO_BUG_ON(!sco_path(root, "scanner.command") || !sco_path(root, "scanner.programs"));
        use(json);
    }
    return 0;
}
