// The part of PageCapture that scrolls within a page: many of them have a window that does not scroll and an
// element in it that does.
#include <algorithm>
#include <boost/json/array.hpp>
#include <string>

#include "client/capture/page_capture.h"

namespace cunzheng::capture {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr size_t kInsideMax = 5;

// The largest elements that scroll, with where each stands, as far as they are a part of the page that one
// sees. Called in a world of its own, where scripts of the page have no say.
constexpr std::string_view kFind = R"js((() => {
  const found = [], roots = [document];
  for (let seen = 0; roots.length && seen < 100000;) {
    for (const element of roots.shift().querySelectorAll('*')) {
      if (element.shadowRoot) roots.push(element.shadowRoot);
      if (++seen > 100000) break;
      if (element === document.scrollingElement || element.clientHeight < 100 || element.clientWidth < 100 ||
          element.scrollHeight - element.clientHeight < 20) continue;
      const style = getComputedStyle(element);
      if (!/auto|scroll|overlay/.test(style.overflowY) || style.visibility !== 'visible') continue;
      const from = element.scrollTop;
      element.scrollTo({top: from ? 0 : 1, behavior: 'instant'});
      const moves = element.scrollTop !== from;
      element.scrollTo({top: from, behavior: 'instant'});
      if (moves) found.push({element, from, area: element.clientWidth * element.clientHeight});
    }
  }
  found.sort((a, b) => b.area - a.area);
  globalThis.scrollable = found;
  return found.map(({element}) => (element.localName + (element.id ? '#' + element.id : '')).slice(0, 200));
})())js";

std::string StepTo(size_t i, uint32_t y) {
  const std::string element = "scrollable[" + std::to_string(i) + "].element";
  return element + ".scrollTo({top: " + std::to_string(y) + ", behavior: 'instant'}), [" + element +
         ".clientHeight, " + element + ".scrollHeight]";
}

std::string BackToBegin(size_t i) {
  return "{const {element, from} = scrollable[" + std::to_string(i) +
         "]; element.scrollTo({top: from, behavior: 'instant'})}; 0";
}

}  // namespace

void PageCapture::ScrollInside() {
  const auto until = Clock::now() + limits_.scroll_within;
  const auto world = Ask("Page.createIsolatedWorld", {{"frameId", target_}});
  if (!world) return steps_->Note("missed", "scrolling inside: " + world.error().detail);
  const auto context = static_cast<int64_t>(NumberOf(*world, "executionContextId"));
  const auto found = Evaluate(std::string(kFind), context);
  if (!found || !found->is_array()) return;
  const json::array& names = found->get_array();
  for (size_t i = 0; i < std::min(names.size(), kInsideMax) && GoesOn(); ++i) {
    const std::string name = names[i].is_string() ? std::string(names[i].get_string()) : "";
    ScrollElement(i, name, context, until);
  }
  if (names.size() > kInsideMax) {
    recorder_.Say("not_scrolled_inside", std::to_string(names.size() - kInsideMax) + " smaller elements");
  }
}

// As Scroll does it with the window.
void PageCapture::ScrollElement(size_t i, const std::string& name, int64_t context, Clock::time_point until) {
  uint32_t view = 0, height = 0, settled_height = 0;
  for (uint32_t y = 0; GoesOn();) {
    const auto size = Evaluate(StepTo(i, y), context);
    if (!size || !size->is_array() || size->get_array().size() != 2) return;  // the page is another by now
    const auto pixels = [&](size_t at) {
      const json::value& value = size->get_array()[at];
      return value.is_number() ? static_cast<uint32_t>(std::clamp(value.to_number<double>(), 0.0, 1e9)) : 0;
    };
    view = pixels(0);
    height = pixels(1);
    if (y >= limits_.height_max) {
      Stop("height_limit", name + ": " + std::to_string(height));
      break;
    }
    if (Clock::now() >= until) {
      Stop("scroll_limit", name + ": " + std::to_string(y) + " of " + std::to_string(height));
      break;
    }
    Pause(milliseconds(100));
    if (y + view < height) {
      y += std::max(view * 4 / 5, 80U);
      continue;
    }
    // At the end. Whatever that brings up is waited for; it may bring more.
    if (height <= settled_height) break;
    settled_height = height;
    Pause(milliseconds(300));
    static_cast<void>(Settle(std::max(limits_.quiet * 4, milliseconds(2'000))));
  }
  static_cast<void>(Evaluate(BackToBegin(i), context));
  Pause(milliseconds(100));
  const std::string what = name + ": " + std::to_string(height) + ", " + std::to_string(view) + " in view";
  steps_->Note("scrolled_inside", what);
  recorder_.Say("scrolled_inside", what + "; pictures show no more than that");
}

}  // namespace cunzheng::capture
