//! What an operator does with its bond.

use llm_oracle_tests::{World, UNIT};

#[tokio::test(flavor = "multi_thread")]
async fn a_bond_grows_and_is_put_aside_and_released_only_in_time() {
    let world = World::new(1).await;
    let (suri, params) = (world.operators[0].suri.clone(), &world.config.params);
    let key = ["--suri", &suri, "--json", "-y"];
    let run = |arguments: &'static [&'static str]| {
        let all = [arguments, &key].concat();
        let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
        let world = &world;
        async move {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            world.cli(&all).await
        }
    };
    let grown = params.min_bond + 5 * UNIT;
    let bonded = run(&["operator", "bond", "--amount", "5UNIT"])
        .await
        .json(0);
    assert_eq!(bonded["bond"], grown.to_string(), "{bonded}");

    // What would leave less than the least bond stays; what is above it can go.
    run(&["operator", "unbond", "--amount", "6UNIT"])
        .await
        .refused(5, &["least"]);
    let aside = run(&["operator", "unbond", "--amount", "5UNIT"])
        .await
        .json(0);
    assert_eq!(aside["unbonding"], (5 * UNIT).to_string(), "{aside}");
    run(&["operator", "release"])
        .await
        .refused(5, &["released"]);

    let stranger = world.requester.suri.clone();
    let other = world
        .cli(&["operator", "release", "--suri", &stranger, "-y"])
        .await;
    other.refused(5, &["is not a registered operator"]);
}
