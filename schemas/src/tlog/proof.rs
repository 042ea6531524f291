//! Making and checking proofs. Making follows RFC 6962 section 2.1, checking RFC 9162 sections 2.1.3.2 and 2.1.4.2.

use super::tree::Hashes;
use super::{Hash, TlogError, node_hash};

/// The root over the first `size` leaves.
///
/// # Errors
/// When a hash cannot be read.
pub fn root_at<H: Hashes>(hashes: &H, size: u64) -> Result<Hash, H::Error> {
    if size == 0 {
        return Ok(Hash::of_nothing());
    }
    range(hashes, 0, size)
}

/// The hashes that lead from leaf `index` to the root of the tree of `size` leaves, from the leaf upwards.
///
/// # Errors
/// When a hash cannot be read, or `index` is not in the tree.
pub fn inclusion<H>(hashes: &H, index: u64, size: u64) -> Result<Vec<Hash>, H::Error>
where
    H: Hashes,
    H::Error: From<TlogError>,
{
    if index >= size {
        return Err(TlogError::OutOfRange.into());
    }
    let (mut low, mut high) = (0, size);
    let mut path = Vec::new();
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(range(hashes, middle, high)?);
            high = middle;
        } else {
            path.push(range(hashes, low, middle)?);
            low = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The hashes that show that the tree of `old` leaves is the beginning of the tree of `new` leaves. Empty when `old` is 0
/// or equal to `new`.
///
/// # Errors
/// When a hash cannot be read, or `old` is larger than `new`.
pub fn consistency<H>(hashes: &H, old: u64, new: u64) -> Result<Vec<Hash>, H::Error>
where
    H: Hashes,
    H::Error: From<TlogError>,
{
    if old > new {
        return Err(TlogError::OutOfRange.into());
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut low, mut high, mut whole) = (0, new, true);
    let mut path = Vec::new();
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            path.push(range(hashes, middle, high)?);
            high = middle;
        } else {
            path.push(range(hashes, low, middle)?);
            (low, whole) = (middle, false);
        }
    }
    if !whole {
        path.push(range(hashes, low, high)?);
    }
    path.reverse();
    Ok(path)
}

/// Checks that `leaf` is at `index` of the tree of `size` leaves with this root.
///
/// # Errors
/// [`TlogError::OutOfRange`] or [`TlogError::Proof`].
pub fn verify_inclusion(
    path: &[Hash],
    index: u64,
    leaf: &Hash,
    size: u64,
    root: &Hash,
) -> Result<(), TlogError> {
    if index >= size {
        return Err(TlogError::OutOfRange);
    }
    let wrong = TlogError::Proof("inclusion");
    let (mut place, mut last, mut hash) = (index, size - 1, *leaf);
    for step in path {
        if last == 0 {
            return Err(wrong);
        }
        if place % 2 == 1 || place == last {
            hash = node_hash(step, &hash);
            while place % 2 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, step);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    if last == 0 && hash == *root {
        Ok(())
    } else {
        Err(wrong)
    }
}

/// Checks that the tree of `old` leaves with root `old_root` is the beginning of the tree of `new` leaves with `new_root`.
///
/// # Errors
/// [`TlogError::OutOfRange`] when `old` is larger, [`TlogError::Fork`] for one size with two roots, else
/// [`TlogError::Proof`].
pub fn verify_consistency(
    path: &[Hash],
    (old, old_root): (u64, &Hash),
    (new, new_root): (u64, &Hash),
) -> Result<(), TlogError> {
    let wrong = || TlogError::Proof("consistency");
    if old > new {
        return Err(TlogError::OutOfRange);
    }
    if old == new {
        return match (path.is_empty(), old_root == new_root) {
            (true, true) => Ok(()),
            (_, false) => Err(TlogError::Fork { size: old }),
            (false, true) => Err(wrong()),
        };
    }
    if old == 0 {
        let nothing = *old_root == Hash::of_nothing();
        return if path.is_empty() && nothing {
            Ok(())
        } else {
            Err(wrong())
        };
    }
    let mut steps = path.iter();
    let first = if old.is_power_of_two() {
        old_root
    } else {
        steps.next().ok_or_else(wrong)?
    };
    let shift = (old - 1).trailing_ones();
    let (mut place, mut last) = ((old - 1) >> shift, (new - 1) >> shift);
    let (mut left, mut whole) = (*first, *first);
    for step in steps {
        if last == 0 {
            return Err(wrong());
        }
        if place % 2 == 1 || place == last {
            (left, whole) = (node_hash(step, &left), node_hash(step, &whole));
            while place % 2 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            whole = node_hash(&whole, step);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    if last == 0 && left == *old_root && whole == *new_root {
        Ok(())
    } else {
        Err(wrong())
    }
}

/// The hash over the leaves from `low` to `high`, as one subtree of the tree.
fn range<H: Hashes>(hashes: &H, low: u64, high: u64) -> Result<Hash, H::Error> {
    let length = high - low;
    if length.is_power_of_two() {
        let level = length.trailing_zeros();
        return hashes.node(level, low >> level);
    }
    let middle = low + split(length);
    let left = range(hashes, low, middle)?;
    let right = range(hashes, middle, high)?;
    Ok(node_hash(&left, &right))
}

/// The largest power of two smaller than `length`, which is at least 2.
fn split(length: u64) -> u64 {
    1 << (u64::BITS - 1 - (length - 1).leading_zeros())
}
