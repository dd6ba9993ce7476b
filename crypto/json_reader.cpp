// json::ObjectReader: the closed schemas of specs/json.md.
#include <algorithm>

#include "crypto/json.h"

namespace cunzheng::json {
namespace {

std::string Range(uint64_t min, uint64_t max, std::string_view unit) {
  std::string text = "must be ";
  if (min == max) {
    text += std::to_string(min);
  } else {
    text += std::to_string(min) + " to " + std::to_string(max);
  }
  return text.append(" ").append(unit);
}

}  // namespace

ObjectReader::ObjectReader(const Value& value, std::string what)
    : object_(value.AsObject()), what_(std::move(what)) {
  seen_.reserve(16);
  if (object_ == nullptr) Adopt({Errc::kWrongType, what_ + ": must be an object"});
}

bool ObjectReader::Has(std::string_view key) const {
  return object_ != nullptr && object_->contains(key);
}

// Null after an error and when the field is missing, which becomes the error.
const Value* ObjectReader::Find(std::string_view key) {
  if (failed_) return nullptr;
  seen_.push_back(key);
  const auto it = object_->find(key);
  if (it != object_->end()) return &it->second;
  Fail(Errc::kMissingField, key, "is missing");
  return nullptr;
}

std::string ObjectReader::String(std::string_view key, size_t length_min, size_t length_max) {
  const Value* value = Find(key);
  if (value == nullptr) return {};
  const std::string* text = value->AsString();
  if (text == nullptr) {
    Fail(Errc::kWrongType, key, "must be a string");
    return {};
  }
  if (text->size() < length_min || text->size() > length_max) {
    Fail(Errc::kInvalidValue, key, Range(length_min, length_max, "bytes long"));
    return {};
  }
  return *text;
}

uint64_t ObjectReader::Integer(std::string_view key, uint64_t min, uint64_t max) {
  const Value* value = Find(key);
  if (value == nullptr) return 0;
  const uint64_t* number = value->AsInteger();
  if (number == nullptr) {
    Fail(Errc::kWrongType, key, "must be an integer");
    return 0;
  }
  if (*number < min || *number > max) {
    Fail(Errc::kInvalidValue, key,
         "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
    return 0;
  }
  return *number;
}

bool ObjectReader::Bool(std::string_view key) {
  const Value* value = Find(key);
  if (value == nullptr) return false;
  const bool* flag = value->AsBool();
  if (flag == nullptr) Fail(Errc::kWrongType, key, "must be true or false");
  return flag != nullptr && *flag;
}

Hash ObjectReader::Hex32(std::string_view key) {
  const Value* value = Find(key);
  if (value == nullptr) return {};
  const std::string* text = value->AsString();
  if (text == nullptr) {
    Fail(Errc::kWrongType, key, "must be a string");
    return {};
  }
  const auto hash = HashFromHex(*text);
  if (!hash) {
    Fail(Errc::kInvalidValue, key, "must be 64 lowercase hex digits");
    return {};
  }
  return *hash;
}

Bytes ObjectReader::Hex(std::string_view key, size_t length_max) {
  const Value* value = Find(key);
  if (value == nullptr) return {};
  const std::string* text = value->AsString();
  if (text == nullptr) {
    Fail(Errc::kWrongType, key, "must be a string");
    return {};
  }
  auto bytes = FromHex(*text);
  if (!bytes || bytes->size() > length_max) {
    Fail(Errc::kInvalidValue, key,
         "must be lowercase hex of at most " + std::to_string(length_max) + " bytes");
    return {};
  }
  return std::move(bytes).value();
}

const Array& ObjectReader::List(std::string_view key, size_t count_min, size_t count_max) {
  static const Array kEmpty;
  const Value* value = Find(key);
  if (value == nullptr) return kEmpty;
  const Array* array = value->AsArray();
  if (array == nullptr) {
    Fail(Errc::kWrongType, key, "must be an array");
    return kEmpty;
  }
  if (array->size() < count_min || array->size() > count_max) {
    Fail(Errc::kInvalidValue, key, Range(count_min, count_max, "elements long"));
    return kEmpty;
  }
  return *array;
}

const Value& ObjectReader::Child(std::string_view key) {
  static const Value kNothing;
  const Value* value = Find(key);
  return value == nullptr ? kNothing : *value;
}

void ObjectReader::Type(std::string_view type) {
  const Value* value = Find("type");
  if (value == nullptr) return;
  const std::string* text = value->AsString();
  if (text == nullptr) {
    Fail(Errc::kWrongType, "type", "must be a string");
  } else if (*text != type) {
    Fail(Errc::kUnsupportedVersion, "type", "must be \"" + std::string(type) + "\"");
  }
}

void ObjectReader::Fail(Errc code, std::string_view key, std::string_view rule) {
  if (failed_) return;
  Adopt({code, std::string(what_).append(".").append(key).append(": ").append(rule)});
}

void ObjectReader::Adopt(const Error& error) {
  if (failed_) return;
  failed_ = true;
  error_ = error;
}

Result<void> ObjectReader::Finish() {
  if (failed_) return error_;
  for (const auto& [key, value] : *object_) {
    if (std::find(seen_.begin(), seen_.end(), key) == seen_.end()) {
      Fail(Errc::kUnknownField, key, "is not a field of this object");
      return error_;
    }
  }
  return {};
}

}  // namespace cunzheng::json
