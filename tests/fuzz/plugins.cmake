# A fuzzer for the parser of every scanner plugin, and for what every plugin of a CI platform makes of
# a delivery, from the sources of its target; a plugin needs no line here. The corpus is the plugin's
# own testdata.
if(SCO_FUZZ AND NOT SCO_TESTS)
  add_subdirectory(${CMAKE_SOURCE_DIR}/tests/support ${CMAKE_BINARY_DIR}/tests/support)
endif()
file(GLOB plugin_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/plugins/scanners/*/CMakeLists.txt
  ${CMAKE_SOURCE_DIR}/plugins/ci/*/CMakeLists.txt)
foreach(file IN LISTS plugin_files)
  cmake_path(GET file PARENT_PATH dir)
  cmake_path(GET dir FILENAME name)
  if(NOT TARGET plugin_${name} OR NOT IS_DIRECTORY ${dir}/testdata)
    continue()
  endif()
  get_target_property(sources plugin_${name} SOURCES)
  get_target_property(links plugin_${name} LINK_LIBRARIES)
  get_target_property(from plugin_${name} SOURCE_DIR)
  set(paths "")
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${from} OUTPUT_VARIABLE path)
    list(APPEND paths ${path})
  endforeach()
  set(driver fuzz_plugin.c)
  if(dir MATCHES "/ci/")
    set(driver fuzz_ci_plugin.c)
  endif()
  sco_add_fuzzer(plugin_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/${driver} ${paths}
    LINK sco_fake_host ${links} CORPUS ${dir}/testdata)
endforeach()
