//! Who has to vouch for a log, and how lately.

use std::time::Duration;

use turnpike_schemas::tlog::Policy;

/// The witnesses of a log.
#[derive(Debug, Clone)]
pub struct Witnesses {
    /// Who they are, and how many are enough.
    pub policy: Policy,
    /// How long ago enough of them may have vouched.
    pub max_age: Duration,
}
