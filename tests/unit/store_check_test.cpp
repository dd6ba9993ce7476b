// CheckStore against stores in which one thing is wrong: it must name that thing.
#include <doctest/doctest.h>
#include <leveldb/env.h>

#include <functional>
#include <map>

#include "ledger/ledger.h"
#include "ledger/store.h"
#include "tests/unit/store_fixture.h"

namespace cunzheng::ledger {
namespace {

using testing::Cast;
using testing::Code;
using testing::DepositOptions;
using testing::kGenesisTime;
using testing::MemoryDisk;
using testing::MustApply;
using testing::MustOpen;
using testing::Named;
using testing::Outcome;

using Contents = std::map<std::string, std::string>;

constexpr char kPath[] = "/ledger";

Contents ReadAll(const MemoryDisk& disk) {
  const auto store = Store::Open(kPath, disk.options(), Store::Mode::kOpen);
  REQUIRE_MESSAGE(store, Outcome(store));
  Contents contents;
  const auto cursor = (*store)->ScanAll();
  for (cursor->Seek(""); cursor->Valid(); cursor->Next()) contents.emplace(cursor->key(), cursor->value());
  REQUIRE(cursor->status());
  return contents;
}

void WriteAll(const MemoryDisk& disk, const Contents& contents) {
  const auto store = Store::Open(kPath, disk.options(), Store::Mode::kCreate);
  REQUIRE_MESSAGE(store, Outcome(store));
  WriteSet set;
  for (const auto& [key, value] : contents) set.Put(key, value);
  REQUIRE((*store)->Write(set, true));
}

// A ledger with an example of everything, as keys and values.
//   e1 account 0   e2 plain of 3   e3 sealed   e4 reveal   e5 account 1   e6 suspension of 1, one block with
//   e5 e7.. plain deposits of one, up to e300; a checkpoint at 3 and one at the head
struct Sample {
  Sample() {
    MemoryDisk disk;
    REQUIRE(Ledger::Create(kPath, cast.genesis_bytes(), disk.options()));
    {
      const auto ledger = MustOpen(kPath, disk.options());
      uint64_t time = kGenesisTime;
      const auto apply = [&](const std::vector<Transaction>& transactions) {
        for (const auto& applied : MustApply(*ledger, transactions, ++time).transactions) REQUIRE(applied);
      };
      const auto checkpoint = [&] {
        const Head head = ledger->head();
        REQUIRE(ledger->StoreCheckpoint(head.size, cast.Checkpoint(head.size, head.root)));
      };
      apply({cast.AddAccount(0)});
      DepositOptions three, sealed, reveal;
      three.count = 3;
      sealed.mode = BatchMode::kSealed;
      sealed.count = 2;
      const Transaction plain = cast.Deposit(0, three), hidden = cast.Deposit(0, sealed);
      plain_id = std::get<VerifiedBatch>(plain).id;
      reveal.reveals = std::get<VerifiedBatch>(hidden).id;
      apply({plain});
      checkpoint();
      apply({hidden});
      apply({cast.Deposit(0, reveal)});
      apply({cast.AddAccount(1), cast.Act(AccountSuspend{Cast::AccountOf(1), "r"})});
      while (ledger->head().size <= 300) apply({cast.Deposit(0), cast.Deposit(0), cast.Deposit(0)});
      checkpoint();
      head = ledger->head();
      root3 = *ledger->RootAt(3);
    }
    contents = ReadAll(disk);
  }

  // What CheckStore says of the sample after `change`.
  std::string After(const std::function<void(Contents&)>& change) const {
    Contents changed = contents;
    change(changed);
    MemoryDisk disk;
    WriteAll(disk, changed);
    return Outcome(CheckStore(kPath, disk.options()));
  }
  std::string Without(std::string_view key) const {
    return After([&](Contents& c) { REQUIRE(c.erase(std::string(key)) == 1); });
  }
  std::string With(std::string_view key, std::string_view value) const {
    return After([&](Contents& c) { c[std::string(key)] = value; });
  }
  // With the first `from` in the value of `key` replaced.
  std::string Edited(std::string_view key, const std::string& from, const std::string& to) const {
    return After([&](Contents& c) {
      std::string& value = c.at(std::string(key));
      const size_t at = value.find(from);
      REQUIRE(at != std::string::npos);
      value.replace(at, from.size(), to);
    });
  }
  // The first key of a section that belongs to entry 2's first record.
  std::string PositionKeyAt2(char section) const {
    for (const auto& [key, value] : contents) {
      if (key[0] == section && PositionOfKey(key) == RecordPosition{2, 0}) return key;
    }
    REQUIRE(false);
    return {};
  }

  Cast cast;
  Hash plain_id{};
  Head head;
  Hash root3{};
  Contents contents;
};

const Sample& Sound() {
  static const Sample sample;
  return sample;
}

bool Says(const std::string& outcome, const std::string& beginning) {
  if (outcome.starts_with(beginning)) return true;
  MESSAGE("said: " << outcome);
  return false;
}

std::string E(uint64_t n) {
  return std::string(NumberKey('e', n));
}
std::string B(uint64_t n) {
  return std::string(NumberKey('B', n));
}
std::string C(uint64_t n) {
  return std::string(NumberKey('c', n));
}

}  // namespace

TEST_CASE("check counts entries and records of a sound store and reports progress") {
  MemoryDisk disk;
  WriteAll(disk, Sound().contents);
  uint64_t last = 0, total = 0;
  const auto report = CheckStore(kPath, disk.options(), [&](uint64_t d, uint64_t t) {
    CHECK(d >= last);
    last = d;
    total = t;
    return true;
  });
  REQUIRE_MESSAGE(report, Outcome(report));
  CHECK(report->entries == Sound().head.size);
  CHECK(report->records == 3 + 1 + (Sound().head.size - 7));
  CHECK(report->head == Sound().head);
  CHECK(total == Sound().head.size);
  CHECK(last == total);
  CHECK(Code(CheckStore(kPath, disk.options(), [](uint64_t, uint64_t) { return false; })) == "interrupted");
}

TEST_CASE("check names keys that the format does not have") {
  const Sample& s = Sound();
  CHECK(Says(s.With("u", ""), "store_corrupt: u: no such key"));
  CHECK(Says(s.With("x", "{\"height\":0}"), "store_corrupt: x: "));
  CHECK(Says(s.With("hh", ""), "store_corrupt: h 68: no such key"));
  CHECK(Says(s.With("Zebra", ""), "store_corrupt: Z 65627261: no such key"));
  CHECK(Says(s.With("w", ""), "store_corrupt: w: no such key"));
}

TEST_CASE("check names a head that the entries do not give") {
  const Sample& s = Sound();
  CHECK(Says(s.Without("h"), "store_corrupt: h: missing"));
  CHECK(Says(s.With("h", "{}"), "store_corrupt: h: missing_field"));
  const auto edited = [&](const std::function<void(Head&)>& change) {
    return s.After([&](Contents& c) {
      Head head = s.head;
      change(head);
      c["h"] = "{\"app_hash\":\"" + ToHex(head.app_hash) + "\",\"height\":" + std::to_string(head.height) +
               ",\"root\":\"" + ToHex(head.root) + "\",\"size\":" + std::to_string(head.size) +
               ",\"time_unix_ms\":" + std::to_string(head.time_unix_ms) + "}";
    });
  };
  const std::string wrong = "store_corrupt: h: the entries give {\"app_hash\"";
  CHECK(edited([](Head&) {}) == "ok");
  CHECK(Says(edited([](Head& h) { h.app_hash[0] ^= 1; }), wrong));
  CHECK(Says(edited([](Head& h) { h.height += 1; }), wrong));
  CHECK(Says(edited([](Head& h) { h.root[0] ^= 1; }), wrong));
  CHECK(Says(edited([](Head& h) { h.time_unix_ms += 1; }), wrong));
  CHECK(Says(edited([](Head& h) { h.size += 1; }),
             "store_corrupt: e " + std::to_string(s.head.size) + ": missing"));
  CHECK(Says(edited([](Head& h) { h.size -= 1; }),
             "store_corrupt: e " + std::to_string(s.head.size - 1) + ": beyond the head's size"));
}

TEST_CASE("check names the entry that is missing, changed, out of time or against the rules") {
  const Sample& s = Sound();
  CHECK(Says(s.Without(E(0)), "store_corrupt: e 0: missing"));
  CHECK(Says(s.Without(E(9)), "store_corrupt: e 9: missing"));
  CHECK(Says(s.With(E(0), "{}"), "store_corrupt: e 0: missing_field"));
  CHECK(Says(s.Edited(E(0), "A notary office", "A notary's office"), "store_corrupt: e 1: wrong_ledger"));
  CHECK(Says(s.With(E(9), "{}"), "store_corrupt: e 9: missing_field"));
  CHECK(Says(s.With(E(9), ""), "store_corrupt: e 9: invalid_json"));
  CHECK(Says(s.Edited(E(2), "Company 0", "Company O"),
             "store_corrupt: e 2: other bytes than the state machine"));
  CHECK(
      Says(s.Edited(E(2), "member-0", "member-1"), "store_corrupt: e 2: other bytes than the state machine"));
  CHECK(Says(s.Edited(E(1), "Company 0", "Company O"), "store_corrupt: e 1: signature_invalid"));
  const std::string time = "\"time_unix_ms\":" + std::to_string(kGenesisTime + 2) + ",";
  const auto at = [&](uint64_t t) {
    return s.Edited(E(2), time, "\"time_unix_ms\":" + std::to_string(t) + ",");
  };
  CHECK(at(kGenesisTime + 2) == "ok");
  CHECK(Says(at(kGenesisTime), "store_corrupt: e 2: time_unix_ms: 1700000000000 is not past 1700000000001"));
  CHECK(Says(s.Edited(E(9), "\"time_unix_ms\":" + std::to_string(kGenesisTime + 6) + ",",
                      "\"time_unix_ms\":" + std::to_string(kGenesisTime + 60) + ","),
             "store_corrupt: e 10: time_unix_ms: 1700000000007 is not past 1700000000060"));
  // Another time that is in order changes leaf and block alone.
  CHECK(Says(at(kGenesisTime + 1), "store_corrupt: c 3: must state"));
  // A flipped bit in a signature.
  CHECK(Says(s.After([](Contents& c) {
    std::string& value = c.at(E(3));
    char& digit = value[value.find("\"signature\":\"") + 13 + 100];
    digit = digit == '0' ? '1' : '0';
  }),
             "store_corrupt: e 3: signature_invalid"));
  // A deposit of the suspended account in place of another.
  CHECK(Says(s.After([&](Contents& c) {
    Cast cast;
    DepositEntry entry;
    const Transaction transaction = cast.Deposit(1);
    const auto& batch = std::get<VerifiedBatch>(transaction);
    entry.header_bytes = batch.header_bytes;
    entry.signature = batch.signature;
    entry.account = Cast::AccountOf(1);
    entry.account_name = "Company 1";
    entry.sponsor = "member-0.example.org";
    entry.time_unix_ms = kGenesisTime + 6;
    c[E(7)] = EncodeDepositEntry(entry);
    c[B(7)] = batch.records_blob;
  }),
             "store_corrupt: e 7: the state machine refuses it: account_suspended"));
}

TEST_CASE("check names records that are missing, changed, or nobody's") {
  const Sample& s = Sound();
  CHECK(Says(s.Without(B(2)), "store_corrupt: B 2: missing"));
  CHECK(Says(s.Without(B(299)), "store_corrupt: B 299: missing"));
  CHECK(Says(s.Edited(B(2), "\"length\":2,", "\"length\":1,"), "store_corrupt: B 2: root_mismatch"));
  CHECK(Says(s.Edited(B(2), "\"kind\":\"file\"", "\"kind\":\"tile\""), "store_corrupt: B 2: invalid_value"));
  CHECK(Says(s.After([](Contents& c) { c.at(B(2)).pop_back(); }), "store_corrupt: B 2: envelope_malformed"));
  CHECK(Says(s.With(B(2), s.contents.at(B(7))), "store_corrupt: B 2: count_mismatch"));
  CHECK(Says(s.With(B(2), ""), "store_corrupt: B 2: records_missing"));
  for (const uint64_t nobodys : {uint64_t{0}, uint64_t{1}, uint64_t{3}, uint64_t{5}, s.head.size}) {
    CAPTURE(nobodys);
    CHECK(Says(
        s.With(B(nobodys), s.contents.at(B(7))),
        "store_corrupt: B " + std::to_string(nobodys) + ": records that no plain batch's entry calls for"));
  }
  CHECK(Says(s.With("B", ""), "store_corrupt: B: records that no plain batch's entry calls for"));
}

TEST_CASE("check names tiles that are missing, changed or too many") {
  const Sample& s = Sound();
  const std::string key(TileKey({0, 0}));
  CHECK(Says(s.Without(key), "store_corrupt: t 0 0: missing"));
  CHECK(Says(s.After([&](Contents& c) { c.at(key)[5000] ^= 1; }), "store_corrupt: t 0 0: other hashes"));
  CHECK(Says(s.After([&](Contents& c) { c.at(key).pop_back(); }), "store_corrupt: t 0 0: other hashes"));
  CHECK(Says(s.With(TileKey({0, 1}), s.contents.at(key)), "store_corrupt: t 0 1: a tile beyond the tree"));
  CHECK(Says(s.With(TileKey({1, 0}), s.contents.at(key)), "store_corrupt: t 1 0: a tile beyond the tree"));
  CHECK(Says(s.With(TileKey({7, 0}), s.contents.at(key)), "store_corrupt: t 7 0: no such tile"));
  CHECK(Says(s.With("t", ""), "store_corrupt: t: no such tile"));
}

TEST_CASE("check names what is wrong in the index of transactions") {
  const Sample& s = Sound();
  const std::string key(IdKey('b', s.plain_id));
  const std::string name = "store_corrupt: b " + ToHex(s.plain_id) + ": ";
  CHECK(Says(s.Without(key), name + "missing; entry 2 calls for it"));
  CHECK(Says(s.With(key, EncodeNumber(4)), name + "must hold entry 2, holds 0000000000000004"));
  CHECK(Says(s.With(key, "2"), name + "must hold entry 2, holds 32"));
  const Hash stray = Named("stray");
  CHECK(Says(s.With(IdKey('b', stray), EncodeNumber(4)),
             "store_corrupt: b " + ToHex(stray) + ": no entry calls for this key"));
  CHECK(Says(s.With(IdKey('b', stray), EncodeNumber(1000)),
             "store_corrupt: b " + ToHex(stray) + ": no entry calls for this key"));
  CHECK(Says(s.With("b", ""), "store_corrupt: b: no entry calls for this key"));
}

TEST_CASE("check names what is wrong in the indexes of records") {
  const Sample& s = Sound();
  for (const char section : {'d', 'r'}) {
    CAPTURE(section);
    const std::string key = s.PositionKeyAt2(section);
    const std::string name = "store_corrupt: " + KeyName(key) + ": ";
    CHECK(Says(s.Without(key), name + "missing; entry 2 calls for it"));
    CHECK(Says(s.With(key, "x"), name + "must hold nothing, holds 78"));
    for (const RecordPosition position :
         {RecordPosition{2, 0}, RecordPosition{2, 7}, RecordPosition{3, 0}, RecordPosition{1000, 0}}) {
      const Key stray = PositionKey(section, Named("stray"), position);
      CHECK(Says(s.With(stray, ""), "store_corrupt: " + KeyName(stray) + ": no entry calls for this key"));
    }
    CHECK(Says(s.With(std::string(1, section) + "short", ""),
               "store_corrupt: " + std::string(1, section) + " 73686f7274: no entry calls for this key"));
  }
}

TEST_CASE("check names a batch that is on the ledger twice") {
  const Sample& s = Sound();
  MemoryDisk disk;
  Contents changed = s.contents;
  changed.erase(std::string(IdKey('b', s.plain_id)));
  WriteAll(disk, changed);
  {
    // The index has forgotten the batch, and so it is taken again.
    const auto ledger = MustOpen(kPath, disk.options());
    const auto entry = DecodeDepositEntry(*ledger->EntryAt(2));
    REQUIRE(entry);
    const auto batch = VerifyBatch(
        EncodeEnvelope(entry->header_bytes, entry->signature, *ledger->RecordsOf(2)), ledger->id(), 1 << 20);
    REQUIRE(batch);
    CHECK(MustApply(*ledger, {*batch}, kGenesisTime + 500'000).head.size == s.head.size + 1);
  }
  CHECK(Says(Outcome(CheckStore(kPath, disk.options())),
             "store_corrupt: b " + ToHex(s.plain_id) + ": must hold entry 2, holds "));
}

TEST_CASE("check names checkpoints that state or sign something else") {
  const Sample& s = Sound();
  const std::string body = EncodeCheckpointBody({"example.org/ledger", 3, s.root3});
  CHECK(s.With(C(3), s.cast.Checkpoint(3, s.root3)) == "ok");
  CHECK(s.Without(C(3)) == "ok");
  CHECK(Says(s.With(C(3), s.cast.Checkpoint(3, s.head.root)),
             "store_corrupt: c 3: must state example.org/ledger, size 3"));
  CHECK(Says(s.With(C(3), s.cast.Checkpoint(4, s.root3)), "store_corrupt: c 3: must state"));
  CHECK(Says(s.With(C(4), s.cast.Checkpoint(3, s.root3)), "store_corrupt: c 4: must state"));
  CHECK(Says(s.With(C(3), "no note"), "store_corrupt: c 3: note_malformed"));
  CHECK(Says(s.With(C(0), s.cast.Checkpoint(0, EmptyRoot())), "store_corrupt: c 0: no tree of that size"));
  CHECK(
      Says(s.With(C(9999), s.cast.Checkpoint(9999, s.root3)), "store_corrupt: c 9999: no tree of that size"));
  CHECK(Says(s.With(std::string("c\0\0", 3), ""), "store_corrupt: c 0000: wrong length"));
  const auto signed_by = [&](const std::string& name, NoteKeyType type, const std::string& seed, bool valid) {
    Note note;
    note.body = body;
    note.signatures.push_back(NoteSigner::FromSeed(name, type, Named(seed))->Sign(body, 1'700'000'000));
    if (!valid) note.signatures[0].signature.back() ^= 1;
    return s.With(C(3), EncodeNote(note));
  };
  const std::string member = "member-0.example.org";
  CHECK(signed_by(member, NoteKeyType::kCosignatureV1, member + " cosign", true) == "ok");
  CHECK(signed_by("example.org/ledger", NoteKeyType::kEd25519, member + " log", true) == "ok");
  CHECK(Says(signed_by(member, NoteKeyType::kCosignatureV1, member + " cosign", false),
             "store_corrupt: c 3: line of " + member + ": signature_invalid"));
  CHECK(Says(signed_by("example.org/ledger", NoteKeyType::kEd25519, member + " log", false),
             "store_corrupt: c 3: line of example.org/ledger: signature_invalid"));
  CHECK(Says(signed_by(member, NoteKeyType::kCosignatureV1, "another", true),
             "store_corrupt: c 3: no line of any"));
}

TEST_CASE("check names accounts, parameters and members that the entries do not give") {
  const Sample& s = Sound();
  for (const char* key : {"p", "m"}) {
    CHECK(Says(s.Without(key), std::string("store_corrupt: ") + key + ": missing"));
    CHECK(Says(s.With(key, "{}"), std::string("store_corrupt: ") + key + ": must be "));
  }
  for (const size_t account : {0, 1}) {
    const std::string key(IdKey('a', Cast::AccountOf(account)));
    const std::string name = "store_corrupt: a " + ToHex(Cast::AccountOf(account)) + ": ";
    CHECK(Says(s.Without(key), name + "missing"));
    CHECK(Says(s.Edited(key, "\"used_bytes\":", "\"used_bytes\":1"), name + "must be {\"account\""));
  }
  Hash first{}, last{};
  last.fill(0xff);
  for (const Hash& stray : {first, last}) {
    CHECK(Says(s.With(IdKey('a', stray), "{}"),
               "store_corrupt: a " + ToHex(stray) + ": no entry adds this account"));
  }
}

TEST_CASE("check names governance and versions of the trust file that the entries do not give") {
  Cast cast;
  Contents contents;
  {
    MemoryDisk disk;
    REQUIRE(Ledger::Create(kPath, cast.genesis_bytes(), disk.options()));
    const auto ledger = MustOpen(kPath, disk.options());
    const Transaction act = cast.Act(Propose{TsaRootsSet{{Bytes{7}}}, kGenesisTime + 1'000});
    REQUIRE(MustApply(*ledger, {act}, kGenesisTime + 1).transactions[0]);
    contents = ReadAll(disk);
  }
  const auto after = [&](const std::function<void(Contents&)>& change) {
    Contents changed = contents;
    change(changed);
    MemoryDisk disk;
    WriteAll(disk, changed);
    return Outcome(CheckStore(kPath, disk.options()));
  };
  const std::string second(NumberKey(kTrustSection, 2)), third(NumberKey(kTrustSection, 3));
  CHECK(after([](Contents&) {}) == "ok");
  CHECK(after([](Contents& c) { c.erase("g"); }).starts_with("store_corrupt: g"));
  CHECK(after([](Contents& c) { c["g"].back() = ' '; }).starts_with("store_corrupt: g"));
  CHECK(after([&](Contents& c) { c.erase(second); }).starts_with("store_corrupt: v 2: missing"));
  CHECK(after([&](Contents& c) { c[second] += ' '; }).starts_with("store_corrupt: v 2: must be {"));
  CHECK(after([&](Contents& c) { c[third] = c[second]; }).starts_with("store_corrupt: v 3: no act"));
  // What was signed is not the ledger's to judge.
  CHECK(after([](Contents& c) { c[std::string(NumberKey(kTrustSignatureSection, 2))] = "x"; }) == "ok");
}

TEST_CASE("a byte that rots on disk is an error of check, whichever it is") {
  MemoryDisk disk;
  WriteAll(disk, Sound().contents);
  ReadAll(disk);  // recovery moves the log into a table
  std::vector<std::string> names;
  disk.env()->GetChildren(kPath, &names);
  std::string table;
  for (const std::string& name : names) {
    if (name.ends_with(".ldb")) table = std::string(kPath) + "/" + name;
  }
  REQUIRE(!table.empty());
  std::string bytes;
  REQUIRE(leveldb::ReadFileToString(disk.env(), table, &bytes).ok());
  REQUIRE(bytes.size() > 50'000);
  for (size_t at = 100; at < bytes.size(); at += bytes.size() / 40) {
    CAPTURE(at);
    std::string rotten = bytes;
    rotten[at] ^= 0x40;
    MemoryDisk copy;
    copy.env()->CreateDir(kPath);
    for (const std::string& name : names) {
      std::string content;
      const std::string path = std::string(kPath) + "/" + name;
      if (!leveldb::ReadFileToString(disk.env(), path, &content).ok()) continue;
      REQUIRE(leveldb::WriteStringToFile(copy.env(), path == table ? rotten : content, path).ok());
    }
    const std::string code = Code(CheckStore(kPath, copy.options()));
    CHECK(code == "store_corrupt");
  }
}

}  // namespace cunzheng::ledger
