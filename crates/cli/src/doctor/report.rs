//! What was looked at and what was found, as text and as JSON.

use serde_json::{Value, json};

use super::code::Code;
use crate::fail::Fail;
use crate::out;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// The service does not work, or will not.
    Error,
    /// It works, and somebody may be surprised.
    Warning,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Something that is not as it should be.
pub(super) struct Finding {
    pub(super) code: Code,
    pub(super) severity: Severity,
    pub(super) found: String,
    pub(super) expected: &'static str,
    pub(super) mend: String,
}

/// An error.
pub(super) fn error(
    code: Code,
    found: impl Into<String>,
    expected: &'static str,
    mend: impl Into<String>,
) -> Finding {
    Finding { code, severity: Severity::Error, found: found.into(), expected, mend: mend.into() }
}

/// A warning.
pub(super) fn warning(
    code: Code,
    found: impl Into<String>,
    expected: &'static str,
    mend: impl Into<String>,
) -> Finding {
    Finding { severity: Severity::Warning, ..error(code, found, expected, mend) }
}

/// What came of a check.
enum Outcome {
    Fine(String),
    Found(Vec<Finding>),
    Skipped(String),
}

/// All checks, in the order in which they were made.
#[derive(Default)]
pub(super) struct Report(Vec<(&'static str, Outcome)>);

impl Report {
    /// Notes what a check found; if nothing, that it is fine, and what it looked at.
    pub(super) fn add(
        &mut self,
        check: &'static str,
        findings: Vec<Finding>,
        fine: impl Into<String>,
    ) {
        let outcome = match findings.is_empty() {
            true => Outcome::Fine(fine.into()),
            false => Outcome::Found(findings),
        };
        self.0.push((check, outcome));
    }

    /// Notes that a check could not be made.
    pub(super) fn skip(&mut self, check: &'static str, why: impl Into<String>) {
        self.0.push((check, Outcome::Skipped(why.into())));
    }

    fn findings(&self) -> impl Iterator<Item = (&'static str, &Finding)> {
        self.0.iter().flat_map(|(check, outcome)| {
            let findings = match outcome {
                Outcome::Found(findings) => findings.as_slice(),
                _ => &[],
            };
            findings.iter().map(|finding| (*check, finding))
        })
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings().filter(|(_, finding)| finding.severity == severity).count()
    }

    /// Says it all. Ends with 3 if there is anything.
    pub(super) fn tell(&self, as_json: bool) -> Result<(), Fail> {
        match as_json {
            true => out::json(&self.json())?,
            false => out::say(self.text())?,
        }
        match self.findings().next() {
            Some(_) => Err(Fail::Found),
            None => Ok(()),
        }
    }

    fn text(&self) -> String {
        let mut lines = Vec::new();
        for (check, outcome) in &self.0 {
            match outcome {
                Outcome::Fine(what) => lines.push(format!("ok       {check}: {what}")),
                Outcome::Skipped(why) => lines.push(format!("skipped  {check}: {why}")),
                Outcome::Found(findings) => lines.extend(findings.iter().map(paragraph)),
            }
        }
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        let total = match errors + warnings {
            0 => "nothing found".into(),
            _ => format!("{}, {}", out::count(errors, "error"), out::count(warnings, "warning")),
        };
        lines.push(format!("\n{total}"));
        lines.join("\n")
    }

    fn json(&self) -> Value {
        let check = |(check, outcome): &(&str, Outcome)| match outcome {
            Outcome::Fine(what) => json!({ "check": check, "outcome": "ok", "what": what }),
            Outcome::Skipped(why) => json!({ "check": check, "outcome": "skipped", "what": why }),
            Outcome::Found(_) => json!({ "check": check, "outcome": "found", "what": null }),
        };
        let finding = |(check, it): (&str, &Finding)| {
            json!({
                "check": check, "code": it.code.as_str(), "severity": it.severity.as_str(),
                "found": it.found, "expected": it.expected, "mend": it.mend,
            })
        };
        json!({
            "checks": self.0.iter().map(check).collect::<Vec<_>>(),
            "findings": self.findings().map(finding).collect::<Vec<_>>(),
            "errors": self.count(Severity::Error), "warnings": self.count(Severity::Warning),
        })
    }
}

fn paragraph(it: &Finding) -> String {
    format!(
        "{:<8} {}: {}\n         expected: {}\n         mend: {}",
        it.severity.as_str(),
        it.code.as_str(),
        it.found,
        it.expected,
        it.mend
    )
}
