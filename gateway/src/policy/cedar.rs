//! The second engine: fixed Cedar policies over entities and questions that fit their schema.
//!
//! Cedar skips a policy that ends in an error, a forbid too, so any error here is a [`Fault`] and never an answer.

use std::{
    collections::HashSet,
    fmt,
    sync::{PoisonError, RwLock},
};

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request,
    Response, Schema,
};
use jiff::Timestamp;
use turnpike_schemas::agreement::{Action, Agreement, Requester};

use crate::federation::word;

use super::{
    entities::{Asking, Names},
    guards::{Guard, Guards},
    question::{Question, Shape, instant},
    set::{Policies, PolicyError, PolicySource},
};

/// The engine.
pub(super) struct Cedar {
    authorizer: Authorizer,
    policies: Policies,
    names: Names,
    /// Shapes of questions that were held against the schema and fit. As many as the vocabularies allow for.
    fitting: RwLock<HashSet<Shape>>,
    source: PolicySource,
    sha256: String,
    version: String,
}

/// An agreement that fits the schema.
#[derive(Debug)]
pub(super) struct Prepared {
    uid: EntityUid,
    entities: Entities,
    /// Its forms of case references.
    forms: Vec<String>,
}

/// What the engine says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Opinion {
    /// By these policies.
    Permit(Vec<String>),
    /// By these policies, or because none permits.
    Refuse(Vec<String>),
    /// The fixed policies permit, these of the installation forbid.
    Forbidden(Vec<String>),
    /// It cannot say.
    Fault(Fault),
}

/// Why the second engine cannot decide. Says nothing about the person, the plate or the case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The agreement was never made known to it.
    #[error("the agreement is not loaded")]
    NotLoaded,
    /// An agreement, organisation or user does not fit the schema.
    #[error("an entity does not fit the schema")]
    Entity,
    /// The question does not fit the schema.
    #[error("the question does not fit the schema")]
    Question,
    /// These policies ended in an error.
    #[error("error in {}", .0.join(", "))]
    Evaluation(Vec<String>),
}

impl Cedar {
    pub(super) fn new(source: &PolicySource) -> Result<Self, PolicyError> {
        let policies = source.compile()?;
        let alert = word(&Action::Alert);
        let known = |action: &EntityUid| action.id().unescaped() == alert;
        let alerts = policies.schema.actions().any(known);
        Ok(Self {
            authorizer: Authorizer::new(),
            policies,
            names: Names::new(alerts),
            fitting: RwLock::default(),
            sha256: source.sha256(),
            source: source.clone(),
            version: cedar_policy::get_sdk_version().to_string(),
        })
    }

    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }

    pub(super) fn source(&self) -> &PolicySource {
        &self.source
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn asking<'a>(&self, requester: &'a Requester, guards: Guards) -> Asking<'a> {
        Asking::new(&self.names, requester, self.schema(guards))
    }

    pub(super) fn prepare(&self, agreement: &Agreement, guards: Guards) -> Result<Prepared, Fault> {
        let entities = self.names.agreement(agreement)?;
        let forms = agreement.document().case.patterns.iter();
        Ok(Prepared {
            uid: entities.first().ok_or(Fault::Entity)?.uid(),
            entities: Entities::from_entities(entities, self.schema(guards))
                .map_err(|_| Fault::Entity)?,
            forms: forms.map(|form| form.as_str().to_owned()).collect(),
        })
    }

    pub(super) fn ask(
        &self,
        prepared: &Prepared,
        asking: &Asking<'_>,
        question: &Question<'_>,
        guards: Guards,
    ) -> Opinion {
        let asked = || {
            let entities = prepared
                .entities
                .clone()
                // Each was held against the schema when it was made.
                .add_entities(asking.entities()?.iter().cloned(), None)
                .map_err(|_| Fault::Entity)?;
            let context = self
                .names
                .context(asking.requester(), &prepared.forms, question);
            let shape = question.shape(asking.requester());
            let known = self.fits(shape);
            let request = Request::new(
                asking.uid().clone(),
                self.names.action(question.action),
                prepared.uid.clone(),
                context?,
                // INVARIANT: the first question of each shape is held against the schema, and only one that fits is noted.
                self.schema(guards).filter(|_| !known),
            );
            let request = request.map_err(|_| Fault::Question)?;
            if !known {
                self.note(shape);
            }
            Ok((request, entities))
        };
        match asked() {
            Ok((request, entities)) => self.answer(&request, &entities, guards),
            Err(fault) => Opinion::Fault(fault),
        }
    }

    pub(super) fn ingest(&self, prepared: &Prepared, now: Timestamp, guards: Guards) -> Opinion {
        let request =
            Context::from_pairs([("now".to_owned(), super::entities::long(instant(now)))])
                .map_err(|_| Fault::Question)
                .and_then(|context| {
                    Request::new(
                        self.names.gateway(),
                        self.names.action(Action::Ingest),
                        prepared.uid.clone(),
                        context,
                        self.schema(guards),
                    )
                    .map_err(|_| Fault::Question)
                });
        match request {
            Ok(request) => self.answer(&request, &prepared.entities, guards),
            Err(fault) => Opinion::Fault(fault),
        }
    }

    fn fits(&self, shape: Shape) -> bool {
        let fitting = self.fitting.read().unwrap_or_else(PoisonError::into_inner);
        fitting.contains(&shape)
    }

    fn note(&self, shape: Shape) {
        let mut fitting = self.fitting.write().unwrap_or_else(PoisonError::into_inner);
        fitting.insert(shape);
    }

    pub(super) fn schema(&self, guards: Guards) -> Option<&Schema> {
        // INVARIANT: what does not fit the schema is not looked at.
        guards.hold(Guard::Schema).then_some(&self.policies.schema)
    }

    fn answer(&self, request: &Request, entities: &Entities, guards: Guards) -> Opinion {
        let evaluate = |policies: &PolicySet| {
            let response = self.authorizer.is_authorized(request, policies, entities);
            match errors(&response) {
                // INVARIANT: an error refuses, whatever the other policies say.
                errors if guards.hold(Guard::Errors) && !errors.is_empty() => {
                    Err(Fault::Evaluation(errors))
                }
                _ => Ok((response.decision(), reasons(&response))),
            }
        };
        match evaluate(&self.policies.fixed) {
            Err(fault) => Opinion::Fault(fault),
            Ok((Decision::Deny, reasons)) => Opinion::Refuse(reasons),
            Ok((Decision::Allow, permits)) => match self.policies.site.as_ref().map(evaluate) {
                None => Opinion::Permit(permits),
                Some(Err(fault)) => Opinion::Fault(fault),
                // Nothing in it permits, so its decision says nothing; what forbids is named.
                Some(Ok((_, forbids))) if forbids.is_empty() => Opinion::Permit(permits),
                Some(Ok((_, forbids))) => Opinion::Forbidden(forbids),
            },
        }
    }
}

#[cfg(test)]
impl Prepared {
    pub(super) fn of(uid: EntityUid, entities: Entities, forms: Vec<String>) -> Self {
        Self {
            uid,
            entities,
            forms,
        }
    }
}

impl Opinion {
    /// What went wrong, or which policies say what the first engine does not.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Permit(policies) => format!("permits by {}", policies.join(", ")),
            Self::Refuse(policies) if policies.is_empty() => "permits nothing".to_owned(),
            Self::Refuse(policies) => format!("refuses by {}", policies.join(", ")),
            Self::Forbidden(policies) => format!("forbidden by {}", policies.join(", ")),
            Self::Fault(fault) => fault.to_string(),
        }
    }
}

impl fmt::Debug for Cedar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cedar")
            .field("version", &self.version)
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

fn errors(response: &Response) -> Vec<String> {
    let errors = response.diagnostics().errors();
    sorted(errors.map(|error| match error {
        AuthorizationError::PolicyEvaluationError(error) => error.policy_id().to_string(),
    }))
}

fn reasons(response: &Response) -> Vec<String> {
    sorted(response.diagnostics().reason().map(ToString::to_string))
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}
