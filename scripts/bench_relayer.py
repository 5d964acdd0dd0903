"""Prints the tables of a result of llm-oracle-bench-relayer."""

import json
import pathlib
import sys

# What must be reached on 2 cores that the node shares.
SETTLED_A_SECOND = 100
COMMIT_MS_P99 = 100
FOUND_MS = 10_000
# Most requests to the node in a minute with 10,000 open requests and nothing to do.
NODE_REQUESTS_A_MINUTE = 600


def mib(kib):
    return round(kib / 1024)


def row(cells, widths=(30, 9, 9, 9, 9, 10, 10, 9, 9, 7)):
    first, *rest = (str(cell) for cell in cells)
    print(first.ljust(widths[0]) + "".join(cell.rjust(width) for cell, width in zip(rest, widths[1:])))


def figure(value, digits):
    """A run that settled nothing has figures for nothing."""
    return "-" if value is None else f"{value:.{digits}f}"


def print_run(name, run):
    wait = run["finalized_to_submitted_ms"]
    row([
        name,
        figure(run["settled_a_second"], 1),
        figure(wait["median"], 0),
        figure(wait["p99"], 0),
        figure(run["relayer_cpu_seconds_per_1000"], 2),
        figure(run["node_cpu_seconds_per_1000"], 2),
        mib(max(run["relayer_peak_memory_kib"])),
        figure(run["entries_in_a_transaction"], 1),
        run["block_ms"]["median"],
        run["nonce_rejections"],
    ])


def goal(name, found, limit, ok):
    print(f"{name}: {found} (to reach: {limit}) {'reached' if ok else 'NOT reached'}")


def main():
    result = json.loads(pathlib.Path(sys.argv[1]).read_text())
    print(f"\n{result['cores']} cores, load {result['load_before']} before and {result['load_after']} after; "
          f"a block every {result['block_ms']} ms, final at once\n")
    row(["", "settled", "commit", "commit", "CPU s", "node CPU", "peak", "entries", "block", "nonces"])
    row(["", "a second", "ms", "ms 99 %", "of 1,000", "of 1,000", "MiB", "in a tx", "ms", "refused"])
    runs = result["throughput"]
    for run in runs:
        print_run(f"{run['operators']} operators, {run['mode']}", run)
    if result["latency"]:
        print_run("3 operators, at half the load", result["latency"])
    if result["long"]:
        print_run("3 operators, long", result["long"])
        for jobs, kib in result["long"]["memory_after_jobs_kib"]:
            print(f"  after {jobs} jobs: {mib(kib)} MiB")
    print()
    for run in runs:
        if (run["operators"], run["mode"]) == (3, "batched"):
            settled = run["settled_a_second"]
            goal("requests of 3 operators a second, batched", f"{settled:.1f}", SETTLED_A_SECOND,
                 settled >= SETTLED_A_SECOND)
    if result["latency"]:
        p99 = result["latency"]["finalized_to_submitted_ms"]["p99"]
        goal("finalized request to submitted commit, 99 %, ms", p99, COMMIT_MS_P99,
             p99 is not None and p99 < COMMIT_MS_P99)
    start = result["start"]
    if start:
        print(f"start to ready: {start['ready_ms']} ms")
        goal(f"{start['open_requests']} open requests found and ordered after a start, ms", start["found_ms"],
             FOUND_MS, start["found_ms"] < FOUND_MS)
        requests = start["node_requests_a_minute"]
        goal(f"requests to the node in a minute with {start['open_requests']} open requests", requests,
             NODE_REQUESTS_A_MINUTE, requests <= NODE_REQUESTS_A_MINUTE)


main()
