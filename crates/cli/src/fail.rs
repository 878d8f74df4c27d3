//! How a command ends when it does not end well: one clear sentence, the mend, and an exit code.

use std::process::ExitCode;

use specie_store::StoreError;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Fail {
    /// It failed: exit code 1.
    Failed(String),
    /// The input is wrong: arguments, configuration, a file that cannot be read. Exit code 2.
    Input(String),
    /// It ran and found what it looks for. Exit code 3; it has been told already.
    Found,
    /// Whoever read the output has heard enough, as in `specie demo | head`. Exit code 0.
    Unheard,
}

impl Fail {
    /// Its exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Unheard => 0,
            Self::Failed(_) => 1,
            Self::Input(_) => 2,
            Self::Found => 3,
        }
    }

    /// Tells it on stderr, and answers with its exit code.
    pub fn report(&self) -> ExitCode {
        if let Self::Failed(what) | Self::Input(what) = self {
            eprintln!("error: {what}");
        }
        ExitCode::from(self.code())
    }

    /// What went wrong, without its mend.
    pub fn told(&self) -> String {
        match self {
            Self::Failed(what) | Self::Input(what) => {
                what.split("\n\nhint:").next().unwrap_or(what).to_owned()
            }
            Self::Found | Self::Unheard => String::new(),
        }
    }

    /// The same, with a mend that only the caller knows.
    pub fn with_hint(self, hint: &str) -> Self {
        let add = |what: String| format!("{what}\n\nhint: {hint}");
        match self {
            Self::Failed(what) => Self::Failed(add(what)),
            Self::Input(what) => Self::Input(add(what)),
            other => other,
        }
    }
}

impl From<StoreError> for Fail {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotWritable { .. }
            | StoreError::CorruptFile { .. }
            | StoreError::SchemaTooNew { .. } => Self::Input(error.to_string()),
            other => Self::Failed(without_line(other.to_string())),
        }
    }
}

/// Postgres' driver adds the line of the server's own source, which helps nobody.
fn without_line(text: String) -> String {
    let Some((before, after)) = text.split_once(" at line ") else { return text };
    format!("{before}{}", after.trim_start_matches(|letter: char| letter.is_ascii_digit()))
}

impl From<specie_sandbox::OpenError> for Fail {
    fn from(error: specie_sandbox::OpenError) -> Self {
        match error {
            specie_sandbox::OpenError::Locked(_) => Self::Failed(error.to_string()),
            other => Self::Input(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_servers_source_is_not_told() {
        let told = |text: &str| without_line(text.into());
        assert_eq!(told("(no role \"a\" at line 948); check it"), "(no role \"a\"); check it");
        assert_eq!(told("relation does not exist at line 12"), "relation does not exist");
        assert_eq!(told("as it is"), "as it is");
    }
}
