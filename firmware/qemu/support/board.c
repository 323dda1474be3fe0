// An emulated board's clock, console input and idling, on top of upstream's qemu port, whose own
// functions are replaced at link time (see micropython.mk).
//
// Interrupts stay masked for good. They only end the wait of `wfi`, after which the cause is read and
// acknowledged here, so there is no handler and nothing to lock.

#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "ports/qemu/uart.h"
#include "shared/runtime/interrupt_char.h"

#include "board.h"
#include "disk.h"
#include "kept.h"
#include "random.h"

#define REG32(address) (*(volatile uint32_t *)(address))
#define REG8(address) (*(volatile uint8_t *)(address))

// Short enough for a 24-bit timer at 25 MHz, and for the clock's 32-bit counter never to pass unseen.
#define LONGEST_WAIT_MS (500)

// --- RV32 "virt" -----------------------------------------------------------------------------

#if defined(QEMU_SOC_VIRT)

#define MTIME_LOW REG32(0x0200bff8)
#define MTIME_HIGH REG32(0x0200bffc)
#define MTIMECMP_LOW REG32(0x02004000)
#define MTIMECMP_HIGH REG32(0x02004004)
#define PLIC_PRIORITY(source) REG32(0x0c000000 + 4 * (source))
#define PLIC_ENABLE REG32(0x0c002000)
#define PLIC_CLAIM REG32(0x0c200004)
#define UART_IER REG8(0x10000001)
#define UART_FCR REG8(0x10000002)
#define UART_SOURCE (10)
#define MIE_TIMER_AND_EXTERNAL (0x880)

#define RESET_REGISTER REG32(0x00100000)
#define RESET_REQUEST (0x7777)

#define TICKS_PER_US (10)
#define COUNTER MTIME_LOW

static void hardware_init(void) {
    __asm volatile ("csrci mstatus, 8"); // upstream has no handler that would end an interrupt
    MTIMECMP_HIGH = 0xffffffff;
    __asm volatile ("csrw mie, %0" : : "r" (MIE_TIMER_AND_EXTERNAL));
    UART_FCR = 0x81; // FIFO on, 8 bytes at a time; without it QEMU hands over single bytes
    UART_IER = 1;
    PLIC_PRIORITY(UART_SOURCE) = 1;
    PLIC_ENABLE = 1 << UART_SOURCE;
}

static void wait_for_interrupt(uint32_t ms) {
    uint32_t high, low;
    do {
        high = MTIME_HIGH;
        low = MTIME_LOW;
    } while (high != MTIME_HIGH);
    uint64_t until = ((uint64_t)high << 32 | low) + ms * (1000 * TICKS_PER_US);
    MTIMECMP_HIGH = 0xffffffff; // no moment in the past on the way
    MTIMECMP_LOW = (uint32_t)until;
    MTIMECMP_HIGH = until >> 32;
    __asm volatile ("wfi");
}

static void acknowledge(void) {
    MTIMECMP_HIGH = 0xffffffff;
    uint32_t source = PLIC_CLAIM;
    if (source) {
        PLIC_CLAIM = source;
    }
}

// --- Arm MPS2 AN385 --------------------------------------------------------------------------

#elif defined(QEMU_SOC_MPS2)

#define UART_CTRL REG32(0x40004008)
#define UART_INTSTATUS REG32(0x4000400c)
#define UART_RX_INTERRUPT_ENABLE (1 << 3)
#define UART_RX_INTERRUPT (1 << 1)
#define FPGAIO_PRESCALE REG32(0x4002801c)
#define FPGAIO_COUNTER REG32(0x40028018)
#define SYSTICK_CTRL REG32(0xe000e010)
#define SYSTICK_LOAD REG32(0xe000e014)
#define SYSTICK_VALUE REG32(0xe000e018)
#define SYSTICK_ON (7) // processor clock, interrupt, enabled
#define NVIC_ENABLE REG32(0xe000e100)
#define NVIC_UNPEND REG32(0xe000e280)
#define UART_RX_IRQ (1 << 0)
#define SCB_ICSR REG32(0xe000ed04)
#define SCB_ICSR_UNPEND_SYSTICK (1 << 25)

#define RESET_REGISTER REG32(0xe000ed0c)
#define RESET_REQUEST (0x05fa0004)

#define SCB_CPACR REG32(0xe000ed88)
#define SCB_CPACR_FPU_ON (0xf << 20)

#define CPU_TICKS_PER_MS (25000)
#define TICKS_PER_US (1)
#define COUNTER FPGAIO_COUNTER

static void hardware_init(void) {
    __asm volatile ("cpsid i");
    #if defined(__ARM_FP)
    SCB_CPACR |= SCB_CPACR_FPU_ON;
    #endif
    FPGAIO_PRESCALE = 24; // 25 MHz to 1 MHz
    UART_CTRL |= UART_RX_INTERRUPT_ENABLE;
    NVIC_ENABLE = UART_RX_IRQ;
}

static void wait_for_interrupt(uint32_t ms) {
    SYSTICK_LOAD = ms * CPU_TICKS_PER_MS;
    SYSTICK_VALUE = 0;
    SYSTICK_CTRL = SYSTICK_ON;
    __asm volatile ("wfi");
}

static void acknowledge(void) {
    SYSTICK_CTRL = 0;
    SCB_ICSR = SCB_ICSR_UNPEND_SYSTICK;
    UART_INTSTATUS = UART_RX_INTERRUPT;
    NVIC_UNPEND = UART_RX_IRQ;
}

#endif

// --- the clock -------------------------------------------------------------------------------

// Counted up in 32-bit steps: a 64-bit division brings in unwinding tables that the port's linker
// script for Arm has no place for.
static struct {
    uint32_t seen;
    uint32_t ticks_left;
    uint32_t us;
    uint32_t us_left;
    uint32_t ms;
} now;

static void clock_update(void) {
    uint32_t counter = COUNTER;
    now.ticks_left += counter - now.seen;
    now.seen = counter;
    uint32_t us = now.ticks_left / TICKS_PER_US;
    now.ticks_left -= us * TICKS_PER_US;
    now.us += us;
    now.us_left += us;
    uint32_t ms = now.us_left / 1000;
    now.us_left -= ms * 1000;
    now.ms += ms;
}

mp_uint_t mp_hal_ticks_ms(void) {
    clock_update();
    return now.ms;
}

mp_uint_t mp_hal_ticks_us(void) {
    clock_update();
    return now.us;
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return COUNTER;
}

uint64_t mp_hal_time_ns(void) {
    clock_update();
    return (uint64_t)now.ms * 1000000 + now.us_left * 1000;
}

void mp_hal_delay_ms(mp_uint_t ms) {
    uint32_t start = mp_hal_ticks_ms();
    for (;;) {
        uint32_t passed = mp_hal_ticks_ms() - start;
        if (passed >= ms) {
            break;
        }
        mp_event_wait_ms(ms - passed);
    }
}

void mp_hal_delay_us(mp_uint_t us) {
    uint32_t start = mp_hal_ticks_us();
    while (mp_hal_ticks_us() - start < us) {
    }
}

// --- reset and watchdog ----------------------------------------------------------------------

static struct {
    uint32_t timeout_ms; // 0: not started
    uint32_t fed_ms;
} watchdog;

NORETURN void board_reset(reset_cause_t cause) {
    board_random_before_reset();
    disk_close();
    KEPT->reset_cause = cause;
    RESET_REGISTER = RESET_REQUEST;
    for (;;) {
    }
}

reset_cause_t board_reset_cause(void) {
    return KEPT->reset_cause ? KEPT->reset_cause : RESET_POWER_ON;
}

void board_watchdog(uint32_t timeout_ms) {
    watchdog.timeout_ms = timeout_ms;
    board_watchdog_feed();
}

void board_watchdog_feed(void) {
    watchdog.fed_ms = mp_hal_ticks_ms();
}

static void watchdog_check(void) {
    if (watchdog.timeout_ms && now.ms - watchdog.fed_ms > watchdog.timeout_ms) {
        board_reset(RESET_WATCHDOG);
    }
}

// --- the console -----------------------------------------------------------------------------

// Nothing is ever lost: what finds no room here stays in the UART, and QEMU holds the host up.
static struct {
    uint8_t bytes[512];
    uint32_t put;
    uint32_t got;
} ring;

void __real_uart_init(void);

void __wrap_uart_init(void) {
    __real_uart_init();
    hardware_init();
}

static bool receive(void) {
    bool any = false;
    while (ring.put - ring.got < sizeof(ring.bytes)) {
        int c = uart_rx_chr();
        if (c == UART_RX_NO_CHAR) {
            break;
        }
        any = true;
        if (c == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
        } else {
            ring.bytes[ring.put++ % sizeof(ring.bytes)] = c;
        }
    }
    return any;
}

void board_poll(void) {
    receive();
    clock_update();
    watchdog_check();
}

// Waits for input or for the time to pass, and may return early; a negative time is for ever.
void board_wait(int timeout_ms) {
    if (timeout_ms == 0 || receive()) {
        return;
    }
    wait_for_interrupt(timeout_ms < 0 || timeout_ms > LONGEST_WAIT_MS ? LONGEST_WAIT_MS : timeout_ms);
    receive(); // first, so that the UART's line has dropped when its interrupt is acknowledged
    acknowledge();
    receive();
    clock_update();
    watchdog_check();
}

uintptr_t __wrap_mp_hal_stdio_poll(uintptr_t poll_flags) {
    board_poll();
    uintptr_t ready = poll_flags & MP_STREAM_POLL_WR;
    if (ring.put != ring.got) {
        ready |= poll_flags & MP_STREAM_POLL_RD;
    }
    return ready;
}

int __wrap_mp_hal_stdin_rx_chr(void) {
    board_poll();
    while (ring.put == ring.got) {
        mp_event_wait_indefinite();
    }
    return ring.bytes[ring.got++ % sizeof(ring.bytes)];
}
