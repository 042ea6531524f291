//! Which addresses may be told of hits. Names become addresses only when something is sent: the transport judges those.

use turnpike_adapters::transport::check_hosts;
use url::Url;

/// Longest address.
const LONGEST: usize = 1_024;

/// Which addresses may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// Whether addresses may be told that are not public: loopback, private, link-local.
    pub allow_private_addresses: bool,
    /// Whether plain `http` may be spoken.
    pub allow_http: bool,
}

/// Why an address is not told. Never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is none.
    #[error("`url` is no address of at most 1024 characters with a host and without credentials")]
    Malformed,
    /// It is not encrypted.
    #[error(
        "`url` must be an `https` address: `http` is for development, with `webhooks.allow_http`"
    )]
    NotHttps,
    /// It is not public.
    #[error(
        "`url` leads to an address that is not public: that is for development, with `webhooks.allow_private_addresses`"
    )]
    NotPublic,
}

impl Rules {
    /// An address that may be told, as far as its text says.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn target(self, text: &str) -> Result<Url, TargetError> {
        if text.len() > LONGEST {
            return Err(TargetError::Malformed);
        }
        let mut url = Url::parse(text).map_err(|_| TargetError::Malformed)?;
        url.set_fragment(None);
        self.admits(&url)?;
        Ok(url)
    }

    /// Whether an address may be told, as far as its text says.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn admits(self, url: &Url) -> Result<(), TargetError> {
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            "http" => return Err(TargetError::NotHttps),
            _ => return Err(TargetError::Malformed),
        }
        let here = std::slice::from_ref(url);
        check_hosts(here, true).map_err(|_| TargetError::Malformed)?;
        check_hosts(here, self.allow_private_addresses).map_err(|_| TargetError::NotPublic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_encrypted_addresses_are_told_unless_the_operator_says_otherwise() {
        use TargetError::{Malformed, NotHttps, NotPublic};
        let strict = |text: &str| Rules::default().target(text).map(drop);
        assert_eq!(strict("https://hooks.invalid/a?b=c"), Ok(()));
        for (text, error) in [
            ("", Malformed),
            ("hooks.invalid", Malformed),
            ("ftp://hooks.invalid/", Malformed),
            ("file:///etc/passwd", Malformed),
            ("https://user:pass@hooks.invalid/", Malformed),
            ("http://hooks.invalid/", NotHttps),
            ("https://127.0.0.1/", NotPublic),
            ("https://2130706433/", NotPublic),
            ("https://0x7f.1/", NotPublic),
            ("https://[::1]/", NotPublic),
            ("https://[::ffff:169.254.169.254]/", NotPublic),
            ("https://10.0.0.8:8443/hook", NotPublic),
            ("https://localhost/", NotPublic),
            ("https://hook.localhost./", NotPublic),
        ] {
            assert_eq!(strict(text), Err(error), "{text}");
        }
        let long = format!("https://hooks.invalid/{}", "a".repeat(LONGEST));
        assert_eq!(strict(&long), Err(Malformed));
        let open = Rules {
            allow_private_addresses: true,
            allow_http: true,
        };
        assert!(open.target("http://127.0.0.1:8080/").is_ok());
        assert!(open.target("http://a:b@127.0.0.1/").is_err());
    }
}
