use super::*;

fn head(number: BlockNumber) -> Head {
    Head {
        hash: [u8::try_from(number % 251).unwrap_or(0); 32],
        number,
    }
}

fn good() -> NodeStatus {
    NodeStatus {
        genesis: [9; 32],
        syncing: false,
        peers: 3,
        expects_peers: true,
        best: head(102),
        finalized: head(100),
        stalled_for_ms: 5_000,
        at_seen: Some(head(90).hash),
        at_common: None,
    }
}

fn known() -> NodeCriteria {
    NodeCriteria {
        genesis: Some([9; 32]),
        seen: Some(head(90)),
        block_ms: Some(6_000),
    }
}

#[test]
fn the_table() {
    let back = NodeFault::FinalityRegressed {
        seen: head(90),
        found: 89,
    };
    let replaced = |found| NodeFault::FinalityConflict {
        seen: head(90),
        found,
    };
    for (name, status, verdict) in [
        ("good", good(), None),
        (
            "other chain",
            NodeStatus {
                genesis: [8; 32],
                ..good()
            },
            Some(NodeFault::OtherChain { found: [8; 32] }),
        ),
        (
            "syncing",
            NodeStatus {
                syncing: true,
                ..good()
            },
            Some(NodeFault::Syncing),
        ),
        (
            "alone",
            NodeStatus { peers: 0, ..good() },
            Some(NodeFault::NoPeers),
        ),
        (
            "alone on a chain of one node",
            NodeStatus {
                peers: 0,
                expects_peers: false,
                ..good()
            },
            None,
        ),
        (
            "set back",
            NodeStatus {
                finalized: head(89),
                at_seen: None,
                ..good()
            },
            Some(back),
        ),
        (
            "at the height that was seen",
            NodeStatus {
                finalized: head(90),
                ..good()
            },
            Some(NodeFault::Lagging { behind: 10 }),
        ),
        (
            "another block there",
            NodeStatus {
                at_seen: Some([7; 32]),
                ..good()
            },
            Some(replaced(Some([7; 32]))),
        ),
        (
            "no block there",
            NodeStatus {
                at_seen: None,
                ..good()
            },
            Some(replaced(None)),
        ),
        (
            "three block times",
            NodeStatus {
                stalled_for_ms: 18_000,
                ..good()
            },
            None,
        ),
        (
            "longer than three block times",
            NodeStatus {
                stalled_for_ms: 18_001,
                ..good()
            },
            Some(NodeFault::Stalled {
                stalled_for_ms: 18_001,
            }),
        ),
        (
            "as far behind as may be",
            NodeStatus {
                finalized: head(95),
                ..good()
            },
            None,
        ),
        (
            "further behind",
            NodeStatus {
                finalized: head(94),
                ..good()
            },
            Some(NodeFault::Lagging { behind: 6 }),
        ),
    ] {
        assert_eq!(node_fault(&status, &known(), 100), verdict, "{name}");
    }
    let on_demand = NodeCriteria {
        block_ms: None,
        seen: None,
        ..known()
    };
    let old = NodeStatus {
        stalled_for_ms: u64::MAX,
        ..good()
    };
    assert_eq!(node_fault(&old, &on_demand, 100), None, "blocks on demand");
}

#[test]
fn the_node_in_use_stays_until_it_is_unfit() {
    let bad = NodeStatus {
        syncing: true,
        ..good()
    };
    for (statuses, current, expected) in [
        ([Some(good()), Some(good())], None, NodeVerdict::Use(0)),
        ([Some(good()), Some(good())], Some(1), NodeVerdict::Use(1)),
        ([Some(good()), Some(bad)], Some(1), NodeVerdict::Use(0)),
        ([None, Some(good())], Some(0), NodeVerdict::Use(1)),
        ([None, Some(bad)], Some(0), NodeVerdict::NoneHealthy),
        ([None, None], None, NodeVerdict::NoneHealthy),
    ] {
        assert_eq!(verdict(&statuses, &known(), current), expected);
    }
}

#[test]
fn two_that_contradict_each_other_stop_everything() {
    let says = |hash: u8| {
        Some(NodeStatus {
            at_common: Some([hash; 32]),
            ..good()
        })
    };
    assert_eq!(
        verdict(&[says(1), None, says(2)], &known(), Some(0)),
        NodeVerdict::Disagree { one: 0, other: 2 }
    );
    assert_eq!(
        verdict(&[says(1), says(1)], &known(), Some(0)),
        NodeVerdict::Use(0)
    );
    // One that is syncing claims nothing.
    let syncing = says(2).map(|status| NodeStatus {
        syncing: true,
        ..status
    });
    assert_eq!(
        verdict(&[says(1), syncing], &known(), Some(0)),
        NodeVerdict::Use(0)
    );
}

#[test]
fn heights_are_compared_where_both_are_final() {
    let at = |number| {
        Some(NodeStatus {
            finalized: head(number),
            ..good()
        })
    };
    assert_eq!(
        common_height(&[at(100), None, at(97), at(99)], &known()),
        Some(97)
    );
    assert_eq!(common_height(&[at(100), None], &known()), None);
    assert_eq!(highest(&[at(100), None, at(97)], &known()), 100);
}
