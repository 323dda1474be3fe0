// MicroPython's exceptions leave functions by a jump that the address sanitizer does not know; it
// would take what these functions had on the stack for still guarded.
#include <sanitizer/asan_interface.h>

void __real_nlr_jump(void *value) __attribute__((noreturn));
void __wrap_nlr_jump(void *value) __attribute__((noreturn));

void __wrap_nlr_jump(void *value) {
    __asan_handle_no_return();
    __real_nlr_jump(value);
}
