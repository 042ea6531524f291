//! Adding an adapter touches its folder, one line of the registry and its `mod` line, its simulator and the simulator's
//! lines: no other file of the product or of the kit names an adapter.

use turnpike_adapters::registry::ADAPTERS;

use crate::tree::{SourceFile, files, root, rust};

/// The lists: one line for each adapter.
const LISTS: [&str; 3] = [
    "adapters/src/lib.rs",
    "adapters/src/registry.rs",
    "contract-tests/src/sim/mod.rs",
];

/// Files that name adapters although they are neither their own nor a list, and why.
const NAMERS: &[(&str, &str)] = &[
    (
        "contract-tests/src/world/",
        "the invented installation has sources of several kinds, as a real one has",
    ),
    (
        "gateway/src/cli/query.rs",
        "NIEM is also what answers are written in; `standard::niem` is that writer and not the adapter",
    ),
    (
        "gateway/src/cli/source/new",
        "it writes mapping files, which are the declarative adapter's",
    ),
];

/// Whether a file is an adapter's own, or its simulator's.
fn is_own(path: &str, id: &str, module: &str) -> bool {
    [id, module].iter().any(|name| {
        path.starts_with(&format!("adapters/src/{name}/"))
            || path == format!("adapters/benches/{name}.rs")
            || path == format!("contract-tests/src/sim/{name}.rs")
            || path.starts_with(&format!("contract-tests/src/sim/{name}/"))
    })
}

/// Whether a text names an adapter: as a word in quotes, or as a module.
fn names(text: &str, id: &str, module: &str) -> bool {
    let quoted = text.contains(&format!("\"{id}\""));
    let path = format!("{module}::");
    let is_module = text.match_indices(&path).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|before| before.is_alphanumeric() || before == '_')
    });
    quoted || is_module
}

/// Files of the product and of the kit that name an adapter and are not its own, test code left out.
fn namers(id: &str) -> Vec<SourceFile> {
    let module = id.replace('-', "_");
    let looked_at = |file: &SourceFile| {
        ["adapters/", "gateway/", "contract-tests/src/"]
            .iter()
            .any(|folder| file.path.starts_with(folder))
            && !file.is_test()
    };
    rust()
        .into_iter()
        .filter(looked_at)
        .filter(|file| !is_own(&file.path, id, &module) && names(file.shipped(), id, &module))
        .collect()
}

#[test]
fn nothing_but_its_folder_its_simulator_and_the_lists_names_an_adapter() {
    let mut used = Vec::new();
    for entry in ADAPTERS {
        for file in namers(entry.id) {
            if LISTS.contains(&&*file.path) {
                continue;
            }
            let exception = NAMERS.iter().find(|(path, _)| file.path.starts_with(path));
            let allowed = exception.is_some_and(|(_, reason)| !reason.is_empty());
            assert!(allowed, "{} names adapter `{}`", file.path, entry.id);
            used.extend(exception);
        }
    }
    for exception in NAMERS {
        assert!(used.contains(&exception), "stale exception: {exception:?}");
    }
}

#[test]
fn an_adapter_has_one_line_in_each_list() {
    for entry in ADAPTERS {
        let module = entry.id.replace('-', "_");
        let lines = |list: &str, wanted: &str| {
            let text = std::fs::read_to_string(root().join(list)).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
            code.matches(wanted).count()
        };
        let [modules, registry, simulators] = LISTS;
        for (list, wanted) in [
            (modules, format!("pub mod {module};")),
            (registry, format!("crate::{module}::ENTRY")),
            (simulators, format!("pub mod {module};")),
            (simulators, format!("adapter: \"{}\"", entry.id)),
        ] {
            assert_eq!(lines(list, &wanted), 1, "{list}: {wanted}");
        }
        let folder = files(&format!("adapters/src/{module}"), &[".rs"]);
        assert!(!folder.is_empty(), "{} has no folder", entry.id);
    }
}

#[test]
fn the_way_names_are_told_tells_names_from_words() {
    for text in [
        "let a = \"axis\";",
        "use crate::axis::ENTRY;",
        "axis::start()",
    ] {
        assert!(names(text, "axis", "axis"), "{text}");
    }
    for text in [
        "// along the axis",
        "let axis = 1;",
        "praxis::start()",
        "\"axis-2\"",
    ] {
        assert!(!names(text, "axis", "axis"), "{text}");
    }
}
