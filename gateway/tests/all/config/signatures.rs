//! Who signed the agreements, and the keys that may.

use turnpike_gateway::config::TokenHash;

use super::{AGREEMENT, Installation};

const OWNER: &str =
    "lakeshore.example/agreements+313df741+AVaxR5r6xpuTSrprnNxYUKjrlVlBjiIXkOTN42mKiASx";

/// The same key under another name.
const OTHER: &str =
    "harbor.example/agreements+274e3bd0+AVaxR5r6xpuTSrprnNxYUKjrlVlBjiIXkOTN42mKiASx";

fn pushing(id: &str) -> String {
    let hash = TokenHash::of(id).to_hex();
    format!(
        "[[sources]]\nid = \"{id}\"\nadapter = \"rekor\"\nagreement = \"agreements/{id}.toml\"\npush = {{ token_sha256 = \"{hash}\" }}\n"
    )
}

/// One source whose agreement must be signed, by a configuration after `change`.
fn signing(change: impl Fn(String) -> String, signed: bool) -> Installation {
    let installation = Installation::with_people(&pushing("town-cameras"));
    let text = std::fs::read_to_string(installation.path("turnpike.toml")).unwrap();
    let text = text.replace("require_signatures = false", "require_signatures = true");
    let keys = format!(
        "[[agreement_keys]]\nkey = \"{OWNER}\"\nholder = \"ola.brandt\"\nrole = \"source_owner\"\nsources = [\"town-cameras\"]\n\n[[organisations]]"
    );
    let text = change(text.replacen("[[organisations]]", &keys, 1));
    let installation = installation.file("turnpike.toml", &text);
    if signed {
        installation.signed_agreement("town-cameras")
    } else {
        installation.agreement("town-cameras")
    }
}

fn same(text: String) -> String {
    text
}

const AT: &str = "agreements/town-cameras.toml: `signed_by`: ";

#[test]
fn an_agreement_in_force_is_signed_by_a_known_key_that_speaks_for_its_source() {
    let signed = signing(same, true).config();
    let approvals = signed.sources[0].approvals.iter();
    let holders: Vec<&str> = approvals.map(|approval| approval.holder.as_str()).collect();
    assert_eq!(holders, ["ola.brandt"]);
    let nobody = |text: String| text.replace("[\"town-cameras\"]", "[\"other\"]");
    assert_eq!(
        signing(nobody, true).problems(),
        [format!(
            "{AT}is signed by nobody who speaks for source `town-cameras`: a key with role `source_owner` must list it"
        )]
    );
    let renamed = |text: String| text.replace(OWNER, OTHER);
    assert_eq!(
        signing(renamed, true).problems(),
        [format!(
            "{AT}is to be signed by `lakeshore.example/agreements`, and no such key is configured: add it to `agreement_keys`"
        )]
    );
}

#[test]
fn a_signature_is_of_this_very_file() {
    let text = AGREEMENT.replace("lakeshore-tolls", "town-cameras");
    let name = "agreements/town-cameras.toml";
    let more = signing(same, true).file(name, &format!("{text}# more\n"));
    let garbage = signing(same, true).file(&format!("{name}.sig"), "signed, honestly");
    for (installation, what) in [
        (signing(same, false), "is not signed: "),
        (more, "is the signature of another text"),
        (garbage, "is not a signed note"),
    ] {
        let problems = installation.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with(AT) && problems[0].contains(what),
            "{problems:?}"
        );
    }
}

#[test]
fn what_is_not_in_force_needs_no_signature() {
    let text = AGREEMENT
        .replace("lakeshore-tolls", "town-cameras")
        .replace("status = \"active\"", "status = \"suspended\"");
    let draft = signing(same, false).file("agreements/town-cameras.toml", &text);
    assert_eq!(draft.problems(), Vec::<String>::new());
}

#[test]
fn a_key_says_whose_it_is_and_for_what() {
    let keys = "[[agreement_keys]]\nkey = \"nonsense\"\nholder = \"kim\"\nrole = \"operator\"\n";
    assert_eq!(
        Installation::with_people(keys).problems(),
        ["turnpike.toml: `agreement_keys[0].key`: not a well-formed verifier key"]
    );
    let keys = format!(
        "[[agreement_keys]]\nkey = \"{OWNER}\"\nholder = \" \"\nrole = \"auditor\"\n\n[[agreement_keys]]\nkey = \"{OWNER}\"\nholder = \"kim\"\nrole = \"source_owner\"\n"
    );
    assert_eq!(
        Installation::with_people(&keys).problems(),
        [
            "turnpike.toml: `agreement_keys[0].holder`: must name the person who holds it",
            "turnpike.toml: `agreement_keys[0].role`: must be `source_owner`, `supervisor` or `operator`",
            "turnpike.toml: `agreement_keys[1].key`: has the name of another key",
            "turnpike.toml: `agreement_keys[1].sources`: goes with role `source_owner`: the sources its holder speaks for",
        ]
    );
}

#[test]
fn one_key_under_two_names_is_one_person() {
    let keys = format!(
        "[[agreement_keys]]\nkey = \"{OWNER}\"\nholder = \"ola\"\nrole = \"source_owner\"\nsources = [\"town-cameras\"]\n\n[[agreement_keys]]\nkey = \"{OTHER}\"\nholder = \"kim\"\nrole = \"operator\"\n"
    );
    assert_eq!(
        Installation::with_people(&keys).problems(),
        [
            "turnpike.toml: `agreement_keys[1].key`: is the key of another holder or name: one key is one person"
        ]
    );
}

#[test]
fn one_agreement_is_about_one_source() {
    let sources = format!("{}\n{}", pushing("town-cameras"), pushing("lake-cameras"));
    let text = AGREEMENT.replace("lakeshore-tolls", "town-cameras");
    let twice = text.replace("source = \"town-cameras\"", "source = \"lake-cameras\"");
    let installation = Installation::with_people(&sources)
        .agreement("town-cameras")
        .file("agreements/lake-cameras.toml", &twice);
    assert_eq!(
        installation.problems(),
        [
            "turnpike.toml: `sources[1].agreement`: is the agreement of another source as well: its `id` is used twice"
        ]
    );
}
