//! The tutorial of `docs/spec.md`, command by command, as somebody pastes it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::place::{Place, coverage};

/// Where it begins.
const BEGINS: &str = "## A payment system, step by step";

/// A fence of commands: what is typed, and what the page shows behind it.
#[derive(Debug, Default)]
struct Step {
    script: String,
    code: i32,
    shown: Option<String>,
}

#[test]
fn the_tutorial_can_be_pasted_into_an_empty_folder() {
    let place = Place::new();
    let steps = steps(&tutorial());
    assert!(steps.len() > 12 && steps.iter().any(|step| step.code == 3), "{steps:?}");
    for step in steps {
        let (code, out) = paste(&place, &step.script);
        assert_eq!(code, Some(step.code), "{}{out}", step.script);
        let shown = step.shown.unwrap_or_default();
        assert!(fits(&out, &shown), "{}said:\n{out}\nthe page shows:\n{shown}", step.script);
    }
}

#[test]
fn what_the_page_leaves_out_matches_anything_and_the_rest_itself() {
    assert!(fits("a\nb\nc\n", "a\n…\nc\n") && fits("a 7 b\n", "a … b\n") && fits("a\n", ""));
    assert!(!fits("a\nb\n", "a\n") && !fits("a\nb\nc\n", "…\nb\n") && !fits("b\na\nc", "a\n…\nc"));
}

fn tutorial() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, from) = page.split_once(BEGINS).unwrap();
    from.split("\n## ").next().unwrap().to_owned()
}

/// Its fences: `sh` is typed, `text` behind it is what is seen.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for fence in text.split("\n```").skip(1).step_by(2) {
        let (language, body) = fence.split_once('\n').unwrap();
        let body = format!("{body}\n");
        match (language, steps.last_mut()) {
            ("sh", _) => {
                steps.push(Step { code: code(&body), script: body, ..Step::default() });
            }
            ("text", Some(step)) => assert!(step.shown.replace(body).is_none(), "{step:?}"),
            _ => panic!("a fence of `{language}`"),
        }
    }
    steps
}

/// The exit code that a comment at the end of the last command announces.
fn code(script: &str) -> i32 {
    let said: Vec<_> = script.match_indices("# exit code ").collect();
    let Some((at, mark)) = said.last() else { return 0 };
    assert_eq!((said.len(), script[*at..].lines().count()), (1, 1), "only the last can fail");
    script[at + mark.len()..].trim().parse().unwrap()
}

fn paste(place: &Place, script: &str) -> (Option<i32>, String) {
    let binary = Path::new(env!("CARGO_BIN_EXE_specie")).parent().unwrap().to_owned();
    let mut path = std::ffi::OsString::from(binary);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let ended = Command::new("sh")
        .args(["-e", "-c", &format!("exec 2>&1\n{script}")])
        .current_dir(place.path(""))
        .env_clear()
        .env("PATH", path)
        .envs(coverage())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (ended.status.code(), String::from_utf8(ended.stdout).unwrap())
}

/// Whether the page shows what was said; `…` stands for anything, and no fence for all of it.
fn fits(said: &str, shown: &str) -> bool {
    let mut pieces = shown.trim_end().split('…');
    let (first, last) = (pieces.next().unwrap_or_default(), pieces.next_back());
    let Some(mut rest) = said.trim_end().strip_prefix(first) else { return false };
    for piece in pieces {
        let Some((_, behind)) = rest.split_once(piece) else { return false };
        rest = behind;
    }
    last.map_or(shown.is_empty() || rest.is_empty(), |last| rest.ends_with(last))
}
