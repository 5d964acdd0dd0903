#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::*;
use llm_oracle_fixtures::request;
use llm_oracle_primitives::Phase;

fn summary(request_id: RequestId, committed: u8) -> Summary {
    let summary = request::view(request_id, Phase::Committing, Vec::new()).summary;
    Summary {
        committed,
        ..summary
    }
}

fn view(summary: Summary) -> Arc<RequestView> {
    let view = request::view(summary.request_id, summary.phase, Vec::new());
    Arc::new(RequestView { summary, ..view })
}

fn at(block: u8, views: &mut RequestCache, summaries: Vec<Summary>) {
    let next_id = 10;
    let listed = RequestPage { next_id, summaries };
    views.renew([block; 32], listed, &BTreeSet::new());
}

#[test]
fn a_request_is_read_again_only_when_its_summary_has_changed() {
    let mut views = RequestCache::default();
    at(1, &mut views, vec![summary(3, 0), summary(4, 0)]);
    assert!(views.known_view(3).is_none());
    let first = view(summary(3, 0));
    views.keep_view(3, &first);
    views.keep_view(4, &view(summary(4, 0)));
    assert_eq!(views.known_view(3), Some(first.clone()));
    // At the next block one has changed and the other has not.
    at(2, &mut views, vec![summary(3, 0), summary(4, 1)]);
    assert_eq!(views.known_view(3), Some(first));
    assert!(views.known_view(4).is_none());
    // What is gone from the list is forgotten, and nothing is kept of what is not in it.
    at(3, &mut views, vec![summary(4, 1)]);
    assert!(views.known_view(3).is_none());
    views.keep_view(3, &view(summary(3, 0)));
    assert!(views.views.len() <= 1);
}

#[test]
fn what_is_over_is_not_listed_again() {
    let mut views = RequestCache::default();
    let over = BTreeSet::from([4]);
    let summaries = vec![summary(3, 0), summary(4, 0), summary(5, 0)];
    let next_id = 10;
    let listed = RequestPage { next_id, summaries };
    views.renew([1; 32], listed, &over);
    let listed: Vec<_> = views.summaries().map(|one| one.request_id).collect();
    assert_eq!(listed, [3, 5]);
}

#[test]
fn views_and_terms_are_bounded() {
    let mut views = RequestCache::default();
    let many = MOST_VIEWS as u64 + 9;
    at(1, &mut views, (0..many).map(|id| summary(id, 0)).collect());
    for id in 0..many {
        views.keep_view(id, &view(summary(id, 0)));
    }
    assert!(views.views.len() <= MOST_VIEWS);
    assert!(views.known_view(many - 1).is_some());
}
