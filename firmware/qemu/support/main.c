// How an emulated board starts, in place of upstream's main (see micropython.mk): with a disk it does
// what the esp32 and rp2 ports do, boot.py, main.py, then the prompt; without one it is upstream's.

#include <string.h>

#include "py/gc.h"
#include "py/mphal.h"
#include "py/objstr.h"
#include "py/runtime.h"
#include "py/stackctrl.h"
#include "shared/readline/readline.h"
#include "shared/runtime/pyexec.h"

#include "disk.h"

static const MP_DEFINE_STR_OBJ(lib_path, "/lib");

static uint32_t gc_heap[MICROPY_HEAP_SIZE / sizeof(uint32_t)];

// Whether the prompt comes next, and not a soft reset that the scripts ask for (SystemExit).
static bool run_scripts(void) {
    int result = pyexec_file_if_exists("boot.py");
    if (result & PYEXEC_FORCED_EXIT) {
        return false;
    }
    if (pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL && result != 0) {
        result = pyexec_file_if_exists("main.py");
    }
    return !(result & PYEXEC_FORCED_EXIT);
}

static void clear_variables(void) {
    #if defined(__riscv)
    extern uint8_t _start_of_others[], _end_of_others[]; // see rv32.ld
    memset(_start_of_others, 0, _end_of_others - _start_of_others);
    #endif
}

int __wrap_main(int argc, char **argv) {
    clear_variables();
    mp_stack_ctrl_init();
    mp_stack_set_limit(10240);
    bool has_disk = disk_open();
    for (;;) {
        gc_init(gc_heap, (char *)gc_heap + MICROPY_HEAP_SIZE);
        mp_init();
        readline_init0();
        bool prompt = true;
        if (has_disk) {
            mp_obj_list_append(mp_sys_path, MP_OBJ_FROM_PTR(&lib_path));
            disk_mount();
            prompt = run_scripts();
        }
        while (prompt) {
            int ended = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
            prompt = ended == 0;
        }
        mp_printf(&mp_plat_print, "MPY: soft reboot\n");
        gc_sweep_all();
        mp_deinit();
    }
}
