//! `ask`: a question, its stages, its answer.

use super::{
    args::AskArgs,
    context::Context,
    exit::{self, Failure, Outcome},
    money::Planck,
    plan::{nothing_sent, receipt_json, Cost, Plan},
    render::{answer_text, exit_code, outcome_answer, request_json, status},
    terms::terms,
    watch,
};
use crate::chain::{messages, Event};
use llm_oracle_primitives::{Quote, RequestId, RequestView, Terms};
use serde_json::{json, Value};
use std::time::Duration;

/// Asks.
///
/// # Errors
/// When the question is wrong, the chain or the contract refuses, or waiting takes too long.
pub async fn run(context: &Context, args: &AskArgs) -> Outcome {
    // Everything that can be wrong without a chain is found before one is looked for.
    let terms = terms(args)?;
    let signer = context.signer()?;
    let checked = context.oracle().await?;
    let oracle = &checked.oracle;
    let reward = args
        .fee
        .map_or(checked.config.params.min_reward, |fee| fee.0);
    let quote = oracle.quote(&terms, reward, None).await?;
    let plan = Plan {
        chain: &oracle.chain,
        signer: &signer,
        contract: oracle.address,
        value: args.value.map_or(quote.total, |value| value.0),
        call: messages::ask(&terms, reward),
    };
    if args.sign.dry_run {
        let cost = plan.cost().await?;
        let (text, json) = dry_run(&quote, &cost, plan.value);
        context.out.result(&text, &json)?;
        return Ok(exit::OK);
    }
    if !args.sign.skip_confirm {
        context
            .out
            .confirm(&format!("Ask for {}?", Planck(plan.value)))?;
    }
    context.out.waiting("asking");
    let receipt = plan.send(&args.sign).await?;
    let id = asked(&receipt.events)?;
    let (price, block) = (Planck(plan.value), receipt.included.number);
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
    let patience = Duration::from_secs(args.timeout);
    let view = watch::until_final(oracle, id, patience, &context.out).await?;
    finish(context, &view, Some(&terms))
}

/// Prints an ended request and gives its exit code.
///
/// # Errors
/// When stdout cannot be written.
pub fn finish(context: &Context, view: &RequestView, terms: Option<&Terms>) -> Outcome {
    let text = match outcome_answer(view) {
        Some(answer) => answer_text(answer, &view.kind),
        None => status(view.summary.phase, view.outcome.as_ref()).to_owned(),
    };
    context.out.result(&text, &request_json(view, terms))?;
    Ok(view.outcome.as_ref().map_or(exit::OK, exit_code))
}

/// The number of the request, from what the contract said in the block.
///
/// # Errors
/// When it said nothing.
pub fn asked(events: &[Event]) -> Result<RequestId, Failure> {
    let id = events.iter().find_map(|event| match event {
        Event::Asked(asked) => Some(asked.request_id),
        _ => None,
    });
    id.ok_or_else(|| Failure::bug("the transaction is in a block and no request was opened"))
}

fn dry_run<T>(quote: &Quote, cost: &Cost<T>, value: u128) -> (String, Value) {
    let mut json = cost.json(value);
    json["quote"] = json!({
        "rewards": quote.rewards.to_string(),
        "commit_fees": quote.commit_fees.to_string(),
        "delivery": quote.delivery.to_string(),
        "total": quote.total.to_string(),
    });
    json["commit_deadline"] = json!(quote.commit_deadline);
    json["reveal_deadline"] = json!(quote.reveal_deadline);
    let text = format!(
        "rewards          {}\ncommit fees      {}\ndelivery         {}\n{}\ndeadlines        commits until block {}, reveals until block {}\n{}",
        Planck(quote.rewards),
        Planck(quote.commit_fees),
        Planck(quote.delivery),
        cost.text(value),
        quote.commit_deadline,
        quote.reveal_deadline,
        nothing_sent(),
    );
    (text, json)
}
