# Shared by the scripts beside it; sourced, not run. Every step says what it does, and what cannot be done ends the script.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/target/tools

say() { printf '\n\033[1m==> %s\033[0m\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
fail() {
    printf '\n\033[1;31merror:\033[0m %s\n' "$*" >&2
    exit 1
}

# Debian packages, installed only if a command or module they bring is missing.
install_packages() {
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "missing: $*; install them with this system's package manager and run this again"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "missing: $*; run \`apt-get install $*\` as root and then this again"
        as_root=(sudo)
    fi
    note "installing with apt-get: $*"
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# What compiling needs: a C compiler for SQLite, and the Rust toolchain named in rust-toolchain.toml.
need_build_tools() {
    local missing=()
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v curl >/dev/null || missing+=(curl ca-certificates)
    install_packages "${missing[@]}"
    command -v cc >/dev/null || fail "there is still no C compiler (\`cc\`)"
    if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
        export PATH=$HOME/.cargo/bin:$PATH
    fi
    command -v cargo >/dev/null || fail "Rust is missing; install it and run this again:
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal"
    (cd "$root" && cargo --version >/dev/null 2>&1) || fail "\`cargo\` does not run with the toolchain of rust-toolchain.toml:
$(cd "$root" && cargo --version 2>&1)"
    note "found $(cc --version | head -n 1)"
    note "found $(cd "$root" && rustc --version)"
}

# The folder cargo builds in.
target_dir() {
    printf '%s' "${CARGO_TARGET_DIR:-$root/target}"
}
