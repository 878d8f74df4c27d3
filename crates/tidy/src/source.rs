//! Rust source without its comments and strings, so that a rule sees only code.

/// Blanks comments and the insides of strings. Lines and columns stay where they are.
pub fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => line_end(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => comment_end(&chars, at),
            '"' => string_end(&chars, at),
            'r' if !follows_word(&chars, at) => raw_string_end(&chars, at).unwrap_or(at),
            '\'' => char_end(&chars, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// The code before the unit tests of a file.
pub fn production(code: &str) -> &str {
    code.find("#[cfg(test)]").map_or(code, |at| &code[..at])
}

fn follows_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_') && chars[at - 1] != 'b'
}

fn line_end(chars: &[char], from: usize) -> usize {
    (from..chars.len()).find(|i| chars[*i] == '\n').unwrap_or(chars.len())
}

fn comment_end(chars: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut at = from;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    chars.len().min(at + 1)
}

fn raw_string_end(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from + 1..].iter().take_while(|c| **c == '#').count();
    let open = from + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let closes = |at: usize| {
        chars[at] == '"'
            && chars.len() >= at + 1 + hashes
            && chars[at + 1..at + 1 + hashes].iter().all(|c| *c == '#')
    };
    Some((open + 1..chars.len()).find(|at| closes(*at)).map_or(chars.len(), |at| at + 1 + hashes))
}

/// The end of a character literal; a lifetime is none.
fn char_end(chars: &[char], from: usize) -> Option<usize> {
    match (chars.get(from + 1)?, chars.get(from + 2)?) {
        ('\\', _) => {
            (from + 3..chars.len().min(from + 14)).find(|at| chars[*at] == '\'').map(|at| at + 1)
        }
        (_, '\'') => Some(from + 3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked_and_lines_stay() {
        let text = "let a = \"f64 \\\" // x\"; // f32\n/* a /* b */ c */ let b = 'x';\n\
                    fn c<'a>(d: &'a str) {}\nlet e = r#\"todo!() \"# ;\nlet f = '\"'; let g = 1;";
        let found = code(text);
        assert_eq!(found.lines().count(), text.lines().count());
        for gone in ["f64", "f32", "todo", "x", "/*", "*/"] {
            assert!(!found.contains(gone), "{gone} stays in {found}");
        }
        for stays in ["let a =", "let b =", "fn c<'a>(d: &'a str) {}", "let e =", "let g = 1;"] {
            assert!(found.contains(stays), "{stays} is gone from {found}");
        }
    }

    #[test]
    fn production_ends_where_the_tests_begin() {
        assert_eq!(production("a\n#[cfg(test)]\nmod tests {}"), "a\n");
        assert_eq!(production("a"), "a");
    }
}
