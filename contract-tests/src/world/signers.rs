//! Who signs the agreements of the invented installation: one owner of all sources, and a second person.

use std::{fs, io, path::Path};

use turnpike_gateway::{agreements, tlog::SigningKey};
use turnpike_schemas::{agreement::AgreementDocument, tlog::KeyKind};

/// Name of the owner's key, as the agreements write it.
pub(super) const OWNER: &str = "owner.example";

/// Name of the second person's key.
pub(super) const SECOND: &str = "operations.example";

/// Makes both keys in the folder of secrets, and gives the tables that belong into the configuration.
pub(super) fn keys(folder: &Path) -> io::Result<String> {
    let make = |name: &str| {
        let path = folder.join(format!("secrets/{name}.key"));
        let key = SigningKey::create(&path, Some(name), KeyKind::Log);
        key.map(|key| key.verifier().to_string())
            .map_err(io::Error::other)
    };
    let (owner, second) = (make(OWNER)?, make(SECOND)?);
    let mut sources = Vec::new();
    for file in fs::read_dir(folder.join("agreements"))? {
        let name = file?.file_name().to_string_lossy().into_owned();
        sources.extend(name.strip_suffix(".toml").map(|id| format!("\"{id}\"")));
    }
    sources.sort();
    // Sources that tests add.
    sources.extend(["\"bridge-tolls\"", "\"far-tolls\"", "\"north-gate\""].map(str::to_owned));
    let sources = sources.join(", ");
    Ok(format!(
        r#"[[agreement_keys]]
key = "{owner}"
holder = "ola.brandt"
role = "source_owner"
sources = [{sources}]

[[agreement_keys]]
key = "{second}"
holder = "lee.nakamura"
role = "operator"
"#
    ))
}

/// Signs every agreement that can be read, as its owner.
pub(super) fn sign(folder: &Path) -> io::Result<()> {
    sign_as(folder, OWNER)
}

/// Adds a signature of the key with this name to every agreement that can be read.
pub(super) fn sign_as(folder: &Path, name: &str) -> io::Result<()> {
    let path = folder.join(format!("secrets/{name}.key"));
    let key = SigningKey::load(&path, KeyKind::Log).map_err(io::Error::other)?;
    for file in fs::read_dir(folder.join("agreements"))? {
        let path = file?.path();
        if path.extension().is_none_or(|kind| kind != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let document = toml::from_str::<AgreementDocument>(&text).ok();
        if let Some(agreement) = document.and_then(|document| document.validate().ok()) {
            let signed = agreements::sign(&path, &agreement, text.as_bytes(), &key);
            signed.map_err(io::Error::other)?;
        }
    }
    Ok(())
}
