# Shared by the scripts beside it; sourced, not run. Every step says what it does, and what cannot be done ends the script.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/target/tools

say() { printf '\n\033[1m==> %s\033[0m\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
fail() {
    printf '\n\033[1;31merror:\033[0m %s\n' "$*" >&2
    exit 1
}

# Runs a command as root: by itself, or by sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}
can_be_root() { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }

# Debian packages, installed only if a command or module they bring is missing.
install_packages() {
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "missing: $*; install them with this system's package manager and run this again"
    can_be_root || fail "missing: $*; run \`apt-get install $*\` as root and then this again"
    note "installing with apt-get: $*"
    as_root apt-get update -qq >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# Whether the system has a package of this name to install.
have_package() {
    command -v apt-get >/dev/null && can_be_root || return 1
    as_root apt-get update -qq >&2
    LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'
}

# rustup: the system's own package where there is one, else its installer, for this user alone.
install_rustup() {
    say "Rust is missing: installing rustup"
    if have_package rustup; then
        install_packages rustup
        return
    fi
    # What https://sh.rustup.rs hands out, from the host that the toolchain comes from too.
    local from=https://static.rust-lang.org/rustup/rustup-init.sh installer
    note "running the installer of $from; it writes to ~/.cargo and ~/.rustup"
    installer=$(mktemp)
    # All of it first, then run: half of a script would be run too.
    if ! curl --proto '=https' --tlsv1.2 --silent --show-error --fail --output "$installer" "$from" \
        || ! sh "$installer" -y --no-modify-path --profile minimal --default-toolchain none >&2; then
        rm -f "$installer"
        fail "rustup can not be installed; install Rust from https://rustup.rs and run this again"
    fi
    rm -f "$installer"
    note "to use it in a shell of yours: . ~/.cargo/env"
}

# Cargo, which rustup's own installer puts where not every shell looks.
find_cargo() {
    if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
        export PATH=$HOME/.cargo/bin:$PATH
    fi
    command -v cargo >/dev/null
}

# The Rust toolchain named in rust-toolchain.toml. One that is there already is used as it is.
need_rust() {
    find_cargo || install_rustup
    find_cargo || fail "there is still no \`cargo\`"
    # Said before it is done: rustup would fetch it without a word, or not at all.
    local channel
    channel=$(sed -n 's/^channel = "\(.*\)"$/\1/p' "$root/rust-toolchain.toml")
    if command -v rustup >/dev/null && ! rustup toolchain list 2>/dev/null | grep -q "^$channel-"; then
        note "installing the toolchain $channel with rustup"
        rustup toolchain install "$channel" --no-self-update --profile minimal --component rustfmt --component clippy >&2 \
            || note "that failed; looking whether \`cargo\` runs without"
    fi
    (cd "$root" && cargo --version >/dev/null 2>&1) || fail "\`cargo\` does not run with the toolchain of rust-toolchain.toml:
$(cd "$root" && cargo --version 2>&1)"
}

# What compiling needs: a C compiler for SQLite, and Rust.
need_build_tools() {
    local missing=()
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v curl >/dev/null || missing+=(curl ca-certificates)
    install_packages "${missing[@]}"
    command -v cc >/dev/null || fail "there is still no C compiler (\`cc\`)"
    need_rust
    note "found $(cc --version | head -n 1)"
    note "found $(cd "$root" && rustc --version)"
}

# The folder cargo builds in.
target_dir() {
    printf '%s' "${CARGO_TARGET_DIR:-$root/target}"
}
