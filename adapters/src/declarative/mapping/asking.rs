//! `[request]`, `[auth]`, `[paging]`, `[answer]`: how a source is asked. Secrets are named here and never written.

use http::{HeaderName, Method};
use serde_json::{Number, Value};
use toml::de::DeValue;

use super::{
    Loading, Pull, deny,
    document::{Node, Table},
};
use crate::{
    declarative::{
        ask::{
            answer::Rules,
            auth::{Auth, OAuth2, TokenRequest},
            paging::{Kind, Paging},
            request::{Body, HeaderText, Request, Tree},
            template::{Hole, Template},
        },
        path::Format,
        time::TimeFormat,
    },
    error::ErrorKind,
};

const IN_CLEAR: &str = "a secret is never written in a mapping: name it, `{ secret = \"api_key\" }`, and reference it under the source's `secrets`";

/// Deepest body of a request.
const MAX_DEPTH: u8 = 16;

const METHODS: [(&str, bool); 2] = [("GET", false), ("POST", true)];

const MEANINGS: [(&str, ErrorKind); 5] = [
    ("rate_limited", ErrorKind::RateLimited),
    ("unauthorized", ErrorKind::Unauthorized),
    ("unavailable", ErrorKind::Unavailable),
    ("wrong_request", ErrorKind::Config),
    ("malformed", ErrorKind::Malformed),
];

impl<'t> Loading<'_, 't, '_> {
    /// How the source is asked; `None` for one that is not.
    pub(super) fn pull(
        &mut self,
        request: Option<Table<'_, 't>>,
        auth: Option<Table<'_, 't>>,
        paging: Option<Table<'_, 't>>,
        answer: Option<Table<'_, 't>>,
        format: Format,
    ) -> Option<Pull> {
        let Some(request) = request else {
            for (name, table) in [("auth", &auth), ("paging", &paging), ("answer", &answer)] {
                if let Some(table) = table {
                    self.problems.add(
                        &table.span,
                        format!("`[{name}]` is for a source with `[request]`"),
                    );
                }
            }
            return None;
        };
        self.used.note("base_url");
        let span = request.span.clone();
        if !matches!(format, Format::Json | Format::Xml) {
            self.problems
                .add(&span, "only answers in `json` and `xml` are asked for");
        }
        let request = self.request(request);
        let auth = auth.map_or(Some(Auth::None), |table| self.auth(table));
        let paging = self.paging(paging);
        let rules = self.answer(answer);
        let request = request?;
        if !request.has(Hole::Plate) {
            let message = "a request without `{plate}` would ask for everybody";
            self.problems.add(&span, message);
        }
        self.fits(&request, &paging, &span);
        Some(Pull {
            request,
            auth: auth?,
            paging,
            rules,
        })
    }

    /// That each way of paging has its placeholder, and no placeholder is without its way.
    fn fits(&mut self, request: &Request, paging: &Paging, span: &std::ops::Range<usize>) {
        for (hole, name, wanted) in [
            (Hole::Page, "page", matches!(paging.kind, Kind::Page(_))),
            (Hole::Offset, "offset", paging.kind == Kind::Offset),
            (Hole::Token, "token", matches!(paging.kind, Kind::Token(_))),
        ] {
            match (request.has(hole), wanted) {
                (true, false) => {
                    let message = format!("`{{{name}}}` needs `[paging]` with that kind");
                    self.problems.add(span, message);
                }
                (false, true) => {
                    let message =
                        format!("paging of this kind needs `{{{name}}}` somewhere in the request");
                    self.problems.add(span, message);
                }
                _ => {}
            }
        }
    }

    fn request(&mut self, mut table: Table<'_, 't>) -> Option<Request> {
        let post = table
            .word("method", &METHODS, self.problems)
            .unwrap_or(false);
        let path = table.require("path", self.problems);
        let in_path = table.flag("plate_in_path", self.problems).unwrap_or(false);
        let path = path.and_then(|node| self.path(&node, in_path));
        let query = table.table("query", self.problems);
        let query = query.map(|table| self.pairs(&table)).unwrap_or_default();
        let headers = table.table("headers", self.problems);
        let headers = headers
            .map(|table| self.headers(&table))
            .unwrap_or_default();
        let json = table.take("body");
        let form = table.table("form", self.problems);
        let body = match (json, form) {
            (Some(node), None) => self.tree(&node, 0).map(Body::Json),
            (None, Some(table)) => Some(Body::Form(self.pairs(&table))),
            (None, None) => None,
            (Some(node), Some(_)) => {
                self.problems
                    .add(&node.span, "a request has one of `body` and `form`");
                None
            }
        };
        if body.is_some() && !post {
            self.problems
                .add(&table.span, "a request with a body is a `POST`");
        }
        let time = match table.take("time") {
            None => TimeFormat::parse("rfc3339").ok(),
            Some(node) => {
                let text = node.text(self.problems)?;
                TimeFormat::parse(text)
                    .map_err(|message| self.problems.add(&node.span, message))
                    .ok()
            }
        };
        self.used.note("page_size");
        let page_size = table
            .count("page_size", 1..=10_000, self.problems)
            .unwrap_or(100);
        let page_size = u32::try_from(page_size).unwrap_or(100);
        let newest_first = table.flag("newest_first", self.problems).unwrap_or(false);
        let leave_out = table
            .word(
                "undisclosed",
                &[("refuse", false), ("leave_out", true)],
                self.problems,
            )
            .unwrap_or(false);
        table.finish(self.problems);
        Some(Request {
            method: if post { Method::POST } else { Method::GET },
            path: path?,
            query,
            headers,
            body,
            time: time?,
            page_size: self.choices.page_size.unwrap_or(page_size),
            newest_first,
            leave_out_undisclosed: leave_out,
        })
    }

    fn path(&mut self, node: &Node<'_, 't>, in_path: bool) -> Option<Vec<Template>> {
        let text = node.text(self.problems)?;
        let Some(rest) = text.strip_prefix('/') else {
            self.problems.add(
                &node.span,
                "must begin with `/`: it is added to the source's `base_url`",
            );
            return None;
        };
        if rest.contains(['?', '#']) {
            self.problems
                .add(&node.span, "must have no query: write it under `query`");
        }
        let mut segments = Vec::new();
        for segment in rest.split('/').filter(|segment| !segment.is_empty()) {
            if matches!(segment, "." | "..") {
                self.problems.add(&node.span, "must not hold `.` or `..`");
            }
            segments.push(self.template(segment, node)?);
        }
        let holes = || segments.iter().flat_map(Template::holes);
        if holes().any(|hole| hole == Hole::Plate) && !in_path {
            let message = "addresses are logged on the way: put `{plate}` in `query`, `body` or `form`, or say `plate_in_path = true` if the source has no other way";
            self.problems.add(&node.span, message);
        }
        Some(segments)
    }

    fn template(&mut self, text: &str, node: &Node<'_, 't>) -> Option<Template> {
        Template::parse(text)
            .map_err(|message| self.problems.add(&node.span, message))
            .ok()
    }

    fn pairs(&mut self, table: &Table<'_, 't>) -> Vec<(String, Template)> {
        let mut pairs = Vec::new();
        for (name, _, node) in table.each() {
            if is_credential(name) {
                self.problems.add(&node.span, IN_CLEAR);
                continue;
            }
            if node.value.is_table() {
                let message = "a secret goes into a header, never into an address or a body: use `[auth]` or `request.headers`";
                self.problems.add(&node.span, message);
                continue;
            }
            let text = node.scalar(self.problems);
            if let Some(template) = text.and_then(|text| self.template(&text, &node)) {
                pairs.push((name.to_owned(), template));
            }
        }
        pairs
    }

    fn headers(&mut self, table: &Table<'_, 't>) -> Vec<(HeaderName, HeaderText)> {
        let mut headers = Vec::new();
        for (name, span, node) in table.each() {
            let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
                self.problems.add(&span, "not the name of a header");
                continue;
            };
            if matches!(
                header.as_str(),
                "host" | "content-length" | "transfer-encoding" | "connection"
            ) {
                self.problems
                    .add(&span, "this header is written by the transport");
                continue;
            }
            if node.value.is_table() {
                let secret = self.secret(&node);
                headers.extend(secret.map(|secret| (header, HeaderText::Secret(secret))));
                continue;
            }
            if is_credential(name) {
                self.problems.add(&node.span, IN_CLEAR);
                continue;
            }
            let Some(text) = node.text(self.problems) else {
                continue;
            };
            if let Some(template) = self.template(text, &node) {
                if template.holes().any(|hole| hole == Hole::Plate) {
                    self.problems
                        .add(&node.span, "a plate goes into `query`, `body` or `form`");
                }
                headers.push((header, HeaderText::Template(template)));
            }
        }
        headers
    }

    fn tree(&mut self, node: &Node<'_, 't>, depth: u8) -> Option<Tree> {
        if depth > MAX_DEPTH {
            self.problems.add(&node.span, "nested too deep");
            return None;
        }
        Some(match node.value {
            DeValue::String(text) => Tree::Template(self.template(text, node)?),
            DeValue::Boolean(flag) => Tree::Fixed(Value::Bool(*flag)),
            DeValue::Integer(_) => Tree::Fixed(Value::from(node.whole()?)),
            DeValue::Float(_) => Tree::Fixed(Value::Number(Number::from_f64(node.number()?)?)),
            DeValue::Array(_) => {
                let list = node.list(self.problems)?;
                Tree::List(
                    list.iter()
                        .filter_map(|node| self.tree(node, depth + 1))
                        .collect(),
                )
            }
            DeValue::Table(_) => {
                let table = node.table(self.problems)?;
                let mut rows = Vec::new();
                for (name, _, node) in table.each() {
                    if is_credential(name) {
                        self.problems.add(&node.span, IN_CLEAR);
                    } else if let Some(tree) = self.tree(&node, depth + 1) {
                        rows.push((name.to_owned(), tree));
                    }
                }
                Tree::Table(rows)
            }
            DeValue::Datetime(_) => {
                self.problems
                    .add(&node.span, "must be a text, number, flag, list or table");
                return None;
            }
        })
    }

    fn auth(&mut self, mut table: Table<'_, 't>) -> Option<Auth> {
        let node = table.require("kind", self.problems)?;
        let kinds = [
            ("none", 0),
            ("basic", 1),
            ("bearer", 2),
            ("api_key", 3),
            ("oauth2", 4),
        ];
        let auth = match node.word(&kinds, self.problems)? {
            0 => Auth::None,
            1 => Auth::Basic {
                username: self.named(&mut table, "username")?,
                password: self.named(&mut table, "password")?,
            },
            2 => Auth::Bearer {
                token: self.named(&mut table, "token")?,
            },
            3 => {
                let node = table.require("header", self.problems)?;
                let name = node.text(self.problems)?;
                let header = HeaderName::from_bytes(name.as_bytes());
                if header.is_err() {
                    self.problems.add(&node.span, "not the name of a header");
                }
                Auth::ApiKey {
                    header: header.ok()?,
                    key: self.named(&mut table, "api_key")?,
                }
            }
            _ => {
                self.used.note("token_url");
                let how = [
                    ("form", TokenRequest::Form),
                    ("json", TokenRequest::Json),
                    ("basic", TokenRequest::Basic),
                ];
                Auth::OAuth2(OAuth2 {
                    client_id: self.named(&mut table, "client_id")?,
                    client_secret: self.named(&mut table, "client_secret")?,
                    scope: table.text("scope", self.problems).map(str::to_owned),
                    audience: table.text("audience", self.problems).map(str::to_owned),
                    how: table
                        .word("credentials", &how, self.problems)
                        .unwrap_or(TokenRequest::Form),
                })
            }
        };
        table.finish(self.problems);
        Some(auth)
    }

    /// The name of a secret: the usual one, unless the mapping gives it another.
    fn named(&mut self, table: &mut Table<'_, 't>, key: &'static str) -> Option<String> {
        match table.take(key) {
            None => Some(key.to_owned()),
            Some(node) => self.secret(&node),
        }
    }

    /// `{ secret = "name" }`. Whatever else stands there is not repeated.
    fn secret(&mut self, node: &Node<'_, 't>) -> Option<String> {
        let Some(table) = node.value.as_table() else {
            self.problems.add(&node.span, IN_CLEAR);
            return None;
        };
        let mut table = Table::new(table, node.span.clone());
        let name = table.require("secret", self.problems)?;
        let text = name.text(self.problems);
        table.finish(self.problems);
        let good = |text: &&str| {
            (1..=64).contains(&text.len())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let text = text.filter(good);
        if text.is_none() {
            self.problems.add(
                &name.span,
                "the name of a secret is 1 to 64 of `a-z`, `0-9` and `_`",
            );
        }
        text.map(str::to_owned)
    }

    fn paging(&mut self, table: Option<Table<'_, 't>>) -> Paging {
        let most = self.choices.max_pages;
        let mut paging = Paging {
            kind: Kind::One,
            total: None,
            more: None,
            max_pages: 1,
        };
        let Some(mut table) = table else {
            return paging;
        };
        self.used.note("max_pages");
        let kinds = [("page", 0), ("offset", 1), ("next_url", 2), ("token", 3)];
        let kind = table
            .require("kind", self.problems)
            .and_then(|node| node.word(&kinds, self.problems));
        let place = match kind {
            Some(2 | 3) => table.require("at", self.problems),
            _ => None,
        };
        let slot = place.and_then(|node| self.answer_slot(&node));
        paging.kind = match (kind, slot) {
            (Some(0), _) => Kind::Page(table.count("first", 0..=1, self.problems).unwrap_or(1)),
            (Some(1), _) => Kind::Offset,
            (Some(2), Some(slot)) => Kind::NextUrl(slot),
            (Some(3), Some(slot)) => Kind::Token(slot),
            _ => Kind::One,
        };
        if matches!(kind, Some(0 | 1)) {
            paging.more = table.take("more").and_then(|node| self.answer_slot(&node));
        }
        paging.total = table.take("total").and_then(|node| self.answer_slot(&node));
        let written = table
            .count("max_pages", 1..=1_000, self.problems)
            .unwrap_or(20);
        paging.max_pages = most.unwrap_or(u32::try_from(written).unwrap_or(20));
        table.finish(self.problems);
        paging
    }

    fn answer(&mut self, table: Option<Table<'_, 't>>) -> Rules {
        let mut rules = Rules {
            empty: Vec::new(),
            limited: vec![429],
            retry_after: http::header::RETRY_AFTER,
            errors: Vec::new(),
        };
        let Some(mut table) = table else {
            return rules;
        };
        if let Some(node) = table.take("empty_status") {
            rules.empty = self.statuses(&node);
        }
        if let Some(node) = table.take("limited_status") {
            rules.limited = self.statuses(&node);
        }
        if let Some(node) = table.take("retry_after")
            && let Some(name) = node.text(self.problems)
        {
            match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => rules.retry_after = name,
                Err(_) => self.problems.add(&node.span, "not the name of a header"),
            }
        }
        if let Some(node) = table.take("errors") {
            for node in node.list(self.problems).unwrap_or_default() {
                rules.errors.extend(self.error(&node));
            }
        }
        table.finish(self.problems);
        rules
    }

    fn error(
        &mut self,
        node: &Node<'_, 't>,
    ) -> Option<(crate::declarative::field::Condition, ErrorKind)> {
        let mut table = node.table(self.problems)?;
        let condition = self.condition_in(&mut table, true);
        let means = table
            .word("means", &MEANINGS, self.problems)
            .unwrap_or(ErrorKind::Malformed);
        table.finish(self.problems);
        Some((condition?, means))
    }

    fn statuses(&mut self, node: &Node<'_, 't>) -> Vec<u16> {
        let list = node.list(self.problems).unwrap_or_default();
        let mut statuses = Vec::new();
        for node in list {
            match node.whole().and_then(|status| u16::try_from(status).ok()) {
                Some(status) if (100..=599).contains(&status) && status != 200 => {
                    statuses.push(status)
                }
                _ => self
                    .problems
                    .add(&node.span, "not an HTTP status other than 200"),
            }
        }
        statuses
    }
}

/// Whether a name promises a secret.
fn is_credential(name: &str) -> bool {
    let name = deny::plain(name);
    let whole = [
        "authorization",
        "proxyauthorization",
        "cookie",
        "auth",
        "pwd",
        "key",
        "sig",
        "signature",
    ];
    let part = [
        "password",
        "passwd",
        "secret",
        "apikey",
        "accesskey",
        "accesstoken",
        "authtoken",
        "bearer",
        "credential",
    ];
    whole.contains(&name.as_str())
        || part.iter().any(|part| name.contains(part))
        || (name.starts_with('x') && (name.ends_with("key") || name.ends_with("token")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_promise_a_secret_are_known() {
        for name in [
            "Authorization",
            "x-api-key",
            "X-Auth-Token",
            "Cookie",
            "api_key",
            "client_secret",
            "password",
        ] {
            assert!(is_credential(name), "{name}");
        }
        for name in [
            "plate",
            "page_token",
            "token",
            "limit",
            "format",
            "Accept",
            "keyword",
        ] {
            assert!(!is_credential(name), "{name}");
        }
    }
}
