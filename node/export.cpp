#include "node/export.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "crypto/file.h"
#include "crypto/json.h"
#include "ledger/checkpoint.h"
#include "ledger/record.h"
#include "node/target.h"

namespace cunzheng::node {
namespace {

namespace fs = std::filesystem;
using ledger::kTileWidth;

Error WriteError(const std::string& path) {
  return {Errc::kIo, path + ": " + std::strerror(errno)};
}

Result<void> WriteFile(const std::string& path, const std::string& bytes) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) return Error{Errc::kIo, path + ": " + error.message()};
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return WriteError(path);
  return {};
}

Result<void> PrepareFolder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return Error{Errc::kIo, path + ": " + error.message()};
  if (!fs::is_empty(path, error) || error) return Error{Errc::kAlreadyExists, path + ": not empty"};
  return {};
}

// Calls `write(number, width)` for each tile of `count` hashes: the full ones, then the partial one.
template <class Write>
Result<void> ForEachTile(uint64_t count, const Write& write) {
  for (uint64_t number = 0; number < count / kTileWidth; ++number) RETURN_IF_ERROR(write(number, kTileWidth));
  if (count % kTileWidth != 0) RETURN_IF_ERROR(write(count / kTileWidth, count % kTileWidth));
  return {};
}

Result<void> WriteTiles(const ledger::Ledger& ledger, uint64_t size, const std::string& out) {
  unsigned level = 0;
  for (uint64_t count = size; count != 0; count /= kTileWidth, ++level) {
    RETURN_IF_ERROR(ForEachTile(count, [&](uint64_t number, uint64_t width) -> Result<void> {
      ASSIGN_OR_RETURN(const std::string bytes, ledger.Tile({level, number}, width));
      return WriteFile(out + "/tile/" + std::to_string(level) + "/" + TileNumberPath(number, width), bytes);
    }));
  }
  return {};
}

// The plain records of entry `index`, one JSON line each; sealed batches and acts have none here.
Result<uint64_t> AppendRecords(const ledger::Ledger& ledger, uint64_t index, std::ofstream* file) {
  const auto records = ledger.RecordsOf(index);
  if (!records && records.error().code == Errc::kNotFound) return uint64_t{0};
  if (!records) return records.error();
  for (size_t i = 0; i < records->size(); ++i) {
    const std::string& record = (*records)[i];
    json::Object line;
    line["index"] = index;
    line["record"] = record;
    line["record_id"] = ToHex(ledger::RecordId(record));
    line["record_index"] = static_cast<uint64_t>(i);
    *file << json::Encode(std::move(line)) << '\n';
  }
  return static_cast<uint64_t>(records->size());
}

Result<uint64_t> WriteCheckpoints(const ledger::Ledger& ledger, uint64_t size, const std::string& path) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  uint64_t count = 0;
  for (uint64_t from = 1; from <= size;) {
    const auto note = ledger.CheckpointCovering(from);
    if (!note && note.error().code == Errc::kNotFound) break;
    if (!note) return note.error();
    ASSIGN_OR_RETURN(const auto parsed, ledger::ParseCheckpoint(*note));
    if (parsed.checkpoint.size > size) break;
    std::string line = "{\"checkpoint\":";
    json::AppendQuoted(*note, &line);
    file << line << ",\"size\":" << parsed.checkpoint.size << "}\n";
    from = parsed.checkpoint.size + 1;
    ++count;
  }
  file.close();
  if (!file) return WriteError(path);
  return count;
}

}  // namespace

Result<ExportReport> ExportLedger(const ledger::Ledger& ledger, const std::string& out,
                                  const std::function<void(uint64_t done, uint64_t total)>& progress) {
  const uint64_t size = ledger.head().size;
  ASSIGN_OR_RETURN(const std::string checkpoint, ledger.CheckpointAt(size));
  RETURN_IF_ERROR(PrepareFolder(out));
  ExportReport report;
  report.entries = size;
  RETURN_IF_ERROR(WriteFile(out + "/genesis.json", ledger.genesis_bytes()));
  RETURN_IF_ERROR(WriteFile(out + "/trust.json", ledger::EncodeTrust(ledger.charter()->trust())));
  RETURN_IF_ERROR(WriteTiles(ledger, size, out));
  std::ofstream records(out + "/records.jsonl", std::ios::binary | std::ios::trunc);
  RETURN_IF_ERROR(ForEachTile(size, [&](uint64_t number, uint64_t width) -> Result<void> {
    ASSIGN_OR_RETURN(const std::string bundle, ledger.EntryBundle(number, width));
    RETURN_IF_ERROR(WriteFile(out + "/tile/entries/" + TileNumberPath(number, width), bundle));
    for (uint64_t i = 0; i < width; ++i) {
      ASSIGN_OR_RETURN(const uint64_t count, AppendRecords(ledger, number * kTileWidth + i, &records));
      report.records += count;
    }
    if (!records) return WriteError(out + "/records.jsonl");
    progress(number * kTileWidth + width, size);
    return {};
  }));
  records.close();
  if (!records) return WriteError(out + "/records.jsonl");
  ASSIGN_OR_RETURN(report.checkpoints, WriteCheckpoints(ledger, size, out + "/checkpoints.jsonl"));
  RETURN_IF_ERROR(WriteFileAtomically(out + "/checkpoint", checkpoint, 0644, false));
  return report;
}

}  // namespace cunzheng::node
