// RFC 6962 / RFC 9162 Merkle trees over SHA-256 (specs/merkle.md). Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::ledger {

using Path = std::vector<Hash>;

Hash EmptyRoot();  // SHA-256 of nothing
Hash LeafHash(ByteSpan data);
Hash NodeHash(const Hash& left, const Hash& right);

// Root over `leaves` (leaf hashes) in order. Memory O(log n) besides the input.
Hash RootFromLeaves(std::span<const Hash> leaves);
// Inclusion path of `index` in the tree over `leaves`. Precondition: index < leaves.size().
Path InclusionPath(std::span<const Hash> leaves, uint64_t index);
// All inclusion paths of a tree at once; result[i] belongs to leaf i. O(n log n).
std::vector<Path> AllInclusionPaths(std::span<const Hash> leaves);

// Verifies that `leaf` is at `index` in the tree of `size` leaves with `root`.
// Errors: kIndexOutOfRange (index >= size), kProofLength, kRootMismatch.
Result<void> VerifyInclusion(const Hash& leaf, uint64_t index, uint64_t size, std::span<const Hash> path,
                             const Hash& root);
// Verifies that the tree (first, first_root) is a prefix of (second, second_root).
// Errors: kIndexOutOfRange (first == 0 or first > second), kProofLength, kRootMismatch.
Result<void> VerifyConsistency(uint64_t first, uint64_t second, std::span<const Hash> path,
                               const Hash& first_root, const Hash& second_root);

}  // namespace cunzheng::ledger
