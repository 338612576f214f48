/* What a program wrote as its SBOM: any bytes. Checked and handed over, or an error with a reason.
 */
#include <fake_host.h>

#include <secureops/base.h>

#include "../../plugins/scanners/sbom/sbom_priv.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake_host *fh = fake_host_new();
    struct sbom_facts facts = {{NULL, 0}, 0};
    char path[64];
    int fd = memfd_create("sbom", MFD_CLOEXEC);
    SCO_BUG_ON(!fh || fd < 0 || fake_host_open(fh, sco_plugin_v1(), NULL) < 0);
    SCO_BUG_ON(write(fd, data, size) != (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int r = sbom_check(fh->ctx, "syft", path, &facts, &fh->e);
    if (r == 0)
        r = sbom_hand_over(fh->ctx, path, &facts, &fh->e);
    SCO_BUG_ON(r < 0 && !fh->error[0]);
    SCO_BUG_ON(fh->broken);
    close(fd);
    fake_host_free(fh);
    return 0;
}
