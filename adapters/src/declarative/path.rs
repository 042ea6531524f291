//! Where in a record a value is: the path languages of the formats, compiled once.

use serde_json_path::JsonPath;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// One JSON document.
    Json,
    /// A JSON document a line.
    JsonLines,
    /// One XML document.
    Xml,
    /// Delimited lines.
    Csv,
    /// Lines with columns at fixed places.
    FixedWidth,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// A path, ready to be followed.
#[derive(Debug, Clone)]
pub(super) enum Path {
    /// Names from the record, or from the message, down to the value.
    Steps(Vec<String>),
    /// An RFC 9535 query that names more than one place.
    Query(JsonPath),
    /// A column by the name in the header line.
    Column(String),
    /// A column by its number, from 0.
    Number(usize),
    /// First character and how many, from 0.
    Range(usize, usize),
}

/// A path and what it counts from.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The path.
    pub(super) path: Path,
    /// It counts from the whole message and not from the record.
    pub(super) from_message: bool,
}

impl Format {
    /// The words of mapping files.
    pub(super) const WORDS: [(&'static str, Self); 6] = [
        ("json", Self::Json),
        ("json_lines", Self::JsonLines),
        ("xml", Self::Xml),
        ("csv", Self::Csv),
        ("fixed_width", Self::FixedWidth),
        ("form", Self::Form),
    ];

    /// Whether values carry a type of their own.
    pub(super) fn is_typed(self) -> bool {
        matches!(self, Self::Json | Self::JsonLines)
    }

    /// Whether records are lines.
    pub(super) fn is_lines(self) -> bool {
        matches!(self, Self::JsonLines | Self::Csv | Self::FixedWidth)
    }
}

impl Place {
    /// Reads a path of `format`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(format: Format, text: &str) -> Result<Self, String> {
        let (text, from_message) = match text.strip_prefix('^') {
            Some(rest) if matches!(format, Format::Json | Format::Xml) => (rest, true),
            _ => (text, false),
        };
        let path = match format {
            Format::Json | Format::JsonLines => json(text)?,
            Format::Xml => Path::Steps(xml(text)?),
            Format::Csv => Path::Column(named(text)?),
            Format::Form => Path::Steps(vec![named(text)?]),
            Format::FixedWidth => range(text)?,
        };
        if from_message && matches!(path, Path::Query(_)) {
            return Err("a path from the message must name one place".to_owned());
        }
        Ok(Self { path, from_message })
    }

    /// The names the path goes through, for the deny list.
    pub(super) fn names(&self) -> Vec<&str> {
        match &self.path {
            Path::Steps(steps) => steps.iter().map(String::as_str).collect(),
            Path::Column(name) => vec![name],
            Path::Query(_) | Path::Number(_) | Path::Range(..) => Vec::new(),
        }
    }
}

fn named(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("a name must not be empty".to_owned());
    }
    Ok(text.to_owned())
}

fn json(text: &str) -> Result<Path, String> {
    if text.is_empty() || text.starts_with('/') {
        return pointer(text).map(Path::Steps);
    }
    if !text.starts_with('$') {
        return Err("not a JSON Pointer (`/a/b`) and not a JSONPath (`$.a.b`)".to_owned());
    }
    let query = JsonPath::parse(text).map_err(|_| "not a JSONPath of RFC 9535".to_owned())?;
    Ok(singular(text).map_or(Path::Query(query), Path::Steps))
}

/// RFC 6901.
fn pointer(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = text.split('/');
    tokens.next();
    tokens
        .map(|token| {
            let escaped = token.split('~').skip(1);
            if escaped
                .into_iter()
                .any(|rest| !rest.starts_with(['0', '1']))
            {
                return Err("in a JSON Pointer `~` is written `~0`".to_owned());
            }
            Ok(token.replace("~1", "/").replace("~0", "~"))
        })
        .collect()
}

/// The names of a query that is plainly one place: `$.a['b'][0]`.
fn singular(text: &str) -> Option<Vec<String>> {
    let mut rest = text.strip_prefix('$')?;
    let mut names = Vec::new();
    while !rest.is_empty() {
        let (name, after) = if let Some(after) = rest.strip_prefix("['") {
            let (name, after) = after.split_once("']")?;
            (name, after)
        } else if let Some(after) = rest.strip_prefix('[') {
            let (name, after) = after.split_once(']')?;
            if !name.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            (name, after)
        } else {
            let after = rest.strip_prefix('.')?;
            let end = after.find(['.', '[']).unwrap_or(after.len());
            after.split_at_checked(end)?
        };
        let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == ' ';
        if name.is_empty() || !name.chars().all(plain) {
            return None;
        }
        names.push(name.to_owned());
        rest = after;
    }
    Some(names)
}

/// Local names with `/` between them, an attribute as `@name`, any one element as `*`. `.` is the record itself.
pub(super) fn xml(text: &str) -> Result<Vec<String>, String> {
    if text == "." {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = text.split('/').collect();
    let last = names.len() - 1;
    for (at, name) in names.iter().enumerate() {
        let bare = match name.strip_prefix('@') {
            Some(_) if at != last => return Err("an attribute `@name` ends a path".to_owned()),
            Some(bare) => bare,
            None => name,
        };
        let good = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        if bare != "*" && (bare.is_empty() || !bare.chars().all(good)) {
            return Err("not local names with `/` between them, as in `a/b` or `a/@b`".to_owned());
        }
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// `5-12` or `5`: characters of the line, the first is 1, both ends belong.
fn range(text: &str) -> Result<Path, String> {
    let wrong = || "not characters of a line, as in `5-12`".to_owned();
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        text.parse::<usize>()
            .ok()
            .filter(|n| (1..=100_000).contains(n))
    };
    let (first, last) = (
        number(first).ok_or_else(wrong)?,
        number(last).ok_or_else(wrong)?,
    );
    if last < first {
        return Err(wrong());
    }
    Ok(Path::Range(first - 1, last - first + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(format: Format, text: &str) -> Option<Vec<String>> {
        match Place::parse(format, text).ok()?.path {
            Path::Steps(steps) => Some(steps),
            _ => None,
        }
    }

    #[test]
    fn one_place_is_the_same_in_both_json_languages() {
        for (text, want) in [
            ("", vec![]),
            ("/a/b", vec!["a", "b"]),
            ("/a~1b/m~0n", vec!["a/b", "m~n"]),
            ("/0/x", vec!["0", "x"]),
            ("$", vec![]),
            ("$.a.b", vec!["a", "b"]),
            ("$['a b'][0].c", vec!["a b", "0", "c"]),
        ] {
            assert_eq!(steps(Format::Json, text).unwrap(), want, "{text}");
        }
        for text in ["$.a[*].b", "$..plate", "$.a[?@.b == 1].c", "$.a[1:2]"] {
            let place = Place::parse(Format::Json, text).unwrap();
            assert!(matches!(place.path, Path::Query(_)), "{text}");
        }
    }

    #[test]
    fn bad_paths_are_refused_in_every_format() {
        for (format, text) in [
            (Format::Json, "a/b"),
            (Format::Json, "/a~2"),
            (Format::Json, "$.a["),
            (Format::Json, "^$..a"),
            (Format::Xml, ""),
            (Format::Xml, "/a"),
            (Format::Xml, "a//b"),
            (Format::Xml, "@a/b"),
            (Format::Xml, "n:a"),
            (Format::Xml, "a[1]"),
            (Format::Csv, ""),
            (Format::FixedWidth, "0-3"),
            (Format::FixedWidth, "9-3"),
            (Format::FixedWidth, "plate"),
        ] {
            assert!(Place::parse(format, text).is_err(), "{format:?} {text}");
        }
    }

    #[test]
    fn a_path_may_count_from_the_message() {
        let place = Place::parse(Format::Xml, "^root/head/@id").unwrap();
        assert!(place.from_message);
        assert_eq!(place.names(), ["root", "head", "@id"]);
        let range = Place::parse(Format::FixedWidth, "5-12").unwrap();
        assert!(matches!(range.path, Path::Range(4, 8)));
    }
}
