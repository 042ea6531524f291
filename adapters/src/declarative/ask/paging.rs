//! The way from one page to the next.

use url::Url;

use crate::declarative::capture::Scalar;

/// How a source gives more than one page.
#[derive(Debug)]
pub(in super::super) struct Paging {
    pub(in super::super) kind: Kind,
    /// How many rows there are in all.
    pub(in super::super) total: Option<usize>,
    /// Whether there are more pages.
    pub(in super::super) more: Option<usize>,
    pub(in super::super) max_pages: u32,
}

/// What names the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// There is one page.
    One,
    /// Its number, counted from here.
    Page(u64),
    /// How many rows came before.
    Offset,
    /// An address in the answer, of the source itself.
    NextUrl(usize),
    /// A word in the answer that is sent back.
    Token(usize),
}

/// Where a page leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nowhere: everything is there.
    End,
    /// Nowhere, and something may be missing.
    Lost,
    /// To a page that is known to be there.
    Page(Step),
    /// To a page that may be empty.
    Perhaps(Step),
}

/// How the next page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Count,
    Token(String),
    Url(Url),
}

/// What is known after a page.
pub(super) struct After<'a> {
    pub(super) values: &'a [Scalar<'static>],
    /// Rows on this page.
    pub(super) rows: u64,
    /// Rows on all pages so far.
    pub(super) all: u64,
}

impl Paging {
    /// Where a page leads. `base` is the source's address: an address that is not below it is not followed.
    pub(super) fn next(&self, base: &Url, after: &After<'_>) -> Next {
        let value = |slot: usize| after.values.get(slot).unwrap_or(&Scalar::Absent);
        let total = self.total.and_then(|slot| whole(value(slot)));
        match self.kind {
            Kind::One => match total {
                Some(total) if total > after.all => Next::Lost,
                _ => Next::End,
            },
            Kind::NextUrl(slot) => match value(slot) {
                Scalar::Absent | Scalar::Null => Next::End,
                Scalar::Text(text) if text.trim().is_empty() => Next::End,
                Scalar::Text(text) => {
                    pinned(base, text.trim()).map_or(Next::Lost, |url| Next::Page(Step::Url(url)))
                }
                _ => Next::Lost,
            },
            Kind::Token(slot) => match value(slot) {
                Scalar::Absent | Scalar::Null => Next::End,
                Scalar::Text(text) if text.is_empty() => Next::End,
                Scalar::Text(text) => Next::Page(Step::Token(text.clone().into_owned())),
                Scalar::Whole(number) => Next::Page(Step::Token(number.to_string())),
                _ => Next::Lost,
            },
            Kind::Page(_) | Kind::Offset => self.counted(after, total),
        }
    }

    fn counted(&self, after: &After<'_>, total: Option<u64>) -> Next {
        let more = self.more.map(|slot| after.values.get(slot));
        match (more, total) {
            (Some(Some(Scalar::Flag(false))), _) => Next::End,
            (_, Some(total)) if after.all >= total => Next::End,
            _ if after.rows == 0 => match (more, total) {
                (None, None) => Next::End,
                // It said that there is more, and there is not.
                _ => Next::Lost,
            },
            (Some(Some(Scalar::Flag(true))), _) | (_, Some(_)) => Next::Page(Step::Count),
            _ => Next::Perhaps(Step::Count),
        }
    }
}

fn whole(scalar: &Scalar<'_>) -> Option<u64> {
    match scalar {
        Scalar::Whole(whole) => u64::try_from(*whole).ok(),
        Scalar::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// An address the source gave, if it is one below the address of the settings.
fn pinned(base: &Url, text: &str) -> Option<Url> {
    let mut root = base.clone();
    // A relative address counts from the folder, not from the last segment.
    if let Ok(mut path) = root.path_segments_mut() {
        path.pop_if_empty().push("");
    }
    let url = root.join(text).ok()?;
    let folder = base.path().trim_end_matches('/');
    let below = url.path().strip_prefix(folder);
    let same = url.origin() == base.origin()
        && url.username().is_empty()
        && url.password().is_none()
        && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    same.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_followed_below_the_sources_own_only() {
        let base = Url::parse("https://api.example/v1").unwrap();
        for (text, want) in [
            (
                "https://api.example/v1/reads?page=2",
                Some("https://api.example/v1/reads?page=2"),
            ),
            (
                "/v1/reads?page=2",
                Some("https://api.example/v1/reads?page=2"),
            ),
            ("reads?page=2", Some("https://api.example/v1/reads?page=2")),
            ("?page=2", Some("https://api.example/v1/?page=2")),
            ("https://elsewhere.example/v1/reads", None),
            ("//elsewhere.example/v1/reads", None),
            ("http://api.example/v1/reads", None),
            ("https://api.example:8443/v1/reads", None),
            ("https://user@api.example/v1/reads", None),
            ("https://api.example/admin/all", None),
            ("https://api.example/v10/reads", None),
            ("../admin", None),
            ("file:///etc/passwd", None),
            ("https://", None),
        ] {
            let got = pinned(&base, text);
            assert_eq!(got.as_ref().map(Url::as_str), want, "{text}");
        }
    }

    #[test]
    fn counted_pages_end_when_the_source_says_so_or_gives_nothing() {
        let paging = |total, more| Paging {
            kind: Kind::Offset,
            total,
            more,
            max_pages: 9,
        };
        let base = Url::parse("https://api.example/").unwrap();
        let next = |paging: &Paging, values: Vec<Scalar<'static>>, rows, all| {
            let after = After {
                values: &values,
                rows,
                all,
            };
            paging.next(&base, &after)
        };
        let count = || Step::Count;
        let plain = paging(None, None);
        assert_eq!(next(&plain, vec![], 3, 3), Next::Perhaps(count()));
        assert_eq!(next(&plain, vec![], 0, 3), Next::End);
        let total = paging(Some(0), None);
        assert_eq!(
            next(&total, vec![Scalar::Whole(5)], 3, 3),
            Next::Page(count())
        );
        assert_eq!(next(&total, vec![Scalar::Whole(5)], 2, 5), Next::End);
        assert_eq!(next(&total, vec![Scalar::Whole(5)], 0, 3), Next::Lost);
        let more = paging(None, Some(0));
        assert_eq!(
            next(&more, vec![Scalar::Flag(true)], 3, 3),
            Next::Page(count())
        );
        assert_eq!(next(&more, vec![Scalar::Flag(false)], 3, 3), Next::End);
    }
}
