//! A life of every outcome, made by hand: whoever has the keys needs no relayer.

use super::plans::{plans, Plan, Play, CHEAT, HANDS};
use llm_oracle_chain::{messages, BatchResults, Call, CallReceipt, TxOptions, Weight};
use llm_oracle_evidence::{bind, fit, question, AnswerTimes, NumberedSecret};
use llm_oracle_llm::{record_of, ProviderReply};
use llm_oracle_primitives::{
    digest, AnswerEntry, Balance, CommitEntry, Equivocation, RequestId, RevealEntry, SignedAnswer,
    Slot, Source, Terms,
};
use llm_oracle_store::Answered;
use llm_oracle_support::address::hex0x;
use llm_oracle_tests::{questions::LONG, setting, Key, World};
use serde_json::{json, Value};
use std::{fs, path::Path};

/// Entries of a batch.
const BATCH: usize = 16;
/// Enough for any batch of so many.
const GAS: Weight = Weight {
    ref_time: 300_000_000_000,
    proof_size: 2_000_000,
};

/// A request that was made.
pub struct Life {
    pub name: &'static str,
    pub id: RequestId,
    /// Its outcome.
    pub ends: &'static str,
    /// The exit code that a verifier ends with.
    pub code: i32,
}

/// Calls the oracle.
async fn call<T: scale::Decode>(world: &World, key: &Key, call: &Call<T>) -> CallReceipt<T> {
    let options = TxOptions {
        // A batch leaves out what it may not have the gas for.
        gas_limit: Some(GAS),
        ..TxOptions::default()
    };
    let to = &world.oracle.address;
    let sent = world.chain().call(&key.pair, to, 0, call, options);
    sent.await.unwrap()
}

async fn batch(world: &World, call_it: Call<BatchResults>) {
    let results = call(world, &world.owner, &call_it).await.value;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

async fn ask(world: &World, plan: &Plan) -> RequestId {
    // A reward that no share divides.
    let reward = world.config.params.min_reward + 33;
    let quote = world.oracle.quote(&plan.terms, reward, None).await.unwrap();
    let (chain, key) = (world.chain(), &world.requester.pair);
    // Nobody else asks meanwhile.
    let id = world.oracle.next_id(None).await.unwrap();
    let options = TxOptions::default();
    if let Some(mode) = plan.zoo {
        let wasm = setting::wasm("zoo");
        // ink! returns `Ok(Ok(()))` from constructors that cannot fail, too.
        let constructor = Call::fallible("new", &world.oracle.address);
        let salt = [&world.salt()[..], &[mode]].concat();
        let made = chain.deploy(key, &wasm, &constructor, 0, &salt, None);
        let zoo = made.await.unwrap().address;
        let asks: Call<Result<RequestId, ()>> =
            Call::plain("ask", &(mode, plan.terms.clone(), reward));
        let sent = chain.call(key, &zoo, quote.total, &asks, options).await;
        sent.unwrap();
    } else {
        let asks = messages::ask(&plan.terms, reward, false);
        let to = &world.oracle.address;
        let sent = chain.call(key, to, quote.total, &asks, options).await;
        sent.unwrap();
    }
    id
}

/// A seat to take and to reveal.
struct Hand<'a> {
    key: &'a Key,
    slot: Slot,
    context: digest::Context,
    salt: [u8; 32],
    made: Answered,
    reveals: bool,
}

/// What a relayer records of sources: attachments that say "red", pages that are missing, and a quote.
fn with_sources(record: &mut Value, sources: &[Source]) {
    let records = (1..).zip(sources).map(|(number, source)| match source {
        Source::Attachment { digest, bytes, .. } => json!({
            "number": number, "named": hex0x(digest), "must": true, "fetched_at_ms": 1, "failure": null,
            "document": { "url": null, "bytes": bytes, "digest": hex0x(digest), "media": "text/plain" },
            "text": {
                "extractor": "text/1", "bytes": 3, "digest": hex0x(&[8; 32]), "rule": "bm25/2",
                "passages": [{ "start": 0, "end": 3 }],
            },
        }),
        Source::Page { url, must } => json!({
            "number": number, "named": String::from_utf8_lossy(url), "must": must, "fetched_at_ms": 1,
            "document": null, "text": null, "failure": { "kind": "not_found", "reason": "nobody has it" },
        }),
    });
    let prompt = record["question"]["prompt"].as_str().unwrap_or_default();
    let shown = format!("red\n\nThe question:\n{prompt}");
    record["sources"] = records.collect();
    record["prompt_with_sources"] = json!(shown);
    record["rationale"] = json!({
        "text": "The document says so.",
        "quotes": [{ "source": 1, "start": 0, "end": 3, "text": "red" }],
        "not_found": ["blue"],
        "made": { "provider": "scripted" },
    });
}

impl<'a> Hand<'a> {
    async fn new(world: &'a World, id: RequestId, terms: &Terms, play: &Play) -> Self {
        let key = &world.operators[play.operator];
        let operator = world.oracle.operator(&key.account, None).await.unwrap();
        let context = digest::Context {
            domain: world.config.domain,
            contract: world.oracle.address,
            request_id: id,
            terms_digest: world.view(id).await.terms_digest,
            round: 0,
            phase: 0,
            operator: key.account,
            model: 0,
        };
        let asked = record_of(&question(terms).unwrap());
        let mut record = json!({
            "provider": "scripted", "model": "hand", "question": asked, "template": "none/1",
        });
        if !terms.sources.is_empty() {
            with_sources(&mut record, &terms.sources);
        }
        let reply = ProviderReply {
            answer: play.answer.clone(),
            confidence: play.confidence,
            model: "hand".to_owned(),
            record,
        };
        let secret = NumberedSecret {
            number: 1,
            bytes: &[6; 32],
        };
        let times = AnswerTimes {
            model_ms: 3,
            seen_at_ms: 2,
        };
        let salt = match terms.one_step {
            true => digest::ONE_STEP_SALT,
            false => digest::salt(secret.bytes, &context),
        };
        let made = bind(&context, terms, fit(terms, reply), &secret, &times).unwrap();
        Self {
            key,
            slot: operator.expect("it is registered").slot,
            context,
            salt,
            made,
            reveals: play.reveals,
        }
    }

    fn commit(&self) -> CommitEntry {
        let (commitment, evidence) = (self.made.commitment, self.made.evidence);
        let message = digest::seat_message(&self.context, &commitment, &evidence, 10 * LONG);
        CommitEntry {
            request_id: self.context.request_id,
            slot: self.slot,
            commitment,
            evidence,
            signature: Some((10 * LONG, self.key.pair.sign(&message).0)),
        }
    }

    fn reveal(&self) -> RevealEntry {
        let Answered {
            answer,
            confidence,
            evidence,
            ..
        } = &self.made;
        let message = digest::answer_message(&self.context, answer, *confidence, evidence);
        RevealEntry {
            request_id: self.context.request_id,
            slot: self.slot,
            answer: answer.clone(),
            confidence: confidence.unwrap(),
            salt: self.salt,
            signature: self.key.pair.sign(&message).0,
        }
    }

    fn answer(&self) -> AnswerEntry {
        let RevealEntry {
            request_id,
            slot,
            answer,
            confidence,
            salt,
            signature,
        } = self.reveal();
        AnswerEntry {
            request_id,
            slot,
            answer,
            confidence,
            evidence: self.made.evidence,
            salt,
            signature,
        }
    }

    /// Two answers that the operator signed to one question.
    fn equivocation(&self) -> Equivocation {
        let signed = |answer| {
            let Answered {
                confidence,
                evidence,
                ..
            } = self.made;
            let message = digest::answer_message_of(&self.context, &answer, confidence, &evidence);
            SignedAnswer {
                answer,
                confidence,
                evidence,
                signature: self.key.pair.sign(&message).0,
            }
        };
        Equivocation {
            request_id: self.context.request_id,
            terms_digest: self.context.terms_digest,
            slot: self.slot,
            first: signed([1; 32]),
            second: signed([2; 32]),
        }
    }
}

/// Makes all lives, and writes the documents into the folder.
pub async fn make(world: &World, folder: &Path) -> Vec<Life> {
    for (operator, family) in [(0, "alpha"), (1, "beta")] {
        let key = &world.operators[operator];
        let view = world.oracle.operator(&key.account, None).await.unwrap();
        let declares = messages::declare_family(view.unwrap().slot, family.as_bytes());
        call(world, key, &declares).await;
    }
    let set = messages::publish_set(&world.accounts()[..HANDS]);
    let set = call(world, &world.owner, &set).await.value;
    let (mut lives, mut hands, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for plan in plans(world, set) {
        let id = ask(world, &plan).await;
        let many = plan.plays.len();
        for (position, play) in plan.plays.iter().enumerate() {
            let hand = Hand::new(world, id, &plan.terms, play).await;
            let hidden = plan.hides && position + 1 == many;
            if !hidden {
                let name = format!("{}.json", hex0x(&hand.made.evidence));
                fs::write(folder.join(name), &hand.made.document).unwrap();
            }
            match plan.terms.one_step {
                true => answers.push(hand.answer()),
                false => hands.push(hand),
            }
        }
        lives.push(Life {
            name: plan.name,
            id,
            ends: plan.ends,
            code: if plan.hides || plan.ends == "open" {
                16
            } else {
                0
            },
        });
    }
    batch(world, messages::answer_batch(&answers)).await;
    let commits: Vec<_> = hands.iter().map(Hand::commit).collect();
    for part in commits.chunks(BATCH) {
        batch(world, messages::commit_batch(part)).await;
    }
    let cheat = hands
        .iter()
        .find(|hand| hand.key.account == world.operators[CHEAT].account);
    let report = messages::report_equivocation(&cheat.unwrap().equivocation());
    let _: CallReceipt<Balance> = call(world, &world.requester, &report).await;
    let open = |hand: &&Hand| {
        let life = lives.iter().find(|life| life.id == hand.context.request_id);
        hand.reveals && !["open", "expired"].contains(&life.unwrap().ends)
    };
    let reveals: Vec<_> = hands.iter().filter(open).map(Hand::reveal).collect();
    for part in reveals.chunks(BATCH) {
        batch(world, messages::reveal_batch(part)).await;
    }
    settle(world, &lives).await;
    lives
}

/// Lets the short windows pass, and brings the callbacks.
async fn settle(world: &World, lives: &[Life]) {
    for life in lives.iter().filter(|life| life.ends != "open") {
        let summary = world.view(life.id).await.summary;
        if !summary.settled {
            let deadline = match life.ends {
                "expired" => summary.commit_deadline,
                _ => summary.reveal_deadline,
            };
            world.mine_past(deadline).await;
            call(world, &world.owner, &messages::advance(life.id)).await;
        }
        if life.name.starts_with("callback") {
            call(world, &world.owner, &messages::deliver(life.id)).await;
        }
        world.ended_for_good(life.id).await;
    }
}
