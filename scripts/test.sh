#!/usr/bin/env bash
# From nothing to all tests green.
#
#   scripts/test.sh [--long NAME]...
#
# --long turns on the long size of a test, which takes more than a few minutes; tests see the names in
# LLM_ORACLE_LONG, separated by commas. What tests print, seeds and counts, is shown then. The test
# original_runtime is not even built without it: it brings a second chain.

# shellcheck source=scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

SHOWN=()
while [ $# -gt 0 ]; do
    case "$1" in
    --long)
        [ $# -gt 1 ] || fail "--long wants the name of a test"
        export LLM_ORACLE_LONG="${LLM_ORACLE_LONG:+$LLM_ORACLE_LONG,}$2"
        SHOWN=(-- --show-output)
        shift 2
        ;;
    *) fail "unknown argument $1; there is --long NAME" ;;
    esac
done

check_format() {
    in_main cargo fmt --all --check
    in_node cargo fmt --all --check
    in_original cargo fmt --all --check
}

check_dependencies() {
    if ! have cargo-deny; then
        say "cargo-deny is not here: skipped"
        return 0
    fi
    local checks=(bans licenses sources)
    # Versions differ in where --config goes; all of them take deny.toml from the current folder.
    in_main cargo deny --offline check "${checks[@]}"
    in_main cargo deny --offline --manifest-path "$ROOT/node/Cargo.toml" check "${checks[@]}"
}

is_long() { case ",${LLM_ORACLE_LONG:-}," in *",$1,"*) ;; *) return 1 ;; esac; }

# The pallet's tests once more, and a whole request's life, on the original node's runtime.
test_original() {
    in_original cargo test --locked --workspace
    if have cargo-deny; then
        in_main cargo deny --offline --manifest-path "$ROOT/node/original/Cargo.toml" check bans licenses sources
    fi
}

# Fails when a message costs over 5 % more than docs/cost.json says.
check_cost() { "$TARGET_NODE/debug/examples/bench" --check "$ROOT/docs/cost.json"; }

step "toolchain" "1 minute the first time, because packages are downloaded" setup_toolchain
step "format" "seconds" check_format
step "model" "1 minute the first time, because it is 93 MB" setup_model
step "node and sandbox" "15 minutes the first time, because a chain is a thousand crates" build_node_workspace
setup_node
step "workspace and lint" "14 minutes the first time, because llama.cpp is compiled" \
    in_main cargo build --locked --workspace --all-targets
step "contracts" "4 minutes the first time, because Rust's core is compiled for Wasm" build_contracts
step "general clients" "2 minutes the first time, because packages are downloaded" setup_clients
step "verifier in Python" "1 minute the first time, because a package is downloaded" setup_verifier
step "llama.cpp's server" "1 minute the first time, because a package is downloaded" setup_llama_server
step "PostgreSQL" "1 minute the first time, because it is installed" setup_postgres
step "dependencies" "seconds" check_dependencies
step "cost" "seconds" check_cost
step "tests on the pallet" "4 minutes" in_node cargo test --locked --workspace \
    ${SHOWN[@]+"${SHOWN[@]}"}
step "tests" "8 minutes, because chains, relayers and models run" in_main cargo test --locked --workspace \
    ${SHOWN[@]+"${SHOWN[@]}"}
if is_long original_runtime; then
    step "the original runtime" "30 minutes the first time, because it is a second chain" test_original
fi
