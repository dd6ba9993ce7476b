#include "client/evidence/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "client/evidence/warc.h"
#include "crypto/digest.h"

namespace cunzheng::evidence {
namespace {

constexpr int kWindow = 15 + 16;  // zlib: the largest window, in gzip's format
// Deflate, no name, no time, no flags, default compression, no system: nothing that could say more than the
// data does.
constexpr std::string_view kHeader("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
constexpr size_t kPieceOut = 64 << 10;

// One member, fed in pieces.
class Inflater {
 public:
  explicit Inflater(size_t length_max) : length_max_(length_max) {
    CHECK_INVARIANT(inflateInit2(&stream_, kWindow) == Z_OK);
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Takes what belongs to the member off `in`; ended() when that was all of it.
  Result<void> Feed(std::string_view* in) {
    const size_t head = std::min(kHeader.size() - header_seen_, in->size());
    if (in->substr(0, head) != kHeader.substr(header_seen_, head)) {
      return Error{Errc::kInvalidValue,
                   "gzip: a member must begin with the plain header, without name and time"};
    }
    header_seen_ += head;
    while (!ended_ && !in->empty()) {
      const size_t length = std::min<size_t>(in->size(), size_t{1} << 30);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in->data()));
      stream_.avail_in = static_cast<uInt>(length);
      int status = Z_OK;
      do {
        char out[kPieceOut];
        stream_.next_out = reinterpret_cast<Bytef*>(out);
        stream_.avail_out = sizeof out;
        status = inflate(&stream_, Z_NO_FLUSH);
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
          return Error{Errc::kInvalidValue, "gzip: a member is broken"};
        }
        const size_t got = sizeof out - stream_.avail_out;
        if (got > length_max_ - bytes_.size()) {
          return Error{Errc::kTooLarge,
                       "gzip: a member must unpack to at most " + std::to_string(length_max_) + " bytes"};
        }
        bytes_.append(out, got);
      } while (status == Z_OK && stream_.avail_out == 0);
      in->remove_prefix(length - stream_.avail_in);
      ended_ = status == Z_STREAM_END;
    }
    return {};
  }
  bool ended() const { return ended_; }
  std::string Take() { return std::move(bytes_); }

 private:
  z_stream stream_{};
  const size_t length_max_;
  size_t header_seen_ = 0;
  bool ended_ = false;
  std::string bytes_;
};

Error CutOff() {
  return {Errc::kInvalidValue, "gzip: the last member is cut off"};
}

}  // namespace

std::string GzipMember(std::string_view bytes) {
  CHECK_INVARIANT(bytes.size() <= UINT32_MAX / 2);
  z_stream stream{};
  CHECK_INVARIANT(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kWindow, 8, Z_DEFAULT_STRATEGY) ==
                  Z_OK);
  gz_header header{};
  header.os = 255;  // unknown, on every machine
  deflateSetHeader(&stream, &header);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK_INVARIANT(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  CHECK_INVARIANT(out.starts_with(kHeader));
  return out;
}

Result<std::string> TakeGzipMember(std::string_view* rest, size_t length_max) {
  Inflater inflater(length_max);
  std::string_view in = *rest;
  RETURN_IF_ERROR(inflater.Feed(&in));
  if (!inflater.ended()) return CutOff();
  *rest = in;
  return inflater.Take();
}

Result<std::optional<UnpackedMember>> GzipReader::Next(size_t length_max) {
  Inflater inflater(length_max);
  Sha256Stream sha256;
  UnpackedMember member;
  member.offset = offset_ - (piece_.size() - used_);
  while (!inflater.ended()) {
    if (used_ == piece_.size()) {
      const auto left = std::min<uint64_t>(source_.length() - offset_, kPieceBytes);
      if (left == 0 && member.length == 0) return std::optional<UnpackedMember>();
      if (left == 0) return CutOff();
      ASSIGN_OR_RETURN(piece_, source_.Read(offset_, static_cast<size_t>(left)));
      offset_ += left;
      used_ = 0;
    }
    std::string_view in = std::string_view(piece_).substr(used_);
    const std::string_view before = in;
    RETURN_IF_ERROR(inflater.Feed(&in));
    const size_t taken = before.size() - in.size();
    sha256.Update(AsBytes(before.substr(0, taken)));
    member.length += taken;
    used_ += taken;
  }
  member.sha256 = sha256.Finish();
  member.bytes = inflater.Take();
  return std::optional<UnpackedMember>(std::move(member));
}

}  // namespace cunzheng::evidence
