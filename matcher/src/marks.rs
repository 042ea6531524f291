//! What is known of each entry besides its plate: 64 bits, read and written whole, found by its number.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use super::Refused;

/// Marks of one block.
const BLOCK: u32 = 1 << 14;

/// Blocks there can be.
const BLOCKS: u32 = 1 << 12;

/// Numbers are below this.
pub(crate) const MAX: u32 = BLOCK * BLOCKS;

const THERE: u64 = 1;
const LOOK_ALIKE: u64 = 2;
const ISSUER: u32 = 8;
const EXPIRES: u32 = 24;

/// One entry's. From the top: 40 bits of seconds, 16 of issuer, flags.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(u64);

impl Mark {
    fn new(expires_s: u64, issuer: u16, look_alike: bool) -> Self {
        let flags = THERE | if look_alike { LOOK_ALIKE } else { 0 };
        Self(expiry(expires_s) | (u64::from(issuer) << ISSUER) | flags)
    }

    pub(crate) fn expires_s(self) -> u64 {
        self.0 >> EXPIRES
    }

    pub(crate) fn issuer(self) -> u16 {
        u16::try_from((self.0 >> ISSUER) & 0xffff).unwrap_or(0)
    }

    pub(crate) fn look_alike(self) -> bool {
        self.0 & LOOK_ALIKE != 0
    }

    fn renewed(self, expires_s: u64) -> Self {
        Self(expiry(expires_s) | (self.0 & ((1 << EXPIRES) - 1)))
    }
}

fn expiry(seconds: u64) -> u64 {
    seconds.min((1 << 40) - 1) << EXPIRES
}

/// All of them. A block is made with its first entry.
#[derive(Debug)]
pub(crate) struct Marks {
    blocks: Box<[OnceLock<Box<[AtomicU64]>>]>,
    there: AtomicUsize,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            blocks: (0..BLOCKS).map(|_| OnceLock::new()).collect(),
            there: AtomicUsize::new(0),
        }
    }
}

impl Marks {
    pub(crate) fn get(&self, id: u32) -> Option<Mark> {
        let mark = self.slot(id)?.load(Ordering::Acquire);
        (mark & THERE != 0).then_some(Mark(mark))
    }

    /// Takes the number for an entry.
    pub(crate) fn claim(
        &self,
        id: u32,
        expires_s: u64,
        issuer: u16,
        look_alike: bool,
    ) -> Result<(), Refused> {
        let block = self
            .blocks
            .get(usize::try_from(id / BLOCK).unwrap_or(usize::MAX))
            .ok_or(Refused::Number)?;
        let block = block.get_or_init(|| (0..BLOCK).map(|_| AtomicU64::new(0)).collect());
        let slot = block
            .get(usize::try_from(id % BLOCK).unwrap_or(usize::MAX))
            .ok_or(Refused::Number)?;
        let mark = Mark::new(expires_s, issuer, look_alike).0;
        slot.compare_exchange(0, mark, Ordering::AcqRel, Ordering::Acquire)
            .map_err(|_| Refused::Known)?;
        self.there.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn release(&self, id: u32) {
        if let Some(slot) = self.slot(id)
            && slot.swap(0, Ordering::AcqRel) != 0
        {
            self.there.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn renew(&self, id: u32, expires_s: u64) -> bool {
        let Some(slot) = self.slot(id) else {
            return false;
        };
        let renewed = |mark| (mark & THERE != 0).then(|| Mark(mark).renewed(expires_s).0);
        slot.fetch_update(Ordering::AcqRel, Ordering::Acquire, renewed)
            .is_ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.there.load(Ordering::Relaxed)
    }

    fn slot(&self, id: u32) -> Option<&AtomicU64> {
        let block = self.blocks.get(usize::try_from(id / BLOCK).ok()?)?;
        block.get()?.get(usize::try_from(id % BLOCK).ok()?)
    }
}
