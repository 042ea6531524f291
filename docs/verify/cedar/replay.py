#!/usr/bin/env python3
"""Makes the recorded decisions of a turnpike ledger again, with cedarpy and without any code of turnpike.

    turnpike ledger list --json --last 1000000 > entries.jsonl
    python3 -m venv venv && venv/bin/pip install cedarpy==4.12.2
    venv/bin/python replay.py entries.jsonl

What is needed is in the entries: the policies and their schema (`config_change`), the agreements (`agreement_change`), the
question (`intent`, `dry_run`) and the time, the window granted and the verdict (`decision`). Both are checked against their
digests. A decision that is recorded as a permit must be allowed by Cedar; one that is recorded as a refusal must be denied by
the policies its record names. What the first engine (in turnpike itself) said in words is not made again here.

Exit codes: 0 all the same, 1 a decision comes out otherwise or something is missing, 2 the file cannot be used.
"""

import hashlib
import json
import re
import sys
from datetime import date

import cedarpy

FURTHEST = 2**62 - 1
DAY = 86_400_000_000_000
CRIMINAL = {
    "stolen_vehicle": ["motor_vehicle_theft"],
    "violent_crime": [],
    "property_crime": [],
    "hit_and_run": ["hit_and_run"],
    "wanted_person": [],
}
LEVELS = {"aal1": 1, "aal2": 2, "aal3": 3}
# What else than a question an intent can be.
ACTIONS = {"image": "image", "alert": "alert"}


class Missing(Exception):
    """Why a decision cannot be made again."""


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(value):
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def near(nanoseconds):
    return max(-FURTHEST, min(FURTHEST, nanoseconds))


def exact(instant):
    """Nanoseconds since 1970 of an RFC 3339 instant in UTC, without loss."""
    form = re.fullmatch(r"(-?\d{4,6})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", instant)
    if form is None:
        raise Missing(f"not an instant: {instant}")
    year, month, day, hour, minute, second = (int(part) for part in form.groups()[:6])
    fraction = int((form.group(7) or "0").ljust(9, "0"))
    # Python's calendar ends before jiff's does: 400 years are always the same number of days.
    cycles = (year - 2000) // 400
    days = date(year - 400 * cycles, month, day).toordinal() - date(1970, 1, 1).toordinal() + cycles * 146_097
    return ((days * 24 + hour) * 60 + minute) * 60 * 10**9 + second * 10**9 + fraction


def one(kind, name):
    return {"__entity": {"type": kind, "id": name}}


def many(kind, names):
    return [one(kind, name) for name in names]


def entity(kind, name, attrs, parents=(), tags=None):
    made = {
        "uid": {"type": kind, "id": name},
        "attrs": attrs,
        "parents": [{"type": "Area", "id": area} for area in parents],
    }
    if tags is not None:
        made["tags"] = tags
    return made


def agreement_entities(document, name, schema):
    """The agreement and its three tables, as entities that go by the digest of the document."""
    who, why, far = document["who"], document["why"], document["how_far"]
    conditions, plates = document["conditions"], document["plates"]
    # Policies of earlier versions have no word for alerts.
    listed = ("query", "image", "ingest") + (("alert",) if "alert: Bool" in schema else ())
    attrs = {
        "source": document["source"],
        "status": one("Status", document["status"]),
        "effective_from": near(exact(document["effective_from"])),
        "effective_until": near(exact(document["effective_until"])),
        "review_due": near(exact(document["review_due"])),
        "actions": {action: action in document["actions"] for action in listed},
        "classes": many("OrganisationClass", who["organisation_classes"]),
        "areas": many("Area", who["jurisdictions"]),
        "every_organisation": "*" in who["organisations"],
        "organisations": many("Organisation", [it for it in who["organisations"] if it != "*"]),
        "roles": many("Role", who["roles"]),
        "for_others": who["on_behalf_of"] == "both_allowed",
        "requires": {
            "sworn": who["requires"]["sworn"],
            "training": who["requires"]["training"],
            "assurance": LEVELS[who["requires"]["assurance"]],
        },
        "purposes": many("Purpose", why["purposes"]),
        "prohibited": many("Purpose", why["prohibited"]),
        "offences": one("Offences", name),
        "case_forms": document["case"]["patterns"],
        "register": one("Register", document["case"]["register"]),
        "declaration": one("Demand", conditions["declaration"]),
        "declarations": one("Declarations", name),
        "warrant": one("Demand", conditions["warrant"]),
        "urgency_counts": conditions["urgent"] == "accepted",
        "lookback": near(far["lookback_days"] * DAY),
        "lookback_for": one("Lookbacks", name),
        "supervisor_after": near(far["supervisor_after_days"] * DAY),
        "longest_window": near(far["max_window_days"] * DAY),
        "cuts": far["excess"] == "cut",
        "look_alike": plates["look_alike"],
        "fields": many("Field", document["what"]["fields"]),
        "keeps": document.get("retention") is not None,
    }
    if conditions.get("home") is not None:
        attrs["home"] = one("Area", conditions["home"])
    if plates.get("partial") is not None:
        attrs["partial"] = {
            "min_known": plates["partial"]["min_known"],
            "longest_window": near(plates["partial"]["max_window_days"] * DAY),
        }
    listed = why.get("offences", {})
    offences = {it: many("Offence", listed.get(it, named)) for it, named in CRIMINAL.items()}
    longer = {it: near(days * DAY) for it, days in far.get("lookback_days_for", {}).items()}
    on_file = {it["organisation"]: near(exact(it["until"])) for it in conditions.get("declarations", [])}
    return [
        entity("Agreement", name, attrs),
        entity("Offences", name, {}, tags=offences),
        entity("Lookbacks", name, {}, tags=longer),
        entity("Declarations", name, {}, tags=on_file),
    ]


def organisation(name, kind, area):
    attrs = {"name": name, "class": one("OrganisationClass", kind)}
    return entity("Organisation", name, attrs, parents=sorted({area, area.split("-")[0]}))


def day(text):
    return date.fromisoformat(text[:10]).toordinal() - date(1970, 1, 1).toordinal()


def asking_entities(intent, decided_at):
    asker = intent["asker"]
    attrs = {
        "organisation": one("Organisation", intent["organisation"]),
        "roles": many("Role", asker["roles"]),
        "sworn": asker["sworn"],
        "assurance": LEVELS[asker["assurance"]],
    }
    # Whether training was valid is all a decision rests on; entries of earlier versions have the date instead.
    if "trained" in asker:
        if asker["trained"]:
            attrs["trained_until"] = day(decided_at)
    elif asker["training_until"] is not None:
        attrs["trained_until"] = day(asker["training_until"])
    made = [
        entity("User", intent["subject"], attrs),
        organisation(intent["organisation"], intent["organisation_class"], intent["jurisdiction"]),
    ]
    other = intent["on_behalf_of"]
    if other is not None:
        made.append(organisation(other, asker["on_behalf_of_class"], asker["on_behalf_of_jurisdiction"]))
    return made


def has_form(form, case):
    parts = {"#": "[0-9]", "@": "[A-Za-z]", "*": ".*"}
    pattern = "".join(parts.get(sign, re.escape(sign)) for sign in form)
    return re.fullmatch(pattern, case, re.IGNORECASE | re.DOTALL) is not None


def context_of(intent, decision, document):
    grounds, now = intent["grounds"], exact(decision["decided_at"])
    asked = [exact(intent["window"]["from"]), exact(intent["window"]["to"])]
    bound = dict(it.split("=", 1) for it in decision["obligations"] if "=" in it)
    granted = [exact(bound["from"]), exact(bound["to"])] if "from" in bound else asked
    for personal in ("plate", "case_reference", "subject"):
        if not isinstance(intent[personal], str):
            raise Missing(f"its {personal} is sealed")
    span = lambda window: {"from": near(window[0]), "to": near(window[1]), "length": near(window[1] - window[0])}
    context = {
        "now": near(now),
        "today": now // DAY,
        "purpose": one("Purpose", intent["purpose"]),
        "purpose_key": intent["purpose"],
        "urgent": grounds["urgent"],
        "warrant": grounds.get("warrant") is not None,
        "case_forms": [form for form in document["case"]["patterns"] if has_form(form, intent["case_reference"])],
        "case_standing": one("CaseStanding", grounds["case_standing"]),
        "match": one("Match", intent["match"]),
        "known": sum(1 for sign in intent["plate"] if sign != "?"),
        "asked": span(asked),
        "granted": {**span(granted), "age": near(now - granted[0])},
    }
    if grounds["offence"] is not None:
        context["offence"] = one("Offence", grounds["offence"])
    if intent["on_behalf_of"] is not None:
        context["asked_for"] = context["resolved"] = one("Organisation", intent["on_behalf_of"])
    return context


def named(policies, before=0):
    """What Cedar's `policy0` and so on are called in the record: by their `@id`, or by their place in the file."""
    found = json.loads(cedarpy.policies_to_json_str(policies))["staticPolicies"]
    place = lambda it: int(it.removeprefix("policy")) - before
    return {it: policy.get("annotations", {}).get("id", f"policy{place(it)}") for it, policy in found.items()}


class Failed(Exception):
    """Cedar could not decide."""


class Ledger:
    def __init__(self):
        self.policies, self.agreements, self.questions = {}, {}, {}
        self.counts = {"the same": 0, "different": 0, "cannot be made again": 0}

    def follow(self, entry):
        kind, body = entry["kind"], entry["body"]
        if kind in ("intent", "dry_run"):
            self.questions[entry["index"]] = body
        elif kind == "admin":
            self.learn(body["action"], body.get("facts", {}))
        elif kind == "decision":
            self.tell(entry)

    def learn(self, action, facts):
        if action == "config_change" and facts.get("about") == "policy":
            source = {part: facts[part] for part in ("policies", "schema", "site")}
            if sha256(source) == facts["policy_sha256"]:
                self.policies[facts["policy_sha256"]] = source
        if action == "agreement_change" and "document" in facts:
            document = facts["document"]
            document = json.loads(document) if isinstance(document, str) else document
            self.agreements[sha256(document)] = document

    def tell(self, entry):
        try:
            said = self.again(entry)
            outcome = "the same" if said is None else "different"
        except Missing as why:
            said, outcome = str(why), "cannot be made again"
        self.counts[outcome] += 1
        if said is not None:
            print(f"entry {entry['index']}: {outcome}: {said}")

    def again(self, entry):
        """None where the decision comes out as recorded, or else what comes out."""
        decision, intent = entry["body"], self.questions.get(entry["intent"])
        if intent is None:
            raise Missing("its question is not in this file")
        if "asker" not in intent or "grounds" not in intent or "decided_at" not in decision:
            raise Missing("an earlier version did not record what is needed")
        source = self.policies.get(decision.get("policy_sha256"))
        name = decision.get("agreement_sha256")
        document = self.agreements.get(name)
        if source is None or document is None:
            raise Missing("its policies or its agreement are not in this file")
        request = {
            "principal": {"type": "User", "id": intent["subject"]},
            "action": {"type": "Action", "id": ACTIONS.get(decision.get("action", intent["action"]), "query")},
            "resource": {"type": "Agreement", "id": name},
            "context": context_of(intent, decision, document),
        }
        entities = agreement_entities(document, name, source["schema"]) + asking_entities(intent, decision["decided_at"])
        recorded = decision["verdict"] == "refuse"
        try:
            refused, by = self.both(request, source, entities)
        except Failed as error:
            said = recorded and "policy_error" in decision["rules"]
            return None if said else f"Cedar ends in an error, which is not on record: {error}"
        engines = ("cedar:", "site:")
        recorded_by = sorted(rule for rule in decision["rules"] if rule.startswith(engines))
        if (refused, sorted(by)) == (recorded, recorded_by):
            return None
        words = lambda refused, by: f"refuse by {', '.join(by) or 'nothing that permits'}" if refused else "permit"
        return f"on record {words(recorded, recorded_by)}; comes out as {words(refused, sorted(by))}"

    def both(self, request, source, entities):
        """The fixed policies, and where they permit those of the installation."""
        names = named(source["policies"])
        refused, by = self.ask(request, source["policies"], entities, source["schema"], "cedar:", names)
        for file, text in () if refused else source["site"].items():
            # Nothing in them permits, so one permit is put before them.
            site = "permit (principal, action, resource);\n" + text
            names = named(site, before=1)
            also, also_by = self.ask(request, site, entities, source["schema"], f"site:{file}/", names)
            refused, by = refused or also, by + also_by
        return refused, by

    def ask(self, request, policies, entities, schema, prefix, names):
        answer = cedarpy.is_authorized(request, policies, entities, schema)
        if answer.diagnostics.errors:
            raise Failed(answer.diagnostics.errors[0])
        refused = answer.decision == cedarpy.Decision.Deny
        return refused, [f"{prefix}{names[it]}" for it in answer.diagnostics.reasons] if refused else []


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    ledger = Ledger()
    try:
        with open(sys.argv[1], encoding="utf-8") as lines:
            for line in lines:
                ledger.follow(json.loads(line))
    except (OSError, ValueError) as error:
        print(f"{sys.argv[1]} cannot be used: {error}", file=sys.stderr)
        return 2
    total = sum(ledger.counts.values())
    print(f"{total} decisions: " + ", ".join(f"{count} {name}" for name, count in ledger.counts.items()))
    return 0 if total > 0 and ledger.counts["the same"] == total else 1


if __name__ == "__main__":
    sys.exit(main())
