# The stages of ./test.sh that go beyond the tests of this build: each builds another preset and runs
# a selection of its tests, so that one ctest run, and one summary, stands for everything. Registered
# for the configuration "suites" only: a plain `ctest` in build/dev runs this build's tests and no more.
if(CUNZHENG_SANITIZE OR CUNZHENG_FUZZ)
  return()
endif()

function(add_suite name timeout_s)
  add_test(NAME suite.${name} CONFIGURATIONS suites COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  # A stage uses every core itself.
  set_tests_properties(suite.${name} PROPERTIES LABELS suite RUN_SERIAL ON TIMEOUT ${timeout_s})
endfunction()

set(SUITE ${PROJECT_SOURCE_DIR}/tests/suite.sh)
add_suite(format 120 ${SUITE} format)
add_suite(asan 3600 ${SUITE} preset asan all --label-exclude "full|bench|browser|consortium|vectors")
# What is labelled "threads"; the rest of that build would only cost time.
add_suite(tsan 3600 ${SUITE} preset tsan "capture_test crypto_test store_test store_fault_test client_test node_test"
  --label-regex threads)
add_suite(fuzz 10800 ${SUITE} fuzz)
add_suite(tidy 3600 ${PROJECT_SOURCE_DIR}/tests/tidy.py ${CMAKE_BINARY_DIR})
add_suite(package 1800 ${PROJECT_SOURCE_DIR}/tests/package/package_test.sh)
add_suite(consumer 1800 ${PROJECT_SOURCE_DIR}/tests/consumer/consumer_test.sh)
