//! What JSON decoders of several vendors need: objects that are objects, strings that borrow, and the name of the field that is wrong.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

/// A `T` written as a JSON object: derived structs would also read a list by position, which would be a guess.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

/// A string that borrows from the message unless it holds escapes.
pub(crate) struct Text<'a>(Cow<'a, str>);

/// A number written as a number or as a string: its text, which the field's owner parses.
pub(crate) struct Number<'a>(Cow<'a, str>);

/// The first item of a list, where it has one.
pub(crate) struct First<T>(pub(crate) Option<T>);

/// The rule for a value of another type than the format's.
pub(crate) const WRONG_TYPE: &str = "wrong type";

/// Names the field of `json` that is not what `T` wants, and the rule it breaks, by parsing it again: following the path of
/// every good message would cost more than reading it.
pub(crate) fn misfit<'de, T: Deserialize<'de>>(json: &'de [u8]) -> (String, &'static str) {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) else {
        return (String::new(), WRONG_TYPE);
    };
    let path = error.path().to_string();
    let path = path.trim_start_matches('.');
    match duplicate(error.inner()) {
        Some(key) if path.is_empty() => (key, "given twice"),
        Some(key) => (format!("{path}.{key}"), "given twice"),
        None => (path.to_owned(), WRONG_TYPE),
    }
}

/// The key that was given twice, if that is what is wrong. The library's other words are not looked at: they quote
/// values, and these only a key of the wire structs.
fn duplicate(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let (key, _) = text.strip_prefix("duplicate field `")?.split_once('`')?;
    Some(key.to_owned())
}

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Without surrounding blanks; blank is absent.
    pub(crate) fn filled(&self) -> Option<&str> {
        Some(self.0.trim()).filter(|text| !text.is_empty())
    }
}

impl Number<'_> {
    pub(crate) fn as_str(&self) -> &str {
        self.0.trim()
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

struct FirstVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FirstVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for FirstVisitor<T> {
    type Value = First<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<First<T>, A::Error> {
        let first = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(First(first))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = TextVisitor { numbers: false };
        deserializer.deserialize_str(visitor).map(Self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Number<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = TextVisitor { numbers: true };
        deserializer.deserialize_any(visitor).map(Self)
    }
}

struct TextVisitor {
    numbers: bool,
}

impl TextVisitor {
    fn number<E: serde::de::Error>(
        &self,
        number: impl fmt::Display,
    ) -> Result<Cow<'static, str>, E> {
        if self.numbers {
            Ok(Cow::Owned(number.to_string()))
        } else {
            Err(E::custom("a number"))
        }
    }
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.numbers { "a number" } else { "a string" })
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        self.number(number)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
        self.number(number)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
        self.number(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(bound(deserialize = "'de: 'a"))]
    struct Sample<'a> {
        word: Option<Text<'a>>,
        count: Option<Number<'a>>,
        inner: Option<Object<Inner>>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        size: Option<f64>,
    }

    impl fmt::Debug for Text<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Text")
        }
    }

    impl fmt::Debug for Number<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Number")
        }
    }

    #[test]
    fn strings_borrow_unless_they_hold_escapes() {
        for (json, borrowed) in [
            (r#"{"word":"TPK0421"}"#, true),
            (r#"{"word":"\u0054PK0421"}"#, false),
        ] {
            let sample: Sample<'_> = serde_json::from_str(json).unwrap();
            let Text(text) = sample.word.unwrap();
            assert_eq!(text, "TPK0421");
            assert_eq!(matches!(text, Cow::Borrowed(_)), borrowed);
        }
    }

    #[test]
    fn a_number_may_be_written_as_text_and_a_text_not_as_a_number() {
        for (json, text) in [
            ("7", "7"),
            ("-7", "-7"),
            ("0.874", "0.874"),
            ("\" 7\"", "7"),
        ] {
            let sample = format!(r#"{{"count":{json}}}"#);
            let sample: Sample<'_> = serde_json::from_str(&sample).unwrap();
            assert_eq!(sample.count.unwrap().as_str(), text);
        }
        for json in [
            r#"{"word":7}"#,
            r#"{"word":[]}"#,
            r#"{"count":[]}"#,
            r#"{"count":true}"#,
        ] {
            assert!(serde_json::from_str::<Sample<'_>>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn an_object_is_no_list() {
        let sample: Sample<'_> = serde_json::from_str(r#"{"inner":{"size":1.5}}"#).unwrap();
        assert_eq!(sample.inner.and_then(|Object(inner)| inner.size), Some(1.5));
        assert!(serde_json::from_str::<Sample<'_>>(r#"{"inner":[1.5]}"#).is_err());
    }

    #[test]
    fn a_misfit_is_named_by_path_and_never_by_value() {
        for (json, field, rule) in [
            (r#"{"word":421}"#, "word", WRONG_TYPE),
            (r#"{"inner":["TPK0421"]}"#, "inner", WRONG_TYPE),
            (r#"{"inner":{"size":"TPK0421"}}"#, "inner.size", WRONG_TYPE),
            (r#"{"word":"a","word":"b"}"#, "word", "given twice"),
            (
                r#"{"inner":{"size":1,"size":1}}"#,
                "inner.size",
                "given twice",
            ),
            ("[]", "", WRONG_TYPE),
        ] {
            let (found, broken) = misfit::<Object<Sample<'_>>>(json.as_bytes());
            assert_eq!((&*found, broken), (field, rule), "{json}");
        }
    }
}
