#!/usr/bin/env bash
# Brings a Debian machine into the state in which Margay builds, runs and is tested. Safe to repeat; says what it does.
#
#   xtask/setup.sh run       what `make run` needs: linker, Rust toolchain with a WebAssembly standard library
#   xtask/setup.sh release   the same and wasm-opt
#   xtask/setup.sh test      everything: Chromium, PostgreSQL, npm packages of end2end, nextest, cargo-deny
#
# Writes the environment for the builds to $MARGAY_CACHE/env (default ~/.cache/margay/env); the Makefile reads it.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-run}
cache=${MARGAY_CACHE:-$HOME/.cache/margay}
mkdir -p "$cache"
say() { printf '\033[1msetup:\033[0m %s\n' "$*"; }
stop() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# --- system packages -------------------------------------------------------------------------------------------------
root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then root=(sudo); else root=(false); fi
fi
install_packages() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if ! command -v apt-get >/dev/null || [ "${root[*]:-}" = false ]; then
    stop "these Debian packages are missing and may not be installed from here: ${missing[*]}
       Install them as root (apt-get install ${missing[*]}) and run this again."
  fi
  say "installing Debian packages: ${missing[*]}"
  if [ ! -e "$cache/apt-updated" ] || [ -n "$(find "$cache/apt-updated" -mmin +720)" ]; then
    "${root[@]}" apt-get update -q >"$cache/apt.log" 2>&1 || stop "apt-get update failed; see $cache/apt.log"
    touch "$cache/apt-updated"
  fi
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${missing[@]}" \
    >>"$cache/apt.log" 2>&1 || stop "apt-get install failed; see $cache/apt.log"
}
need() { command -v "$1" >/dev/null 2>&1; }
packages=(lld)
need cc || packages+=(gcc libc6-dev)
need make || packages+=(make)
need git || packages+=(git)
install_packages "${packages[@]}"
if [ "$what" = test ]; then
  packages=(fonts-liberation)
  need chromium || packages+=(chromium)
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || need initdb || packages+=(postgresql)
  install_packages "${packages[@]}"
fi

# --- the Rust toolchain and its WebAssembly standard library ---------------------------------------------------------
channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
toolchain=${RUSTUP_TOOLCHAIN:-}
has_wasm_std() { compgen -G "$("$@" --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)/libcore-*.rlib" >/dev/null; }

# The number counts up when the recipe below changes.
wasm_std_version() { /usr/bin/rustc -vV; echo 'recipe 2: std and test'; }
debian_toolchain() {
  install_packages rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web
  if need rustup; then
    rustup toolchain link margay /usr 2>/dev/null || true
    toolchain=margay
  fi
  local lib=/usr/lib/rustlib/wasm32-unknown-unknown/lib stamp=/usr/lib/rustlib/wasm32-unknown-unknown/margay-stamp
  if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$(wasm_std_version)" ] && compgen -G "$lib/libcore-*.rlib" >/dev/null; then
    return 0
  fi
  [ "${root[*]:-}" = false ] && stop "the WebAssembly standard library has to be put into $lib, which needs root."
  say "building the WebAssembly standard library from Debian's sources (about a minute, once)"
  local work; work=$(mktemp -d)
  mkdir -p "$work/src"
  printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$work/Cargo.toml"
  echo '#![no_std]' >"$work/src/lib.rs"
  # The bitcode is needed by the LTO link of the browser bundle.
  (cd "$work" && env -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Cembed-bitcode=yes \
    CARGO_TARGET_DIR="$work/target" /usr/bin/cargo build -q -Z build-std=std,panic_abort,panic_unwind,test \
    --target wasm32-unknown-unknown --release) || stop "the WebAssembly standard library did not build"
  "${root[@]}" rm -rf "$lib"
  "${root[@]}" mkdir -p "$lib"
  find "$work/target/wasm32-unknown-unknown/release/deps" -name '*.rlib' ! -name 'libempty*' \
    -exec "${root[@]}" cp {} "$lib" \;
  wasm_std_version | "${root[@]}" tee "$stamp" >/dev/null
  rm -rf "$work"
  # What was built against an older library does not link any more.
  rm -rf "$cache/target/wasm32-unknown-unknown"
}

if need rustup && [ "${RUSTUP_AUTO_INSTALL:-1}" != 0 ] && [ -z "$toolchain" ]; then
  rustup toolchain list | grep -q "^$channel" || say "installing Rust $channel with rustup"
  if rustup toolchain install "$channel" --profile minimal -c clippy -c rustfmt -t wasm32-unknown-unknown >"$cache/rustup.log" 2>&1; then
    toolchain=$channel
  else
    say "rustup cannot download here; using Debian's Rust instead (see $cache/rustup.log)"
    debian_toolchain
  fi
elif [ -n "$toolchain" ] && [ "$toolchain" != margay ] && has_wasm_std rustc "+$toolchain"; then
  :
elif need rustc && ! need rustup && has_wasm_std rustc; then
  :
else
  debian_toolchain
fi

# --- tools for the tests ---------------------------------------------------------------------------------------------
cargo_tool() { # crate, binary, version, more arguments
  local have="$cache/tools/bin/$2"
  if [ -x "$have" ] && "$have" --version | grep -q "$3"; then return 0; fi
  if [ "$2" = cargo-nextest ] && need cargo-nextest; then return 0; fi
  say "building $1 $3 (once)"
  env ${toolchain:+RUSTUP_TOOLCHAIN=$toolchain} CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_TARGET_DIR="$cache/tools-build" \
    cargo install "$1" --version "$3" --bin "$2" ${4:+$4} --root "$cache/tools" \
    >"$cache/$1.log" 2>&1 || stop "$1 did not build; see $cache/$1.log"
}
npm_packages() { # directory
  local stamp="$1/node_modules/.margay-stamp"
  if [ -e "$stamp" ] && cmp -s "$stamp" "$1/package-lock.json"; then return 0; fi
  need npm || stop "npm is missing: install Node.js 20 or newer"
  say "installing the npm packages of $1"
  (cd "$1" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --no-audit --no-fund >"$cache/npm.log" 2>&1) \
    || stop "npm ci failed in $1; see $cache/npm.log"
  cp "$1/package-lock.json" "$stamp"
}
if [ "$what" = test ]; then
  cargo_tool cargo-nextest cargo-nextest 0.9.143 --locked
  cargo_tool cargo-deny cargo-deny 0.20.2 --locked
  cargo_tool wasm-bindgen-cli wasm-bindgen-test-runner 0.2.130
fi
rm -rf "$cache/tools-build"
if [ "$what" = test ] || [ "$what" = release ]; then npm_packages end2end; fi

# --- the environment of the builds -----------------------------------------------------------------------------------
{
  [ -n "$toolchain" ] && echo "export RUSTUP_TOOLCHAIN=$toolchain"
  need rustup || echo "export PATH=/usr/bin:\$PATH"
  echo "export PATH=$cache/tools/bin:\$PATH"
  echo "export CARGO_TARGET_DIR=\${CARGO_TARGET_DIR:-$cache/target}"
  echo "export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$(command -v wasm-ld || command -v rust-lld)"
} >"$cache/env"
say "ready ($what)"
