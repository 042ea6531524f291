//! Every way to tamper with an exported ledger, generated systematically.

use std::fs;
use std::path::{Path, PathBuf};

use turnpike_gateway::tlog::SigningKey;
use turnpike_schemas::tlog::{Bundle, KeyKind, put_entry};

use super::{KEPT, Operator, SIZE};

const BUNDLES: [&str; 3] = [
    "tile/entries/000",
    "tile/entries/001",
    "tile/entries/002.p/188",
];
const TILES: [&str; 4] = [
    "tile/0/000",
    "tile/0/001",
    "tile/0/002.p/188",
    "tile/1/000.p/2",
];

/// One way.
pub(super) struct Case {
    pub(super) name: String,
    change: Box<dyn Fn(&Path)>,
}

impl Case {
    fn new(name: impl Into<String>, change: impl Fn(&Path) + 'static) -> Self {
        Self {
            name: name.into(),
            change: Box::new(change),
        }
    }

    /// Makes a tampered copy of `honest`.
    pub(super) fn make(&self, honest: &Path, copy: &Path) {
        for path in [&BUNDLES[..], &TILES[..], &["checkpoint"]].concat() {
            let target = copy.join(path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(honest.join(path), target).unwrap();
        }
        (self.change)(copy);
    }
}

/// All of them.
pub(super) fn cases(operator: &Operator) -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend((0..60).map(|step| flip_in_entry(operator, step * SIZE / 60)));
    for file in BUNDLES {
        cases.extend((0..8).map(|step| flip(file, step, 8)));
    }
    for file in TILES {
        cases.extend((0..12).map(|step| flip(file, step, 12)));
    }
    cases.extend((0..40).map(|step| flip("checkpoint", step, 40)));
    cases.push(edit("checkpoint", "last bits of the signature", |bytes| {
        let place = bytes.len() - 3;
        bytes[place] = if bytes[place] == b'B' {
            b'C'
        } else {
            bytes[place] ^ 1
        };
    }));
    for file in [&BUNDLES[..], &TILES[..], &["checkpoint"]].concat() {
        for part in [0, 1, 3] {
            let name = format!("{file} cut to {part}/4");
            cases.push(edit(file, &name, move |bytes| {
                bytes.truncate(bytes.len() * part / 4)
            }));
        }
        cases.push(edit(
            file,
            &format!("{file} without its last byte"),
            |bytes| {
                bytes.pop();
            },
        ));
        cases.push(edit(file, &format!("{file} goes on"), |bytes| {
            bytes.push(0)
        }));
        cases.push(Case::new(format!("{file} removed"), move |copy| {
            fs::remove_file(copy.join(file)).unwrap();
        }));
    }
    for step in 0..10 {
        let at = step * 180 / 10;
        cases.push(entries(
            step,
            &format!("entries {at} and {} swapped", at + 5),
            move |all| all.swap(at, at + 5),
        ));
        cases.push(entries(step, &format!("entry {at} dropped"), move |all| {
            drop(all.remove(at))
        }));
        cases.push(entries(
            step,
            &format!("entry {at} twice, the next gone"),
            move |all| all[at + 1] = all[at].clone(),
        ));
        cases.push(entries(step, &format!("entry {at} twice"), move |all| {
            all.insert(at, all[at].clone())
        }));
    }
    cases.push(swap_files(BUNDLES[0], BUNDLES[1]));
    cases.push(swap_files(TILES[0], TILES[1]));
    cases.extend(by_the_operator(operator));
    cases
}

/// One bit of the text of entry `index`.
pub(super) fn flip_in_entry(operator: &Operator, index: usize) -> Case {
    let length = operator.entries[index].len();
    let place = (index * 7_919) % length;
    entries(
        index / 256,
        &format!("a bit of entry {index}"),
        move |all| {
            all[index % 256][place] ^= 1 << (index % 8);
        },
    )
}

/// What only whoever holds the key can do, or somebody with another key.
fn by_the_operator(operator: &Operator) -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [0, 1, 256, 512, KEPT - 1] {
        cases.push(publish(
            operator,
            &format!("an old checkpoint of {size}"),
            move |all| all.truncate(size),
        ));
    }
    for index in [0, 255, 256, 500, KEPT - 1] {
        cases.push(publish(
            operator,
            &format!("a fork at {index}"),
            move |all| {
                let text = String::from_utf8(all[index].clone()).unwrap();
                all[index] = text
                    .replace("brookdale-police", "brookdale-tolls")
                    .into_bytes();
            },
        ));
        cases.push(publish(
            operator,
            &format!("a fork without {index}"),
            move |all| drop(all.remove(index)),
        ));
    }
    for index in [KEPT, KEPT + 20, SIZE - 1] {
        cases.push(publish(
            operator,
            &format!("index {} signed twice", index - 1),
            move |all| {
                all.insert(index, all[index - 1].clone());
            },
        ));
        cases.push(publish(
            operator,
            &format!("index {index} never signed"),
            move |all| drop(all.remove(index - 1)),
        ));
    }
    for name in [
        "gateway.example/ledger",
        "other.example/ledger",
        "gateway.example/ledge",
    ] {
        let entries = operator.entries.clone();
        cases.push(Case::new(
            format!("the key of another {name}"),
            move |copy| {
                let key = copy.with_extension("key");
                let signer = SigningKey::create(&key, Some(name), KeyKind::Log).unwrap();
                let entries = entries.clone();
                Operator { signer, entries }.publish_own(copy);
            },
        ));
    }
    cases
}

impl Operator {
    fn publish_own(&self, to: &Path) {
        fs::remove_dir_all(to).unwrap();
        self.publish(&self.entries, to);
    }
}

/// The ledger rewritten and signed again.
fn publish(operator: &Operator, name: &str, change: impl Fn(&mut Vec<Vec<u8>>) + 'static) -> Case {
    let mut entries = operator.entries.clone();
    change(&mut entries);
    let staged = tempfile::tempdir().unwrap();
    operator.publish(&entries, staged.path());
    Case::new(name, move |copy: &Path| {
        fs::remove_dir_all(copy).unwrap();
        for file in files(staged.path()) {
            let target = copy.join(file.strip_prefix(staged.path()).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(&file, target).unwrap();
        }
    })
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn edit(file: &'static str, name: &str, change: impl Fn(&mut Vec<u8>) + 'static) -> Case {
    Case::new(name, move |copy| {
        let path = copy.join(file);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    })
}

/// One bit, `step` of `steps` through the file.
fn flip(file: &'static str, step: usize, steps: usize) -> Case {
    edit(
        file,
        &format!("bit {step} of {steps} in {file}"),
        move |bytes| {
            let place = bytes.len() * step / steps;
            bytes[place] ^= 1 << (step % 8);
        },
    )
}

/// The entries of one bundle, put back with right lengths.
fn entries(number: usize, name: &str, change: impl Fn(&mut Vec<Vec<u8>>) + 'static) -> Case {
    let file = BUNDLES[number % BUNDLES.len()];
    edit(file, &format!("{file}: {name}"), move |bytes| {
        let mut all: Vec<Vec<u8>> = Bundle::new(bytes)
            .map(|entry| entry.unwrap().to_vec())
            .collect();
        change(&mut all);
        bytes.clear();
        all.iter()
            .for_each(|entry| put_entry(entry, bytes).unwrap());
    })
}

fn swap_files(one: &'static str, other: &'static str) -> Case {
    Case::new(format!("{one} and {other} swapped"), move |copy| {
        let away = copy.join("away");
        fs::rename(copy.join(one), &away).unwrap();
        fs::rename(copy.join(other), copy.join(one)).unwrap();
        fs::rename(away, copy.join(other)).unwrap();
    })
}
