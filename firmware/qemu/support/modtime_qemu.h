// Included by extmod/modtime.c. No battery-backed clock: time starts at 0 when the board starts.

static mp_obj_t mp_time_time_get(void) {
    return mp_obj_new_int_from_uint(mp_hal_ticks_ms() / 1000);
}
