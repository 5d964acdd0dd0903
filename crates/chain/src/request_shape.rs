//! The shape of a request: requests of one shape are read from storage alike.

use llm_oracle_primitives::{DeliveryStatus, Outcome, Phase, RequestView, SeatAnswer};
use std::mem::{discriminant, Discriminant};

/// The variants in a request's view. One request of each shape is compared.
pub(super) type RequestShape = (
    Discriminant<Phase>,
    u32,
    Discriminant<DeliveryStatus>,
    Option<Discriminant<SeatAnswer>>,
    Option<Discriminant<Outcome>>,
    (bool, bool),
);

/// The shape of a request.
pub(super) fn shape(view: &RequestView) -> RequestShape {
    let mut answers = view.seats.iter().filter_map(|seat| seat.answer.as_ref());
    (
        discriminant(&view.summary.phase),
        view.interface_version,
        discriminant(&view.summary.delivery),
        answers.next().map(discriminant),
        view.outcome.as_ref().map(discriminant),
        (view.one_step, view.summary.settled),
    )
}
