//! A tree held whole in memory, and what all tests here share.

mod growth;
mod note;
mod oracle;
mod policy;
mod proof;
mod tile;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::*;

/// The eight leaves of the published vectors.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Roots over the first one, two, ... of them.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// All leaves of a tree.
struct Whole(Vec<Hash>);

impl Hashes for Whole {
    type Error = TlogError;

    fn node(&self, level: u32, index: u64) -> Result<Hash, TlogError> {
        let (first, length) = (usize::try_from(index << level).unwrap(), 1 << level);
        let part = self.0.get(first..first + length);
        Ok(mth(part.ok_or(TlogError::OutOfRange)?))
    }
}

/// RFC 6962, section 2.1, word for word.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of_nothing(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&mth(left), &mth(right))
        }
    }
}

fn leaf(number: u64) -> Hash {
    leaf_hash(&number.to_be_bytes())
}

fn whole(size: u64) -> Whole {
    Whole((0..size).map(leaf).collect())
}

/// The real algorithm.
struct Aws;

impl Ed25519 for Aws {
    fn verify(&self, public_key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, public_key)
            .verify(message, signature)
            .is_ok()
    }
}

struct Signer {
    pair: Ed25519KeyPair,
    key: VerifierKey,
}

impl Signer {
    fn new(name: &str, kind: KeyKind, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = pair.public_key().as_ref().try_into().unwrap();
        let key = VerifierKey::new(name, kind, public).unwrap();
        Self { pair, key }
    }

    fn sign(&self, text: &str) -> NoteSignature {
        let signature = self.pair.sign(text.as_bytes()).as_ref().to_vec();
        NoteSignature::new(self.key.name(), self.key.id(), signature).unwrap()
    }

    fn cosign(&self, text: &str, time: u64) -> NoteSignature {
        let message = cosigned_message(time, text);
        let mut bytes = time.to_be_bytes().to_vec();
        bytes.extend_from_slice(self.pair.sign(message.as_bytes()).as_ref());
        NoteSignature::new(self.key.name(), self.key.id(), bytes).unwrap()
    }
}
