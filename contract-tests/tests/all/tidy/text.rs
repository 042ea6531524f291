//! What stands in files: how long they are, how they begin, and what may not be in them.

use std::path::Path;

use crate::tree::{files, root, rust};

/// Longest Rust file, in lines.
const LONGEST: usize = 700;

/// Files that are longer, and why.
const LONGER: &[(&str, &str)] = &[];

#[test]
fn no_rust_file_is_too_long() {
    for file in rust() {
        let lines = file.text.lines().count();
        let exempt = LONGER
            .iter()
            .any(|(path, reason)| *path == file.path && !reason.is_empty());
        assert!(exempt || lines <= LONGEST, "{}: {lines} lines", file.path);
    }
    for (path, reason) in LONGER {
        let file = rust().into_iter().find(|file| file.path == *path);
        let lines = file.map_or(0, |file| file.text.lines().count());
        assert!(lines > LONGEST, "stale exception: {path} ({reason})");
    }
}

#[test]
fn every_public_module_says_what_it_is_for() {
    for file in rust() {
        if file.is_test() {
            continue;
        }
        let folder = Path::new(&file.path).parent().unwrap();
        let stem = Path::new(&file.path).file_stem().unwrap().to_string_lossy();
        let below = match &*stem {
            "lib" | "main" | "mod" => folder.to_owned(),
            stem => folder.join(stem),
        };
        let modules = file
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("pub mod "));
        for module in modules.filter_map(|line| line.strip_suffix(';')) {
            let places = [
                below.join(format!("{module}.rs")),
                below.join(module).join("mod.rs"),
            ];
            let text = places
                .iter()
                .find_map(|place| std::fs::read_to_string(root().join(place)).ok());
            let text = text.unwrap_or_else(|| panic!("{}: no file for {module}", file.path));
            assert!(
                text.starts_with("//!"),
                "{}: {module} has no head",
                file.path
            );
        }
    }
}

#[test]
fn nothing_is_left_for_later() {
    // Written in halves, so that this file does not hold them.
    let words = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["XX", "X:"],
        ["unimple", "mented!"],
        ["todo", "!("],
        ["#[ign", "ore"],
        ["#[all", "ow("],
    ]
    .map(|halves| halves.concat());
    let endings = [".rs", ".md", ".toml", ".sh", ".yml", ".json"];
    for file in files(".", &endings) {
        let held = words.iter().find(|word| file.text.contains(*word));
        assert_eq!(held, None, "{}", file.path);
    }
}

#[test]
fn every_module_the_architecture_page_names_exists() {
    let path = root().join("docs/ARCHITECTURE.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut folder = None;
    let mut seen = 0;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            folder = heading.split('`').nth(1);
        } else if line.starts_with("## ") {
            folder = None;
        }
        let (Some(folder), Some(item)) = (folder, line.strip_prefix("- `")) else {
            continue;
        };
        let names = item.split(':').next().unwrap();
        for name in names.split(',').map(|name| name.trim_matches([' ', '`'])) {
            let src = root().join(folder).join("src");
            let exists = src.join(name).is_dir() || src.join(format!("{name}.rs")).is_file();
            assert!(exists, "docs/ARCHITECTURE.md names {folder}/src/{name}");
            seen += 1;
        }
    }
    assert!(seen > 15, "only {seen} modules are named");
}

/// What documents may name although it is not there, and why.
const INVENTED: &[(&str, &str)] = &[("gatepost", "the invented adapter of the guide")];

#[test]
fn paths_that_documents_name_exist() {
    let mut used = Vec::new();
    for page in files("docs", &[".md"]) {
        for quoted in page.text.split('`').skip(1).step_by(2) {
            let roots = [
                "schemas/",
                "adapters/",
                "gateway/",
                "contract-tests/",
                "fuzz/",
            ];
            let ours = roots.iter().any(|root| quoted.starts_with(root));
            let plain = !quoted.contains([' ', '<', '*', '{', '\n', '$']);
            if ours && plain {
                let place = quoted.split(':').next().unwrap();
                let invented = INVENTED.iter().find(|(name, _)| place.contains(name));
                let exists = root().join(place).exists();
                assert!(
                    exists || invented.is_some(),
                    "{} names `{quoted}`",
                    page.path
                );
                used.extend(invented.filter(|_| !exists));
            }
        }
    }
    for exception in INVENTED {
        assert!(used.contains(&exception), "stale exception: {exception:?}");
    }
}

#[test]
fn there_is_a_changelog() {
    let text = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    assert!(
        text.contains("Unreleased"),
        "CHANGELOG.md has no section for what is not released yet"
    );
}
