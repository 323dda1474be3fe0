#pragma once

// What an emulated board finds in its memory when it starts, beyond the linker script's RAM and stack:
// the seed, which the host puts there before the start (and QEMU again at every reset), and what the
// board itself has left before a reset, which ends nothing else in memory.

#include <stdint.h>

#if defined(QEMU_SOC_VIRT)
#define KEPT_ADDRESS (0x80700000)
#elif defined(QEMU_SOC_MPS2)
#define KEPT_ADDRESS (0x21000000)
#endif

#define SEED_SIZE (64)

typedef struct {
    uint8_t seed[SEED_SIZE];
    uint8_t seed_after_reset[SEED_SIZE]; // all zero: there was none
    uint32_t reset_cause; // 0: switched on
} kept_t;

#define KEPT ((volatile kept_t *)KEPT_ADDRESS)
