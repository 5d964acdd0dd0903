//! The relayers of a run: one process for all operators, or one for each.

use llm_oracle_tests::{
    process::{Model, Relayer, Setup},
    setting::free_addresses,
    World,
};
use std::path::PathBuf;

/// How operators share the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One process works for all: their commits and reveals travel together.
    Batched,
    /// Each operator has a process of its own, and they know nothing of each other.
    Itself,
    /// The same, and they hand their commits and reveals to one of them.
    OneCarrier,
}

impl Mode {
    /// Its name on the command line.
    pub fn short(self) -> &'static str {
        match self {
            Self::Batched => "batched",
            Self::Itself => "itself",
            Self::OneCarrier => "carrier",
        }
    }

    /// Its name in the result.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batched => "batched",
            Self::Itself => "each for itself",
            Self::OneCarrier => "one carrier",
        }
    }
}

/// The scripted model takes no time, and as many questions at once as there are.
const MODEL: &str = "provider = 'scripted'\nanswer = 'yes'\ncalls_at_once = 1024\n";
/// What peers wait for each other, on a chain this fast: three blocks are not enough to come into one.
const PATIENCE: &str = "transmitter_timeout_blocks = 15, batching_window_ms = 500, ";
/// Variables of the processes: no debug log, which would be measured as well.
const VARIABLES: [(&str, &str); 1] = [("LLM_ORACLE_LOG", "warn")];

/// Relayers that are not running yet.
pub struct Fleet {
    /// How they share the work.
    pub mode: Mode,
    setups: Vec<Setup>,
}

impl Fleet {
    /// Writes the settings.
    pub fn prepare(world: &World, mode: Mode) -> Self {
        let keys = world.keys();
        let places = free_addresses(keys.len());
        let known: Vec<_> = keys.iter().copied().zip(places).collect();
        let groups: Vec<_> = match mode {
            Mode::Batched => vec![keys],
            Mode::Itself | Mode::OneCarrier => keys.into_iter().map(|key| vec![key]).collect(),
        };
        let setups = groups.iter().enumerate().map(|(number, keys)| {
            let model = Model::Toml(MODEL.to_owned());
            let setup = Setup::new(world, &format!("relayer{number}"), keys, &model)
                .with_limit("max_concurrent_model_requests = 512");
            match mode {
                Mode::OneCarrier => {
                    let mut others = known.clone();
                    let (_, listens) = others.remove(number);
                    setup.with_peers(listens, PATIENCE, &others)
                }
                Mode::Batched | Mode::Itself => setup,
            }
        });
        Self {
            mode,
            setups: setups.collect(),
        }
    }

    /// Starts them all.
    pub fn start(&self) -> Vec<Relayer> {
        let all = self.setups.iter();
        all.map(|setup| setup.run_with(&VARIABLES, &[])).collect()
    }

    /// Where the first one listens, once it does.
    pub fn listens_at(&self) -> Option<String> {
        self.setups.first()?.listens_at()
    }

    /// Their stores.
    pub fn stores(&self) -> Vec<PathBuf> {
        self.setups.iter().map(Setup::store_path).collect()
    }
}
