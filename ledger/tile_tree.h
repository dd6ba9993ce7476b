// The ledger tree as C2SP tiles (specs/merkle.md, c2sp.org/tlog-tiles): append leaves, read proofs.
// Memory is the right edge (at most 255 hashes a level) plus a bounded cache of full tiles.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
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

// A tree at one size. Copies are cheap and share a bounded cache of full tiles; a copy is unmoved by appends
// to any other, so a reader's copy is a snapshot and undoing an append is keeping the copy from before.
// Const members are safe from any thread; Append needs the object to itself.
class TileTree {
 public:
  // Opens a tree of `size` leaves. `leaf_at(i)` gives the leaf hashes of the last partial tile; `reader`
  // is called from any thread, and for full tiles only.
  static Result<TileTree> Open(uint64_t size, TileReader reader,
                               const std::function<Result<Hash>(uint64_t)>& leaf_at);

  uint64_t size() const;
  Hash root() const;
  // Appends and returns the tiles that became full, to be stored with the block.
  std::vector<FullTile> Append(std::span<const Hash> leaves);

  // Roots and proofs for any size up to this tree's. Errors: kIndexOutOfRange, kStoreCorrupt.
  Result<Hash> RootAt(uint64_t size) const;
  Result<Path> InclusionProof(uint64_t index, uint64_t size) const;      // index < size
  Result<Path> ConsistencyProof(uint64_t first, uint64_t second) const;  // 0 < first <= second
  // The first `width` (1..256) hashes of a tile. kNotFound when the tree does not reach so far.
  Result<std::string> Tile(TileId id, uint64_t width) const;

 private:
  struct Pyramid;
  struct Edge;
  class Cache;
  TileTree(std::shared_ptr<const Edge> edge, std::shared_ptr<Cache> cache);
  Result<Hash> NodeAt(unsigned level, uint64_t index) const;
  Result<Hash> TailAt(unsigned level, uint64_t size) const;
  Result<Hash> RangeHash(uint64_t begin, uint64_t end) const;

  std::shared_ptr<const Edge> edge_;
  std::shared_ptr<Cache> cache_;
};

// "tile/<L>/<N>[.p/<W>]" with N in groups of three digits: "tile/0/x001/x234/067.p/8".
std::string TilePath(TileId id, uint64_t width);

}  // namespace cunzheng::ledger
