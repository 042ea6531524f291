//! The rules by name: one list, in the order in which they are tried.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AgreementRef;

/// Makes the type, the list, the codes and the explanations from one table.
macro_rules! rules {
    ($($name:ident $code:literal $explanation:literal $doc:literal)*;
        between engines: $($other:ident $other_code:literal $other_explanation:literal $other_doc:literal)*) => {
        /// The rule that refused: those of agreements in the order in which they are tried, then those between engines.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum Rule {
            $(#[doc = $doc] $name,)*
            $(#[doc = $other_doc] $other,)*
        }

        impl Rule {
            /// Every rule of an agreement, in the order in which they are tried.
            pub const ALL: [Self; [$($code),*].len()] = [$(Self::$name),*];

            /// The rules that are no agreement's: they stand between the engines that must all permit.
            pub const BETWEEN_ENGINES: [Self; [$($other_code),*].len()] = [$(Self::$other),*];

            /// The code as shown in answers and the ledger.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                    $(Self::$other => $other_code,)*
                }
            }

            /// What the rule means, for a person who was refused.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self {
                    $(Self::$name => $explanation,)*
                    $(Self::$other => $other_explanation,)*
                }
            }
        }
    };
}

rules! {
    AgreementNotActive "agreement_not_active"
        "the source's agreement is suspended or revoked"
        "The agreement is suspended or revoked."
    AgreementNotYetInEffect "agreement_not_yet_in_effect"
        "the source's agreement is not in effect yet"
        "The agreement begins later."
    AgreementExpired "agreement_expired"
        "the source's agreement has ended"
        "The agreement has ended."
    ReviewOverdue "review_overdue"
        "the source's agreement was to be reviewed by now; its owner must renew it"
        "The agreement's review is due."
    ActionNotAllowed "action_not_allowed"
        "the source's agreement does not allow this kind of use"
        "The agreement does not list the action."
    PurposeProhibited "purpose_prohibited"
        "the source's agreement prohibits this purpose"
        "The purpose is on the prohibition list."
    PurposeNotAllowed "purpose_not_allowed"
        "the source's agreement does not list this purpose"
        "The purpose is not on the list."
    OffenceNotAllowed "offence_not_allowed"
        "the source's agreement does not list this type of offence for this purpose, or none was stated"
        "The purpose is about an offence, and its type is not stated or not on the list for the purpose."
    RoleNotAllowed "role_not_allowed"
        "the source's agreement does not list any of your roles"
        "None of the subject's roles is on the list."
    SwornRequired "sworn_required"
        "the source's agreement serves sworn officers only"
        "The subject is not a sworn officer."
    TrainingNotCurrent "training_not_current"
        "the source's agreement needs current training, and yours is unknown or has run out"
        "The subject's training has run out or is not known."
    AssuranceTooLow "assurance_too_low"
        "the source's agreement needs a stronger sign-in"
        "The subject was authenticated less surely than the agreement asks for."
    OrganisationClassNotAllowed "organisation_class_not_allowed"
        "the source's agreement does not serve your kind of organisation"
        "The kind of organisation is not on the list."
    JurisdictionNotAllowed "jurisdiction_not_allowed"
        "the source's agreement does not serve your organisation's jurisdiction"
        "The organisation's jurisdiction is not on the list."
    OrganisationNotAllowed "organisation_not_allowed"
        "the source's agreement does not serve your organisation"
        "The organisation is not on the list."
    OnBehalfOfNotAllowed "on_behalf_of_not_allowed"
        "the source's agreement does not allow questions for another organisation"
        "The question is for another organisation and the agreement refuses that, or the organisation is not the one named."
    OnBehalfOfClassNotAllowed "on_behalf_of_class_not_allowed"
        "the source's agreement does not serve the kind of organisation you ask for"
        "The kind of the organisation asked for is not on the list."
    OnBehalfOfJurisdictionNotAllowed "on_behalf_of_jurisdiction_not_allowed"
        "the source's agreement does not serve the jurisdiction of the organisation you ask for"
        "The jurisdiction of the organisation asked for is not on the list."
    OnBehalfOfOrganisationNotAllowed "on_behalf_of_organisation_not_allowed"
        "the source's agreement does not serve the organisation you ask for"
        "The organisation asked for is not on the list."
    CasePatternMismatch "case_pattern_mismatch"
        "the case reference has none of the forms the source's agreement asks for"
        "The case reference matches none of the patterns."
    CaseNotChecked "case_not_checked"
        "the source's agreement needs the case register to know the case, and none is set up for your organisation"
        "No register checked the case, and the agreement requires it."
    CaseUnknown "case_unknown"
        "the case register does not know the case, or knows it as closed"
        "The register does not know the case as open, and the agreement requires it."
    CaseRegisterUnavailable "case_register_unavailable"
        "the case register did not answer, and the source's agreement needs it to; ask again later"
        "The register did not answer, and the agreement requires it."
    DeclarationMissing "declaration_missing"
        "the source's agreement needs a declaration of your organisation on file"
        "No declaration of the organisation is on file."
    DeclarationExpired "declaration_expired"
        "your organisation's declaration on file with the source has run out"
        "The declaration of the organisation has run out."
    WarrantRequired "warrant_required"
        "the source's agreement needs a warrant or court order; name it in the question"
        "No warrant or court order is named."
    LookAlikeNotAllowed "look_alike_not_allowed"
        "the source's agreement allows exact plates only; ask again with match `exact`"
        "The agreement does not allow look-alike comparison."
    PartialPlateNotAllowed "partial_plate_not_allowed"
        "the source's agreement does not allow partial plates"
        "The agreement does not allow partial plates."
    PartialPlateTooShort "partial_plate_too_short"
        "the source's agreement needs more known characters"
        "Fewer characters are known than the agreement asks for."
    PartialPlateWindowTooLong "partial_plate_window_too_long"
        "the source's agreement needs a shorter window for a partial plate"
        "The window is wider than allowed for a partial plate."
    WindowTooOld "window_too_old"
        "the whole window is older than the source's agreement allows"
        "The whole window is older than the look-back."
    WindowReachesTooFar "window_reaches_too_far"
        "the window reaches further back than the source's agreement allows; ask for a later start"
        "The window reaches further back than the look-back, and the agreement refuses rather than cuts."
    SupervisorRequired "supervisor_required"
        "reads this old need a supervisor under the source's agreement; have one ask, or ask for a later start"
        "The window, or a part of it that may not be cut away, is older than is given to anyone but a supervisor."
    WindowTooLong "window_too_long"
        "the window is wider than the source's agreement allows; ask for a shorter one"
        "The window is wider than allowed, and the agreement refuses rather than cuts."
    ; between engines:
    EnginesDisagree "engines_disagree"
        "the two engines that must both permit do not agree; the operator has been alarmed"
        "One engine permits and the other does not."
    PolicyError "policy_error"
        "the second engine could not decide; the operator has been alarmed"
        "The second engine could not decide: an error, a missing value, or something that does not fit its schema."
    SitePolicy "site_policy"
        "a policy of this installation forbids it"
        "A policy of this installation forbids it."
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An agreement's "no": which agreement and which rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused by {agreement}: {rule}")]
pub struct Refusal {
    /// The agreement that refused.
    pub agreement: AgreementRef,
    /// The first rule that refused.
    pub rule: Rule,
}
