// Merkle trees against a naive transcription of RFC 6962 section 2.1: every tree up to 64 leaves, every
// place, and every kind of damage to a proof, with the expected error.
#include <doctest/doctest.h>

#include <optional>
#include <utility>

#include "crypto/digest.h"
#include "ledger/merkle.h"

namespace cunzheng::ledger {
namespace {

constexpr size_t kSizeMax = 64;

// The reference: recursive, quadratic, as the RFC writes it.

size_t LargestPowerBelow(size_t n) {
  size_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

Hash ReferenceNode(const Hash& left, const Hash& right) {
  Bytes data{0x01};
  data.insert(data.end(), left.begin(), left.end());
  data.insert(data.end(), right.begin(), right.end());
  return Sha256(data);
}

using Leaves = std::span<const Hash>;

Hash ReferenceRoot(Leaves d) {
  if (d.empty()) return Sha256({});
  if (d.size() == 1) return d[0];
  const size_t k = LargestPowerBelow(d.size());
  return ReferenceNode(ReferenceRoot(d.first(k)), ReferenceRoot(d.subspan(k)));
}

Path ReferencePath(size_t m, Leaves d) {
  if (d.size() == 1) return {};
  const size_t k = LargestPowerBelow(d.size());
  Path path = m < k ? ReferencePath(m, d.first(k)) : ReferencePath(m - k, d.subspan(k));
  path.push_back(m < k ? ReferenceRoot(d.subspan(k)) : ReferenceRoot(d.first(k)));
  return path;
}

Path ReferenceSubproof(size_t m, Leaves d, bool complete) {
  if (m == d.size()) return complete ? Path{} : Path{ReferenceRoot(d)};
  const size_t k = LargestPowerBelow(d.size());
  Path path =
      m <= k ? ReferenceSubproof(m, d.first(k), complete) : ReferenceSubproof(m - k, d.subspan(k), false);
  path.push_back(m <= k ? ReferenceRoot(d.subspan(k)) : ReferenceRoot(d.first(k)));
  return path;
}

// The root that a path leads to; nothing when the path has the wrong length.
std::optional<Hash> ReferenceClimb(const Hash& leaf, size_t m, size_t n, Leaves path) {
  if (n == 1) return path.empty() ? std::optional(leaf) : std::nullopt;
  if (path.empty()) return std::nullopt;
  const size_t k = LargestPowerBelow(n);
  const Leaves rest = path.first(path.size() - 1);
  const auto below = m < k ? ReferenceClimb(leaf, m, k, rest) : ReferenceClimb(leaf, m - k, n - k, rest);
  if (!below) return std::nullopt;
  return m < k ? ReferenceNode(*below, path.back()) : ReferenceNode(path.back(), *below);
}

// Both roots that a consistency proof leads to.
std::optional<std::pair<Hash, Hash>> ReferenceGrow(size_t m, size_t n, bool complete, const Hash& first,
                                                   Leaves path) {
  if (m == n && complete) return path.empty() ? std::optional(std::pair(first, first)) : std::nullopt;
  if (path.empty()) return std::nullopt;
  if (m == n) return path.size() == 1 ? std::optional(std::pair(path[0], path[0])) : std::nullopt;
  const size_t k = LargestPowerBelow(n);
  const Leaves rest = path.first(path.size() - 1);
  const auto below =
      m <= k ? ReferenceGrow(m, k, complete, first, rest) : ReferenceGrow(m - k, n - k, false, first, rest);
  if (!below) return std::nullopt;
  if (m <= k) return std::pair(below->first, ReferenceNode(below->second, path.back()));
  return std::pair(ReferenceNode(path.back(), below->first), ReferenceNode(path.back(), below->second));
}

std::optional<Errc> CodeOf(const Result<void>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

std::optional<Errc> ReferenceInclusion(const Hash& leaf, size_t m, size_t n, Leaves path, const Hash& root) {
  if (m >= n) return Errc::kIndexOutOfRange;
  const auto climbed = ReferenceClimb(leaf, m, n, path);
  if (!climbed) return Errc::kProofLength;
  return *climbed == root ? std::nullopt : std::optional(Errc::kRootMismatch);
}

std::optional<Errc> ReferenceConsistency(size_t m, size_t n, Leaves path, const Hash& first,
                                         const Hash& second) {
  if (m == 0 || m > n) return Errc::kIndexOutOfRange;
  const auto grown = ReferenceGrow(m, n, true, first, path);
  if (!grown) return Errc::kProofLength;
  return *grown == std::pair(first, second) ? std::nullopt : std::optional(Errc::kRootMismatch);
}

const std::vector<Hash>& AllLeaves() {
  static const std::vector<Hash> leaves = [] {
    std::vector<Hash> list;
    for (size_t i = 0; i < kSizeMax; i++) list.push_back(LeafHash(AsBytes("leaf " + std::to_string(i))));
    return list;
  }();
  return leaves;
}
Leaves Tree(size_t size) {
  return Leaves(AllLeaves()).first(size);
}

Hash Flipped(Hash hash, size_t bit) {
  hash[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
  return hash;
}

// Every kind of damage to a path that leaves it another path.
template <typename Check>
void ForEachDamage(const Path& path, Check check) {
  for (size_t i = 0; i < path.size(); i++) {
    Path damaged = path;
    damaged[i] = Flipped(path[i], (i * 37) % 256);
    check(damaged, Errc::kRootMismatch);
    damaged = path;
    damaged.erase(damaged.begin() + static_cast<ptrdiff_t>(i));
    check(damaged, Errc::kProofLength);
    if (i + 1 < path.size() && path[i] != path[i + 1]) {
      damaged = path;
      std::swap(damaged[i], damaged[i + 1]);
      check(damaged, Errc::kRootMismatch);
    }
  }
  for (size_t i = 0; i <= path.size(); i++) {
    Path damaged = path;
    damaged.insert(damaged.begin() + static_cast<ptrdiff_t>(i), i < path.size() ? path[i] : Hash{});
    check(damaged, Errc::kProofLength);
  }
  if (!path.empty()) check({}, Errc::kProofLength);
}

}  // namespace

TEST_CASE("the empty tree's root is the SHA-256 of nothing") {
  CHECK(ToHex(EmptyRoot()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(RootFromLeaves({}) == EmptyRoot());
}

TEST_CASE("leaves and nodes hash under different prefixes") {
  CHECK(ToHex(LeafHash({})) == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  Bytes leaf{0x00, 'x'};
  CHECK(LeafHash(AsBytes("x")) == Sha256(leaf));
  CHECK(NodeHash(Tree(2)[0], Tree(2)[1]) == ReferenceNode(Tree(2)[0], Tree(2)[1]));
  CHECK(NodeHash(Tree(2)[0], Tree(2)[1]) != NodeHash(Tree(2)[1], Tree(2)[0]));
}

TEST_CASE("roots of all trees up to 64 leaves are the reference's") {
  for (size_t n = 0; n <= kSizeMax; n++) CHECK(RootFromLeaves(Tree(n)) == ReferenceRoot(Tree(n)));
}

TEST_CASE("inclusion paths of all trees up to 64 leaves are the reference's and verify") {
  for (size_t n = 1; n <= kSizeMax; n++) {
    const std::vector<Path> all = AllInclusionPaths(Tree(n));
    REQUIRE(all.size() == n);
    for (size_t m = 0; m < n; m++) {
      CHECK(InclusionPath(Tree(n), m) == ReferencePath(m, Tree(n)));
      CHECK(all[m] == ReferencePath(m, Tree(n)));
      CHECK(VerifyInclusion(Tree(n)[m], m, n, all[m], ReferenceRoot(Tree(n))));
    }
  }
}

TEST_CASE("every damage to an inclusion proof is rejected with its error") {
  for (size_t n = 1; n <= kSizeMax; n++) {
    const Hash root = ReferenceRoot(Tree(n));
    const std::vector<Path> all = AllInclusionPaths(Tree(n));
    for (size_t m = 0; m < n; m++) {
      const Hash& leaf = Tree(n)[m];
      ForEachDamage(all[m], [&](const Path& damaged, Errc expected) {
        CHECK(CodeOf(VerifyInclusion(leaf, m, n, damaged, root)) == expected);
      });
      CHECK(CodeOf(VerifyInclusion(Flipped(leaf, m), m, n, all[m], root)) == Errc::kRootMismatch);
      CHECK(CodeOf(VerifyInclusion(leaf, m, n, all[m], Flipped(root, m))) == Errc::kRootMismatch);
      CHECK(CodeOf(VerifyInclusion(leaf, n, n, all[m], root)) == Errc::kIndexOutOfRange);
      CHECK(CodeOf(VerifyInclusion(leaf, m, 0, all[m], root)) == Errc::kIndexOutOfRange);
      CHECK(CodeOf(VerifyInclusion(leaf, UINT64_MAX, n, all[m], root)) == Errc::kIndexOutOfRange);
    }
  }
}

TEST_CASE("every single bit of an inclusion proof matters") {
  const Hash root = ReferenceRoot(Tree(11));
  for (size_t m = 0; m < 11; m++) {
    const Path path = InclusionPath(Tree(11), m);
    for (size_t i = 0; i < path.size(); i++) {
      for (size_t bit = 0; bit < 256; bit++) {
        Path damaged = path;
        damaged[i] = Flipped(path[i], bit);
        CHECK(CodeOf(VerifyInclusion(Tree(11)[m], m, 11, damaged, root)) == Errc::kRootMismatch);
      }
    }
  }
}

TEST_CASE("an inclusion proof under every other index and size fares as in the reference") {
  constexpr size_t kMax = 20;
  for (size_t n = 1; n <= kMax; n++) {
    const Hash root = ReferenceRoot(Tree(n));
    for (size_t m = 0; m < n; m++) {
      const Path path = InclusionPath(Tree(n), m);
      for (size_t other_n = 0; other_n <= kMax + 1; other_n++) {
        for (size_t other_m = 0; other_m <= other_n; other_m++) {
          const auto code = CodeOf(VerifyInclusion(Tree(n)[m], other_m, other_n, path, root));
          CHECK(code == ReferenceInclusion(Tree(n)[m], other_m, other_n, path, root));
          if (other_n == n && other_m != m) CHECK(code.has_value());
        }
      }
    }
  }
}

TEST_CASE("consistency proofs of all pairs up to 64 leaves verify") {
  for (size_t n = 1; n <= kSizeMax; n++) {
    for (size_t m = 1; m <= n; m++) {
      const Path path = ReferenceSubproof(m, Tree(n), true);
      CHECK(VerifyConsistency(m, n, path, ReferenceRoot(Tree(m)), ReferenceRoot(Tree(n))));
    }
  }
}

TEST_CASE("every damage to a consistency proof is rejected with its error") {
  for (size_t n = 1; n <= kSizeMax; n++) {
    const Hash second = ReferenceRoot(Tree(n));
    for (size_t m = 1; m <= n; m++) {
      const Hash first = ReferenceRoot(Tree(m));
      const Path path = ReferenceSubproof(m, Tree(n), true);
      ForEachDamage(path, [&](const Path& damaged, Errc expected) {
        CHECK(CodeOf(VerifyConsistency(m, n, damaged, first, second)) == expected);
      });
      CHECK(CodeOf(VerifyConsistency(m, n, path, Flipped(first, n), second)) == Errc::kRootMismatch);
      CHECK(CodeOf(VerifyConsistency(m, n, path, first, Flipped(second, n))) == Errc::kRootMismatch);
      CHECK(CodeOf(VerifyConsistency(0, n, path, first, second)) == Errc::kIndexOutOfRange);
      CHECK(CodeOf(VerifyConsistency(n + 1, n, path, first, second)) == Errc::kIndexOutOfRange);
    }
  }
}

TEST_CASE("a consistency proof under every other pair of sizes fares as in the reference") {
  constexpr size_t kMax = 14;
  for (size_t n = 1; n <= kMax; n++) {
    for (size_t m = 1; m <= n; m++) {
      const Path path = ReferenceSubproof(m, Tree(n), true);
      const Hash first = ReferenceRoot(Tree(m)), second = ReferenceRoot(Tree(n));
      for (size_t other_n = 0; other_n <= kMax + 1; other_n++) {
        for (size_t other_m = 0; other_m <= other_n + 1; other_m++) {
          CHECK(CodeOf(VerifyConsistency(other_m, other_n, path, first, second)) ==
                ReferenceConsistency(other_m, other_n, path, first, second));
        }
      }
    }
  }
}

TEST_CASE("proofs at the largest sizes end without wrapping round") {
  const Path path(64, Hash{});
  // The last leaf of 2^64 - 1 has a sibling on the left at every level but its own.
  CHECK(CodeOf(VerifyInclusion({}, UINT64_MAX - 1, UINT64_MAX, path, {})) == Errc::kProofLength);
  CHECK(CodeOf(VerifyInclusion({}, UINT64_MAX - 1, UINT64_MAX, Path(63), {})) == Errc::kRootMismatch);
  CHECK(CodeOf(VerifyInclusion({}, 0, UINT64_MAX, path, {})) == Errc::kRootMismatch);
  CHECK(CodeOf(VerifyInclusion({}, 0, UINT64_MAX, Path(65), {})) == Errc::kProofLength);
  CHECK(CodeOf(VerifyConsistency(uint64_t{1} << 63, UINT64_MAX, path, {}, {})) == Errc::kProofLength);
  CHECK(CodeOf(VerifyConsistency(uint64_t{1} << 63, UINT64_MAX, Path(1), {}, {})) == Errc::kRootMismatch);
}

}  // namespace cunzheng::ledger
