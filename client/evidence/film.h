// A film that players show with its times: Motion JPEG in AVI, of one byte form (specs/capture.md, "Film").
// Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cunzheng::evidence {

inline constexpr uint64_t kFilmSlotUs = 40'000;

struct FilmPicture {
  uint64_t time_us = 0;  // of any clock; never less than that of the picture before
  std::string_view jpeg;
};

// Where pictures stand in a film, told one after the other.
class FilmLayout {
 public:
  struct Place {
    uint64_t slot = 0;  // of 40 ms
    size_t offset = 0;  // of the picture's first byte in the film
  };
  Place Add(uint64_t time_us, size_t length);
  uint64_t slots() const { return slots_; }

 private:
  uint64_t first_us_ = 0, slots_ = 0;
  size_t offset_ = 0;  // of the next chunk
};

// Of at least one picture. An empty slot costs 24 bytes: it is the caller's to bound the times.
std::string MakeFilm(std::span<const FilmPicture> pictures);

struct JpegSize {
  uint16_t width = 0, height = 0;  // 0: it has no frame header where one should be
};
JpegSize SizeOfJpeg(std::string_view jpeg);

}  // namespace cunzheng::evidence
