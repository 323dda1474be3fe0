// Module `probe`: what a test needs to see of another native module and Python cannot.
//
//   call(function, arguments, dump)  calls it, and copies what it left on the stack into `dump`, whose
//                                    first byte is the deepest; FILL where it never was
//   careless(buffer)                 a function that leaves a copy of its argument there
//
// and, on x86-64, under valgrind:
//
//   secret(buffer), public(buffer)   the content must not, or may, influence what is executed and which
//                                    memory is read
//   is_secret(buffer)                whether a bit of it depends on a secret
//   errors()                         how often a jump or an address depended on a secret
//   branch(buffer), look_up(buffer)  makes it happen
#include "py/dynruntime.h"

#if defined(__x86_64__)
#include <valgrind/memcheck.h>
#endif

#define FILL 0xa5

// These two take their stack where the function under test takes its own: they are called by the same
// function, and volatile keeps the compiler from thinking about it.
static MP_NOINLINE void fill(size_t size) {
    volatile uint8_t *stack = __builtin_alloca(size);
    for (size_t i = 0; i < size; i++) {
        stack[i] = FILL;
    }
}

static MP_NOINLINE void copy(uint8_t *to, size_t size) {
    volatile uint8_t *stack = __builtin_alloca(size);
    for (size_t i = 0; i < size; i++) {
        to[i] = stack[i];
    }
}

static mp_obj_t call(mp_obj_t function, mp_obj_t arguments, mp_obj_t dump) {
    mp_buffer_info_t bufinfo;
    mp_get_buffer_raise(dump, &bufinfo, MP_BUFFER_WRITE);
    size_t n_args;
    mp_obj_t *args;
    mp_obj_get_array(arguments, &n_args, &args);
    fill(bufinfo.len + 64); // its frame is not quite as large as that of copy
    mp_obj_t result = mp_call_function_n_kw(function, n_args, 0, args);
    copy(bufinfo.buf, bufinfo.len);
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_3(call_obj, call);

static MP_NOINLINE void copy_for_nothing(const uint8_t *from, size_t size) {
    volatile uint8_t *stack = __builtin_alloca(size);
    for (size_t i = 0; i < size; i++) {
        stack[i] = from[i];
    }
}

static mp_obj_t careless(mp_obj_t buffer) {
    mp_buffer_info_t bufinfo;
    mp_get_buffer_raise(buffer, &bufinfo, MP_BUFFER_READ);
    copy_for_nothing(bufinfo.buf, bufinfo.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(careless_obj, careless);

#if defined(__x86_64__)

static mp_obj_t secret(mp_obj_t buffer) {
    mp_buffer_info_t bufinfo;
    mp_get_buffer_raise(buffer, &bufinfo, MP_BUFFER_READ);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(bufinfo.buf, bufinfo.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(secret_obj, secret);

static mp_obj_t public(mp_obj_t buffer) {
    mp_buffer_info_t bufinfo;
    mp_get_buffer_raise(buffer, &bufinfo, MP_BUFFER_READ);
    (void)VALGRIND_MAKE_MEM_DEFINED(bufinfo.buf, bufinfo.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(public_obj, public);

static mp_obj_t is_secret(mp_obj_t buffer) {
    mp_buffer_info_t bufinfo;
    mp_get_buffer_raise(buffer, &bufinfo, MP_BUFFER_READ);
    for (size_t i = 0; i < bufinfo.len; i++) {
        uint8_t undefined = 0;
        (void)VALGRIND_GET_VBITS((uint8_t *)bufinfo.buf + i, &undefined, 1);
        if (undefined) {
            return mp_const_true;
        }
    }
    return mp_const_false;
}
static MP_DEFINE_CONST_FUN_OBJ_1(is_secret_obj, is_secret);

static mp_obj_t errors(void) {
    return MP_OBJ_NEW_SMALL_INT(RUNNING_ON_VALGRIND ? (mp_int_t)VALGRIND_COUNT_ERRORS : -1);
}
static MP_DEFINE_CONST_FUN_OBJ_0(errors_obj, errors);

static const uint8_t table[256] = { 1 };

static mp_obj_t look_up(mp_obj_t buffer) {
    mp_buffer_info_t bufinfo;
    mp_get_buffer_raise(buffer, &bufinfo, MP_BUFFER_READ);
    (void)((volatile const uint8_t *)table)[*(uint8_t *)bufinfo.buf];
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(look_up_obj, look_up);

static mp_obj_t branch(mp_obj_t buffer) {
    mp_buffer_info_t bufinfo;
    mp_get_buffer_raise(buffer, &bufinfo, MP_BUFFER_READ);
    if (*(volatile uint8_t *)bufinfo.buf & 1) {
        (void)*(volatile const uint8_t *)table;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(branch_obj, branch);

#endif

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_call, MP_OBJ_FROM_PTR(&call_obj));
    mp_store_global(MP_QSTR_careless, MP_OBJ_FROM_PTR(&careless_obj));
    #if defined(__x86_64__)
    mp_store_global(MP_QSTR_secret, MP_OBJ_FROM_PTR(&secret_obj));
    mp_store_global(MP_QSTR_public, MP_OBJ_FROM_PTR(&public_obj));
    mp_store_global(MP_QSTR_is_secret, MP_OBJ_FROM_PTR(&is_secret_obj));
    mp_store_global(MP_QSTR_errors, MP_OBJ_FROM_PTR(&errors_obj));
    mp_store_global(MP_QSTR_look_up, MP_OBJ_FROM_PTR(&look_up_obj));
    mp_store_global(MP_QSTR_branch, MP_OBJ_FROM_PTR(&branch_obj));
    #endif
    MP_DYNRUNTIME_INIT_EXIT
}
