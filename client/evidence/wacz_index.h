// What an archive of WARC records must be to be a WACZ's, and the index that follows from it: each index is a
// function of its archive, so that a reader makes it again and compares. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/evidence/wacz.h"
#include "client/evidence/wacz_text.h"
#include "client/evidence/warc.h"
#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::evidence {

class WaczIndex {
 public:
  // Whether these may be the next records: each by itself, its id that no other has, and the limits of all
  // together. Errors: kInvalidValue, kTooLarge.
  Result<void> Check(std::span<const WarcRecord> records) const;
  // Takes the next record, which stands at `place` as a gzip member of this digest. Requires that Check()
  // allowed it.
  void Add(const WarcRecord& record, const RecordPlace& place, const Hash& member_digest);
  // Once, after the last record: whether every WARC-Concurrent-To and WARC-Refers-To leads to another record.
  // Errors: kInvalidValue.
  Result<void> Close();

  struct Line {
    std::string text;   // without line end
    size_t record = 0;  // its index in places()
    bool operator<(const Line& other) const { return text < other.text; }
  };
  // After Close(): sorted bytewise.
  const std::vector<Line>& lines() const { return lines_; }
  const std::vector<RecordPlace>& places() const { return places_; }
  uint64_t responses() const { return responses_; }
  uint64_t record_bytes() const { return record_bytes_; }
  // The HTTP status of the last response of that address, whose fragment does not count; 0 when it has none.
  int StatusOf(std::string_view url) const;

 private:
  struct Indexed {
    CdxjLine line;
    size_t record = 0;
  };
  struct Link {
    size_t from = 0;
    std::string header, to;
    bool to_partner = false;  // from a request to a response or the other way round
  };

  std::vector<RecordPlace> places_;
  std::map<std::string, size_t, std::less<>> records_by_id_;
  std::map<size_t, size_t> indexed_by_record_;
  std::map<size_t, std::string> methods_by_record_;  // of requests
  std::map<std::string, int, std::less<>> status_by_url_;
  std::vector<Indexed> indexed_;
  std::vector<Link> links_;
  std::vector<Line> lines_;
  uint64_t responses_ = 0, record_bytes_ = 0, url_bytes_ = 0;
};

}  // namespace cunzheng::evidence
