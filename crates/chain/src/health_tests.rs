use super::*;

fn head(number: BlockNumber) -> Head {
    Head {
        hash: [u8::try_from(number % 251).unwrap_or(0); 32],
        number,
    }
}

fn good() -> Sight {
    Sight {
        genesis: [9; 32],
        syncing: false,
        peers: 3,
        wants_peers: true,
        best: head(102),
        finalized: head(100),
        still_ms: 5_000,
        at_seen: Some(head(90).hash),
        at_common: None,
    }
}

fn known() -> Known {
    Known {
        genesis: Some([9; 32]),
        seen: Some(head(90)),
        block_ms: Some(6_000),
    }
}

#[test]
fn the_table() {
    let back = Unfit::SetBack {
        seen: head(90),
        found: 89,
    };
    let replaced = |found| Unfit::Replaced {
        seen: head(90),
        found,
    };
    for (name, sight, verdict) in [
        ("good", good(), None),
        (
            "other chain",
            Sight {
                genesis: [8; 32],
                ..good()
            },
            Some(Unfit::OtherChain { found: [8; 32] }),
        ),
        (
            "syncing",
            Sight {
                syncing: true,
                ..good()
            },
            Some(Unfit::Syncing),
        ),
        ("alone", Sight { peers: 0, ..good() }, Some(Unfit::Alone)),
        (
            "alone on a chain of one node",
            Sight {
                peers: 0,
                wants_peers: false,
                ..good()
            },
            None,
        ),
        (
            "set back",
            Sight {
                finalized: head(89),
                at_seen: None,
                ..good()
            },
            Some(back),
        ),
        (
            "at the height that was seen",
            Sight {
                finalized: head(90),
                ..good()
            },
            Some(Unfit::Lagging { behind: 10 }),
        ),
        (
            "another block there",
            Sight {
                at_seen: Some([7; 32]),
                ..good()
            },
            Some(replaced(Some([7; 32]))),
        ),
        (
            "no block there",
            Sight {
                at_seen: None,
                ..good()
            },
            Some(replaced(None)),
        ),
        (
            "three block times",
            Sight {
                still_ms: 18_000,
                ..good()
            },
            None,
        ),
        (
            "longer than three block times",
            Sight {
                still_ms: 18_001,
                ..good()
            },
            Some(Unfit::Stalled { still_ms: 18_001 }),
        ),
        (
            "as far behind as may be",
            Sight {
                finalized: head(95),
                ..good()
            },
            None,
        ),
        (
            "further behind",
            Sight {
                finalized: head(94),
                ..good()
            },
            Some(Unfit::Lagging { behind: 6 }),
        ),
    ] {
        assert_eq!(unfit(&sight, &known(), 100), verdict, "{name}");
    }
    let on_demand = Known {
        block_ms: None,
        seen: None,
        ..known()
    };
    let old = Sight {
        still_ms: u64::MAX,
        ..good()
    };
    assert_eq!(unfit(&old, &on_demand, 100), None, "blocks on demand");
}

#[test]
fn the_node_in_use_stays_until_it_is_unfit() {
    let bad = Sight {
        syncing: true,
        ..good()
    };
    for (sights, current, verdict) in [
        ([Some(good()), Some(good())], None, Verdict::Use(0)),
        ([Some(good()), Some(good())], Some(1), Verdict::Use(1)),
        ([Some(good()), Some(bad)], Some(1), Verdict::Use(0)),
        ([None, Some(good())], Some(0), Verdict::Use(1)),
        ([None, Some(bad)], Some(0), Verdict::Nobody),
        ([None, None], None, Verdict::Nobody),
    ] {
        assert_eq!(judge(&sights, &known(), current), verdict);
    }
}

#[test]
fn two_that_contradict_each_other_stop_everything() {
    let says = |hash: u8| {
        Some(Sight {
            at_common: Some([hash; 32]),
            ..good()
        })
    };
    assert_eq!(
        judge(&[says(1), None, says(2)], &known(), Some(0)),
        Verdict::Disagree { one: 0, other: 2 }
    );
    assert_eq!(
        judge(&[says(1), says(1)], &known(), Some(0)),
        Verdict::Use(0)
    );
    // One that is syncing claims nothing.
    let syncing = says(2).map(|sight| Sight {
        syncing: true,
        ..sight
    });
    assert_eq!(
        judge(&[says(1), syncing], &known(), Some(0)),
        Verdict::Use(0)
    );
}

#[test]
fn heights_are_compared_where_both_are_final() {
    let at = |number| {
        Some(Sight {
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
