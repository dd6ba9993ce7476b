// The options of the governance commands; governance_commands.cpp does the work.
#include <memory>
#include <string>
#include <utility>

#include "node/cli.h"
#include "node/governance_input.h"

namespace cunzheng::node {
namespace {

struct Arguments {
  std::string member, reason, purpose, key, file, account, proposal;
  std::vector<std::string> files;
  std::optional<std::string> thresholds;
  ledger::Thresholds numbers;
  ledger::Params params;
  uint64_t w = 0, witness_f = 0;
  uint64_t days = 14;
};
using Shared = std::shared_ptr<Arguments>;

// One kind of proposal: `make` turns its options into the change.
CLI::App* AddKind(CLI::App* propose, const char* name, const char* help, Place* place,
                  const Shared& arguments, Command* command, std::function<Result<ledger::Change>()> make) {
  CLI::App* kind = propose->add_subcommand(name, help);
  AddPlace(kind, place, true);
  kind->add_option("--days", arguments->days, "How long it stays open")
      ->check(CLI::Range(1, 30))
      ->capture_default_str();
  kind->callback([=, make = std::move(make)] {
    *command = [=]() -> Result<void> {
      ASSIGN_OR_RETURN(ledger::Change change, make());
      return Propose(*place, std::move(change), arguments->days);
    };
  });
  return kind;
}

void AddThresholds(CLI::App* kind, const Shared& arguments) {
  kind->add_option("--thresholds", arguments->thresholds,
                   "What holds with the new number of members, as F,K,GOVERN")
      ->type_name("F,K,GOVERN");
}

template <typename MemberStep>
void AddMemberStep(CLI::App* propose, const char* name, const char* help, Place* place,
                   const Shared& arguments, Command* command) {
  CLI::App* kind =
      AddKind(propose, name, help, place, arguments, command, [arguments]() -> Result<ledger::Change> {
        ASSIGN_OR_RETURN(const auto thresholds, ParseThresholds(arguments->thresholds));
        return ledger::Change(MemberStep{arguments->member, arguments->reason, thresholds});
      });
  kind->add_option("member", arguments->member, "Id of the member")->required();
  kind->add_option("--reason", arguments->reason, "Why; stands on the ledger")->required();
  AddThresholds(kind, arguments);
}

template <typename AccountStep>
void AddAccountStep(CLI::App* propose, const char* name, const char* help, Place* place,
                    const Shared& arguments, Command* command) {
  CLI::App* kind =
      AddKind(propose, name, help, place, arguments, command, [arguments]() -> Result<ledger::Change> {
        const auto id = HashFromHex(arguments->account);
        if (!id) return Error{Errc::kUsage, "account: must be 64 lowercase hex digits"};
        return ledger::Change(AccountStep{*id, arguments->reason});
      });
  kind->add_option("account", arguments->account, "Account id, of whichever sponsor")->required();
  kind->add_option("--reason", arguments->reason, "Why; stands on the ledger")->required();
}

void AddMemberKinds(CLI::App* propose, Place* place, const Shared& arguments, Command* command) {
  CLI::App* add = AddKind(propose, "member-add", "Add an institution", place, arguments, command,
                          [arguments]() -> Result<ledger::Change> {
                            ASSIGN_OR_RETURN(ledger::MemberInfo member, ReadMemberFile(arguments->file));
                            ASSIGN_OR_RETURN(const auto thresholds, ParseThresholds(arguments->thresholds));
                            return ledger::Change(ledger::MemberAdd{std::move(member), thresholds});
                          });
  add->add_option("member-file", arguments->file, "What its `cunzhengd init --join` wrote")
      ->required()
      ->type_name("member.json");
  AddThresholds(add, arguments);
  AddMemberStep<ledger::MemberSuspend>(
      propose, "member-suspend", "Let a member neither act nor order, for now", place, arguments, command);
  AddMemberStep<ledger::MemberResume>(propose, "member-resume", "Take a suspended member back", place,
                                      arguments, command);
  AddMemberStep<ledger::MemberRemove>(propose, "member-remove", "Remove a member; its keys are retired",
                                      place, arguments, command);

  CLI::App* rotate =
      AddKind(propose, "key-rotate", "Replace a key of a member", place, arguments, command,
              [arguments] { return MakeKeyRotate(arguments->member, arguments->purpose, arguments->key); });
  rotate->add_option("member", arguments->member, "Id of the member")->required();
  rotate->add_option("--purpose", arguments->purpose, "log, cosign, account or consensus")->required();
  rotate->add_option("--key", arguments->key, "The new public key, as `cunzhengd keys next` prints it")
      ->required();
}

void AddLedgerKinds(CLI::App* propose, Place* place, const Shared& arguments, Command* command) {
  CLI::App* thresholds =
      AddKind(propose, "thresholds", "Change f, k and govern", place, arguments, command,
              [arguments]() -> Result<ledger::Change> { return ledger::Change(arguments->numbers); });
  thresholds->add_option("-f", arguments->numbers.f, "How many members may lie")->required();
  thresholds->add_option("-k", arguments->numbers.k, "How many must cosign a receipt")->required();
  thresholds->add_option("--govern", arguments->numbers.govern, "How many must approve a change")->required();

  CLI::App* params = AddKind(
      propose, "quotas", "Change an account's default quotas and the client time allowed", place, arguments,
      command,
      [arguments, place]() -> Result<ledger::Change> { return WithFixedParams(*place, arguments->params); });
  params->add_option("--records-per-day", arguments->params.records_per_day_max, "Of an account, by default")
      ->required();
  params->add_option("--bytes-per-day", arguments->params.bytes_per_day_max, "Of an account, by default")
      ->required();
  params
      ->add_option("--client-ahead-ms", arguments->params.client_time_ahead_ms_max,
                   "How far a client's clock may be ahead")
      ->required();

  CLI::App* witnesses = AddKind(
      propose, "witnesses", "Set the outside witnesses", place, arguments, command,
      [arguments]() -> Result<ledger::Change> {
        ASSIGN_OR_RETURN(auto list, ReadWitnessesFile(arguments->file));
        return ledger::Change(ledger::WitnessesSet{arguments->w, arguments->witness_f, std::move(list)});
      });
  witnesses->add_option("file", arguments->file, "JSON array of {\"id\",\"key\",\"name\":{\"en\",\"zh\"}}")
      ->required()
      ->type_name("witnesses.json");
  witnesses->add_option("-w", arguments->w, "How many of them a receipt needs for their time")->required();
  witnesses->add_option("--witness-f", arguments->witness_f, "How many of them may lie")
      ->capture_default_str();

  CLI::App* roots = AddKind(propose, "tsa-roots", "Set the trusted roots of time-stamping authorities", place,
                            arguments, command, [arguments]() -> Result<ledger::Change> {
                              ASSIGN_OR_RETURN(auto list, ReadCertificates(arguments->files));
                              return ledger::Change(ledger::TsaRootsSet{std::move(list)});
                            });
  roots->add_option("certificates", arguments->files, "PEM files; none empties the list")->type_name("PEM");
}

}  // namespace

void AddGovernanceCommands(CLI::App* app, Place* place, Command* command) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* propose = app->add_subcommand("propose", "Propose a change that members must approve");
  propose->require_subcommand(1);
  propose->footer(
      "The proposer's is the first approval; the approval that reaches the ledger's threshold carries it "
      "out.\n\n"
      "Example:\n  cunzhengd propose member-suspend member4.example.org --data node1 --reason \"out of "
      "reach\"");
  AddMemberKinds(propose, place, arguments, command);
  AddLedgerKinds(propose, place, arguments, command);
  AddAccountStep<ledger::AccountSuspend>(propose, "account-suspend", "Suspend another member's account",
                                         place, arguments, command);
  AddAccountStep<ledger::AccountResume>(propose, "account-resume", "Resume another member's account", place,
                                        arguments, command);
  AddAccountStep<ledger::AccountRemove>(
      propose, "account-remove", "Remove another member's account, for good", place, arguments, command);

  CLI::App* approve = app->add_subcommand("approve", "Approve an open proposal");
  AddPlace(approve, place, true);
  approve->add_option("proposal", arguments->proposal, "Its id, as `cunzhengd proposals` prints it")
      ->required();
  approve->footer("Example:\n  cunzhengd approve --data node2 \"$PROPOSAL\"");
  approve->callback([=] { *command = [=] { return Approve(*place, arguments->proposal); }; });

  CLI::App* proposals = app->add_subcommand("proposals", "List what is proposed, and who has approved it");
  AddPlace(proposals, place, false);
  proposals->footer("Example:\n  cunzhengd proposals --data node2");
  proposals->callback([=] { *command = [=] { return ListProposals(*place); }; });

  CLI::App* keys = app->add_subcommand("keys", "Keys of this node's institution");
  keys->require_subcommand(1);
  CLI::App* next =
      keys->add_subcommand("next", "Make the next key beside the one in use; prints its public form");
  AddPlace(next, place, true);
  next->add_option("--purpose", arguments->purpose, "log, cosign or account")->required();
  next->footer(
      "Restart the node, then have the printed key approved: cunzhengd propose key-rotate. The node turns to "
      "it at "
      "the entry that carries the change out.\n\nExample:\n  cunzhengd keys next --data node1 --purpose "
      "cosign");
  next->callback([=] {
    *command = [=]() -> Result<void> {
      const auto role = ledger::KeyRoleFromName(arguments->purpose);
      if (!role || *role == ledger::KeyRole::kConsensus) {
        return Error{Errc::kUsage,
                     "--purpose: must be log, cosign or account; CometBFT makes consensus keys"};
      }
      return MakeNextKey(*place, *role);
    };
  });
}

}  // namespace cunzheng::node
