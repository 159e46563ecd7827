#!/usr/bin/env bash
# Everything that has to hold before a change lands. Called by `make test` with the environment of the builds.
set -euo pipefail
cd "$(dirname "$0")/.."
step() { printf '\n\033[1m== %s\033[0m (%s s)\n' "$*" "$SECONDS"; }
export MARGAY_REQUIRE_POSTGRES=${MARGAY_REQUIRE_POSTGRES:-1}

# Real events and content of the field, where they lie beside the checkout; the tests say when they are skipped.
if [ -d ../shared/data/panther-analysis ]; then
  data=$(cd ../shared/data/panther-analysis && pwd)
  export MARGAY_REAL_DATA=${MARGAY_REAL_DATA:-$data/events} MARGAY_REAL_CONTENT=${MARGAY_REAL_CONTENT:-$data/detections}
fi

step 'format'
cargo fmt --all --check

step 'browser bundle'
cargo xtask assets

step 'lints'
cargo clippy --workspace --all-targets --locked -- -D warnings

step 'licences, bans, sources'
cargo fetch --locked --quiet
cargo deny --offline --all-features check --hide-inclusion-graph bans licenses sources

step 'fixtures of the conformance suite'
cargo clippy --workspace --all-targets --features margay-server/conformance --locked -- -D warnings
cargo build --workspace --bin margay --features margay-server/conformance --locked
cargo nextest run --workspace --lib --features margay-server/conformance --locked -E 'test(conformance::)'
mkdir -p "$CARGO_TARGET_DIR/conformance"
cp "$CARGO_TARGET_DIR/debug/margay" "$CARGO_TARGET_DIR/conformance/margay"

step 'unit, property, storage and HTTP tests'
# One PostgreSQL for all of them; without it each test would make its own, which takes longer than most tests.
. xtask/postgres.sh
start_postgres
cargo nextest run --workspace --locked --no-fail-fast
stop_postgres

step 'rules on wasm32 under Node'
CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=wasm-bindgen-test-runner \
  cargo test --package margay-rules --test rules --test advice --test lookalike --target wasm32-unknown-unknown --locked

step 'independent clients and conformance'
# The tests above have built it.
MARGAY_BINARY="$CARGO_TARGET_DIR/debug/margay" MARGAY_CONFORMANCE_BINARY="$CARGO_TARGET_DIR/conformance/margay" \
  node end2end/clients/run.mjs

step 'the story in a browser, with a real client'
(cd end2end && MARGAY_BINARY="$CARGO_TARGET_DIR/debug/margay" npx playwright test)

step 'done'
