//! Why the contract refuses a call. A refused call changes nothing.

use crate::{Balance, BlockNumber, RequestId, Slot};

/// Reason for a refusal, with the offending value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
#[allow(missing_docs)] // The fields are named after what they hold; `Display` spells each out.
pub enum Error {
    /// The constructor got a parameter out of its hard bounds (position of the field).
    BadParameter { field: u8 },
    /// The prompt has no bytes.
    PromptEmpty,
    /// The prompt is over its limit.
    PromptTooLong { bytes: u32, most: u32 },
    /// The encoded terms are over their limit.
    TermsTooLong { bytes: u32, most: u32 },
    /// The model's name is empty or over its limit.
    ModelNameLength { bytes: u32, most: u32 },
    /// No seats, or too many.
    SeatsOutOfRange { seats: u8, most: u8 },
    /// Not more than half of the seats, or more than all.
    ThresholdOutOfRange { threshold: u8, seats: u8 },
    /// One step with several seats would publish the first answer to the others.
    OneStepNeedsOneSeat { seats: u8 },
    /// Fewer named operators than seats, or more than 32.
    NamedOutOfRange { named: u32, seats: u8 },
    /// An operator is named twice.
    NamedTwice,
    /// A named account is no registered operator (position in the list).
    NamedNotRegistered { position: u8 },
    /// Fewer than 2 options, or too many.
    OptionsOutOfRange { options: u32, most: u8 },
    /// An option is empty or over its limit.
    OptionLength { bytes: u32, most: u32 },
    /// An option stands twice.
    OptionTwice,
    /// More decimal places than an `i128` can carry sensibly.
    ScaleTooLarge { scale: u8, most: u8 },
    /// A callback limit is zero or over its bound.
    CallbackLimit,
    /// A phase shorter or longer than allowed.
    WindowOutOfRange { blocks: u32, least: u32, most: u32 },
    /// The reward of a seat is below the least.
    RewardTooLow { given: Balance, least: Balance },
    /// The value sent does not cover the quote.
    ValueTooLow { sent: Balance, needed: Balance },
    /// A sum left its range.
    Overflow,
    /// No such request: never asked, or pruned.
    NoSuchRequest { request_id: RequestId },
    /// No operator has this slot.
    NoSuchOperator { slot: Slot },
    /// The account is registered already.
    AlreadyRegistered { slot: Slot },
    /// The caller is not the operator and brings no signature of it.
    NotTheOperator { slot: Slot },
    /// A signature does not verify.
    BadSignature { slot: Slot },
    /// The signed permission for the transmitter has run out.
    SignatureExpired {
        valid_until: BlockNumber,
        now: BlockNumber,
    },
    /// The bond would be, or is, below the least.
    BondTooLow { bond: Balance, least: Balance },
    /// Not enough of the bond is free.
    BondNotFree { free: Balance, needed: Balance },
    /// The bond is still waiting, or none is.
    StillUnbonding {
        until: BlockNumber,
        now: BlockNumber,
    },
    /// Nothing waits to be released.
    NothingUnbonding,
    /// Commits do not count yet.
    NotOpenYet {
        opens_at: BlockNumber,
        now: BlockNumber,
    },
    /// The commit phase is over.
    CommitClosed {
        deadline: BlockNumber,
        now: BlockNumber,
    },
    /// All seats are taken.
    SeatsTaken { seats: u8 },
    /// The operator has a seat already.
    SeatTakenBySame { slot: Slot },
    /// The operator is not among those named.
    NotNamed { slot: Slot },
    /// The operator has no seat in the request.
    NoSeat { slot: Slot },
    /// Reveals are not open yet.
    RevealNotOpen {
        opens_at: BlockNumber,
        now: BlockNumber,
    },
    /// The reveal phase is over.
    RevealClosed {
        deadline: BlockNumber,
        now: BlockNumber,
    },
    /// The seat has revealed already.
    AlreadyRevealed { slot: Slot },
    /// Answer, salt and evidence do not give the commitment.
    CommitmentMismatch { slot: Slot },
    /// The answer is not of the form asked for.
    WrongForm { slot: Slot },
    /// The chosen option does not exist.
    OptionOutOfRange { choice: u8, options: u8 },
    /// The request is answered in one step, or is not.
    OneStepMismatch,
    /// The request has not ended.
    NotEnded,
    /// The request wants no callback.
    NoCallback,
    /// The answer has been delivered.
    AlreadyDelivered,
    /// A delivery is under way in this very call.
    Delivering,
    /// Deliveries must be sent as a transaction of their own.
    CallerNotOrigin,
    /// Too little gas left to give the callback its limit.
    GasTooLow { left: u64, needed: u64 },
    /// The caller may not prune yet.
    NotPrunableYet { from: BlockNumber, now: BlockNumber },
    /// A batch is empty or has too many entries.
    BatchSize { entries: u32, most: u32 },
    /// Gas ran low before this entry; nothing about it was tried.
    NotTried,
    /// Refunds would go to the oracle itself, where nobody could take them out.
    RefundToOracle,
    /// There is nothing to pay out.
    NoCredit,
    /// The chain refused the payout, most likely because the payee would stay below the existential deposit.
    TransferFailed { amount: Balance },
    /// The length asked for open answers is zero or over the limit.
    AnswerBytesOutOfRange { bytes: u32, most: u32 },
    /// The JSON schema is empty or over its limit.
    SchemaLength { bytes: u32, most: u32 },
    /// An open answer is empty or longer than the request allows.
    AnswerLength { bytes: u32, most: u32 },
    /// A share above the whole.
    ShareOutOfRange { ppm: u32 },
    /// The operator's track record is below what the request asks for.
    RecordTooLow { answers: u32, agreement_ppm: u32 },
    /// The operator signed two answers to one question: it takes no seat any more.
    Barred { slot: Slot },
    /// The two answers reported as an equivocation are the same.
    NoEquivocation { slot: Slot },
    /// New requests and registrations are paused by the owner.
    Paused,
    /// The caller is not the owner, or not the one that ownership was offered to.
    NotTheOwner,
    /// Nothing has been announced.
    NothingAnnounced,
    /// An announced change is not due yet.
    NotDueYet { from: BlockNumber, now: BlockNumber },
    /// No code with this hash has been uploaded.
    NoSuchCode,
    /// An answer in one step has a salt other than [`crate::digest::ONE_STEP_SALT`].
    SaltNotZero { slot: Slot },
    /// More sources than a request may have.
    TooManySources { sources: u32, most: u8 },
    /// A source is empty, over a limit, or no `https://` page (position in the list).
    BadSource { position: u8 },
    /// A confidence above 100.
    ConfidenceOutOfRange { confidence: u8 },
    /// The first block for commits lies too far ahead.
    NotBeforeTooLate {
        not_before: BlockNumber,
        most: BlockNumber,
    },
    /// Fewer named operators than the threshold can take a seat: this one is barred or has too little bond
    /// (position in the list).
    NamedNotReady { position: u8 },
    /// Only the operator's owner names another one; registering again doesn't either.
    NotOperatorsOwner { slot: Slot },
    /// No set has this number.
    NoSuchSet { set: u32 },
    /// A set without operators, with too many, or with fewer than the request has seats.
    SetSize {
        operators: u32,
        least: u32,
        most: u32,
    },
    /// The operator is not in the set.
    NotInSet { slot: Slot, set: u32 },
    /// Operators of its model family have all the seats that they may take.
    FamilyFull { slot: Slot, most: u8 },
    /// The name of a model family is over its limit.
    FamilyLength { bytes: u32, most: u32 },
    /// The request was asked under an earlier version, and takes no more seats.
    AskedBefore { interface_version: u32 },
    /// A planck value of one coin outside its bounds.
    UnitOutOfRange { unit: Balance },
}

impl Error {
    /// What was wrong and what to do, fit to follow 'the contract refused: '.
    #[cfg(feature = "std")]
    #[allow(clippy::too_many_lines)] // One line for each variant.
    pub fn explain(&self) -> String {
        use Error::*;
        match *self {
            BadParameter { field } => format!("parameter number {field} (counted from 0) is outside its hard bounds; see docs/protocol.md"),
            PromptEmpty => "the prompt is empty".into(),
            PromptTooLong { bytes, most } => format!("the prompt has {bytes} bytes; shorten it to at most {most}"),
            TermsTooLong { bytes, most } => format!("the encoded terms have {bytes} bytes; at most {most} are allowed"),
            ModelNameLength { bytes, most } => format!("the model's name has {bytes} bytes; give 1 to {most}"),
            SeatsOutOfRange { seats, most } => format!("{seats} seats; give 1 to {most}"),
            ThresholdOutOfRange { threshold, seats } => format!("a threshold of {threshold} for {seats} seats; give more than half of the seats and at most all"),
            OneStepNeedsOneSeat { seats } => format!("one-step requests have one seat, not {seats}"),
            NamedOutOfRange { named, seats } => format!("{named} operators named for {seats} seats; name at least as many as seats and at most 32"),
            NamedTwice => "an operator is named twice".into(),
            NamedNotRegistered { position } => format!("named operator number {position} (counted from 0) is not registered"),
            OptionsOutOfRange { options, most } => format!("{options} options; give 2 to {most}"),
            OptionLength { bytes, most } => format!("an option of {bytes} bytes; give 1 to {most}"),
            OptionTwice => "an option stands twice".into(),
            ScaleTooLarge { scale, most } => format!("{scale} decimals; at most {most} are allowed"),
            CallbackLimit => "a callback limit is zero or over its bound; see docs/protocol.md".into(),
            WindowOutOfRange { blocks, least, most } => format!("a phase of {blocks} blocks; give {least} to {most}"),
            RewardTooLow { given, least } => format!("a reward of {given} planck a seat; the least is {least}"),
            ValueTooLow { sent, needed } => format!("{sent} planck sent; the quote is {needed}"),
            Overflow => "a sum left its range; use smaller amounts or windows".into(),
            NoSuchRequest { request_id } => format!("there is no request {request_id}: it was never asked, or it has been pruned"),
            NoSuchOperator { slot } => format!("no operator has slot {slot}"),
            AlreadyRegistered { slot } => format!("the account is registered already, in slot {slot}"),
            NotTheOperator { slot } => format!("the caller is not the operator of slot {slot}; bring its signature"),
            BadSignature { slot } => format!("the signature for slot {slot} does not verify"),
            SignatureExpired { valid_until, now } => format!("the permission for the transmitter ended at block {valid_until}, and this is block {now}; sign again"),
            BondTooLow { bond, least } => format!("a bond of {bond} planck; the least is {least}"),
            BondNotFree { free, needed } => format!("{free} planck of the bond are free and {needed} are needed; add to the bond or wait until seats end"),
            StillUnbonding { until, now } => format!("the bond is released at block {until}, and this is block {now}"),
            NothingUnbonding => "nothing of the bond waits to be released".into(),
            NotOpenYet { opens_at, now } => format!("commits count from block {opens_at}, and this is block {now}"),
            CommitClosed { deadline, now } => format!("commits ended with block {deadline}, and this is block {now}"),
            SeatsTaken { seats } => format!("all {seats} seats are taken"),
            SeatTakenBySame { slot } => format!("the operator of slot {slot} has a seat already"),
            NotNamed { slot } => format!("the operator of slot {slot} is not among those named"),
            NoSeat { slot } => format!("the operator of slot {slot} has no seat in this request"),
            RevealNotOpen { opens_at, now } => format!("reveals open at block {opens_at} or with the last commit, and this is block {now}"),
            RevealClosed { deadline, now } => format!("reveals ended with block {deadline}, and this is block {now}"),
            AlreadyRevealed { slot } => format!("the operator of slot {slot} has revealed already"),
            CommitmentMismatch { slot } => format!("answer, salt and evidence of slot {slot} do not give its commitment"),
            WrongForm { slot } => format!("the answer of slot {slot} is not of the form asked for"),
            OptionOutOfRange { choice, options } => format!("option {choice} was chosen of {options} (counted from 0)"),
            OneStepMismatch => "the request is answered in one step and the message is not, or the other way round".into(),
            NotEnded => "the request has not ended".into(),
            NoCallback => "the request wants no callback".into(),
            AlreadyDelivered => "the answer has been delivered already".into(),
            Delivering => "a delivery of this request is under way".into(),
            CallerNotOrigin => "deliver must be sent as a transaction, not called by a contract".into(),
            GasTooLow { left, needed } => format!("{left} ps of gas are left and the callback needs {needed}; send more"),
            NotPrunableYet { from, now } => format!("the request can be pruned by this caller from block {from}, and this is block {now}"),
            BatchSize { entries, most } => format!("a batch of {entries} entries; give 1 to {most}"),
            NotTried => "gas ran low before this entry; send it again".into(),
            RefundToOracle => "refund_to is the oracle itself; name another account".into(),
            NoCredit => "there is nothing to pay out".into(),
            TransferFailed { amount } => format!("the chain refused to pay out {amount} planck; the payee's balance would stay below the existential deposit"),
            AnswerBytesOutOfRange { bytes, most } => format!("answers of up to {bytes} bytes were asked for; give 1 to {most}"),
            SchemaLength { bytes, most } => format!("a JSON schema of {bytes} bytes; give 1 to {most}"),
            AnswerLength { bytes, most } => format!("an answer of {bytes} bytes; the request takes 1 to {most}"),
            ShareOutOfRange { ppm } => format!("a share of {ppm} parts per million; at most 1000000 are a whole"),
            RecordTooLow { answers, agreement_ppm } => format!("the operator's record, {answers} answers of which {agreement_ppm} parts per million agreed, is below what the request asks for"),
            Barred { slot } => format!("the operator of slot {slot} signed two answers to one question and takes no seat any more"),
            NoEquivocation { slot } => format!("both answers reported of slot {slot} are the same"),
            Paused => "the owner has paused new requests and registrations; open requests go on".into(),
            NotTheOwner => "only the owner may do this, or whom ownership was offered to".into(),
            NothingAnnounced => "nothing of this kind has been announced".into(),
            NotDueYet { from, now } => format!("the announced change is due from block {from}, and this is block {now}"),
            NoSuchCode => "no code with the announced hash is on the chain; upload it first".into(),
            SaltNotZero { slot } => format!("the salt of slot {slot} is not zero; an answer in one step hides nothing and has a salt of 32 zero bytes"),
            TooManySources { sources, most } => format!("{sources} sources; give at most {most}"),
            BadSource { position } => format!("source number {position} (counted from 0) is empty, over a limit, or no https:// page; see docs/protocol.md"),
            ConfidenceOutOfRange { confidence } => format!("a confidence of {confidence}; give 0 to 100"),
            NotBeforeTooLate { not_before, most } => format!("the first block for commits is {not_before}; the latest is {most}"),
            NamedNotReady { position } => format!("named operator number {position} (counted from 0) is barred or has too little bond to take a seat, and fewer than the threshold can"),
            NotOperatorsOwner { slot } => format!("only the owner of the operator of slot {slot} names another one; to register it again, give its present owner"),
            NoSuchSet { set } => format!("no set has number {set}"),
            SetSize { operators, least, most } => format!("a set of {operators} operators; {least} to {most} are needed"),
            NotInSet { slot, set } => format!("the operator of slot {slot} is not in set {set}"),
            FamilyFull { slot, most } => format!("the model family of the operator of slot {slot} has the {most} seats that it may take"),
            FamilyLength { bytes, most } => format!("the name of a model family has {bytes} bytes; at most {most} are allowed"),
            AskedBefore { interface_version } => format!("the request was asked under version {interface_version} and takes no more seats"),
            UnitOutOfRange { unit } => format!("a coin of {unit} planck; give the planck of one coin, 10^6 to 10^24"),
        }
    }
}

#[cfg(feature = "std")]
impl core::fmt::Display for Error {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str(&self.explain())
    }
}

#[cfg(feature = "std")]
impl std::error::Error for Error {}
