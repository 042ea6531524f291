use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::hex::hex;

/// Every tile that a log writing all its tiles would have on disk at `size`.
fn grown(size: u64) -> (Growth, BTreeMap<String, Vec<u8>>) {
    let mut tree = Growth::default();
    let mut tiles = BTreeMap::new();
    for number in 0..size {
        let full = tree.append(leaf(number)).into_iter().flatten();
        tiles.extend(full.map(|(tile, bytes)| (tile.path(), bytes)));
    }
    tiles.extend(tree.partial().map(|(tile, bytes)| (tile.path(), bytes)));
    (tree, tiles)
}

struct Stored(BTreeMap<String, Vec<u8>>);

impl TileSource for Stored {
    type Error = TlogError;

    fn tile(&self, tile: &Tile) -> Result<Vec<u8>, TlogError> {
        let bytes = self.0.get(&tile.path()).cloned();
        bytes.ok_or(TlogError::OutOfRange)
    }
}

#[test]
fn the_published_roots_come_out() {
    let mut tree = Frontier::default();
    assert_eq!(tree.root(), Hash::of_nothing());
    for (entry, root) in LEAVES.iter().zip(ROOTS) {
        tree.append(leaf_hash(entry));
        assert_eq!(hex(tree.root().as_bytes()), root);
    }
}

#[test]
fn a_frontier_continues_from_its_nodes_and_refuses_a_wrong_number_of_them() {
    let mut tree = Frontier::default();
    (0..77).for_each(|number| tree.append(leaf(number)));
    let mut again = Frontier::from_nodes(77, tree.nodes().to_vec()).unwrap();
    assert_eq!(Frontier::from_nodes(76, tree.nodes().to_vec()), None);
    for number in 77..200 {
        tree.append(leaf(number));
        again.append(leaf(number));
        assert_eq!(tree.root(), again.root());
    }
}

#[test]
fn a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() {
    let (_, tiles) = grown(70_000);
    let expected: Vec<String> = {
        let mut paths: Vec<String> = Tile::all(70_000).map(|tile| tile.path()).collect();
        paths.sort();
        paths
    };
    assert_eq!(tiles.keys().cloned().collect::<Vec<_>>(), expected);
    let partial: Vec<String> = Tile::right_edge(70_000).map(|tile| tile.path()).collect();
    assert_eq!(
        partial,
        ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    );
    let (_, tiles) = grown(256);
    assert_eq!(
        tiles.keys().collect::<Vec<_>>(),
        ["tile/0/000", "tile/1/000.p/1"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn tiles_tell_the_same_root_and_the_same_proofs_as_the_leaves(
        size in 1_usize..3_000, place in any::<prop::sample::Index>(), old in any::<prop::sample::Index>(),
    ) {
        let (index, old) = (place.index(size) as u64, old.index(size) as u64);
        let size = size as u64;
        let (tree, tiles) = grown(size);
        let memory = whole(size);
        prop_assert_eq!(tree.root(), mth(&memory.0));
        let stored = TileHashes::new(Stored(tiles), size);
        prop_assert_eq!(root_at(&stored, size).unwrap(), tree.root());
        prop_assert_eq!(inclusion(&stored, index, size), inclusion(&memory, index, size));
        prop_assert_eq!(consistency(&stored, old, size), consistency(&memory, old, size));
    }

    #[test]
    fn a_tree_restored_from_its_right_edge_goes_on_as_if_never_stopped(size in 0_u64..70_000, more in 1_u64..600) {
        let (mut tree, tiles) = grown(size);
        let mut edge = RightEdge::new(size);
        for tile in edge.tiles() {
            edge.put(&tile, &tiles[&tile.path()]).unwrap();
        }
        let mut again = edge.finish().unwrap();
        for number in size..size + more {
            prop_assert_eq!(tree.append(leaf(number)), again.append(leaf(number)));
        }
        prop_assert_eq!(tree.root(), again.root());
        prop_assert_eq!(tree, again);
    }
}

#[test]
fn a_right_edge_with_a_tile_missing_or_cut_is_refused() {
    let (_, tiles) = grown(700);
    assert!(RightEdge::new(700).finish().is_err());
    let mut edge = RightEdge::new(700);
    let tile = edge.tiles().next().unwrap();
    let bytes = &tiles[&tile.path()];
    assert!(edge.put(&tile, &bytes[1..]).is_err());
    assert!(edge.put(&tile, &bytes[32..]).is_err());
    edge.put(&tile, bytes).unwrap();
    assert!(edge.finish().is_err(), "level 1 is still missing");
}
