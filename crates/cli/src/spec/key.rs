//! The user's own approver key: `approver.key` in their configuration folder.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;
use specie_engine::ledger::{ApproverKey, ITERATIONS, KeyFile, SHORTEST};
use specie_vocab::SystemChance;

use super::terminal::Terminal;
use crate::fail::Fail;
use crate::{files, out};

/// How often a passphrase may be typed.
const TRIES: usize = 3;

/// Shows the public half of the user's key; makes one first when there is none.
pub fn show(json: bool) -> Result<(), Fail> {
    let path = path()?;
    let made = !path.exists();
    let file = if made { make(&path)? } else { read()? };
    if json {
        let (path, key) = (path.display().to_string(), file.public.to_string());
        let schema = "specie.spec.approver-key/1";
        return out::json(&json!({ "schema": schema, "path": path, "key": key, "made": made }));
    }
    if made {
        out::say(format!("your key is made, and lies in `{}`", path.display()))?;
    }
    out::say(file.public)
}

/// The user's key file.
pub fn read() -> Result<KeyFile, Fail> {
    let path = path()?;
    let found = std::fs::metadata(&path).map_err(|_| {
        Fail::Input(format!(
            "you have no key to sign with: there is no file `{}`\n\nhint: `specie spec approvers key` makes one",
            path.display()
        ))
    })?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let shown = path.display();
        return Err(Fail::Input(format!(
            "`{shown}` may be read by others (mode {mode:04o}), expected 0600\n\nhint: chmod 600 '{shown}'; whoever has read it needs its passphrase alone"
        )));
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Fail::Input(format!("`{}` cannot be read: {error}", path.display())))?;
    KeyFile::parse(&text).map_err(|error| Fail::Input(format!("`{}`: {error}", path.display())))
}

/// Opens the user's key, with the passphrase that they type.
pub fn open(file: &KeyFile, terminal: &mut Terminal) -> Result<ApproverKey, Fail> {
    for _ in 0..TRIES {
        let typed = terminal.passphrase("Passphrase of your approver key")?;
        match file.open(&typed) {
            Ok(key) => return Ok(key),
            Err(error) => terminal.say(format!("{error}"))?,
        }
    }
    let path = path()?;
    Err(Fail::Input(format!(
        "`{}` was not opened by {TRIES} passphrases; nothing was written",
        path.display()
    )))
}

fn make(path: &Path) -> Result<KeyFile, Fail> {
    let mut terminal = Terminal::open("the passphrase of a new key")?;
    terminal.say(format!(
        "A key is made for you, in `{}`. Whoever has the file and its passphrase signs as you.\nWithout the passphrase nobody can open it, you neither.",
        path.display()
    ))?;
    let typed = terminal.passphrase(&format!("A passphrase, of {SHORTEST} characters or more"))?;
    let count = typed.expose().chars().count();
    if count < SHORTEST {
        return Err(Fail::Input(format!(
            "the passphrase has {count} characters, expected {SHORTEST} or more; no key was made\n\nhint: four words are easy to keep in mind and hard to guess"
        )));
    }
    if terminal.passphrase("The same again")? != typed {
        return Err(Fail::Input("the two passphrases differ; no key was made".into()));
    }
    let file = KeyFile::make(&typed, ITERATIONS, &SystemChance);
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| {
        Fail::Input(format!("the folder `{}` cannot be made: {error}", folder.display()))
    })?;
    files::secret_file(path, &file.print())?;
    Ok(file)
}

/// Where the key lies: `$XDG_CONFIG_HOME/specie/approver.key`, else under `~/.config`.
fn path() -> Result<PathBuf, Fail> {
    let named = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || std::env::home_dir().map(|home| home.join(".config"));
    let folder = named.filter(|path| path.is_absolute()).or_else(home);
    let folder = folder.filter(|path| path.is_absolute()).ok_or_else(|| {
        Fail::Input(
            "nobody knows your configuration folder: neither `XDG_CONFIG_HOME` nor `HOME` names one"
                .into(),
        )
    })?;
    Ok(folder.join("specie/approver.key"))
}
