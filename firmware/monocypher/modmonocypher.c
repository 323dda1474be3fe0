// Module `monocypher`: the part of Monocypher 4.0.3 that mpSEQ needs, for MicroPython.
//
// One file for both ways to have it: a native .mpy (natmod/Makefile, MICROPY_ENABLE_DYNRUNTIME)
// and a user C module linked into a firmware (micropython.mk). README.md lists the functions;
// lib/mpseq/_pymonocypher.py is the same for CPython.

#if MICROPY_ENABLE_DYNRUNTIME
#include "py/dynruntime.h"
#else
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

#if MICROPY_ENABLE_DYNRUNTIME
// What gcc calls for a large initializer. A natmod has no C library.
void *memset(void *s, int c, size_t n) __attribute__((externally_visible));
void *memset(void *s, int c, size_t n) {
    return mp_fun_table.memset_(s, c, n);
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

static NORETURN void raise_length(const char *name, size_t size) {
    static const char format[] = "%s: %d bytes needed";
    size_t len = 0;
    while (name[len] != '\0') {
        len++;
    }
    mp_obj_t values[2] = { mp_obj_new_str(name, len), MP_OBJ_NEW_SMALL_INT(size) };
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

static const uint8_t *get_fixed(mp_obj_t obj, const char *name, size_t size) {
    mp_buffer_info_t bufinfo;
    get_buffer(obj, &bufinfo);
    if (bufinfo.len != size) {
        raise_length(name, size);
    }
    return bufinfo.buf;
}

static uint8_t *new_bytearray(size_t size, mp_obj_t *obj) {
    // the object before the secret, so that no failing allocation leaves a secret behind
    uint8_t *buf = m_malloc(size);
    *obj = mp_obj_new_bytearray_by_ref(size, buf);
    return buf;
}

// Optional last argument `out`. Returns where the result goes: into `out`, or into `fallback`, or
// (fallback NULL) into a new bytearray; *obj is then that object, or MP_OBJ_NULL for `fallback`.
static uint8_t *get_out(size_t n_args, const mp_obj_t *args, size_t index, size_t size,
    uint8_t *fallback, mp_obj_t *obj) {
    if (n_args > index && args[index] != mp_const_none) {
        mp_buffer_info_t bufinfo;
        mp_get_buffer_raise(args[index], &bufinfo, MP_BUFFER_WRITE);
        if (bufinfo.len != size) {
            raise_length("out", size);
        }
        *obj = args[index];
        return bufinfo.buf;
    }
    if (fallback != NULL) {
        *obj = MP_OBJ_NULL;
        return fallback;
    }
    return new_bytearray(size, obj);
}

static mp_obj_t result(mp_obj_t obj, const uint8_t *fallback, size_t size) {
    return obj != MP_OBJ_NULL ? obj : mp_obj_new_bytes(fallback, size);
}

// x25519(secret, public[, out]): the caller refuses an all-zero result
static mp_obj_t mod_x25519(size_t n_args, const mp_obj_t *args) {
    const uint8_t *secret = get_fixed(args[0], "secret", 32);
    const uint8_t *public = get_fixed(args[1], "public", 32);
    mp_obj_t obj;
    uint8_t *out = get_out(n_args, args, 2, 32, NULL, &obj);
    crypto_x25519(out, secret, public);
    return obj;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(x25519_obj, 2, 3, mod_x25519);

// x25519_public_key(secret[, out])
static mp_obj_t mod_x25519_public_key(size_t n_args, const mp_obj_t *args) {
    const uint8_t *secret = get_fixed(args[0], "secret", 32);
    uint8_t public[32];
    mp_obj_t obj;
    uint8_t *out = get_out(n_args, args, 1, 32, public, &obj);
    crypto_x25519_public_key(out, secret);
    return result(obj, public, 32);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(x25519_public_key_obj, 1, 2, mod_x25519_public_key);

static void key_pair(uint8_t *secret, uint8_t *public, const uint8_t *seed) {
    uint8_t copy[32];
    for (size_t i = 0; i < 32; i++) {
        copy[i] = seed[i];
    }
    crypto_eddsa_key_pair(secret, public, copy); // wipes the copy
}

// eddsa_key_pair(seed)
static mp_obj_t mod_eddsa_key_pair(mp_obj_t seed_obj) {
    const uint8_t *seed = get_fixed(seed_obj, "seed", 32);
    uint8_t public[32];
    mp_obj_t pair[2];
    key_pair(new_bytearray(64, &pair[0]), public, seed);
    pair[1] = mp_obj_new_bytes(public, 32);
    return mp_obj_new_tuple(2, pair);
}
static MP_DEFINE_CONST_FUN_OBJ_1(eddsa_key_pair_obj, mod_eddsa_key_pair);

// eddsa_public_key(seed)
static mp_obj_t mod_eddsa_public_key(mp_obj_t seed_obj) {
    const uint8_t *seed = get_fixed(seed_obj, "seed", 32);
    uint8_t secret[64];
    uint8_t public[32];
    key_pair(secret, public, seed);
    crypto_wipe(secret, 64);
    return mp_obj_new_bytes(public, 32);
}
static MP_DEFINE_CONST_FUN_OBJ_1(eddsa_public_key_obj, mod_eddsa_public_key);

// eddsa_sign(secret, message[, out])
static mp_obj_t mod_eddsa_sign(size_t n_args, const mp_obj_t *args) {
    const uint8_t *secret = get_fixed(args[0], "secret", 64);
    mp_buffer_info_t message;
    get_buffer(args[1], &message);
    uint8_t signature[64];
    mp_obj_t obj;
    uint8_t *out = get_out(n_args, args, 2, 64, signature, &obj);
    crypto_eddsa_sign(out, secret, message.buf, message.len);
    return result(obj, signature, 64);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(eddsa_sign_obj, 2, 3, mod_eddsa_sign);

// eddsa_check(signature, public, message): the caller refuses keys of small order
static mp_obj_t mod_eddsa_check(mp_obj_t signature_obj, mp_obj_t public_obj, mp_obj_t message_obj) {
    const uint8_t *signature = get_fixed(signature_obj, "signature", 64);
    const uint8_t *public = get_fixed(public_obj, "public", 32);
    mp_buffer_info_t message;
    get_buffer(message_obj, &message);
    return mp_obj_new_bool(crypto_eddsa_check(signature, public, message.buf, message.len) == 0);
}
static MP_DEFINE_CONST_FUN_OBJ_3(eddsa_check_obj, mod_eddsa_check);

// eddsa_to_x25519(public)
static mp_obj_t mod_eddsa_to_x25519(mp_obj_t public_obj) {
    const uint8_t *public = get_fixed(public_obj, "public", 32);
    uint8_t out[32];
    crypto_eddsa_to_x25519(out, public);
    return mp_obj_new_bytes(out, 32);
}
static MP_DEFINE_CONST_FUN_OBJ_1(eddsa_to_x25519_obj, mod_eddsa_to_x25519);

static mp_obj_t hash(mp_obj_t key_obj, mp_obj_t out_or_size, size_t n_parts, const mp_obj_t *parts,
    bool framed) {
    // everything that can raise comes before the key is on the stack
    mp_buffer_info_t part;
    for (size_t i = 0; i < n_parts; i++) {
        get_buffer(parts[i], &part);
    }
    uint8_t digest[64];
    mp_buffer_info_t out = { .buf = digest };
    bool is_size = mp_obj_is_small_int(out_or_size);
    if (is_size) {
        out.len = MP_OBJ_SMALL_INT_VALUE(out_or_size);
    } else {
        mp_get_buffer_raise(out_or_size, &out, MP_BUFFER_WRITE);
    }
    if (out.len - 1 > 63) {
        mp_raise_ValueError(MP_ERROR_TEXT("out_or_size: 1 to 64 bytes needed"));
    }
    mp_buffer_info_t key = { 0 };
    if (key_obj != MP_OBJ_NULL) {
        get_buffer(key_obj, &key);
        if (key.len > 64) {
            mp_raise_ValueError(MP_ERROR_TEXT("key: 0 to 64 bytes needed"));
        }
    }

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
    if (is_size) {
        out_or_size = mp_obj_new_bytes(digest, out.len);
        crypto_wipe(digest, 64);
    }
    return out_or_size;
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
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(blake2b_obj, 1, 3, mod_blake2b);

// blake2b_framed(key, out_or_size, *parts): mpSEQ's H and KDF, PROTOCOL.md section 3
static mp_obj_t mod_blake2b_framed(size_t n_args, const mp_obj_t *args) {
    return hash(args[0], args[1], n_args - 2, args + 2, true);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR(blake2b_framed_obj, 2, mod_blake2b_framed);

// aead_lock(key, nonce, ad, plain[, out]): out may begin where plain begins
static mp_obj_t mod_aead_lock(size_t n_args, const mp_obj_t *args) {
    const uint8_t *key = get_fixed(args[0], "key", 32);
    const uint8_t *nonce = get_fixed(args[1], "nonce", 24);
    mp_buffer_info_t ad, plain;
    get_buffer(args[2], &ad);
    get_buffer(args[3], &plain);
    mp_obj_t obj;
    uint8_t *out = get_out(n_args, args, 4, plain.len + 16, NULL, &obj);
    crypto_aead_lock(out, out + plain.len, key, nonce, ad.buf, ad.len, plain.buf, plain.len);
    return obj;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(aead_lock_obj, 4, 5, mod_aead_lock);

// aead_unlock(key, nonce, ad, sealed[, out]): None, and out untouched, when the tag does not hold
static mp_obj_t mod_aead_unlock(size_t n_args, const mp_obj_t *args) {
    const uint8_t *key = get_fixed(args[0], "key", 32);
    const uint8_t *nonce = get_fixed(args[1], "nonce", 24);
    mp_buffer_info_t ad, sealed;
    get_buffer(args[2], &ad);
    get_buffer(args[3], &sealed);
    if (sealed.len < 16) {
        mp_raise_ValueError(MP_ERROR_TEXT("sealed: 16 bytes or more needed"));
    }
    size_t size = sealed.len - 16;
    const uint8_t *cipher = sealed.buf;
    mp_obj_t obj;
    uint8_t *out = get_out(n_args, args, 4, size, NULL, &obj);
    if (crypto_aead_unlock(out, cipher + size, key, nonce, ad.buf, ad.len, cipher, size) != 0) {
        return mp_const_none;
    }
    return obj;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(aead_unlock_obj, 4, 5, mod_aead_unlock);

// verify16(a, b)
static mp_obj_t mod_verify16(mp_obj_t a_obj, mp_obj_t b_obj) {
    const uint8_t *a = get_fixed(a_obj, "a", 16);
    const uint8_t *b = get_fixed(b_obj, "b", 16);
    return mp_obj_new_bool(crypto_verify16(a, b) == 0);
}
static MP_DEFINE_CONST_FUN_OBJ_2(verify16_obj, mod_verify16);

// verify32(a, b)
static mp_obj_t mod_verify32(mp_obj_t a_obj, mp_obj_t b_obj) {
    const uint8_t *a = get_fixed(a_obj, "a", 32);
    const uint8_t *b = get_fixed(b_obj, "b", 32);
    return mp_obj_new_bool(crypto_verify32(a, b) == 0);
}
static MP_DEFINE_CONST_FUN_OBJ_2(verify32_obj, mod_verify32);

// wipe(buffer)
static mp_obj_t mod_wipe(mp_obj_t obj) {
    mp_buffer_info_t bufinfo;
    mp_get_buffer_raise(obj, &bufinfo, MP_BUFFER_WRITE);
    crypto_wipe(bufinfo.buf, bufinfo.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(wipe_obj, mod_wipe);

// Each name written out: mpy_ld.py looks for MP_QSTR_ in the source as it is.
#define FUNCTIONS(F) \
    F(MP_QSTR_x25519, x25519_obj) \
    F(MP_QSTR_x25519_public_key, x25519_public_key_obj) \
    F(MP_QSTR_eddsa_key_pair, eddsa_key_pair_obj) \
    F(MP_QSTR_eddsa_public_key, eddsa_public_key_obj) \
    F(MP_QSTR_eddsa_sign, eddsa_sign_obj) \
    F(MP_QSTR_eddsa_check, eddsa_check_obj) \
    F(MP_QSTR_eddsa_to_x25519, eddsa_to_x25519_obj) \
    F(MP_QSTR_blake2b, blake2b_obj) \
    F(MP_QSTR_blake2b_framed, blake2b_framed_obj) \
    F(MP_QSTR_aead_lock, aead_lock_obj) \
    F(MP_QSTR_aead_unlock, aead_unlock_obj) \
    F(MP_QSTR_verify16, verify16_obj) \
    F(MP_QSTR_verify32, verify32_obj) \
    F(MP_QSTR_wipe, wipe_obj)

#if MICROPY_ENABLE_DYNRUNTIME

#define STORE_GLOBAL(name, fun) mp_store_global(name, MP_OBJ_FROM_PTR(&fun));

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args)
__attribute__((externally_visible));

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    (void)n_args;
    (void)n_kw;
    (void)args;
    MP_DYNRUNTIME_INIT_ENTRY
    FUNCTIONS(STORE_GLOBAL)
    MP_DYNRUNTIME_INIT_EXIT
}

#else

#define TABLE_ENTRY(name, fun) { MP_ROM_QSTR(name), MP_ROM_PTR(&fun) },

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
