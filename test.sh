#!/usr/bin/env bash
# The whole gate in one command: format, lints, tests, documentation, licences, fuzzing, demo.
#
#   ./test.sh
#
# Needs rustup; whatever else is missing is installed first (apt-get for the C compiler, Python, Mosquitto, OpenSSH and Go, pip for pymerkle, standardwebhooks, cedarpy,
# cvc5 and a provider of single sign-on, `cargo install` for the cargo commands). FUZZ_SECONDS sets how long each fuzz target runs, 10 unless set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export CARGO_TERM_COLOR=never NO_COLOR=1
# rustup's proxies and what `cargo install` puts beside them.
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

step() {
    printf '\n== %s\n' "$1"
    local started=$SECONDS
    "${@:2}"
    printf -- '-- %d s (%d s in all)\n' $((SECONDS - started)) "$SECONDS"
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# Daemons are kept where only root looks for programs.
has_daemon() {
    has "$1" || [ -x "/usr/sbin/$1" ] || [ -x "/usr/local/sbin/$1" ]
}

# cc builds SQLite and AWS-LC, c++ builds libFuzzer, xmllint validates what is exported against its schema. Tests run against
# a real broker, a real SFTP server and a real mail server, on free ports and with settings of their own; none is started here.
system_packages() {
    local missing=()
    has cc || missing+=(gcc libc6-dev)
    has c++ || missing+=(g++)
    has xmllint || missing+=(libxml2-utils)
    has_daemon mosquitto || missing+=(mosquitto)
    has_daemon sshd || missing+=(openssh-server)
    has openssl || missing+=(openssl)
    has go || missing+=(golang-go)
    [ -d /usr/share/gocode/src/golang.org/x/mod/sumdb ] || missing+=(golang-golang-x-mod-dev)
    has python3 || missing+=(python3)
    /usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null || missing+=(python3-aiosmtpd)
    # A virtual environment needs pip, which Debian keeps apart.
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    if [ ${#missing[@]} -eq 0 ]; then
        echo "nothing to install"
        return
    fi
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    if ! has apt-get || { [ ${#root[@]} -gt 0 ] && ! has sudo; }; then
        echo "please install: ${missing[*]}" >&2
        return 1
    fi
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# The tools are built outside of the workspace's target folder, without optimisation worth waiting for.
cargo_command() {
    local name=$1 version=$2
    if cargo "$name" --version >/dev/null 2>&1; then
        cargo "$name" --version | head -n 1
        return
    fi
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
        cargo install "cargo-$name" --locked --version "$version"
}

# pymerkle and cryptography, one of the two foreign verifiers of ledgers; the other needs Go, above. standardwebhooks, a foreign verifier of webhooks.
foreign_verifiers() {
    local venv=target/verify-python
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r docs/verify/python/requirements.txt
    "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r docs/verify/webhooks/requirements.txt
    "$venv/bin/pip" list --disable-pip-version-check
}

# cedarpy: recorded decisions are made again by a program that shares nothing with this one.
foreign_engine() {
    local venv=target/replay-python
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r docs/verify/cedar/requirements.txt
    "$venv/bin/pip" list --disable-pip-version-check
}

# A solver looks for entities and a question that make a policy fail; it must find none.
policy_proof() {
    local venv=target/proof-python
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r policy-proof/requirements.txt
    cargo test --quiet --locked --manifest-path policy-proof/Cargo.toml
}

tools() {
    cargo --version
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
    cargo_command nextest 0.9.143
    cargo_command deny 0.20.2
    cargo_command fuzz 0.13.2
}

# A provider of OpenID Connect for the tests of single sign-on, from PyPI, in an environment of its own.
provider() {
    local folder=target/provider wanted=contract-tests/provider/requirements.txt
    if ! cmp -s "$wanted" "$folder/requirements.txt"; then
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
        cp "$wanted" "$folder/requirements.txt"
    fi
    "$folder/bin/python" -c 'import canaille; print("a provider of single sign-on is installed")'
}

documentation() {
    RUSTDOCFLAGS="-D warnings -D rustdoc::broken_intra_doc_links" \
        cargo doc --workspace --no-deps --locked
}

# One question through the whole gateway against simulated vendors; the demo itself fails when an expectation does.
demo() {
    local answer
    answer=$(cargo demo -- --once --json)
    grep -q '"completeness"' <<<"$answer" || {
        echo "the demo printed no answer" >&2
        return 1
    }
    echo "the demo answered"
}

step "system packages" system_packages
step "tools" tools
step "foreign verifiers" foreign_verifiers
step "provider of single sign-on" provider
step "foreign engine" foreign_engine
step "format" cargo fmt --all --check
step "lints" cargo clippy --workspace --all-targets --locked -- -D warnings
step "licences, bans and sources" cargo deny --locked check licenses bans sources
step "documentation" documentation
step "documentation examples" cargo test --workspace --doc --locked --quiet
step "demo" demo
step "policies never end in an error" policy_proof
step "fuzzing" fuzz/run.sh "${FUZZ_SECONDS:-10}"
step "tests" cargo nextest run --workspace --locked

printf '\nall checks passed in %d s\n' "$SECONDS"
