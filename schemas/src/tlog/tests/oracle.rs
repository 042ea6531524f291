//! The crate `ct-merkle` as a second opinion: same roots, same proofs, byte for byte.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2_next::Sha256;

use super::*;

fn bytes(path: &[Hash]) -> Vec<u8> {
    encode_tile(path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn roots_and_proofs_are_those_of_another_implementation(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..400),
        place in any::<prop::sample::Index>(), old in any::<prop::sample::Index>(),
    ) {
        let mut other = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        entries.iter().for_each(|entry| other.push(entry.clone()));
        let ours = Whole(entries.iter().map(|entry| leaf_hash(entry)).collect());
        let mut frontier = Frontier::default();
        ours.0.iter().for_each(|leaf| frontier.append(*leaf));
        prop_assert_eq!(frontier.root().as_bytes().to_vec(), other.root().as_bytes().to_vec());
        let (size, index) = (entries.len(), place.index(entries.len()));
        let path = inclusion(&ours, index as u64, size as u64).unwrap();
        let theirs = other.prove_inclusion(index);
        prop_assert_eq!(bytes(&path), theirs.as_bytes());
        let old = 1 + old.index(size);
        if old < size {
            let path = consistency(&ours, old as u64, size as u64).unwrap();
            let theirs = other.prove_consistency(size - old);
            prop_assert_eq!(bytes(&path), theirs.as_bytes());
        }
    }
}
