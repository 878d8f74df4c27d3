//! The JSON forms of approvals and of the ledger, one document a call.

use serde_json::{Value, json};

use super::approvals::Approvals;
use super::entry::{Approval, By, Scope, What};
use super::{Digest, Fault, Judged, Ledger, Signer, Standing};

/// `specie spec approve --show --json`: `specie.spec.approvals/1`.
pub fn approvals(it: &Approvals) -> Value {
    let with = |mut form: Value, standing: &Standing| {
        form["state"] = json!(standing.as_str());
        let (by, at, entry) = match standing {
            Standing::Approved { by, at, entry } | Standing::Lapsed { by, at, entry, .. } => {
                (by, at, entry)
            }
            Standing::Never | Standing::Absent => return form,
        };
        form["by"] = signer(by);
        form["at"] = json!(at.to_string());
        form["entry"] = json!(entry.to_string());
        if let Standing::Lapsed { since, .. } = standing {
            form["since"] = json!(since);
        }
        form
    };
    let levels = it.levels.iter().map(|(level, it)| with(json!({ "level": level.as_str() }), it));
    let tasks = it.tasks.iter().map(|(id, line, it)| with(json!({ "id": id, "line": line }), it));
    json!({
        "schema": "specie.spec.approvals/1",
        "spec": it.spec,
        "governed": it.governed,
        "damaged": it.damaged,
        "mode": it.mode.as_str(),
        "levels": levels.collect::<Vec<_>>(),
        "tasks": tasks.collect::<Vec<_>>(),
    })
}

fn signer(by: &Signer) -> Value {
    match by {
        Signer::Rule => json!({ "rule": true }),
        Signer::Person { name, key } => json!({ "name": name, "key": key.to_string() }),
    }
}

/// `specie spec ledger --json`: `specie.spec.ledger/1`.
pub fn ledger(ledger: &Ledger) -> Value {
    let heads: Vec<String> = ledger.heads().iter().map(Digest::to_string).collect();
    let all: Vec<Value> = ledger.entries().map(|it| entry(ledger, it)).collect();
    json!({ "schema": "specie.spec.ledger/1", "heads": heads, "entries": all })
}

/// What is answered when an entry was written: `specie.spec.approve/1`. `entry` is its name.
pub fn written(ledger: &Ledger, digest: &Digest) -> Value {
    let found = ledger.entries().find(|it| it.digest == *digest);
    let entry = found.map(|it| entry(ledger, it));
    json!({ "schema": "specie.spec.approve/1", "entry": entry })
}

/// `specie spec ledger verify --json`: `specie.spec.ledger.verify/1`.
pub fn verified(ledger: &Ledger, faults: &[Fault]) -> Value {
    let form =
        |it: &Fault| json!({ "kind": it.kind.as_str(), "path": it.path, "message": it.message });
    let loose: Vec<String> = ledger.loose.iter().map(Digest::to_string).collect();
    let heads: Vec<String> = ledger.heads().iter().map(Digest::to_string).collect();
    let (people, rules) = ledger.counts();
    json!({
        "schema": "specie.spec.ledger.verify/1",
        "faults": faults.iter().map(form).collect::<Vec<_>>(),
        "loose": loose,
        "heads": heads,
        "entries": { "by_people": people, "by_rule": rules },
    })
}

/// `specie spec approvers --json`: `specie.spec.approvers/1`.
pub fn approvers(ledger: &Ledger) -> Value {
    let form = |(key, it): (&super::PublicKey, &super::Approver)| {
        let levels: Vec<_> = it.levels.iter().map(|level| level.as_str()).collect();
        json!({ "name": it.name, "levels": levels, "key": key.to_string() })
    };
    let all: Vec<Value> = ledger.approvers().iter().map(form).collect();
    json!({ "schema": "specie.spec.approvers/1", "approvers": all })
}

fn entry(ledger: &Ledger, it: Judged<'_>) -> Value {
    let by = match it.entry.by {
        By::Rule(mode) => json!({ "rule": mode.to_string() }),
        By::Key(key) => json!({ "name": ledger.name_of(&key), "key": key.to_string() }),
    };
    json!({
        "entry": it.digest.to_string(),
        "at": it.entry.at.to_string(),
        "by": by,
        "what": what(&it.entry.what),
        "parents": it.entry.parents.iter().map(Digest::to_string).collect::<Vec<_>>(),
        "counts": it.verdict.is_ok(),
        "disputed": it.disputed.map(ToString::to_string),
        "why_not": it.verdict.as_ref().err().map(ToString::to_string),
    })
}

fn what(what: &What) -> Value {
    match what {
        What::Mode { spec, mode } => json!({ "kind": "mode", "spec": spec, "mode": mode.as_str() }),
        What::Approver { name, key, levels } => {
            let levels: Vec<_> = levels.iter().map(|level| level.as_str()).collect();
            json!({ "kind": "approver", "name": name, "key": key.to_string(), "levels": levels })
        }
        What::Approval(Approval { spec, scope, files }) => {
            let digest = |it: &Option<Digest>| it.map(|it| it.to_string());
            let files =
                files.iter().map(|(path, it)| json!({ "path": path, "sha256": digest(it) }));
            json!({
                "kind": "approval", "spec": spec, "level": scope.level().as_str(),
                "scope": scope.as_str(), "task": task_of(scope), "files": files.collect::<Vec<_>>(),
            })
        }
    }
}

fn task_of(scope: &Scope) -> Option<&str> {
    match scope {
        Scope::Task(name) | Scope::Files(name) => Some(name),
        _ => None,
    }
}
