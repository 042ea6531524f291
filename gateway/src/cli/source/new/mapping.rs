//! Mapping files to start from: short, commented, and right as they are for the vendor they invent.

use super::{super::super::exit::Exit, Format, Outcome, Wanted, Way};

/// The text of a mapping file.
pub(super) fn text(wanted: &Wanted) -> Result<String, Outcome> {
    if wanted.way == Way::Pull && wanted.format == Format::Csv {
        let message = "a source is asked live for JSON or XML: give another `--format`, or `--way file` for CSV that is dropped";
        return Err(Outcome::new(Exit::Usage, message));
    }
    if wanted.way == Way::Listen {
        let message = "a mapping file is asked, pushed to, or takes files; to listen to a broker or a stream, give `--kind rust`";
        return Err(Outcome::new(Exit::Usage, message));
    }
    let parts = [
        head(wanted),
        way(wanted),
        records(wanted.format).to_owned(),
        fields(wanted.format),
    ];
    Ok(parts.join("\n"))
}

fn head(wanted: &Wanted) -> String {
    let format = match wanted.format {
        Format::Json => "json",
        Format::Xml => "xml",
        Format::Csv => "csv",
    };
    format!(
        r#"# How the messages of {title} become reads.
# docs/adding-a-source.md says what every key means.
# Nothing is guessed: say what the vendor's manual says, and leave out what it
# does not. Fields about people (owner, driver, account, tag) cannot be taken,
# whatever is written here.
mapping = 1
title = "{title}"
family = "{family}"
format = "{format}"
# What the vendor writes where it knows nothing.
unknown = ["", "-", "unknown"]
"#,
        title = wanted.title,
        family = wanted.family.word(),
    )
}

fn way(wanted: &Wanted) -> String {
    match wanted.way {
        // Refused before.
        Way::Listen => String::new(),
        Way::Push => {
            "# The source pushes messages to `POST /v1/sources/ID/reads`.\n[webhook]\n".to_owned()
        }
        Way::File => {
            let ending = match wanted.format {
                Format::Json => ".json",
                Format::Xml => ".xml",
                Format::Csv => ".csv",
            };
            format!(
                "# The source drops files with names of this ending.\n[file]\nname_ends = \"{ending}\"\n"
            )
        }
        Way::Pull => r#"# How the source is asked; the address comes from the source's settings.
[request]
method = "POST"
path = "/reads/search"
body = { plate = "{plate}", from = "{from}", to = "{to}", limit = "{limit}" }

# Secrets are named here and referenced under the source's `secrets`.
[auth]
kind = "bearer"
token = { secret = "token" }
"#
        .to_owned(),
    }
}

const fn records(format: Format) -> &'static str {
    match format {
        Format::Json => {
            "# Where the list of records is in a message.\n[records]\nat = \"/reads\"\n"
        }
        Format::Xml => {
            "# Where the records are in a message, by local names.\n[records]\nat = \"reads/read\"\n"
        }
        Format::Csv => {
            "# One record a line, columns by the names in the first one.\n[lines]\ndelimiter = \",\"\nheader = true\n"
        }
    }
}

fn fields(format: Format) -> String {
    let at = |name: &str| match format {
        Format::Json => format!("/{name}"),
        Format::Xml | Format::Csv => name.to_owned(),
    };
    format!(
        r#"[fields]
# The vendor's identity of one passage, the same for every correction of it.
record = "{id}"
# RFC 3339 with an offset. A local time needs its zone:
# {{ at = "...", time = "iso_local", zone = "America/New_York" }}
captured_at = {{ at = "{at}", time = "rfc3339" }}
# A larger number replaces a smaller one.
# revision = "{version}"

[fields.plate]
text = "{plate}"
# What the vendor sends when it is certain: 100, or 1.
confidence = {{ at = "{score}", scale = 100 }}
# Who issued the plate; two letters are a part of this country.
jurisdiction = {{ at = "{state}", country = "US" }}

[fields.place]
# Both or neither; 0,0 counts as neither. JSON texts that hold numbers need
# {{ at = "...", number_or_text = true }}.
lat = "{lat}"
lon = "{lon}"
site = "{site}"
camera = "{camera}"
"#,
        id = at("id"),
        at = at("time"),
        version = at("version"),
        plate = at("plate"),
        score = at("score"),
        state = at("state"),
        lat = at("lat"),
        lon = at("lon"),
        site = at("site"),
        camera = at("camera"),
    )
}
