//! How long it took from a finalized request to its submitted commit, for the log.

use super::entries::OwnSeat;
use llm_oracle_primitives::RequestId;
use llm_oracle_store::Answered;

/// Logs our own share of that time for each request of these seats, which stand together. `at_ms` is when
/// they were submitted, milliseconds since 1970.
pub(super) fn log_latencies(seats: &[&OwnSeat], at_ms: i64) {
    let mut request: Option<RequestId> = None;
    for seat in seats {
        let Answered {
            request_id,
            seen_at_ms,
            ..
        } = seat.answered;
        if request == Some(request_id) {
            continue;
        }
        request = Some(request_id);
        // The model's calls of one request run one after another or side by side; their sum
        // would count time twice in the second case, so both figures are given.
        let of_request = seats
            .iter()
            .filter(|other| other.answered.request_id == request_id);
        let model_ms: i64 = of_request.map(|other| other.answered.model_ms).sum();
        let total_ms = at_ms.saturating_sub(seen_at_ms);
        let own_ms = total_ms.saturating_sub(model_ms).max(0);
        tracing::info!(
            target: "llm_oracle::latency",
            request = request_id, total_ms, model_ms, own_ms, "commit submitted"
        );
    }
}
