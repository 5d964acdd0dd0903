//! Requests that tests render.

use llm_oracle_primitives::{
    AccountId, Answer, DeliveryStatus, LeastRecord, Margin, Outcome, Phase, RequestView,
    SeatAnswer, SeatState, SeatView, Summary, INTERFACE_VERSION,
};

/// A seat of the operator whose account is this byte, repeated.
pub fn seat(number: u8, state: SeatState, answer: Option<SeatAnswer>, paid: u128) -> SeatView {
    SeatView {
        operator: AccountId::from([number; 32]),
        slot: number.into(),
        state,
        family: [0; 4],
        confidence: answer.as_ref().map(|_| 75),
        commitment: [number; 32],
        evidence: [0xee; 32],
        signature: answer.as_ref().map(|_| [0x51; 64]),
        salt: answer.as_ref().map(|_| [0x5a; 32]),
        forfeited: 0,
        answer,
        paid,
    }
}

/// A request that has just been asked.
pub fn view() -> RequestView {
    RequestView {
        summary: Summary {
            request_id: 7,
            phase: Phase::Committing,
            settled: false,
            seats: 2,
            committed: 0,
            revealed: 0,
            delivery: DeliveryStatus::None,
            reward: 10_000_000_000,
            opens_at: 5,
            commit_deadline: 261,
            reveal_deadline: 518,
        },
        requester: AccountId::from([9; 32]),
        beneficiary: AccountId::from([9; 32]),
        terms_digest: [0xdd; 32],
        interface_version: INTERFACE_VERSION,
        threshold: 2,
        one_step: false,
        least_record: LeastRecord::default(),
        max_seats_per_family: 0,
        min_confidence: 0,
        asked_at: 5,
        reveals_opened_at: None,
        ended_at: None,
        seat_fee: 5_000_000_000,
        seat_bond: 1,
        min_bond: 1,
        fee_ppm: 20_000,
        effort_ppm: 250_000,
        delivery_blocks: 256,
        retention_blocks: 14_400,
        delivery_escrow: 0,
        delivery_price: 0,
        callback: None,
        seats: Vec::new(),
        outcome: None,
        refund: 0,
        fee: 0,
    }
}

/// The same with two seats that said yes.
pub fn answered() -> RequestView {
    let mut view = view();
    let margin = Margin {
        seats: 2,
        revealed: 2,
        agreeing: 2,
        abstained: [0; 6],
        confidence: 75,
        families: 1,
        spread: 0,
    };
    view.seats = vec![
        seat(
            1,
            SeatState::Agreed,
            Some(SeatAnswer::Whole(Answer::Bool(true))),
            9_800_000_000,
        ),
        seat(
            2,
            SeatState::Agreed,
            Some(SeatAnswer::Whole(Answer::Bool(true))),
            9_800_000_000,
        ),
    ];
    view.outcome = Some(Outcome::Answered {
        answer: Answer::Bool(true),
        margin,
    });
    view.summary.phase = Phase::Ended;
    view.ended_at = Some(11);
    view.fee = 400_000_000;
    view
}
