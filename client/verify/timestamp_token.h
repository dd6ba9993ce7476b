// RFC 3161 timestamp tokens (specs/receipt.md, "Tokens"). Safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/result.h"

namespace cunzheng::verify {

struct TrustedToken {
  uint64_t not_after_unix_s = 0;  // genTime + accuracy, rounded up to whole seconds
  std::string tsa;                // subject of the signing certificate, RFC 2253 form
};

// Checks a DER TimeStampToken over `data`: one CMS signature, by a certificate whose extended key usage is
// timeStamping, critical and alone, that chains at genTime to one of `roots` (DER certificates); the
// imprint is SHA-256, SHA-384 or SHA-512 of `data`. Revocation cannot be checked offline and is not.
// Errors: kTokenInvalid; kTrustInvalid (a root is no certificate).
Result<TrustedToken> VerifyTimestampToken(ByteSpan token, std::string_view data,
                                          const std::vector<Bytes>& roots);

}  // namespace cunzheng::verify
