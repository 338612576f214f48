/* One scanner plugin's parser on any bytes. Beside not crashing, it has to keep the contract: a
 * result of the closed list, a reason whenever it is not 0, findings with type and rule. */
#include <fake_host.h>

#include <secureops/base.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake_host *fh = fake_host_new();
    SCO_BUG_ON(!fh || fake_host_open(fh, sco_plugin_v1(), NULL) < 0);
    fh->keep = false;
    fh->limit = 10000;
    int r = fake_host_parse_text(fh, (const char *)data, size);
    SCO_BUG_ON(r > SCO_RUN_SKIPPED || r < SCO_E_INTERNAL);
    SCO_BUG_ON(r != 0 && !fh->error[0]);
    if (fh->broken)
        fprintf(stderr, "%s\n", fh->fault);
    SCO_BUG_ON(fh->broken);
    fake_host_free(fh);
    return 0;
}
