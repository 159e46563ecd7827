#!/usr/bin/env bash
# Brings a Debian machine into the state in which Margay builds, runs and is tested. Safe to repeat; says what it does.
#
#   xtask/setup.sh run       what `make run` needs: linker, Rust toolchain with a WebAssembly standard library
#   xtask/setup.sh release   the same and wasm-opt
#   xtask/setup.sh test      everything: Chromium, PostgreSQL, npm and Python packages of end2end, nextest, cargo-deny
#
# Writes the environment for the builds to $MARGAY_CACHE/env (default ~/.cache/margay/env); the Makefile reads it.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-run}
cache=${MARGAY_CACHE:-$HOME/.cache/margay}
mkdir -p "$cache"
say() { printf '\033[1msetup:\033[0m %s\n' "$*"; }
stop() { printf 'setup: %s\n' "$*" >&2; exit 1; }

need() { command -v "$1" >/dev/null 2>&1; }

# --- where Rust comes from -------------------------------------------------------------------------------------------
channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
toolchain=${RUSTUP_TOOLCHAIN:-}
has_wasm_std() { compgen -G "$("$@" --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)/libcore-*.rlib" >/dev/null; }
debian_rust=0
if need rustup && [ "${RUSTUP_AUTO_INSTALL:-1}" != 0 ] && [ -z "$toolchain" ]; then
  rustup toolchain list | grep -q "^$channel" || say "installing Rust $channel with rustup"
  if rustup toolchain install "$channel" --profile minimal -c clippy -c rustfmt -t wasm32-unknown-unknown >"$cache/rustup.log" 2>&1; then
    toolchain=$channel
  else
    say "rustup cannot download here; using Debian's Rust instead (see $cache/rustup.log)"
    debian_rust=1
  fi
elif [ -n "$toolchain" ] && [ "$toolchain" != margay ] && has_wasm_std rustc "+$toolchain"; then
  :
elif need rustc && ! need rustup && has_wasm_std rustc; then
  :
else
  debian_rust=1
fi

# Debian's Rust has no WebAssembly standard library; the one built here has a stamp. Its number counts up when the
# recipe below changes.
wasm_lib=/usr/lib/rustlib/wasm32-unknown-unknown/lib
wasm_stamp=/usr/lib/rustlib/wasm32-unknown-unknown/margay-stamp
wasm_std_version() { /usr/bin/rustc -vV 2>/dev/null; echo 'recipe 2: std and test'; }
has_debian_wasm_std() {
  [ -e "$wasm_stamp" ] && [ "$(cat "$wasm_stamp")" = "$(wasm_std_version)" ] && compgen -G "$wasm_lib/libcore-*.rlib" >/dev/null
}

# --- what is missing -------------------------------------------------------------------------------------------------
packages=(lld)
need cc || packages+=(gcc libc6-dev)
need make || packages+=(make)
need git || packages+=(git)
if [ "$debian_rust" = 1 ]; then packages+=(rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web); fi
if [ "$what" = test ]; then
  packages+=(fonts-liberation)
  need chromium || packages+=(chromium)
  # Debian's Python comes without the part that makes virtual environments.
  python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || need initdb || packages+=(postgresql)
fi
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done

# All of it at once: whoever has to ask somebody else for packages wants to ask once.
root=()
is_root=1
if [ "$(id -u)" -ne 0 ]; then
  if need sudo && sudo -n true 2>/dev/null; then root=(sudo); else is_root=0; fi
fi
problems=()
if [ ${#missing[@]} -gt 0 ] && { [ "$is_root" = 0 ] || ! need apt-get; }; then
  problems+=("Debian packages. As root: apt-get install ${missing[*]}")
fi
if [ "$debian_rust" = 1 ] && [ "$is_root" = 0 ] && ! has_debian_wasm_std; then
  problems+=("the WebAssembly standard library in $wasm_lib. As root, once: xtask/setup.sh run")
fi
if [ "$what" != run ] && ! need npm; then
  problems+=("npm. Install Node.js 20 or newer with it")
fi
if [ ${#problems[@]} -gt 0 ]; then
  printf 'setup: missing, and not to be installed from here:\n' >&2
  printf '       - %s\n' "${problems[@]}" >&2
  stop 'do that, and run this again.'
fi

# --- system packages -------------------------------------------------------------------------------------------------
if [ ${#missing[@]} -gt 0 ]; then
  say "installing Debian packages: ${missing[*]}"
  if [ ! -e "$cache/apt-updated" ] || [ -n "$(find "$cache/apt-updated" -mmin +720)" ]; then
    "${root[@]}" apt-get update -q >"$cache/apt.log" 2>&1 || stop "apt-get update failed; see $cache/apt.log"
    touch "$cache/apt-updated"
  fi
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${missing[@]}" \
    >>"$cache/apt.log" 2>&1 || stop "apt-get install failed; see $cache/apt.log"
fi

# --- Debian's Rust and its WebAssembly standard library --------------------------------------------------------------
debian_toolchain() {
  if need rustup; then
    rustup toolchain link margay /usr 2>/dev/null || true
    toolchain=margay
  fi
  if has_debian_wasm_std; then return 0; fi
  say "building the WebAssembly standard library from Debian's sources (about a minute, once)"
  local work; work=$(mktemp -d)
  mkdir -p "$work/src"
  printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$work/Cargo.toml"
  echo '#![no_std]' >"$work/src/lib.rs"
  # The bitcode is needed by the LTO link of the browser bundle.
  (cd "$work" && env -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Cembed-bitcode=yes \
    CARGO_TARGET_DIR="$work/target" /usr/bin/cargo build -q -Z build-std=std,panic_abort,panic_unwind,test \
    --target wasm32-unknown-unknown --release) || stop "the WebAssembly standard library did not build"
  "${root[@]}" rm -rf "$wasm_lib"
  "${root[@]}" mkdir -p "$wasm_lib"
  find "$work/target/wasm32-unknown-unknown/release/deps" -name '*.rlib' ! -name 'libempty*' \
    -exec "${root[@]}" cp {} "$wasm_lib" \;
  wasm_std_version | "${root[@]}" tee "$wasm_stamp" >/dev/null
  rm -rf "$work"
  # What was built against an older library does not link any more.
  rm -rf "$cache/target/wasm32-unknown-unknown"
}
if [ "$debian_rust" = 1 ]; then debian_toolchain; fi

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
  say "installing the npm packages of $1"
  (cd "$1" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --no-audit --no-fund >"$cache/npm.log" 2>&1) \
    || stop "npm ci failed in $1; see $cache/npm.log"
  cp "$1/package-lock.json" "$stamp"
}
python_packages() { # directory
  local venv="$1/.venv"
  # A virtual environment dies with the Python that it was made from.
  if cmp -s "$venv/margay-stamp" "$1/requirements.txt" && "$venv/bin/python" -c '' 2>/dev/null; then return 0; fi
  need python3 || stop "python3 is missing: install Python 3.11 or newer"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || stop "$(python3 --version) is too old: install Python 3.11 or newer"
  python3 -c 'import ensurepip, venv' 2>/dev/null \
    || stop "this python3 ($(command -v python3)) has no venv: install it (Debian: apt-get install python3-venv)"
  say "installing the Python packages of $1"
  rm -rf "$venv"
  { python3 -m venv "$venv" \
    && "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --only-binary :all: --no-deps \
      -r "$1/requirements.txt"; } >"$cache/pip.log" 2>&1 || stop "pip install failed in $1; see $cache/pip.log"
  cp "$1/requirements.txt" "$venv/margay-stamp"
}
if [ "$what" = test ]; then
  cargo_tool cargo-nextest cargo-nextest 0.9.143 --locked
  cargo_tool cargo-deny cargo-deny 0.20.2 --locked
  cargo_tool wasm-bindgen-cli wasm-bindgen-test-runner 0.2.130
fi
rm -rf "$cache/tools-build"
if [ "$what" = test ] || [ "$what" = release ]; then npm_packages end2end; fi
if [ "$what" = test ]; then
  npm_packages end2end/clients
  python_packages end2end/clients
fi

# --- the environment of the builds -----------------------------------------------------------------------------------
{
  [ -n "$toolchain" ] && echo "export RUSTUP_TOOLCHAIN=$toolchain"
  need rustup || echo "export PATH=/usr/bin:\$PATH"
  echo "export PATH=$cache/tools/bin:\$PATH"
  echo "export CARGO_TARGET_DIR=\${CARGO_TARGET_DIR:-$cache/target}"
  echo "export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$(command -v wasm-ld || command -v rust-lld)"
} >"$cache/env"
say "ready ($what)"
