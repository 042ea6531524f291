//! What stands between a mistake and a permit. A test can take one away to show what then comes out; a program cannot.

/// One guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// A policy that ends in an error refuses. Cedar itself skips it, a forbid too.
    Errors,
    /// Entities and questions must fit the schema.
    Schema,
    /// The engines must agree.
    Agreement,
}

/// Every guard.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Guards {
    #[cfg(test)]
    removed: Option<Guard>,
}

impl Guards {
    /// Whether the guard holds: always, in a program.
    #[cfg(not(test))]
    pub(super) fn hold(self, _guard: Guard) -> bool {
        true
    }

    #[cfg(test)]
    pub(super) fn hold(self, guard: Guard) -> bool {
        self.removed != Some(guard)
    }

    #[cfg(test)]
    pub(super) fn without(guard: Guard) -> Self {
        Self {
            removed: Some(guard),
        }
    }
}
