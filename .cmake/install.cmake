# What `cmake --install` and `cpack` bring: two programs, the static libraries of crypto, ledger, verify and
# client with their headers, and find_package(cunzheng).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
include(CheckPIESupported)
check_pie_supported()

# Hardening of what is shipped; sanitizer builds have their own.
target_compile_options(cunzheng_options INTERFACE
  "$<$<CONFIG:Release>:-fstack-protector-strong;-fstack-clash-protection;-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>")
target_compile_definitions(cunzheng_options INTERFACE $<$<CONFIG:Release>:_GLIBCXX_ASSERTIONS>)
target_link_options(cunzheng_options INTERFACE "$<$<CONFIG:Release>:-Wl,-z,relro;-Wl,-z,now>")

# Libraries in two export sets, so that a verifier needs neither Boost nor LevelDB.
function(install_library area export)
  set_target_properties(cunzheng_${area} PROPERTIES EXPORT_NAME ${area})
  install(TARGETS cunzheng_${area} EXPORT ${export} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
endfunction()
install_library(crypto cunzheng-verify)
install_library(ledger cunzheng-verify)
install_library(verify cunzheng-verify)
install_library(client cunzheng-client)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cunzheng)
foreach(export cunzheng-verify cunzheng-client)
  install(EXPORT ${export} NAMESPACE cunzheng:: DESTINATION ${package_dir} COMPONENT development)
endforeach()
configure_package_config_file(.cmake/cunzheng-config.cmake.in cunzheng-config.cmake INSTALL_DESTINATION ${package_dir})
# Before 1.0 a minor version may break callers.
write_basic_package_version_file(cunzheng-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cunzheng-config.cmake ${PROJECT_BINARY_DIR}/cunzheng-config-version.cmake
  DESTINATION ${package_dir} COMPONENT development)
foreach(area crypto ledger client/verify client/sdk)
  file(GLOB headers CONFIGURE_DEPENDS ${area}/*.h)
  # The store is the node's own affair.
  list(FILTER headers EXCLUDE REGEX "ledger/(ledger|ledger_impl|state|store|tile_tree)\\.h$")
  install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cunzheng/${area} COMPONENT development)
endforeach()

# Programs and what the system needs around them.
install(TARGETS cunzhengd cunzheng RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
install(FILES node/package/cunzhengd.service node/package/cunzheng-cometbft.service DESTINATION lib/systemd/system COMPONENT programs)
install(FILES node/package/sysusers.conf DESTINATION lib/sysusers.d RENAME cunzheng.conf COMPONENT programs)
set(share ${CMAKE_INSTALL_DATADIR})
install(FILES client/package/completion.bash DESTINATION ${share}/bash-completion/completions RENAME cunzheng COMPONENT programs)
install(FILES client/package/completion.bash DESTINATION ${share}/bash-completion/completions RENAME cunzhengd COMPONENT programs)
install(FILES client/package/completion.zsh DESTINATION ${share}/zsh/vendor-completions RENAME _cunzheng COMPONENT programs)
install(FILES client/package/completion.fish DESTINATION ${share}/fish/vendor_completions.d RENAME cunzheng.fish COMPONENT programs)
install(FILES client/package/completion.fish DESTINATION ${share}/fish/vendor_completions.d RENAME cunzhengd.fish COMPONENT programs)
foreach(component programs development)
  set(doc ${share}/doc/cunzheng)
  if(component STREQUAL development)
    set(doc ${share}/doc/libcunzheng-dev)
  endif()
  install(FILES node/package/copyright LICENSE DESTINATION ${doc} COMPONENT ${component})
endforeach()
install(FILES README.md CHANGELOG.md SECURITY.md DESTINATION ${share}/doc/cunzheng COMPONENT programs)
file(GLOB specs CONFIGURE_DEPENDS specs/*.md specs/*.yaml)
install(FILES ${specs} DESTINATION ${share}/doc/cunzheng/specs COMPONENT programs)

# Packages: cunzheng (programs) and libcunzheng-dev (libraries).
set(CUNZHENG_MAINTAINER "Cunzheng maintainers <maintainers@cunzheng.invalid>" CACHE STRING
  "Maintainer field of the packages: name and address of whoever builds them for others")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME cunzheng)
set(CPACK_PACKAGE_VENDOR Cunzheng)
set(CPACK_PACKAGE_CONTACT ${CUNZHENG_MAINTAINER})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL programs development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME cunzheng)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers")
# For `cunzheng capture` alone.
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_RECOMMENDS "chromium, fonts-noto-cjk")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_CONTROL_EXTRA
  ${PROJECT_SOURCE_DIR}/node/package/postinst ${PROJECT_SOURCE_DIR}/node/package/prerm ${PROJECT_SOURCE_DIR}/node/package/postrm)
set(CPACK_COMPONENT_PROGRAMS_DESCRIPTION "Node (cunzhengd) and client (cunzheng) of an append-only ledger of evidence
digests. A deposit gives a receipt that proves offline what existed, since
when, who deposited it and which institutions vouch for that.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libcunzheng-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libssl-dev, libsecp256k1-dev, pkg-config")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "libboost1.81-dev")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "Static libraries, headers and CMake package: cunzheng::verify checks receipts
offline, cunzheng::client (needs Boost 1.81) deposits.")
include(CPack)
