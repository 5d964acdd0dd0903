//! `owner`: pausing, handing over, and announcing what takes its time.

use super::{
    args::{OwnerVerb, ParamsArgs, Sign},
    context::Context,
    exit::{self, Failure, Outcome},
    maintain::send,
    output::table,
    params::{params_json, params_rows, set},
    plan::receipt_json,
};
use llm_oracle_chain::{messages, CheckedOracle, Event, Receipt};
use llm_oracle_primitives::{AccountId, BlockNumber, Config, Params};
use llm_oracle_support::address::{hex0x, parse_hash, ss58};
use serde_json::{json, Value};

/// Does what the owner wants, or shows how things stand.
///
/// # Errors
/// When the key is not the owner's, or the contract or the chain refuses.
pub async fn run(context: &Context, verb: OwnerVerb) -> Outcome {
    match verb {
        OwnerVerb::Status => status(context).await,
        OwnerVerb::Pause(sign) => pause(context, &sign, true).await,
        OwnerVerb::Resume(sign) => pause(context, &sign, false).await,
        OwnerVerb::Offer { account, sign } => offer(context, &sign, account.0).await,
        OwnerVerb::Take(sign) => take(context, &sign).await,
        OwnerVerb::Params(args) => params(context, &args).await,
        OwnerVerb::AnnounceUpgrade { hash, sign } => announce(context, &sign, &hash).await,
        OwnerVerb::Upgrade(sign) => upgrade(context, &sign).await,
    }
}

async fn pause(context: &Context, sign: &Sign, paused: bool) -> Outcome {
    let Some(receipt) = send(context, sign, messages::set_paused(paused)).await? else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    json["paused"] = json!(paused);
    let text = if paused {
        "new requests and registrations are paused; open requests go on"
    } else {
        "new requests and registrations go on"
    };
    context.out.result(text, &json)?;
    Ok(exit::OK)
}

async fn offer(context: &Context, sign: &Sign, to: AccountId) -> Outcome {
    let Some(receipt) = send(context, sign, messages::offer_ownership(to)).await? else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    json["offered_to"] = json!(ss58(&to));
    let text = format!(
        "the ownership is offered to {}, which takes it with `llm-oracle owner take`",
        ss58(&to)
    );
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}

async fn take(context: &Context, sign: &Sign) -> Outcome {
    let owner = context.signer()?.account;
    let Some(receipt) = send(context, sign, messages::take_ownership()).await? else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    json["owner"] = json!(ss58(&owner));
    context
        .out
        .result(&format!("{} is the owner", ss58(&owner)), &json)?;
    Ok(exit::OK)
}

async fn params(context: &Context, args: &ParamsArgs) -> Outcome {
    let config = context.oracle().await?.config;
    if args.set.is_empty() {
        let json = json!({
            "params": params_json(config.params),
            "announced": config.next_params.map(announced_json),
        });
        context.out.result(&params_text(&config), &json)?;
        return Ok(exit::OK);
    }
    let wanted = set(config.params, &args.set)?;
    if let Some((_, from)) = config.next_params {
        context.out.stage(format!(
            "this replaces the parameters announced for block {from}"
        ));
    }
    let sent = send(context, &args.sign, messages::announce_params(&wanted)).await?;
    let Some(receipt) = sent else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    let from = first_block(&receipt);
    json["params"] = params_json(wanted);
    json["from"] = json!(from);
    let text = format!("the parameters hold for requests asked from block {from} on");
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}

/// From when on an announcement holds: as the block says, which may have come later than the dry run.
fn first_block(receipt: &Receipt<BlockNumber>) -> BlockNumber {
    let said = receipt.events.iter().find_map(|event| match event {
        Event::ParamsAnnounced(announced) => Some(announced.from),
        Event::UpgradeAnnounced(announced) => Some(announced.from),
        _ => None,
    });
    said.unwrap_or(receipt.value)
}

fn announced_json((params, from): (Params, BlockNumber)) -> Value {
    json!({ "params": params_json(params), "from": from })
}

fn params_text(config: &Config) -> String {
    let Some((next, from)) = config.next_params else {
        return table(&["parameter", "in force"], params_rows(config.params, None));
    };
    let from = format!("from block {from} on");
    let rows = params_rows(config.params, Some(next));
    table(&["parameter", "in force", &from], rows)
}

async fn announce(context: &Context, sign: &Sign, hash: &str) -> Outcome {
    let code_hash = parse_hash(hash)
        .map_err(|error| Failure::usage(format!("code hash: {error}")).help("give 0x-hex"))?;
    let sent = send(context, sign, messages::announce_upgrade(code_hash)).await?;
    let Some(receipt) = sent else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    let (hash, from) = (hex0x(&code_hash), first_block(&receipt));
    json["code_hash"] = json!(hash);
    json["from"] = json!(from);
    let text = format!(
        "the code {hash} can be installed from block {from} on with `llm-oracle owner upgrade`"
    );
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}

async fn upgrade(context: &Context, sign: &Sign) -> Outcome {
    let next = context.oracle().await?.config.next_code;
    let Some(receipt) = send(context, sign, messages::upgrade()).await? else {
        return Ok(exit::OK);
    };
    let code_hash = next.map(|(hash, _)| hex0x(&hash)).unwrap_or_default();
    let mut json = receipt_json(&receipt);
    json["code_hash"] = json!(code_hash);
    let text = format!(
        "the contract has the code {code_hash}; put this code_hash into the settings, of relayers too"
    );
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}

async fn status(context: &Context) -> Outcome {
    let CheckedOracle {
        oracle,
        config,
        code_hash,
    } = context.oracle().await?;
    let best = oracle.chain.best().await?.number;
    let json = json!({
        "owner": ss58(&config.owner),
        "offered_to": config.offered_to.as_ref().map(ss58),
        "paused": config.paused,
        "sink": ss58(&config.sink),
        "block": best,
        "params": params_json(config.params),
        "announced_params": config.next_params.map(announced_json),
        "code_hash": hex0x(&code_hash),
        "announced_code": config.next_code.map(|(hash, from)| {
            json!({ "code_hash": hex0x(&hash), "from": from })
        }),
    });
    let rows = status_rows(&config, &code_hash, best);
    let rows = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value]);
    context.out.result(&table(&[], rows), &json)?;
    Ok(exit::OK)
}

fn status_rows(
    config: &Config,
    code_hash: &[u8; 32],
    best: BlockNumber,
) -> Vec<(&'static str, String)> {
    let none = || "nothing".to_owned();
    let paused = if config.paused { "yes" } else { "no" };
    let offered = config.offered_to.as_ref().map(ss58);
    let params = config
        .next_params
        .map(|(_, from)| format!("others from block {from} on; see `llm-oracle owner params`"));
    let code = config
        .next_code
        .map(|(hash, from)| format!("{} from block {from} on", hex0x(&hash)));
    vec![
        ("owner", ss58(&config.owner)),
        ("offered to", offered.unwrap_or_else(|| "nobody".to_owned())),
        ("paused", paused.to_owned()),
        ("code hash", hex0x(code_hash)),
        ("announced code", code.unwrap_or_else(none)),
        ("announced params", params.unwrap_or_else(none)),
        ("block", best.to_string()),
    ]
}
