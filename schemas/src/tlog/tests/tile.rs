use proptest::prelude::*;

use super::*;

#[test]
fn paths_are_those_of_the_specification() {
    let tile = Tile::hashes(0, 1_234_067, u64::MAX >> 1).unwrap();
    assert_eq!(tile.path(), "tile/0/x001/x234/067");
    assert_eq!(
        Tile::entries(0, 17).unwrap().path(),
        "tile/entries/000.p/17"
    );
    assert_eq!(
        Tile::entries(1_234, 10_000_000).unwrap().path(),
        "tile/entries/x001/234"
    );
    assert_eq!(Tile::hashes(0, 0, 0), None);
    assert_eq!(Tile::hashes(1, 0, 255), None);
    assert_eq!(Tile::hashes(8, 0, u64::MAX), None);
}

#[test]
fn a_path_written_in_any_other_way_is_not_a_tile() {
    for path in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/0/+01",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/07",
        "tile/0/000.p/",
        "tile/0/000.p/1/2",
        "tile/data/000",
        "/tile/0/000",
        "tile/0/../000",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/000\n",
    ] {
        assert!(Tile::parse(path).is_err(), "{path}");
    }
}

#[test]
fn a_bundle_that_is_cut_anywhere_is_reported() {
    let mut bytes = Vec::new();
    for entry in [b"one".as_slice(), b"", b"three"] {
        put_entry(entry, &mut bytes).unwrap();
    }
    let whole: Result<Vec<_>, _> = Bundle::new(&bytes).collect();
    assert_eq!(whole.unwrap(), [b"one".as_slice(), b"", b"three"]);
    for length in 1..bytes.len() {
        let found: Vec<_> = Bundle::new(&bytes[..length]).collect();
        let whole = [5, 7].contains(&length);
        assert_eq!(found.iter().all(Result::is_ok), whole, "cut to {length}");
    }
}

#[test]
fn an_entry_has_at_most_65535_bytes() {
    let mut out = Vec::new();
    put_entry(&vec![7; 65_535], &mut out).unwrap();
    assert_eq!(out.len(), 65_537);
    assert!(put_entry(&vec![7; 65_536], &mut out).is_err());
    assert_eq!(out.len(), 65_537);
}

proptest! {
    #[test]
    fn a_path_reads_back_as_the_tile_it_was_written_for(level in 0_u8..8, index in 0_u64..5_000_000, size in 1_u64..u64::MAX) {
        if let Some(tile) = Tile::hashes(level, index, size) {
            prop_assert_eq!(Tile::parse(&tile.path()), Ok(tile));
            prop_assert_eq!(Tile::parse(&tile.to_full().path()), Ok(tile.to_full()));
        }
        if let Some(tile) = Tile::entries(index, size) {
            prop_assert_eq!(Tile::parse(&tile.path()), Ok(tile));
        }
    }

    #[test]
    fn no_path_makes_the_parser_stumble(path in "tile/[0-9entris]{1,8}/[x0-9/.p]{0,20}") {
        if let Ok(tile) = Tile::parse(&path) {
            prop_assert_eq!(tile.path(), path);
        }
    }
}
