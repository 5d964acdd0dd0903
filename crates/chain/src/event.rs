//! The oracle's events, recognised by emitting contract and signature topic.

use super::{connection::Connection, error::ChainError};
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

            /// Decodes an event by its signature topic; `None` when the topic is not the oracle's.
            ///
            /// # Errors
            /// `Decode` when the topic is the oracle's and the data does not decode.
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
    DeliveryFunded,
    Pruned,
    Registered,
    FamilyDeclared,
    OwnerNamed,
    SetPublished,
    Bonded,
    Unbonding,
    Released,
    Withdrawn,
    AnswerPublished,
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

/// An event with the position of its transaction.
#[derive(Debug)]
pub struct LocatedEvent {
    /// Position of the transaction in its block.
    pub extrinsic: u32,
    /// The event.
    pub event: Event,
}

/// The oracle's events of one block, in their order.
pub(super) async fn oracle_events(
    connection: &Connection,
    contract: &AccountId,
    block: Hash,
) -> Result<Vec<LocatedEvent>, ChainError> {
    let (_, events) = connection.events_of(block).await?;
    let mut found = Vec::new();
    for event in events.iter() {
        let event = event.map_err(|error| ChainError::decode("an event", error))?;
        let Phase::ApplyExtrinsic(extrinsic) = event.phase() else {
            continue;
        };
        if let Some(read) = read_emitted(contract, &event) {
            found.push(LocatedEvent {
                extrinsic,
                event: read?,
            });
        }
    }
    Ok(found)
}

/// The oracle's event in an event of the pallet; `None` for any other event.
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
