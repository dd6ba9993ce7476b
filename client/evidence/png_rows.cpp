#include "client/evidence/png_rows.h"

#include <png.h>

#include <csetjmp>
#include <cstring>

namespace cunzheng::evidence {
namespace {

constexpr size_t kChannels = kPngChannels;
constexpr size_t kChunkBytesMax = 8u << 20;  // of one chunk that libpng keeps

// libpng reports an error by a jump over C++ frames. So each call into it stands in a function of its own
// with nothing to destroy, and what it reads and writes lives outside.
struct Failure {
  jmp_buf back;
  char text[128] = "";
};

[[noreturn]] void Failed(png_structp png, png_const_charp text) {
  auto* failure = static_cast<Failure*>(png_get_error_ptr(png));
  std::strncpy(failure->text, text, sizeof failure->text - 1);
  longjmp(failure->back, 1);
}
void Warned(png_structp, png_const_charp) {}

// Decodes one picture row by row, as 8-bit RGB.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}
  ~Decoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Errors: kInvalidValue, kTooLarge.
  Result<PictureSize> Begin() {
    if (!TryBegin()) return Wrong();
    if (size_.width > kPictureWidthMax || size_.height > kPictureHeightMax) {
      return Error{Errc::kTooLarge, "a picture must be at most 16,384 by 262,144 pixels"};
    }
    if (interlaced_) return Error{Errc::kInvalidValue, "a picture must not be interlaced"};
    if (!TryConvert()) return Wrong();
    return size_;
  }
  // The next row; Requires Begin() and that there is one. Errors: kInvalidValue.
  Result<void> Row(std::string* row) {
    row->resize(size_.width * kChannels);
    if (!TryRow(reinterpret_cast<png_bytep>(row->data()))) return Wrong();
    return {};
  }
  // After the last row: what follows must be the end. Errors: kInvalidValue.
  Result<void> End() {
    if (!TryEnd()) return Wrong();
    if (!rest_.empty()) return Error{Errc::kInvalidValue, "png: has bytes after its end"};
    return {};
  }

 private:
  Error Wrong() const { return {Errc::kInvalidValue, std::string("png: ") + failure_.text}; }

  static void Read(png_structp png, png_bytep out, size_t length) {
    auto* rest = static_cast<std::string_view*>(png_get_io_ptr(png));
    if (rest->size() < length) png_error(png, "ends too early");
    std::memcpy(out, rest->data(), length);
    rest->remove_prefix(length);
  }
  bool TryBegin() {
    if (setjmp(failure_.back) != 0) return false;
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &failure_, Failed, Warned);
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    CHECK_INVARIANT(info_ != nullptr);
    png_set_user_limits(png_, kPictureWidthMax, kPictureHeightMax);
    png_set_chunk_malloc_max(png_, kChunkBytesMax);
    png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_read_fn(png_, &rest_, Read);
    png_read_info(png_, info_);
    size_ = {.width = png_get_image_width(png_, info_), .height = png_get_image_height(png_, info_)};
    interlaced_ = png_get_interlace_type(png_, info_) != PNG_INTERLACE_NONE;
    return true;
  }
  bool TryConvert() {
    if (setjmp(failure_.back) != 0) return false;
    png_set_expand(png_);
    png_set_strip_16(png_);
    png_set_strip_alpha(png_);
    png_set_gray_to_rgb(png_);
    png_read_update_info(png_, info_);
    if (png_get_rowbytes(png_, info_) != size_.width * kChannels)
      png_error(png_, "is no picture of three colours");
    return true;
  }
  bool TryRow(png_bytep row) {
    if (setjmp(failure_.back) != 0) return false;
    png_read_row(png_, row, nullptr);
    return true;
  }
  bool TryEnd() {
    if (setjmp(failure_.back) != 0) return false;
    png_read_end(png_, nullptr);
    return true;
  }

  std::string_view rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  Failure failure_;
  PictureSize size_;
  bool interlaced_ = false;
};

// Encodes one picture row by row.
class Encoder {
 public:
  Encoder() = default;
  ~Encoder() { png_destroy_write_struct(&png_, &info_); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  void Begin(PictureSize size) { CHECK_INVARIANT(TryBegin(size)); }
  void Row(const std::string& row) { CHECK_INVARIANT(TryRow(reinterpret_cast<png_const_bytep>(row.data()))); }
  std::string End() {
    CHECK_INVARIANT(TryEnd());
    return std::move(out_);
  }

 private:
  static void Write(png_structp png, png_bytep bytes, size_t length) {
    static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<const char*>(bytes), length);
  }
  static void Flush(png_structp) {}
  bool TryBegin(PictureSize size) {
    if (setjmp(failure_.back) != 0) return false;
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, &failure_, Failed, Warned);
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    CHECK_INVARIANT(info_ != nullptr);
    png_set_user_limits(png_, kPictureWidthMax, kPictureHeightMax);
    png_set_write_fn(png_, &out_, Write, Flush);
    png_set_IHDR(png_, info_, size.width, size.height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    png_write_info(png_, info_);
    return true;
  }
  bool TryRow(png_const_bytep row) {
    if (setjmp(failure_.back) != 0) return false;
    png_write_row(png_, row);
    return true;
  }
  bool TryEnd() {
    if (setjmp(failure_.back) != 0) return false;
    png_write_end(png_, nullptr);
    return true;
  }

  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  Failure failure_;
  std::string out_;
};

}  // namespace

struct PngReader::Impl {
  explicit Impl(std::string_view bytes) : decoder(bytes) {}
  Decoder decoder;
};
PngReader::PngReader(std::string_view bytes) : impl_(std::make_unique<Impl>(bytes)) {}
PngReader::~PngReader() = default;
Result<PictureSize> PngReader::Begin() {
  return impl_->decoder.Begin();
}
Result<void> PngReader::Row(std::string* row) {
  return impl_->decoder.Row(row);
}
Result<void> PngReader::End() {
  return impl_->decoder.End();
}

struct PngWriter::Impl {
  Encoder encoder;
};
PngWriter::PngWriter(PictureSize size) : impl_(std::make_unique<Impl>()) {
  impl_->encoder.Begin(size);
}
PngWriter::~PngWriter() = default;
void PngWriter::Row(const std::string& row) {
  impl_->encoder.Row(row);
}
std::string PngWriter::End() {
  return impl_->encoder.End();
}

}  // namespace cunzheng::evidence
