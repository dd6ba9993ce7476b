// Snapshots (specs/snapshot.md): a ledger at one height in chunks that another node takes over without
// executing the past. Every chunk is verified against the app hash, so that it does not matter who sent it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::ledger {

inline constexpr uint32_t kSnapshotFormat = 1;
// Of a state chunk; an entry chunk ends with the entry that reaches it, so is at most one envelope longer.
inline constexpr size_t kSnapshotChunkBytes = 8u << 20;
inline constexpr uint64_t kSnapshotStateBytesMax = 256u << 20;
inline constexpr size_t kSnapshotsKept = 3;

// What a snapshot holds: its metadata, which other nodes get first. Chunks 0 to state_chunks.size() - 1 are
// the state, the rest entries.
struct Snapshot {
  Hash app_hash{};
  uint64_t chunks = 0;
  uint64_t engine_height = 0;
  uint64_t size = 0;  // entries
  uint64_t state_bytes = 0;
  std::vector<Hash> state_chunks;  // SHA-256 of each
  bool operator==(const Snapshot&) const = default;
};
std::string EncodeSnapshot(const Snapshot& snapshot);
Result<Snapshot> DecodeSnapshot(std::string_view bytes);

// A run of entries and the tree nodes that cover it.
struct EntryChunk {
  uint64_t first = 0;
  std::vector<Hash> nodes;
  bool operator==(const EntryChunk&) const = default;
};
// How many leaves each perfect subtree has that together cover leaves first..end-1, left to right.
std::vector<uint64_t> CoveringSubtrees(uint64_t first, uint64_t end);
// The root of the tree that `chunks` cover; nullopt when they do not cover leaves 0..size-1 one after
// another.
std::optional<Hash> RootOfChunks(const std::vector<EntryChunk>& chunks, uint64_t size);

}  // namespace cunzheng::ledger
