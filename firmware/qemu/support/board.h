#pragma once

#include <stdint.h>

#include "py/mpconfig.h"

// The numbers of machine.reset_cause().
typedef enum {
    RESET_POWER_ON = 1,
    RESET_HARD,
    RESET_WATCHDOG,
} reset_cause_t;

// Starts the machine anew, as its reset button would. The serial line stays.
NORETURN void board_reset(reset_cause_t cause);
reset_cause_t board_reset_cause(void);

// From the first call on the machine resets unless it is fed in time. There is no interrupt: the time is
// looked at while Python runs or waits, so a loop in C is not ended.
void board_watchdog(uint32_t timeout_ms);
void board_watchdog_feed(void);
