// Module `monocypher`: the part of Monocypher 4.0.3 that mpSEQ needs, for MicroPython.
//
// One file for both ways to have it: a native .mpy (natmod/Makefile, MICROPY_ENABLE_DYNRUNTIME)
// and a user C module linked into a firmware (micropython.mk). README.md lists the functions;
// lib/mpseq/_pymonocypher.py is the same for CPython.

#if MICROPY_ENABLE_DYNRUNTIME
#include "py/dynruntime.h"
#else
#include "py/objstr.h"
#include "py/runtime.h"
#endif

// A natmod's text lies on the board's heap, so size comes first: unrolled, BLAKE2b alone is larger
// than everything else together.
#define BLAKE2_NO_UNROLLING

// Before it schedules, gcc keeps the 10 limbs of a field multiplication in registers; after, it
// spills them. The arithmetic under X25519 and EdDSA is worth its bytes, the rest stays at -Os.
#if defined(__riscv)
#define FAST __attribute__((optimize("O3", "no-schedule-insns")))
static void fe_add(int32_t h[10], const int32_t f[10], const int32_t g[10]) FAST;
static void fe_sub(int32_t h[10], const int32_t f[10], const int32_t g[10]) FAST;
static void fe_cswap(int32_t f[10], int32_t g[10], int b) FAST;
static void fe_mul_small(int32_t h[10], const int32_t f[10], int32_t g) FAST;
static void fe_mul(int32_t h[10], const int32_t f[10], const int32_t g[10]) FAST;
static void fe_sq(int32_t h[10], const int32_t f[10]) FAST;
#endif

// Not in the frame of its caller, where `burn` below would not reach what it leaves.
void crypto_eddsa_sign(uint8_t signature[64], const uint8_t secret[64], const uint8_t *message, size_t size) MP_NOINLINE;

#if MICROPY_ENABLE_DYNRUNTIME
// What gcc calls for initializers and copies. A natmod has no C library.
void *memset(void *s, int c, size_t n) __attribute__((externally_visible));
void *memset(void *s, int c, size_t n) {
    return mp_fun_table.memset_(s, c, n);
}

void *memcpy(void *dest, const void *src, size_t n) __attribute__((externally_visible));
void *memcpy(void *dest, const void *src, size_t n) {
    return mp_fun_table.memmove_(dest, src, n);
}

#if defined(__XTENSA_CALL0_ABI__)
// The ESP8266 has this in ROM, so its libgcc has not. No branch: it multiplies secrets.
uint64_t __muldi3(uint64_t a, uint64_t b) __attribute__((externally_visible));
uint64_t __muldi3(uint64_t a, uint64_t b) {
    uint32_t a0 = a & 0xffff, a1 = (uint32_t)a >> 16, b0 = b & 0xffff, b1 = (uint32_t)b >> 16;
    uint32_t low = a0 * b0, cross1 = a0 * b1, cross2 = a1 * b0;
    uint32_t middle = (low >> 16) + (cross1 & 0xffff) + (cross2 & 0xffff);
    uint32_t high = a1 * b1 + (cross1 >> 16) + (cross2 >> 16) + (middle >> 16)
        + (uint32_t)a * (uint32_t)(b >> 32) + (uint32_t)(a >> 32) * (uint32_t)b;
    return (uint64_t)high << 32 | middle << 16 | (low & 0xffff);
}
#endif
#endif

// Included rather than compiled beside it: as one unit, what is not used here is dropped.
#undef MIN
#undef MAX
#include "monocypher.c"

// Words of stack under a function of this module that a secret may reach: what crypto_eddsa_sign takes,
// on every architecture (tests/test_native_leftovers.py); crypto_eddsa_check takes about as much.
#define BURNT (UINTPTR_MAX > 0xffffffff ? 512 : 448)

// What a function takes: for each argument a byte with its length, then its name.
#define ANY "\x01"
#define B16 "\x10"
#define B24 "\x18"
#define B32 "\x20"
#define B64 "\x40"

static NORETURN void raise_length(const char *name, size_t name_len, size_t size) {
    static const char format[] = "%s: %d bytes needed";
    mp_obj_t values[2] = { mp_obj_new_str(name, name_len), MP_OBJ_NEW_SMALL_INT(size) };
    mp_obj_t text = mp_binary_op(MP_BINARY_OP_MODULO,
        mp_obj_new_str(format, sizeof(format) - 1), mp_obj_new_tuple(2, values));
    mp_raise_type_arg(&mp_type_ValueError, text);
}

// Any buffer to read, except str, which MicroPython counts among them and CPython does not.
static void get_buffer(mp_obj_t obj, mp_buffer_info_t *bufinfo) {
    // nothing gives a str for writing, so this raises the usual TypeError
    bool is_str = mp_obj_get_type(obj) == &mp_type_str;
    mp_get_buffer_raise(obj, bufinfo, is_str ? MP_BUFFER_WRITE : MP_BUFFER_READ);
}

static void get_buffers(const mp_obj_t *args, const char *spec, mp_buffer_info_t *bufinfo) {
    while (*spec != '\0') {
        get_buffer(*args++, bufinfo);
        size_t size = *spec++;
        const char *name = spec;
        while (*spec++ != '\0') {
        }
        if (size != 1 && size != bufinfo->len) {
            raise_length(name, spec - name - 1, size);
        }
        bufinfo++;
    }
}

// What follows is kept out of line: each use of the runtime costs a natmod a detour.

static MP_NOINLINE void get_writable(mp_obj_t obj, mp_buffer_info_t *bufinfo) {
    mp_get_buffer_raise(obj, bufinfo, MP_BUFFER_WRITE);
}

// The last argument of a function may be `out`, which is filled and returned.
#define OUT(index) (n_args > (index) ? args[index] : MP_OBJ_NULL)

// What is secret or long is a bytearray, which the caller can wipe.
enum { BYTES, BYTEARRAY };

// Where the result goes: into `out`; without it, into a new object. The object before the secret: no
// allocation that fails leaves a secret behind.
static uint8_t *get_out(mp_obj_t *out, size_t size, int type) {
    if (*out != MP_OBJ_NULL && *out != mp_const_none) {
        mp_buffer_info_t bufinfo;
        get_writable(*out, &bufinfo);
        if (bufinfo.len != size) {
            raise_length("out", 3, size);
        }
        return bufinfo.buf;
    }
    if (type == BYTEARRAY) {
        uint8_t *items = m_malloc(size);
        *out = mp_obj_new_bytearray_by_ref(size, items);
        return items;
    }
    *out = mp_obj_new_bytes(zero, size);
    mp_obj_str_t *bytes = MP_OBJ_TO_PTR(*out);
    bytes->hash = 0; // unknown: filled below, in a time that does not depend on the content
    return (uint8_t *)bytes->data;
}

// Every function that takes a secret returns through here: what Monocypher leaves on the stack, a
// nonce or registers that were spilled, is overwritten.
static MP_NOINLINE mp_obj_t burn(mp_obj_t result) {
    uint32_t stack[BURNT];
    volatile uint32_t *word = stack + BURNT;
    while (word != stack) {
        *--word = 0;
    }
    return result;
}

static MP_NOINLINE mp_obj_t is_zero(int value) {
    return burn(mp_obj_new_bool(value == 0));
}

// x25519(secret, public[, out]): the caller refuses an all-zero result
static mp_obj_t mod_x25519(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t in[2];
    get_buffers(args, B32 "secret\0" B32 "public\0", in);
    mp_obj_t out = OUT(2);
    crypto_x25519(get_out(&out, 32, BYTEARRAY), in[0].buf, in[1].buf);
    return burn(out);
}

// x25519_public_key(secret[, out])
static mp_obj_t mod_x25519_public_key(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t in[1];
    get_buffers(args, B32 "secret\0", in);
    mp_obj_t out = OUT(1);
    crypto_x25519_public_key(get_out(&out, 32, BYTES), in[0].buf);
    return burn(out);
}

static void key_pair(uint8_t secret[64], uint8_t public[32], const uint8_t *seed) {
    uint8_t copy[32];
    COPY(copy, seed, 32);
    crypto_eddsa_key_pair(secret, public, copy); // wipes its seed
}

// eddsa_key_pair(seed)
static mp_obj_t mod_eddsa_key_pair(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t in[1];
    get_buffers(args, B32 "seed\0", in);
    mp_obj_t pair[2] = { MP_OBJ_NULL, MP_OBJ_NULL };
    uint8_t *secret = get_out(&pair[0], 64, BYTEARRAY);
    uint8_t *public = get_out(&pair[1], 32, BYTES);
    mp_obj_t both = mp_obj_new_tuple(2, pair);
    key_pair(secret, public, in[0].buf);
    return burn(both);
}

// eddsa_public_key(seed)
static mp_obj_t mod_eddsa_public_key(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t in[1];
    get_buffers(args, B32 "seed\0", in);
    mp_obj_t out = MP_OBJ_NULL;
    uint8_t *public = get_out(&out, 32, BYTES);
    uint8_t secret[64];
    key_pair(secret, public, in[0].buf);
    crypto_wipe(secret, 64);
    return burn(out);
}

// eddsa_sign(secret, message[, out])
static mp_obj_t mod_eddsa_sign(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t in[2];
    get_buffers(args, B64 "secret\0" ANY "message\0", in);
    mp_obj_t out = OUT(2);
    crypto_eddsa_sign(get_out(&out, 64, BYTES), in[0].buf, in[1].buf, in[1].len);
    return burn(out);
}

// eddsa_check(signature, public, message): the caller refuses keys of small order
static mp_obj_t mod_eddsa_check(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t in[3];
    get_buffers(args, B64 "signature\0" B32 "public\0" ANY "message\0", in);
    return is_zero(crypto_eddsa_check(in[0].buf, in[1].buf, in[2].buf, in[2].len));
}

// eddsa_to_x25519(public)
static mp_obj_t mod_eddsa_to_x25519(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t in[1];
    get_buffers(args, B32 "public\0", in);
    mp_obj_t out = MP_OBJ_NULL;
    crypto_eddsa_to_x25519(get_out(&out, 32, BYTES), in[0].buf);
    return out;
}

static mp_obj_t hash(mp_obj_t key_obj, mp_obj_t out_or_size, size_t n_parts, const mp_obj_t *parts,
    bool framed) {
    // what can raise comes before the key is on the stack
    mp_buffer_info_t part;
    for (size_t i = 0; i < n_parts; i++) {
        get_buffer(parts[i], &part);
    }
    mp_buffer_info_t key = { 0 };
    if (key_obj != MP_OBJ_NULL) {
        get_buffer(key_obj, &key);
    }
    if (key.len > 64) {
        mp_raise_ValueError(MP_ERROR_TEXT("key: 0 to 64 bytes needed"));
    }
    mp_buffer_info_t out;
    if (mp_obj_is_small_int(out_or_size)) {
        out.len = MP_OBJ_SMALL_INT_VALUE(out_or_size);
        out_or_size = MP_OBJ_NULL;
    } else {
        get_writable(out_or_size, &out);
    }
    if (out.len - 1 > 63) {
        mp_raise_ValueError(MP_ERROR_TEXT("out_or_size: 1 to 64 bytes needed"));
    }
    out.buf = get_out(&out_or_size, out.len, BYTES);

    crypto_blake2b_ctx ctx;
    crypto_blake2b_keyed_init(&ctx, out.len, key.buf, key.len);
    for (size_t i = 0; i < n_parts; i++) {
        get_buffer(parts[i], &part);
        if (framed) {
            uint8_t length[4] = { part.len >> 24, part.len >> 16, part.len >> 8, part.len };
            crypto_blake2b_update(&ctx, length, 4);
        }
        crypto_blake2b_update(&ctx, part.buf, part.len);
    }
    crypto_blake2b_final(&ctx, out.buf); // wipes ctx
    return burn(out_or_size);
}

// blake2b(data[, key[, out_or_size]]): data is a buffer, or a tuple or list of buffers
static mp_obj_t mod_blake2b(size_t n_args, const mp_obj_t *args) {
    size_t n_parts = 1;
    mp_obj_t *parts = (mp_obj_t *)args;
    mp_buffer_info_t bufinfo;
    if (!mp_get_buffer(args[0], &bufinfo, MP_BUFFER_READ)) {
        mp_obj_get_array(args[0], &n_parts, &parts);
    }
    return hash(n_args > 1 ? args[1] : MP_OBJ_NULL,
        n_args > 2 ? args[2] : MP_OBJ_NEW_SMALL_INT(32), n_parts, parts, false);
}

// blake2b_framed(key, out_or_size, *parts): mpSEQ's H and KDF, PROTOCOL.md section 3
static mp_obj_t mod_blake2b_framed(size_t n_args, const mp_obj_t *args) {
    return hash(args[0], args[1], n_args - 2, args + 2, true);
}

// aead_lock(key, nonce, ad, plain[, out]): out may begin where plain begins
static mp_obj_t mod_aead_lock(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t in[4];
    get_buffers(args, B32 "key\0" B24 "nonce\0" ANY "ad\0" ANY "plain\0", in);
    size_t size = in[3].len;
    mp_obj_t out = OUT(4);
    uint8_t *sealed = get_out(&out, size + 16, BYTEARRAY);
    crypto_aead_lock(sealed, sealed + size, in[0].buf, in[1].buf, in[2].buf, in[2].len, in[3].buf, size);
    return burn(out);
}

// aead_unlock(key, nonce, ad, sealed[, out]): None, and out untouched, when the tag does not hold
static mp_obj_t mod_aead_unlock(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t in[4];
    get_buffers(args, B32 "key\0" B24 "nonce\0" ANY "ad\0" ANY "sealed\0", in);
    if (in[3].len < 16) {
        mp_raise_ValueError(MP_ERROR_TEXT("sealed: 16 bytes or more needed"));
    }
    size_t size = in[3].len - 16;
    const uint8_t *sealed = in[3].buf;
    mp_obj_t out = OUT(4);
    uint8_t *plain = get_out(&out, size, BYTEARRAY);
    if (crypto_aead_unlock(plain, sealed + size, in[0].buf, in[1].buf, in[2].buf, in[2].len,
        sealed, size) != 0) {
        out = mp_const_none;
    }
    return burn(out);
}

// verify16(a, b)
static mp_obj_t mod_verify16(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t in[2];
    get_buffers(args, B16 "a\0" B16 "b\0", in);
    return is_zero(crypto_verify16(in[0].buf, in[1].buf));
}

// verify32(a, b)
static mp_obj_t mod_verify32(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t in[2];
    get_buffers(args, B32 "a\0" B32 "b\0", in);
    return is_zero(crypto_verify32(in[0].buf, in[1].buf));
}

// wipe(buffer)
static mp_obj_t mod_wipe(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t bufinfo;
    get_writable(args[0], &bufinfo);
    crypto_wipe(bufinfo.buf, bufinfo.len);
    return mp_const_none;
}

// Name, function, least and most arguments. Each name is written out: mpy_ld.py looks for MP_QSTR_
// in the source as it is.
#define FUNCTIONS(F) \
    F(MP_QSTR_x25519, mod_x25519, 2, 3) \
    F(MP_QSTR_x25519_public_key, mod_x25519_public_key, 1, 2) \
    F(MP_QSTR_eddsa_key_pair, mod_eddsa_key_pair, 1, 1) \
    F(MP_QSTR_eddsa_public_key, mod_eddsa_public_key, 1, 1) \
    F(MP_QSTR_eddsa_sign, mod_eddsa_sign, 2, 3) \
    F(MP_QSTR_eddsa_check, mod_eddsa_check, 3, 3) \
    F(MP_QSTR_eddsa_to_x25519, mod_eddsa_to_x25519, 1, 1) \
    F(MP_QSTR_blake2b, mod_blake2b, 1, 3) \
    F(MP_QSTR_blake2b_framed, mod_blake2b_framed, 2, MP_OBJ_FUN_ARGS_MAX) \
    F(MP_QSTR_aead_lock, mod_aead_lock, 4, 5) \
    F(MP_QSTR_aead_unlock, mod_aead_unlock, 4, 5) \
    F(MP_QSTR_verify16, mod_verify16, 2, 2) \
    F(MP_QSTR_verify32, mod_verify32, 2, 2) \
    F(MP_QSTR_wipe, mod_wipe, 1, 1)

#define OBJECT(name, fun_, min, max) \
    { { &mp_type_fun_builtin_var }, MP_OBJ_FUN_MAKE_SIG(min, max, false), { .var = fun_ } },

static const mp_obj_fun_builtin_var_t functions[] = { FUNCTIONS(OBJECT) };

#if MICROPY_ENABLE_DYNRUNTIME

// Where each name is in the table that the loader fills. Names and functions in a loop, because
// fourteen calls would be 150 bytes more.
#define NAME_INDEX(name, fun, min, max) &(name) - mp_native_qstr_table,

static const uint8_t names[] = { FUNCTIONS(NAME_INDEX) };

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args)
__attribute__((externally_visible));

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    for (size_t i = 0; i < MP_ARRAY_SIZE(functions); i++) {
        mp_store_global(mp_native_qstr_table[names[i]], MP_OBJ_FROM_PTR(&functions[i]));
    }
    MP_DYNRUNTIME_INIT_EXIT
}

#else

#define FUNCTION_INDEX(name, fun, min, max) INDEX_##fun,
#define TABLE_ENTRY(name, fun, min, max) { MP_ROM_QSTR(name), MP_ROM_PTR(&functions[INDEX_##fun]) },

enum { FUNCTIONS(FUNCTION_INDEX) };

static const mp_rom_map_elem_t monocypher_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_monocypher) },
    FUNCTIONS(TABLE_ENTRY)
};
static MP_DEFINE_CONST_DICT(monocypher_globals, monocypher_globals_table);

const mp_obj_module_t mp_module_monocypher = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&monocypher_globals,
};
MP_REGISTER_MODULE(MP_QSTR_monocypher, mp_module_monocypher);

#endif
