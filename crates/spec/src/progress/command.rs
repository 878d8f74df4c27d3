//! Commands as words, as text that a shell reads, and as text that a terminal may show.

/// The words of a command line, as a shell would part them. None where a shell would do more than
/// that: expand, redirect, chain, set a variable.
pub fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.trim().chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '#' if word.is_none() => break,
            '\\' => word.get_or_insert_default().push(rest.next()?),
            '\'' => quoted(&mut rest, word.get_or_insert_default())?,
            '"' => double_quoted(&mut rest, word.get_or_insert_default())?,
            '~' if word.is_none() => return None,
            '=' if words.is_empty() => return None,
            c if c.is_control() || "|&;<>()$`*?[]{}!".contains(c) => return None,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words).filter(|words| !words.is_empty())
}

fn quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match rest.next()? {
            '\'' => return Some(()),
            c => word.push(c),
        }
    }
}

fn double_quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match rest.next()? {
            '"' => return Some(()),
            '$' | '`' => return None,
            '\\' => match rest.next()? {
                c @ ('"' | '\\' | '$' | '`') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

/// Words as one line that a shell parts into the same words.
pub fn line<T: AsRef<str>>(words: &[T]) -> String {
    let safe = |c: char| c.is_alphanumeric() || "-_./:,+@%=".contains(c);
    let one = |word: &str| match !word.is_empty() && word.chars().all(safe) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    words.iter().map(|word| one(word.as_ref())).collect::<Vec<_>>().join(" ")
}

/// Text without what could make a terminal show something else than stands there: control
/// characters, and those that turn the direction of writing, are written out.
pub fn visible(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let hides = |c: char| c.is_control() || turns(c);
    let one = |c: char| if hides(c) { c.escape_unicode().to_string() } else { c.into() };
    text.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_parted_as_a_shell_does() {
        let cases: [(&str, Option<&[&str]>); 14] = [
            ("cargo test  billing", Some(&["cargo", "test", "billing"])),
            ("psql -c \"\\dt\"  # Verify tables", Some(&["psql", "-c", "\\dt"])),
            ("npm test -- 'a b' c\\ d", Some(&["npm", "test", "--", "a b", "c d"])),
            ("say \"a \\\"b\\\"\" ''", Some(&["say", "a \"b\"", ""])),
            ("test a#b", Some(&["test", "a#b"])),
            ("# nothing", None),
            ("  ", None),
            ("a | b", None),
            ("a && b", None),
            ("ls *.rs", None),
            ("echo $HOME", None),
            ("A=1 b", None),
            ("echo \"`x`\"", None),
            ("echo 'open", None),
        ];
        for (text, expected) in cases {
            let expected: Option<Vec<String>> =
                expected.map(|words| words.iter().map(|it| (*it).to_owned()).collect());
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn words_are_a_line_of_the_same_words() {
        for all in [&["a", "b c", "d'e"][..], &["", "$x", "\\"], &["cargo", "test", "a::b"]] {
            let text = line(all);
            assert_eq!(
                words(&text).as_deref(),
                Some(&all.iter().map(|it| (*it).into()).collect::<Vec<String>>()[..]),
                "{text}"
            );
        }
        assert_eq!(line(&["npm", "test", "--", "a.test.ts"]), "npm test -- a.test.ts");
    }

    #[test]
    fn what_would_hide_on_a_terminal_is_written_out() {
        assert_eq!(visible("ls\u{1b}[8m; rm -r \u{202e}x"), "ls\\u{1b}[8m; rm -r \\u{202e}x");
        assert_eq!(visible("grün 任务"), "grün 任务");
    }
}
