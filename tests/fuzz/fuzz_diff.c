/* What git diff prints: two bytes say how much of the input is the list of names, the rest is the
 * patch. Whatever was read, each place of it can be asked about. */
#include "diff_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t n = (size_t)data[0] | (size_t)data[1] << 8;
    const char *text = (const char *)data + 2;
    size -= 2;
    n = n < size ? n : size;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct diff_build b = {.arena = &arena};
    struct sco_diff d = {0};
    if (diff_parse_names(&b, sco_str_make(text, n), NULL) == 0 &&
        diff_parse_patch(&b, sco_str_make(text + n, size - n), NULL) == 0 &&
        diff_find_moved(&b, NULL) == 0 && diff_build_end(&b, &d, NULL) == 0)
        for (size_t i = 0; i < d.n_files; i++)
            for (int32_t line = 0; line < 64; line++) {
                (void)sco_diff_lines(&d.files[i], line, line + 3, true);
                (void)sco_diff_old_line(&d.files[i], line);
            }
    diff_build_done(&b);
    return 0;
}
