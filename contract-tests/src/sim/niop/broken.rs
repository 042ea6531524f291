//! Files with something wrong in them, each exactly one thing.

use std::io::{self, Cursor};

use jiff::SignedDuration;
use zip::ZipWriter;

use super::file::{DataFile, Parcel, deflated};
use super::xml::Element;

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// The header counts one record too many.
    CountMismatch,
    /// The first record is there twice, and counted twice.
    DuplicateReference,
    /// The archive and its entry have a name of no kind.
    WrongFileName,
    /// The name says a second later than the header.
    NameTimeMismatch,
    /// The archive ends in the middle.
    TruncatedZip,
    /// The archive is no archive.
    NotAZip,
    /// The document holds this many blanks between two records and packs to almost nothing.
    Bomb(u64),
    /// The entry wants to lie outside the folder it is unpacked to.
    PathEscape,
    /// The archive holds two good data files.
    TwoFiles,
    /// The archive holds nothing.
    NoFile,
    /// The document declares entities that blow up.
    Entities,
    /// The document declares an entity that reads a local file.
    ExternalEntity,
    /// The document is declared, and where it matters written, in another encoding.
    Encoding(Declared),
    /// A text of the first record is no UTF-8.
    BadUtf8,
    /// The first record holds elements nested this deep.
    DeepNesting(usize),
    /// The first record lacks the element.
    MissingElement(&'static str),
    /// The first record has this text in that element.
    WrongText(&'static str, &'static str),
    /// The document stops in the middle of an element.
    TruncatedXml,
}

/// Encodings other than UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// Declared only: the bytes are plain ASCII.
    Latin1,
    /// Declared and written, with a byte order mark.
    Utf16,
}

const FACILITY_TEXT: &[u8] = b"BROOKDALE CONNECTOR";

impl DataFile {
    /// The archive of this file with one thing wrong.
    ///
    /// # Errors
    /// When the archive cannot be built.
    pub fn broken(&self, quirk: Quirk) -> io::Result<Parcel> {
        match quirk {
            Quirk::CountMismatch => {
                let one_more = u64::try_from(self.records.len()).unwrap_or(u64::MAX) + 1;
                Self {
                    record_count: Some(one_more),
                    ..self.clone()
                }
                .parcel()
            }
            Quirk::DuplicateReference => {
                let mut file = self.clone();
                file.records.extend(self.records.first().cloned());
                file.parcel()
            }
            Quirk::NameTimeMismatch => {
                let later = self.submitted + SignedDuration::from_secs(1);
                Self {
                    named_time: Some(later),
                    ..self.clone()
                }
                .parcel()
            }
            Quirk::DeepNesting(depth) => self.edited(|record| record.push(nest(depth))),
            Quirk::MissingElement(name) => self.edited(|record| record.remove(name)),
            Quirk::WrongText(name, text) => self.edited(|record| record.set(name, text)),
            Quirk::WrongFileName
            | Quirk::TruncatedZip
            | Quirk::NotAZip
            | Quirk::PathEscape
            | Quirk::TwoFiles
            | Quirk::NoFile
            | Quirk::Bomb(_) => self.broken_archive(quirk),
            Quirk::Entities
            | Quirk::ExternalEntity
            | Quirk::Encoding(_)
            | Quirk::BadUtf8
            | Quirk::TruncatedXml => self.broken_document(quirk),
        }
    }

    fn edited(&self, edit: impl FnOnce(&mut Element)) -> io::Result<Parcel> {
        let mut file = self.clone();
        if let Some(record) = file.records.first_mut() {
            edit(record);
        }
        file.parcel()
    }

    fn broken_archive(&self, quirk: Quirk) -> io::Result<Parcel> {
        let mut parcel = match quirk {
            Quirk::PathEscape => {
                self.parcel_with(&[(format!("../{}", self.name()), self.xml()?)])?
            }
            Quirk::TwoFiles => {
                let submitted = self.submitted + SignedDuration::from_secs(1);
                let other = Self {
                    submitted,
                    ..self.clone()
                };
                self.parcel_with(&[(self.name(), self.xml()?), (other.name(), other.xml()?)])?
            }
            Quirk::NoFile => self.parcel_with(&[])?,
            Quirk::WrongFileName => self.parcel_with(&[("TOLLS.TXT".to_owned(), self.xml()?)])?,
            Quirk::Bomb(size) => self.bomb(size)?,
            _ => self.parcel()?,
        };
        match quirk {
            Quirk::WrongFileName => "TOLLS.zip".clone_into(&mut parcel.name),
            Quirk::TruncatedZip => parcel.bytes.truncate(parcel.bytes.len() / 2),
            Quirk::NotAZip => parcel.bytes = b"this is no archive\n".to_vec(),
            _ => {}
        }
        Ok(parcel)
    }

    fn bomb(&self, size: u64) -> io::Result<Parcel> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(self.name(), deflated().large_file(true))?;
        self.write_around(&mut zip, |out| {
            self.records
                .iter()
                .try_for_each(|record| record.write(out, 2))?;
            io::copy(&mut io::Read::take(io::repeat(b' '), size), out).map(drop)
        })?;
        Ok(Parcel {
            name: self.zip_name(),
            bytes: zip.finish()?.into_inner(),
        })
    }

    fn broken_document(&self, quirk: Quirk) -> io::Result<Parcel> {
        let mut xml = self.xml()?;
        match quirk {
            Quirk::Entities => {
                xml = with_doctype(&xml, &laughs());
                xml = replaced(&xml, FACILITY_TEXT, b"&l9;");
            }
            Quirk::ExternalEntity => {
                xml = with_doctype(&xml, r#"<!ENTITY x SYSTEM "file:///etc/hostname">"#);
                xml = replaced(&xml, FACILITY_TEXT, b"&x;");
            }
            Quirk::Encoding(Declared::Latin1) => xml = replaced(&xml, b"UTF-8", b"ISO-8859-1"),
            Quirk::Encoding(Declared::Utf16) => {
                xml = utf16(&replaced(&xml, b"UTF-8", b"UTF-16"));
            }
            Quirk::BadUtf8 => xml = replaced(&xml, FACILITY_TEXT, b"BROOK\xff\xfeDALE"),
            _ => xml.truncate(xml.len() * 2 / 3),
        }
        self.parcel_with(&[(self.name(), xml)])
    }
}

fn nest(depth: usize) -> Element {
    let innermost = Element::text("Spare1", "0");
    (1..depth).fold(innermost, |inner, _| Element::group("Spare1", vec![inner]))
}

fn laughs() -> String {
    let mut entities = r#"<!ENTITY l0 "HA">"#.to_owned();
    for level in 1..10 {
        let inner = format!("&l{};", level - 1).repeat(10);
        entities.push_str(&format!(r#"<!ENTITY l{level} "{inner}">"#));
    }
    entities
}

fn with_doctype(xml: &[u8], entities: &str) -> Vec<u8> {
    let doctype = format!("?>\n<!DOCTYPE TransactionData [{entities}]>");
    replaced(xml, b"?>", doctype.as_bytes())
}

/// The bytes with the first `from` replaced.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let Some(place) = bytes.windows(from.len()).position(|window| window == from) else {
        return bytes.to_vec();
    };
    let (head, tail) = bytes.split_at(place);
    let (_, tail) = tail.split_at(from.len());
    [head, to, tail].concat()
}

fn utf16(xml: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(xml);
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}
