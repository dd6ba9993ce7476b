// What a capture takes from others before it is packed: replies of name servers, pages and pictures to
// compare, and histories that were kept. The first byte chooses; nothing crashes, and what is accepted holds
// together.
#include "client/capture/network_probes.h"
#include "client/capture/watch.h"
#include "client/evidence/history.h"
#include "crypto/bytes.h"

using namespace cunzheng;
using namespace cunzheng::capture;

namespace {

void Reply(std::string_view message) {
  const auto reply = DecodeDnsReply(message, 7, "shop.example", kDnsTypeA);
  if (!reply) return;
  for (const std::string& address : reply->addresses) CHECK_INVARIANT(IsAddress(address));
}

void Url(std::string_view url) {
  const auto host = HostOfUrl(url);
  if (!host) return;
  CHECK_INVARIANT(!host->empty() && host->size() <= 253);
  if (!IsAddress(*host)) CHECK_INVARIANT(EncodeDnsQuery(1, *host, kDnsTypeA));
}

// Two pictures, parted in the middle.
void Pictures(std::string_view bytes) {
  const size_t middle = bytes.size() / 2;
  const auto change = ComparePages(bytes.substr(0, middle), bytes, bytes.substr(middle), bytes);
  if (!change) return;
  CHECK_INVARIANT(!change->text_changed() && change->pixels_changed <= change->pixels);
  CHECK_INVARIANT(change->difference_png.empty() == (change->pixels_changed == 0));
}

void Text(std::string_view dom) {
  // A piece is no longer than what it came from, but for "<", "=" and a line end each.
  CHECK_INVARIANT(NormalisedText(dom).size() <= 3 * dom.size() + 3);
}

void History(std::string_view text) {
  const auto history = evidence::DecodeHistory(text);
  if (!history) return;
  evidence::Look look;
  look.state = evidence::LookState::kFailed;
  // Whatever is accepted can be gone on with.
  const std::string more = std::string(text) + evidence::HistoryLine(text, look);
  const auto again = evidence::DecodeHistory(more);
  CHECK_INVARIANT(again && again->looks.size() == history->looks.size() + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest = AsText({data + 1, size - 1});
  constexpr void (*kTargets[])(std::string_view) = {Reply, Url, Pictures, Text, History};
  kTargets[data[0] % std::size(kTargets)](rest);
  return 0;
}
