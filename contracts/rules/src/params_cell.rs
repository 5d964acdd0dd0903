//! The parameters as they lie in their cell, whichever version wrote it.

use llm_oracle_primitives::{Balance, BlockNumber, Params};

use crate::codec;

/// The parameters, with those announced, as they lie in their cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
pub struct ParamsCell {
    /// In force until `from`.
    pub current: Params,
    /// In force from then on.
    pub next: Params,
    /// First block of the announced ones; 0: nothing was announced.
    pub from: BlockNumber,
}

/// Bytes of the parameters that version 1 of the code stored.
const FIRST_PARAMS_BYTES: usize = 5 * 16 + 11 * 4;
/// Bytes of the cell that version 2 of the code stored: two sets of parameters, and a block.
const SECOND_PARAMS_BYTES: usize = 2 * (5 * 16 + 13 * 4) + 4;
/// Planck of one coin on the chains that versions 1 and 2 were made for.
pub(crate) const SECOND_UNIT: Balance = 1_000_000_000_000;

/// Parameters of versions 1 and 2: the amounts, and the first eleven of the numbers.
type EarlierParams = ([Balance; 5], [u32; 11]);

fn from_earlier((amounts, numbers): EarlierParams) -> Params {
    let [min_bond, seat_bond, min_reward, commit_fee, delivery_reward] = amounts;
    let [fee_ppm, _, effort_ppm, report_ppm, open_delay, min_window, max_window, delivery_blocks, retention_blocks, unbonding_blocks, upgrade_delay_blocks] =
        numbers;
    Params {
        min_bond,
        seat_bond,
        min_reward,
        commit_fee,
        delivery_reward,
        fee_ppm,
        effort_ppm,
        report_ppm,
        open_delay,
        min_window,
        max_window,
        delivery_blocks,
        retention_blocks,
        unbonding_blocks,
        upgrade_delay_blocks,
        ..Params::for_unit(SECOND_UNIT)
    }
}

impl ParamsCell {
    /// Parameters without an announcement.
    pub fn new(params: Params) -> Self {
        Self {
            current: params,
            next: params,
            from: 0,
        }
    }

    /// Reads the cell, of any version.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        match bytes.len() {
            FIRST_PARAMS_BYTES => {
                let params: EarlierParams = codec::decode(bytes)?;
                Some(Self::new(from_earlier(params)))
            }
            SECOND_PARAMS_BYTES => {
                type Second = (EarlierParams, [u32; 2]);
                let (current, next, from): (Second, Second, BlockNumber) = codec::decode(bytes)?;
                Some(Self {
                    current: from_earlier(current.0),
                    next: from_earlier(next.0),
                    from,
                })
            }
            _ => codec::decode(bytes),
        }
    }

    /// Parameters in force in block `now`.
    pub fn in_force(&self, now: BlockNumber) -> Params {
        if self.announced(now).is_some() || self.from == 0 {
            self.current
        } else {
            self.next
        }
    }

    /// What is announced and not in force yet.
    pub fn announced(&self, now: BlockNumber) -> Option<(Params, BlockNumber)> {
        (now < self.from).then_some((self.next, self.from))
    }
}
