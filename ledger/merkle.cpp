#include "ledger/merkle.h"

#include <algorithm>
#include <bit>

#include "crypto/digest.h"

namespace cunzheng::ledger {
namespace {

constexpr uint8_t kLeafPrefix[] = {0x00};
constexpr uint8_t kNodePrefix[] = {0x01};

Error WrongLength(const char* what) {
  return Error{Errc::kProofLength,
               std::string(what) + " proof: another number of hashes than this place needs"};
}

}  // namespace

Hash EmptyRoot() {
  return Sha256({});
}
Hash LeafHash(ByteSpan data) {
  return Sha256(kLeafPrefix, data);
}
Hash NodeHash(const Hash& left, const Hash& right) {
  return Sha256(kNodePrefix, left, right);
}

Hash RootFromLeaves(std::span<const Hash> leaves) {
  if (leaves.empty()) return EmptyRoot();
  // A stack of perfect subtrees, largest first; their sizes are the set bits of the leaf count so far.
  std::array<Hash, 64> stack;
  size_t depth = 0;
  for (uint64_t i = 0; i < leaves.size(); i++) {
    Hash node = leaves[i];
    for (int merges = std::countr_one(i); merges > 0; merges--) node = NodeHash(stack[--depth], node);
    stack[depth++] = node;
  }
  Hash root = stack[--depth];
  while (depth > 0) root = NodeHash(stack[--depth], root);
  return root;
}

Path InclusionPath(std::span<const Hash> leaves, uint64_t index) {
  CHECK_INVARIANT(index < leaves.size());
  Path path;  // from the root downwards, until it is turned round at the end
  while (leaves.size() > 1) {
    const size_t left = std::bit_floor(leaves.size() - 1);
    if (index < left) {
      path.push_back(RootFromLeaves(leaves.subspan(left)));
      leaves = leaves.first(left);
    } else {
      path.push_back(RootFromLeaves(leaves.first(left)));
      leaves = leaves.subspan(left);
      index -= left;
    }
  }
  std::reverse(path.begin(), path.end());
  return path;
}

std::vector<Path> AllInclusionPaths(std::span<const Hash> leaves) {
  std::vector<Path> paths(leaves.size());
  std::vector<Hash> level(leaves.begin(), leaves.end());
  for (unsigned height = 0; level.size() > 1; height++) {
    for (size_t i = 0; i < leaves.size(); i++) {
      const size_t sibling = (i >> height) ^ 1;
      if (sibling < level.size()) paths[i].push_back(level[sibling]);
    }
    // A last node without a sibling rises unchanged, which gives RFC 6962's unbalanced tree.
    std::vector<Hash> above;
    above.reserve(level.size() / 2 + 1);
    for (size_t i = 0; i + 1 < level.size(); i += 2) above.push_back(NodeHash(level[i], level[i + 1]));
    if (level.size() % 2 == 1) above.push_back(level.back());
    level = std::move(above);
  }
  return paths;
}

// RFC 9162 section 2.1.3.2, with its names.
Result<void> VerifyInclusion(const Hash& leaf, uint64_t index, uint64_t size, std::span<const Hash> path,
                             const Hash& root) {
  if (index >= size) {
    return Error{Errc::kIndexOutOfRange,
                 "index " + std::to_string(index) + " is outside a tree of " + std::to_string(size)};
  }
  uint64_t fn = index, sn = size - 1;
  Hash r = leaf;
  for (const Hash& p : path) {
    if (sn == 0) return WrongLength("inclusion");
    if ((fn & 1) != 0 || fn == sn) {
      r = NodeHash(p, r);
      while (fn != 0 && (fn & 1) == 0) fn >>= 1, sn >>= 1;
    } else {
      r = NodeHash(r, p);
    }
    fn >>= 1, sn >>= 1;
  }
  if (sn != 0) return WrongLength("inclusion");
  if (r != root) return Error{Errc::kRootMismatch, "inclusion proof leads to another root"};
  return {};
}

// RFC 9162 section 2.1.4.2, with its names.
Result<void> VerifyConsistency(uint64_t first, uint64_t second, std::span<const Hash> path,
                               const Hash& first_root, const Hash& second_root) {
  if (first == 0 || first > second) {
    return Error{Errc::kIndexOutOfRange, "no consistency proof exists from size " + std::to_string(first) +
                                             " to size " + std::to_string(second)};
  }
  if (first == second) {
    if (!path.empty()) return WrongLength("consistency");
    if (first_root != second_root) return Error{Errc::kRootMismatch, "two roots for one tree size"};
    return {};
  }
  uint64_t fn = first - 1, sn = second - 1;
  while ((fn & 1) != 0) fn >>= 1, sn >>= 1;
  // When `first` is a power of two its root is itself the first node, and the proof leaves it out.
  Hash fr = first_root;
  if (!std::has_single_bit(first)) {
    if (path.empty()) return WrongLength("consistency");
    fr = path.front();
    path = path.subspan(1);
  }
  Hash sr = fr;
  for (const Hash& c : path) {
    if (sn == 0) return WrongLength("consistency");
    if ((fn & 1) != 0 || fn == sn) {
      fr = NodeHash(c, fr);
      sr = NodeHash(c, sr);
      while (fn != 0 && (fn & 1) == 0) fn >>= 1, sn >>= 1;
    } else {
      sr = NodeHash(sr, c);
    }
    fn >>= 1, sn >>= 1;
  }
  if (sn != 0) return WrongLength("consistency");
  if (fr != first_root) return Error{Errc::kRootMismatch, "consistency proof leads to another first root"};
  if (sr != second_root) return Error{Errc::kRootMismatch, "consistency proof leads to another second root"};
  return {};
}

}  // namespace cunzheng::ledger
