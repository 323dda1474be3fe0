// The qemu port's configuration, with what a real board has switched on.

#include "ports/qemu/mpconfigport.h"

#if defined(__ARM_ARCH_6M__)
#define MICROPY_EMIT_THUMB_ARMV7M (0)
#undef MICROPY_EMIT_INLINE_THUMB
#endif

#undef MICROPY_PY_TIME
#define MICROPY_PY_TIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS (1)
#define MICROPY_PY_TIME_INCLUDEFILE "modtime_qemu.h"

#undef MICROPY_PY_SELECT
#define MICROPY_PY_SELECT (1)

#undef MICROPY_PY_ASYNCIO
#define MICROPY_PY_ASYNCIO (1)

#undef MICROPY_PY_SYS_STDIO_BUFFER
#define MICROPY_PY_SYS_STDIO_BUFFER (1)

#define MICROPY_PY_OS_URANDOM (1)
#define MICROPY_PY_OS_INCLUDEFILE "modos_qemu.h"

// ECB and CBC, as on most boards. Mbed TLS's, see micropython.mk.
#define MICROPY_PY_CRYPTOLIB (1)

// The port's own machine module ends QEMU instead of the reset, and has no watchdog.
#undef MICROPY_PY_MACHINE_INCLUDEFILE
#define MICROPY_PY_MACHINE_INCLUDEFILE "modmachine_qemu.h"
#define MICROPY_PY_MACHINE_WDT (1)
#define MICROPY_PY_MACHINE_WDT_INCLUDEFILE "machine_wdt_qemu.h"

void board_poll(void);
void board_wait(int timeout_ms);

#define MICROPY_INTERNAL_WFE(timeout_ms) board_wait(timeout_ms)

// There is no interrupt handler: running Python looks at the UART itself, so that Ctrl-C is seen
// and QEMU's small FIFO does not hold up the host.
#define MICROPY_VM_HOOK_INIT static unsigned int vm_hook_rounds = 64;
#define MICROPY_VM_HOOK_LOOP \
    if (--vm_hook_rounds == 0) { \
        vm_hook_rounds = 64; \
        board_poll(); \
    }
#define MICROPY_VM_HOOK_RETURN MICROPY_VM_HOOK_LOOP
