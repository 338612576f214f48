/* Inside core/crypto and its test: SHA-256 of whole blocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BLOCK = 64 };

/* Takes n blocks at p into the state. */
typedef void (*sha256_blocks_fn)(uint32_t state[8], const uint8_t *p, size_t n);

void sha256_blocks_c(uint32_t state[8], const uint8_t *p, size_t n);
sha256_blocks_fn sha256_choose(void); /* the fastest that this processor has */
