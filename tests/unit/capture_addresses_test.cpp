// Which addresses a capture may ask for.
#include <doctest/doctest.h>

#include "client/capture/addresses.h"

using namespace cunzheng;
using namespace cunzheng::capture;

TEST_CASE("addresses that the Internet does not route are local, in every way to write them") {
  for (const char* ip : {"127.0.0.1",
                         "127.255.255.255",
                         "10.0.0.1",
                         "172.16.0.1",
                         "172.31.255.255",
                         "192.168.1.1",
                         "169.254.169.254",
                         "100.64.0.1",
                         "0.0.0.0",
                         "224.0.0.1",
                         "255.255.255.255",
                         "::",
                         "::1",
                         "fe80::1",
                         "fe80::1%eth0",
                         "fc00::1",
                         "fdff::1",
                         "fec0::1",
                         "ff02::1",
                         "::ffff:127.0.0.1",
                         "::ffff:10.1.2.3",
                         "64:ff9b::7f00:1",
                         "2002:c0a8:101::"}) {
    CHECK_MESSAGE(IsLocalAddress(ip), ip);
  }
  for (const char* ip :
       {"1.1.1.1", "172.15.255.255", "172.32.0.1", "100.128.0.1", "192.169.0.1", "223.5.5.5", "2400:3200::1",
        "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::", "shop.example", ""}) {
    CHECK_MESSAGE(!IsLocalAddress(ip), ip);
  }
}

TEST_CASE("names that never stand for any other machine are local") {
  for (const char* host : {"localhost", "LOCALHOST", "localhost.", "a.localhost", "printer.local",
                           "db.internal", "router.home.arpa", "127.0.0.1"}) {
    CHECK_MESSAGE(IsLocalHost(host), host);
  }
  for (const char* host : {"localhost.example.com", "local.example", "mylocalhost", ""}) {
    CHECK_MESSAGE(!IsLocalHost(host), host);
  }
}

TEST_CASE("an address is split as a browser would") {
  const auto parts = SplitUrl("HTTPS://user:secret@Shop.Example:8443/a/b?c=d#e");
  REQUIRE(parts);
  CHECK(parts->scheme == "https");
  CHECK(parts->host == "shop.example");
  CHECK(parts->origin == "https://shop.example:8443");
  CHECK(parts->target == "/a/b?c=d");
  CHECK(SplitUrl("http://[::1]:80?x")->host == "::1");
  CHECK(SplitUrl("http://[::1]:80?x")->target == "/?x");
  CHECK(SplitUrl("http://evil.example\\@127.0.0.1/")->host == "evil.example");
  for (const char* wrong :
       {"", "shop.example", "://x", "http:/x", "http://a b", "http://a\n", "http://[::1"}) {
    CHECK_MESSAGE(!SplitUrl(wrong), wrong);
  }
}

TEST_CASE("what a browser may ask for") {
  CHECK(CheckUrl("https://shop.example/", false));
  CHECK(CheckUrl("wss://shop.example/", false));
  CHECK(CheckUrl("http://127.0.0.1:8080/", true));
  for (const char* wrong :
       {"file:///etc/passwd", "ftp://shop.example/", "chrome://settings", "javascript:1", "http:///",
        "http://127.0.0.1/", "http://[::1]/", "ws://localhost/", "https://a@192.168.0.1/"}) {
    CHECK_MESSAGE(!CheckUrl(wrong, false), wrong);
  }
  CHECK(CheckUrl("http://127.0.0.1/", false).error().detail ==
        "url: 127.0.0.1 is of this machine or its own network");
  CHECK_FALSE(CheckUrl("file:///etc/passwd", true));
}
