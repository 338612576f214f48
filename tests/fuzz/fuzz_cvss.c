/* CVSS: any text is refused, or gives a score of one decimal between 0 and 10, and the same again.
 */
#include <secureops/finding.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sco_str s = sco_str_make((const char *)data, size);
    double a = -1, b = -1;
    int r = sco_cvss_score(s, &a);
    SCO_BUG_ON(r != 0 && r != SCO_E_FORMAT);
    SCO_BUG_ON(r < 0 && a != -1);
    SCO_BUG_ON(r == 0 && !(a >= 0 && a <= 10));
    SCO_BUG_ON(r == 0 && (double)(int)(a * 10 + 0.5) / 10 != a);
    SCO_BUG_ON(sco_cvss_score(s, &b) != r || a != b);
    return 0;
}
