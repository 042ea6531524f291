//! Who may call what. Each exception has its reason, and one that is no longer needed fails too.

use crate::tree::{adapter_folder, rust};

/// A file that may hold a word, and why.
type Allowed = (&'static str, &'static str);

/// That, outside tests, only these files below `folder` hold one of `words`, and that each of them does.
fn only(folder: &str, words: &[&str], allowed: &[Allowed]) {
    let mut holders = Vec::new();
    for file in rust() {
        let shipped = file.path.starts_with(folder) && !file.is_test();
        if shipped && words.iter().any(|word| file.shipped().contains(word)) {
            holders.push(file.path);
        }
    }
    let permitted = |path: &str| {
        let mut reasons = allowed.iter();
        reasons.any(|(prefix, reason)| path.starts_with(prefix) && !reason.is_empty())
    };
    for holder in &holders {
        assert!(permitted(holder), "{holder} holds one of {words:?}");
    }
    for (path, reason) in allowed {
        let used = holders.iter().any(|holder| holder.starts_with(path));
        assert!(used, "stale exception: {path} ({reason})");
    }
}

#[test]
fn adapters_are_built_in_one_place() {
    only(
        "gateway/",
        &["entry.build)(", ".build)(", "layers::stack("],
        &[
            ("gateway/src/app.rs", "the composition root"),
            (
                "gateway/src/config/sources.rs",
                "settings are checked by building, and the adapter is dropped",
            ),
            (
                "gateway/src/cli/decode.rs",
                "decodes a file without a source: contacts nobody",
            ),
            (
                "gateway/src/cli/source/payloads.rs",
                "decodes a folder of payloads: contacts nobody",
            ),
        ],
    );
}

#[test]
fn sources_are_asked_in_the_federation_only() {
    only(
        "gateway/",
        &[
            "adapter.search(",
            "adapter\n            .search(",
            "adapter.image(",
            ".image(&ctx",
            "adapter.poll(",
        ],
        &[
            (
                "gateway/src/federation/",
                "the only way to a source: with a permit, between two ledger entries",
            ),
            (
                "gateway/src/ingest/poll.rs",
                "polls: with a permit to take in, and nobody asks",
            ),
        ],
    );
}

#[test]
fn permits_come_from_the_policy_only() {
    only(
        "gateway/",
        &[
            "agreement.permit(",
            ".alert_permit(",
            ".image_permit(",
            ".ingest_permit(",
        ],
        &[(
            "gateway/src/policy/mod.rs",
            "both engines must permit: nobody asks one of them alone",
        )],
    );
}

#[test]
fn reads_without_a_permit_are_looked_at_for_wanted_plates_only() {
    let why = "each read is asked about again under an agreement before anybody is told";
    only(
        "gateway/",
        &["store.arrivals(", "store.current("],
        &[
            ("gateway/src/matching/mod.rs", why),
            ("gateway/src/matching/page.rs", why),
            ("gateway/src/matching/telling.rs", why),
        ],
    );
}

#[test]
fn sources_are_listened_to_and_fetched_from_in_ingest_only() {
    only(
        "gateway/",
        &[
            "MqttSession::begin(",
            "SftpSession::begin(",
            "transport.open(",
        ],
        &[
            ("gateway/src/ingest/listen.rs", "with a permit to take in"),
            ("gateway/src/ingest/sftp.rs", "with a permit to take in"),
        ],
    );
    only(
        "adapters/",
        &["TcpStream::connect("],
        &[(
            "adapters/src/transport/dial.rs",
            "the one place that connects: to addresses that may be connected to",
        )],
    );
}

#[test]
fn payloads_are_decoded_in_ingest_and_by_hand_only() {
    only(
        "gateway/",
        &[
            "adapter.decode(",
            "adapter.decode_file(",
            ".decode_file(",
            "payload.decode(",
            "conformance::check(",
        ],
        &[
            ("gateway/src/ingest/", "takes in what sources send"),
            (
                "gateway/src/cli/source/",
                "checks payloads of a folder: nothing is stored or released",
            ),
            ("gateway/src/cli/decode.rs", "shows what a payload holds"),
        ],
    );
}

#[test]
fn the_wall_clock_is_read_in_one_place() {
    for folder in ["schemas/", "gateway/"] {
        only(
            folder,
            &[
                "SystemTime::now",
                "Timestamp::now",
                "Zoned::now",
                "Utc::now",
            ],
            &[],
        );
    }
    only(
        "adapters/",
        &[
            "SystemTime::now",
            "Timestamp::now",
            "Zoned::now",
            "Utc::now",
        ],
        &[("adapters/src/context.rs", "the clock everybody is lent")],
    );
}

#[test]
fn one_place_builds_an_http_client() {
    only(
        "gateway/",
        &["Client::builder(", "Client::new("],
        &[
            (
                "gateway/src/cli/client.rs",
                "the command line is a client of the gateway, not of a source",
            ),
            (
                "gateway/src/tlog/witnesses.rs",
                "witnesses get checkpoints, at the addresses of the policy; they are no sources",
            ),
        ],
    );
    only(
        "adapters/",
        &["Client::builder(", "Client::new("],
        &[(
            "adapters/src/transport.rs",
            "pinned, capped, without redirects",
        )],
    );
    only("schemas/", &["reqwest", "tokio"], &[]);
}

#[test]
fn the_environment_is_read_by_the_configuration_only() {
    only("adapters/", &["env::var"], &[]);
    only("schemas/", &["env::var"], &[]);
}

#[test]
fn simulators_town_and_fault_proxy_name_no_crate_of_the_product() {
    for folder in ["sim", "town", "fault"] {
        let folder = format!("contract-tests/src/{folder}/");
        only(
            &folder,
            &["turnpike_schemas", "turnpike_adapters", "turnpike_gateway"],
            &[],
        );
    }
}

#[test]
fn no_adapter_names_another_adapter() {
    let ids: Vec<_> = turnpike_adapters::registry::ADAPTERS
        .iter()
        .map(|entry| entry.id)
        .collect();
    for id in &ids {
        for other in ids.iter().filter(|other| *other != id) {
            let folder = format!("{}/", adapter_folder(id));
            let other = other.replace('-', "_");
            only(
                &folder,
                &[&format!("crate::{other}"), &format!("{other}::")],
                &[],
            );
        }
    }
}
