//! Agreements, organisations and users as entities of the second engine.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression, Schema,
};
use turnpike_schemas::{
    agreement::{
        Action, Agreement, AgreementDocument, Assurance, Excess, Field, OnBehalfRule, Organisation,
        Requester, Urgent,
    },
    plate::Jurisdiction,
    query::{OnBehalfOf, Purpose},
};

use super::{
    cedar::Fault,
    question::{Question, day, day_of, days, instant, span},
};
use crate::federation::word;

/// A value.
type Value = RestrictedExpression;

/// Characters of an agreement's digest that its entities go by.
const ID_CHARS: usize = 16;

/// Who asks, as entities.
#[derive(Debug)]
pub struct Asking<'a> {
    requester: &'a Requester,
    uid: EntityUid,
    entities: Result<Vec<Entity>, Fault>,
}

/// The types of entities, parsed once.
#[derive(Debug)]
pub(super) struct Names {
    /// Whether agreements say whether anybody may be told of reads.
    alerts: bool,
    action: EntityTypeName,
    agreement: EntityTypeName,
    area: EntityTypeName,
    class: EntityTypeName,
    declarations: EntityTypeName,
    demand: EntityTypeName,
    field: EntityTypeName,
    gateway: EntityTypeName,
    lookbacks: EntityTypeName,
    matching: EntityTypeName,
    offence: EntityTypeName,
    offences: EntityTypeName,
    organisation: EntityTypeName,
    purpose: EntityTypeName,
    register: EntityTypeName,
    role: EntityTypeName,
    standing: EntityTypeName,
    status: EntityTypeName,
    user: EntityTypeName,
}

impl<'a> Asking<'a> {
    pub(super) fn new(names: &Names, requester: &'a Requester, schema: Option<&Schema>) -> Self {
        Self {
            requester,
            uid: uid(&names.user, &requester.subject),
            entities: names.asking(requester).and_then(|made| fit(made, schema)),
        }
    }

    /// As if nothing were known of the organisations.
    #[cfg(test)]
    pub(super) fn forget_organisations(&mut self) {
        if let Ok(entities) = &mut self.entities {
            entities.truncate(1);
        }
    }

    pub(super) fn requester(&self) -> &'a Requester {
        self.requester
    }

    pub(super) fn uid(&self) -> &EntityUid {
        &self.uid
    }

    pub(super) fn entities(&self) -> Result<&[Entity], Fault> {
        self.entities.as_deref().map_err(Clone::clone)
    }
}

impl Names {
    /// `alerts` is whether the schema has an action for them: those of earlier versions, by which recorded decisions are made
    /// again, have none.
    pub(super) fn new(alerts: bool) -> Self {
        Self {
            alerts,
            action: named("Action"),
            agreement: named("Agreement"),
            area: named("Area"),
            class: named("OrganisationClass"),
            declarations: named("Declarations"),
            demand: named("Demand"),
            field: named("Field"),
            gateway: named("Gateway"),
            lookbacks: named("Lookbacks"),
            matching: named("Match"),
            offence: named("Offence"),
            offences: named("Offences"),
            organisation: named("Organisation"),
            purpose: named("Purpose"),
            register: named("Register"),
            role: named("Role"),
            standing: named("CaseStanding"),
            status: named("Status"),
            user: named("User"),
        }
    }

    pub(super) fn gateway(&self) -> EntityUid {
        uid(&self.gateway, "self")
    }

    pub(super) fn action(&self, action: Action) -> EntityUid {
        uid(&self.action, &word(&action))
    }

    /// The entities of an agreement, the agreement itself first.
    pub(super) fn agreement(&self, agreement: &Agreement) -> Result<Vec<Entity>, Fault> {
        let (document, id) = (agreement.document(), id(agreement));
        let attributes = self.of_agreement(document, id);
        let tables = [
            (&self.offences, self.offences(document)),
            (&self.lookbacks, lookbacks(document)),
            (&self.declarations, declarations(document)),
        ];
        let mut entities = vec![made(uid(&self.agreement, id), attributes, HashSet::new())?];
        for (kind, table) in tables {
            let entity = Entity::new_with_tags(uid(kind, id), [], [], table);
            entities.push(entity.map_err(|_| Fault::Entity)?);
        }
        Ok(entities)
    }

    pub(super) fn of_agreement(
        &self,
        document: &AgreementDocument,
        id: &str,
    ) -> HashMap<String, Value> {
        let mut attributes = vec![
            ("source", text(document.source.as_str())),
            ("status", entity(&self.status, &word(&document.status))),
            ("effective_from", long(instant(document.effective_from))),
            ("effective_until", long(instant(document.effective_until))),
            ("review_due", long(instant(document.review_due))),
            ("actions", actions(document, self.alerts)),
            (
                "fields",
                set(document.what.fields.iter().map(|field| self.field(*field))),
            ),
            ("keeps", boolean(document.retention.is_some())),
        ];
        self.who(document, &mut attributes);
        self.why(document, id, &mut attributes);
        self.on_file(document, id, &mut attributes);
        self.how_far(document, id, &mut attributes);
        owned(attributes).collect()
    }

    fn who(&self, document: &AgreementDocument, attributes: &mut Vec<(&str, Value)>) {
        let who = &document.who;
        let every = who.organisations.contains("*");
        let named = who.organisations.iter().filter(|id| *id != "*");
        let requires = [
            ("sworn", boolean(who.requires.sworn)),
            ("training", boolean(who.requires.training)),
            ("assurance", long(level(who.requires.assurance))),
        ];
        let classes = who.organisation_classes.iter();
        let areas = who.jurisdictions.iter();
        let roles = who.roles.iter();
        attributes.extend([
            (
                "classes",
                set(classes.map(|class| entity(&self.class, &word(class)))),
            ),
            (
                "areas",
                set(areas.map(|area| entity(&self.area, area.as_str()))),
            ),
            ("every_organisation", boolean(every)),
            (
                "organisations",
                set(named.map(|id| entity(&self.organisation, id))),
            ),
            (
                "roles",
                set(roles.map(|role| entity(&self.role, &word(role)))),
            ),
            (
                "for_others",
                boolean(who.on_behalf_of == OnBehalfRule::BothAllowed),
            ),
            ("requires", record(requires)),
        ]);
    }

    fn why(&self, document: &AgreementDocument, id: &str, attributes: &mut Vec<(&str, Value)>) {
        let why = &document.why;
        let purpose = |purpose: &Purpose| entity(&self.purpose, purpose.as_str());
        let forms = document.case.patterns.iter();
        attributes.extend([
            ("purposes", set(why.purposes.iter().map(purpose))),
            ("prohibited", set(why.prohibited.iter().map(purpose))),
            ("offences", entity(&self.offences, id)),
            ("case_forms", set(forms.map(|form| text(form.as_str())))),
            (
                "register",
                entity(&self.register, &word(&document.case.register)),
            ),
        ]);
    }

    fn on_file(&self, document: &AgreementDocument, id: &str, attributes: &mut Vec<(&str, Value)>) {
        let conditions = &document.conditions;
        let home = conditions.home.as_ref();
        let home = home.map(|home| ("home", entity(&self.area, home.as_str())));
        attributes.extend(home);
        attributes.extend([
            (
                "declaration",
                entity(&self.demand, &word(&conditions.declaration)),
            ),
            ("declarations", entity(&self.declarations, id)),
            ("warrant", entity(&self.demand, &word(&conditions.warrant))),
            (
                "urgency_counts",
                boolean(conditions.urgent == Urgent::Accepted),
            ),
        ]);
    }

    fn how_far(&self, document: &AgreementDocument, id: &str, attributes: &mut Vec<(&str, Value)>) {
        let far = &document.how_far;
        attributes.extend([
            ("lookback", long(days(far.lookback_days))),
            ("lookback_for", entity(&self.lookbacks, id)),
            ("supervisor_after", long(days(far.supervisor_after_days))),
            ("longest_window", long(days(far.max_window_days))),
            ("cuts", boolean(far.excess == Excess::Cut)),
            ("look_alike", boolean(document.plates.look_alike)),
        ]);
        if let Some(terms) = document.plates.partial {
            let terms = [
                ("min_known", long(i64::from(terms.min_known))),
                ("longest_window", long(days(terms.max_window_days))),
            ];
            attributes.push(("partial", record(terms)));
        }
    }

    /// What a purpose names by itself is allowed where nothing else is said of it.
    fn offences(&self, document: &AgreementDocument) -> Vec<(String, Value)> {
        let of = |purpose: Purpose| match document.why.offences.get(&purpose) {
            Some(listed) => listed.clone(),
            None => purpose.implied_offence().into_iter().collect(),
        };
        let about_one = Purpose::ALL.into_iter().filter(|it| it.is_criminal());
        let table = about_one.map(|purpose| {
            let listed = of(purpose);
            let listed = listed
                .iter()
                .map(|offence| entity(&self.offence, offence.as_str()));
            (purpose.as_str().to_owned(), set(listed))
        });
        table.collect()
    }

    fn field(&self, field: Field) -> Value {
        entity(&self.field, &word(&field))
    }

    /// The user and every organisation that has a part in the question.
    fn asking(&self, requester: &Requester) -> Result<Vec<Entity>, Fault> {
        let roles = requester
            .roles
            .iter()
            .map(|role| entity(&self.role, &word(role)));
        let user = [
            (
                "organisation",
                entity(&self.organisation, &requester.organisation.id),
            ),
            ("roles", set(roles)),
            ("sworn", boolean(requester.attributes.sworn)),
            ("assurance", long(level(requester.attributes.assurance))),
        ];
        let trained = requester.attributes.training_until;
        let trained = trained.map(|last| ("trained_until", long(day_of(last))));
        let user = made(
            uid(&self.user, &requester.subject),
            owned(user.into_iter().chain(trained)).collect(),
            HashSet::new(),
        )?;
        let mut entities = vec![user, self.organisation(&requester.organisation)?];
        if let Some(other) = &requester.on_behalf_of {
            entities.push(self.organisation(other)?);
        }
        Ok(entities)
    }

    fn organisation(&self, organisation: &Organisation) -> Result<Entity, Fault> {
        let attributes = [
            ("name", text(&organisation.id)),
            ("class", entity(&self.class, &word(&organisation.class))),
        ];
        made(
            uid(&self.organisation, &organisation.id),
            owned(attributes).collect(),
            self.around(&organisation.jurisdiction),
        )
    }

    /// A subdivision, and the country it lies in.
    fn around(&self, jurisdiction: &Jurisdiction) -> HashSet<EntityUid> {
        [jurisdiction.as_str(), jurisdiction.country()]
            .map(|area| uid(&self.area, area))
            .into()
    }

    /// The facts of a question.
    pub(super) fn context(
        &self,
        requester: &Requester,
        forms: &[String],
        question: &Question<'_>,
    ) -> Result<Context, Fault> {
        let Question {
            query,
            granted,
            now,
            ..
        } = question;
        let asked = query.window();
        let mode = entity(&self.matching, &word(&query.plate().mode()));
        let of_asked = [
            ("from", long(instant(asked.from()))),
            ("to", long(instant(asked.to()))),
            ("length", long(span(asked.from(), asked.to()))),
        ];
        let of_granted = [
            ("from", long(instant(granted.from()))),
            ("to", long(instant(granted.to()))),
            ("length", long(span(granted.from(), granted.to()))),
            ("age", long(span(granted.from(), *now))),
        ];
        let mut facts = vec![
            ("now", long(instant(*now))),
            ("today", long(day(*now))),
            ("purpose", entity(&self.purpose, query.purpose().as_str())),
            ("purpose_key", text(query.purpose().as_str())),
            ("urgent", boolean(query.is_urgent())),
            ("warrant", boolean(query.warrant().is_some())),
            ("case_forms", set(question.forms(forms).map(text))),
            (
                "case_standing",
                entity(&self.standing, query.case_standing().as_str()),
            ),
            ("match", mode),
            ("known", long(question.known())),
            ("asked", record(of_asked)),
            ("granted", record(of_granted)),
        ];
        if let Some(offence) = query.offence() {
            facts.push(("offence", entity(&self.offence, offence.as_str())));
        }
        if let OnBehalfOf::Organisation(id) = query.on_behalf_of() {
            facts.push(("asked_for", entity(&self.organisation, id)));
        }
        if let Some(found) = &requester.on_behalf_of {
            facts.push(("resolved", entity(&self.organisation, &found.id)));
        }
        Context::from_pairs(owned(facts)).map_err(|_| Fault::Question)
    }
}

/// What the entities of an agreement go by: the beginning of its document's digest. No decision sees a second agreement, and
/// evaluation hashes the name again with every attribute.
pub(super) fn id(agreement: &Agreement) -> &str {
    let digest = agreement.sha256();
    digest.get(..ID_CHARS).unwrap_or(digest)
}

fn actions(document: &AgreementDocument, alerts: bool) -> Value {
    let lists = |action| boolean(document.actions.contains(&action));
    let alerts = alerts.then(|| ("alert", lists(Action::Alert)));
    let before = [
        ("query", lists(Action::Query)),
        ("image", lists(Action::Image)),
        ("ingest", lists(Action::Ingest)),
    ];
    record(before.into_iter().chain(alerts))
}

fn lookbacks(document: &AgreementDocument) -> Vec<(String, Value)> {
    let longer = document.how_far.lookback_days_for.iter();
    let longer = longer.map(|(purpose, most)| (purpose.as_str().to_owned(), long(days(*most))));
    longer.collect()
}

fn declarations(document: &AgreementDocument) -> Vec<(String, Value)> {
    let on_file = document.conditions.declarations.iter();
    let until = on_file.map(|it| (it.organisation.clone(), long(instant(it.until))));
    until.collect()
}

fn level(assurance: Assurance) -> i64 {
    match assurance {
        Assurance::Aal1 => 1,
        Assurance::Aal2 => 2,
        Assurance::Aal3 => 3,
    }
}

#[expect(
    clippy::expect_used,
    reason = "each is a constant of this file, and any start of the gateway would show it"
)]
fn named(name: &'static str) -> EntityTypeName {
    name.parse().expect("a name of a type")
}

/// Those that fit the schema: each does, or none is given.
fn fit(made: Vec<Entity>, schema: Option<&Schema>) -> Result<Vec<Entity>, Fault> {
    Entities::from_entities(made.iter().cloned(), schema)
        .map(|_| made)
        .map_err(|_| Fault::Entity)
}

fn made(
    uid: EntityUid,
    attributes: HashMap<String, Value>,
    parents: HashSet<EntityUid>,
) -> Result<Entity, Fault> {
    Entity::new(uid, attributes, parents).map_err(|_| Fault::Entity)
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn entity(kind: &EntityTypeName, id: &str) -> Value {
    Value::new_entity_uid(uid(kind, id))
}

fn text(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

pub(super) fn long(number: i64) -> Value {
    Value::new_long(number)
}

fn boolean(value: bool) -> Value {
    Value::new_bool(value)
}

fn set(values: impl IntoIterator<Item = Value>) -> Value {
    Value::new_set(values)
}

/// INVARIANT: the names are constants of this file and none comes twice.
fn record(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::new_record(owned(fields)).unwrap_or_else(|_| Value::new_set([]))
}

fn owned<'a>(
    fields: impl IntoIterator<Item = (&'a str, Value)>,
) -> impl Iterator<Item = (String, Value)> {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
}
