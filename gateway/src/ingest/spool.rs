//! Items of a dropped file, kept apart until the verdict on the whole file is known.
//!
//! A file on disk, so that memory does not grow with the vendor's file. It is unlinked as soon as it is made: a crash
//! leaves nothing behind, and the vendor's file is decoded again at the next start.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, BufWriter, Seek as _, Write as _},
    path::Path,
};

use turnpike_adapters::adapter::{Item, Rejection};
use turnpike_schemas::read::Observation;

/// Rejections kept with their text; further ones are counted.
const MOST_REJECTIONS: usize = 1_000;

/// Where items go while a file is decoded.
pub(super) struct Spool {
    file: BufWriter<File>,
    pub(super) counts: Counts,
}

/// What a file held.
#[derive(Debug, Default, Clone)]
pub(super) struct Counts {
    pub(super) reads: u64,
    pub(super) skipped: u64,
    pub(super) rejected: u64,
    pub(super) rejections: Vec<Rejection>,
}

impl Counts {
    /// Counts rejections and keeps the first of them.
    pub(super) fn reject(&mut self, rejections: Vec<Rejection>) {
        self.rejected += rejections.len() as u64;
        let room = MOST_REJECTIONS.saturating_sub(self.rejections.len());
        self.rejections.extend(rejections.into_iter().take(room));
    }
}

/// A spool whose file was accepted.
pub(super) struct Spooled {
    lines: io::Lines<BufReader<File>>,
}

impl Spool {
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let path = folder.join(format!("spool-{}", uuid::Uuid::now_v7()));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        fs::remove_file(&path)?;
        Ok(Self {
            file: BufWriter::new(file),
            counts: Counts::default(),
        })
    }

    pub(super) fn put(&mut self, item: Item) -> io::Result<()> {
        match item {
            Item::Read(read) => {
                self.counts.reads += 1;
                serde_json::to_writer(&mut self.file, &read)?;
                self.file.write_all(b"\n")?;
            }
            Item::Rejected(rejection) => {
                self.counts.reject(vec![rejection]);
            }
            Item::Skipped(_) => self.counts.skipped += 1,
        }
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<(Spooled, Counts)> {
        let mut file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        let spooled = Spooled {
            lines: BufReader::new(file).lines(),
        };
        Ok((spooled, self.counts))
    }
}

impl Spooled {
    /// The next reads, at most `most`; empty at the end.
    pub(super) fn batch(&mut self, most: usize) -> io::Result<Vec<Observation>> {
        let mut reads = Vec::with_capacity(most.min(1_024));
        while reads.len() < most {
            let Some(line) = self.lines.next() else { break };
            reads.push(serde_json::from_str(&line?)?);
        }
        Ok(reads)
    }
}
