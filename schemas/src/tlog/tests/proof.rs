use proptest::prelude::*;

use super::*;

fn roots(tree: &Whole) -> impl Fn(u64) -> Hash {
    let leaves = tree.0.clone();
    move |size| mth(&leaves[..usize::try_from(size).unwrap()])
}

#[test]
fn every_proof_of_every_small_tree_verifies_and_no_altered_one_does() {
    for size in 1..40_u64 {
        let tree = whole(size);
        let root = roots(&tree);
        for index in 0..size {
            let path = inclusion(&tree, index, size).unwrap();
            verify_inclusion(&path, index, &leaf(index), size, &root(size)).unwrap();
            for place in 0..path.len() {
                let mut altered = path.clone();
                altered[place] = leaf(1_000);
                assert!(
                    verify_inclusion(&altered, index, &leaf(index), size, &root(size)).is_err()
                );
            }
            let longer = [path.clone(), vec![leaf(0)]].concat();
            assert!(verify_inclusion(&longer, index, &leaf(index), size, &root(size)).is_err());
            let other = (index + 1) % size;
            assert!(
                other == index
                    || verify_inclusion(&path, other, &leaf(index), size, &root(size)).is_err()
            );
        }
        for old in 0..=size {
            let path = consistency(&tree, old, size).unwrap();
            let (before, after) = (root(old), root(size));
            verify_consistency(&path, (old, &before), (size, &after)).unwrap();
            for place in 0..path.len() {
                let mut altered = path.clone();
                altered[place] = leaf(1_000);
                assert!(verify_consistency(&altered, (old, &before), (size, &after)).is_err());
                let shorter = [&path[..place], &path[place + 1..]].concat();
                assert!(verify_consistency(&shorter, (old, &before), (size, &after)).is_err());
            }
            let longer = [path.clone(), vec![leaf(0)]].concat();
            assert!(verify_consistency(&longer, (old, &before), (size, &after)).is_err());
            assert!(verify_consistency(&path, (old, &leaf(7)), (size, &after)).is_err());
            assert_eq!(
                verify_consistency(&path, (old, &before), (size, &leaf(7))).is_ok(),
                old == 0,
                "the empty tree is the beginning of every tree"
            );
        }
    }
}

#[test]
fn sizes_outside_the_tree_are_refused_and_a_fork_is_called_one() {
    let tree = whole(5);
    assert_eq!(inclusion(&tree, 5, 5), Err(TlogError::OutOfRange));
    assert_eq!(consistency(&tree, 6, 5), Err(TlogError::OutOfRange));
    let root = roots(&tree);
    assert_eq!(
        verify_inclusion(&[], 0, &leaf(0), 0, &Hash::of_nothing()),
        Err(TlogError::OutOfRange)
    );
    assert_eq!(
        verify_consistency(&[], (5, &root(5)), (4, &root(4))),
        Err(TlogError::OutOfRange)
    );
    assert_eq!(
        verify_consistency(&[], (5, &root(5)), (5, &root(4))),
        Err(TlogError::Fork { size: 5 })
    );
}

proptest! {
    #[test]
    fn a_tree_whose_past_was_altered_has_no_consistency_proof(
        old in 1_u64..300, more in 1_u64..300, place in any::<prop::sample::Index>(),
    ) {
        let honest = whole(old + more);
        let mut forged = whole(old + more);
        forged.0[place.index(usize::try_from(old).unwrap())] = leaf(1 << 40);
        let before = roots(&honest)(old);
        let after = roots(&forged)(old + more);
        let path = consistency(&forged, old, old + more).unwrap();
        prop_assert!(verify_consistency(&path, (old, &before), (old + more, &after)).is_err());
    }
}
