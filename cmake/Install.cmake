# What cmake --install gives beside the programs and plugins (they have their rules where they are
# built): the SDK for plugin authors, the plugin template, policies, documentation.
#
#   include/secureops/plugin.h                       the whole interface; no other header is public
#   lib/pkgconfig/secureops-plugin.pc
#   lib/cmake/SecureOpsPlugin/                       find_package(SecureOpsPlugin)
#   share/secureops/plugin-template, .../plugin-template-ci, .../policies
#   share/doc/secureops
#
# The package finds everything relative to itself: an installed tree can be moved. The same files
# are put into the build tree in the same places, so that plugins can be built against that as well.
include(CMakePackageConfigHelpers)

set(SCO_SDK_CMAKEDIR ${CMAKE_INSTALL_LIBDIR}/cmake/SecureOpsPlugin)
set(sdk_source ${CMAKE_CURRENT_LIST_DIR}/sdk)
set(sdk_build ${CMAKE_BINARY_DIR}/${SCO_SDK_CMAKEDIR})

# "../../.." from the package's folder to the prefix, and the same for pkg-config.
cmake_path(RELATIVE_PATH CMAKE_SOURCE_DIR BASE_DIRECTORY ${CMAKE_SOURCE_DIR}/${SCO_SDK_CMAKEDIR}
  OUTPUT_VARIABLE SCO_SDK_TO_PREFIX)
cmake_path(RELATIVE_PATH CMAKE_SOURCE_DIR
  BASE_DIRECTORY ${CMAKE_SOURCE_DIR}/${CMAKE_INSTALL_LIBDIR}/pkgconfig
  OUTPUT_VARIABLE SCO_PC_TO_PREFIX)
cmake_path(NORMAL_PATH SCO_SDK_TO_PREFIX)
cmake_path(NORMAL_PATH SCO_PC_TO_PREFIX)

file(STRINGS core/include/secureops/plugin.h abi REGEX "^#define SCO_ABI_(MAJOR|MINOR) ")
string(REGEX MATCHALL "[0-9]+u" abi "${abi}")
list(TRANSFORM abi REPLACE "u" "")
list(GET abi 0 SCO_ABI_MAJOR)
list(GET abi 1 SCO_ABI_MINOR)

configure_file(${sdk_source}/SecureOpsPluginConfig.cmake.in
  ${sdk_build}/SecureOpsPluginConfig.cmake @ONLY)
configure_file(${sdk_source}/secureops-plugin.pc.in
  ${CMAKE_BINARY_DIR}/${CMAKE_INSTALL_LIBDIR}/pkgconfig/secureops-plugin.pc @ONLY)
write_basic_package_version_file(${sdk_build}/SecureOpsPluginConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
configure_file(${sdk_source}/PluginTest.cmake ${sdk_build}/PluginTest.cmake COPYONLY)
configure_file(${sdk_source}/DeliveryTest.cmake ${sdk_build}/DeliveryTest.cmake COPYONLY)
configure_file(${CMAKE_CURRENT_LIST_DIR}/plugin.map ${sdk_build}/plugin.map COPYONLY)
configure_file(core/include/secureops/plugin.h
  ${CMAKE_BINARY_DIR}/include/secureops/plugin.h COPYONLY)

install(FILES core/include/secureops/plugin.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/secureops)
install(FILES ${CMAKE_BINARY_DIR}/${CMAKE_INSTALL_LIBDIR}/pkgconfig/secureops-plugin.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${sdk_build}/SecureOpsPluginConfig.cmake
  ${sdk_build}/SecureOpsPluginConfigVersion.cmake ${sdk_build}/PluginTest.cmake
  ${sdk_build}/DeliveryTest.cmake
  ${sdk_build}/plugin.map DESTINATION ${SCO_SDK_CMAKEDIR})

install(DIRECTORY core/app/plugin_new/template/
  DESTINATION ${CMAKE_INSTALL_DATADIR}/secureops/plugin-template USE_SOURCE_PERMISSIONS)
install(DIRECTORY core/app/plugin_new/template-ci/
  DESTINATION ${CMAKE_INSTALL_DATADIR}/secureops/plugin-template-ci USE_SOURCE_PERMISSIONS)
if(EXISTS ${CMAKE_SOURCE_DIR}/policies)
  install(DIRECTORY policies DESTINATION ${CMAKE_INSTALL_DATADIR}/secureops)
endif()
foreach(file README.md LICENSE CHANGELOG.md SECURITY.md)
  if(EXISTS ${CMAKE_SOURCE_DIR}/${file})
    install(FILES ${file} DESTINATION ${CMAKE_INSTALL_DOCDIR})
  endif()
endforeach()
if(EXISTS ${CMAKE_SOURCE_DIR}/docs)
  install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md"
    PATTERN "*.schema.json")
endif()
install(DIRECTORY examples/plugin DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples
  USE_SOURCE_PERMISSIONS)
