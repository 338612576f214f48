/* How fast a report can be read at all: our tokenizer over a file, no tree, no findings. The floor
 * that tests/bench/run.py compares an import with.
 *
 *   bench_json_scan FILE      prints the best of five runs
 */
#include <inttypes.h>
#include <secureops/json.h>

enum { RUNS = 5 };

int main(int argc, char **argv)
{
    uint64_t tokens = 0;
    int64_t best = INT64_MAX;
    struct sco_error err = {0};

    if (argc != 2) {
        fprintf(stderr, "usage: bench_json_scan FILE\n");
        return 2;
    }
    for (int i = 0; i < RUNS; i++) {
        int64_t start = sco_mono_ns();
        if (sco_json_scan(argv[1], &tokens, &err) < 0) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        int64_t took = sco_mono_ns() - start;
        best = took < best ? took : best;
    }
    printf("%.1f ms, %" PRIu64 " tokens\n", (double)best / 1e6, tokens);
    return 0;
}
