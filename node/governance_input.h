// What the governance commands read from options and files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crypto/result.h"
#include "ledger/act.h"
#include "node/commands.h"

namespace cunzheng::node {

// "1,3,3": f, k, govern. Errors: kUsage.
Result<std::optional<ledger::Thresholds>> ParseThresholds(const std::optional<std::string>& text);
// Errors of both: the file's, decoding's, naming the file.
Result<ledger::MemberInfo> ReadMemberFile(const std::string& path);
Result<std::vector<ledger::WitnessInfo>> ReadWitnessesFile(const std::string& path);
// The DER of each PEM certificate in the files. Errors: kUsage, naming the file.
Result<std::vector<Bytes>> ReadCertificates(const std::vector<std::string>& paths);
// Errors: kUsage (the purpose), decoding's.
Result<ledger::Change> MakeKeyRotate(const std::string& member, const std::string& purpose,
                                     const std::string& key);
// `params` with the two parameters that no act changes.
Result<ledger::Change> WithFixedParams(const Place& place, ledger::Params params);

}  // namespace cunzheng::node
