// One sentence and one hint for each way to fail, in both languages. The error's own detail names field and
// rule; these say what it means to the person who holds the files.
#include <algorithm>
#include <iterator>

#include "client/verify/verify.h"

namespace cunzheng::verify {
namespace {

struct Row {
  Errc code;
  std::string_view en, en_hint, zh, zh_hint;
};

constexpr std::string_view kDamagedHint =
    "The receipt was damaged or edited. Take the original receipt file, or fetch it again with `cunzheng "
    "lookup`.";
constexpr std::string_view kDamagedHintZh =
    "回执已损坏或被改动。请使用原始回执文件，或用 `cunzheng lookup` 重新获取。";
constexpr std::string_view kSubmitHint =
    "The client that made the request is faulty or out of date; update it.";
constexpr std::string_view kSubmitHintZh = "提交请求的客户端有误或版本过旧，请更新。";
constexpr std::string_view kLaterHint =
    "Wait a little and try again; nothing is lost, a repeated deposit is not stored twice.";
constexpr std::string_view kLaterHintZh = "请稍后重试；不会丢失数据，重复提交也不会重复入账。";
constexpr std::string_view kOperatorHint =
    "Tell the operator of the node; `cunzhengd check` names what is wrong in a store.";
constexpr std::string_view kOperatorHintZh = "请联系节点运营者；`cunzhengd check` 可指出存储中的问题。";

constexpr Row kRows[] = {
    {Errc::kInvalidJson, "The file is not well-formed JSON.",
     "Check that this is a receipt or trust file at all, and that it was copied completely.",
     "文件不是合法的 JSON。", "请确认这确实是回执或信任文件，且复制完整。"},
    {Errc::kNotCanonical, "A signed part is not in its one canonical form, so it cannot be what was signed.",
     kDamagedHint, "已签名的内容不是其唯一的规范形式，因此不可能是签名时的内容。", kDamagedHintZh},
    {Errc::kDuplicateKey, "A field stands twice.", kDamagedHint, "某个字段重复出现。", kDamagedHintZh},
    {Errc::kInvalidString, "A text holds characters that are not allowed.", kDamagedHint,
     "文本包含不允许的字符。", kDamagedHintZh},
    {Errc::kTooLarge, "Something is larger than its limit.", "Check that the right file was given.",
     "内容超过了大小上限。", "请确认给出的文件正确。"},
    {Errc::kTooDeep, "The file nests deeper than any file of this kind.",
     "Check that the right file was given.", "文件的嵌套层数超过限制。", "请确认给出的文件正确。"},
    {Errc::kMissingField, "A mandatory field is missing.", kDamagedHint, "缺少必需的字段。", kDamagedHintZh},
    {Errc::kUnknownField, "There is a field that this format does not have.",
     "A newer version may have written the file: update this program. Otherwise it was edited.",
     "出现了该格式没有的字段。", "文件可能由更新的版本写出：请更新本程序；否则文件已被改动。"},
    {Errc::kWrongType, "A field holds the wrong kind of value.", kDamagedHint, "字段的值类型错误。",
     kDamagedHintZh},
    {Errc::kInvalidValue, "A field's value is outside its rule.", kDamagedHint, "字段的值不符合规则。",
     kDamagedHintZh},
    {Errc::kUnsupportedVersion, "This is another kind of file, or a version that this program does not know.",
     "Check that receipt and trust file were not exchanged; else update this program.",
     "文件种类不符，或其版本为本程序所不识别。", "请确认没有把回执与信任文件弄反；否则请更新本程序。"},
    {Errc::kInvalidEncoding, "Hex or base64 text is malformed.", kDamagedHint,
     "十六进制或 base64 文本格式错误。", kDamagedHintZh},
    {Errc::kNoteMalformed, "A checkpoint in the receipt is malformed.", kDamagedHint,
     "回执中的检查点格式错误。", kDamagedHintZh},
    {Errc::kEnvelopeMalformed, "The submission is not a well-formed envelope.", kSubmitHint,
     "提交内容不是合法的信封。", kSubmitHintZh},
    {Errc::kKeyInvalid, "A public key is not valid.", kDamagedHint, "公钥无效。", kDamagedHintZh},
    {Errc::kSuiteUnknown, "The signature suite is unknown to this version.", "Update this program.",
     "本版本不识别该签名算法套件。", "请更新本程序。"},
    {Errc::kSignatureInvalid, "A signature does not verify: what it covers was changed, or it was forged.",
     kDamagedHint, "签名验证不通过：所签内容已被改动，或签名系伪造。", kDamagedHintZh},
    {Errc::kSignatureNotLowS, "A signature is not in its one accepted form.", kDamagedHint,
     "签名不是唯一被接受的形式。", kDamagedHintZh},
    {Errc::kKeyFileInvalid, "The key file cannot be used.",
     "Check that it is the private key file (not .pub), unedited, and readable by its owner alone (chmod "
     "600).",
     "密钥文件无法使用。", "请确认是私钥文件（不是 .pub）、未经改动，且仅所有者可读（chmod 600）。"},
    {Errc::kPassphraseWrong, "The passphrase does not open the key file.",
     "Try again; a passphrase that is lost cannot be recovered.", "口令无法打开密钥文件。",
     "请重试；遗失的口令无法找回。"},
    {Errc::kIndexOutOfRange, "The receipt states a place that does not exist in the tree.", kDamagedHint,
     "回执所述位置在树中不存在。", kDamagedHintZh},
    {Errc::kProofLength, "A proof has too few or too many hashes.", kDamagedHint, "证明路径的长度不正确。",
     kDamagedHintZh},
    {Errc::kRootMismatch, "A proof leads to another tree than the signed one.",
     "The receipt was damaged or edited, or parts of two receipts were mixed. Two signed trees of one size "
     "would "
     "mean that the ledger was forked: keep both receipts.",
     "证明所得的树与已签名的树不一致。",
     "回执已损坏、被改动，或混入了另一回执的内容。若同一大小存在两棵已签名的树，则账本已分叉：请保留两份回执"
     "。"},
    {Errc::kWrongLedger, "The receipt is from another ledger than the trust file.",
     "Use the trust file of the ledger that issued this receipt.", "回执与信任文件属于不同的账本。",
     "请使用签发该回执的账本的信任文件。"},
    {Errc::kWrongAccount,
     "Record and entry name different accounts: one's record stands in another's deposit.", kDamagedHint,
     "记录与条目所指账户不同：一方的记录出现在另一方的存证中。", kDamagedHintZh},
    {Errc::kCountMismatch, "The batch states another number of records than came with it.", kSubmitHint,
     "批次所述的记录数与实际不符。", kSubmitHintZh},
    {Errc::kRecordsMissing, "A plain batch came without its records.", kSubmitHint, "普通批次未附记录。",
     kSubmitHintZh},
    {Errc::kRecordsUnexpected, "Records came where none may be sent.", kSubmitHint, "附带了不应提交的记录。",
     kSubmitHintZh},
    {Errc::kSaltForbidden, "A record of a plain batch has a salt.", kDamagedHint, "普通批次的记录带有盐值。",
     kDamagedHintZh},
    {Errc::kSaltMissing, "A record of a sealed batch has no salt.", kDamagedHint, "密封批次的记录缺少盐值。",
     kDamagedHintZh},
    {Errc::kUnknownAccount, "The ledger does not know this account.",
     "Have a member add the account with `cunzhengd account add`, or use the key that was added.",
     "账本中没有该账户。", "请由成员机构以 `cunzhengd account add` 添加账户，或使用已添加的密钥。"},
    {Errc::kAccountSuspended, "The account is suspended.", "Ask the institution that sponsors the account.",
     "该账户已被暂停。", "请联系该账户的担保机构。"},
    {Errc::kQuotaExceeded, "The account's quota for today is used up.",
     "Go on tomorrow (UTC), or ask the sponsoring institution for a larger quota.", "该账户今日额度已用完。",
     "请于次日（UTC）继续，或向担保机构申请更高额度。"},
    {Errc::kClientTimeAhead, "The client's clock is too far ahead of the ledger's.",
     "Set this machine's clock.", "客户端时钟比账本时钟超前过多。", "请校准本机时钟。"},
    {Errc::kExpired, "The batch reached the ledger after its own expiry.", "Deposit again.",
     "批次到达账本时已过其有效期。", "请重新存证。"},
    {Errc::kUnknownMember, "The ledger does not know this institution.", "Check the member id.",
     "账本中没有该机构。", "请检查机构标识。"},
    {Errc::kNotAuthorised, "This key may not do that.",
     "Use the key of the account or institution concerned.", "该密钥无权进行此操作。",
     "请使用相应账户或机构的密钥。"},
    {Errc::kBelowSafeMinimum, "The change would leave too few institutions to be safe.",
     "Propose it together with thresholds that fit the new number of members.",
     "该变更将使机构数低于安全下限。", "请连同与新成员数相符的阈值一并提议。"},
    {Errc::kAlreadyExists, "It exists already.", "Choose another name, or leave things as they are.",
     "目标已存在。", "请换一个名称，或保持原样。"},
    {Errc::kNotFound, "It was not found.",
     "Check the file or id; a sealed deposit cannot be found by digest. If a receipt is missing, give it "
     "with --receipt.",
     "未找到。", "请检查文件或标识；密封存证无法按摘要查找。若缺少回执，请用 --receipt 指定。"},
    {Errc::kOriginMismatch, "A checkpoint is of another ledger than the trust file.",
     "Use the trust file of the ledger that issued this receipt.", "检查点与信任文件属于不同的账本。",
     "请使用签发该回执的账本的信任文件。"},
    {Errc::kDigestMismatch, "This is not the evidence of this receipt: the contents differ.",
     "Check that file and receipt belong together; if they do, the file was changed after it was deposited.",
     "这不是该回执对应的证据：内容不同。", "请确认文件与回执相对应；若确系对应，则文件在存证后被改动。"},
    {Errc::kLengthMismatch, "This is not the evidence of this receipt: the length differs.",
     "Check that file and receipt belong together; if they do, the file was changed or cut after it was "
     "deposited.",
     "这不是该回执对应的证据：长度不同。",
     "请确认文件与回执相对应；若确系对应，则文件在存证后被改动或截断。"},
    {Errc::kManifestMismatch, "The manifest in the receipt is not the one that was deposited.", kDamagedHint,
     "回执中的清单不是存证时的清单。", kDamagedHintZh},
    {Errc::kTokenInvalid, "A timestamp token does not verify.",
     "The token was damaged, is for another checkpoint, or its authority is not in the trust file.",
     "时间戳令牌验证不通过。", "令牌已损坏、针对其他检查点，或其时间戳机构不在信任文件中。"},
    {Errc::kQuorumNotMet, "Too few institutions have cosigned so far.",
     "If the deposit is recent, fetch the receipt again later. If the trust file may be out of date: "
     "cunzheng "
     "trust update.",
     "目前联署的机构不足。",
     "若为近期存证，请稍后重新获取回执；若信任文件可能已过时，请执行 cunzheng trust update。"},
    {Errc::kTrustNotEstablished, "No trust file is pinned, so the institutions' keys are unknown.",
     "Get the ledger's trust file from a source you trust, compare its published fingerprint, and give it "
     "with --trust.",
     "未确认信任文件，无从得知各机构的密钥。",
     "请从可信来源获取账本的信任文件，核对公布的指纹，并用 --trust 指定。"},
    {Errc::kRetiredKeysOnly, "The receipt is valid under keys, or a membership, of before.",
     "cunzheng renew adds a proof to a tree that today's institutions vouch for.",
     "该回执仅在以往的密钥或成员构成下有效。",
     "请执行 cunzheng renew 续证，以补充到现任机构所担保之树的证明。"},
    {Errc::kTrustInvalid, "The trust file breaks a rule and is not used.",
     "Get the trust file again from its publisher and compare the fingerprint.",
     "信任文件不符合规则，不予采用。", "请从发布方重新获取信任文件并核对指纹。"},
    {Errc::kUsage, "The command was not used correctly.", "See --help for a runnable example.",
     "命令用法有误。", "请参阅 --help 中的示例。"},
    {Errc::kIo, "A file or device could not be read or written.", "Check path, permissions and free space.",
     "文件或设备读写失败。", "请检查路径、权限与剩余空间。"},
    {Errc::kReadOnly, "The node takes no writes at the moment.", kLaterHint, "节点暂不接受写入。",
     kLaterHintZh},
    {Errc::kBusy, "The node has as much to do as it can take.", kLaterHint, "节点繁忙。", kLaterHintZh},
    {Errc::kRateLimited, "Too many requests in a short time.", kLaterHint, "短时间内请求过多。",
     kLaterHintZh},
    {Errc::kClockUnsound, "The node does not trust its clock and refuses to stamp.",
     "The operator must set the clock and confirm it; deposits that wait are sent afterwards.",
     "节点时钟不可信，拒绝签发时间。", "运营者须校准并确认时钟；等待中的存证随后会自动提交。"},
    {Errc::kStopping, "The node is shutting down.", kLaterHint, "节点正在停止。", kLaterHintZh},
    {Errc::kStoreLocked, "Another process uses this data folder.", "Stop it first, or give another folder.",
     "另一进程正在使用该数据目录。", "请先停止该进程，或指定其他目录。"},
    {Errc::kStoreCorrupt, "The store does not agree with itself.", kOperatorHint, "存储内容自相矛盾。",
     kOperatorHintZh},
    {Errc::kUnsupportedFormat, "The data folder was written by another version.",
     "Use the version that wrote it, or a newer one.", "数据目录由其他版本写出。",
     "请使用写出该目录的版本或更新的版本。"},
    {Errc::kUnreachable, "The node cannot be reached.",
     "Check address and network; `cunzheng sync` sends what was queued meanwhile.", "无法连接节点。",
     "请检查地址与网络；期间排队的存证可用 `cunzheng sync` 提交。"},
    {Errc::kTimeout, "The node did not answer in time.", kLaterHint, "节点未在规定时间内应答。",
     kLaterHintZh},
    {Errc::kInterrupted, "The work was interrupted.",
     "Run the same command again; it goes on where it stopped.", "操作被中断。",
     "请再次运行同一命令，将从中断处继续。"},
    {Errc::kInternal, "An internal error occurred.", kOperatorHint, "发生内部错误。", kOperatorHintZh},
};

constexpr Errc kCodes[] = {
#define X(name, wire, http, exit) Errc::name,
    CUNZHENG_ERRC_LIST(X)
#undef X
};
static_assert(std::size(kRows) == std::size(kCodes), "every Errc has its row");

}  // namespace

Explanation Explain(const Error& error, std::string_view language) {
  const Row* const row =
      std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.code == error.code; });
  CHECK_INVARIANT(row != std::end(kRows));
  if (language == "zh") return {std::string(row->zh), std::string(row->zh_hint)};
  return {std::string(row->en), std::string(row->en_hint)};
}

}  // namespace cunzheng::verify
