// An emulated board's flash memory: a file of the host, through semihosting, which has the same calls
// on both machines. QEMU gets it as `-semihosting-config enable=on,target=native,arg=disk=FILE`, and each
// write is in the host's file system before the board goes on: a killed QEMU is a power cut.

#include <string.h>

#include "extmod/vfs.h"
#include "extmod/vfs_lfs.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"

#include "disk.h"

#define BLOCK_SIZE (4096)
#define LONGEST_PATH (500)

// --- semihosting -----------------------------------------------------------------------------

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_SEEK = 0x0a,
    SYS_FLEN = 0x0c,
    SYS_GET_CMDLINE = 0x15,
};
#define OPEN_READ_WRITE (3) // "r+b"

static MP_NOINLINE int32_t host(uint32_t call, uint32_t a, uint32_t b, uint32_t c) {
    uint32_t arguments[] = { a, b, c };
    #if defined(__riscv)
    register uint32_t number __asm__ ("a0") = call;
    register uint32_t *where __asm__ ("a1") = arguments;
    // QEMU knows the call by the instructions around ebreak, uncompressed and on one page.
    __asm volatile (
        ".option push \n"
        ".option norvc \n"
        ".balign 16 \n"
        "slli zero, zero, 0x1f \n"
        "ebreak \n"
        "srai zero, zero, 7 \n"
        ".option pop \n"
        : "+r" (number) : "r" (where) : "memory");
    #else
    register uint32_t number __asm__ ("r0") = call;
    register uint32_t *where __asm__ ("r1") = arguments;
    __asm volatile ("bkpt 0xab" : "+r" (number) : "r" (where) : "memory");
    #endif
    return number;
}

// --- the disk --------------------------------------------------------------------------------

static int32_t file = -1;
static uint32_t block_count;

bool disk_open(void) {
    char line[LONGEST_PATH + 8];
    if (host(SYS_GET_CMDLINE, (uint32_t)line, sizeof(line), 0) != 0 || strncmp(line, "disk=", 5) != 0) {
        return false;
    }
    const char *path = line + 5;
    file = host(SYS_OPEN, (uint32_t)path, OPEN_READ_WRITE, strlen(path));
    int32_t size = file < 0 ? 0 : host(SYS_FLEN, file, 0, 0);
    if (size < 2 * BLOCK_SIZE) {
        mp_printf(&mp_plat_print, "no disk: cannot open %s, or it is too small\n", path);
        return false;
    }
    block_count = size / BLOCK_SIZE;
    return true;
}

void disk_close(void) {
    if (file >= 0) {
        host(SYS_CLOSE, file, 0, 0);
        file = -1;
    }
}

static int transfer(uint32_t call, uint32_t block, uint32_t offset, const void *bytes, size_t size) {
    if (block >= block_count || offset + size > (block_count - block) * BLOCK_SIZE) {
        return -MP_EINVAL;
    }
    if (host(SYS_SEEK, file, block * BLOCK_SIZE + offset, 0) != 0) {
        return -MP_EIO;
    }
    return host(call, file, (uint32_t)bytes, size) == 0 ? 0 : -MP_EIO;
}

static int erase(uint32_t block) {
    uint8_t blank[256];
    memset(blank, 0xff, sizeof(blank));
    int error = 0;
    for (uint32_t offset = 0; offset < BLOCK_SIZE && error == 0; offset += sizeof(blank)) {
        error = transfer(SYS_WRITE, block, offset, blank, sizeof(blank));
    }
    return error;
}

// --- as a block device for MicroPython -------------------------------------------------------

static mp_obj_t blocks(uint32_t call, size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t bufinfo;
    mp_get_buffer_raise(args[2], &bufinfo, call == SYS_READ ? MP_BUFFER_WRITE : MP_BUFFER_READ);
    uint32_t block = mp_obj_get_int(args[1]);
    uint32_t offset = n_args > 3 ? mp_obj_get_int(args[3]) : 0;
    int error = 0;
    if (call == SYS_WRITE && n_args == 3) { // whole blocks, which nobody has erased
        for (uint32_t i = 0; i < bufinfo.len / BLOCK_SIZE && error == 0; i++) {
            error = block + i < block_count ? erase(block + i) : -MP_EINVAL;
        }
    }
    if (error == 0) {
        error = transfer(call, block, offset, bufinfo.buf, bufinfo.len);
    }
    return MP_OBJ_NEW_SMALL_INT(error);
}

static mp_obj_t disk_readblocks(size_t n_args, const mp_obj_t *args) {
    return blocks(SYS_READ, n_args, args);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(disk_readblocks_obj, 3, 4, disk_readblocks);

static mp_obj_t disk_writeblocks(size_t n_args, const mp_obj_t *args) {
    return blocks(SYS_WRITE, n_args, args);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(disk_writeblocks_obj, 3, 4, disk_writeblocks);

static mp_obj_t disk_ioctl(mp_obj_t self, mp_obj_t command, mp_obj_t argument) {
    int result = 0;
    switch (mp_obj_get_int(command)) {
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            result = block_count;
            break;
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            result = BLOCK_SIZE;
            break;
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE:
            result = erase(mp_obj_get_int(argument));
            break;
    }
    return MP_OBJ_NEW_SMALL_INT(result);
}
static MP_DEFINE_CONST_FUN_OBJ_3(disk_ioctl_obj, disk_ioctl);

static const mp_rom_map_elem_t disk_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&disk_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&disk_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&disk_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(disk_locals, disk_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    disk_type,
    MP_QSTR_Disk,
    MP_TYPE_FLAG_NONE,
    locals_dict, &disk_locals
    );

static const mp_obj_base_t disk = { &disk_type };

// --- its file system -------------------------------------------------------------------------

// As it comes from the host (zeros) or from a flash memory's factory. What is neither blank nor a file
// system is somebody's, and is left alone.
static bool is_blank(void) {
    uint8_t part[256];
    uint8_t first = 0;
    for (uint32_t offset = 0; offset < 2 * BLOCK_SIZE; offset += sizeof(part)) {
        if (transfer(SYS_READ, 0, offset, part, sizeof(part)) != 0) {
            return false;
        }
        if (offset == 0) {
            first = part[0];
        }
        for (size_t i = 0; i < sizeof(part); i++) {
            if (part[i] != first || (first != 0x00 && first != 0xff)) {
                return false;
            }
        }
    }
    return true;
}

void disk_mount(void) {
    mp_obj_t device = MP_OBJ_FROM_PTR(&disk);
    mp_obj_t type = MP_OBJ_FROM_PTR(&mp_type_vfs_lfs2);
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        if (is_blank()) {
            mp_call_function_1(mp_load_attr(type, MP_QSTR_mkfs), device);
        }
        mp_obj_t root = MP_OBJ_NEW_QSTR(MP_QSTR__slash_);
        mp_obj_t mount[] = { mp_call_function_1(type, device), root };
        mp_vfs_mount(2, mount, (mp_map_t *)&mp_const_empty_map);
        mp_vfs_chdir(root);
        nlr_pop();
    } else {
        mp_printf(&mp_plat_print, "The disk's file system is damaged, nothing is mounted: ");
        mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(nlr.ret_val));
    }
}
