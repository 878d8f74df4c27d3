//! Answers to the questions of a power: from a file, from the terminal, or by default.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use specie_engine::user_name;
use specie_spec::power::{Answer, Asked, Open, Understanding};

use crate::fail::Fail;

/// How questions are answered.
#[derive(Args)]
pub struct Asking {
    /// Answers in TOML: `page = "checkout"`, one a line; `by = "NAME"` says whose they are.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Takes the default of every question that nothing answers, and writes it down as such.
    #[arg(long)]
    defaults: bool,
}

impl Asking {
    /// Answers one question after the other until none is open.
    pub fn answers(
        &self,
        now: Timestamp,
        ask: impl Fn(&BTreeMap<String, Answer>) -> Result<(Understanding, Asked), Fail>,
    ) -> Result<BTreeMap<String, Answer>, Fail> {
        let given = self.given(now)?;
        let mut answers = given.clone();
        loop {
            let (_, asked) = ask(&answers)?;
            let Some(open) = asked.open else {
                return self.all_used(&given, &asked).map(|()| answers);
            };
            let answer = if let (true, Some(default)) = (self.defaults, &open.default) {
                Answer {
                    text: default.clone(),
                    by: "default".into(),
                    at: now.to_string(),
                    by_default: true,
                }
            } else if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
                on_terminal(&open, now)?
            } else {
                return Err(unanswered(&open));
            };
            answers.insert(open.id.clone(), answer);
        }
    }

    fn given(&self, now: Timestamp) -> Result<BTreeMap<String, Answer>, Fail> {
        let Some(path) = &self.answers else { return Ok(BTreeMap::new()) };
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Fail::Input(format!("`{shown}` cannot be read: {error}")))?;
        let entries: BTreeMap<String, String> =
            toml_edit::de::from_str(&text).map_err(|error| {
                Fail::Input(format!(
                    "`{shown}` is no list of answers such as `page = \"checkout\"`:\n{error}"
                ))
            })?;
        let odd = |it: &&String| it.trim().is_empty() || it.chars().any(char::is_control);
        if let Some((id, _)) = entries.iter().find(|(_, text)| odd(text)) {
            return Err(Fail::Input(format!(
                "`{shown}` answers `{id}` with nothing or with control characters, expected words in one line"
            )));
        }
        let by = entries.get("by").cloned().unwrap_or_else(|| shown.to_string());
        let answer =
            |text: String| Answer { text, by: by.clone(), at: now.to_string(), by_default: false };
        let all = entries.into_iter().filter(|(id, _)| id != "by");
        Ok(all.map(|(id, text)| (id, answer(text))).collect())
    }

    /// An answer to what nobody asked is a slip of the pen.
    fn all_used(&self, given: &BTreeMap<String, Answer>, asked: &Asked) -> Result<(), Fail> {
        let known = |id: &String| asked.answered.iter().any(|(open, _)| open.id == *id);
        let Some(stray) = given.keys().find(|id| !known(id)) else { return Ok(()) };
        let ids: Vec<&str> = asked.answered.iter().map(|(open, _)| open.id.as_str()).collect();
        let path = self.answers.as_deref().map(|it| it.display().to_string()).unwrap_or_default();
        Err(Fail::Input(format!(
            "`{path}` answers `{stray}`, which is not asked for this request\n\nhint: asked are {}",
            ids.join(", ")
        )))
    }
}

fn unanswered(open: &Open) -> Fail {
    let options: Vec<String> =
        open.options.iter().map(|(id, means)| format!("\n  {id:14} {means}")).collect();
    let options = options.concat();
    let default = open.default.as_ref().map(|it| format!("\n  default: {it}")).unwrap_or_default();
    let or = if open.default.is_some() { ", or take the defaults (`--defaults`)" } else { "" };
    Fail::Input(format!(
        "a question is open, and there is no terminal to ask it on: {}\n{} (`{}`){options}{default}\n\nhint: answer it in a file (`--answers FILE` with `{} = \"…\"`){or}",
        open.ask, open.why, open.id, open.id
    ))
}

fn on_terminal(open: &Open, now: Timestamp) -> Result<Answer, Fail> {
    let failed =
        |error: std::io::Error| Fail::Failed(format!("the terminal cannot be read: {error}"));
    let mut err = std::io::stderr().lock();
    let by =
        user_name().unwrap_or_else(|| std::env::var("USER").unwrap_or_else(|_| "somebody".into()));
    loop {
        let mut text = format!("\n{}\n  {}\n", open.ask, open.why);
        for (n, (id, means)) in open.options.iter().enumerate() {
            text.push_str(&format!("  {}) {id}: {means}\n", n + 1));
        }
        let default = open.default.as_ref().map(|it| format!(" [{it}]")).unwrap_or_default();
        text.push_str(&format!("{default}> "));
        err.write_all(text.as_bytes()).and_then(|()| err.flush()).map_err(failed)?;
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).map_err(failed)? == 0 {
            return Err(Fail::Input("the questions were not answered; nothing was written".into()));
        }
        let said = line.trim();
        let chosen = match (said, &open.default) {
            ("", Some(default)) => Some(default.clone()),
            ("", None) => None,
            (said, _) if open.options.is_empty() => Some(said.to_owned()),
            (said, _) => choice(open, said),
        };
        if let Some(text) = chosen {
            return Ok(Answer { text, by, at: now.to_string(), by_default: false });
        }
        let wrong = match said {
            "" => "an answer is needed: nothing is taken by default\n".to_owned(),
            said => format!("`{said}` is none of the answers: expected a number or a name\n"),
        };
        err.write_all(wrong.as_bytes()).map_err(failed)?;
    }
}

/// An option by its number or its name.
fn choice(open: &Open, said: &str) -> Option<String> {
    let by_number = said.parse::<usize>().ok().and_then(|n| open.options.get(n.checked_sub(1)?));
    let found =
        by_number.or_else(|| open.options.iter().find(|(id, _)| id.eq_ignore_ascii_case(said)));
    found.map(|(id, _)| id.clone())
}
