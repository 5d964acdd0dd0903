//! `demo`: everything once, from an empty chain to a paid market.

use super::{
    args::DemoArgs,
    market::{Market, State, MARKET_WASM},
    mine::create_block,
    stack::{dev_signer, Stack, StackOptions},
};
use llm_oracle_chain::{messages, Oracle, TxOptions};
use llm_oracle_cli::{
    answers::{answer_text, Words},
    ask::asked,
    context::{Context, Signer},
    deploy::read_code,
    exit::{self, Failure, Outcome},
    money::Planck,
    output::{table, Output},
    relayer::stop_signal,
    render::{exit_code, request_json, request_text},
    terms::majority,
    watch,
};
use llm_oracle_primitives::{
    AnswerKind, Assignment, Balance, ModelRef, Prompt, RequestView, Sampling, Terms,
};
use llm_oracle_support::address::ss58;
use serde_json::{json, Value};
use std::time::{Duration, Instant};

/// The announcement that is judged unless another is given.
pub const ANNOUNCEMENT: &str =
    "We are delighted to announce record revenue and our best quarter ever.";
/// Operators of the demo, and seats of its question.
const OPERATORS: u8 = 3;
/// Length of a phase, blocks.
const PHASE_BLOCKS: u32 = 256;
/// Blocks for which the market takes stakes: the two stakes and some room.
const STAKING_BLOCKS: u32 = 8;
/// What each side stakes, planck (10 UNIT).
const STAKE: Balance = 10_000_000_000_000;
/// What the market's question is paid with, planck (1 UNIT); what is left comes back.
const MARKET_VALUE: Balance = 1_000_000_000_000;
/// Longest wait for an answer or a delivery.
const PATIENCE: Duration = Duration::from_secs(600);

/// Plays everything through.
///
/// # Errors
/// When anything does not work as it should.
pub async fn run(context: &Context, args: &DemoArgs) -> Outcome {
    // Found before anything starts: the contract that asks must be built too.
    let market_code = read_code(&context.settings.artifacts, MARKET_WASM)?;
    let options = StackOptions {
        operators: OPERATORS,
        rpc_port: None,
        state: None,
        block_time_ms: None,
        artifacts: context.settings.artifacts.clone(),
        model: context.settings.model.clone(),
    };
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let mut clock = Clock::start();
    let mut stack = tokio::select! {
        started = Stack::start(&options, &context.out) => started?,
        () = &mut stop => return Ok(exit::OK),
    };
    clock.lap("start");
    let ended = {
        let stage = Play {
            out: &context.out,
            oracle: stack.checked.oracle.clone(),
            owner: &dev_signer("//Alice")?,
        };
        let play = stage.play(&args.announcement, &market_code, &mut clock);
        tokio::select! {
            played = play => played,
            () = &mut stop => Err(Failure::usage("stopped before the end")),
        }
    };
    let broken = tokio::time::timeout(Duration::ZERO, stack.broken())
        .await
        .ok();
    context.out.quiet();
    stack.stop().await;
    // A dead node or relayer is the reason behind whatever else went wrong.
    let (text, mut json, code) = ended.map_err(|failure| broken.unwrap_or(failure))?;
    json["seconds"] = clock.json();
    context
        .out
        .result(&format!("{text}\n\n{}", clock.text()), &json)?;
    Ok(code)
}

struct Play<'a> {
    out: &'a Output,
    oracle: Oracle,
    owner: &'a Signer,
}

impl Play<'_> {
    async fn play(
        &self,
        announcement: &str,
        market_code: &[u8],
        clock: &mut Clock,
    ) -> Result<(String, Value, u8), Failure> {
        let question = format!("What is the tone of this announcement: {announcement}");
        self.out
            .stage(format!("\n1. Three operators are asked: {question}"));
        let (view, terms) = self.question(&question).await?;
        clock.lap("question");
        self.out
            .stage("\n2. A market on the same question asks by itself and pays its winners");
        let market = self.market(&question, market_code).await?;
        clock.lap("market");
        let outcome_code = view.outcome.as_ref().map_or(exit::NO_ANSWER, exit_code);
        let code = if market.paid {
            outcome_code
        } else {
            exit::NO_ANSWER
        };
        let words = Words::of(&view);
        let shown = request_text(&view, Some(&terms), &words);
        let json = request_json(&view, Some(&terms), &words);
        let text = format!("{shown}\n\n{}", market.text);
        let json = json!({ "question": json, "market": market.json });
        Ok((text, json, code))
    }

    async fn question(&self, question: &str) -> Result<(RequestView, Terms), Failure> {
        let (oracle, terms) = (&self.oracle, terms(question));
        let reward = oracle.config(None).await?.params.min_reward;
        let quote = oracle.quote(&terms, reward, None).await?;
        let call = messages::ask(&terms, reward);
        self.out.waiting("asking");
        let receipt = oracle
            .chain
            .call(
                &self.owner.pair,
                &oracle.address,
                quote.total,
                &call,
                TxOptions::default(),
            )
            .await?;
        let id = asked(&receipt.events)?;
        let block = receipt.included.number;
        self.out.stage(format!(
            "asked      request {id} in block {block} for {}",
            Planck(quote.total)
        ));
        let watched = watch::until_final(oracle, id, PATIENCE, self.out).await?;
        Ok((watched.view, terms))
    }

    async fn market(&self, question: &str, code: &[u8]) -> Result<Played, Failure> {
        let (oracle, chain) = (&self.oracle, &self.oracle.chain);
        let reward = oracle.config(None).await?.params.min_reward;
        self.out.waiting("deploying the market");
        let market = Market::deploy(chain, code, self.owner, oracle.address, reward).await?;
        self.out.stage(format!(
            "deployed   prediction_market at {}",
            ss58(&market.address)
        ));
        let id = market
            .open(self.owner, question, &tone(), STAKING_BLOCKS)
            .await?;
        let (bob, charlie, dave) = (
            dev_signer("//Bob")?,
            dev_signer("//Charlie")?,
            dev_signer("//Dave")?,
        );
        let people = [
            ("Bob, who stakes on positive", &bob),
            ("Charlie, who stakes on negative", &charlie),
            ("Dave, who asks", &dave),
        ];
        let before = self.balances(&people, &market).await?;
        market.stake(&bob, id, 0, STAKE).await?;
        market.stake(&charlie, id, 1, STAKE).await?;
        self.out.stage(format!(
            "staked     {} on positive by Bob, as much on negative by Charlie",
            Planck(STAKE)
        ));
        let closes_at = market.view(id).await?.closes_at;
        while chain.best().await?.number < closes_at {
            create_block(chain).await?;
        }
        let request = market.resolve(&dave, id, MARKET_VALUE).await?;
        self.out.stage(format!(
            "asked      request {request} by the market, paid by Dave"
        ));
        let watched = watch::until_final(oracle, request, PATIENCE, self.out).await?;
        let view = watched.view;
        self.out.waiting("waiting for the delivery");
        watch::until_delivered(oracle, request, PATIENCE).await?;
        let state = market.view(id).await?.state;
        self.out
            .stage(format!("delivered  the market is {}", state_text(state)));
        for (name, person) in [("Bob", &bob), ("Charlie", &charlie)] {
            let paid = market.claim(self.owner, id, &person.account).await?;
            self.out
                .stage(format!("claimed    {} for {name}", Planck(paid)));
        }
        self.pay_back(&dave).await?;
        let after = self.balances(&people, &market).await?;
        Ok(self.played(&view, state, &before, &after))
    }

    /// What was too much for the fee lies in the oracle as Dave's credit.
    async fn pay_back(&self, asker: &Signer) -> Result<(), Failure> {
        let (oracle, account) = (&self.oracle, &asker.account);
        if oracle.credit_of(account, None).await? > 0 {
            let call = messages::withdraw(*account);
            let chain = &oracle.chain;
            chain
                .call(
                    &self.owner.pair,
                    &oracle.address,
                    0,
                    &call,
                    TxOptions::default(),
                )
                .await?;
        }
        Ok(())
    }

    async fn balances(
        &self,
        people: &[(&str, &Signer)],
        market: &Market<'_>,
    ) -> Result<Vec<(String, Balance)>, Failure> {
        let (oracle, chain) = (&self.oracle, &self.oracle.chain);
        let mut all = Vec::new();
        for (name, person) in people {
            all.push((
                (*name).to_owned(),
                chain.free_balance(&person.account).await?,
            ));
        }
        all.push((
            "the market".to_owned(),
            chain.free_balance(&market.address).await?,
        ));
        for operator in oracle.operators(0, OPERATORS.into(), None).await? {
            let name = format!("credit of operator {}", operator.slot);
            all.push((name, operator.credit));
        }
        Ok(all)
    }

    fn played(
        &self,
        view: &RequestView,
        state: State,
        before: &[(String, Balance)],
        after: &[(String, Balance)],
    ) -> Played {
        let rows = before
            .iter()
            .zip(after)
            .map(|((name, before), (_, after))| {
                let change = if after >= before {
                    format!("+{}", Planck(after.saturating_sub(*before)))
                } else {
                    format!("-{}", Planck(before.saturating_sub(*after)))
                };
                vec![
                    name.clone(),
                    Planck(*before).to_string(),
                    Planck(*after).to_string(),
                    change,
                ]
            });
        let balances = before.iter().zip(after).map(|((name, before), (_, after))| {
            json!({ "name": name, "before": before.to_string(), "after": after.to_string() })
        });
        Played {
            text: format!(
                "market: {}\n{}",
                state_text(state),
                table(&["balance", "before", "after", "change"], rows)
            ),
            json: json!({
                "state": state_text(state),
                "request": request_json(view, None, &Words::of(view)),
                "balances": balances.collect::<Vec<_>>(),
            }),
            paid: matches!(state, State::Resolved(_)),
        }
    }
}

struct Played {
    text: String,
    json: Value,
    paid: bool,
}

/// The form that the embedded model answers best: it tells a tone, and is weak at yes or no.
fn tone() -> AnswerKind {
    AnswerKind::Choice {
        options: vec![b"positive".to_vec(), b"negative".to_vec()],
    }
}

fn terms(question: &str) -> Terms {
    Terms {
        model: ModelRef::Any,
        prompt: Prompt::Inline(question.into()),
        system: None,
        answer: tone(),
        sampling: Sampling::default(),
        seats: OPERATORS,
        threshold: majority(OPERATORS),
        assignment: Assignment::Open,
        one_step: false,
        commit_blocks: PHASE_BLOCKS,
        reveal_blocks: PHASE_BLOCKS,
        callback: None,
        refund_to: None,
    }
}

fn state_text(state: State) -> String {
    match state {
        State::Open => "open".to_owned(),
        State::Asked => "asked".to_owned(),
        State::Resolved(option) => {
            let answer = llm_oracle_primitives::Answer::Choice(option);
            format!("resolved: {}", answer_text(&answer, &tone()))
        }
        State::Void => "void, stakes are returned".to_owned(),
    }
}

/// How long each part took.
struct Clock {
    since: Instant,
    laps: Vec<(&'static str, Duration)>,
}

impl Clock {
    fn start() -> Self {
        Self {
            since: Instant::now(),
            laps: Vec::new(),
        }
    }

    fn lap(&mut self, name: &'static str) {
        self.laps.push((name, self.since.elapsed()));
        self.since = Instant::now();
    }

    fn json(&self) -> Value {
        self.laps
            .iter()
            .map(|(name, time)| ((*name).to_owned(), json!(time.as_secs_f64())))
            .collect()
    }

    fn text(&self) -> String {
        let laps = self
            .laps
            .iter()
            .map(|(name, time)| format!("{name} {:.1} s", time.as_secs_f64()));
        format!("times: {}", laps.collect::<Vec<_>>().join(", "))
    }
}
