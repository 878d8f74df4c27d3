//! The keys of a development folder: made at the first start, and kept in it (mode 0600).

use std::path::Path;

use serde_json::{Value, json};
use specie_vocab::{Chance, Secret, SystemChance};

use crate::fail::Fail;
use crate::files;

/// What a development installation opens its doors with.
pub struct Keys {
    /// The app's server key.
    pub server: Secret,
    /// What the app's JWTs are signed with.
    pub jwt: Secret,
    /// What the sandbox's control API asks for.
    pub control: Secret,
    /// What the sandbox signs webhooks with; none before the endpoint is made.
    pub webhook: Option<Secret>,
    /// What signs the roots of the audit trail.
    pub audit: Secret,
    /// Where the sandbox's ids come from.
    pub seed: u64,
}

const FILE: &str = "keys.json";
const DATABASE: &str = "specie.db";

impl Keys {
    /// The keys that are kept in `folder`, or new ones.
    pub fn read_or_make(folder: &Path) -> Result<Self, Fail> {
        let path = folder.join(FILE);
        whole(folder)?;
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let keys = Self::parse(&text).ok_or_else(|| {
                    Fail::Input(format!(
                        "`{}` is damaged\n\nhint: put back a copy, or begin anew with `--fresh`, which moves the old state aside",
                        path.display()
                    ))
                })?;
                keys.has_its_database(folder)?;
                // An earlier version kept no key for roots: the new one must be the same next time.
                if !text.contains("audit_key") {
                    keys.save(folder)?;
                }
                Ok(keys)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let keys = Self::make();
                keys.save(folder)?;
                Ok(keys)
            }
            Err(error) => Err(Fail::Input(format!("`{}` cannot be read: {error}", path.display()))),
        }
    }

    fn make() -> Self {
        let mut seed = [0; 8];
        SystemChance.fill(&mut seed);
        Self {
            server: specie_server::auth::key::make(&SystemChance).secret,
            jwt: Secret::new(SystemChance.token()),
            control: Secret::new(SystemChance.token()),
            webhook: None,
            audit: Secret::new(SystemChance.token()),
            seed: u64::from_le_bytes(seed) >> 12,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let found: Value = serde_json::from_str(text).ok()?;
        let secret = |name: &str| found[name].as_str().map(Secret::new);
        Some(Self {
            server: secret("server_key")?,
            jwt: secret("jwt_secret")?,
            control: secret("sandbox_control_key")?,
            webhook: secret("webhook_secret"),
            audit: secret("audit_key").unwrap_or_else(|| Secret::new(SystemChance.token())),
            seed: found["seed"].as_u64()?,
        })
    }

    /// Writes them.
    pub fn save(&self, folder: &Path) -> Result<(), Fail> {
        let text = json!({
            "server_key": self.server.expose(),
            "jwt_secret": self.jwt.expose(),
            "sandbox_control_key": self.control.expose(),
            "webhook_secret": self.webhook.as_ref().map(Secret::expose),
            "audit_key": self.audit.expose(),
            "seed": self.seed,
        });
        files::secret_file(&folder.join(FILE), &format!("{text:#}\n"))
    }

    /// The secret of the webhooks is kept when the database has been written.
    fn has_its_database(&self, folder: &Path) -> Result<(), Fail> {
        let file = folder.join(DATABASE);
        let empty = std::fs::metadata(&file).map_or(true, |found| found.len() == 0);
        if self.webhook.is_none() || !empty {
            return Ok(());
        }
        Err(Fail::Input(format!(
            "`{}` is missing or empty, and was not before\n\nhint: put it back, or begin anew with `--fresh`, which moves the old state aside",
            file.display()
        )))
    }
}

/// A first start makes the keys, then the sandbox, then the database: what is there without what
/// came before it has lost that.
fn whole(folder: &Path) -> Result<(), Fail> {
    let made = [FILE, "sandbox", DATABASE];
    let Some(lacks) = made.iter().position(|name| !folder.join(name).exists()) else {
        return Ok(());
    };
    match made[lacks..].iter().find(|name| folder.join(name).exists()) {
        None => Ok(()),
        Some(holds) => Err(Fail::Input(format!(
            "`{0}` holds `{holds}` and lacks `{1}`\n\nhint: put it back, or begin anew with `--fresh`, which moves `{0}` aside",
            folder.display(),
            made[lacks]
        ))),
    }
}
