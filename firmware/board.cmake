# A board of the ports that are built with CMake (esp32, rp2): upstream's board MPSEQ_UPSTREAM_BOARD,
# header, pins and all, with Monocypher linked and mpseq frozen. Included by mpconfigboard.cmake in one of
# boards/, which the port is given as BOARD_DIR.

get_filename_component(MPSEQ_DIR ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
set(MPSEQ_BOARD_DIR ${MPSEQ_DIR}/boards/${MPSEQ_UPSTREAM_BOARD})

# From here on the port takes all from its own folder; CMAKE_SOURCE_DIR is the port.
set(MICROPY_BOARD_DIR ${CMAKE_SOURCE_DIR}/boards/${MPSEQ_UPSTREAM_BOARD})
if(NOT EXISTS ${MICROPY_BOARD_DIR}/mpconfigboard.cmake)
    message(FATAL_ERROR "This MicroPython has no board ${MPSEQ_UPSTREAM_BOARD} in ${CMAKE_SOURCE_DIR}/boards")
endif()
include(${MICROPY_BOARD_DIR}/mpconfigboard.cmake)

set(MICROPY_FROZEN_MANIFEST ${MPSEQ_BOARD_DIR}/manifest.py)
list(APPEND USER_C_MODULES ${MPSEQ_DIR}/firmware/monocypher/micropython.cmake)
