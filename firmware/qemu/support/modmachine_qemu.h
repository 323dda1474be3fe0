// Included by extmod/modmachine.c.

#include "board.h"

#define MICROPY_PY_MACHINE_EXTRA_GLOBALS \
    { MP_ROM_QSTR(MP_QSTR_PWRON_RESET), MP_ROM_INT(RESET_POWER_ON) }, \
    { MP_ROM_QSTR(MP_QSTR_HARD_RESET), MP_ROM_INT(RESET_HARD) }, \
    { MP_ROM_QSTR(MP_QSTR_WDT_RESET), MP_ROM_INT(RESET_WATCHDOG) },

static void mp_machine_idle(void) {
    board_wait(1);
}

NORETURN static void mp_machine_reset(void) {
    board_reset(RESET_HARD);
}

static mp_int_t mp_machine_reset_cause(void) {
    return board_reset_cause();
}
