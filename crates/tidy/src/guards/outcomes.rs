//! What tests come to with a guard and without it, beside the test that its row names.

use std::collections::{BTreeMap, BTreeSet};

/// The modules in which a test for both databases is; a row may leave them out.
const DATABASES: [&str; 2] = ["sqlite::", "postgres::"];

/// The tests that ran, by the names that `cargo test` prints.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Those that passed.
    pub passed: Vec<String>,
    /// Those that failed.
    pub failed: Vec<String>,
}

/// What misses a guard that was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The test that its row names, with or without others.
    AsTold,
    /// Other tests, and not the one that its row names.
    ByOthers,
    /// No test.
    ByNothing,
}

impl Outcomes {
    /// Reads what `cargo test` printed.
    pub fn read(printed: &str) -> Self {
        let ended = |outcome: &str| {
            let told = printed.lines().filter_map(|it| it.strip_prefix("test "));
            told.filter_map(|it| it.strip_suffix(outcome)).map(str::to_owned).collect()
        };
        Self { passed: ended(" ... ok"), failed: ended(" ... FAILED") }
    }

    /// Adds what others came to.
    pub fn extend(&mut self, others: Self) {
        self.passed.extend(others.passed);
        self.failed.extend(others.failed);
    }

    /// Whether the test that a row names ran, and failed on no database.
    pub fn is_green(&self, named: &str) -> bool {
        let has = |tests: &[String]| tests.iter().any(|it| is_named(it, named));
        has(&self.passed) && !has(&self.failed)
    }

    /// What misses a guard, if its tests came to this without it, and `named` is green with it.
    pub fn missed(&self, named: &str) -> Missed {
        match &self.failed[..] {
            [] => Missed::ByNothing,
            failed if failed.iter().any(|it| is_named(it, named)) => Missed::AsTold,
            _ => Missed::ByOthers,
        }
    }
}

fn is_named(ran: &str, named: &str) -> bool {
    ran == named || DATABASES.iter().any(|database| ran.replacen(database, "", 1) == named)
}

/// One run for each package of all tests that rows name: arguments of `cargo test`. A guard is the
/// arguments of its patch, and the test that its row names.
pub fn runs<'a>(guards: impl Iterator<Item = (&'a [String], &'a str)>) -> Vec<Vec<String>> {
    let mut packages: BTreeMap<&str, (BTreeSet<String>, BTreeSet<&str>)> = BTreeMap::new();
    for (arguments, named) in guards {
        let (package, binaries) = built(arguments);
        let (all, tests) = packages.entry(package).or_default();
        all.extend(binaries);
        tests.extend(named.rsplit("::").next());
    }
    let run = packages.into_iter().map(|(package, (binaries, tests))| {
        let mut run = vec!["-p".to_owned(), package.to_owned()];
        run.extend(binaries);
        run.extend(["--no-fail-fast", "--"].into_iter().chain(tests).map(str::to_owned));
        run
    });
    run.collect()
}

/// The package and the test binaries that arguments of `cargo test` name.
fn built(arguments: &[String]) -> (&str, Vec<String>) {
    let (mut package, mut binaries) = ("", Vec::new());
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "-p" => package = words.next().unwrap_or_default(),
            "--lib" => binaries.push(word.to_owned()),
            "--test" => binaries.push(format!("--test={}", words.next().unwrap_or_default())),
            _ => {}
        }
    }
    (package, binaries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(lines: &[&str]) -> Outcomes {
        Outcomes::read(&lines.join("\n"))
    }

    #[test]
    fn what_cargo_prints_is_read_by_test() {
        let printed = [
            "running 3 tests",
            "test late::one ... ok",
            "test late::two ... FAILED",
            "test late::three ... ignored",
            "---- late::two stdout ----",
            "test result: FAILED. 1 passed; 1 failed; 1 ignored",
        ];
        let mut found = outcomes(&printed);
        let (passed, failed) = (vec!["late::one".to_owned()], vec!["late::two".to_owned()]);
        assert_eq!(found, Outcomes { passed, failed });
        found.extend(outcomes(&["test more::four ... ok", "test more::five ... FAILED"]));
        assert_eq!(found.passed, ["late::one", "more::four"]);
        assert_eq!(found.failed, ["late::two", "more::five"]);
    }

    #[test]
    fn a_test_is_green_if_it_ran_and_failed_nowhere() {
        let green = |lines: &[&str]| outcomes(lines).is_green("late::one");
        assert!(green(&["test late::one ... ok", "test late::two ... FAILED"]));
        assert!(green(&["test late::sqlite::one ... ok", "test late::postgres::one ... ok"]));
        let others: [&[&str]; 5] = [
            &[],
            &["test late::one ... FAILED"],
            &["test late::one_more ... ok"],
            &["test other::late::one ... ok"],
            &["test late::sqlite::one ... ok", "test late::postgres::one ... FAILED"],
        ];
        for lines in others {
            assert!(!green(lines), "{lines:?}");
        }
    }

    #[test]
    fn a_guard_is_missed_as_told_only_by_the_test_that_its_row_names() {
        let missed = |lines: &[&str]| outcomes(lines).missed("late::one");
        assert_eq!(missed(&["test late::one ... FAILED", "test x ... FAILED"]), Missed::AsTold);
        assert_eq!(missed(&["test late::postgres::one ... FAILED"]), Missed::AsTold);
        assert_eq!(missed(&["test late::one ... ok", "test x ... FAILED"]), Missed::ByOthers);
        assert_eq!(missed(&["test late::one_more ... FAILED"]), Missed::ByOthers);
        assert_eq!(missed(&["test late::one ... ok"]), Missed::ByNothing);
        assert_eq!(missed(&[]), Missed::ByNothing);
        let of_one_database = outcomes(&["test late::sqlite::one ... FAILED"]);
        assert_eq!(of_one_database.missed("late::sqlite::one"), Missed::AsTold);
        assert_eq!(of_one_database.missed("late::postgres::one"), Missed::ByOthers);
    }

    #[test]
    fn all_named_tests_of_a_package_are_one_run() {
        let guards = [
            ("-p b --lib --no-fail-fast", "auth::tests::one"),
            ("-p a --test it --no-fail-fast late", "late::sqlite::two"),
            ("-p b --lib --test it --no-fail-fast", "api::three"),
            ("-p b --test it --no-fail-fast api", "api::three"),
        ];
        let guards = guards.map(|(arguments, named)| {
            (arguments.split(' ').map(str::to_owned).collect::<Vec<_>>(), named)
        });
        let found = runs(guards.iter().map(|(arguments, named)| (&arguments[..], *named)));
        let found: Vec<_> = found.iter().map(|run| run.join(" ")).collect();
        assert_eq!(
            found,
            [
                "-p a --test=it --no-fail-fast -- two",
                "-p b --lib --test=it --no-fail-fast -- one three",
            ]
        );
    }
}
