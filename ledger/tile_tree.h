// The ledger tree as C2SP tiles (specs/merkle.md, c2sp.org/tlog-tiles): append leaves, read proofs.
// Memory is the right edge (at most 255 hashes a level) plus a bounded cache of full tiles.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/result.h"
#include "ledger/merkle.h"

namespace cunzheng::ledger {

inline constexpr unsigned kTileHeight = 8;
inline constexpr uint64_t kTileWidth = 256;

struct TileId {
  unsigned level = 0;  // 0..7
  uint64_t index = 0;
  auto operator<=>(const TileId&) const = default;
};

// A tile that an append completed: 256 hashes, 8,192 bytes.
struct FullTile {
  TileId id;
  std::string bytes;
};

// Reads a full tile's 8,192 bytes. Errors: kStoreCorrupt when missing or of another length.
using TileReader = std::function<Result<std::string>(TileId)>;

// An immutable view of the tree at one size, cheap to copy, safe from any thread. Full tiles are
// read through the reader given to the tree.
class TileTree;

class TileTree {
 public:
  // Opens a tree of `size` leaves. `leaf_at(i)` gives the leaf hashes from the last partial tile.
  static Result<TileTree> Open(uint64_t size, TileReader reader,
                               const std::function<Result<Hash>(uint64_t)>& leaf_at);
  TileTree(TileTree&&) noexcept;
  TileTree& operator=(TileTree&&) noexcept;
  ~TileTree();

  uint64_t size() const;
  Hash root() const;
  // Appends and returns the tiles that became full, to be stored with the block.
  std::vector<FullTile> Append(std::span<const Hash> leaves);

  // Proofs in the tree of `size` <= this->size(). Not safe beside Append; the owner serialises.
  Result<Hash> RootAt(uint64_t size) const;                              // kIndexOutOfRange, kStoreCorrupt
  Result<Path> InclusionProof(uint64_t index, uint64_t size) const;      // the same
  Result<Path> ConsistencyProof(uint64_t first, uint64_t second) const;  // the same
  // Hashes of a tile, full or partial (`width` 1..256). kNotFound when the tree is too small.
  Result<std::string> Tile(TileId id, uint64_t width) const;

 private:
  struct Impl;
  explicit TileTree(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "tile/<L>/<N>" path pieces: N in groups of three digits, "x001/x234/067", and ".p/<W>".
std::string TilePath(TileId id, uint64_t width);

}  // namespace cunzheng::ledger
