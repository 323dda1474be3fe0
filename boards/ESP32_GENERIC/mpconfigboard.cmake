# MicroPython's own ESP32_GENERIC with mpseq inside; README.md says how it is built.
set(MPSEQ_UPSTREAM_BOARD ESP32_GENERIC)
include(${CMAKE_CURRENT_LIST_DIR}/../../firmware/board.cmake)
