// Included by extmod/modos.c.

#include "random.h"

static mp_obj_t mp_os_urandom(mp_obj_t size_in) {
    mp_int_t size = mp_obj_get_int(size_in);
    if (size < 0) {
        mp_raise_ValueError(NULL);
    }
    vstr_t vstr;
    vstr_init_len(&vstr, size);
    if (!board_random((uint8_t *)vstr.buf, size)) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("no seed from the host"));
    }
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
