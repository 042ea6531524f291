//! Texts with holes. What fills them comes from the permit and from the paging, and from nowhere else.

/// A hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Hole {
    Plate,
    From,
    To,
    Purpose,
    CaseReference,
    Limit,
    Page,
    Offset,
    Token,
}

const HOLES: [(&str, Hole); 9] = [
    ("plate", Hole::Plate),
    ("from", Hole::From),
    ("to", Hole::To),
    ("purpose", Hole::Purpose),
    ("case_reference", Hole::CaseReference),
    ("limit", Hole::Limit),
    ("page", Hole::Page),
    ("offset", Hole::Offset),
    ("token", Hole::Token),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Hole(Hole),
}

/// A text with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Template(Vec<Piece>);

/// What fills the holes of one request. `None` is what is not disclosed, or not there yet.
#[derive(Debug, Clone)]
pub(in super::super) struct Filling<'q> {
    pub(in super::super) plate: &'q str,
    pub(in super::super) from: String,
    pub(in super::super) to: String,
    pub(in super::super) times_are_numbers: bool,
    pub(in super::super) purpose: Option<&'q str>,
    pub(in super::super) case: Option<&'q str>,
    pub(in super::super) limit: u32,
    pub(in super::super) page: u64,
    pub(in super::super) offset: u64,
    pub(in super::super) token: Option<String>,
}

impl Template {
    /// Reads a text with holes such as `{plate}`; `{{` and `}}` are braces.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(in super::super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '{' | '}' if letters.peek() == Some(&letter) => {
                    letters.next();
                    plain.push(letter);
                }
                '{' => {
                    let mut name: String = letters.by_ref().take_while(|c| *c != '}').collect();
                    if !text.contains('}') {
                        name.clear();
                    }
                    let hole = HOLES.iter().find(|(known, _)| *known == name);
                    let Some((_, hole)) = hole else {
                        let known: Vec<_> = HOLES
                            .iter()
                            .map(|(name, _)| format!("`{{{name}}}`"))
                            .collect();
                        return Err(format!(
                            "unknown placeholder; known are {}",
                            known.join(", ")
                        ));
                    };
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Hole(*hole));
                }
                '}' => return Err("a single `}`: write `}}` for a brace".to_owned()),
                other => plain.push(other),
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// The holes.
    pub(in super::super) fn holes(&self) -> impl Iterator<Item = Hole> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(*hole),
            Piece::Text(_) => None,
        })
    }

    /// The text, if everything is there that it needs.
    pub(in super::super) fn fill(&self, filling: &Filling<'_>) -> Option<String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Hole(hole) => text.push_str(&filling.of(*hole)?),
            }
        }
        Some(text)
    }

    /// Whether the text is one number and nothing else.
    pub(in super::super) fn is_number(&self, filling: &Filling<'_>) -> bool {
        match self.0.as_slice() {
            [Piece::Hole(Hole::Limit | Hole::Page | Hole::Offset)] => true,
            [Piece::Hole(Hole::From | Hole::To)] => filling.times_are_numbers,
            _ => false,
        }
    }
}

impl Filling<'_> {
    fn of(&self, hole: Hole) -> Option<String> {
        Some(match hole {
            Hole::Plate => self.plate.to_owned(),
            Hole::From => self.from.clone(),
            Hole::To => self.to.clone(),
            Hole::Purpose => self.purpose?.to_owned(),
            Hole::CaseReference => self.case?.to_owned(),
            Hole::Limit => self.limit.to_string(),
            Hole::Page => self.page.to_string(),
            Hole::Offset => self.offset.to_string(),
            Hole::Token => self.token.clone()?,
        })
    }
}

#[cfg(test)]
pub(in super::super) fn filling() -> Filling<'static> {
    Filling {
        plate: "TPK0421",
        from: "1".to_owned(),
        to: "2".to_owned(),
        times_are_numbers: false,
        purpose: Some("stolen_vehicle"),
        case: None,
        limit: 50,
        page: 1,
        offset: 0,
        token: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_and_braces_kept() {
        let fill = |text: &str| Template::parse(text).unwrap().fill(&filling());
        assert_eq!(fill("{plate}").as_deref(), Some("TPK0421"));
        assert_eq!(fill("a{{{plate}}}b").as_deref(), Some("a{TPK0421}b"));
        assert_eq!(
            fill("{from}/{to} {purpose}").as_deref(),
            Some("1/2 stolen_vehicle")
        );
        assert_eq!(fill("ref {case_reference}"), None);
        assert_eq!(fill("{token}"), None);
        assert_eq!(fill("").as_deref(), Some(""));
    }

    #[test]
    fn nothing_but_the_known_placeholders_is_one() {
        for text in [
            "{",
            "{plate",
            "}",
            "{Plate}",
            "{user}",
            "{}",
            "{env.HOME}",
            "{plate} }",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        assert!(Template::parse("{user}").unwrap_err().contains("`{plate}`"));
    }
}
