//! Relayers and commands as processes.

use crate::{
    command::{clean, tidy},
    eventually, setting,
    signer::Signer,
    world::{Key, World},
};
use llm_oracle_chain::ChainApi as _;
use llm_oracle_store::{Store, StoreIdentity};
use llm_oracle_support::address::{hex0x, ss58};
use std::{
    fmt::Write as _,
    fs::{self, File},
    net::SocketAddr,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
};

/// What a relayer is told about its model.
#[derive(Clone, Debug)]
pub enum Model {
    /// The same answer to everything.
    Says(&'static str),
    /// An answer for each prompt.
    Knows(&'static [(&'static str, &'static str)]),
    /// The real local one.
    Local,
    /// Any lines of TOML.
    Toml(String),
}

/// A relayer's folder: settings, store, log, record of its model's calls.
pub struct Setup {
    folder: PathBuf,
    identity: StoreIdentity,
}

/// A running relayer or signer. Dropping it kills it and waits.
pub struct Relayer {
    child: Child,
    log: PathBuf,
}

impl Setup {
    /// Writes the settings of a relayer named `name`.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn new(world: &World, name: &str, operators: &[&Key], model: &Model) -> Self {
        let folder = world.folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        let genesis = world.oracle.chain.genesis();
        let contract: &[u8; 32] = world.oracle.address.as_ref();
        let domain = world.config.domain;
        let identity = StoreIdentity {
            genesis,
            contract: *contract,
            domain,
        };
        let this = Self { folder, identity };
        fs::write(this.config(), this.toml(world, operators, model)).unwrap();
        this
    }

    fn toml(&self, world: &World, operators: &[&Key], model: &Model) -> String {
        let mut text = format!(
            "url = '{}'\ncontract = '{}'\ncode_hash = '{}'\nstore = 'store'\n",
            world.url,
            ss58(&world.oracle.address),
            hex0x(&world.code_hash),
        );
        text.push_str("[ops]\nlisten = '127.0.0.1:0'\n");
        text.push_str("[limits]\npoll_interval_ms = 500\ntakeover_delay_ms = 1000\n");
        for key in operators {
            writeln!(text, "[[operators]]\nsuri = '{}'", key.suri).unwrap();
        }
        text.push_str("[model]\n");
        let calls = self.calls_file();
        let scripted = |answer| {
            format!(
                "provider = 'scripted'\nanswer = '{answer}'\ncalls_file = '{}'\n",
                calls.display()
            )
        };
        match model {
            Model::Says(answer) => text.push_str(&scripted(*answer)),
            Model::Knows(table) => {
                text.push_str(&scripted("abstain"));
                text.push_str("[model.answers]\n");
                for (prompt, answer) in *table {
                    writeln!(text, "'{prompt}' = '{answer}'").unwrap();
                }
            }
            Model::Local => {
                writeln!(
                    text,
                    "provider = 'local'\npath = '{}'",
                    setting::model().display()
                )
                .unwrap();
            }
            Model::Toml(lines) => text.push_str(lines),
        }
        text
    }

    /// The settings file.
    pub fn config(&self) -> PathBuf {
        self.folder.join("relayer.toml")
    }

    /// The store's folder.
    pub fn store_path(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// Where a running relayer listens, once it does.
    pub fn listens_at(&self) -> Option<String> {
        fs::read_to_string(self.store_path().join("ops-address"))
            .ok()
            .filter(|address| !address.is_empty())
    }

    fn calls_file(&self) -> PathBuf {
        self.folder.join("calls")
    }

    /// How often the scripted model was asked, over all processes.
    pub fn calls(&self) -> usize {
        fs::read_to_string(self.calls_file())
            .unwrap_or_default()
            .lines()
            .count()
    }

    /// What the relayer has stored. Only while no process works with it.
    ///
    /// # Panics
    /// When it does not open.
    pub fn store(&self) -> Store {
        Store::open(&self.store_path(), &self.identity).unwrap()
    }

    /// Starts a relayer.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self) -> Relayer {
        self.run_with(&[], &[])
    }

    /// Starts a relayer that finds its lost answers again.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run_recovering(&self) -> Relayer {
        self.run_with(&[], &["--recover"])
    }

    /// The same relayer with a second copy of its answers.
    ///
    /// # Panics
    /// When its settings cannot be written.
    #[must_use]
    pub fn with_copy(self) -> Self {
        self.with("backup_dir = 'copy'")
    }

    /// The same relayer as one of several replicas: they share a database and its salt secret.
    ///
    /// # Panics
    /// When its settings or its secret cannot be written.
    #[must_use]
    pub fn sharing(self, url: &str) -> Self {
        use std::{
            io::Write,
            os::unix::fs::{DirBuilderExt, OpenOptionsExt},
        };
        let store = self.store_path();
        fs::DirBuilder::new().mode(0o700).create(&store).unwrap();
        let mut options = File::options();
        let options = options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(store.join("salt-secret-1")).unwrap();
        file.write_all(&[7; 32]).unwrap();
        self.with(&format!("store_url = '{url}'"))
    }

    /// The same relayer with a further line at the top of its settings.
    ///
    /// # Panics
    /// When its settings cannot be written.
    #[must_use]
    pub fn with(self, line: &str) -> Self {
        let text = fs::read_to_string(self.config()).unwrap();
        fs::write(self.config(), format!("{line}\n{text}")).unwrap();
        self
    }

    /// The same relayer with a part of its settings written otherwise.
    ///
    /// # Panics
    /// When its settings don't have the part, or cannot be written.
    #[must_use]
    pub fn rewritten(self, part: &str, by: &str) -> Self {
        let text = fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(part), "no '{part}' in {text}");
        fs::write(self.config(), text.replacen(part, by, 1)).unwrap();
        self
    }

    /// Starts a relayer as a shell does: `script` has the program and its arguments in `"$@"`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run_by(&self, script: &str) -> Relayer {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "sh"]).arg(setting::program());
        self.start(tidy(command, &self.folder), &[], &[])
    }

    /// The same relayer with a further line in its limits.
    ///
    /// # Panics
    /// When its settings cannot be written.
    #[must_use]
    pub fn with_limit(self, line: &str) -> Self {
        self.rewritten("[limits]\n", &format!("[limits]\n{line}\n"))
    }

    /// The same relayer as a peer: where it listens, further settings, and whom it knows where.
    ///
    /// # Panics
    /// When its settings cannot be written.
    #[must_use]
    pub fn with_peers(
        self,
        listens: SocketAddr,
        settings: &str,
        others: &[(&Key, SocketAddr)],
    ) -> Self {
        let relayer = |(key, address): &(&Key, SocketAddr)| {
            let account = ss58(&key.account);
            format!("{{ url = 'http://{address}', operators = ['{account}'] }}")
        };
        let relayers: Vec<String> = others.iter().map(relayer).collect();
        let relayers = relayers.join(", ");
        self.with(&format!(
            "peers = {{ listen = '{listens}', {settings}relayer = [{relayers}] }}"
        ))
    }

    /// Starts a relayer that dies by SIGKILL at a crash point.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run_until(&self, point: &str) -> Relayer {
        self.run_with(&[(llm_oracle_store::crash_point::CRASH_AT, point)], &[])
    }

    /// Starts a relayer with further variables and arguments.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Relayer {
        self.start(clean(&self.folder), variables, arguments)
    }

    fn start(&self, command: Command, variables: &[(&str, &str)], arguments: &[&str]) -> Relayer {
        let config = self.config();
        let first = ["relayer", "run", "--config", config.to_str().unwrap()];
        let arguments = [&first[..], arguments].concat();
        start(command, &self.folder, &arguments, variables)
    }

    /// The same relayer without its operators' keys: a signer has them.
    ///
    /// # Panics
    /// When its settings cannot be written.
    #[must_use]
    pub fn held_by(self, signer: &Signer, operators: &[&Key]) -> Self {
        let mut text = fs::read_to_string(self.config()).unwrap();
        let socket = signer.socket();
        for key in operators {
            let account = ss58(&key.account);
            let held = format!("signer = '{}'\naccount = '{account}'", socket.display());
            text = text.replace(&format!("suri = '{}'", key.suri), &held);
        }
        fs::write(self.config(), text).unwrap();
        self
    }
}

/// Starts the program with its log in the folder.
pub(crate) fn launch(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Relayer {
    start(clean(folder), folder, arguments, variables)
}

fn start(
    mut command: Command,
    folder: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Relayer {
    let log = folder.join("log");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&log)
        .unwrap();
    let child = command
        .args(arguments)
        .env("LLM_ORACLE_LOG", "llm_oracle=debug,warn")
        .envs(variables.iter().copied())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    Relayer { child, log }
}

impl Relayer {
    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Process number, for measuring.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, as a service manager does.
    ///
    /// # Panics
    /// When it cannot be signalled.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Stops it as a machine does that hangs, until [`Self::thaw`].
    ///
    /// # Panics
    /// When it cannot be signalled.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on as if no time had passed.
    ///
    /// # Panics
    /// When it cannot be signalled.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Kills it with SIGKILL and waits.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it ends by itself.
    pub async fn end(&mut self) -> ExitStatus {
        eventually("end of the relayer", || {
            let ended = self.child.try_wait().unwrap();
            async move { ended }
        })
        .await
    }

    /// Waits until SIGKILL ends it.
    ///
    /// # Panics
    /// When it ends in another way.
    pub async fn killed(&mut self) {
        let status = self.end().await;
        assert_eq!(
            status.signal(),
            Some(9),
            "{status}: {}",
            setting::tail(&self.log)
        );
    }
}

impl Drop for Relayer {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", setting::tail(&self.log));
        }
    }
}
