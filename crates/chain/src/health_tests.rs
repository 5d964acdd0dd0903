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
    }
}

fn known() -> NodeCriteria {
    NodeCriteria {
        genesis: Some([9; 32]),
        seen: Some(head(90)),
        block_ms: Some(6_000),
        ask_heads: false,
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
        (
            "far ahead",
            NodeStatus {
                finalized: head(106),
                ..good()
            },
            Some(NodeFault::Ahead { ahead: 6 }),
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
fn the_node_in_use_stays_until_it_is_unhealthy() {
    let bad = NodeStatus {
        syncing: true,
        ..good()
    };
    for (statuses, current, expected) in [
        ([Some(good()), Some(good())], None, vec![0, 1]),
        ([Some(good()), Some(good())], Some(1), vec![1, 0]),
        ([Some(good()), Some(bad)], Some(1), vec![0]),
        ([None, Some(good())], Some(0), vec![1]),
        ([None, Some(bad)], Some(0), vec![]),
        ([None, None], None, vec![]),
    ] {
        assert_eq!(candidates(&statuses, &known(), current), expected);
    }
}

fn at(number: BlockNumber) -> Option<NodeStatus> {
    Some(NodeStatus {
        finalized: head(number),
        best: head(number.saturating_add(2)),
        ..good()
    })
}

#[test]
fn a_height_is_believed_when_more_than_half_have_it() {
    for (statuses, expected) in [
        (vec![at(100), None], 100),
        (vec![at(100), at(97)], 97),
        (vec![at(97), at(100), at(99)], 99),
        (vec![at(97), at(100), at(100), at(99)], 99),
        // One that claims to be far ahead makes nobody unhealthy.
        (vec![at(5_000), at(100), at(99)], 100),
        (vec![at(5_000), at(100)], 100),
        (vec![None], 0),
    ] {
        assert_eq!(
            believed_height(&statuses, &known()),
            expected,
            "{statuses:?}"
        );
    }
    assert_eq!(
        candidates(&[at(5_000), at(100), at(99)], &known(), Some(0)),
        [1, 2]
    );
    // One that is syncing, or stands still while others go on, claims nothing.
    let with = |change: fn(&mut NodeStatus)| {
        at(95).map(|mut status| {
            change(&mut status);
            status
        })
    };
    let syncing = with(|status| status.syncing = true);
    let stalled = with(|status| status.stalled_for_ms = 18_001);
    for silent in [syncing, stalled] {
        assert_eq!(believed_height(&[at(100), silent], &known()), 100);
    }
    // On a chain that makes blocks on demand nothing has to come.
    let on_demand = NodeCriteria {
        block_ms: None,
        ..known()
    };
    let quiet = with(|status| status.stalled_for_ms = 50_000);
    assert_eq!(believed_height(&[at(100), quiet], &on_demand), 95);
    let left = with(|status| status.stalled_for_ms = 60_001);
    assert_eq!(believed_height(&[at(100), left], &on_demand), 100);
}

#[test]
fn nodes_vote_about_blocks() {
    let agrees = HeightVote::Agrees;
    let against = |other| HeightVote::Contradicts { other, number: 90 };
    let contradicted = |other| Judgement::Contradicted { other, number: 90 };
    for (votes, expected) in [
        (vec![], Judgement::Believed(100)),
        (vec![agrees(97)], Judgement::Believed(97)),
        // It is not higher than itself.
        (vec![agrees(120)], Judgement::Believed(100)),
        (vec![agrees(97), agrees(99)], Judgement::Believed(99)),
        (vec![against(1)], contradicted(1)),
        (vec![agrees(97), against(2)], Judgement::Believed(97)),
        (vec![against(1), against(2)], contradicted(1)),
        (vec![against(1), agrees(97), against(3)], contradicted(1)),
    ] {
        assert_eq!(judge(100, &votes), expected, "{votes:?}");
    }
}
