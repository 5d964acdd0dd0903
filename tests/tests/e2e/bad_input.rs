//! What is wrong is refused by its value, with its code, and changes nothing.

use llm_oracle_chain::{messages, ChainError, TxOptions};
use llm_oracle_llm::ProviderConfig;
use llm_oracle_primitives::{Error, Params};
use llm_oracle_support::address::ss58;
use llm_oracle_tests::{
    process::{Model, Setup},
    questions::yes_or_no,
    setting, Cli, Key, World, UNIT,
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

async fn run_relayer(world: &World, config: &Path) -> Cli {
    Cli::run(
        world.folder.path(),
        &["relayer", "run", "--config", config.to_str().unwrap()],
    )
    .await
}

/// A refusal by `relayer run`: its log goes to stderr as well, so only parts are looked for.
fn assert_refused(cli: &Cli, code: i32, parts: &[&str]) {
    cli.refused(code, parts);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_questions_and_numbers_change_nothing() {
    let world = World::new(0).await;
    let suri = world.requester.suri.clone();
    let long = "x".repeat(8193);
    let ask = |prompt: &str, more: &[&str]| {
        let all = [&["ask", prompt, "--bool", "--suri", suri.as_str()], more].concat();
        all.into_iter().map(String::from).collect::<Vec<_>>()
    };
    for (arguments, code, parts) in [
        (ask(&long, &[]), 2, &["8193 bytes", "8192"][..]),
        (
            ask("Is it?", &["--reward", "1"]),
            5,
            &["1 planck", "10000000000"],
        ),
        (ask("Is it?", &["--value", "1"]), 5, &["1 planck"]),
        (ask("Is it?", &["--commit-blocks", "1"]), 5, &["1 blocks"]),
        (
            ask("Is it?", &["--seats", "1", "--named", "//Nobody"]),
            5,
            &["not registered"],
        ),
        (vec!["show".into(), "99".into()], 5, &["99"]),
        (
            vec!["show".into(), "99".into(), "--watch".into()],
            5,
            &["99"],
        ),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        world.cli(&arguments).await.refused(code, parts);
    }
    for verb in ["advance", "deliver", "prune"] {
        world
            .cli(&[verb, "99", "--suri", &suri])
            .await
            .refused(5, &["99"]);
    }
    let account = ss58(&world.owner.account);
    world
        .cli(&["withdraw", &account, "--suri", &suri])
        .await
        .refused(5, &["nothing to pay out"]);
    assert_eq!(world.oracle.next_id(None).await.unwrap(), 0);
    assert_eq!(world.oracle.ledger(None).await.unwrap().total, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_refuses_an_overlong_prompt_whatever_the_client_lets_through() {
    let world = World::new(0).await;
    let mut terms = yes_or_no(3);
    terms.prompt = vec![b'x'; 8193];
    let call = messages::ask(&terms, world.config.params.min_reward, false);
    let key = &world.requester.pair;
    let to = &world.oracle.address;
    let sent = world
        .chain()
        .call(key, to, UNIT, &call, TxOptions::default())
        .await;
    assert!(
        matches!(
            sent,
            Err(ChainError::Contract(Error::PromptTooLong {
                bytes: 8193,
                ..
            }))
        ),
        "{sent:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_no_oracle_of_this_chain_are_refused() {
    let world = World::new(0).await;
    let chain = world.chain();
    let market = ss58(&world.market().await.address);
    let nobody = ss58(&Key::new("//Nobody").account);
    let params = Params::for_unit(UNIT);
    let foreign = messages::new([7; 32], UNIT, &params, None);
    let wasm = setting::wasm("llm_oracle");
    let foreign = chain
        .deploy(&world.owner.pair, &wasm, &foreign, 0, &[1], None)
        .await
        .unwrap();
    let foreign = ss58(&foreign.address);
    let suri = &world.requester.suri;
    for (address, part) in [
        (&market, "interface_version"),
        (&nobody, "no contract"),
        (&foreign, "another node"),
    ] {
        let part = if part == "another node" {
            "genesis"
        } else {
            part
        };
        let flags = ["--url", &world.url, "--contract", address];
        for verb in [&["list"][..], &["ask", "Is it?", "--bool", "--suri", suri]] {
            let cli = Cli::run(world.folder.path(), &[verb, &flags].concat()).await;
            cli.refused(8, &[part]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn relayers_refuse_wrong_settings_keys_models_and_contracts() {
    let world = World::new(1).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let good = fs::read_to_string(setup.config()).unwrap();
    let config = world.folder.path().join("wrong.toml");
    let key = world.folder.path().join("key");
    fs::write(&key, &world.operators[0].suri).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let no_gguf = world.folder.path().join("model.gguf");
    fs::write(&no_gguf, "this is no model").unwrap();
    let suri = format!("suri = '{}'", world.operators[0].suri);
    let model = good.find("[model]").unwrap();
    let local = format!(
        "{}[model]\nprovider = 'local'\npath = '{}'\n",
        &good[..model],
        no_gguf.display()
    );
    let code_hash = llm_oracle_support::address::hex0x(&world.code_hash);
    for (text, code, parts) in [
        (
            format!("colour = 'red'\n{good}"),
            2,
            vec!["colour", "wrong.toml"],
        ),
        (
            good.replace("poll_interval_ms", "pull_ms"),
            2,
            vec!["pull_ms"],
        ),
        (
            good.replace(&suri, &format!("suri_file = '{}'", key.display())),
            2,
            vec!["644", "chmod 600"],
        ),
        (
            good.replace(&suri, "suri = '//Nobody'"),
            5,
            vec!["not registered"],
        ),
        (local, 6, vec!["model.gguf"]),
        (
            good.replace(&code_hash, &format!("0x{}", "11".repeat(32))),
            8,
            vec!["0x1111", &code_hash],
        ),
        (
            good.replace(&world.url, "ws://127.0.0.1:9"),
            4,
            vec!["ws://127.0.0.1:9"],
        ),
    ] {
        fs::write(&config, &text).unwrap();
        assert_refused(&run_relayer(&world, &config).await, code, &parts);
    }
    assert_eq!(world.oracle.next_id(None).await.unwrap(), 0);
}

#[test]
fn a_file_that_is_no_gguf_is_refused_by_the_library_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs::write(&path, "this is no model").unwrap();
    let config = ProviderConfig::Local {
        path,
        threads: 1,
        name: None,
    };
    let error = llm_oracle_llm::build(&config).err().unwrap().to_string();
    assert!(error.contains("model.gguf"), "{error}");
}
