#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Fills out with random bytes; false if the host gave no seed.
bool board_random(uint8_t *out, size_t size);

// To be called before a reset, so that what is drawn after it is new.
void board_random_before_reset(void);
