//! Ids at the beginning of a task, a heading or a criterion.

/// What stands at the beginning of a task: its id, whether `*` marks it as optional, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: Option<String>,
    pub(crate) optional: bool,
    pub(crate) text: String,
}

/// Reads `1.2 Words`, `3. Words`, `4: Words`, `T012 [P] Words`, `PAY-7 Words`, `**1. Words**`,
/// `7.9* Words` and `Task 3: Words`. Words without an id stay as they are.
pub(crate) fn of_task(text: &str) -> Named {
    let plain = text.trim();
    let bare = plain.trim_start_matches(['*', '_']);
    let bare = bare.strip_prefix("Task ").unwrap_or(bare);
    let id = leading(bare).filter(|id| is_told(bare, id));
    let Some(id) = id else {
        return Named { id: None, optional: false, text: unmarked(plain) };
    };
    let rest = &bare[id.len()..];
    let starred = rest.strip_prefix("\\*").or_else(|| {
        // `**` after an id closes bold type, and marks nothing.
        rest.strip_prefix('*').filter(|after| !after.starts_with('*'))
    });
    let after = starred.unwrap_or(rest);
    let after = after.strip_prefix(['.', ':', ')']).unwrap_or(after);
    Named { id: Some(id.into()), optional: starred.is_some(), text: unmarked(after.trim()) }
}

/// `3`, `1.2`, `T012`, `PAY-7`: the longest word of that form at the beginning.
fn leading(text: &str) -> Option<&str> {
    let end = text
        .char_indices()
        .find(|(_, c)| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')))
        .map_or(text.len(), |(at, _)| at);
    let word = text[..end].trim_end_matches(['.', '-']);
    is_id(word).then_some(word)
}

/// Whether a word has the form of an id: numbers with points, letters and a number (`T012`, `REQ-3`,
/// `REQ-3.1`).
pub(crate) fn is_id(word: &str) -> bool {
    let numbers = |text: &str| {
        let digits = |part: &str| {
            (1..=6).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        !text.is_empty() && text.split('.').count() <= 5 && text.split('.').all(digits)
    };
    if numbers(word) {
        return true;
    }
    let letters = word.bytes().take_while(|byte| byte.is_ascii_uppercase()).count();
    let (name, rest) = word.split_at(letters);
    let many = rest.strip_prefix('-').map(|rest| rest.split_once('-').map_or(rest, |(_, it)| it));
    match many {
        Some(number) => letters > 0 && numbers(number),
        None => name == "T" && rest.len() >= 2 && numbers(rest),
    }
}

/// A bare number is an id only when something says so: `3 things` is no task 3.
fn is_told(text: &str, id: &str) -> bool {
    let after = &text[id.len()..];
    let ends =
        after.is_empty() || after.starts_with(|c: char| c.is_whitespace() || "*\\.:)".contains(c));
    let marked = after.starts_with(['.', ':', ')', '*', '\\']);
    ends && (marked || id.contains(['.', '-']) || id.starts_with('T'))
}

/// `Requirement 2: Words`, `Property 3. Words`, `Phase 1 - Words`: the id and the words, after any of
/// the given names.
pub(crate) fn after_name(text: &str, names: &[&str]) -> Option<(String, String)> {
    let head = text.trim_start_matches(['*', '_', '`', ' ']);
    let begins =
        |name: &&str| head.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name));
    if !names.iter().any(begins) {
        return None;
    }
    let bare = unmarked(text);
    let rest = names.iter().find_map(|name| {
        let head = bare.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then(|| &bare[name.len()..])
    })?;
    let rest = rest.trim_start();
    let end = rest
        .char_indices()
        .find(|(_, c)| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')))
        .map_or(rest.len(), |(at, _)| at);
    let id = rest[..end].trim_end_matches(['.', '-']);
    if id.is_empty() || !id.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let words =
        rest[id.len()..].trim_start_matches(|c: char| c.is_whitespace() || ".:-–—)".contains(c));
    Some((id.into(), words.into()))
}

/// Words without the marks of bold, italic and code type around them.
pub(crate) fn unmarked(text: &str) -> String {
    let mut text = text.trim();
    loop {
        let shorter = ["**", "__", "*", "_", "`"].iter().find_map(|mark| {
            text.strip_prefix(mark)?.strip_suffix(mark).filter(|inner| !inner.contains(mark))
        });
        match shorter {
            Some(inner) if !inner.is_empty() => text = inner.trim(),
            _ => return text.trim_end_matches("**").to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_named_in_many_ways() {
        let cases = [
            ("1. Ledger types", Some("1"), false, "Ledger types"),
            ("1.1 Add refund entry", Some("1.1"), false, "Add refund entry"),
            ("1.2.3. Deep", Some("1.2.3"), false, "Deep"),
            ("4: Colon", Some("4"), false, "Colon"),
            ("7.9* Optional", Some("7.9"), true, "Optional"),
            ("7.9\\* Escaped", Some("7.9"), true, "Escaped"),
            ("**3. Bold**", Some("3"), false, "Bold"),
            ("T012 [P] [US1] Add route", Some("T012"), false, "[P] [US1] Add route"),
            ("PAY-7 Charge", Some("PAY-7"), false, "Charge"),
            ("Task 3: Words", Some("3"), false, "Words"),
            ("3 things to do", None, false, "3 things to do"),
            ("3D view", None, false, "3D view"),
            ("2026-11-21 release", None, false, "2026-11-21 release"),
            ("Checkpoint - all tests pass", None, false, "Checkpoint - all tests pass"),
            ("任务 一", None, false, "任务 一"),
            ("", None, false, ""),
        ];
        for (text, id, optional, words) in cases {
            let expected = Named { id: id.map(Into::into), optional, text: words.into() };
            assert_eq!(of_task(text), expected, "{text}");
        }
    }

    #[test]
    fn headings_say_what_they_number() {
        let of = |text| after_name(text, &["Requirement", "需求"]);
        assert_eq!(of("Requirement 2: Refunds"), Some(("2".into(), "Refunds".into())));
        assert_eq!(of("requirement 2.1 - Refunds"), Some(("2.1".into(), "Refunds".into())));
        assert_eq!(of("Requirement REQ-7: Refunds"), Some(("REQ-7".into(), "Refunds".into())));
        assert_eq!(of("需求 3：退款").map(|it| it.0), Some("3".into()));
        assert_eq!(of("Requirements"), None);
        assert_eq!(of("Requirement: Refunds"), None);
    }
}
