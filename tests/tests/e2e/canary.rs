//! Secrets stay where they are: unique ones are given to real processes, and then looked for in
//! everything that these say, write and send.

use crate::ops::get;
use base64::{
    alphabet::{STANDARD, URL_SAFE},
    engine::{general_purpose::NO_PAD, GeneralPurpose},
    Engine as _,
};
use llm_oracle_primitives::{AccountId, Hash};
use llm_oracle_signing::{account_of, load_key, KeySource, Signer as _};
use llm_oracle_store::crash_point;
use llm_oracle_support::address::ss58;
use llm_oracle_tests::{
    eventually, keystore,
    process::{Model, Setup},
    questions::yes_or_no,
    recorder::{unmasked, Recorder},
    report, Cli, Key, Signer, World, UNIT,
};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// A secret and its name.
struct Canary(&'static str, Vec<u8>);

impl Canary {
    /// Everything that would give it away: as it is, in hex, in base64 wherever it stands in a longer text.
    fn forms(&self) -> Vec<Vec<u8>> {
        let raw = &self.1;
        let hex = hex::encode(raw);
        let mut forms = vec![raw.clone(), hex.to_uppercase().into(), hex.into()];
        for alphabet in [&STANDARD, &URL_SAFE] {
            let engine = GeneralPurpose::new(alphabet, NO_PAD);
            for before in 0..3 {
                let text = engine.encode([&vec![0; before][..], raw].concat());
                // The first characters hold bits of what stands before, the last ones of what follows.
                let (from, to) = ((before * 8).div_ceil(6), text.len() - 2);
                forms.push(text.as_bytes()[from..to].to_vec());
            }
        }
        forms
    }

    fn is_in(&self, place: &[u8]) -> bool {
        let found = |form: &Vec<u8>| place.windows(form.len()).any(|part| part == form);
        self.forms().iter().any(found)
    }
}

/// What processes said, wrote and sent, by place.
#[derive(Default)]
struct Places(Vec<(String, Vec<u8>)>);

impl Places {
    fn add(&mut self, place: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((place.into(), bytes.into()));
    }

    fn heard(&mut self, place: &str, told: &Cli) {
        let text = format!("{}\n{}", told.stdout, told.stderr);
        self.add(place, text);
    }

    /// Every file below a folder but the secret ones and what tests wrote themselves.
    fn files(&mut self, folder: &Path, but: &BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                self.files(&path, but);
            } else if path.is_file() && !but.contains(&path) && !name.starts_with("salt-secret-") {
                self.add(path.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }

    fn hits(&self, canaries: &[Canary]) -> Vec<String> {
        let mut hits = Vec::new();
        for (place, bytes) in &self.0 {
            let found = canaries.iter().filter(|canary| canary.is_in(bytes));
            hits.extend(found.map(|canary| format!("{} in {place}", canary.0)));
        }
        hits
    }
}

/// A file of mode 0600.
fn secret(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

const API_KEY: &str = "sk-canary-5a17b0d8c3";
const KEYSTORE_PASSWORD: &str = "canary-of-the-keystore-71";
const NODE_PASSWORD: &str = "canary-of-the-node-93";
const PHRASE: &str = "canary phrase of nobody 48";

const SEED: [u8; 32] = *b"canary seed of operator number 1";
const KEYSTORE_SEED: [u8; 32] = *b"canary seed of operator number 2";
const SALT_SECRET: [u8; 32] = *b"canary secret that makes salts 3";

fn canaries() -> Vec<Canary> {
    let expanded = |seed| keystore::expanded(seed).to_vec();
    vec![
        Canary("the seed", SEED.to_vec()),
        Canary("the seed's key", expanded(&SEED)[..32].to_vec()),
        Canary("the seed's nonce", expanded(&SEED)[32..].to_vec()),
        Canary("the keystore's seed", KEYSTORE_SEED.to_vec()),
        Canary(
            "the keystore's key",
            expanded(&KEYSTORE_SEED)[..32].to_vec(),
        ),
        Canary("the keystore's password", KEYSTORE_PASSWORD.into()),
        Canary("the salt secret", SALT_SECRET.to_vec()),
        Canary("the API key", API_KEY.into()),
        Canary("the node's password", NODE_PASSWORD.into()),
        Canary("a phrase in the wrong place", PHRASE.into()),
    ]
}

/// A funded and registered operator whose key is in no settings file.
async fn operator(world: &World, path: &Path) -> Key {
    let source = KeySource {
        suri_file: Some(path.to_owned()),
        ..KeySource::default()
    };
    let pair = load_key(&source).unwrap();
    let account = account_of(&pair);
    let requester = &world.requester.pair;
    world
        .chain()
        .transfer(requester, &account, 1_000 * UNIT)
        .await
        .unwrap();
    let key = Key {
        suri: String::new(),
        pair,
        account,
    };
    world.register(&key).await;
    key
}

/// Secrets in files, and a relayer that is told where they are.
struct Stage {
    world: World,
    setup: Setup,
    inputs: PathBuf,
    model: Recorder,
    /// All ways to the node: the second one by a URL with a password.
    node: [Recorder; 2],
    operators: Vec<AccountId>,
}

/// What a careless server answers: it repeats the key it was sent.
fn model_answers() -> Vec<(u16, String)> {
    let said = |text: &str| {
        serde_json::json!({
            "model": "canary-model",
            "choices": [{ "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 3, "completion_tokens": 1 },
        })
        .to_string()
    };
    let fault = |text: &str| format!("{{\"error\":{{\"message\":\"{text}: Bearer {API_KEY}\"}}}}");
    vec![
        (500, fault("it failed with")),
        (429, fault("slow down")),
        (200, format!("no JSON, {API_KEY}")),
        (200, said(&format!("You sent {API_KEY}, what of it?"))),
        (200, said("yes")),
    ]
}

async fn stage() -> Stage {
    let world = World::new(0).await;
    let inputs = world.folder.path().join("inputs");
    fs::create_dir(&inputs).unwrap();
    secret(&inputs.join("seed"), format!("0x{}\n", hex::encode(SEED)));
    secret(
        &inputs.join("seed2"),
        format!("0x{}", hex::encode(KEYSTORE_SEED)),
    );
    secret(&inputs.join("password"), KEYSTORE_PASSWORD);
    secret(&inputs.join("api.key"), API_KEY);
    let first = operator(&world, &inputs.join("seed")).await;
    let second = operator(&world, &inputs.join("seed2")).await;
    let public: &[u8; 32] = second.account.as_ref();
    let address = ss58(&second.account);
    let exported = keystore::export(&KEYSTORE_SEED, public, &address, KEYSTORE_PASSWORD);
    // Not among the inputs: what is encrypted gives nothing away, and is searched too.
    secret(&world.folder.path().join("keystore.json"), exported);

    let model = Recorder::model(model_answers()).await;
    let host = world.url.trim_start_matches("ws://").to_owned();
    // No other way: the relayer stays with whichever it reaches first.
    let node = [
        Recorder::way_to(host.clone()).await,
        Recorder::way_to(host).await,
    ];
    let lines = format!(
        "provider = 'openai'\nbase_url = 'http://{}/v1'\nmodel = 'canary-model'\napi_key_file = '../inputs/api.key'\n\
         [[operators]]\nsuri_file = '../inputs/seed'\n\
         [[operators]]\nkeystore = '../keystore.json'\npassword_file = '../inputs/password'\n",
        model.address
    );
    let setup = Setup::new(&world, "relayer", &[], &Model::Toml(lines));
    let settings = fs::read_to_string(setup.config()).unwrap();
    let settings = settings.replacen(&world.url, &format!("ws://{}", node[0].address), 1);
    fs::write(setup.config(), settings).unwrap();
    let urls = format!(
        "urls = ['ws://operator:{NODE_PASSWORD}@{}', 'ws://operator:{NODE_PASSWORD}@127.0.0.1:1']\nbackup_dir = 'copy'",
        node[1].address
    );
    let setup = setup.with(&urls);
    let mut private = fs::DirBuilder::new();
    private.mode(0o700).create(setup.store_path()).unwrap();
    secret(&setup.store_path().join("salt-secret-1"), SALT_SECRET);
    Stage {
        operators: vec![first.account, second.account],
        world,
        setup,
        inputs,
        model,
        node,
    }
}

impl Stage {
    async fn cli(&self, config: &Path, arguments: &[&str]) -> Cli {
        let common = ["-vv", "--config", config.to_str().unwrap()];
        Cli::run(self.world.folder.path(), &[&common[..], arguments].concat()).await
    }

    /// Settings that are wrong in a way that a secret is near.
    async fn mistakes(&self, places: &mut Places) {
        let good = fs::read_to_string(self.setup.config()).unwrap();
        let exposed = self.inputs.join("exposed");
        fs::write(&exposed, hex::encode(SEED)).unwrap();
        secret(&self.inputs.join("other-password"), NODE_PASSWORD);
        secret(&self.inputs.join("no.key"), format!("{API_KEY} {API_KEY}"));
        let seed = "suri_file = '../inputs/seed'";
        for (mistake, text) in [
            (
                "a line without its end",
                good.replace(seed, &format!("suri = \"{PHRASE}")),
            ),
            (
                "a phrase as a development key",
                good.replace(seed, &format!("suri = '{PHRASE}'")),
            ),
            (
                "a list in the place of a text",
                good.replace(seed, &format!("suri = ['{PHRASE}']")),
            ),
            (
                "a text in the place of a list",
                format!(
                    "operators = '{PHRASE}'\n{}",
                    good.split("[[operators]]").next().unwrap()
                ),
            ),
            (
                "a text in the place of a number",
                good.replace(
                    "poll_interval_ms = 500",
                    &format!("poll_interval_ms = '{PHRASE}'"),
                ),
            ),
            (
                "a phrase as a number of planck",
                good.replace("poll_interval_ms = 500", &format!("max_fee = '{PHRASE}'")),
            ),
            (
                "a file that others read",
                good.replace(seed, "suri_file = '../inputs/exposed'"),
            ),
            (
                "another password",
                good.replace("inputs/password", "inputs/other-password"),
            ),
            (
                "two keys in one file",
                good.replace("inputs/api.key", "inputs/no.key"),
            ),
            (
                "no such contract",
                good.replace("contract = '5", "contract = '4"),
            ),
        ] {
            assert_ne!(text, good, "{mistake}");
            // They stay: the search has to find what is in them.
            let bad = self
                .inputs
                .join(format!("{}.toml", mistake.replace(' ', "-")));
            fs::write(&bad, text).unwrap();
            for verb in [
                &["relayer", "run"][..],
                &["doctor"],
                &["config", "show", "--json"],
            ] {
                // Some of it can be shown and not run; what is said counts, not the code.
                let told = self.cli(&bad, verb).await;
                if verb[0] == "relayer" {
                    assert_ne!(told.code, 0, "{mistake}: {told:?}");
                }
                places.heard(&format!("{mistake}, {}", verb.join(" ")), &told);
            }
        }
        for arguments in [
            &["operator", "show", "--suri", PHRASE][..],
            &["signer", "run"],
        ] {
            let bad = self.inputs.join("no-such-contract.toml");
            places.heard(arguments[0], &self.cli(&bad, arguments).await);
        }
    }

    /// A request from beginning to end, with a crash between, everything logged.
    ///
    /// Gives the commitments, which are on the chain and so were sent there.
    async fn life(&self, places: &mut Places) -> Vec<Hash> {
        let trace = ("LLM_ORACLE_LOG", "trace");
        let crash = (crash_point::CRASH_AT, crash_point::COMMIT_FINAL);
        let mut doomed = self.setup.run_with(&[trace, crash], &[]);
        let id = self.world.ask(&yes_or_no(2)).await;
        doomed.killed().await;
        let mut relayer = self.setup.run_with(&[trace], &["--log-json"]);
        let view = self.world.ended(id).await;
        let listening = || async { self.setup.listens_at() };
        let address = eventually("listening relayer", listening).await;
        let evidence = format!("/evidence/0x{}", hex::encode(view.seats[0].evidence));
        eventually("published evidence", || async {
            get(&address, &evidence).0.contains("200").then_some(())
        })
        .await;
        for path in [
            "/metrics", "/status", "/livez", "/readyz", "/nothing", &evidence,
        ] {
            let (head, body) = get(&address, path);
            places.add(path, format!("{head}\n{body}"));
        }
        let config = self.setup.config();
        places.heard("status", &self.cli(&config, &["relayer", "status"]).await);
        places.heard(
            "doctor beside it",
            &self.cli(&config, &["doctor", "--json"]).await,
        );
        relayer.terminate();
        relayer.end().await;
        let out = self.world.folder.path().join("evidence");
        let id = id.to_string();
        for arguments in [
            &["config", "show"][..],
            &["config", "show", "--json"],
            &["doctor"],
            &["evidence", "export", "--out", out.to_str().unwrap()],
            &["verify", &id, "--evidence", out.to_str().unwrap()],
        ] {
            places.heard(&arguments.join(" "), &self.cli(&config, arguments).await);
        }
        view.seats.iter().map(|seat| seat.commitment).collect()
    }

    /// The same keys in a signer.
    async fn signer(&self, places: &mut Places) {
        let file = |name: &str| self.inputs.join(name).display().to_string();
        let sources = [
            format!("suri_file = '{}'", file("seed")),
            format!(
                "keystore = '{}'\npassword_file = '{}'",
                self.world.folder.path().join("keystore.json").display(),
                file("password")
            ),
        ];
        let signer = Signer::with_sources(&self.world, "signer", &sources).await;
        let _running = signer
            .run_with(self.operators[1], &[("LLM_ORACLE_LOG", "trace")])
            .await;
        let remote = signer.remote(self.operators[0]);
        let mut registration = self.world.registration(self.operators[0]);
        let signed = remote.sign_registration(&registration);
        registration.domain = [0; 32];
        let refused = remote.sign_registration(&registration).unwrap_err();
        places.add("the signer's refusal", refused.to_string());
        places.add("the signer's signature", signed.unwrap());
    }

    /// What left for the model: its server is told its key, in one place.
    fn to_the_model(&self, places: &mut Places) {
        let requests = self.model.seen();
        for (number, request) in requests.iter().enumerate() {
            let (told, rest) = apart(request);
            let key = Canary("", API_KEY.into());
            assert!(key.is_in(&told), "it is how it shows itself");
            places.add(format!("request {number} to the model"), rest);
        }
        let count = requests.len();
        assert!(count >= 5, "{count} requests to the model");
    }

    /// What left for the node, whose password is told in one place. The control: these commitments
    /// are there in the clear, so that what was sent is what is searched. Gives the transactions.
    fn to_the_node(&self, commitments: &[Hash], places: &mut Places) -> usize {
        let mut all = String::new();
        let mut told_password = 0;
        for (way, recorder) in self.node.iter().enumerate() {
            for (number, bytes) in recorder.seen().iter().enumerate() {
                let (told, rest) = apart(&unmasked(bytes));
                told_password += usize::from(!told.is_empty());
                assert!(way == 1 || told.is_empty(), "the first way has no password");
                all.push_str(&String::from_utf8_lossy(&rest));
                all.push('\n');
                places.add(format!("connection {number} to the node, way {way}"), rest);
            }
        }
        assert!(told_password > 0, "it is how it shows itself");
        assert!(!commitments.is_empty());
        let sent: Vec<&str> = all
            .lines()
            .filter(|line| line.contains("author_submitExtrinsic"))
            .collect();
        for commitment in commitments {
            let commitment = hex::encode(commitment);
            let is_in = |line: &&str| line.contains(&commitment);
            assert!(
                sent.iter().any(is_in),
                "the commitment {commitment} was sent"
            );
        }
        sent.len()
    }
}

/// The header that says who asks, and the rest of what was sent.
fn apart(sent: &[u8]) -> (Vec<u8>, Vec<u8>) {
    const HEADER: &[u8] = b"authorization:";
    let is_told = |line: &[u8]| {
        let head = line.get(..HEADER.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(HEADER))
    };
    let lines = sent.split(|byte| *byte == b'\n');
    let (told, rest): (Vec<&[u8]>, Vec<&[u8]>) = lines.partition(|line| is_told(line));
    assert!(told.len() <= 1, "one header says it");
    (told.concat(), rest.join(&b'\n'))
}

#[tokio::test(flavor = "multi_thread")]
async fn canary_secret_never_leaves() {
    let canaries = canaries();
    let stage = stage().await;
    let mut places = Places::default();
    let commitments = stage.life(&mut places).await;
    stage.mistakes(&mut places).await;
    stage.signer(&mut places).await;
    stage.to_the_model(&mut places);
    let sent = stage.to_the_node(&commitments, &mut places);
    let settings = BTreeSet::from([stage.setup.config()]);
    let inputs = fs::read_dir(&stage.inputs).unwrap();
    let inputs = inputs
        .map(|entry| entry.unwrap().path())
        .chain(settings)
        .collect();
    places.files(stage.world.folder.path(), &inputs);
    let bytes: usize = places.0.iter().map(|(_, bytes)| bytes.len()).sum();
    let hits = places.hits(&canaries);
    // The search itself finds what is there: each file with a secret is a hit.
    let mut control = Places::default();
    for path in &inputs {
        control.add(path.display().to_string(), fs::read(path).unwrap());
    }
    control.add(
        "salt-secret-1",
        fs::read(stage.setup.store_path().join("salt-secret-1")).unwrap(),
    );
    let found = control.hits(&canaries);
    for sure in [
        "the seed in",
        "the keystore's seed in",
        "the keystore's password in",
        "the salt secret in",
        "the API key in",
        "the node's password in",
        "a phrase in the wrong place in",
    ] {
        assert!(
            found.iter().any(|hit| hit.starts_with(sure)),
            "the search misses {sure}: {found:?}"
        );
    }
    let forms: usize = canaries.iter().map(|canary| canary.forms().len()).sum();
    let counts = format!(
        "{} canaries in {forms} forms, {} places, {bytes} bytes, {sent} transactions sent in the clear, {} hits ({} where they belong)",
        canaries.len(),
        places.0.len(),
        hits.len(),
        found.len(),
    );
    report("canary_secret_never_leaves", &counts);
    assert!(hits.is_empty(), "{hits:#?}");
}
