//! Which roles one subject may hold together.
//!
//! Whoever asks does not look after accounts, whoever reads the ledger does nothing else, whoever speaks for a source
//! does not ask it, a machine is nothing but a machine. So nobody can do everything, and two people are needed to ask
//! unseen: one who asks and one who reads.

use std::collections::BTreeSet;

use turnpike_schemas::agreement::Role;

/// Roles of accounts that are not a person's: keys and clients. The other roles are people's.
pub const MACHINE_ROLES: [Role; 3] = [Role::System, Role::Integrator, Role::SourceOwner];

/// Pairs that no subject holds, and why. Every other pair may be held.
pub const CONFLICTS: [(Role, Role, &str); 16] = [
    (Role::Auditor, Role::Investigator, READS),
    (Role::Auditor, Role::Supervisor, READS),
    (Role::Auditor, Role::Integrator, READS),
    (Role::Auditor, Role::SourceOwner, READS),
    (Role::Auditor, Role::Operator, READS),
    (Role::Auditor, Role::System, READS),
    (Role::Operator, Role::Investigator, MANAGES),
    (Role::Operator, Role::Supervisor, MANAGES),
    (
        Role::Operator,
        Role::SourceOwner,
        "whoever runs the installation does not speak for a source",
    ),
    (Role::Operator, Role::System, MANAGES),
    (Role::SourceOwner, Role::Investigator, OWNS),
    (Role::SourceOwner, Role::Supervisor, OWNS),
    (Role::SourceOwner, Role::System, OWNS),
    (Role::System, Role::Investigator, MACHINE),
    (Role::System, Role::Supervisor, MACHINE),
    (Role::System, Role::Integrator, MACHINE),
];

const READS: &str = "whoever reads the ledger neither asks nor runs anything";
const MANAGES: &str = "whoever looks after accounts does not ask";
const OWNS: &str = "whoever speaks for a source does not ask it";
const MACHINE: &str = "a system asks for people and is none";

/// Two roles that do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{}` and `{}` do not go together: {reason}", crate::federation::word(.one), crate::federation::word(.other))]
pub struct Conflict {
    /// One of the two.
    pub one: Role,
    /// The other.
    pub other: Role,
    /// Why.
    pub reason: &'static str,
}

/// Whether one subject may hold all of these.
///
/// # Errors
/// The first [`Conflict`].
pub fn check(roles: &BTreeSet<Role>) -> Result<(), Conflict> {
    let held = CONFLICTS
        .into_iter()
        .find(|(one, other, _)| roles.contains(one) && roles.contains(other));
    match held {
        None => Ok(()),
        Some((one, other, reason)) => Err(Conflict { one, other, reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::federation::word;

    /// Every set of roles, the empty one included.
    fn sets() -> impl Iterator<Item = BTreeSet<Role>> {
        (0..1_u32 << Role::ALL.len()).map(|mask| {
            let held = Role::ALL.into_iter().enumerate();
            held.filter(|(n, _)| mask & (1 << n) != 0)
                .map(|(_, role)| role)
                .collect()
        })
    }

    fn words(set: &BTreeSet<Role>) -> String {
        let words: Vec<_> = set.iter().map(word).collect();
        words.join(" ")
    }

    #[test]
    fn of_all_128_sets_of_roles_these_may_be_held() {
        let held: BTreeSet<_> = sets()
            .filter(|set| check(set).is_ok())
            .map(|set| words(&set))
            .collect();
        let wanted = [
            "",
            "auditor",
            "integrator",
            "integrator operator",
            "integrator source_owner",
            "investigator",
            "investigator integrator",
            "investigator supervisor",
            "investigator supervisor integrator",
            "operator",
            "source_owner",
            "supervisor",
            "supervisor integrator",
            "system",
        ];
        assert_eq!(held, wanted.map(str::to_owned).into());
    }

    #[test]
    fn nobody_holds_two_of_asking_reading_the_ledger_looking_after_accounts_and_owning_a_source() {
        for set in sets().filter(|set| check(set).is_ok()) {
            let powers = [
                set.iter().any(|role| role.may_ask()),
                set.contains(&Role::Auditor),
                set.contains(&Role::Operator),
                set.contains(&Role::SourceOwner),
            ];
            let held = powers.into_iter().filter(|power| *power).count();
            assert!(held <= 1, "{}", words(&set));
        }
    }

    #[test]
    fn the_table_in_the_documentation_is_this_one() {
        let documented = include_str!("../../../docs/identity.md");
        for (one, other, reason) in CONFLICTS {
            let row = format!("| `{}` | `{}` | {reason} |\n", word(&one), word(&other));
            assert!(documented.contains(&row), "{row}");
        }
        let rows = documented.lines().filter(|line| {
            line.ends_with(" |") && line.contains("whoever ")
                || line.ends_with("a system asks for people and is none |")
        });
        assert_eq!(rows.count(), CONFLICTS.len());
    }

    #[test]
    fn roles_of_machines_ask_only_for_people_and_read_nothing() {
        for role in MACHINE_ROLES {
            assert!(!matches!(
                role,
                Role::Auditor | Role::Operator | Role::Investigator | Role::Supervisor
            ));
        }
    }
}
