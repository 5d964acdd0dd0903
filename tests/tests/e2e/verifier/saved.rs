//! What the verifier in Python has saved of a request, read and altered here.

use llm_oracle_evidence::verify::{check_request, check_seat, OnChainRequest, SeatFinding};
use llm_oracle_primitives::{Config, Hash, OperatorView, RequestView, SeatView, Terms};
use scale::{Decode, DecodeAll, Encode};
use serde_json::{json, Value};
use std::collections::BTreeMap;

/// A request with its documents.
#[derive(Clone)]
pub struct Saved {
    line: Value,
    pub record: OnChainRequest,
    pub documents: BTreeMap<Hash, Vec<u8>>,
}

fn unhex(value: &Value) -> Vec<u8> {
    hex::decode(&value.as_str().unwrap()[2..]).unwrap()
}

fn hexed(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// What a view returned, after the byte that says that ink! could read the call.
fn view<T: Decode>(line: &Value, name: &str) -> T {
    let bytes = unhex(&line["views"][name]);
    T::decode_all(&mut &bytes[1..]).unwrap()
}

fn put(line: &mut Value, name: &str, value: &impl Encode) {
    line["views"][name] = json!(hexed(&[&[0][..], &value.encode()].concat()));
}

fn operator_view(seat: &SeatView) -> String {
    let account: &[u8; 32] = seat.operator.as_ref();
    format!("operator {}", hexed(account))
}

impl Saved {
    pub fn of(line: &str) -> Self {
        let line: Value = serde_json::from_str(line).unwrap();
        let request: Option<RequestView> = view(&line, "request");
        let request = request.unwrap();
        let config: Config = view(&line, "config");
        let terms: Option<Terms> = view(&line, "terms");
        let is_barred = |seat: &&SeatView| {
            let operator: Option<OperatorView> = view(&line, &operator_view(seat));
            operator.is_some_and(|operator| operator.barred)
        };
        let barred = request.seats.iter().filter(is_barred);
        let barred = barred.map(|seat| seat.operator).collect();
        let contract: [u8; 32] = unhex(&line["contract"]).try_into().unwrap();
        let documents = line["evidence"].as_object().unwrap().iter();
        let documents = documents.map(|(digest, document)| {
            let digest: Hash = unhex(&json!(digest)).try_into().unwrap();
            (digest, unhex(document))
        });
        Self {
            record: OnChainRequest {
                domain: config.domain,
                contract: contract.into(),
                view: request,
                terms: terms.unwrap(),
                barred,
            },
            documents: documents.collect(),
            line,
        }
    }

    /// The line that the verifier in Python reads.
    pub fn to_line(&self) -> String {
        let mut line = self.line.clone();
        let OnChainRequest {
            domain,
            contract,
            view: request,
            terms,
            ..
        } = &self.record;
        let mut config: Config = view(&line, "config");
        config.domain = *domain;
        put(&mut line, "config", &config);
        put(&mut line, "request", &Some(request));
        put(&mut line, "terms", &Some(terms));
        let contract: &[u8; 32] = contract.as_ref();
        line["contract"] = json!(hexed(contract));
        let documents = self.documents.iter();
        line["evidence"] = documents
            .map(|(digest, document)| (hexed(digest), json!(hexed(document))))
            .collect::<serde_json::Map<_, _>>()
            .into();
        line.to_string()
    }

    /// The verdict of our own verifier on a seat.
    pub fn seat_verdict(&self, seat: &SeatView) -> SeatFinding {
        let document = self.documents.get(&seat.evidence).map(Vec::as_slice);
        check_seat(&self.record, seat, document).0
    }

    /// Whether our own verifier finds nothing invalid.
    pub fn is_valid(&self) -> bool {
        let mut seats = self.record.view.seats.iter();
        check_request(&self.record).wrong.is_empty()
            && seats.all(|seat| self.seat_verdict(seat) != SeatFinding::Wrong)
    }
}
