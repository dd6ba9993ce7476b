// From evidence to receipts without a network: records, splitting, the journal, and what a node's answer must
// be.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/sdk/delivery.h"
#include "client/sdk/journal.h"
#include "client/sdk/paths.h"
#include "client/sdk/queued_batch.h"
#include "crypto/note.h"
#include "ledger/checkpoint.h"
#include "ledger/entry.h"
#include "ledger/receipt.h"
#include "ledger/record.h"
#include "tests/unit/temp_dir.h"

using namespace cunzheng;
using namespace cunzheng::client;

namespace {

constexpr char kOrigin[] = "example.org/ledger";

std::string CodeOf(const auto& result) {
  return std::string(result ? "ok" : ErrcName(result.error().code));
}

// A depositor and the ledger that it deposits on.
struct World {
  PrivateKey key = PrivateKey::Generate(Suite::kSecp256k1);
  Hash account = AccountId(key.public_key());
  LedgerView view;
  NoteSigner log = NoteSigner::Generate(kOrigin, NoteKeyType::kEd25519).value();
  std::vector<std::string> entries{"the genesis document", "an account"};

  World() {
    view.ledger = Sha256(AsBytes("ledger"));
    view.origin = kOrigin;
  }

  EvidenceItem Item(const std::string& contents, const std::string& receipt_path) const {
    EvidenceItem item;
    item.evidence = {DigestBytes(AsBytes(contents)), contents.size()};
    item.name = receipt_path;
    item.receipt_path = receipt_path;
    return item;
  }
  QueuedItem Prepare(const EvidenceItem& item, bool sealed = false) const {
    auto prepared = PrepareItem(item, view, account, sealed);
    REQUIRE(prepared);
    return *prepared;
  }
  QueuedBatch Batch(const std::vector<std::string>& receipt_paths, bool sealed = false,
                    uint64_t time = 1'000) const {
    BatchBuilder builder(sealed, view.batch_bytes_max);
    for (const std::string& path : receipt_paths)
      builder.Add(Prepare(Item("evidence of " + path, path), sealed));
    return builder.Sign("http://node", view.ledger, account, key, time);
  }
  // What an honest node answers.
  Submission Answer(const QueuedBatch& batch) {
    ledger::DepositEntry entry;
    entry.header_bytes = batch.header_bytes;
    entry.signature = batch.signature;
    entry.account = account;
    entry.account_name = "某公司";
    entry.sponsor = "member.example";
    entry.time_unix_ms = 2'000;
    Submission out;
    out.id = batch.id();
    out.index = entries.size();
    out.entry = ledger::EncodeDepositEntry(entry);
    out.attested = true;
    entries.push_back(out.entry);
    std::vector<Hash> leaves;
    for (const std::string& text : entries) leaves.push_back(ledger::LeafHash(AsBytes(text)));
    Note note;
    note.body = ledger::EncodeCheckpointBody({kOrigin, leaves.size(), ledger::RootFromLeaves(leaves)});
    note.signatures = {log.Sign(note.body)};
    out.attestation.emplace();
    out.attestation->inclusion = ledger::InclusionPath(leaves, out.index);
    out.attestation->checkpoint = EncodeNote(note);
    return out;
  }
};

}  // namespace

TEST_CASE("an item becomes a record and a manifest that belong together") {
  World world;
  EvidenceItem item = world.Item("bytes", "/tmp/合同.pdf.receipt.json");
  item.name = "/tmp/合同.pdf";
  item.case_ref = "（2026）京01民初1号";
  item.attrs = {{"place", "北京"}};
  item.modified_unix_ms = 123;
  const QueuedItem plain = world.Prepare(item);
  const auto record = ledger::DecodeRecord(plain.record);
  const auto manifest = ledger::DecodeManifest(plain.manifest);
  REQUIRE(record);
  REQUIRE(manifest);
  CHECK(record->ledger == world.view.ledger);
  CHECK(record->account == world.account);
  CHECK(record->digest == DigestBytes(AsBytes("bytes")));
  CHECK(record->manifest == DigestBytes(AsBytes(plain.manifest)));
  CHECK(record->case_ref == item.case_ref);
  CHECK(record->attrs == item.attrs);
  CHECK_FALSE(record->salt);
  CHECK(manifest->name == "合同.pdf");
  CHECK(manifest->modified_unix_ms == 123);
  CHECK(record->attrs.contains("place"));

  const auto salt = [&] { return ledger::DecodeRecord(world.Prepare(item, true).record)->salt; };
  const auto first = salt();
  REQUIRE(first);
  CHECK(first != salt());  // a salt of its own for each record
}

TEST_CASE("case and attributes that break a rule are refused with the field's name") {
  World world;
  EvidenceItem item = world.Item("x", "x.receipt.json");
  item.case_ref = std::string(257, 'c');
  auto result = PrepareItem(item, world.view, world.account, false);
  REQUIRE_FALSE(result);
  CHECK(result.error().detail.find("case") != std::string::npos);
  item.case_ref.reset();
  item.attrs = {{"UPPER", "x"}};
  CHECK_FALSE(PrepareItem(item, world.view, world.account, false));
  item.attrs = {{"ok", "line\nend"}};
  CHECK_FALSE(PrepareItem(item, world.view, world.account, false));
}

TEST_CASE("plain batches are split so that each envelope keeps the ledger's limit") {
  World world;
  for (const uint64_t limit : {uint64_t{65'536}, uint64_t{524'288}}) {
    BatchBuilder builder(false, limit);
    size_t total = 0, batches = 0;
    for (int i = 0; i < 2'500; ++i) {
      QueuedItem item =
          world.Prepare(world.Item(std::to_string(i), "/f" + std::to_string(i) + ".receipt.json"));
      if (!builder.Fits(item)) {
        const QueuedBatch batch = builder.Sign("n", world.view.ledger, world.account, world.key, 1);
        CHECK(ledger::VerifyBatch(batch.Envelope(), world.view.ledger, limit));
        CHECK(batch.Envelope().size() > limit * 9 / 10);  // and they are full
        total += batch.items.size();
        ++batches;
      }
      builder.Add(std::move(item));
    }
    const QueuedBatch rest = builder.Sign("n", world.view.ledger, world.account, world.key, 1);
    CHECK(ledger::VerifyBatch(rest.Envelope(), world.view.ledger, limit));
    CHECK(total + rest.items.size() == 2'500);
    CHECK(batches > 0);
    CHECK(builder.empty());
  }
}

TEST_CASE("records of any size fit the smallest batch, and the largest manifests do not pile up in memory") {
  World world;
  EvidenceItem item = world.Item("x", "/x.receipt.json");
  for (int i = 0; i < 10; ++i) item.attrs["key" + std::to_string(i)] = std::string(1'024, 'v');
  BatchBuilder plain(false, 65'536);
  size_t count = 0;
  for (QueuedItem next = world.Prepare(item); plain.Fits(next); next = world.Prepare(item)) {
    plain.Add(std::move(next));
    ++count;
  }
  CHECK(count == 5);

  BatchBuilder sealed(true, 65'536);
  QueuedItem big = world.Prepare(item, true);
  big.manifest = std::string(1u << 20, 'm');
  count = 0;
  while (sealed.Fits(big)) {
    sealed.Add(big);
    ++count;
  }
  CHECK(count >= 16);
  CHECK(count < 64);
}

TEST_CASE("a sealed batch sends no record") {
  World world;
  const QueuedBatch batch = world.Batch({"/a.receipt.json", "/b.receipt.json"}, true);
  CHECK(batch.header.mode == ledger::BatchMode::kSealed);
  CHECK(batch.header.count == 2);
  CHECK(batch.Envelope().find("cunzheng/record/v1") == std::string::npos);
  CHECK(ledger::VerifyBatch(batch.Envelope(), world.view.ledger, 65'536));
}

TEST_CASE("a queued batch survives the disk with its very bytes, whatever its paths are") {
  World world;
  const QueuedBatch batch = world.Batch({"/x/合同.receipt.json", "/bad\xff\n.receipt.json"});
  const auto read = DecodeQueuedBatch(EncodeQueuedBatch(batch));
  REQUIRE(read);
  CHECK(read->header_bytes == batch.header_bytes);
  CHECK(read->signature == batch.signature);
  CHECK(read->items == batch.items);
  CHECK(read->node == batch.node);
  CHECK(read->Envelope() == batch.Envelope());
}

TEST_CASE("a queued batch whose parts were mixed is refused") {
  World world;
  const QueuedBatch a = world.Batch({"/a.receipt.json"});
  QueuedBatch mixed = world.Batch({"/b.receipt.json"});
  mixed.header_bytes = a.header_bytes;
  CHECK(CodeOf(DecodeQueuedBatch(EncodeQueuedBatch(mixed))) == "invalid_value");
  QueuedBatch elsewhere = a;
  elsewhere.items.front().receipt_path = "/etc/passwd";
  CHECK(CodeOf(DecodeQueuedBatch(EncodeQueuedBatch(elsewhere))) == "invalid_value");
  CHECK_FALSE(DecodeQueuedBatch("{}"));
}

TEST_CASE("the journal keeps batches, oldest first, until they are removed") {
  TempDir dir;
  World world;
  auto journal = Journal::Open(dir / "state/cunzheng/queue");
  REQUIRE(journal);
  CHECK(journal->List()->empty());
  const QueuedBatch late = world.Batch({"/late.receipt.json"}, false, 20'000);
  const QueuedBatch early = world.Batch({"/early.receipt.json"}, false, 9'000);
  {
    REQUIRE(journal->Add(late));
    REQUIRE(journal->Add(early));
  }
  auto names = journal->List();
  REQUIRE(names);
  REQUIRE(names->size() == 2);
  const auto first = journal->Claim(names->front());
  REQUIRE(first);
  REQUIRE(*first);
  CHECK((*first)->batch().header_bytes == early.header_bytes);
  REQUIRE(journal->Remove(**first));
  names = journal->List();
  REQUIRE(names->size() == 1);
  CHECK(journal->Read(names->front())->header_bytes == late.header_bytes);
}

TEST_CASE("a batch is claimed by one process at a time, and by the next when that one dies") {
  TempDir dir;
  World world;
  auto journal = Journal::Open(dir / "queue");
  REQUIRE(journal);
  int ready[2], done[2];
  REQUIRE(pipe(ready) == 0);
  REQUIRE(pipe(done) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto claimed = journal->Add(world.Batch({"/a.receipt.json"}));
    char byte = claimed ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1) _exit(1);
    _exit(0);  // as after a crash: nothing is released by hand
  }
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  REQUIRE(byte == 'y');
  const std::string name = journal->List()->front();
  const auto while_alive = journal->Claim(name);
  REQUIRE(while_alive);
  CHECK_FALSE(*while_alive);
  REQUIRE(write(done[1], &byte, 1) == 1);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  const auto afterwards = journal->Claim(name);
  REQUIRE(afterwards);
  CHECK(*afterwards);
  // Claimed by this process: not again, and not once it is gone.
  CHECK_FALSE(*journal->Claim(name));
  REQUIRE(journal->Remove(**afterwards));
  CHECK_FALSE(*journal->Claim(name));
}

TEST_CASE("a damaged file in the queue is named and stays") {
  TempDir dir;
  auto journal = Journal::Open(dir.path());
  REQUIRE(journal);
  dir.Write("0000-x.batch.json", "{");
  const auto claimed = journal->Claim("0000-x.batch.json");
  REQUIRE_FALSE(claimed);
  CHECK(claimed.error().detail.find("0000-x.batch.json") != std::string::npos);
  CHECK(journal->List()->size() == 1);
}

TEST_CASE("an honest answer passes, and every way of lying about it is caught") {
  World world;
  const QueuedBatch batch = world.Batch({"/a.receipt.json", "/b.receipt.json"});
  const QueuedBatch other = world.Batch({"/c.receipt.json"});
  Submission good = world.Answer(batch);
  world.Answer(other);
  const auto check = [&](const Submission& submission) {
    return CodeOf(CheckSubmission(batch, submission, kOrigin));
  };
  CHECK(check(good) == "ok");
  CHECK(CodeOf(CheckSubmission(batch, good, "other.example/ledger")) == "origin_mismatch");

  SUBCASE("another batch's answer") {
    Submission bad = world.Answer(other);
    CHECK(check(bad) == "invalid_value");
    bad.id = batch.id();
    CHECK(check(bad) == "invalid_value");
  }
  SUBCASE("an entry with another's signature") {
    Submission bad = good;
    auto entry = ledger::DecodeDepositEntry(good.entry);
    entry->signature = other.signature;
    bad.entry = ledger::EncodeDepositEntry(*entry);
    CHECK(check(bad) == "invalid_value");
  }
  SUBCASE("an entry that the tree does not hold") {
    Submission bad = good;
    auto entry = ledger::DecodeDepositEntry(good.entry);
    entry->time_unix_ms += 1;
    bad.entry = ledger::EncodeDepositEntry(*entry);
    CHECK(check(bad) == "root_mismatch");
  }
  SUBCASE("another index") {
    Submission bad = good;
    bad.index = 1;
    CHECK(check(bad) != "ok");
    bad.index = 99;
    CHECK(check(bad) == "index_out_of_range");
  }
  SUBCASE("a shortened proof") {
    Submission bad = good;
    bad.attestation->inclusion.pop_back();
    CHECK(check(bad) == "proof_length");
  }
  SUBCASE("no checkpoint at all") {
    Submission bad = good;
    bad.attestation->checkpoint = "nothing";
    CHECK(check(bad) == "note_malformed");
  }
  SUBCASE("not an entry") {
    Submission bad = good;
    bad.entry = "{}";
    CHECK(check(bad) != "ok");
  }
}

TEST_CASE("receipts hold the right record, path and manifest each") {
  World world;
  const QueuedBatch batch = world.Batch(
      {"/a.receipt.json", "/b.receipt.json", "/c.receipt.json", "/d.receipt.json", "/e.receipt.json"});
  const Submission answer = world.Answer(batch);
  const auto texts = BuildReceipts(batch, answer);
  REQUIRE(texts.size() == 5);
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto receipt = ledger::DecodeReceipt(texts[i]);
    REQUIRE(receipt);
    CHECK(receipt->record == batch.items[i].record);
    CHECK(receipt->manifest == batch.items[i].manifest);
    CHECK(receipt->entry == answer.entry);
    CHECK(receipt->index == answer.index);
    CHECK(ledger::VerifyInclusion(ledger::RecordId(receipt->record), receipt->batch_index, 5,
                                  receipt->batch_path, batch.header.root));
  }
}

TEST_CASE("an older receipt in the way is kept under another name") {
  TempDir dir;
  World world;
  const std::string path = dir / "f.receipt.json";
  const QueuedBatch first = world.Batch({path}, false, 1);
  const QueuedBatch second = world.Batch({path}, true, 2);  // salted: another record
  const auto first_texts = BuildReceipts(first, world.Answer(first));
  const auto second_texts = BuildReceipts(second, world.Answer(second));
  REQUIRE(WriteReceipts(first, first_texts));
  CHECK(dir.Read("f.receipt.json") == first_texts.front());
  REQUIRE(WriteReceipts(first, first_texts));  // of the same record: replaced
  REQUIRE(WriteReceipts(second, second_texts));
  CHECK(dir.Read("f.receipt.json") == second_texts.front());
  const std::string kept = "f." + ToHex(Sha256(AsBytes(first_texts.front()))).substr(0, 8) + ".receipt.json";
  CHECK(dir.Read(kept) == first_texts.front());
  // Nothing else: no temporary file stays.
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path())) ++files;
  CHECK(files == 2);
}

TEST_CASE("receipts that cannot be written are an I/O error that names the path") {
  World world;
  TempDir dir;
  const std::string path = dir / "gone/f.receipt.json";
  const QueuedBatch batch = world.Batch({path});
  const auto written = WriteReceipts(batch, BuildReceipts(batch, world.Answer(batch)));
  REQUIRE_FALSE(written);
  CHECK(written.error().code == Errc::kIo);
  CHECK(written.error().detail.find("gone") != std::string::npos);
}
