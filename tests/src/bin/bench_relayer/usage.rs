//! What processes use, from `/proc`; nothing on a system without it.

use std::fs;

/// Clock ticks of the kernel's accounting, a second: fixed for user space on Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// Processors.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The machine's load averages over 1, 5 and 15 minutes: other work on it falsifies every figure.
pub fn machine_load() -> Vec<f64> {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split_whitespace().take(3);
    first.filter_map(|word| word.parse().ok()).collect()
}

/// Processor seconds used so far by all threads of a process.
pub fn cpu_seconds(process: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The program's name stands in brackets and may hold anything.
    let rest = text.rsplit(')').next().unwrap_or_default();
    // utime and stime are the fields 14 and 15 of the line, the 12th and 13th after the name.
    let ticks = rest.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|word| word.parse::<f64>().ok()).sum();
    ticks / TICKS_A_SECOND
}

/// Greatest resident memory so far, KiB.
pub fn peak_kib(process: u32) -> u64 {
    memory(process, "VmHWM:")
}

/// Resident memory, KiB.
pub fn resident_kib(process: u32) -> u64 {
    memory(process, "VmRSS:")
}

fn memory(process: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}
