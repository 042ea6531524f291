//! What is refused when a mapping is loaded, and where it says so.

use super::*;

const GOOD: &str = r#"mapping = 1
family = "repossession"
format = "json"

[request]
method = "POST"
path = "/search"
body = { plate = "{plate}", from = "{from}", to = "{to}" }

[auth]
kind = "oauth2"

[records]
at = "/results"

[fields]
record = "/id"
plate.text = "/plate"
captured_at = { at = "/at", time = "rfc3339" }
"#;

fn settings() -> Value {
    json!({ "base_url": "https://api.vendor.example/v1", "token_url": "https://api.vendor.example/token" })
}

fn refusal(text: &str) -> String {
    refusal_with(text, settings())
}

fn refusal_with(text: &str, settings: Value) -> String {
    let error = source(text, settings).expect_err(text);
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

#[test]
fn a_good_mapping_loads_and_says_what_it_can_do() {
    let adapter = source(GOOD, settings()).unwrap();
    let info = adapter.info();
    assert_eq!(
        (info.id, info.family),
        ("declarative", Family::Repossession)
    );
    assert!(info.version.starts_with("1+"), "{}", info.version);
    let can = info.capabilities;
    assert!(can.search && !can.push && !can.file && !can.images && !can.partial_plates);
    let changed = source(&GOOD.replace("/plate", "/lpn"), settings()).unwrap();
    assert_ne!(
        changed.info().version,
        info.version,
        "other rules are another version"
    );
}

/// Each line replaced by another gives this problem at this line and column.
#[test]
fn each_mistake_is_told_with_its_place() {
    for (from, to, place, words) in [
        ("mapping = 1", "mapping = 2", "1:11", "must be 1"),
        (
            "family = \"repossession\"",
            "family = \"repo\"",
            "2:10",
            "`repossession`",
        ),
        (
            "format = \"json\"",
            "format = \"yaml\"",
            "3:10",
            "`fixed_width`",
        ),
        (
            "format = \"json\"",
            "format = \"json\"\nformt = 1",
            "4:1",
            "unknown key `formt`",
        ),
        (
            "record = \"/id\"",
            "record = \"id\"",
            "17:10",
            "JSON Pointer",
        ),
        (
            "record = \"/id\"",
            "recrod = \"/id\"",
            "17:1",
            "unknown key `recrod`",
        ),
        ("record = \"/id\"", "", "", "`record` is missing"),
        ("plate.text = \"/plate\"", "", "", "`plate` is missing"),
        (
            "plate.text = \"/plate\"",
            "plate.txt = \"/plate\"",
            "18:7",
            "unknown key `txt`",
        ),
        (
            "captured_at = { at = \"/at\", time = \"rfc3339\" }",
            "",
            "",
            "`captured_at` is missing",
        ),
        (
            "time = \"rfc3339\"",
            "time = \"%Y-%q\"",
            "19:36",
            "unknown part of a time",
        ),
        (
            "time = \"rfc3339\"",
            "time = \"iso_local\"",
            "19:15",
            "needs `zone`",
        ),
        (
            "time = \"rfc3339\"",
            "time = \"iso_local\", zone = \"Mars/Base\"",
            "19:56",
            "IANA",
        ),
        (
            "time = \"rfc3339\"",
            "time = \"rfc3339\", zone = \"utc\"",
            "19:54",
            "leave `zone` out",
        ),
        (
            "time = \"rfc3339\"",
            "time = \"iso_local\", zone = \"configured\"",
            "19:56",
            "setting `zone`",
        ),
        ("\"{plate}\"", "\"x\"", "5:1", "without `{plate}`"),
        ("\"{from}\"", "\"{since}\"", "8:36", "unknown placeholder"),
        (
            "\"{from}\"",
            "\"{token}\"",
            "5:1",
            "`{token}` needs `[paging]`",
        ),
        (
            "path = \"/search\"",
            "path = \"/search/{plate}\"",
            "7:8",
            "plate_in_path",
        ),
        (
            "path = \"/search\"",
            "path = \"search\"",
            "7:8",
            "begin with `/`",
        ),
        ("path = \"/search\"", "path = \"/a/../b\"", "7:8", "`..`"),
        (
            "method = \"POST\"",
            "method = \"GET\"",
            "5:1",
            "is a `POST`",
        ),
        (
            "at = \"/results\"",
            "at = \"/results\"\nskip = [{ at = \"/x\" }]",
            "15:9",
            "a condition has one of",
        ),
        (
            "record = \"/id\"",
            "record = \"/id\"\nplace.lat = \"/lat\"",
            "18:13",
            "belong together",
        ),
        (
            "record = \"/id\"",
            "record = \"/id\"\nplate.confidence = \"/score\"",
            "18:20",
            "full scale",
        ),
        (
            "record = \"/id\"",
            "record = \"/id\"\nextra.owner = \"/x\"",
            "18:7",
            "about people",
        ),
        (
            "record = \"/id\"",
            "record = \"/driver/licence\"",
            "17:10",
            "about people",
        ),
        (
            "record = \"/id\"",
            "record = { at = \"/id\", constant = \"x\" }",
            "17:10",
            "one of `at` and `constant`",
        ),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let said = refusal(&text);
        assert!(said.contains(words), "{to}: {said}");
        assert!(
            said.contains(&format!("vendor.toml:{place}")),
            "{to}: want {place}, {said}"
        );
    }
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_file() {
    let text = GOOD
        .replace("\"repossession\"", "\"repo\"")
        .replace("\"/id\"", "\"id\"")
        .replace("rfc3339", "whenever");
    let said = refusal(&text);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    for (line, place) in lines
        .iter()
        .zip(["vendor.toml:2:", "vendor.toml:17:", "vendor.toml:19:"])
    {
        assert!(line.contains(place), "{said}");
    }
}

#[test]
fn a_key_written_twice_is_refused_and_nothing_can_go_in_a_circle() {
    let twice = GOOD.replace("record = \"/id\"", "record = \"/id\"\nrecord = \"/other\"");
    let said = refusal(&twice);
    assert!(said.contains("vendor.toml:18:1: duplicate key"), "{said}");
    // A field cannot take its value from another field: the right side is a place of the vendor's record, and nothing else.
    for circle in ["plate.text", "{plate}", "${record}", "fields.record"] {
        let text = GOOD.replace("record = \"/id\"", &format!("record = \"{circle}\""));
        refusal(&text);
    }
}

#[test]
fn a_secret_in_clear_is_refused_and_never_repeated() {
    const CLEAR: &str = "hunter2-in-clear";
    for (from, to) in [
        (
            "kind = \"oauth2\"",
            format!("kind = \"oauth2\"\nclient_secret = \"{CLEAR}\""),
        ),
        (
            "kind = \"oauth2\"",
            format!("kind = \"bearer\"\ntoken = \"{CLEAR}\""),
        ),
        (
            "kind = \"oauth2\"",
            format!("kind = \"basic\"\npassword = {{ value = \"{CLEAR}\" }}"),
        ),
        (
            "kind = \"oauth2\"",
            format!("kind = \"bearer\"\ntoken = {{ secret = \"{CLEAR}!\" }}"),
        ),
        ("kind = \"oauth2\"", format!("kind = \"{CLEAR}\"")),
        (
            "kind = \"oauth2\"",
            format!("kind = \"oauth2\"\npassword = {CLEAR}"),
        ),
        (
            "path = \"/search\"",
            format!("path = \"/search\"\nheaders = {{ Authorization = \"Bearer {CLEAR}\" }}"),
        ),
        (
            "path = \"/search\"",
            format!("path = \"/search\"\nheaders = {{ x-api-key = \"{CLEAR}\" }}"),
        ),
        (
            "path = \"/search\"",
            format!("path = \"/search\"\nquery = {{ api_key = \"{CLEAR}\" }}"),
        ),
        ("from = \"{from}\"", format!("client_secret = \"{CLEAR}\"")),
        (
            "from = \"{from}\"",
            format!("key = {{ secret = \"{CLEAR}\" }}"),
        ),
    ] {
        let text = GOOD.replacen(from, &to, 1);
        let loaded = source(&text, settings());
        let Err(error) = loaded else {
            panic!("taken: {to}");
        };
        let said = format!("{error} {error:?}");
        assert!(!said.contains("hunter2"), "{to}: {said}");
    }
}

#[test]
fn secrets_are_named_by_the_mapping() {
    let names = |text: &str, settings: Value| {
        let mut settings = settings;
        settings["mapping"] = json!({ "file": "vendor.toml", "text": text });
        ENTRY.secrets.under(&settings).unwrap()
    };
    assert_eq!(names(GOOD, settings()), ["client_id", "client_secret"]);
    let base = json!({ "base_url": "https://api.vendor.example" });
    let other = |auth: &str| GOOD.replace("kind = \"oauth2\"", auth);
    assert_eq!(
        names(&other("kind = \"basic\""), base.clone()),
        ["username", "password"]
    );
    assert_eq!(
        names(&other("kind = \"none\""), base.clone()),
        Vec::<String>::new()
    );
    let key = "kind = \"api_key\"\nheader = \"x-key\"\napi_key = { secret = \"gate_key\" }";
    assert_eq!(names(&other(key), base.clone()), ["gate_key"]);
    let both = other("kind = \"basic\"").replace(
        "path = \"/search\"",
        "path = \"/search\"\nheaders = { x-api-key = { secret = \"api_key\" } }",
    );
    assert_eq!(names(&both, base), ["username", "password", "api_key"]);
}

#[test]
fn settings_that_are_missing_wrong_or_without_effect_are_named() {
    for (settings, words) in [
        (json!({}), "`base_url` is required"),
        (
            json!({ "base_url": "https://a.example" }),
            "`token_url` is required",
        ),
        (
            json!({ "base_url": "http://a.example", "token_url": "https://a.example" }),
            "`base_url` must be https",
        ),
        (
            json!({ "base_url": "https://u:p@a.example", "token_url": "https://a.example" }),
            "credentials",
        ),
    ] {
        let said = refusal_with(GOOD, settings);
        assert!(said.contains(words), "{said}");
    }
    for (key, value, words) in [
        ("zone", json!("Europe/Madrid"), "`zone` has no effect"),
        ("country", json!("US"), "`country` has no effect"),
        ("full_scale", json!(100), "`full_scale` has no effect"),
        ("max_pages", json!(3), "`max_pages` has no effect"),
        ("zone", json!("Mars/Base"), "`zone` is not a zone"),
        ("country", json!("US-OH"), "`country` is a code"),
        ("page_size", json!(0), "`page_size` must be 1"),
        ("bse_url", json!("x"), "bse_url"),
    ] {
        let mut settings = settings();
        settings[key] = value;
        let said = refusal_with(GOOD, settings);
        assert!(said.contains(words), "{key}: {said}");
    }
}

#[test]
fn a_mapping_is_a_preset_or_a_file_that_was_read() {
    for (mapping, words) in [
        (json!({ "preset": "nobodys" }), "known: elsag-csv"),
        (json!({ "file": "vendor.toml" }), "was not read"),
        (json!({}), "`mapping` is"),
        (
            json!({ "preset": "repo-rest", "file": "x", "text": "" }),
            "`mapping` is",
        ),
        (json!("vendor.toml"), "mapping"),
    ] {
        let error = build(&json!({ "mapping": mapping })).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_mapping_without_a_way_or_for_the_wrong_format_is_refused() {
    let none = "mapping = 1\nfamily = \"camera\"\nformat = \"json\"\n[fields]\nrecord = \"/id\"\nplate.text = \"/p\"\ncaptured_at = { at = \"/t\", time = \"rfc3339\" }\n";
    assert!(refusal_with(none, json!({})).contains("no way for a record to come"));
    let auth = format!("{none}[auth]\nkind = \"none\"\n[webhook]\n");
    assert!(refusal_with(&auth, json!({})).contains("`[auth]` is for"));
    let lines = format!("{none}[lines]\n[webhook]\n");
    assert!(refusal_with(&lines, json!({})).contains("`[lines]` is for"));
    let csv = none.replace("\"json\"", "\"csv\"").replace("\"/id\"", "3");
    let csv = format!(
        "{csv}[file]\n[lines]\nheader = false\ndelimiter = \"||\"\nencoding = \"klingon\"\n"
    );
    let said = refusal_with(&csv, json!({}));
    for words in ["one ASCII character", "WHATWG", "columns have numbers"] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_mapping_can_deny_more_and_never_less() {
    let denied = format!(
        "deny = [\"Badge No\"]\n{}",
        webhook("extra.badge = \"/badge_no\"")
    );
    assert!(refusal_with(&denied, json!({})).contains("about people"));
    let tag = webhook("").replace("\"/plate\"", "\"/tag_number\"");
    source(&tag, json!({})).unwrap();
    let tag = webhook("extra.transit = \"/tag_number\"");
    assert!(refusal_with(&tag, json!({})).contains("about people"));
}
