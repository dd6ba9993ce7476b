#include "node/reads.h"

#include <algorithm>

#include "crypto/json.h"
#include "ledger/receipt.h"

namespace cunzheng::node {
namespace {

using ledger::RecordPosition;

Response Json(json::Object object) {
  Response response;
  response.body = json::EncodePretty(std::move(object));
  return response;
}

Response Text(std::string body) {
  Response response;
  response.content_type = kTextType;
  response.body = std::move(body);
  return response;
}

json::Value PathToJson(const ledger::Path& path) {
  json::Array array;
  for (const Hash& hash : path) array.push_back(ToHex(hash));
  return array;
}

// The attestation by the earliest stored checkpoint; nothing while pending.
Result<std::optional<ledger::Attestation>> FindAttestation(const ledger::Ledger& ledger, uint64_t index) {
  auto attestation = ledger.Attest(index);
  if (attestation) return std::optional(*std::move(attestation));
  if (attestation.error().code == Errc::kNotFound) return std::optional<ledger::Attestation>();
  return attestation.error();
}

Result<json::Value> RecordItem(const ledger::Ledger& ledger, RecordPosition position) {
  ASSIGN_OR_RETURN(std::string record, ledger.RecordAt(position));
  json::Object item;
  item["record_id"] = ToHex(ledger::RecordId(record));
  item["index"] = position.index;
  item["record_index"] = position.record;
  item["record"] = std::move(record);
  return json::Value(std::move(item));
}

Result<RecordPosition> FindRecord(const ledger::Ledger& ledger, std::string_view id_text) {
  ASSIGN_OR_RETURN(const Hash id, ParseHex32(id_text, "record id"));
  ASSIGN_OR_RETURN(const auto position, ledger.FindRecord(id));
  if (!position) return Error{Errc::kNotFound, "record: not on this ledger"};
  return *position;
}

Result<Response> GetReceipt(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  ASSIGN_OR_RETURN(const auto position, FindRecord(context.ledger, *target.After("/v1/receipts/")));
  ASSIGN_OR_RETURN(const auto receipt, context.ledger.ReceiptFor(position));
  Response response;
  response.body = ledger::EncodeReceipt(receipt);
  return response;
}

Result<Response> GetRecord(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  ASSIGN_OR_RETURN(const auto position, FindRecord(context.ledger, *target.After("/v1/records/")));
  ASSIGN_OR_RETURN(json::Value item, RecordItem(context.ledger, position));
  return Json(std::move(*item.AsObject()));
}

// A cursor is "<entry index>.<record index>": the first position that is still to come.
Result<RecordPosition> ParseCursor(std::string_view text) {
  const size_t dot = text.find('.');
  RecordPosition position;
  ASSIGN_OR_RETURN(position.index,
                   ParseDecimal(text.substr(0, dot), 0, json::kIntegerMax, "parameter \"from\""));
  if (dot == std::string_view::npos) return Error{Errc::kInvalidValue, "parameter \"from\": not a cursor"};
  ASSIGN_OR_RETURN(position.record,
                   ParseDecimal(text.substr(dot + 1), 0, ledger::kBatchCountMax, "parameter \"from\""));
  return position;
}

Result<Response> ListRecords(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({"sha256", "limit", "from"}));
  ASSIGN_OR_RETURN(const Hash sha256, target.Hex32("sha256"));
  ASSIGN_OR_RETURN(const uint64_t limit, target.Integer("limit", 1, 100, 20));
  RecordPosition from;
  if (const auto cursor = target.Parameter("from")) {
    ASSIGN_OR_RETURN(from, ParseCursor(*cursor));
  }
  ASSIGN_OR_RETURN(const auto page, context.ledger.FindDigest(sha256, from, limit));
  json::Array items;
  for (const RecordPosition& position : page.positions) {
    ASSIGN_OR_RETURN(json::Value item, RecordItem(context.ledger, position));
    items.push_back(std::move(item));
  }
  json::Object body;
  body["items"] = std::move(items);
  if (page.next) {
    body["next"] = std::to_string(page.next->index) + "." + std::to_string(page.next->record);
  }
  return Json(std::move(body));
}

Result<Response> GetEntry(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  ASSIGN_OR_RETURN(const uint64_t index,
                   ParseDecimal(*target.After("/v1/entries/"), 0, json::kIntegerMax, "entry index"));
  ASSIGN_OR_RETURN(std::string entry, context.ledger.EntryAt(index));
  ASSIGN_OR_RETURN(const auto attestation, FindAttestation(context.ledger, index));
  json::Object body;
  body["index"] = index;
  body["entry"] = std::move(entry);
  if (attestation) body["attestation"] = ledger::AttestationToJson(*attestation);
  return Json(std::move(body));
}

Result<Response> GetInclusion(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({"index", "size"}));
  ASSIGN_OR_RETURN(const uint64_t index, target.Integer("index", 0, json::kIntegerMax));
  ASSIGN_OR_RETURN(const uint64_t size, target.Integer("size", 1, json::kIntegerMax));
  ASSIGN_OR_RETURN(const auto path, context.ledger.InclusionProof(index, size));
  json::Object body;
  body["path"] = PathToJson(path);
  return Json(std::move(body));
}

Result<Response> GetConsistency(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({"first", "second"}));
  ASSIGN_OR_RETURN(const uint64_t first, target.Integer("first", 1, json::kIntegerMax));
  ASSIGN_OR_RETURN(const uint64_t second, target.Integer("second", 1, json::kIntegerMax));
  ASSIGN_OR_RETURN(const auto path, context.ledger.ConsistencyProof(first, second));
  json::Object body;
  body["path"] = PathToJson(path);
  return Json(std::move(body));
}

Result<Response> GetLedger(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  const ledger::Head head = context.ledger.head();
  const auto charter = context.ledger.charter();
  const ledger::Trust& trust = charter->trust();
  json::Object body;
  body["ledger"] = ToHex(context.ledger.id());
  body["origin"] = trust.origin;
  body["size"] = head.size;
  body["root"] = ToHex(head.root);
  body["height"] = head.height;
  body["time_unix_ms"] = head.time_unix_ms;
  body["app_hash"] = ToHex(head.app_hash);
  body["n"] = static_cast<uint64_t>(charter->members().size());
  body["k"] = trust.quorum.k;
  body["f"] = trust.quorum.f;
  body["params"] = ledger::ParamsToJson(charter->params());
  const auto writable = context.engine.Writable();
  body["writable"] = writable.has_value();
  if (!writable) body["reason"] = writable.error().detail;
  return Json(std::move(body));
}

Result<Response> GetGenesis(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  Response response;
  response.body = context.ledger.genesis_bytes();
  response.immutable = true;
  return response;
}

Result<Response> GetMembers(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  const auto charter = context.ledger.charter();
  json::Array members, suspended;
  for (const auto& member : charter->members()) members.push_back(ledger::MemberToJson(member));
  for (const auto& id : charter->suspended()) suspended.emplace_back(id);
  json::Object body;
  body["members"] = std::move(members);
  body["suspended"] = std::move(suspended);
  body["govern"] = charter->govern();
  return Json(std::move(body));
}

Result<Response> ListProposals(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  const auto charter = context.ledger.charter();
  json::Array items;
  for (const auto& proposal : charter->proposals()) items.push_back(ledger::ProposalToJson(proposal));
  json::Object body;
  body["items"] = std::move(items);
  body["govern"] = charter->govern();
  return Json(std::move(body));
}

Result<json::Value> AccountToJson(const ledger::Account& account) {
  return json::Parse(ledger::EncodeAccount(account), json::Form::kCanonical, 64u << 10);
}

Result<Response> GetAccount(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  ASSIGN_OR_RETURN(const Hash id, ParseHex32(*target.After("/v1/accounts/"), "account id"));
  ASSIGN_OR_RETURN(const std::optional<ledger::Account> account, context.ledger.FindAccount(id));
  if (!account) return Error{Errc::kNotFound, "account: not on this ledger"};
  ASSIGN_OR_RETURN(json::Value value, AccountToJson(*account));
  return Json(std::move(*value.AsObject()));
}

Result<Response> ListAccounts(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({"from", "limit"}));
  ASSIGN_OR_RETURN(const uint64_t limit, target.Integer("limit", 1, 1'000, 100));
  std::optional<Hash> after;
  if (const auto from = target.Parameter("from")) {
    ASSIGN_OR_RETURN(after, ParseHex32(*from, "parameter \"from\""));
  }
  ASSIGN_OR_RETURN(const std::vector<ledger::Account> accounts, context.ledger.ListAccounts(after, limit));
  json::Array items;
  for (const auto& account : accounts) {
    ASSIGN_OR_RETURN(json::Value value, AccountToJson(account));
    items.push_back(std::move(value));
  }
  json::Object body;
  body["items"] = std::move(items);
  if (accounts.size() == limit) body["next"] = ToHex(accounts.back().id);
  return Json(std::move(body));
}

Result<Response> GetTrust(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  Response response;
  response.body = ledger::EncodeTrust(context.ledger.charter()->trust());
  return response;
}

Result<Response> GetTrustUpdate(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  ASSIGN_OR_RETURN(const uint64_t version, ParseDecimal(*target.After("/v1/trust/"), 1, json::kIntegerMax,
                                                        "version of the trust file"));
  Response response;
  ASSIGN_OR_RETURN(response.body, context.trust_versions.Document(version));
  return response;
}

Result<Response> GetCheckpoint(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  const auto newest = context.engine.Newest();
  if (!newest) return Error{Errc::kNotFound, "checkpoint: none has been signed yet"};
  return Text(newest->note);
}

Result<Response> GetCheckpointCovering(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  ASSIGN_OR_RETURN(const uint64_t size,
                   ParseDecimal(*target.After("/v1/checkpoints/"), 1, json::kIntegerMax, "checkpoint size"));
  ASSIGN_OR_RETURN(std::string note, context.ledger.CheckpointCovering(size));
  return Text(std::move(note));
}

Result<Response> GetCosignatures(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  ASSIGN_OR_RETURN(const uint64_t size,
                   ParseDecimal(*target.After("/v1/cosignatures/"), 1, json::kIntegerMax, "checkpoint size"));
  ASSIGN_OR_RETURN(std::string note, context.engine.NoteAt(size));
  return Text(std::move(note));
}

Result<Response> GetTile(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  ASSIGN_OR_RETURN(const TileTarget tile, ParseTileTarget(*target.After("/tile/")));
  ASSIGN_OR_RETURN(std::string bytes, tile.entries ? context.ledger.EntryBundle(tile.id.index, tile.width)
                                                   : context.ledger.Tile(tile.id, tile.width));
  Response response;
  response.content_type = kBytesType;
  response.body = std::move(bytes);
  response.immutable = true;
  return response;
}

Result<Response> GetHealth(const ReadContext&, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  return Text("ok\n");
}

Result<Response> GetReady(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  RETURN_IF_ERROR(context.engine.Writable());
  return Text("ready\n");
}

Result<Response> GetMetrics(const ReadContext& context, const Target& target) {
  RETURN_IF_ERROR(target.AllowOnly({}));
  Response response = Text(context.metrics.Text());
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

struct ReadRoute {
  std::string_view path;
  bool prefix;  // more follows `path`
  Result<Response> (*answer)(const ReadContext&, const Target&);
};

constexpr ReadRoute kRoutes[]{
    {"/v1/receipts/", true, GetReceipt},
    {"/v1/records", false, ListRecords},
    {"/v1/records/", true, GetRecord},
    {"/v1/entries/", true, GetEntry},
    {"/v1/proofs/inclusion", false, GetInclusion},
    {"/v1/proofs/consistency", false, GetConsistency},
    {"/v1/ledger", false, GetLedger},
    {"/v1/genesis", false, GetGenesis},
    {"/v1/members", false, GetMembers},
    {"/v1/accounts", false, ListAccounts},
    {"/v1/accounts/", true, GetAccount},
    {"/v1/trust", false, GetTrust},
    {"/v1/trust/", true, GetTrustUpdate},
    {"/v1/proposals", false, ListProposals},
    {"/v1/checkpoints/", true, GetCheckpointCovering},
    {"/v1/cosignatures/", true, GetCosignatures},
    {"/checkpoint", false, GetCheckpoint},
    {"/tile/", true, GetTile},
    {"/healthz", false, GetHealth},
    {"/readyz", false, GetReady},
    {"/metrics", false, GetMetrics},
};

const ReadRoute* FindRoute(std::string_view path) {
  for (const ReadRoute& route : kRoutes) {
    if (route.prefix ? path.substr(0, route.path.size()) == route.path : path == route.path) return &route;
  }
  return nullptr;
}

// The attestation as receipts have it, written straight: this is the hot path's answer.
void AppendAttestation(const ledger::Path& inclusion, std::string_view checkpoint, std::string* out) {
  *out += "{\"checkpoint\":";
  json::AppendQuoted(checkpoint, out);
  *out += ",\"inclusion\":[";
  for (size_t i = 0; i < inclusion.size(); ++i) {
    *out += i == 0 ? "\"" : ",\"";
    AppendHex(inclusion[i], out);
    *out += '"';
  }
  *out += "]}";
}

}  // namespace

bool IsReadPath(std::string_view path) {
  return FindRoute(path) != nullptr;
}

Result<Response> AnswerRead(const ReadContext& context, const Target& target) {
  const ReadRoute* route = FindRoute(target.path());
  if (route == nullptr) return Error{Errc::kNotFound, "target: no such path"};
  return route->answer(context, target);
}

Result<std::string> SubmissionDocument(const ledger::Ledger& ledger, const Hash& id, uint64_t index,
                                       bool repeated, const std::shared_ptr<const Published>& checkpoint) {
  ASSIGN_OR_RETURN(const std::string entry, ledger.EntryAt(index));
  std::string out;
  out.reserve(entry.size() + 4'096);
  out += "{";
  bool attested = true;
  if (checkpoint != nullptr) {
    ASSIGN_OR_RETURN(const ledger::Path path, ledger.InclusionProof(index, checkpoint->size));
    out += "\"attestation\":";
    AppendAttestation(path, checkpoint->note, &out);
    out += ",";
  } else {
    ASSIGN_OR_RETURN(const auto found, FindAttestation(ledger, index));
    attested = found.has_value();
    if (attested) {
      out += "\"attestation\":";
      out += json::EncodePretty(ledger::AttestationToJson(*found));
      out += ",";
    }
  }
  out += "\"entry\":";
  json::AppendQuoted(entry, &out);
  out += ",\"id\":\"";
  AppendHex(id, &out);
  out += "\",\"index\":" + std::to_string(index);
  out += repeated ? ",\"repeated\":true" : ",\"repeated\":false";
  out += attested ? ",\"status\":\"attested\"" : ",\"status\":\"pending\"";
  out += ",\"type\":\"cunzheng/submission/v1\"}\n";
  return out;
}

}  // namespace cunzheng::node
