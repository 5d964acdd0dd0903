//! Random inputs for parsers: a corpus of seeds, mutated.
//!
//! Every input in `tests/corpus/TARGET` is run as it is, then mutations of them and of the caller's
//! own seeds. A failing input is printed in hex: put it into the corpus as a file, and it is run for
//! ever.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::{
    env, fs,
    io::Write as _,
    panic::{catch_unwind, AssertUnwindSafe},
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Mutations of one target in the normal run.
const RUNS: u32 = 4_000;
/// Mutations of one target in the long run (`--long parsers_are_fuzzed`), times [`RUNS`].
const LONG_FACTOR: u32 = 1_000;
/// Longest input, bytes: above every limit that the parsers have on their own, but for a few.
const INPUT_BYTES_MAX: usize = 8 * 1024;
/// Longest time for one input, on a loaded machine: strangers choose them.
const PATIENCE: Duration = Duration::from_secs(10);

/// Numbers by seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 1).unwrap() % sides.max(1)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.roll(256)).unwrap()
    }

    fn part<'a>(&mut self, of: &'a [u8]) -> &'a [u8] {
        let from = self.roll(of.len() + 1);
        let length = self.roll(of.len() - from + 1);
        &of[from..from + length]
    }
}

/// One target's seeds and words.
pub(crate) struct Target<'a> {
    /// Its name, which is that of its folder.
    pub(crate) name: &'a str,
    /// Seeds besides those of the folder.
    pub(crate) seeds: Vec<Vec<u8>>,
    /// Words of its language.
    pub(crate) words: &'a [&'a str],
}

impl Target<'_> {
    /// Runs `check` on everything; it panics when a parser does not keep its promise.
    pub(crate) fn run(self, check: impl Fn(&[u8])) {
        let corpus = self.corpus();
        let seeds: Vec<_> = corpus.iter().chain(&self.seeds).cloned().collect();
        assert!(!corpus.is_empty(), "no corpus of {}", self.name);
        let seed = seed();
        let mut slowest = Duration::ZERO;
        let mut one = |what: &str, input: &[u8]| {
            let started = Instant::now();
            let ran = catch_unwind(AssertUnwindSafe(|| check(input)));
            let took = started.elapsed();
            slowest = slowest.max(took);
            let (name, hex) = (self.name, hex::encode(input));
            assert!(ran.is_ok(), "{name}, {what}, fails on 0x{hex}");
            assert!(took < PATIENCE, "{name}, {what}, takes {took:?} on 0x{hex}");
        };
        for input in &seeds {
            one("a seed", input);
        }
        let runs = runs();
        for run in 0..runs {
            let mut dice = Dice(seed.wrapping_add(u64::from(run) << 32));
            let input = mutated(&mut dice, &seeds, self.words);
            one(&format!("seed {seed} run {run}"), &input);
        }
        let line = format!(
            "fuzz {}: {} seeds, {runs} mutations (seed {seed}), 0 panics, slowest {slowest:?}\n",
            self.name,
            seeds.len()
        );
        // Also when the test passes.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn corpus(&self) -> Vec<Vec<u8>> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
        let files = fs::read_dir(folder.join(self.name)).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| fs::read(file).unwrap()).collect()
    }
}

fn seed() -> u64 {
    if let Ok(given) = env::var("LLM_ORACLE_SEED") {
        return given.parse().expect("LLM_ORACLE_SEED is a number");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::from(now.unwrap_or_default().subsec_nanos())
}

fn runs() -> u32 {
    let long = env::var("LLM_ORACLE_LONG").unwrap_or_default();
    match long.split(',').any(|name| name == "parsers_are_fuzzed") {
        true => RUNS * LONG_FACTOR,
        false => RUNS,
    }
}

fn mutated(dice: &mut Dice, seeds: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut input = seeds[dice.roll(seeds.len())].clone();
    for _ in 0..=dice.roll(6) {
        let at = dice.roll(input.len() + 1);
        match dice.roll(10) {
            0 => input.truncate(at),
            1 => input.insert(at, dice.byte()),
            2 if at < input.len() => input[at] ^= 1 << dice.roll(8),
            3 if at < input.len() => input[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][dice.roll(6)],
            4 if at < input.len() => drop(input.remove(at)),
            5 => {
                let part = dice.part(&input).to_vec();
                drop(input.splice(at..at, part));
            }
            6 => {
                let other = &seeds[dice.roll(seeds.len())];
                let other = dice.part(other).to_vec();
                drop(input.splice(at..at, other));
            }
            7 if !words.is_empty() => {
                let word = words[dice.roll(words.len())].bytes();
                drop(input.splice(at..at, word));
            }
            8 => {
                let part = dice.part(&input).to_vec();
                input = part.repeat(1 + dice.roll(20));
            }
            _ => input.extend((0..dice.roll(9)).map(|_| dice.byte())),
        }
        input.truncate(INPUT_BYTES_MAX);
    }
    input
}
