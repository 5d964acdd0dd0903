//! What each version of the code keeps of a request, and how requests of earlier ones go on.

use llm_oracle_primitives::{Balance, LeastRecord, Margin, INTERFACE_VERSION};
use scale::{Decode, Encode};

use crate::Request;

/// The part of a [`Margin`] that every version has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Counts {
    pub(crate) seats: u8,
    pub(crate) revealed: u8,
    pub(crate) agreeing: u8,
    pub(crate) abstaining: u8,
    pub(crate) spread: u128,
}

/// What versions of the code added to a request. One that was stored before lacks it for life, so that
/// its cell keeps its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Later {
    /// Asked under version 1.
    First,
    /// Asked under version 2.
    Second(Second),
    /// Asked under version 3.
    Third(Added),
}

/// What version 2 added: the least record, and a draw of the committee that no later version carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Second {
    least: LeastRecord,
    /// 0: the committee is not drawn.
    drawn: u8,
    rest: [u8; SECOND_REST],
}

/// Blocks of the draw, tickets and beacon.
const SECOND_REST: usize = 3 * 4 + 8 + 32;
/// Bytes of [`Second`].
const SECOND_BYTES: usize = 8 + 1 + SECOND_REST;

/// What version 3 added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Added {
    /// The record that an operator must have when it takes a seat.
    pub(crate) least: LeastRecord,
    /// The set whose operators may take a seat.
    pub(crate) set: Option<u32>,
    /// Most seats of one model family, 0: any number.
    pub(crate) max_seats_per_family: u8,
    /// Least confidence of a result.
    pub(crate) min_confidence: u8,
    /// Part of the escrow that the next attempt of a transmitter with a seat earns, planck.
    pub(crate) delivery_price: Balance,
    /// See [`Margin`], once settled.
    pub(crate) abstained: [u8; 6],
    /// See [`Margin`], once settled.
    pub(crate) confidence: u8,
    /// See [`Margin`], once settled.
    pub(crate) families: u8,
}

#[cold]
#[inline(never)]
fn encode_second<W: scale::Output + ?Sized>(second: &Second, output: &mut W) {
    second.encode_to(output);
}

impl Encode for Later {
    fn encode_to<W: scale::Output + ?Sized>(&self, output: &mut W) {
        match self {
            Self::First => {}
            Self::Second(second) => encode_second(second, output),
            Self::Third(added) => added.encode_to(output),
        }
    }
}

/// Out of the way of requests of this version: the chain compiles each function that a call enters.
#[cold]
#[inline(never)]
fn decode_second<I: scale::Input>(input: &mut I) -> Result<Later, scale::Error> {
    Second::decode(input).map(Later::Second)
}

impl Decode for Later {
    fn decode<I: scale::Input>(input: &mut I) -> Result<Self, scale::Error> {
        match input.remaining_len()? {
            Some(0) => Ok(Self::First),
            Some(SECOND_BYTES) => decode_second(input),
            _ => Added::decode(input).map(Self::Third),
        }
    }
}

impl Request {
    /// Version of the interface that it was asked under.
    pub fn interface_version(&self) -> u32 {
        match self.later {
            Later::First => 1,
            Later::Second(_) => 2,
            Later::Third(_) => INTERFACE_VERSION,
        }
    }

    /// Whether nobody can carry it on: its committee was to be drawn, which ended with version 2, and not
    /// everybody has revealed. It ends as if nobody had come, with everybody's money.
    pub(crate) fn is_void(&self) -> bool {
        let complete = self.is_full() && self.revealed == self.committed;
        matches!(&self.later, Later::Second(second) if second.drawn != 0) && !complete
    }

    /// What version 3 added; nothing of it for requests of earlier versions.
    pub(crate) fn added(&self) -> Added {
        match &self.later {
            Later::First => Added::default(),
            Later::Second(second) => Added {
                least: second.least,
                ..Added::default()
            },
            Later::Third(added) => *added,
        }
    }

    pub(crate) fn added_mut(&mut self) -> Option<&mut Added> {
        match &mut self.later {
            Later::Third(added) => Some(added),
            Later::First | Later::Second(_) => None,
        }
    }

    /// The set whose operators may take a seat.
    pub fn set(&self) -> Option<u32> {
        self.added().set
    }

    /// The record that an operator must have when it takes a seat.
    pub fn least_record(&self) -> LeastRecord {
        self.added().least
    }

    /// Most seats of one model family, 0: any number.
    pub fn max_seats_per_family(&self) -> u8 {
        self.added().max_seats_per_family
    }

    /// Least confidence of a result.
    pub fn min_confidence(&self) -> u8 {
        self.added().min_confidence
    }

    /// Part of the escrow that the next attempt to deliver earns, planck.
    pub fn delivery_price(&self) -> Balance {
        self.added().delivery_price
    }

    /// How clear the result is, once settled.
    pub fn margin(&self) -> Margin {
        let (counts, added) = (self.counts, self.added());
        let mut abstained = added.abstained;
        if let (Later::First | Later::Second(_), [unclear, ..]) = (&self.later, &mut abstained) {
            // Earlier versions did not count reasons apart.
            *unclear = counts.abstaining;
        }
        Margin {
            seats: counts.seats,
            revealed: counts.revealed,
            agreeing: counts.agreeing,
            abstained,
            confidence: added.confidence,
            families: added.families,
            spread: counts.spread,
        }
    }

    pub(crate) fn set_margin(&mut self, margin: &Margin) {
        self.counts = Counts {
            seats: margin.seats,
            revealed: margin.revealed,
            agreeing: margin.agreeing,
            abstaining: margin.abstaining(),
            spread: margin.spread,
        };
        if let Some(added) = self.added_mut() {
            added.abstained = margin.abstained;
            added.confidence = margin.confidence;
            added.families = margin.families;
        }
    }

    /// The confidence as commitment and answer message have it: requests of earlier versions have none.
    pub fn signed_confidence(&self, confidence: u8) -> Option<u8> {
        matches!(self.later, Later::Third(_)).then_some(confidence)
    }
}
