#include "ledger/tile_tree.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <utility>

namespace cunzheng::ledger {
namespace {

constexpr unsigned kLevels = 8;  // tile levels that 64-bit sizes can reach
constexpr size_t kTileLength = kTileWidth * sizeof(Hash);
constexpr size_t kCachedTilesMax = 1024;  // 16 MiB

Error OutOfRange(const char* what, uint64_t value, uint64_t limit) {
  return {Errc::kIndexOutOfRange,
          std::string(what) + ": " + std::to_string(value) + " is beyond " + std::to_string(limit)};
}

}  // namespace

// A tile with every complete node above its hashes: row r holds level r, row 8 the tile's own root. Proofs
// pick siblings from it without hashing.
struct TileTree::Pyramid {
  std::array<Hash, 2 * kTileWidth - 1> nodes;
  unsigned count = 0;  // hashes in row 0

  static constexpr unsigned RowStart(unsigned row) { return 512u - (512u >> row); }
  const Hash& At(unsigned row, uint64_t i) const { return nodes[RowStart(row) + i]; }
  const Hash& Top() const { return nodes.back(); }

  void Push(const Hash& hash) {
    unsigned i = count++;
    nodes[i] = hash;
    for (unsigned row = 0; i & 1; ++row, i >>= 1) {
      nodes[RowStart(row + 1) + (i >> 1)] = NodeHash(At(row, i - 1), At(row, i));
    }
  }
  std::string Bytes(uint64_t width) const {
    return {reinterpret_cast<const char*>(nodes.data()), width * sizeof(Hash)};
  }
};

// The right edge: the partial tile of each level, and the hash of the incomplete subtree that ends the tree
// at each node level. Immutable once published.
struct TileTree::Edge {
  uint64_t size = 0;
  std::array<std::shared_ptr<const Pyramid>, kLevels> partial;  // null: empty
  std::array<Hash, 65> tails{};                                 // see Refold
  Hash root{};

  // tails[l] is the root over [(size >> l) << l, size), meaningless where that range is empty.
  void Refold() {
    if (size == 0) {
      root = EmptyRoot();
      return;
    }
    const unsigned top = static_cast<unsigned>(std::bit_width(size));
    bool present = false;
    for (unsigned l = 0; l < top; ++l) {
      if ((size >> l) & 1) {
        // The last complete node of a level with its bit set always lies in the partial tile.
        const unsigned row = l % 8;
        const Hash& node = partial[l / 8]->At(row, ((size >> l) - 1) & ((kTileWidth >> row) - 1));
        tails[l + 1] = present ? NodeHash(node, tails[l]) : node;
        present = true;
      } else {
        tails[l + 1] = tails[l];
      }
    }
    root = tails[top];
  }
};

// Least recently used full tiles, expanded. Safe from any thread; reads happen outside the lock.
class TileTree::Cache {
 public:
  explicit Cache(TileReader reader) : reader_(std::move(reader)) {}

  // Reads and expands without keeping.
  Result<std::shared_ptr<const Pyramid>> Load(TileId id) const {
    ASSIGN_OR_RETURN(std::string bytes, reader_(id));
    if (bytes.size() != kTileLength) {
      return Error{Errc::kStoreCorrupt, TilePath(id, kTileWidth) + ": must be " +
                                            std::to_string(kTileLength) + " bytes, is " +
                                            std::to_string(bytes.size())};
    }
    auto tile = std::make_shared<Pyramid>();
    for (size_t i = 0; i < kTileWidth; ++i) {
      Hash hash;
      std::memcpy(hash.data(), bytes.data() + i * sizeof(Hash), sizeof(Hash));
      tile->Push(hash);
    }
    return std::shared_ptr<const Pyramid>(std::move(tile));
  }

  Result<std::shared_ptr<const Pyramid>> Get(TileId id) {
    {
      std::lock_guard lock(mutex_);
      if (auto it = index_.find(id); it != index_.end()) {
        recent_.splice(recent_.begin(), recent_, it->second);
        return it->second->second;
      }
    }
    ASSIGN_OR_RETURN(auto tile, Load(id));
    std::lock_guard lock(mutex_);
    if (!index_.contains(id)) {
      recent_.emplace_front(id, tile);
      index_[id] = recent_.begin();
      if (index_.size() > kCachedTilesMax) {
        index_.erase(recent_.back().first);
        recent_.pop_back();
      }
    }
    return tile;
  }

 private:
  using Recent = std::list<std::pair<TileId, std::shared_ptr<const Pyramid>>>;
  const TileReader reader_;
  std::mutex mutex_;
  Recent recent_;  // newest first
  std::map<TileId, Recent::iterator> index_;
};

TileTree::TileTree(std::shared_ptr<const Edge> edge, std::shared_ptr<Cache> cache)
    : edge_(std::move(edge)), cache_(std::move(cache)) {}

Result<TileTree> TileTree::Open(uint64_t size, TileReader reader,
                                const std::function<Result<Hash>(uint64_t)>& leaf_at) {
  auto cache = std::make_shared<Cache>(std::move(reader));
  auto edge = std::make_shared<Edge>();
  edge->size = size;
  for (unsigned level = 0; level < kLevels; ++level) {
    const uint64_t count = size >> (8 * level);
    const uint64_t begin = count - count % kTileWidth;
    if (begin == count) continue;
    auto partial = std::make_shared<Pyramid>();
    for (uint64_t i = begin; i < count; ++i) {
      if (level == 0) {
        ASSIGN_OR_RETURN(Hash leaf, leaf_at(i));
        partial->Push(leaf);
      } else {
        ASSIGN_OR_RETURN(auto below, cache->Load({level - 1, i}));
        partial->Push(below->Top());
      }
    }
    edge->partial[level] = std::move(partial);
  }
  edge->Refold();
  return TileTree(std::move(edge), std::move(cache));
}

uint64_t TileTree::size() const {
  return edge_->size;
}

Hash TileTree::root() const {
  return edge_->root;
}

std::vector<FullTile> TileTree::Append(std::span<const Hash> leaves) {
  std::vector<FullTile> full;
  auto next = std::make_shared<Edge>(*edge_);
  // Levels that this append has copied and may therefore write to.
  std::array<std::shared_ptr<Pyramid>, kLevels> own;
  for (const Hash& leaf : leaves) {
    Hash hash = leaf;
    for (unsigned level = 0; level < kLevels; ++level) {
      if (!own[level]) {
        own[level] = next->partial[level] ? std::make_shared<Pyramid>(*next->partial[level])
                                          : std::make_shared<Pyramid>();
      }
      own[level]->Push(hash);
      if (own[level]->count < kTileWidth) break;
      const uint64_t index = next->size >> (8 * (level + 1));
      full.push_back({{level, index}, own[level]->Bytes(kTileWidth)});
      hash = own[level]->Top();
      own[level]->count = 0;
    }
    ++next->size;
  }
  for (unsigned level = 0; level < kLevels; ++level) {
    if (!own[level]) continue;
    if (own[level]->count == 0) {
      next->partial[level] = nullptr;
    } else {
      next->partial[level] = std::move(own[level]);
    }
  }
  next->Refold();
  edge_ = std::move(next);
  return full;
}

// The complete node `index` of node level `level`. Precondition: (index + 1) << level <= size.
Result<Hash> TileTree::NodeAt(unsigned level, uint64_t index) const {
  const unsigned row = level % 8;
  const TileId id{level / 8, index >> (8 - row)};
  const uint64_t within = index & ((kTileWidth >> row) - 1);
  if (id.index == edge_->size >> (8 * id.level + 8)) return edge_->partial[id.level]->At(row, within);
  ASSIGN_OR_RETURN(auto tile, cache_->Get(id));
  return tile->At(row, within);
}

// Root over [(size >> level) << level, size). Precondition: that range is not empty.
Result<Hash> TileTree::TailAt(unsigned level, uint64_t size) const {
  if (size == edge_->size) return edge_->tails[level];
  Hash tail{};
  bool present = false;
  for (unsigned l = 0; l < level; ++l) {
    if (!((size >> l) & 1)) continue;
    ASSIGN_OR_RETURN(Hash node, NodeAt(l, (size >> l) - 1));
    tail = present ? NodeHash(node, tail) : node;
    present = true;
  }
  return tail;
}

// Root over [begin, end), not empty, begin aligned to the next power of two of the length.
Result<Hash> TileTree::RangeHash(uint64_t begin, uint64_t end) const {
  const unsigned level = static_cast<unsigned>(std::bit_width(end - begin - 1));
  if (end - begin == uint64_t{1} << level) return NodeAt(level, begin >> level);
  return TailAt(level, end);
}

Result<Hash> TileTree::RootAt(uint64_t size) const {
  if (size > edge_->size) return OutOfRange("size", size, edge_->size);
  if (size == edge_->size) return edge_->root;
  if (size == 0) return EmptyRoot();
  return RangeHash(0, size);
}

Result<Path> TileTree::InclusionProof(uint64_t index, uint64_t size) const {
  if (size > edge_->size) return OutOfRange("size", size, edge_->size);
  if (index >= size) return OutOfRange("index", index, size);
  Path path;
  for (unsigned level = 0; (size - 1) >> level > 0; ++level) {
    const uint64_t sibling = (index >> level) ^ 1;
    const uint64_t complete = size >> level;
    if (sibling < complete) {
      ASSIGN_OR_RETURN(Hash node, NodeAt(level, sibling));
      path.push_back(node);
    } else if (sibling == complete && complete << level != size) {
      ASSIGN_OR_RETURN(Hash tail, TailAt(level, size));
      path.push_back(tail);
    }
  }
  return path;
}

Result<Path> TileTree::ConsistencyProof(uint64_t first, uint64_t second) const {
  if (second > edge_->size) return OutOfRange("second", second, edge_->size);
  if (first > second) return OutOfRange("first", first, second);
  if (first == 0) return Error{Errc::kIndexOutOfRange, "first: must be at least 1"};
  // RFC 9162 section 2.1.4.1, SUBPROOF: walks down to where `first` ends, noting the other halves.
  Path path;
  uint64_t begin = 0, end = second;
  bool whole = true;  // [begin, end) is the old tree itself when the walk stops
  while (first != end) {
    const uint64_t middle = begin + std::bit_floor(end - begin - 1);
    if (first <= middle) {
      ASSIGN_OR_RETURN(Hash right, RangeHash(middle, end));
      path.push_back(right);
      end = middle;
    } else {
      ASSIGN_OR_RETURN(Hash left, RangeHash(begin, middle));
      path.push_back(left);
      begin = middle;
      whole = false;
    }
  }
  if (!whole) {
    ASSIGN_OR_RETURN(Hash seed, RangeHash(begin, end));
    path.push_back(seed);
  }
  std::reverse(path.begin(), path.end());
  return path;
}

Result<std::string> TileTree::Tile(TileId id, uint64_t width) const {
  if (id.level >= kLevels || width == 0 || width > kTileWidth) {
    return Error{Errc::kNotFound, "tile: level must be 0..7 and width 1..256"};
  }
  const uint64_t hashes = edge_->size >> (8 * id.level);
  if (id.index > hashes / kTileWidth || id.index * kTileWidth + width > hashes) {
    return Error{Errc::kNotFound,
                 TilePath(id, width) + ": beyond the tree of " + std::to_string(edge_->size)};
  }
  if (id.index == hashes / kTileWidth) return edge_->partial[id.level]->Bytes(width);
  ASSIGN_OR_RETURN(auto tile, cache_->Get(id));
  return tile->Bytes(width);
}

std::string TilePath(TileId id, uint64_t width) {
  const auto group = [](uint64_t n) {
    std::string digits = std::to_string(n);
    return std::string(3 - digits.size(), '0') + digits;
  };
  std::string number = group(id.index % 1000);
  for (uint64_t rest = id.index / 1000; rest > 0; rest /= 1000)
    number.insert(0, "x" + group(rest % 1000) + "/");
  std::string path = "tile/" + std::to_string(id.level) + "/" + number;
  if (width != kTileWidth) path += ".p/" + std::to_string(width);
  return path;
}

}  // namespace cunzheng::ledger
