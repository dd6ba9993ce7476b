// Names: what evidence is called in its manifest, where its receipt goes, and how a name is shown.
// File names are any bytes; manifests and terminals are not. Pure; safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace cunzheng::client {

inline constexpr std::string_view kReceiptSuffix = ".receipt.json";

// True for "x.receipt.json": a receipt is not evidence when a folder is walked.
bool IsReceiptName(std::string_view path);

// The part after the last '/'.
std::string_view BaseName(std::string_view path);
// "a" + "b" = "a/b", "" + "b" = "b", "/" + "b" = "/b".
std::string JoinPath(std::string_view folder, std::string_view name);
// The folder that holds `path`, "." when it has none.
std::string FolderOf(std::string_view path);

// `path` + ".receipt.json". A name that has no room for the suffix within 255 bytes is cut at a character and
// gets a tag made of its digest, so that deposit and verify always agree on the name.
std::string ReceiptPathFor(std::string_view path);

// A file name as the manifest may hold it (specs/record.md, "Manifest"): '\\', control characters and
// bytes that are not UTF-8 become %XX. Takes the base name of a path. Never empty; at most 1,024 bytes.
std::string ManifestName(std::string_view file_name);

// Text from outside made harmless for a terminal: control characters and bad UTF-8 become %XX.
std::string Printable(std::string_view text);

}  // namespace cunzheng::client
