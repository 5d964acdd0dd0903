#!/usr/bin/env bash
# Measures: what each message of the contract costs, and how long an answer takes.
#
#   scripts/bench.sh [--out FILE]               (bench.json without it)
#   scripts/bench.sh contract [--out FILE] [--renew]
#   scripts/bench.sh relayer [--out FILE] [--seconds N] [--only PART]... [--run N:MODE]... [--long]
#
# Prints tables and writes everything as one JSON object. `contract` measures the messages alone;
# --renew makes its table the one in docs/cost.json, that the test script compares with. `relayer`
# measures what relayers bear: PART is throughput, latency, start or long, N:MODE one of the runs for
# throughput (1, 3 or 7 operators; batched, itself or carrier), --seconds how long each run is measured
# (30), and --long fills 100,000 seats as well. Leave the machine alone meanwhile.

# shellcheck source=scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

OUT="$PWD/bench.json"
ONLY_CONTRACT=
ONLY_RELAYER=
RELAYER_OPTIONS=()
RENEW=
while [ $# -gt 0 ]; do
    case "$1" in
    --out)
        [ $# -gt 1 ] || fail "--out wants a file"
        OUT="$2"
        shift 2
        ;;
    contract)
        ONLY_CONTRACT=yes
        shift
        ;;
    relayer)
        ONLY_RELAYER=yes
        shift
        ;;
    --renew)
        RENEW=yes
        shift
        ;;
    --seconds | --only | --run)
        [ $# -gt 1 ] || fail "$1 wants a value"
        RELAYER_OPTIONS+=("$1" "$2")
        shift 2
        ;;
    --long)
        RELAYER_OPTIONS+=("$1")
        shift
        ;;
    *) fail "unknown argument $1; there are contract, relayer, --out FILE, --renew, --seconds N, --only PART, --run N:MODE and --long" ;;
    esac
done

FOLDER="$(mktemp -d)"

# Prints its tables and writes JSON to the file it is given.
bench_contract() {
    "$TARGET_NODE/debug/examples/bench" "$FOLDER/contract.json"
}

bench_relayer() {
    "$TARGET/debug/llm-oracle-bench-relayer" ${RELAYER_OPTIONS[@]+"${RELAYER_OPTIONS[@]}"} >"$FOLDER/relayer.json"
}

report_relayer() {
    cp "$FOLDER/relayer.json" "$OUT"
    python3 "$ROOT/scripts/bench_relayer.py" "$OUT"
    rm -rf "$FOLDER"
    say "written to $OUT"
}

bench_time() { "$TARGET/debug/llm-oracle-bench" >"$FOLDER/time.json"; }

report() {
    python3 - "$FOLDER" "$OUT" <<'PYTHON'
import json, pathlib, sys

folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
time = json.loads((folder / "time.json").read_text())
contract = json.loads((folder / "contract.json").read_text())
print(f"\n{time['operators']} operators, {time['requests']} requests, finality {time['finality_ms']} ms")
print(f"{'milliseconds':32}{'least':>8}{'median':>8}{'most':>8}")
for model in ("scripted", "local"):
    for field in ("ask_to_settled_ms", "relayer_own_ms", "model_ms"):
        row = time[model][field]
        name = f"{model}: {field.removesuffix('_ms').replace('_', ' ')}"
        print(f"{name:32}{row['least']:>8}{row['median']:>8}{row['most']:>8}")
    print(f"{model + ': relayer peak memory':32}{(time[model]['relayer_peak_memory_kib'] or 0) // 1024:>8} MiB")
print(f"{'node peak memory':32}{(time['node_peak_memory_kib'] or 0) // 1024:>8} MiB")
out.write_text(json.dumps({"contract": contract, "time": time}, indent=2) + "\n")
print(f"\nwritten to {out}")
PYTHON
    rm -rf "$FOLDER"
}

step "toolchain" "1 minute the first time, because packages are downloaded" setup_toolchain
if [ -n "$ONLY_RELAYER" ]; then
    step "node" "15 minutes the first time, because a chain is a thousand crates" setup_node
    step "workspace" "14 minutes the first time, because llama.cpp is compiled" build_workspace
    step "contracts" "4 minutes the first time, because Rust's core is compiled for Wasm" build_contracts
    step "relayers" "8 minutes; 20 with --long" bench_relayer
    report_relayer
    exit 0
fi
step "model" "1 minute the first time, because it is 93 MB" setup_model
step "node and sandbox" "15 minutes the first time, because a chain is a thousand crates" build_node_workspace
setup_node
step "workspace" "14 minutes the first time, because llama.cpp is compiled" build_workspace
step "contracts" "4 minutes the first time, because Rust's core is compiled for Wasm" build_contracts
step "messages" "1 minute" bench_contract
[ -z "$RENEW" ] || cp "$FOLDER/contract.json" "$ROOT/docs/cost.json"
if [ -n "$ONLY_CONTRACT" ]; then
    cp "$FOLDER/contract.json" "$OUT"
    say "written to $OUT"
    exit 0
fi
step "time to an answer" "2 minutes" bench_time
report
