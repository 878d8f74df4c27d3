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
}

impl Fail {
    /// Tells it on stderr, and answers with its exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Failed(what) => {
                eprintln!("error: {what}");
                ExitCode::from(1)
            }
            Self::Input(what) => {
                eprintln!("error: {what}");
                ExitCode::from(2)
            }
            Self::Found => ExitCode::from(3),
        }
    }
}

impl From<StoreError> for Fail {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotWritable { .. }
            | StoreError::CorruptFile { .. }
            | StoreError::SchemaTooNew { .. } => Self::Input(error.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<specie_sandbox::OpenError> for Fail {
    fn from(error: specie_sandbox::OpenError) -> Self {
        match error {
            specie_sandbox::OpenError::Locked(_) => Self::Failed(error.to_string()),
            other => Self::Input(other.to_string()),
        }
    }
}
