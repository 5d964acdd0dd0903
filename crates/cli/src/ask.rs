//! `ask`: a question, its stages, its answer.

use super::{
    answers::answer_text,
    args::AskArgs,
    context::Context,
    exit::{self, Failure, Outcome},
    money::Planck,
    plan::{nothing_sent, receipt_json, Cost, Plan},
    render::{exit_code, outcome_answer, request_json, status},
    terms::{terms, with_committee},
    watch::{self, Watched},
};
use llm_oracle_chain::{messages, Event};
use llm_oracle_primitives::{Assignment, Quote, RequestId, Terms};
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
    let terms = with_committee(terms, args, checked.config.operators);
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
        let (text, json) = dry_run(&terms.assignment, &quote, &cost, plan.value);
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
    let drawn = if terms.assignment.is_drawn() {
        ", to be drawn"
    } else {
        ""
    };
    context.out.stage(format!(
        "asked      request {id} in block {block} for {price}{drawn}"
    ));
    if args.no_wait {
        let mut json = receipt_json(&receipt);
        json["id"] = json!(id);
        json["status"] = json!("committing");
        context.out.result(&id.to_string(), &json)?;
        return Ok(exit::OK);
    }
    let patience = Duration::from_secs(args.timeout);
    let watched = watch::until_final(oracle, id, patience, &context.out).await?;
    finish(context, &watched, Some(&terms))
}

/// Prints an ended request and gives its exit code.
///
/// # Errors
/// When stdout cannot be written.
pub fn finish(context: &Context, watched: &Watched, terms: Option<&Terms>) -> Outcome {
    let Watched { view, words } = watched;
    let text = match outcome_answer(view) {
        Some(answer) => answer_text(answer, &view.kind),
        None => status(view.summary.phase, view.outcome.as_ref()).to_owned(),
    };
    let json = request_json(view, terms, words);
    context.out.result(&text, &json)?;
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

/// The kind of committee, in one word.
fn committee(assignment: &Assignment) -> &'static str {
    match assignment {
        Assignment::Named { .. } => "named",
        _ if assignment.is_drawn() => "drawn",
        _ => "open",
    }
}

fn dry_run<T>(
    assignment: &Assignment,
    quote: &Quote,
    cost: &Cost<T>,
    value: u128,
) -> (String, Value) {
    let mut json = cost.json(value);
    json["quote"] = json!({
        "rewards": quote.rewards.to_string(),
        "commit_fees": quote.commit_fees.to_string(),
        "delivery": quote.delivery.to_string(),
        "total": quote.total.to_string(),
    });
    json["committee"] = json!(committee(assignment));
    json["commit_deadline"] = json!(quote.commit_deadline);
    json["reveal_deadline"] = json!(quote.reveal_deadline);
    let text = format!(
        "rewards          {}\ncommit fees      {}\ndelivery         {}\n{}\ncommittee        {}\ndeadlines        commits until block {}, reveals until block {}\n{}",
        Planck(quote.rewards),
        Planck(quote.commit_fees),
        Planck(quote.delivery),
        cost.text(value),
        committee(assignment),
        quote.commit_deadline,
        quote.reveal_deadline,
        nothing_sent(),
    );
    (text, json)
}
