//! Names of fields about people: a mapping cannot take them, whatever it says.

/// Letters and digits of the names, lower case.
const DENIED: &[&str] = &[
    "accountid",
    "accountname",
    "accountno",
    "accountnumber",
    "account",
    "accountnum",
    "address",
    "address1",
    "address2",
    "agentname",
    "birthdate",
    "borrower",
    "cardnumber",
    "city",
    "contact",
    "contactname",
    "creditcard",
    "customer",
    "customerid",
    "customername",
    "dateofbirth",
    "debtor",
    "debtorname",
    "dob",
    "driver",
    "driverid",
    "driverlicense",
    "driverlicence",
    "driverlicensenumber",
    "drivername",
    "email",
    "emailaddress",
    "embedding",
    "embeddings",
    "face",
    "faces",
    "facevector",
    "featurevector",
    "firstname",
    "fullname",
    "holder",
    "holdername",
    "iban",
    "keeper",
    "keepername",
    "lastname",
    "lender",
    "lenderaccount",
    "licencenumberdriver",
    "lienholder",
    "mobile",
    "obu",
    "obuid",
    "officer",
    "officername",
    "operatorname",
    "owner",
    "owneraddress",
    "ownername",
    "owners",
    "pan",
    "passenger",
    "passengers",
    "payment",
    "paymentcard",
    "person",
    "persons",
    "phone",
    "phonenumber",
    "postcode",
    "purchaseamount",
    "registeredowner",
    "reid",
    "reidvector",
    "signature",
    "ssn",
    "street",
    "subscriber",
    "subscribername",
    "surname",
    "tag",
    "tagid",
    "tagnumber",
    "telephone",
    "transponder",
    "transponderid",
    "user",
    "userid",
    "username",
    "vehiclesignature",
    "vin",
    "visitor",
    "visitorname",
    "zip",
    "zipcode",
];

/// Whether a name is one of a field about people. Case, blanks, `-`, `_` and `@` do not matter.
pub(super) fn is_denied(name: &str) -> bool {
    let plain = plain(name);
    DENIED.contains(&plain.as_str())
}

/// The letters and digits of a name, lower case.
pub(super) fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_help() {
        for name in [
            "owner",
            "Registered_Owner",
            "driver-name",
            "@VIN",
            "Vehicle Signature",
            "ACCOUNT_NUMBER",
        ] {
            assert!(is_denied(name), "{name}");
        }
        for name in [
            "plate",
            "camera",
            "site_name",
            "lane",
            "score",
            "device_id",
            "state",
            "0",
        ] {
            assert!(!is_denied(name), "{name}");
        }
    }
}
