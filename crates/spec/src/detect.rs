//! What a file is for, and whose habits it follows: by its name and place, else by what is in it.

/// Whose habits a file follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Kiro's `requirements.md`, `design.md`, `tasks.md`.
    Kiro,
    /// SmartSpec v4's `spec.md`, `plan.md`, `tasks.md`.
    SmartSpec,
    /// Neither.
    Unknown,
}

impl Dialect {
    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kiro => "kiro",
            Self::SmartSpec => "smartspec",
            Self::Unknown => "unknown",
        }
    }
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the JSON form, and say it")]
pub enum Kind {
    Requirements,
    Bugfix,
    Design,
    Tasks,
    Spec,
    Plan,
    Prompt,
    Config,
    Index,
    Steering,
    Power,
    Unknown,
}

impl Kind {
    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requirements => "requirements",
            Self::Bugfix => "bugfix",
            Self::Design => "design",
            Self::Tasks => "tasks",
            Self::Spec => "spec",
            Self::Plan => "plan",
            Self::Prompt => "prompt",
            Self::Config => "config",
            Self::Index => "index",
            Self::Steering => "steering",
            Self::Power => "power",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it is a list of things to do.
    pub(crate) fn has_tasks(self) -> bool {
        matches!(self, Self::Tasks | Self::Prompt)
    }
}

/// Both, for a file at `path` (with `/` between its parts).
pub fn detect(path: &str, bytes: &[u8]) -> (Dialect, Kind) {
    let name = path.rsplit('/').next().unwrap_or(path);
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(64 * 1024)]);
    let holds = |mark: &str| text.contains(mark);
    let smart = || {
        holds("### Task T0") || holds("**Source SPEC:**") || holds("SmartSpec") || holds("# SPEC-")
    };
    let by = |smart: bool, kind| (if smart { Dialect::SmartSpec } else { Dialect::Kiro }, kind);
    match name {
        "requirements.md" => (Dialect::Kiro, Kind::Requirements),
        "bugfix.md" => (Dialect::Kiro, Kind::Bugfix),
        "design.md" => (Dialect::Kiro, Kind::Design),
        "tasks.md" => by(smart(), Kind::Tasks),
        "spec.md" => (Dialect::SmartSpec, Kind::Spec),
        "data-model.md" => (Dialect::SmartSpec, Kind::Design),
        "plan.md" => (Dialect::SmartSpec, Kind::Plan),
        ".config.kiro" => (Dialect::Kiro, Kind::Config),
        "SPEC_INDEX.json" => (Dialect::SmartSpec, Kind::Index),
        "POWER.md" => (Dialect::Kiro, Kind::Power),
        "AGENTS.md" => (Dialect::Kiro, Kind::Steering),
        _ if path.contains(".kiro/steering") => (Dialect::Kiro, Kind::Steering),
        _ if name.starts_with("kilo-prompt") => (Dialect::SmartSpec, Kind::Prompt),
        _ if holds("# Requirements Document") => (Dialect::Kiro, Kind::Requirements),
        _ if holds("# Implementation Plan") => (Dialect::Kiro, Kind::Tasks),
        _ if holds("# Implementation Tasks") => (Dialect::SmartSpec, Kind::Tasks),
        _ if holds("# SPEC-") => (Dialect::SmartSpec, Kind::Spec),
        _ => (Dialect::Unknown, Kind::Unknown),
    }
}
