# MicroPython's own ESP32_GENERIC_S3 with mpseq inside; README.md says how it is built.
set(MPSEQ_UPSTREAM_BOARD ESP32_GENERIC_S3)
include(${CMAKE_CURRENT_LIST_DIR}/../../firmware/board.cmake)
