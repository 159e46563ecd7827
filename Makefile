# Two commands: `make run` serves the demo, `make test` checks everything. Each installs what it needs first.
# Also: `make release` (one optimised binary). For work on the code use plain `cargo` after `. ~/.cache/margay/env`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
CACHE := $(or $(MARGAY_CACHE),$(HOME)/.cache/margay)
ENV := . "$(CACHE)/env" && export MARGAY_SITE_DIR="$$CARGO_TARGET_DIR/site"
ARGS ?= demo

.PHONY: run test release assets setup clean

## Builds and serves the demo: a week of logs, detections and alerts, three people. ARGS="serve" starts empty.
run:
	xtask/setup.sh run
	$(ENV)
	cargo xtask assets --quick
	cargo build --workspace
	exec "$$CARGO_TARGET_DIR/debug/margay" $(ARGS)

## Format, lints, licences, unit and HTTP tests on both engines, WASM tests, browser and client tests.
test:
	xtask/setup.sh test
	$(ENV)
	xtask/test.sh

## The optimised single binary with all files of the browser inside: target directory, release/margay.
release:
	xtask/setup.sh release
	$(ENV)
	cargo xtask assets
	cargo build --release --package margay-server
	ls -l "$$CARGO_TARGET_DIR/release/margay"

assets:
	xtask/setup.sh run
	$(ENV)
	cargo xtask assets

setup:
	xtask/setup.sh test

clean:
	rm -rf "$(CACHE)/target"
