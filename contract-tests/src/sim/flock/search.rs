//! A search the vendor keeps open, so that its pages can be asked one by one.

use serde_json::{Value, json};

use super::State;
use super::criteria::Criteria;
use super::rows;

#[derive(Debug)]
pub(super) struct Search {
    rows: Vec<Value>,
    total: usize,
    limit: usize,
}

impl State {
    /// Opens a search and returns its number.
    pub(super) fn open_search(&mut self, criteria: &Criteria) -> usize {
        let mut found: Vec<_> = self
            .rows
            .iter()
            .filter(|row| criteria.matches(row))
            .collect();
        match criteria.ascending {
            Some(true) => found.sort_by_key(|row| row.captured_at),
            Some(false) => found.sort_by_key(|row| std::cmp::Reverse(row.captured_at)),
            None => {}
        }
        let odd = self
            .switches
            .odd_rows
            .iter()
            .map(|odd| rows::odd(*odd, criteria));
        let mut rows: Vec<_> = odd
            .chain(found.into_iter().map(|row| row.json.clone()))
            .collect();
        let total = rows.len();
        if self.switches.duplicates {
            rows = rows
                .into_iter()
                .flat_map(|row| [row.clone(), row])
                .collect();
        }
        if self.switches.shuffled {
            fastrand::Rng::with_seed(1).shuffle(&mut rows);
        }
        if self.switches.personal_keys {
            rows.iter_mut().for_each(rows::plant_personal);
        }
        self.searches.push(Search {
            rows,
            total,
            limit: criteria.limit,
        });
        self.searches.len() - 1
    }

    /// One page of an open search, or `None` when there is no such page.
    pub(super) fn page(&self, search: usize, page: usize) -> Option<Value> {
        let kept = self.searches.get(search)?;
        let skip = page.checked_mul(kept.limit)?;
        if page > 0 && skip >= kept.rows.len() {
            return None;
        }
        let rows: Vec<_> = kept.rows.iter().skip(skip).take(kept.limit).collect();
        let mut body = json!({"results": rows, "totalItems": kept.total});
        let next = if self.switches.page_cycle {
            Some(0)
        } else {
            (skip + kept.limit < kept.rows.len()).then_some(page + 1)
        };
        let links = [
            ("nextPageId", next),
            ("previousPageId", page.checked_sub(1)),
        ];
        if let Some(fields) = body.as_object_mut() {
            for (key, to) in links.into_iter().filter_map(|(key, to)| Some((key, to?))) {
                fields.insert(key.to_owned(), json!(page_id(search, to)));
            }
        }
        Some(body)
    }
}

fn page_id(search: usize, page: usize) -> String {
    format!("pg-{search:x}-{page:x}")
}

/// Search and page number of a page id the simulator gave out.
pub(super) fn parse_page_id(id: &str) -> Option<(usize, usize)> {
    let (search, page) = id.strip_prefix("pg-")?.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    Some((number(search)?, number(page)?))
}
