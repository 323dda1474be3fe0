# MicroPython's own RPI_PICO_W with mpseq inside; README.md says how it is built.
set(MPSEQ_UPSTREAM_BOARD RPI_PICO_W)
include(${CMAKE_CURRENT_LIST_DIR}/../../firmware/board.cmake)
