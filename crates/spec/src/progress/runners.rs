//! Whether a test command ran any test, by what it prints. One that ran none ends well, too, and
//! proves nothing.

/// Reads the output of a command, as it comes.
#[derive(Clone, Debug, Default)]
pub struct Runners {
    line: Vec<u8>,
    ran: Option<bool>,
}

/// No line that tells of tests is longer, in bytes.
const LONGEST: usize = 4096;

impl Runners {
    /// Takes the next bytes.
    pub fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ if self.line.len() < LONGEST => self.line.push(*byte),
                _ => {}
            }
        }
    }

    /// Whether tests ran; none when the output does not tell.
    pub fn ran(mut self) -> Option<bool> {
        self.end_line();
        self.ran
    }

    fn end_line(&mut self) {
        let text = plain(&String::from_utf8_lossy(&self.line));
        self.line.clear();
        // Of several runs one is enough.
        self.ran = match (self.ran, told(&text)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (before, told) => told.or(before),
        };
    }
}

/// A line without colours.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => drop(rest.find(char::is_ascii_alphabetic)),
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

/// What a line says: that some tests ran, that none did, or nothing of the kind.
fn told(line: &str) -> Option<bool> {
    const NONE: [&str; 9] = [
        "no tests ran",
        "no tests found",
        "no test files found",
        "no tests executed",
        "no tests to run",
        "no test files",
        "no test is available",
        "no tests collected",
        "collected 0 items",
    ];
    let lower = line.to_lowercase();
    if NONE.iter().any(|words| lower.contains(words)) {
        return Some(false);
    }
    // `ok  	package	0.01s`
    if line.starts_with("ok  \t") {
        return Some(true);
    }
    let words: Vec<&str> = lower
        .split(|c: char| c.is_whitespace() || ",;:=()".contains(c))
        .filter(|it| !it.is_empty())
        .collect();
    let number = |word: &str| word.parse::<u64>().ok();
    let pairs = words.windows(2).filter_map(|pair| match *pair {
        [n, "passed" | "passing" | "failed" | "failing"] => number(n).filter(|n| *n > 0).or(
            // `0 passed` stands beside other counts, and alone says nothing.
            (words.len() == 2).then_some(0),
        ),
        [n, "examples" | "example"] => number(n),
        _ => None,
    });
    let counted = pairs.max().or_else(|| match words.as_slice() {
        ["running", n, "tests" | "test"] => number(n),
        ["ran", n, "tests" | "test", ..] => number(n),
        ["starting", n, "tests" | "test", ..] => number(n),
        ["#" | "ℹ", "tests", n] => number(n),
        _ => None,
    });
    counted.map(|n| n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runners_tell_whether_they_ran_a_test() {
        let cases = [
            ("running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored\n", Some(false)),
            ("running 0 tests\n\nrunning 1 test\ntest a ... ok\n\nrunning 0 tests\n", Some(true)),
            ("Ran 0 tests in 0.000s\n\nOK\n", Some(false)),
            ("Ran 12 tests in 0.1s", Some(true)),
            ("===== no tests ran in 0.01s =====", Some(false)),
            ("===== 3 passed in 0.01s =====", Some(true)),
            ("No tests found, exiting with code 0\n", Some(false)),
            ("No test files found, exiting with code 0\n", Some(false)),
            ("Tests:       3 passed, 3 total\n", Some(true)),
            ("\u{1b}[32m  3 passing\u{1b}[0m (4ms)\n", Some(true)),
            ("  0 passing\n", Some(false)),
            ("# tests 0\n# pass 0\n", Some(false)),
            ("ℹ tests 7\n", Some(true)),
            ("0 examples, 0 failures\n", Some(false)),
            ("ok  \tshop/a\t0.01s [no tests to run]\n", Some(false)),
            ("?   \tshop/b\t[no test files]\nok  \tshop/a\t0.01s\n", Some(true)),
            ("    Starting 5 tests across 2 binaries\n", Some(true)),
            ("all good\n", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let mut runners = Runners::default();
            text.as_bytes().chunks(3).for_each(|chunk| runners.read(chunk));
            assert_eq!(runners.ran(), expected, "{text}");
        }
    }
}
