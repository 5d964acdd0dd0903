//! `demo`: one scenario from an empty chain to a paid market.

use crate::{
    deployment::dev_signer,
    market::{MarketContract, MarketState, MARKET_WASM},
    mine::create_block,
    stack::{DevStack, StackOptions},
    stopwatch::Stopwatch,
};
use clap::Args;
use llm_oracle_chain::{messages, ChainApi as _, OracleClient, TxOptions};
use llm_oracle_cli::{
    answers::{answer_text, OpenAnswers},
    artifacts::read_code,
    config::Overrides,
    context::{CommandContext, SigningKey},
    exit::{self, CliError, CommandResult},
    follow,
    money::Planck,
    output::{table, Output},
    relayer_task::stop_signal,
    render::{exit_code, request_json, request_text},
    RunSubcommand,
};
use llm_oracle_primitives::{
    AnswerKind, Assignment, Balance, ModelRef, RequestView, Sampling, Terms,
};
use llm_oracle_support::address::ss58;
use serde_json::{json, Value};
use std::{path::PathBuf, time::Duration};

/// The default announcement.
const ANNOUNCEMENT: &str = "We are delighted to announce record revenue and our best quarter ever.";
/// Operators of the demo, and seats of its request.
const OPERATORS: u8 = 3;
/// Operators that must agree: more than half.
const THRESHOLD: u8 = 2;
/// Length of a phase, blocks.
const PHASE_BLOCKS: u32 = 256;
/// Blocks for which the market takes stakes: enough for two transactions.
const STAKING_BLOCKS: u32 = 8;
/// What each side stakes, planck (10 UNIT).
const STAKE: Balance = 10_000_000_000_000;
/// Value sent with the request of the market, planck (1 UNIT); the rest is returned.
const MARKET_VALUE: Balance = 1_000_000_000_000;
/// Maximum wait for an answer or a delivery.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// The announcement whose tone is judged
    #[arg(long, value_name = "TEXT", default_value = ANNOUNCEMENT)]
    pub announcement: String,
    /// Model file (GGUF) [env: LLM_ORACLE_MODEL]
    #[arg(long, alias = "model", value_name = "PATH")]
    pub model_file: Option<PathBuf>,
    /// Folder with the built contracts [env: LLM_ORACLE_ARTIFACTS]
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
}

impl RunSubcommand for DemoArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        Overrides {
            artifacts: self.artifacts.clone(),
            model_file: self.model_file.clone(),
            ..flags
        }
    }

    /// # Errors
    /// When any step fails.
    async fn run(self, context: &CommandContext) -> CommandResult {
        // Checked before anything starts: the contract that asks must be built.
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
        let mut stopwatch = Stopwatch::start();
        let mut stack = tokio::select! {
            started = DevStack::start(&options, &context.out) => started?,
            () = &mut stop => return Ok(exit::OK),
        };
        stopwatch.lap("start");
        let ended = {
            let demo = DemoRun {
                out: &context.out,
                oracle: stack.checked.oracle.clone(),
                owner: &dev_signer("//Alice")?,
            };
            let scenario = demo.run(&self.announcement, &market_code, &mut stopwatch);
            tokio::select! {
                result = scenario => result,
                () = &mut stop => Err(CliError::usage("stopped before the end")),
            }
        };
        let broken = tokio::time::timeout(Duration::ZERO, stack.broken())
            .await
            .ok();
        context.out.quiet();
        stack.stop().await;
        // A dead node or relayer is the cause of any other error.
        let (text, mut json, code) = ended.map_err(|failure| broken.unwrap_or(failure))?;
        json["seconds"] = stopwatch.json();
        context
            .out
            .result(&format!("{text}\n\n{}", stopwatch.text()), &json)?;
        Ok(code)
    }
}

/// The scenario, on a running stack.
struct DemoRun<'a> {
    out: &'a Output,
    oracle: OracleClient,
    owner: &'a SigningKey,
}

impl DemoRun<'_> {
    async fn run(
        &self,
        announcement: &str,
        market_code: &[u8],
        stopwatch: &mut Stopwatch,
    ) -> Result<(String, Value, u8), CliError> {
        let question = format!("What is the tone of this announcement: {announcement}");
        self.out
            .stage(format!("\n1. Three operators are asked: {question}"));
        let (view, terms) = self.question(&question).await?;
        stopwatch.lap("question");
        self.out
            .stage("\n2. A market on the same question asks by itself and pays its winners");
        let market = self.market(&question, market_code).await?;
        stopwatch.lap("market");
        let outcome_code = view.outcome.as_ref().map_or(exit::NO_ANSWER, exit_code);
        let code = if market.paid {
            outcome_code
        } else {
            exit::NO_ANSWER
        };
        let answers = OpenAnswers::from_view(&view);
        let shown = request_text(&view, Some(&terms), &answers);
        let json = request_json(&view, Some(&terms), &answers);
        let text = format!("{shown}\n\n{}", market.text);
        let json = json!({ "question": json, "market": market.json });
        Ok((text, json, code))
    }

    async fn question(&self, question: &str) -> Result<(RequestView, Terms), CliError> {
        let (oracle, terms) = (&self.oracle, terms(question));
        let reward = oracle.config(None).await?.params.min_reward;
        let quote = oracle.quote(&terms, reward, None).await?;
        let call = messages::ask(&terms, reward, false);
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
        let id = follow::opened_request(&receipt.events)?;
        let block = receipt.included.number;
        self.out.stage(format!(
            "asked      request {id} in block {block} for {}",
            Planck(quote.total)
        ));
        let followed = follow::until_final(oracle, (id, Some(&terms)), TIMEOUT, self.out).await?;
        Ok((followed.view, terms))
    }

    async fn market(&self, question: &str, code: &[u8]) -> Result<MarketResult, CliError> {
        let (oracle, chain) = (&self.oracle, &self.oracle.chain);
        let reward = oracle.config(None).await?.params.min_reward;
        self.out.waiting("deploying the market");
        let operators = oracle.operators(0, OPERATORS.into(), None).await?;
        let committee: Vec<_> = operators.iter().map(|one| one.operator).collect();
        let terms_of_market = (oracle.address, committee.as_slice(), reward);
        let market =
            MarketContract::deploy(chain, code, &self.owner.pair, terms_of_market, &[]).await?;
        self.out.stage(format!(
            "deployed   prediction_market at {}",
            ss58(&market.address)
        ));
        let id = market
            .open(&self.owner.pair, question, &tone(), STAKING_BLOCKS)
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
        market.stake(&bob.pair, id, 0, STAKE).await?;
        market.stake(&charlie.pair, id, 1, STAKE).await?;
        self.out.stage(format!(
            "staked     {} on positive by Bob, as much on negative by Charlie",
            Planck(STAKE)
        ));
        let closes_at = market.view(id).await?.closes_at;
        while chain.best().await?.number < closes_at {
            create_block(chain).await?;
        }
        let request = market
            .resolve(&dave.pair, id, (reward, MARKET_VALUE))
            .await?;
        self.out.stage(format!(
            "asked      request {request} by the market, paid by Dave"
        ));
        let terms = oracle.terms(request, None).await?;
        let followed =
            follow::until_final(oracle, (request, terms.as_ref()), TIMEOUT, self.out).await?;
        let view = followed.view;
        self.out.waiting("waiting for the delivery");
        follow::until_delivered(oracle, request, TIMEOUT).await?;
        let state = market.view(id).await?.state;
        self.out
            .stage(format!("delivered  the market is {}", state_text(state)));
        for (name, person) in [("Bob", &bob), ("Charlie", &charlie)] {
            let paid = market.claim(&self.owner.pair, id, &person.account).await?;
            self.out
                .stage(format!("claimed    {} for {name}", Planck(paid)));
        }
        self.withdraw_credit(&dave).await?;
        let after = self.balances(&people, &market).await?;
        Ok(self.market_result(&view, state, &before, &after))
    }

    /// Withdraws the credit of the account that asked: the value that exceeded the price.
    async fn withdraw_credit(&self, asker: &SigningKey) -> Result<(), CliError> {
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
        people: &[(&str, &SigningKey)],
        market: &MarketContract,
    ) -> Result<Vec<(String, Balance)>, CliError> {
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

    fn market_result(
        &self,
        view: &RequestView,
        state: MarketState,
        before: &[(String, Balance)],
        after: &[(String, Balance)],
    ) -> MarketResult {
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
        MarketResult {
            text: format!(
                "market: {}\n{}",
                state_text(state),
                table(&["balance", "before", "after", "change"], rows)
            ),
            json: json!({
                "state": state_text(state),
                "request": request_json(view, None, &OpenAnswers::from_view(view)),
                "balances": balances.collect::<Vec<_>>(),
            }),
            paid: matches!(state, MarketState::Resolved(_)),
        }
    }
}

struct MarketResult {
    text: String,
    json: Value,
    paid: bool,
}

/// The type of answer that the embedded model is best at: it is weak at yes or no.
fn tone() -> AnswerKind {
    AnswerKind::Choice {
        options: vec![b"positive".to_vec(), b"negative".to_vec()],
    }
}

fn terms(question: &str) -> Terms {
    Terms {
        model: ModelRef::Any,
        prompt: question.into(),
        system: None,
        sources: Vec::new(),
        answer: tone(),
        sampling: Sampling::default(),
        seats: OPERATORS,
        threshold: THRESHOLD,
        assignment: Assignment::open(),
        max_seats_per_family: 0,
        min_confidence: 0,
        not_before: 0,
        commit_blocks: PHASE_BLOCKS,
        reveal_blocks: PHASE_BLOCKS,
        callback: None,
        refund_to: None,
        one_step: false,
    }
}

fn state_text(state: MarketState) -> String {
    match state {
        MarketState::Open => "open".to_owned(),
        MarketState::Asked => "asked".to_owned(),
        MarketState::Resolved(option) => {
            let answer = llm_oracle_primitives::Answer::Choice(option);
            format!("resolved: {}", answer_text(&answer, &tone()))
        }
        MarketState::Void => "void, stakes are returned".to_owned(),
    }
}
