//! `show`: one request.

use super::{
    answers::Words,
    args::ShowArgs,
    ask::finish,
    context::Context,
    exit::{self, Outcome},
    render::{request_json, request_text},
    watch,
};
use std::time::Duration;

/// Shows a request; with `--watch` until it ends.
///
/// # Errors
/// When it does not exist, or the chain cannot be read.
pub async fn run(context: &Context, args: &ShowArgs) -> Outcome {
    let oracle = context.oracle().await?.oracle;
    let terms = oracle.terms(args.id, None).await?;
    if args.watch {
        let patience = Duration::from_secs(args.timeout);
        let watched = watch::until_final(&oracle, args.id, patience, &context.out).await?;
        return finish(context, &watched, terms.as_ref());
    }
    let view = oracle.request(args.id, None).await?;
    let view = view.ok_or_else(|| watch::no_such_request(args.id))?;
    let words = Words::of(&view);
    let (text, json) = (
        request_text(&view, terms.as_ref(), &words),
        request_json(&view, terms.as_ref(), &words),
    );
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}
