# Sourced by the other scripts: where things are kept, steps with their time, the toolchain.
# shellcheck shell=bash

set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export LLM_ORACLE_CACHE="${LLM_ORACLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/llm-oracle}"
mkdir -p "$LLM_ORACLE_CACHE"

# The oldest Rust that can leave panic messages out of contracts.
OLDEST_RUST=91
# The Rust versions (1.x) on which a lint is an error. Newer ones bring lints that nobody has seen.
LINTED_RUSTS="95 96"

# --- steps -------------------------------------------------------------------------------------

STEP_NAMES=()
STEP_SECONDS=()
STEP_RUNNING=""

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

# step NAME HOW_LONG COMMAND...: says what is done and about how long it takes, does it, and
# remembers the time for the table. A step that fails ends the script.
step() {
    local name="$1" how_long="$2" began="$SECONDS"
    shift 2
    say ""
    say "==> $name ($how_long)"
    STEP_RUNNING="$name"
    "$@"
    STEP_RUNNING=""
    STEP_NAMES+=("$name")
    STEP_SECONDS+=($((SECONDS - began)))
}

table() {
    local status=$? i total=0
    say ""
    say "minutes  step"
    for i in "${!STEP_NAMES[@]}"; do
        total=$((total + STEP_SECONDS[i]))
        row "${STEP_SECONDS[i]}" "${STEP_NAMES[i]}"
    done
    row "$total" "in all"
    if [ -n "$STEP_RUNNING" ]; then
        say ""
        say "failed at: $STEP_RUNNING"
    fi
    return "$status"
}

row() { printf '%4d:%02d  %s\n' $(($1 / 60)) $(($1 % 60)) "$2" >&2; }

trap table EXIT

# --- packages of the system --------------------------------------------------------------------

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        fail "this needs root, and there is no sudo: $*"
    fi
}

# install_packages PACKAGE...: through apt-get where there is one.
install_packages() {
    [ $# -gt 0 ] || return 0
    have apt-get || fail "please install what Debian calls: $*"
    say "installing $*"
    as_root apt-get update -q >&2 || say "apt-get update failed; trying with the package lists as they are"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >&2
}

has_libclang() {
    local folder
    for folder in '/usr/lib/llvm-*/lib' '/usr/lib/*-linux-gnu' /usr/lib64 /usr/lib; do
        if compgen -G "$folder/libclang*.so*" >/dev/null; then return 0; fi
    done
    [ -n "${LIBCLANG_PATH:-}" ]
}

# What builds native code here: the node wants protoc, clang and OpenSSL, llama.cpp cmake and libclang,
# contracts and the node's runtime wasm-opt, and on Debian's Rust lld.
setup_packages() {
    local missing=() pair
    for pair in clang:clang cmake:cmake g++:g++ make:make protoc:protobuf-compiler pkg-config:pkg-config \
        wasm-opt:binaryen wasm-ld:lld python3:python3; do
        have "${pair%%:*}" || missing+=("${pair#*:}")
    done
    has_libclang || missing+=(libclang-dev)
    # The node's network stack takes the system's OpenSSL: node/.cargo/config.toml.
    pkg-config --exists openssl 2>/dev/null || missing+=(libssl-dev)
    python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
    [ -d /etc/ssl/certs ] || [ -n "${SSL_CERT_FILE:-}" ] || missing+=(ca-certificates)
    install_packages ${missing[@]+"${missing[@]}"}
}

# --- Rust --------------------------------------------------------------------------------------

rust_minor() { rustc -vV 2>/dev/null | sed -n 's/^release: 1\.\([0-9]*\).*/\1/p'; }

rust_is_new_enough() {
    local minor
    minor="$(rust_minor)"
    [ "${minor:-0}" -ge "$OLDEST_RUST" ]
}

# Whether the chosen Rust has all that is used here, but for the node's Wasm target.
rust_is_complete() {
    rust_is_new_enough && have cargo && have clippy-driver && clippy-driver -V >/dev/null 2>&1 &&
        cargo fmt --version >/dev/null 2>&1 &&
        [ -e "$(rustc --print sysroot)/lib/rustlib/src/rust/library/core/Cargo.toml" ]
}

# rustup retries for long where its server can't be reached.
rustup_quickly() { RUST_BACKTRACE=0 RUSTUP_MAX_RETRIES=1 timeout 120 rustup "$@" >&2; }

use_rustup() {
    have rustup || return 1
    export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    export RUSTUP_TOOLCHAIN="${RUSTUP_TOOLCHAIN:-stable}"
    if ! rust_is_new_enough; then
        say "rustup's toolchain '$RUSTUP_TOOLCHAIN' is older than Rust 1.$OLDEST_RUST; 'rustup update' would help"
        return 1
    fi
    rust_is_complete || rustup_quickly component add rust-src clippy rustfmt || return 1
    wasm_target_works || rustup_quickly target add wasm32v1-none || return 1
    rust_is_complete
}

use_debian() {
    export PATH="/usr/bin:$PATH"
    unset RUSTUP_TOOLCHAIN
    hash -r
    rust_is_complete ||
        install_packages rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web
    rust_is_complete
}

# Chooses a Rust and puts it first on PATH: rustup's where it is complete or can be completed, else
# Debian's packages. LLM_ORACLE_TOOLCHAIN=rustup or =debian decides. A choice is kept as long as it
# works, because another compiler compiles everything again.
setup_toolchain() {
    setup_packages
    local kept="$LLM_ORACLE_CACHE/toolchain" chosen="${LLM_ORACLE_TOOLCHAIN:-}" candidate
    [ -n "$chosen" ] || [ ! -f "$kept" ] || chosen="$(cat "$kept") rustup debian"
    for candidate in ${chosen:-rustup debian}; do
        case "$candidate" in
        rustup | debian) ;;
        *) fail "there is no toolchain '$candidate'; there are 'rustup' and 'debian'" ;;
        esac
        if "use_$candidate"; then
            echo "$candidate" >"$kept"
            say "Rust of $candidate: $(rustc -V)"
            return 0
        fi
        say "the toolchain of $candidate is not complete and can't be completed"
    done
    fail "Rust 1.$OLDEST_RUST or later with rust-src, clippy and rustfmt is needed"
}

# Whether the target can be compiled for and linked, by this very compiler.
wasm_target_works() {
    local folder status=0
    folder="$(mktemp -d)"
    printf '%s\n' '#![no_std]' '#[panic_handler] fn p(_: &core::panic::PanicInfo) -> ! { loop {} }' |
        rustc --target wasm32v1-none --crate-type cdylib --crate-name probe -o "$folder/probe.wasm" - \
            >/dev/null 2>&1 || status=1
    rm -rf "$folder"
    return "$status"
}

# The node's runtime is compiled to Wasm by a tool that asks for an installed target. rustup has
# brought it; Debian has no package of it, so its core is compiled once and put beside the others.
setup_wasm_target() {
    wasm_target_works && return 0
    say "compiling the target wasm32v1-none for $(rustc -V)"
    local folder libraries rustlib host
    folder="$LLM_ORACLE_CACHE/wasm-target"
    rustlib="$(rustc --print sysroot)/lib/rustlib"
    host="$(rustc -vV | sed -n 's/^host: //p')"
    rm -rf "$folder"
    mkdir -p "$folder/src"
    printf '%s\n' '[package]' 'name = "empty"' 'edition = "2021"' '[workspace]' >"$folder/Cargo.toml"
    echo '#![no_std]' >"$folder/src/lib.rs"
    # With bitcode, or nothing that is linked against it can be optimised as a whole.
    (cd "$folder" && RUSTFLAGS=-Cembed-bitcode=yes RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$folder/target" \
        cargo build --release --target wasm32v1-none -Zbuild-std=core,alloc >&2)
    libraries="$folder/target/wasm32v1-none/release/deps"
    as_root rm -rf "$rustlib/wasm32v1-none"
    as_root mkdir -p "$rustlib/wasm32v1-none/lib" "$rustlib/$host/bin"
    as_root cp "$libraries"/lib{core,alloc,compiler_builtins}-*.{rlib,rmeta} "$rustlib/wasm32v1-none/lib/"
    [ -e "$rustlib/$host/bin/rust-lld" ] || as_root ln -s "$(command -v lld)" "$rustlib/$host/bin/rust-lld"
    rm -rf "$folder"
    wasm_target_works || fail "the target wasm32v1-none was installed into $rustlib and does not work"
}
