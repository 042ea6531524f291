//! Why a question is asked: purposes, types of offence, and what a case register says. All closed vocabularies.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why the question is asked: a closed vocabulary.
///
/// The last four exist so that agreements can prohibit them by name.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A vehicle reported stolen.
    StolenVehicle,
    /// A person reported missing or abducted.
    MissingPerson,
    /// A crime against a person.
    ViolentCrime,
    /// A crime against property.
    PropertyCrime,
    /// A collision whose driver left.
    HitAndRun,
    /// A person wanted on a warrant.
    WantedPerson,
    /// Collection of an unpaid toll.
    TollEnforcement,
    /// An unpaid or disputed parking charge.
    ParkingEnforcement,
    /// Recovery of a financed vehicle under a court or contract title.
    Repossession,
    /// Checking the work of officers or of the system itself.
    InternalReview,
    /// Civil immigration enforcement.
    ImmigrationEnforcement,
    /// Investigation of reproductive health care.
    ReproductiveCare,
    /// Assembly, speech, religion or other protected activity.
    ProtectedActivity,
    /// Screening of staff or applicants.
    EmploymentScreening,
}

impl Purpose {
    /// Every purpose, in the order of the vocabulary.
    pub const ALL: [Self; 14] = [
        Self::StolenVehicle,
        Self::MissingPerson,
        Self::ViolentCrime,
        Self::PropertyCrime,
        Self::HitAndRun,
        Self::WantedPerson,
        Self::TollEnforcement,
        Self::ParkingEnforcement,
        Self::Repossession,
        Self::InternalReview,
        Self::ImmigrationEnforcement,
        Self::ReproductiveCare,
        Self::ProtectedActivity,
        Self::EmploymentScreening,
    ];

    /// Whether the purpose is about an offence, so that its type must be stated.
    #[must_use]
    pub fn is_criminal(self) -> bool {
        matches!(
            self,
            Self::StolenVehicle
                | Self::ViolentCrime
                | Self::PropertyCrime
                | Self::HitAndRun
                | Self::WantedPerson
        )
    }

    /// The type of offence the purpose names by itself.
    #[must_use]
    pub fn implied_offence(self) -> Option<Offence> {
        match self {
            Self::StolenVehicle => Some(Offence::MotorVehicleTheft),
            Self::HitAndRun => Some(Offence::HitAndRun),
            _ => None,
        }
    }

    /// The code as written in documents and requests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StolenVehicle => "stolen_vehicle",
            Self::MissingPerson => "missing_person",
            Self::ViolentCrime => "violent_crime",
            Self::PropertyCrime => "property_crime",
            Self::HitAndRun => "hit_and_run",
            Self::WantedPerson => "wanted_person",
            Self::TollEnforcement => "toll_enforcement",
            Self::ParkingEnforcement => "parking_enforcement",
            Self::Repossession => "repossession",
            Self::InternalReview => "internal_review",
            Self::ImmigrationEnforcement => "immigration_enforcement",
            Self::ReproductiveCare => "reproductive_care",
            Self::ProtectedActivity => "protected_activity",
            Self::EmploymentScreening => "employment_screening",
        }
    }
}

/// Type of offence, after the groups of the National Incident-Based Reporting System. A closed vocabulary.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Offence {
    /// Murder and manslaughter.
    Homicide,
    /// Kidnapping and abduction.
    Kidnapping,
    /// Sexual offences.
    SexualOffence,
    /// Human trafficking.
    HumanTrafficking,
    /// Robbery.
    Robbery,
    /// Assault.
    Assault,
    /// Arson.
    Arson,
    /// Burglary and breaking in.
    Burglary,
    /// Theft other than of a motor vehicle.
    Larceny,
    /// Theft of a motor vehicle.
    MotorVehicleTheft,
    /// Fraud and forgery.
    Fraud,
    /// Destruction of property.
    Vandalism,
    /// Drug offences.
    Drugs,
    /// Weapon offences.
    Weapons,
    /// Leaving the scene of a collision.
    HitAndRun,
    /// Driving under the influence.
    DrivingUnderInfluence,
    /// Failure to appear, escape or flight.
    FailureToAppear,
}

impl Offence {
    /// Every type of offence.
    pub const ALL: [Self; 17] = [
        Self::Homicide,
        Self::Kidnapping,
        Self::SexualOffence,
        Self::HumanTrafficking,
        Self::Robbery,
        Self::Assault,
        Self::Arson,
        Self::Burglary,
        Self::Larceny,
        Self::MotorVehicleTheft,
        Self::Fraud,
        Self::Vandalism,
        Self::Drugs,
        Self::Weapons,
        Self::HitAndRun,
        Self::DrivingUnderInfluence,
        Self::FailureToAppear,
    ];

    /// The code as written in documents and requests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Homicide => "homicide",
            Self::Kidnapping => "kidnapping",
            Self::SexualOffence => "sexual_offence",
            Self::HumanTrafficking => "human_trafficking",
            Self::Robbery => "robbery",
            Self::Assault => "assault",
            Self::Arson => "arson",
            Self::Burglary => "burglary",
            Self::Larceny => "larceny",
            Self::MotorVehicleTheft => "motor_vehicle_theft",
            Self::Fraud => "fraud",
            Self::Vandalism => "vandalism",
            Self::Drugs => "drugs",
            Self::Weapons => "weapons",
            Self::HitAndRun => "hit_and_run",
            Self::DrivingUnderInfluence => "driving_under_influence",
            Self::FailureToAppear => "failure_to_appear",
        }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Time within which an urgent question must be justified.
pub const JUSTIFICATION_DUE: SignedDuration = SignedDuration::from_hours(24);

/// What a case register said about the case of a question.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CaseStanding {
    /// No register is configured for the organisation.
    NotChecked,
    /// The register knows the case as open.
    Confirmed,
    /// The register does not know the case, or knows it as closed.
    Unknown,
    /// The register did not answer in time.
    Unavailable,
}

impl CaseStanding {
    /// Every standing.
    pub const ALL: [Self; 4] = [
        Self::NotChecked,
        Self::Confirmed,
        Self::Unknown,
        Self::Unavailable,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotChecked => "not_checked",
            Self::Confirmed => "confirmed",
            Self::Unknown => "unknown",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
