//! The oracle's events, found by emitting contract and signature topic.

use super::{
    client::{AtBlock, Chain},
    error::ChainError,
};
use ink::env::Event as InkEvent;
use llm_oracle_primitives::{event, AccountId, Hash};
use llm_oracle_support::address::hex0x;
use scale::{Decode, DecodeAll};
use subxt::{events::Phase, utils::AccountId32};

macro_rules! oracle_events {
    ($($name:ident),* $(,)?) => {
        /// An event of the oracle.
        #[allow(missing_docs)] // Named after what they hold.
        pub enum Event {
            $($name(event::$name),)*
        }

        /// The signature topics, in order.
        #[cfg(test)]
        pub(super) fn topics() -> Vec<Hash> {
            let all = [$(<event::$name as InkEvent>::SIGNATURE_TOPIC),*];
            all.into_iter().flatten().collect()
        }

        impl Event {
            /// The event's name.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }

            /// Reads an event by its signature topic. `None`: not one of ours.
            ///
            /// # Errors
            /// `Decode` when the topic is ours and the data is not.
            pub fn read(topic: &Hash, data: &[u8]) -> Option<Result<Self, ChainError>> {
                $(
                    if <event::$name as InkEvent>::SIGNATURE_TOPIC.as_ref() == Some(topic) {
                        return Some(
                            event::$name::decode_all(&mut &*data)
                                .map(Self::$name)
                                .map_err(|error| ChainError::decode(
                                    concat!("an event ", stringify!($name)),
                                    error,
                                )),
                        );
                    }
                )*
                None
            }
        }
    };
}

oracle_events!(
    Asked,
    Committed,
    Revealed,
    Ended,
    Delivered,
    DeliveryFailed,
    Pruned,
    Registered,
    Bonded,
    Unbonding,
    Released,
    Withdrawn,
    Worded,
    CommitteeDrawn,
    Equivocated,
    PauseSet,
    OwnershipOffered,
    OwnershipTaken,
    ParamsAnnounced,
    UpgradeAnnounced,
    Upgraded,
);

impl std::fmt::Debug for Event {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

/// An event with the place of its transaction.
#[derive(Debug)]
pub struct Located {
    /// Position of the transaction in its block.
    pub extrinsic: u32,
    /// The event.
    pub event: Event,
}

impl Chain {
    /// The oracle's events of one block, in their order.
    ///
    /// # Errors
    /// Connection errors; `Decode` when an event with our topic does not decode.
    pub async fn oracle_events(
        &self,
        contract: &AccountId,
        block: Hash,
    ) -> Result<Vec<Located>, ChainError> {
        let (_, events) = self.events_of(block).await?;
        let mut found = Vec::new();
        for event in events.iter() {
            let event = event.map_err(|error| ChainError::decode("an event", error))?;
            let Phase::ApplyExtrinsic(extrinsic) = event.phase() else {
                continue;
            };
            if let Some(read) = read_emitted(contract, &event) {
                found.push(Located {
                    extrinsic,
                    event: read?,
                });
            }
        }
        Ok(found)
    }
}

/// An event of the pallet, if it is one that our contract emitted.
pub(super) fn read_emitted(
    contract: &AccountId,
    event: &subxt::events::Event<'_, subxt::SubstrateConfig>,
) -> Option<Result<Event, ChainError>> {
    if event.pallet_name() != "Contracts" || event.event_name() != "ContractEmitted" {
        return None;
    }
    let fields = <(AccountId32, Vec<u8>)>::decode(&mut event.field_bytes());
    let (emitter, data) = match fields {
        Ok(fields) => fields,
        Err(error) => {
            let what = format!("the event {}", hex0x(event.field_bytes()));
            return Some(Err(ChainError::decode(what, error)));
        }
    };
    let ours: &[u8; 32] = contract.as_ref();
    if emitter.0 != *ours {
        return None;
    }
    Event::read(&event.topics().first()?.0, &data)
}

/// Kept here for the receipt: the fee that the origin paid, planck, and why a transaction failed.
pub(super) struct Charged {
    pub(super) fee: u128,
    pub(super) failed: Option<String>,
}

#[derive(subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct FeePaid {
    actual_fee: u128,
}

#[derive(subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct ExtrinsicFailed {
    dispatch_error: subxt::ext::scale_value::Value<()>,
}

impl Charged {
    pub(super) fn look(
        &mut self,
        at: &AtBlock,
        event: &subxt::events::Event<'_, subxt::SubstrateConfig>,
    ) -> Result<(), ChainError> {
        let unreadable =
            |error| ChainError::decode(format!("the event {}", event.event_name()), error);
        match (event.pallet_name(), event.event_name()) {
            ("TransactionPayment", "TransactionFeePaid") => {
                let paid: FeePaid = event.decode_fields_unchecked_as().map_err(unreadable)?;
                self.fee = paid.actual_fee;
            }
            ("System", "ExtrinsicFailed") => {
                let failed: ExtrinsicFailed =
                    event.decode_fields_unchecked_as().map_err(unreadable)?;
                self.failed = Some(super::exec::dispatch_error_name(at, &failed.dispatch_error));
            }
            _ => {}
        }
        Ok(())
    }
}
