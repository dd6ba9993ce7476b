#include "client/cli/known_nodes.h"

#include <filesystem>

#include "client/sdk/paths.h"
#include "crypto/digest.h"
#include "crypto/json.h"
#include "crypto/key_file.h"

namespace cunzheng::cli {
namespace {

constexpr std::string_view kType = "cunzheng/known_node/v1";
constexpr size_t kLengthMax = 64 * 1024;

Result<client::LedgerView> Decode(std::string_view text, const std::string& node) {
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(text, json::Form::kReadable, kLengthMax));
  json::ObjectReader reader(value, "known node");
  client::LedgerView view;
  reader.Type(kType);
  if (reader.String("node", 1, 4'096) != node) reader.Fail(Errc::kInvalidValue, "node", "is another one");
  view.ledger = reader.Hex32("ledger");
  view.origin = reader.String("origin", 1, 200);
  view.batch_bytes_max = reader.Integer("batch_bytes_max", 65'536, 1u << 20);
  if (reader.Has("checkpoint")) view.checkpoint = reader.String("checkpoint", 1, kNoteLengthMax);
  RETURN_IF_ERROR(reader.Finish());
  return view;
}

}  // namespace

Result<client::Journal> OpenJournal(const Settings& settings) {
  if (settings.folders.state.empty()) {
    return Error{Errc::kUsage, "no folder for the queue: set HOME or XDG_STATE_HOME"};
  }
  return client::Journal::Open(client::JoinPath(settings.folders.state, "queue"));
}

std::string KnownNodes::PathOf(const std::string& node) const {
  const std::string name = ToHex(Sha256(AsBytes(node))).substr(0, 16) + ".json";
  return client::JoinPath(client::JoinPath(state_, "nodes"), name);
}

std::optional<client::LedgerView> KnownNodes::Find(const std::string& node) const {
  const auto text = ReadWholeFile(PathOf(node), kLengthMax);
  if (!text) return std::nullopt;
  auto view = Decode(*text, node);
  if (!view) return std::nullopt;
  return std::move(view).value();
}

Result<void> KnownNodes::Remember(const std::string& node, const client::LedgerView& view) const {
  const std::string path = PathOf(node);
  std::error_code ec;
  std::filesystem::create_directories(client::FolderOf(path), ec);
  json::Object object{{"type", kType},
                      {"node", node},
                      {"ledger", ToHex(view.ledger)},
                      {"origin", view.origin},
                      {"batch_bytes_max", view.batch_bytes_max}};
  if (view.checkpoint) object.emplace("checkpoint", *view.checkpoint);
  return WriteFileAtomically(path, json::EncodePretty(std::move(object)), 0600, true);
}

}  // namespace cunzheng::cli
