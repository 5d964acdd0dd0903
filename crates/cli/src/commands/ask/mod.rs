//! `ask`: a question, its stages, its answer.

mod attach;
mod flags;
mod overview;
mod question_text;
mod schema;
mod terms;

pub use flags::{AnswerFlags, AskArgs, SourceFlags};
pub(super) use question_text::{not_blank, prompt};
pub(super) use terms::kind;

use crate::{
    answers::kind_json,
    config::Overrides,
    context::CommandContext,
    contract_call::{nothing_sent, receipt_json, CheckedCall, ContractCall},
    exit::{self, CliError, CommandResult},
    follow,
    money::Planck,
    subcommand::RunSubcommand,
};
use attach::Attachments;
use llm_oracle_chain::{messages, CheckedOracle};
use llm_oracle_primitives::{Assignment, Quote, Terms};
use overview::{committee, overview, too_few};
use serde_json::{json, Value};
use std::time::Duration;
use terms::terms;

impl RunSubcommand for AskArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    async fn run(self, context: &CommandContext) -> CommandResult {
        ask(context, &self).await
    }
}

async fn ask(context: &CommandContext, args: &AskArgs) -> CommandResult {
    // Mistakes that need no chain to be found are reported before a node is contacted.
    let attached = Attachments::read(&args.sources.attach, &context.settings)?;
    let terms = terms(args, attached.sources.clone())?;
    let signer = context.signer()?;
    let checked = context.oracle().await?;
    let oracle = &checked.oracle;
    let min_reward = checked.config.params.min_reward;
    let reward = match &args.reward {
        Some(reward) => reward.read()?,
        None => min_reward,
    };
    let quote = oracle.quote(&terms, reward, None).await?;
    let value = match &args.value {
        Some(value) => value.read()?,
        None if args.use_credit => {
            let credit = oracle.credit_of(&signer.account, None).await?;
            quote.total.saturating_sub(credit)
        }
        None => quote.total,
    };
    let ask = ContractCall {
        chain: &oracle.chain,
        signer: &signer,
        contract: oracle.address,
        value,
        call: messages::ask(&terms, reward, args.use_credit),
    };
    let warning = too_few(&terms, able(&checked, &terms).await?);
    if let Some(warning) = warning {
        context.out.stage(format!("warning    {warning}"));
    }
    if args.sign.dry_run {
        let cost = ask.cost(&args.sign).await?;
        let (text, json) = dry_run(&terms, &quote, &cost, ask.value);
        context.out.result(&text, &json)?;
        return Ok(exit::OK);
    }
    context
        .out
        .stage(format!("question   {}", overview(&terms)));
    if !args.sign.skip_confirm {
        context
            .out
            .confirm(&format!("Ask for {}?", Planck(ask.value)))?;
    }
    attached.hold(&context.out)?;
    context.out.waiting("asking");
    let receipt = ask.send(&args.sign).await?;
    let id = follow::opened_request(&receipt.events)?;
    let (price, block) = (Planck(ask.value), receipt.included.number);
    context.out.stage(format!(
        "asked      request {id} in block {block} for {price}"
    ));
    if args.no_wait {
        let mut json = receipt_json(&receipt);
        json["id"] = json!(id);
        json["status"] = json!("committing");
        context.out.result(&id.to_string(), &json)?;
        return Ok(exit::OK);
    }
    let timeout = Duration::from_secs(args.timeout);
    let followed = follow::until_final(oracle, (id, Some(&terms)), timeout, &context.out).await?;
    followed.print(&context.out, Some(&terms))
}

/// How many operators may take a seat: all that are registered, those of the set, or those of the named that are
/// registered.
async fn able(checked: &CheckedOracle, terms: &Terms) -> Result<u32, CliError> {
    let operators = match &terms.assignment {
        Assignment::Named { operators } => operators,
        Assignment::Open { .. } => return Ok(checked.config.operators),
        Assignment::Set(number) => {
            let set = checked.oracle.set(*number, None).await?;
            let members = set.map_or(0, |set| set.slots.len());
            return Ok(u32::try_from(members).unwrap_or(u32::MAX));
        }
    };
    let mut able = 0_u32;
    for account in operators {
        let registered = checked.oracle.operator(account, None).await?;
        if registered.is_some_and(|operator| !operator.barred) {
            able = able.saturating_add(1);
        }
    }
    Ok(able)
}

fn dry_run<T>(terms: &Terms, quote: &Quote, cost: &CheckedCall<T>, value: u128) -> (String, Value) {
    let mut json = cost.json(value);
    json["quote"] = json!({
        "rewards": quote.rewards.to_string(),
        "seat_fees": quote.seat_fees.to_string(),
        "delivery": quote.delivery.to_string(),
        "total": quote.total.to_string(),
    });
    json["committee"] = json!(committee(&terms.assignment));
    json["kind"] = kind_json(&terms.answer);
    json["seats"] = json!(terms.seats);
    json["threshold"] = json!(terms.threshold);
    json["opens_at"] = json!(quote.opens_at);
    json["commit_deadline"] = json!(quote.commit_deadline);
    json["reveal_deadline"] = json!(quote.reveal_deadline);
    let text = format!(
        "rewards          {}\nseat fees        {}\ndelivery         {}\n{}\ncommittee        {}\nasks for         {}\ndeadlines        commits from block {} until block {}, reveals until block {}\n{}",
        Planck(quote.rewards),
        Planck(quote.seat_fees),
        Planck(quote.delivery),
        cost.text(value),
        committee(&terms.assignment),
        overview(terms),
        quote.opens_at,
        quote.commit_deadline,
        quote.reveal_deadline,
        nothing_sent(),
    );
    (text, json)
}
