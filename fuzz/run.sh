#!/bin/sh
# Runs every fuzz target for a bounded time and fails on the first crash, hang or leak.
#
#   fuzz/run.sh SECONDS [TARGET...]
#
# Needs cargo-fuzz (`cargo install cargo-fuzz --locked`). Works on the stable toolchain:
# RUSTC_BOOTSTRAP lets that compiler take the instrumentation flags. SANITIZER=none skips AddressSanitizer.
# A crash is kept in fuzz/artifacts/TARGET; new inputs in fuzz/corpus/TARGET (both ignored by git).
set -eu

seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET...]}
shift
cd "$(dirname "$0")/.."

export RUSTC_BOOTSTRAP=1
export ASAN_OPTIONS="quarantine_size_mb=32:${ASAN_OPTIONS:-}"
sanitizer=${SANITIZER:-address}

[ $# -gt 0 ] || set -- $(cargo fuzz list)
cargo fuzz build --sanitizer "$sanitizer"
for target in "$@"; do
    echo "== $target: $seconds s"
    mkdir -p "fuzz/corpus/$target"
    cargo fuzz run --sanitizer "$sanitizer" "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -rss_limit_mb=512 -timeout=1 -max_len=65536 -print_final_stats=1
done
echo "== every target ran $seconds s without a crash"
