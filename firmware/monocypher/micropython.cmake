# The module linked into a firmware of a port that is built with CMake (esp32, rp2):
# -DUSER_C_MODULES=…/firmware/monocypher/micropython.cmake -DMONOCYPHER_DIR=…

if(NOT MONOCYPHER_DIR)
    get_filename_component(MONOCYPHER_DIR ${CMAKE_CURRENT_LIST_DIR}/../../build/monocypher ABSOLUTE)
endif()
if(NOT EXISTS ${MONOCYPHER_DIR}/monocypher.c)
    message(FATAL_ERROR "MONOCYPHER_DIR must be the folder of Monocypher's monocypher.c and .h (make deps fetches them)")
endif()

add_library(usermod_monocypher INTERFACE)
target_sources(usermod_monocypher INTERFACE ${CMAKE_CURRENT_LIST_DIR}/binding.c)
target_include_directories(usermod_monocypher INTERFACE ${MONOCYPHER_DIR})
target_link_libraries(usermod INTERFACE usermod_monocypher)
