//! `ask`: a question, its stages, its answer.

mod flags;
mod terms;

pub use flags::AskArgs;

use crate::{
    config::Overrides,
    context::CommandContext,
    contract_call::{nothing_sent, receipt_json, CallCost, ContractCall},
    exit::{self, CommandResult},
    follow,
    money::Planck,
    subcommand::RunSubcommand,
};
use llm_oracle_chain::messages;
use llm_oracle_primitives::{Assignment, Quote};
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
    let terms = terms(args)?;
    let signer = context.signer()?;
    let checked = context.oracle().await?;
    let oracle = &checked.oracle;
    let min_reward = checked.config.params.min_reward;
    let reward = args.reward.map_or(min_reward, |reward| reward.0);
    let quote = oracle.quote(&terms, reward, None).await?;
    let value = match args.value {
        Some(value) => value.0,
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
    if args.sign.dry_run {
        let cost = ask.cost().await?;
        let (text, json) = dry_run(&terms.assignment, &quote, &cost, ask.value);
        context.out.result(&text, &json)?;
        return Ok(exit::OK);
    }
    if !args.sign.skip_confirm {
        context
            .out
            .confirm(&format!("Ask for {}?", Planck(ask.value)))?;
    }
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

/// The kind of committee.
fn committee(assignment: &Assignment) -> String {
    match assignment {
        Assignment::Named { .. } => "named".to_owned(),
        Assignment::Set(set) => format!("set {set}"),
        Assignment::Open { .. } => "open".to_owned(),
    }
}

fn dry_run<T>(
    assignment: &Assignment,
    quote: &Quote,
    cost: &CallCost<T>,
    value: u128,
) -> (String, Value) {
    let mut json = cost.json(value);
    json["quote"] = json!({
        "rewards": quote.rewards.to_string(),
        "seat_fees": quote.seat_fees.to_string(),
        "delivery": quote.delivery.to_string(),
        "total": quote.total.to_string(),
    });
    json["committee"] = json!(committee(assignment));
    json["opens_at"] = json!(quote.opens_at);
    json["commit_deadline"] = json!(quote.commit_deadline);
    json["reveal_deadline"] = json!(quote.reveal_deadline);
    let text = format!(
        "rewards          {}\nseat fees        {}\ndelivery         {}\n{}\ncommittee        {}\ndeadlines        commits from block {} until block {}, reveals until block {}\n{}",
        Planck(quote.rewards),
        Planck(quote.seat_fees),
        Planck(quote.delivery),
        cost.text(value),
        committee(assignment),
        quote.opens_at,
        quote.commit_deadline,
        quote.reveal_deadline,
        nothing_sent(),
    );
    (text, json)
}
