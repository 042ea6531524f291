//! The README says what the registry says.

use std::{fs, path::Path};

use turnpike_contract_tests::kit::benches;

use turnpike_adapters::registry::{ADAPTERS, Entry};

use crate::tree::adapter_folder;

const BEGIN: &str = "--test all readme -->\n";
const END: &str = "<!-- end of sources -->";

/// The families an adapter has a bench for: what it is proven with.
fn families(adapter: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut families: Vec<String> = Vec::new();
    for bench in benches(adapter) {
        let sim = runtime.block_on((bench.start)()).unwrap();
        let family = format!("{:?}", sim.family()).to_lowercase();
        if !families.contains(&family) {
            families.push(family);
        }
    }
    families.join(", ")
}

fn row(entry: &Entry) -> String {
    let can = entry.capabilities;
    let ways = [
        (can.search, "asked live"),
        (can.poll, "polled"),
        (can.push, "pushes"),
        (can.file, "drops files"),
        (can.subscribe, "listened to"),
        (can.images, "images on demand"),
    ];
    let ways: Vec<&str> = ways
        .iter()
        .filter(|(can, _)| *can)
        .map(|(_, way)| *way)
        .collect();
    let families = families(entry.id);
    let Entry {
        id,
        title,
        transport,
        cannot_give,
        ..
    } = entry;
    let folder = adapter_folder(id);
    format!(
        "| [`{id}`]({folder}/README.md) | {title} | {families} | {transport} | {} | {} | {cannot_give} |\n",
        ways.join(", "),
        entry.evidence.as_str(),
    )
}

#[test]
fn the_table_of_sources_is_the_registry() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    let mut wanted =
        "| adapter | vendor | family | shape | how | evidence | cannot give |\n|---|---|---|---|---|---|---|\n".to_owned();
    wanted.extend(ADAPTERS.iter().map(row));
    #[expect(
        clippy::disallowed_methods,
        reason = "asks whether to write the file instead of comparing it"
    )]
    if std::env::var("TURNPIKE_UPDATE").is_ok() {
        fs::write(&path, format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        found, wanted,
        "run TURNPIKE_UPDATE=1 cargo test -p turnpike-contract-tests --test all readme"
    );
}

#[test]
fn both_commands_and_every_linked_file_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.contains("cargo demo") && readme.contains("./test.sh"));
    let links: Vec<&str> = readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.starts_with("http"))
        .collect();
    assert!(links.len() > 8);
    for link in links {
        assert!(root.join(link).exists(), "{link}");
    }
}
