# Flags as interface targets, and the functions that the folders use:
#   sco_add_module(NAME sources... [LINK targets...])    a static library core/NAME -> sco_NAME
#   sco_add_plugin(NAME sources...)                      a plugin -> lib/secureops/plugins/NAME.so
#   sco_add_unit_test(NAME sources... [LINK targets...]) a cmocka test -> ctest unit.NAME
#   sco_add_fuzzer(NAME sources... [LINK targets...] [CORPUS folder])
#                                                        a libFuzzer target, or its replay driver
option(SCO_TESTS "Build the tests" ON)
option(SCO_FUZZ "Build libFuzzer targets (clang)" OFF)
option(SCO_WERROR "Warnings are errors" OFF)
set(SCO_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(SCO_LIBDIR lib/secureops)
set(SCO_PLUGIN_OUTPUT ${CMAKE_BINARY_DIR}/${SCO_LIBDIR}/plugins)
set(SCO_HOST_OUTPUT ${CMAKE_BINARY_DIR}/${SCO_LIBDIR})

add_library(sco_warnings INTERFACE)
target_compile_options(sco_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wconversion
  -Wno-sign-conversion -Werror=implicit-function-declaration -Werror=attributes
  $<$<BOOL:${SCO_WERROR}>:-Werror>)

add_library(sco_hardening INTERFACE)
target_compile_options(sco_hardening INTERFACE -fstack-protector-strong -fno-strict-aliasing
  -fno-omit-frame-pointer)
if(NOT SCO_SANITIZE)
  target_compile_definitions(sco_hardening INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
endif()
target_link_options(sco_hardening INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
  -Wl,--as-needed)

add_library(sco_sanitize INTERFACE)
if(SCO_SANITIZE)
  target_compile_options(sco_sanitize INTERFACE -fsanitize=${SCO_SANITIZE}
    -fno-sanitize-recover=undefined)
  target_link_options(sco_sanitize INTERFACE -fsanitize=${SCO_SANITIZE})
  target_compile_definitions(sco_sanitize INTERFACE SCO_SANITIZED=1)
endif()
if(SCO_FUZZ)
  target_compile_options(sco_sanitize INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(SCO_COVERAGE)
  target_compile_options(sco_sanitize INTERFACE --coverage)
  target_link_options(sco_sanitize INTERFACE --coverage)
endif()

add_library(sco_flags INTERFACE)
target_link_libraries(sco_flags INTERFACE sco_warnings sco_hardening sco_sanitize)
target_compile_definitions(sco_flags INTERFACE _GNU_SOURCE SCO_VERSION="${PROJECT_VERSION}")
target_include_directories(sco_flags INTERFACE ${CMAKE_SOURCE_DIR}/core/include)

# What `secureops` needs to run: scripts/run.sh builds it without the tests.
add_custom_target(programs)

function(sco_add_module name)
  cmake_parse_arguments(A "" "" "LINK" ${ARGN})
  add_library(sco_${name} STATIC ${A_UNPARSED_ARGUMENTS})
  target_link_libraries(sco_${name} PRIVATE sco_flags PUBLIC ${A_LINK})
endfunction()

function(sco_add_plugin name)
  cmake_parse_arguments(A "" "OUTPUT" "LINK" ${ARGN})
  if(NOT A_OUTPUT)
    set(A_OUTPUT ${SCO_PLUGIN_OUTPUT})
  endif()
  add_library(plugin_${name} MODULE ${A_UNPARSED_ARGUMENTS})
  target_link_libraries(plugin_${name} PRIVATE sco_flags ${A_LINK})
  set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${A_OUTPUT})
  target_link_options(plugin_${name} PRIVATE -Wl,--exclude-libs,ALL
    -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/plugin.map)
  if(NOT SCO_SANITIZE)
    target_link_options(plugin_${name} PRIVATE -Wl,-z,defs)
  endif()
  if(A_OUTPUT STREQUAL SCO_PLUGIN_OUTPUT)
    add_dependencies(programs plugin_${name})
    install(TARGETS plugin_${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/secureops/plugins)
  endif()
endfunction()

function(sco_add_unit_test name)
  cmake_parse_arguments(A "" "" "LINK" ${ARGN})
  add_executable(unit_${name} ${A_UNPARSED_ARGUMENTS})
  set_target_properties(unit_${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(unit_${name} PRIVATE sco_flags ${A_LINK} cmocka)
  target_include_directories(unit_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support)
  add_test(NAME unit.${name} COMMAND unit_${name})
  set_tests_properties(unit.${name} PROPERTIES TIMEOUT 120 LABELS unit
    ENVIRONMENT "SECUREOPS_SOURCE=${CMAKE_SOURCE_DIR};SECUREOPS_BUILD=${CMAKE_BINARY_DIR}")
endfunction()

# With SCO_FUZZ: a libFuzzer program. Always: fuzz.NAME in ctest replays tests/fuzz/corpus/NAME
# (and, for the formats that the shared corpus has, those files) through the same function.
function(sco_add_fuzzer name)
  cmake_parse_arguments(A "" "CORPUS" "LINK" ${ARGN})
  if(NOT A_CORPUS)
    set(A_CORPUS ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  endif()
  add_executable(fuzz_${name} ${A_UNPARSED_ARGUMENTS})
  set_target_properties(fuzz_${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(fuzz_${name} PRIVATE sco_flags ${A_LINK})
  if(SCO_FUZZ)
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
  endif()
  if(SCO_TESTS)
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${A_CORPUS})
    set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 120 LABELS fuzz)
  endif()
endfunction()
