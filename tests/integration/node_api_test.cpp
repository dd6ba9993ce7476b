// The real cunzhengd over HTTP: what it takes, and the exact error for each thing that it does not.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <thread>

#include "crypto/json.h"
#include "crypto/key_file.h"
#include "ledger/checkpoint.h"
#include "ledger/receipt.h"
#include "ledger/record.h"
#include "tests/integration/node_harness.h"

using namespace cunzheng;
using namespace cunzheng::testing;

namespace {

// One running node for all cases that leave it as it was.
struct Shared {
  TestNode node;
  std::optional<PrivateKey> key;
  Shared() {
    node.Start();
    key.emplace(node.AddAccount("某公司"));
  }
};
Shared& Common() {
  static Shared shared;
  return shared;
}
TestNode& Node() {
  return Common().node;
}
const PrivateKey& Key() {
  return *Common().key;
}

std::string Unique(const std::string& text) {
  static int count = 0;
  return text + " " + std::to_string(++count);
}

// A batch whose records and header the test may have bent before it is signed.
struct Bent {
  Hash header_ledger = Node().ledger(), record_ledger = Node().ledger();
  std::optional<Hash> header_account, record_account;
  uint64_t client_time_unix_ms = NowMs();
  std::optional<uint64_t> expires_unix_ms;
  std::optional<uint64_t> count;
  std::optional<Hash> root;
  std::optional<Hash> salt;
  ledger::BatchMode mode = ledger::BatchMode::kPlain;
  bool with_records = true;
};
std::string Bend(const PrivateKey& key, const Bent& bent) {
  const Hash account = AccountId(key.public_key());
  const std::string text = Unique("bent");
  ledger::Record record;
  record.ledger = bent.record_ledger;
  record.account = bent.record_account.value_or(account);
  record.kind = "data";
  record.digest = DigestBytes(AsBytes(text));
  record.length = text.size();
  record.salt = bent.salt;
  const std::string bytes = ledger::EncodeRecord(record);
  ledger::BatchHeader header;
  header.ledger = bent.header_ledger;
  header.account = bent.header_account.value_or(account);
  header.mode = bent.mode;
  header.root = bent.root.value_or(ledger::RecordId(bytes));
  header.count = bent.count.value_or(1);
  header.client_time_unix_ms = bent.client_time_unix_ms;
  header.expires_unix_ms = bent.expires_unix_ms;
  const std::string header_bytes = ledger::EncodeBatchHeader(header);
  const ledger::SignatureBlock block{key.public_key(), key.Sign(kPurposeBatch, AsBytes(header_bytes))};
  return ledger::EncodeEnvelope(
      header_bytes, block, bent.with_records ? std::vector<std::string>{bytes} : std::vector<std::string>{});
}

void CheckRefused(const std::string& envelope, int status, const std::string& code) {
  auto connection = Node().Connect();
  const HttpAnswer answer = connection.Post("/v1/batches", envelope);
  CHECK(answer.status == status);
  CHECK(answer.code() == code);
  CHECK(answer.headers.at("content-type") == "application/problem+json");
}

json::Value Parse(const std::string& text) {
  auto value = json::Parse(text, json::Form::kReadable, 16u << 20);
  REQUIRE(value.has_value());
  return *std::move(value);
}

const json::Value& At(const json::Value& value, const std::string& key) {
  REQUIRE(value.AsObject() != nullptr);
  const auto found = value.AsObject()->find(key);
  REQUIRE(found != value.AsObject()->end());
  return found->second;
}

}  // namespace

TEST_CASE("a deposit is answered with an entry and a cosigned checkpoint that proves it") {
  const auto batch = MakeBatch(Node().ledger(), Key(), Unique("evidence"));
  const HttpAnswer answer = Node().Connect().Post("/v1/batches", batch.envelope);
  REQUIRE(answer.status == 200);
  const json::Value document = Parse(answer.body);
  CHECK(*At(document, "type").AsString() == "cunzheng/submission/v1");
  CHECK(*At(document, "id").AsString() == ToHex(batch.id));
  CHECK(*At(document, "status").AsString() == "attested");
  CHECK_FALSE(*At(document, "repeated").AsBool());
  const auto attestation = ledger::AttestationFromJson(At(document, "attestation"), "attestation");
  REQUIRE(attestation.has_value());
  const auto checkpoint = ledger::ParseCheckpoint(attestation->checkpoint);
  REQUIRE(checkpoint.has_value());
  const std::string& entry = *At(document, "entry").AsString();
  CHECK(ledger::DecodeDepositEntry(entry).has_value());
  CHECK(ledger::VerifyInclusion(ledger::LeafHash(AsBytes(entry)), *At(document, "index").AsInteger(),
                                checkpoint->checkpoint.size, attestation->inclusion,
                                checkpoint->checkpoint.root)
            .has_value());
  REQUIRE(checkpoint->note.signatures.size() == 2);
}

TEST_CASE("the receipt of a plain record decodes and names the record") {
  const std::string text = Unique("for a receipt");
  const auto batch = MakeBatch(Node().ledger(), Key(), text, 3);
  auto connection = Node().Connect();
  REQUIRE(connection.Post("/v1/batches", batch.envelope).status == 200);
  const std::string record = MakeRecord(Node().ledger(), AccountId(Key().public_key()), text + "#2");
  const HttpAnswer answer = connection.Get("/v1/receipts/" + ToHex(ledger::RecordId(record)));
  REQUIRE(answer.status == 200);
  const auto receipt = ledger::DecodeReceipt(answer.body);
  REQUIRE(receipt.has_value());
  CHECK(receipt->record == record);
  CHECK(receipt->batch_index == 2);
}

TEST_CASE("records are found by evidence digest, page by page") {
  const std::string text = Unique("found by digest");
  auto connection = Node().Connect();
  for (int i = 0; i < 3; ++i) {
    // Another client time makes another batch of the same evidence.
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    REQUIRE(connection.Post("/v1/batches", MakeBatch(Node().ledger(), Key(), text).envelope).status == 200);
  }
  const std::string query = "/v1/records?sha256=" + ToHex(Sha256(AsBytes(text))) + "&limit=2";
  const json::Value first = Parse(connection.Get(query).body);
  REQUIRE(At(first, "items").AsArray()->size() == 2);
  const json::Value second = Parse(connection.Get(query + "&from=" + *At(first, "next").AsString()).body);
  REQUIRE(At(second, "items").AsArray()->size() == 1);
  CHECK(second.AsObject()->count("next") == 0);
}

TEST_CASE("a repeated batch succeeds with the first entry's index, from many connections at once") {
  const auto batch = MakeBatch(Node().ledger(), Key(), Unique("repeated"));
  std::vector<std::thread> threads;
  std::vector<HttpAnswer> answers(16);
  for (HttpAnswer& answer : answers) {
    threads.emplace_back([&] { answer = Node().Connect().Post("/v1/batches", batch.envelope); });
  }
  for (auto& thread : threads) thread.join();
  int fresh = 0;
  std::optional<uint64_t> index;
  for (const HttpAnswer& answer : answers) {
    REQUIRE(answer.status == 200);
    const json::Value document = Parse(answer.body);
    fresh += *At(document, "repeated").AsBool() ? 0 : 1;
    if (!index) index = *At(document, "index").AsInteger();
    CHECK(*At(document, "index").AsInteger() == *index);
    CHECK(*At(document, "status").AsString() == "attested");
  }
  CHECK(fresh == 1);
}

TEST_CASE("a batch is found by its id, and an unknown one is not_found") {
  const auto batch = MakeBatch(Node().ledger(), Key(), Unique("by id"));
  auto connection = Node().Connect();
  CHECK(connection.Get("/v1/batches/" + ToHex(batch.id)).code() == "not_found");
  REQUIRE(connection.Post("/v1/batches", batch.envelope).status == 200);
  const HttpAnswer answer = connection.Get("/v1/batches/" + ToHex(batch.id) + "?wait_ms=1000");
  CHECK(answer.status == 200);
  CHECK(*At(Parse(answer.body), "status").AsString() == "attested");
}

TEST_CASE("a sealed batch is taken without its records, and only so") {
  Bent bent;
  bent.mode = ledger::BatchMode::kSealed;
  bent.with_records = false;
  bent.count = 1'000;
  auto connection = Node().Connect();
  CHECK(connection.Post("/v1/batches", Bend(Key(), bent)).status == 200);
  bent.with_records = true;
  CheckRefused(Bend(Key(), bent), 422, "records_unexpected");
}

TEST_CASE("an SM2 account deposits as a secp256k1 account does") {
  const PrivateKey key = Node().AddAccount("国密单位", {}, Suite::kSm2);
  CHECK(
      Node().Connect().Post("/v1/batches", MakeBatch(Node().ledger(), key, Unique("sm2")).envelope).status ==
      200);
}

TEST_CASE("a plain batch without its records is records_missing") {
  Bent bent;
  bent.with_records = false;
  CheckRefused(Bend(Key(), bent), 422, "records_missing");
}

TEST_CASE("a plain batch with too few records is count_mismatch") {
  Bent bent;
  bent.count = 2;
  CheckRefused(Bend(Key(), bent), 422, "count_mismatch");
}

TEST_CASE("a root that is not the records' is root_mismatch") {
  Bent bent;
  bent.root = Sha256(AsBytes("another"));
  CheckRefused(Bend(Key(), bent), 400, "root_mismatch");
}

TEST_CASE("a salt in a plain batch is salt_forbidden") {
  Bent bent;
  bent.salt = Sha256(AsBytes("salt"));
  CheckRefused(Bend(Key(), bent), 422, "salt_forbidden");
}

TEST_CASE("a batch or a record of another ledger is wrong_ledger") {
  Bent bent;
  bent.header_ledger = Sha256(AsBytes("elsewhere"));
  CheckRefused(Bend(Key(), bent), 422, "wrong_ledger");
  Bent record;
  record.record_ledger = Sha256(AsBytes("elsewhere"));
  CheckRefused(Bend(Key(), record), 422, "wrong_ledger");
}

TEST_CASE("another's record under one's own header is wrong_account") {
  const PrivateKey thief = Node().AddAccount("Thief");
  Bent bent;
  bent.record_account = AccountId(Key().public_key());
  CheckRefused(Bend(thief, bent), 422, "wrong_account");
}

TEST_CASE("a header that names another's account is refused with the thief's key") {
  const PrivateKey thief = PrivateKey::Generate(Suite::kSecp256k1);
  Bent bent;
  bent.header_account = bent.record_account = AccountId(Key().public_key());
  CheckRefused(Bend(thief, bent), 400, "key_invalid");
}

TEST_CASE("an account that nobody added is unknown_account") {
  const PrivateKey stranger = PrivateKey::Generate(Suite::kSecp256k1);
  CheckRefused(MakeBatch(Node().ledger(), stranger, Unique("stranger")).envelope, 403, "unknown_account");
}

TEST_CASE("a suspended account is refused until it is resumed") {
  const PrivateKey key = Node().AddAccount("Suspended");
  const std::string id = ToHex(AccountId(key.public_key()));
  REQUIRE(Node().Command({"account", "suspend", id, "--reason", "test"}).exit_code == 0);
  const auto batch = MakeBatch(Node().ledger(), key, Unique("suspended"));
  CheckRefused(batch.envelope, 403, "account_suspended");
  REQUIRE(Node().Command({"account", "resume", id, "--reason", "test"}).exit_code == 0);
  CHECK(Node().Connect().Post("/v1/batches", batch.envelope).status == 200);
}

TEST_CASE("a quota that is used up is quota_exceeded with the time until the next day") {
  const PrivateKey key = Node().AddAccount("Small", {"--records-per-day", "2"});
  auto connection = Node().Connect();
  REQUIRE(
      connection.Post("/v1/batches", MakeBatch(Node().ledger(), key, Unique("quota"), 2).envelope).status ==
      200);
  const HttpAnswer answer =
      connection.Post("/v1/batches", MakeBatch(Node().ledger(), key, Unique("quota")).envelope);
  CHECK(answer.status == 429);
  CHECK(answer.code() == "quota_exceeded");
  const int retry_after = std::stoi(answer.headers.at("retry-after"));
  CHECK(retry_after > 0);
  CHECK(retry_after <= 86'400);
}

TEST_CASE("a client time far ahead is client_time_ahead, and a past expiry is expired") {
  Bent bent;
  bent.client_time_unix_ms = NowMs() + 3'600'000;
  CheckRefused(Bend(Key(), bent), 422, "client_time_ahead");
  Bent late;
  late.expires_unix_ms = NowMs() - 60'000;
  CheckRefused(Bend(Key(), late), 422, "expired");
}

TEST_CASE("a changed header is signature_invalid, and the mirrored signature is signature_not_low_s") {
  const auto batch = MakeBatch(Node().ledger(), Key(), Unique("signed"));
  std::string changed = batch.header_bytes;
  const size_t digit = changed.find("\"client_time_unix_ms\":") + 22;
  changed[digit + 10] = changed[digit + 10] == '0' ? '1' : '0';
  const std::string record = batch.envelope.substr(batch.envelope.find("\n{\"account\"", 100) + 1);
  const size_t records_at = batch.envelope.find('\n', batch.envelope.find("\"suite\"")) + 1;
  const std::string records = batch.envelope.substr(records_at, batch.envelope.size() - records_at - 1);
  CheckRefused(ledger::EncodeEnvelope(changed, batch.signature, {records}), 401, "signature_invalid");

  // s -> n - s keeps the equation and breaks the rule.
  static constexpr uint8_t kOrder[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48,
                                         0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
  ledger::SignatureBlock high = batch.signature;
  int borrow = 0;
  for (int i = 31; i >= 0; --i) {
    const int difference = kOrder[i] - high.signature[static_cast<size_t>(32 + i)] - borrow;
    borrow = difference < 0 ? 1 : 0;
    high.signature[static_cast<size_t>(32 + i)] = static_cast<uint8_t>(difference + 256 * borrow);
  }
  CheckRefused(ledger::EncodeEnvelope(batch.header_bytes, high, {records}), 400, "signature_not_low_s");
}

TEST_CASE("truncated and garbled envelopes are refused by name at every length") {
  const auto batch = MakeBatch(Node().ledger(), Key(), Unique("truncated"));
  auto connection = Node().Connect();
  for (size_t length = 0; length < batch.envelope.size(); length += 37) {
    const HttpAnswer answer = connection.Post("/v1/batches", batch.envelope.substr(0, length));
    CHECK(answer.status >= 400);
    CHECK(answer.status < 500);
    CHECK(answer.code() != "");
  }
  CheckRefused("", 400, "envelope_malformed");
  CheckRefused("cunzheng/envelope/v2\n", 400, "envelope_malformed");
  CheckRefused(batch.envelope + "x", 400, "envelope_malformed");
  CheckRefused(batch.envelope + "\n", 422, "count_mismatch");
}

TEST_CASE("duplicated keys in a header are duplicate_key") {
  const auto batch = MakeBatch(Node().ledger(), Key(), Unique("duplicated"));
  std::string header = batch.header_bytes;
  header.insert(1, header.substr(1, header.find(',')));
  CheckRefused(ledger::EncodeEnvelope(header, batch.signature, {}), 400, "duplicate_key");
}

TEST_CASE("an oversized batch is too_large, whether a little or far over the limit") {
  const auto batch = MakeBatch(Node().ledger(), Key(), Unique("large"));
  CheckRefused(batch.envelope + std::string(524'289 - batch.envelope.size(), 'x'), 413, "too_large");
  CheckRefused(std::string(8u << 20, 'x'), 413, "too_large");
}

TEST_CASE("a batch just under the size limit is taken") {
  const std::string text = Unique("just under");
  const size_t sample = MakeBatch(Node().ledger(), Key(), text, 1'000).envelope.size();
  // Records grow by a digit here and there, so the estimate is a little high.
  size_t count = 524'288 * 1'000 / sample;
  auto batch = MakeBatch(Node().ledger(), Key(), text, count);
  while (batch.envelope.size() > 524'288) batch = MakeBatch(Node().ledger(), Key(), text, --count);
  REQUIRE(batch.envelope.size() > 520'000);
  CHECK(Node().Connect().Post("/v1/batches", batch.envelope).status == 200);
}

TEST_CASE("an act by a key that is no member's is refused, and leaves no trace") {
  const PrivateKey stranger = PrivateKey::Generate(Suite::kSecp256k1);
  ledger::Act act;
  act.ledger = Node().ledger();
  act.member = "operator.example.org";
  act.action = ledger::ClockResume{"forged"};
  act.client_time_unix_ms = NowMs();
  act.nonce = RandomHash();
  auto connection = Node().Connect();
  const uint64_t before = *At(Parse(connection.Get("/v1/ledger").body), "size").AsInteger();
  const HttpAnswer forged = connection.Post("/v1/acts", ledger::SignAct(stranger, act));
  CHECK(forged.code() == "key_invalid");
  act.member = "nobody.example.org";
  CHECK(connection.Post("/v1/acts", ledger::SignAct(stranger, act)).code() == "unknown_member");
  CHECK(*At(Parse(connection.Get("/v1/ledger").body), "size").AsInteger() == before);
}

TEST_CASE("paths, methods and types that the API does not have are answered as HTTP says") {
  auto connection = Node().Connect();
  CHECK(connection.Get("/v1/nothing").status == 404);
  CHECK(connection.Get("/v1/../etc/passwd").status == 404);
  CHECK(connection.Get("/v1/receipts/%2e%2e").code() == "invalid_value");
  CHECK(connection.Get("/v1/receipts/" + std::string(64, 'A')).code() == "invalid_value");
  CHECK(connection.Get("/v1/entries/01").code() == "invalid_value");
  CHECK(connection.Get("/v1/entries/18446744073709551616").code() == "invalid_value");
  CHECK(connection.Get("/v1/entries/9007199254740991").code() == "not_found");
  CHECK(connection.Get("/v1/ledger?verbose=1").code() == "invalid_value");
  CHECK(connection.Get("/v1/records").code() == "missing_field");
  CHECK(connection.Get("/v1/proofs/inclusion?index=5&size=5").code() == "index_out_of_range");
  CHECK(connection.Get("/v1/batches/" + std::string(64, '0') + "?wait_ms=30001").code() == "invalid_value");
  CHECK(connection.Get("/tile/0/0").status == 404);
  CHECK(connection.Get("/tile/0/x000/000").status == 404);
  CHECK(connection.Get("/tile/9/000").status == 404);

  const HttpAnswer get = connection.Get("/v1/acts");
  CHECK(get.status == 405);
  CHECK(get.headers.at("allow") == "POST");
  const HttpAnswer post = connection.Post("/v1/ledger", "");
  CHECK(post.status == 405);
  CHECK(post.headers.at("allow") == "GET, HEAD");
  CHECK(connection.Post("/v1/batches", "", "text/plain").status == 415);
  connection.Send(
      "POST /v1/batches HTTP/1.1\r\nHost: node\r\nContent-Type: application/vnd.cunzheng.envelope\r\n\r\n");
  CHECK(connection.Receive().status == 411);
}

TEST_CASE("an overlong target is 414, an overlong header 431, and a garbled request 400") {
  CHECK(Node().Connect().Get("/" + std::string(3'000, 'a')).status == 414);
  auto header = Node().Connect();
  header.Send("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n");
  CHECK(header.Receive().status == 431);
  auto garbled = Node().Connect();
  garbled.Send("\x16\x03\x01 this is no HTTP\r\n\r\n");
  CHECK(garbled.Receive().status == 400);
  auto smuggled = Node().Connect();
  smuggled.Send(
      "POST /v1/batches HTTP/1.1\r\nHost: node\r\nContent-Length: 5\r\nTransfer-Encoding: "
      "chunked\r\n\r\n0\r\n\r\n");
  CHECK(smuggled.Receive().status >= 400);
  CHECK(smuggled.ClosedWithin(std::chrono::seconds(5)));
}

TEST_CASE("HEAD answers as GET does, without the body") {
  auto connection = Node().Connect();
  const size_t length = connection.Get("/v1/genesis").body.size();
  connection.Send("HEAD /v1/genesis HTTP/1.1\r\nHost: node\r\n\r\n");
  const HttpAnswer head = connection.Receive(std::chrono::seconds(5), true);
  CHECK(head.status == 200);
  CHECK(head.headers.at("content-length") == std::to_string(length));
  CHECK(connection.Get("/healthz").body == "ok\n");
}

TEST_CASE("pipelined requests are answered in order") {
  auto connection = Node().Connect();
  connection.Send(
      "GET /healthz HTTP/1.1\r\nHost: node\r\n\r\nGET /nothing HTTP/1.1\r\nHost: node\r\n\r\n"
      "GET /readyz HTTP/1.1\r\nHost: node\r\n\r\n");
  CHECK(connection.Receive().body == "ok\n");
  CHECK(connection.Receive().status == 404);
  CHECK(connection.Receive().body == "ready\n");
}

TEST_CASE("a client that expects 100-continue gets it before it sends the body") {
  const auto batch = MakeBatch(Node().ledger(), Key(), Unique("expect"));
  auto connection = Node().Connect();
  connection.Send(
      "POST /v1/batches HTTP/1.1\r\nHost: node\r\nContent-Type: application/vnd.cunzheng.envelope\r\n"
      "Expect: 100-continue\r\nContent-Length: " +
      std::to_string(batch.envelope.size()) + "\r\n\r\n");
  CHECK(connection.Receive(std::chrono::seconds(5), true).status == 100);
  connection.Send(batch.envelope);
  CHECK(connection.Receive().status == 200);
}

TEST_CASE("tiles, entry bundles and checkpoints form a readable log") {
  auto connection = Node().Connect();
  const auto checkpoint = ledger::ParseCheckpoint(connection.Get("/checkpoint").body);
  REQUIRE(checkpoint.has_value());
  const uint64_t size = checkpoint->checkpoint.size;
  REQUIRE(size < 256);
  const std::string width = std::to_string(size);
  const std::string hashes = connection.Get("/tile/0/000.p/" + width).body;
  REQUIRE(hashes.size() == 32 * size);
  const std::string bundle = connection.Get("/tile/entries/000.p/" + width).body;
  std::vector<Hash> leaves;
  for (size_t at = 0; at < bundle.size();) {
    const size_t length =
        static_cast<size_t>(static_cast<uint8_t>(bundle[at])) << 8 | static_cast<uint8_t>(bundle[at + 1]);
    leaves.push_back(ledger::LeafHash(AsBytes(std::string_view(bundle).substr(at + 2, length))));
    CHECK(std::string_view(hashes).substr(32 * (leaves.size() - 1), 32) == AsText(leaves.back()));
    at += 2 + length;
  }
  CHECK(leaves.size() == size);
  CHECK(ledger::RootFromLeaves(leaves) == checkpoint->checkpoint.root);
  CHECK(connection.Get("/v1/checkpoints/" + width).status == 200);
  CHECK(connection.Get("/v1/checkpoints/" + std::to_string(size + 1'000)).status == 404);
}

TEST_CASE("every path of the OpenAPI document is one that the node knows, with its methods") {
  std::ifstream file(CUNZHENG_SOURCE_DIR "/specs/openapi.yaml");
  const std::map<std::string, std::string> values{{"{id}", std::string(64, '0')},
                                                  {"{index}", "0"},
                                                  {"{size}", "1"},
                                                  {"{level}", "0"},
                                                  {"{tile}", "000.p/1"}};
  auto connection = Node().Connect();
  std::string line, path;
  int operations = 0;
  while (std::getline(file, line) && line != "components:") {
    if (line.rfind("  /", 0) == 0 && line.back() == ':') {
      path = line.substr(2, line.size() - 3);
      for (const auto& [name, value] : values) {
        if (const size_t at = path.find(name); at != std::string::npos) path.replace(at, name.size(), value);
      }
    } else if (line == "    get:") {
      const HttpAnswer answer = connection.Get(path);
      CHECK_MESSAGE(answer.body.find("no such path") == std::string::npos, path);
      CHECK_MESSAGE(answer.status != 405, path);
      ++operations;
    } else if (line == "    post:") {
      CHECK_MESSAGE(connection.Post(path, "").code() == "envelope_malformed", path);
      ++operations;
    }
  }
  CHECK(operations == 25);
}

TEST_CASE("metrics count what was taken and what was refused") {
  auto connection = Node().Connect();
  CheckRefused("nonsense", 400, "envelope_malformed");
  const std::string text = connection.Get("/metrics").body;
  CHECK(text.find("cunzheng_rejections_total{code=\"envelope_malformed\"}") != std::string::npos);
  CHECK(text.find("cunzheng_writable 1") != std::string::npos);
  CHECK(text.find("cunzheng_commit_seconds_bucket") != std::string::npos);
  CHECK(text.find("cunzheng_ledger_size ") != std::string::npos);
}
