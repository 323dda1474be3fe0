// The random source of an emulated board. QEMU gives these machines no entropy, so the host puts a
// seed of 64 bytes into memory before the start. The first call takes it, erases it there and keeps
// a key; every 32 bytes given out replace that key (ChaCha20 with fast key erasure), so that what is
// in memory later tells nothing of what was drawn before. A reset brings the host's seed back into
// memory: the board leaves another one for itself, which comes first.

#include <string.h>

#include "kept.h"
#include "random.h"

#define KEY_SIZE (32)

static uint8_t key[KEY_SIZE];
static enum { UNSEEDED, NO_SEED, SEEDED } state;

static void wipe(void *secret, size_t size) {
    for (volatile uint8_t *p = secret; size--; p++) {
        *p = 0;
    }
}

static uint32_t load32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define MIX(a, b, c, n) s[a] += s[b], s[c] = ROTATE(s[c] ^ s[a], n)
#define QUARTER(a, b, c, d) MIX(a, b, d, 16), MIX(c, d, b, 12), MIX(a, b, d, 8), MIX(c, d, b, 7)

// Block 0 of ChaCha20 (RFC 8439, section 2.3) under the key with a zero nonce.
static void block(uint8_t out[64], const uint8_t chacha_key[KEY_SIZE]) {
    uint32_t start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
    uint32_t s[16];
    for (int i = 0; i < 8; i++) {
        start[4 + i] = load32(chacha_key + 4 * i);
    }
    memcpy(s, start, sizeof(s));
    for (int i = 0; i < 10; i++) {
        QUARTER(0, 4, 8, 12);
        QUARTER(1, 5, 9, 13);
        QUARTER(2, 6, 10, 14);
        QUARTER(3, 7, 11, 15);
        QUARTER(0, 5, 10, 15);
        QUARTER(1, 6, 11, 12);
        QUARTER(2, 7, 8, 13);
        QUARTER(3, 4, 9, 14);
    }
    for (int i = 0; i < 16; i++) {
        uint32_t word = s[i] + start[i];
        memcpy(out + 4 * i, &word, sizeof(word)); // both boards are little-endian
    }
    wipe(start, sizeof(start));
    wipe(s, sizeof(s));
}

static bool is_there(const volatile uint8_t *seed) {
    uint8_t any = 0;
    for (size_t i = 0; i < SEED_SIZE; i++) {
        any |= seed[i];
    }
    return any;
}

static void take_seed(void) {
    volatile uint8_t *seed = is_there(KEPT->seed_after_reset) ? KEPT->seed_after_reset : KEPT->seed;
    uint8_t out[64];
    state = is_there(seed) ? SEEDED : NO_SEED;
    for (size_t i = 0; i < KEY_SIZE; i++) {
        key[i] = seed[i];
    }
    block(out, key);
    for (size_t i = 0; i < KEY_SIZE; i++) {
        key[i] = out[i] ^ seed[KEY_SIZE + i];
    }
    wipe((void *)KEPT->seed, SEED_SIZE);
    wipe((void *)KEPT->seed_after_reset, SEED_SIZE);
    wipe(out, sizeof(out));
}

bool board_random(uint8_t *out, size_t size) {
    if (state == UNSEEDED) {
        take_seed();
    }
    if (state != SEEDED) {
        return false;
    }
    uint8_t drawn[64];
    while (size) {
        size_t part = size < 32 ? size : 32;
        block(drawn, key);
        memcpy(key, drawn, KEY_SIZE);
        memcpy(out, drawn + KEY_SIZE, part);
        out += part;
        size -= part;
    }
    wipe(drawn, sizeof(drawn));
    return true;
}

void board_random_before_reset(void) {
    uint8_t next[SEED_SIZE];
    if (board_random(next, SEED_SIZE)) {
        for (size_t i = 0; i < SEED_SIZE; i++) {
            KEPT->seed_after_reset[i] = next[i];
        }
        wipe(next, SEED_SIZE);
    }
}
