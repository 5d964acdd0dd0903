//! Clients that know nothing of this repository but the contract's bundle load it, ask and read.
//! What they check is in `tests/clients`.

use llm_oracle_cli::config::paths;
use llm_oracle_primitives::{Answer, Outcome};
use llm_oracle_support::address::ss58;
use llm_oracle_tests::{
    process::{Model, Setup},
    World, PATIENCE,
};
use std::{
    env, fs,
    io::{self, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Names the folder with the clients' packages.
const PACKAGES: &str = "LLM_ORACLE_CLIENTS";

#[tokio::test(flavor = "multi_thread")]
async fn general_clients_ask_and_read() {
    let Some(packages) = variable(PACKAGES) else {
        // Not `eprintln`, which nobody sees of a test that passes.
        writeln!(
            io::stderr(),
            "general_clients_ask_and_read is skipped: {PACKAGES} is not set; \
             ./scripts/setup.sh --clients installs the clients and prints it"
        )
        .unwrap();
        return;
    };
    let world = World::new(1).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let _relayer = setup.run();
    let folder = world.folder.path().join("clients");
    copy_scripts(&folder, &packages);
    for (id, script) in (0..).zip(["polkadot.mjs", "dedot.mjs"]) {
        let output = run(&world, &folder.join(script)).await;
        assert!(
            output.status.success(),
            "{script}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let outcome = world.view(id).await.outcome;
        let yes = Answer::Bool(true);
        assert!(
            matches!(&outcome, Some(Outcome::Answered { answer, .. }) if *answer == yes),
            "{script} asked request {id}: {outcome:?}"
        );
    }
}

/// The scripts as they are now, beside the packages: that is where an import is looked for.
fn copy_scripts(folder: &Path, packages: &Path) {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    fs::create_dir(folder).unwrap();
    symlink(packages.join("node_modules"), folder.join("node_modules")).unwrap();
    for entry in fs::read_dir(scripts).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "mjs") {
            fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
    }
}

async fn run(world: &World, script: &Path) -> Output {
    let artifacts = variable("LLM_ORACLE_ARTIFACTS").unwrap_or_else(paths::artifacts);
    let contract = ss58(&world.oracle.address);
    let timeout_s = PATIENCE.as_secs().to_string();
    let mut command = Command::new("node");
    command
        .arg(script)
        .args(["--url", &world.url, "--contract", &contract])
        .arg("--bundle")
        .arg(artifacts.join("llm_oracle.contract"))
        .args(["--suri", &world.requester.suri])
        .args(["--answer", "--timeout", &timeout_s])
        .stdin(Stdio::null());
    // A thread of its own: the test goes on with the chain meanwhile.
    tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap_or_else(|error| panic!("node: {error}; {PACKAGES} is set, so it should be there"))
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
