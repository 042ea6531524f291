#!/bin/sh
# Runs every fuzz target for a bounded time and fails on the first crash, hang or leak.
#
#   fuzz/run.sh SECONDS [TARGET...]
#
# The target `decode` runs once for each adapter, SECONDS each, with the adapter's fixtures as seeds; `decode:ID` names one.
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

run() { # target, corpus, seeds
    echo "== $2: $seconds s"
    mkdir -p "fuzz/corpus/$2"
    cargo fuzz run --sanitizer "$sanitizer" "$1" "fuzz/corpus/$2" "$3" -- \
        -max_total_time="$seconds" -rss_limit_mb=512 -timeout=1 -max_len=65536 -print_final_stats=1
}

decode() { # adapter
    # Ids are written with `-`, folders with `_`.
    folder=$(echo "$1" | tr - _)
    TURNPIKE_FUZZ_ADAPTER=$1 run decode "decode-$1" "adapters/src/$folder/fixtures"
}

[ $# -gt 0 ] || set -- $(cargo fuzz list)
cargo fuzz build --sanitizer "$sanitizer"
for target in "$@"; do
    case $target in
        decode)
            for fixtures in adapters/src/*/fixtures; do
                decode "$(basename "$(dirname "$fixtures")" | tr _ -)"
            done
            ;;
        decode:*) decode "${target#decode:}" ;;
        *) run "$target" "$target" "fuzz/seeds/$target" ;;
    esac
done
echo "== every target ran $seconds s without a crash"
