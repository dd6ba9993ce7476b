// What a browser says that it is: the User-Agent header, client hints, and what scripts read of both. A
// browser without a window calls itself "HeadlessChrome", to which a site may answer otherwise than to a
// visitor; a capture says what the same browser says with one.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>

#include "client/capture/browser_process.h"
#include "crypto/result.h"

namespace cunzheng::capture {

struct Identity {
  std::string own;         // the User-Agent that the browser has of itself
  std::string user_agent;  // that is sent
  boost::json::object
      override;  // parameters of CDP's Network.setUserAgentOverride; empty: nothing is overridden
};

// Starts the browser, asks it what it is, and ends it: a page of the browser's own is opened, and no other.
// What is sent must be given to the browser of the capture as an argument too (IdentityArgument), since
// shared and service workers know of no override. Errors: BrowserProcess::Start's and Cdp::Call's; kTimeout.
Result<Identity> LearnIdentity(BrowserOptions options, bool phone, const std::function<bool()>& stop);
std::string IdentityArgument(const Identity& identity);
// For the operation log: what the browser calls itself, and what is sent.
std::string IdentityText(const Identity& identity);

// The rest is pure. `user_agent`: the browser's own; `hints`: what NavigatorUAData says of a page of a secure
// origin.
Identity DesktopIdentity(const std::string& user_agent, const boost::json::object& hints);
// A phone with that browser on it.
Identity PhoneIdentity(const std::string& user_agent, const boost::json::object& hints);

}  // namespace cunzheng::capture
