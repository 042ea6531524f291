//! Reports that are made from the ledger, and what is put on record for them.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{
        Path, Query, Request, State,
        rejection::{PathRejection, QueryRejection},
    },
};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;
use turnpike_schemas::{
    agreement::Role,
    api::{
        DeclaredVehicle, FlagLine, FlagList, MAX_QUESTIONS, Problem, Recertification, Recorded,
        SignOff, WeekList,
    },
    ledger::{AdminAction, RefusedReason},
    plate::Plate,
    read::SourceId,
    review::{
        misuse::{Flag, RuleId},
        question::Questions,
        statement::{Gathering, Statement},
        transparency::{Counting, Month, PeriodError, Transparency, is_due},
        unused::{ACCOUNT, CHANGE, RECERTIFIED, Unused},
        weeks::{Reviews, Standing, Week, fact},
    },
};
use utoipa::IntoParams;

use super::{
    caller::Caller,
    problem::{FORBIDDEN, Failure, INVALID, NOT_FOUND},
    review::note,
};
use crate::app::App;

/// Days without use, unless said otherwise.
const UNUSED_DAYS: u32 = 90;

/// Which flags.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FlagParams {
    /// Only those of this rule.
    rule: Option<RuleId>,
}

/// Unused since when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UnusedParams {
    /// Days without use, 1 to 3660; 90 when absent.
    days: Option<u32>,
}

/// Which months.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MonthParams {
    /// First month, as in `2026-01`.
    first_month: String,
    /// Last month, included.
    last_month: String,
}

/// List flags
///
/// What the misuse rules have found. Auditors see all; supervisors those of their own organisation that their role owns.
#[utoipa::path(
    get,
    path = "/v1/reports/flags",
    tag = "review",
    params(FlagParams),
    responses(
        (status = 200, description = "Flags", body = FlagList),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Neither auditor nor supervisor", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn flags(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Result<Query<FlagParams>, QueryRejection>,
) -> Result<Json<FlagList>, Failure> {
    let roles = [Role::Auditor, Role::Supervisor];
    app.require(&caller, &roles, "flags").await?;
    let rule = app.right(&caller, "flags", parameters(params, "rule"));
    let rule = rule.await?.rule;
    app.reading(&caller, "flags", json!({ "rule": rule }))
        .await?;
    let all = caller.0.has(Role::Auditor);
    let organisation = caller.0.organisation().id.clone();
    let may_see = move |flag: &&Flag| {
        let owned = flag
            .rule
            .rule()
            .is_some_and(|rule| rule.owner == Role::Supervisor);
        all || (owned && flag.organisation == organisation)
    };
    let looked = app.desk.look(app.federation.now(), move |counted| {
        let flags = counted.flags.iter().filter(may_see);
        let flags = flags.filter(|flag| rule.is_none_or(|rule| rule == flag.rule));
        let newest = flags.rev().take(MAX_QUESTIONS as usize);
        let mut flags: Vec<FlagLine> = newest
            .map(|flag| FlagLine {
                flag: flag.clone(),
                sentence: flag.sentence(),
                finding: counted.reviews.findings().get(&flag.entry).copied(),
            })
            .collect();
        flags.reverse();
        FlagList {
            entries: counted.entries,
            flags,
        }
    });
    Ok(Json(looked.await?))
}

/// List weeks and their reviews
#[utoipa::path(
    get,
    path = "/v1/reports/reviews",
    tag = "review",
    responses(
        (status = 200, description = "Every week since the first entry", body = WeekList),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Neither auditor nor operator", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn reviews(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<WeekList>, Failure> {
    let roles = [Role::Auditor, Role::Operator];
    app.require(&caller, &roles, "reviews").await?;
    app.reading(&caller, "reviews", json!({})).await?;
    let now = app.federation.now();
    let weeks = app.desk.weeks(now).await?;
    let entries = app.desk.look(now, |counted| counted.entries).await?;
    let late = weeks
        .iter()
        .filter(|line| line.standing == Standing::Overdue);
    Ok(Json(WeekList {
        as_of: now,
        entries,
        overdue: late.count() as u64,
        weeks,
    }))
}

/// Sign off a week
///
/// For auditors: the review of a week that is over is done. The entry holds what was counted then.
#[utoipa::path(
    post,
    path = "/v1/reports/reviews",
    tag = "review",
    request_body = SignOff,
    responses(
        (status = 200, description = "On record", body = Recorded),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "You are no auditor", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The week is not over, or before the ledger began", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn sign_off(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<Recorded>, Failure> {
    app.require(&caller, &[Role::Auditor], "review").await?;
    let given: SignOff = app.body(&caller, request, "review").await?;
    let note = app.right(&caller, "review", note(&given.note)).await?;
    let now = app.federation.now();
    let weeks = app.desk.weeks(now).await?;
    let line = weeks.into_iter().find(|line| line.week == given.week);
    let over = line.filter(|line| line.standing != Standing::Running);
    let Some(line) = over else {
        let detail = "`week` must be over, and not from before the ledger began";
        let failure = Failure::new(INVALID).because(detail).at("week");
        return app.right(&caller, "review", Err(failure)).await;
    };
    let week = given.week;
    let flags = app
        .desk
        .look(now, move |counted| {
            let of_week = counted
                .flags
                .iter()
                .filter(|flag| Week::of(flag.at) == week);
            of_week.count()
        })
        .await?;
    let facts = BTreeMap::from([
        (fact::WEEK.to_owned(), week.to_string().into()),
        (fact::NOTE.to_owned(), note.into()),
        (fact::QUESTIONS.to_owned(), line.questions.into()),
        (fact::FINDINGS.to_owned(), line.findings.into()),
        (fact::FLAGS.to_owned(), flags.into()),
    ]);
    let entry = app
        .put_on_record(&caller, AdminAction::Review, facts)
        .await?;
    Ok(Json(Recorded { entry }))
}

/// Say what nobody uses
///
/// Accounts that ask nothing, roles held and not used, agreements and sources nobody was contacted under.
#[utoipa::path(
    get,
    path = "/v1/reports/unused",
    tag = "review",
    params(UnusedParams),
    responses(
        (status = 200, description = "What nobody used", body = Unused),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Neither auditor nor operator", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a number of days", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn unused(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Result<Query<UnusedParams>, QueryRejection>,
) -> Result<Json<Unused>, Failure> {
    let roles = [Role::Auditor, Role::Operator];
    app.require(&caller, &roles, "unused").await?;
    let days = parameters(params, "days").and_then(|params| {
        let days = params.days.unwrap_or(UNUSED_DAYS);
        let unfit = || Failure::new(INVALID).because("`days` must be 1 to 3660");
        let fits = (1..=3_660).contains(&days).then_some(days);
        fits.ok_or_else(|| unfit().at("days"))
    });
    let days = app.right(&caller, "unused", days).await?;
    app.reading(&caller, "unused", json!({ "days": days }))
        .await?;
    let setting = app.desk.setting();
    let (accounts, governed) = (app.known_accounts().await?, setting.governed.clone());
    let (now, limit) = (app.federation.now(), setting.review.dormant_days);
    let looked = app.desk.look(now, move |counted| {
        counted.usage.unused(&accounts, &governed, now, days, limit)
    });
    Ok(Json(looked.await?))
}

/// Say that an account is still needed
///
/// By a supervisor of its organisation or by the operator, never by its holder. It may ask again from then on.
#[utoipa::path(
    post,
    path = "/v1/reports/recertifications",
    tag = "review",
    request_body = Recertification,
    responses(
        (status = 200, description = "On record", body = Recorded),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Neither supervisor nor operator, or your own account", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such account, or not one of your organisation", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The field is named", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn recertify(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<Recorded>, Failure> {
    let roles = [Role::Supervisor, Role::Operator];
    app.require(&caller, &roles, "recertify").await?;
    app.approves(&caller).await?;
    let given: Recertification = app.body(&caller, request, "recertify").await?;
    let note = app.right(&caller, "recertify", note(&given.note)).await?;
    let subject = given.subject.expose();
    if subject == caller.0.subject() {
        let failure = Failure::new(FORBIDDEN).because("nobody recertifies the own account");
        let refused = RefusedReason::Forbidden;
        return Err(app.turn_away(&caller, refused, "recertify", failure).await);
    }
    let operates = caller.0.has(Role::Operator);
    let known = app.known_accounts().await?;
    let account = known.iter().find(|account| {
        let own = account.organisation == caller.0.organisation().id;
        account.subject == subject && (operates || own)
    });
    if account.is_none() {
        let failure = Failure::new(NOT_FOUND).because("there is no such account for you");
        return app.right(&caller, "recertify", Err(failure)).await;
    }
    let facts = BTreeMap::from([
        (CHANGE.to_owned(), RECERTIFIED.into()),
        (ACCOUNT.to_owned(), subject.into()),
        (fact::NOTE.to_owned(), note.into()),
    ]);
    let entry = app
        .put_on_record(&caller, AdminAction::AccountChange, facts)
        .await?;
    Ok(Json(Recorded { entry }))
}

/// Declare an own vehicle
///
/// For everybody who may sign in: questions about it are flagged. Only an HMAC of the plate is kept, and the entry says who
/// declared something and not what. What somebody declared is taken off by the same account only.
#[utoipa::path(
    post,
    path = "/v1/reports/declared-vehicles",
    tag = "review",
    request_body = DeclaredVehicle,
    responses(
        (status = 200, description = "Done and on record", body = Recorded),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a plate", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger or the list cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn declare(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<Recorded>, Failure> {
    let given: DeclaredVehicle = app.body(&caller, request, "declare").await?;
    let plate = Plate::parse(given.plate.expose()).map_err(|_| {
        let failure = Failure::new(INVALID).because("`plate` must be a whole plate");
        failure.at("plate")
    });
    let plate = app.right(&caller, "declare", plate).await?;
    let facts = BTreeMap::from([("withdrawn".to_owned(), given.withdrawn.into())]);
    let entry = app
        .put_on_record(&caller, AdminAction::ConfigChange, facts)
        .await?;
    let (secrecy, subject) = (
        app.desk.setting().secrecy.clone(),
        caller.0.subject().to_owned(),
    );
    let writing = tokio::task::spawn_blocking(move || {
        secrecy.declare(plate.expose(), &subject, given.withdrawn)
    });
    match writing.await {
        Ok(Ok(())) => Ok(Json(Recorded { entry })),
        failed => {
            tracing::error!(?failed, "the list of declared vehicles cannot be written");
            Err(Failure::new(super::problem::STORE_UNAVAILABLE)
                .because("the list cannot be written; it is as it was"))
        }
    }
}

/// Show a source owner a day
///
/// For source owners, of their own source: every question that touched it, by pseudonym, organisation, purpose, rule and
/// outcome. Counted from entries under the checkpoint it names.
#[utoipa::path(
    get,
    path = "/v1/reports/statements/{id}/{day}",
    tag = "review",
    params(
        ("id" = String, Path, description = "The source"),
        ("day" = String, Path, description = "The day in UTC, as in `2026-03-02`"),
    ),
    responses(
        (status = 200, description = "The statement", body = Statement),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "You do not speak for this source", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a day that has begun", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn statement(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<Statement>, Failure> {
    app.require(&caller, &[Role::SourceOwner], "statement")
        .await?;
    let (source, day) = path.map(|Path(path)| path).unwrap_or_default();
    let source = SourceId::parse(&source).ok();
    let own = source.filter(|source| app.owners.is_owner(&caller.0, source));
    let Some(source) = own else {
        let failure = Failure::new(FORBIDDEN)
            .because("your organisation is not the `owner` of this source in the configuration");
        let reason = RefusedReason::Forbidden;
        return Err(app.turn_away(&caller, reason, "statement", failure).await);
    };
    let day = day.parse::<Date>().ok();
    let today = jiff::tz::TimeZone::UTC
        .to_datetime(app.federation.now())
        .date();
    let Some(day) = day.filter(|day| *day <= today) else {
        let detail = "`day` must be a day that has begun, as in `2026-03-02`";
        let failure = Failure::new(INVALID).because(detail).at("day");
        return app.right(&caller, "statement", Err(failure)).await;
    };
    let facts = BTreeMap::from([
        ("report".to_owned(), "statement".into()),
        ("source".to_owned(), source.as_str().into()),
        ("day".to_owned(), day.to_string().into()),
    ]);
    let entry = app
        .put_on_record(&caller, AdminAction::Report, facts)
        .await?;
    let covered = app.covered(entry).await?;
    let gathering = Gathering::new(source.as_str(), day);
    let begin = (Questions::default(), gathering, Vec::new());
    let scanned = app.desk.scan(
        Some(covered.size),
        begin,
        |(questions, day, touching), entry| {
            let mut complete = Vec::new();
            questions.follow(entry, &mut complete);
            touching.extend(complete.into_iter().filter(|one| day.touches(one)));
        },
    );
    let (questions, mut gathering, mut touching) = scanned.await?;
    let open = questions.finish().into_iter();
    touching.extend(open.filter(|question| gathering.touches(question)));
    let people = touching
        .iter()
        .filter_map(|question| question.subject.as_ref());
    let people = people.filter_map(|person| person.text().map(str::to_owned));
    let people = people.collect();
    let names = app.owners.pseudonyms(&source, people).await?;
    for question in &touching {
        gathering.follow(question, |person| {
            names.get(person).cloned().unwrap_or_default()
        });
    }
    Ok(Json(gathering.finish(covered)))
}

/// Make the public report
///
/// Counts of whole months, rounded and delayed; recomputable from the ledger (`turnpike report verify`). Everybody
/// who may sign in may have it made.
#[utoipa::path(
    get,
    path = "/v1/reports/transparency",
    tag = "review",
    params(MonthParams),
    responses(
        (status = 200, description = "The report", body = Transparency),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not whole months that are over for long enough", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn transparency(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Result<Query<MonthParams>, QueryRejection>,
) -> Result<Json<Transparency>, Failure> {
    let period = app.period(params);
    let (first, last) = app.right(&caller, "transparency", period).await?;
    let facts = BTreeMap::from([
        ("report".to_owned(), "transparency".into()),
        ("first_month".to_owned(), first.to_string().into()),
        ("last_month".to_owned(), last.to_string().into()),
    ]);
    // Later than the period, so that the checkpoint covers all of it.
    let entry = app
        .put_on_record(&caller, AdminAction::Report, facts)
        .await?;
    let covered = app.covered(entry).await?;
    let counting = Counting::new(first, last);
    let counting = counting.map_err(|error| unfit("last_month", &error))?;
    let begin = (Questions::default(), counting, Reviews::default());
    let scanned = app.desk.scan(
        Some(covered.size),
        begin,
        |(questions, counting, reviews), entry| {
            let mut complete = Vec::new();
            questions.follow(entry, &mut complete);
            complete
                .iter()
                .for_each(|question| counting.follow(question));
            reviews.follow(entry);
        },
    );
    let (questions, mut counting, reviews) = scanned.await?;
    for question in questions.finish() {
        counting.follow(&question);
    }
    Ok(Json(counting.finish(reviews.findings(), covered)))
}

impl App {
    /// Whole months that are over for long enough to be reported.
    fn period(
        &self,
        params: Result<Query<MonthParams>, QueryRejection>,
    ) -> Result<(Month, Month), Failure> {
        let params = parameters(params, "first_month")?;
        let month = |field: &'static str, text: &str| {
            let month = text.parse::<Month>();
            month.map_err(|error| unfit(field, &error))
        };
        let first = month("first_month", &params.first_month)?;
        let last = month("last_month", &params.last_month)?;
        let delay = self.desk.setting().review.report_delay_days;
        let due = is_due(first, last, self.federation.now(), delay);
        due.map_err(|error| unfit("last_month", &error))?;
        Ok((first, last))
    }
}

fn unfit(field: &'static str, error: &PeriodError) -> Failure {
    Failure::new(INVALID).because(error.to_string()).at(field)
}

fn parameters<T>(
    given: Result<Query<T>, QueryRejection>,
    field: &'static str,
) -> Result<T, Failure> {
    given.map(|Query(given)| given).map_err(|_| {
        let detail = "a parameter is missing, unknown or of the wrong form; see /docs";
        Failure::new(INVALID).because(detail).at(field)
    })
}
