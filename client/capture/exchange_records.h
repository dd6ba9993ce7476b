// Exchanges as WARC 1.1 records: request, response, and what the browser knew beside them. Pure but for
// record ids.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/capture/exchanges.h"
#include "client/evidence/warc.h"

namespace cunzheng::capture {

// The file's first record: which program wrote it, and under which rules.
evidence::WarcRecord InfoRecord(std::string_view software, uint64_t time_unix_us);

// Response and request, each naming the other, and a metadata record with address, port, TLS, initiator, and
// why something is missing. Bodies stand as the page got them, unpacked: headers that would say otherwise are
// kept as x-orig-…. An exchange without a response has the metadata record alone.
std::vector<evidence::WarcRecord> ExchangeRecords(const Exchange& exchange);

}  // namespace cunzheng::capture
