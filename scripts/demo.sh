#!/usr/bin/env bash
# From nothing to a question answered by three operators and a prediction market paid out, with a
# real model and without a key. Arguments go to `llm-oracle demo`.

# shellcheck source=scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

step "toolchain" "1 minute the first time, because packages are downloaded" setup_toolchain
step "model" "1 minute the first time, because it is 93 MB" setup_model
step "node" "15 minutes the first time, because a chain is a thousand crates" setup_node
step "relayer" "10 minutes the first time, because llama.cpp is compiled" build_programs
step "contracts" "4 minutes the first time, because Rust's core is compiled for Wasm" build_contracts
step "demo" "1 minute" "$TARGET/debug/llm-oracle" demo "$@"
