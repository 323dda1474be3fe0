#pragma once

#include <stdbool.h>

// The flash memory of an emulated board: a file of the host, which outlives the board.

// Looks for a disk on QEMU's command line and opens it.
bool disk_open(void);
void disk_close(void);

// Mounts its file system at "/", made anew if the disk is blank. Says on the console what is wrong.
void disk_mount(void);
