#include "ledger/tile_tree.h"

#include <doctest/doctest.h>

#include <map>
#include <random>

#include "tests/unit/store_fixture.h"

namespace cunzheng::ledger {
namespace {

using testing::Code;
using testing::Named;

// RFC 9162 sections 2.1.1, 2.1.3.1 and 2.1.4.1, word for word.
uint64_t LargestPowerBelow(uint64_t n) {
  uint64_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

Hash NaiveRoot(std::span<const Hash> d) {
  if (d.empty()) return Sha256({});
  if (d.size() == 1) return d[0];
  const uint64_t k = LargestPowerBelow(d.size());
  const uint8_t one = 1;
  return Sha256({&one, 1}, NaiveRoot(d.first(k)), NaiveRoot(d.subspan(k)));
}

Path NaivePath(uint64_t m, std::span<const Hash> d) {
  if (d.size() == 1) return {};
  const uint64_t k = LargestPowerBelow(d.size());
  Path path = m < k ? NaivePath(m, d.first(k)) : NaivePath(m - k, d.subspan(k));
  path.push_back(m < k ? NaiveRoot(d.subspan(k)) : NaiveRoot(d.first(k)));
  return path;
}

Path NaiveSubproof(uint64_t m, std::span<const Hash> d, bool whole) {
  if (m == d.size()) return whole ? Path{} : Path{NaiveRoot(d)};
  const uint64_t k = LargestPowerBelow(d.size());
  Path path = m <= k ? NaiveSubproof(m, d.first(k), whole) : NaiveSubproof(m - k, d.subspan(k), false);
  path.push_back(m <= k ? NaiveRoot(d.subspan(k)) : NaiveRoot(d.first(k)));
  return path;
}

std::vector<Hash> Leaves(uint64_t count) {
  std::vector<Hash> leaves;
  leaves.reserve(count);
  for (uint64_t i = 0; i < count; ++i) leaves.push_back(Named("leaf " + std::to_string(i)));
  return leaves;
}

// Tiles as the store would keep them.
struct Tiles {
  std::map<TileId, std::string> full;
  uint64_t reads = 0;

  TileReader reader() {
    return [this](TileId id) -> Result<std::string> {
      ++reads;
      const auto it = full.find(id);
      if (it == full.end()) return Error{Errc::kStoreCorrupt, TilePath(id, 256) + ": missing"};
      return it->second;
    };
  }
  void Keep(std::vector<FullTile> tiles) {
    for (FullTile& tile : tiles) {
      REQUIRE(tile.bytes.size() == 8192);
      REQUIRE(full.emplace(tile.id, std::move(tile.bytes)).second);
    }
  }
  TileTree Open(uint64_t size, const std::vector<Hash>& leaves) {
    auto tree = TileTree::Open(size, reader(), [&](uint64_t i) -> Result<Hash> { return leaves.at(i); });
    REQUIRE_MESSAGE(tree, testing::Outcome(tree));
    return std::move(*tree);
  }
};

}  // namespace

TEST_CASE("roots, inclusion and consistency proofs are RFC 9162's in every small tree, grown or reopened") {
  const uint64_t size_max = 600;
  const std::vector<Hash> leaves = Leaves(size_max);
  const std::span<const Hash> all(leaves);
  Tiles tiles;
  TileTree grown = tiles.Open(0, leaves);
  CHECK(grown.root() == NaiveRoot({}));
  for (uint64_t size = 1; size <= size_max; ++size) {
    tiles.Keep(grown.Append(all.subspan(size - 1, 1)));
    const TileTree reopened = tiles.Open(size, leaves);
    REQUIRE(grown.size() == size);
    REQUIRE(grown.root() == NaiveRoot(all.first(size)));
    REQUIRE(reopened.root() == grown.root());
    for (uint64_t index = 0; index < size; index += size < 70 ? 1 : 37) {
      const Path expected = NaivePath(index, all.first(size));
      REQUIRE(*grown.InclusionProof(index, size) == expected);
      REQUIRE(*reopened.InclusionProof(index, size) == expected);
    }
    for (uint64_t first = 1; first <= size; first += size < 70 ? 1 : 41) {
      const Path expected = NaiveSubproof(first, all.first(size), true);
      REQUIRE(*grown.ConsistencyProof(first, size) == expected);
      REQUIRE(*reopened.ConsistencyProof(first, size) == expected);
    }
  }
  // The full-grown tree still answers for every size it once had.
  for (uint64_t size = 1; size <= size_max; ++size) {
    REQUIRE(*grown.RootAt(size) == NaiveRoot(all.first(size)));
    for (uint64_t index = size % 7; index < size; index += 53) {
      REQUIRE(*grown.InclusionProof(index, size) == NaivePath(index, all.first(size)));
    }
    for (uint64_t first = 1 + size % 11; first <= size; first += 67) {
      REQUIRE(*grown.ConsistencyProof(first, size) == NaiveSubproof(first, all.first(size), true));
    }
  }
  CHECK(*grown.RootAt(0) == NaiveRoot({}));
}

TEST_CASE("proofs verify in trees of three tile levels, whatever the pieces in which the leaves came") {
  const uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  MESSAGE("seed " << seed);
  std::mt19937_64 random(seed);
  const uint64_t size_max = 70'000;
  const std::vector<Hash> leaves = Leaves(size_max);
  const std::span<const Hash> all(leaves);
  Tiles tiles;
  TileTree tree = tiles.Open(0, leaves);
  while (tree.size() < size_max) {
    const uint64_t step = std::min(size_max - tree.size(), 1 + random() % (random() % 4 == 0 ? 9000 : 300));
    tiles.Keep(tree.Append(all.subspan(tree.size(), step)));
    if (random() % 3 == 0) tree = tiles.Open(tree.size(), leaves);
    const uint64_t size = random() % 2 == 0 ? tree.size() : 1 + random() % tree.size();
    const Hash root = RootFromLeaves(all.first(size));
    REQUIRE(*tree.RootAt(size) == root);
    const uint64_t index = random() % size;
    CHECK(VerifyInclusion(leaves[index], index, size, *tree.InclusionProof(index, size), root));
    const uint64_t first = 1 + random() % size;
    CHECK(VerifyConsistency(first, size, *tree.ConsistencyProof(first, size), *tree.RootAt(first), root));
  }
  CHECK(tiles.full.size() == size_max / 256 + 1);  // level 0, and one of level 1
}

TEST_CASE("a copy keeps its size while another grows") {
  const std::vector<Hash> leaves = Leaves(1000);
  const std::span<const Hash> all(leaves);
  Tiles tiles;
  TileTree tree = tiles.Open(0, leaves);
  tiles.Keep(tree.Append(all.first(300)));
  const TileTree before = tree;
  tiles.Keep(tree.Append(all.subspan(300)));
  CHECK(before.size() == 300);
  CHECK(before.root() == NaiveRoot(all.first(300)));
  CHECK(*before.InclusionProof(299, 300) == NaivePath(299, all.first(300)));
  CHECK(tree.root() == NaiveRoot(all));
}

TEST_CASE("tiles, full and partial, hold the hashes of their level") {
  const std::vector<Hash> leaves = Leaves(66'000);
  const std::span<const Hash> all(leaves);
  Tiles tiles;
  TileTree tree = tiles.Open(0, leaves);
  tiles.Keep(tree.Append(all));
  const auto bytes = [](std::span<const Hash> hashes) {
    std::string text;
    for (const Hash& hash : hashes) text += AsText(hash);
    return text;
  };
  CHECK(*tree.Tile({0, 0}, 256) == bytes(all.first(256)));
  CHECK(*tree.Tile({0, 3}, 7) == bytes(all.subspan(768, 7)));
  CHECK(*tree.Tile({0, 257}, 208) == bytes(all.subspan(65'792)));
  CHECK(Code(tree.Tile({0, 257}, 209)) == "not_found");
  CHECK(Code(tree.Tile({0, 258}, 1)) == "not_found");
  std::vector<Hash> level1;
  for (uint64_t i = 0; i + 256 <= all.size(); i += 256) level1.push_back(NaiveRoot(all.subspan(i, 256)));
  CHECK(*tree.Tile({1, 0}, 256) == bytes(std::span(level1).first(256)));
  CHECK(*tree.Tile({1, 1}, 1) == bytes(std::span(level1).subspan(256, 1)));
  CHECK(*tree.Tile({2, 0}, 1) == AsText(NaiveRoot(std::span(level1).first(256))));
  CHECK(Code(tree.Tile({2, 0}, 2)) == "not_found");
  CHECK(Code(tree.Tile({3, 0}, 1)) == "not_found");
  CHECK(Code(tree.Tile({8, 0}, 1)) == "not_found");
  CHECK(Code(tree.Tile({0, 0}, 0)) == "not_found");
  CHECK(Code(tree.Tile({0, 0}, 257)) == "not_found");
  CHECK(Code(tree.Tile({0, UINT64_MAX}, 1)) == "not_found");
}

TEST_CASE("sizes and indexes beyond the tree are out of range, and a first size of zero") {
  const std::vector<Hash> leaves = Leaves(10);
  Tiles tiles;
  TileTree tree = tiles.Open(10, leaves);
  CHECK(Code(tree.RootAt(11)) == "index_out_of_range");
  CHECK(Code(tree.InclusionProof(0, 11)) == "index_out_of_range");
  CHECK(Code(tree.InclusionProof(10, 10)) == "index_out_of_range");
  CHECK(Code(tree.InclusionProof(0, 0)) == "index_out_of_range");
  CHECK(Code(tree.ConsistencyProof(0, 5)) == "index_out_of_range");
  CHECK(Code(tree.ConsistencyProof(6, 5)) == "index_out_of_range");
  CHECK(Code(tree.ConsistencyProof(5, 11)) == "index_out_of_range");
}

TEST_CASE("a tile that is missing or of another length is named") {
  const std::vector<Hash> leaves = Leaves(600);
  Tiles tiles;
  TileTree tree = tiles.Open(0, leaves);
  tiles.Keep(tree.Append(leaves));
  TileTree reopened = tiles.Open(600, leaves);
  tiles.full[{0, 1}].pop_back();
  CHECK(testing::Outcome(reopened.InclusionProof(300, 600)) ==
        "store_corrupt: tile/0/001: must be 8192 bytes, is 8191");
  tiles.full.erase({0, 1});
  CHECK(testing::Outcome(reopened.InclusionProof(300, 600)) == "store_corrupt: tile/0/001: missing");
  CHECK(reopened.InclusionProof(10, 600));
}

TEST_CASE("full tiles are read once, and no more than a bounded number is kept") {
  const uint64_t size = 256 * 1100;
  const std::vector<Hash> leaves = Leaves(size);
  Tiles tiles;
  TileTree tree = tiles.Open(0, leaves);
  tiles.Keep(tree.Append(leaves));
  const auto read_all = [&] {
    tiles.reads = 0;
    for (uint64_t tile = 0; tile < 1100; ++tile) REQUIRE(tree.InclusionProof(256 * tile, size));
    return tiles.reads;
  };
  CHECK(read_all() >= 1100);
  CHECK(read_all() >= 1100);  // in turn, so that each was dropped before it was wanted again
  tiles.reads = 0;
  for (int i = 0; i < 100; ++i) REQUIRE(tree.InclusionProof(5, size));
  CHECK(tiles.reads <= 1);
}

TEST_CASE("tile paths group digits by three") {
  CHECK(TilePath({0, 0}, 256) == "tile/0/000");
  CHECK(TilePath({1, 67}, 8) == "tile/1/067.p/8");
  CHECK(TilePath({0, 1'234'067}, 256) == "tile/0/x001/x234/067");
  CHECK(TilePath({2, 999'000}, 1) == "tile/2/x999/000.p/1");
}

}  // namespace cunzheng::ledger
