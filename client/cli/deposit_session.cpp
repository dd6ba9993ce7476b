#include "client/cli/deposit_session.h"

#include "client/cli/known_nodes.h"
#include "client/cli/trust_pins.h"
#include "client/sdk/depositor.h"
#include "client/sdk/retry.h"

namespace cunzheng::cli {
namespace {

Result<client::LedgerView> LearnLedger(const Context& context, const std::string& node,
                                       client::Client& client, std::optional<Error>* offline) {
  const KnownNodes nodes(context.settings);
  auto view = client::FetchLedgerView(client);
  const auto known = nodes.Find(node);
  if (view) {
    if (known && known->ledger != view->ledger) {
      Note("warning: " + node + ": " +
           context.Say("serves another ledger than before; earlier receipts are of the old one",
                       "现在提供的是另一账本；此前的回执属于旧账本"));
    }
    if (const auto kept = nodes.Remember(node, *view); !kept) Note("warning: " + kept.error().detail);
    return view;
  }
  if (!client::IsTransient(view.error().code)) return view.error();
  *offline = view.error();
  if (known) return *known;
  const auto pins = TrustPins(context.settings).List();
  if (pins && pins->size() == 1) {
    client::LedgerView pinned;
    pinned.ledger = pins->front().trust.ledger;
    pinned.origin = pins->front().trust.origin;
    return pinned;
  }
  return Error{view.error().code,
               view.error().detail +
                   "; nothing was queued, because this node was never reached from here and its "
                   "ledger is not known"};
}

}  // namespace

Result<DepositSession> OpenDepositSession(const Context& context, const NodeOptions& node,
                                          const std::string& key, const std::string& passphrase_file) {
  ASSIGN_OR_RETURN(std::string name, NodeName(context, node));
  ASSIGN_OR_RETURN(client::Client client, OpenClient(context, node));
  ASSIGN_OR_RETURN(client::Journal journal, OpenJournal(context.settings));
  ASSIGN_OR_RETURN(AccountKey account, OpenKey(context, key, passphrase_file));
  std::optional<Error> offline;
  ASSIGN_OR_RETURN(client::LedgerView view, LearnLedger(context, name, client, &offline));
  return DepositSession{std::move(name),    std::move(client), std::move(journal),
                        std::move(account), std::move(view),   std::move(offline)};
}

}  // namespace cunzheng::cli
