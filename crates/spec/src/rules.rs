//! The rules, with what each one is for.

use crate::diagnostic::{Rule, Severity};

macro_rules! rules {
    ($($(#[$doc:meta])* $id:ident $severity:ident $name:literal
        $what:literal because $why:literal not $bad:literal but $good:literal;)*) => {
        $($(#[$doc])* pub static $id: Rule = Rule {
            name: $name,
            severity: Severity::$severity,
            what: $what,
            why: $why,
            bad: $bad,
            good: $good,
        };)*

        /// All rules, by name.
        pub static ALL: &[&Rule] = &[$(&$id,)*];
    };
}

rules! {
    /// Wording.
    NO_MODAL Error "criterion-without-shall"
        "A criterion says what a system SHALL do."
        because "Without a demand nobody can say whether it holds."
        not "Nothing is lost." but "THE Editor SHALL keep a copy of each file.";
    /// Wording.
    NO_SYSTEM Warning "criterion-without-system"
        "A criterion names the system that SHALL do it."
        because "Whoever reads it must know where to look and what to test."
        not "WHEN a file is saved, SHALL keep a copy." but "WHEN a file is saved, THE Editor SHALL keep a copy.";
    /// Wording.
    NO_RESPONSE Error "criterion-without-response"
        "A criterion says what is to happen after SHALL."
        because "A demand without content cannot be met."
        not "THE Editor SHALL." but "THE Editor SHALL keep a copy.";
    /// Wording.
    NO_TRIGGER Error "clause-without-condition"
        "WHEN, WHILE, WHERE and IF are followed by what they depend on."
        because "A clause that says nothing makes the criterion hold always, or never."
        not "WHEN, THE Editor SHALL keep a copy." but "WHEN a file is saved, THE Editor SHALL keep a copy.";
    /// Wording.
    COMPOUND Warning "criterion-with-two-demands"
        "A criterion has one SHALL."
        because "Two demands in one criterion are met, tested and ticked apart."
        not "THE API SHALL store the event and SHALL answer 200." but "Two criteria, one for each.";
    /// Wording.
    WEAK Advice "weak-modal"
        "A demand is written with SHALL."
        because "SHOULD leaves open whether it must hold, and a mix of words makes readers wonder."
        not "THE API SHOULD answer 200." but "THE API SHALL answer 200.";
    /// Wording.
    VAGUE Warning "vague-word"
        "A criterion has no word that everybody measures in another way."
        because "What cannot be measured cannot be tested."
        not "THE API SHALL respond quickly." but "THE API SHALL respond within 200 ms.";
    /// Structure.
    NO_CRITERIA Warning "requirement-without-criteria"
        "A requirement has acceptance criteria."
        because "Without them nobody can say when it is met."
        not "A requirement with a user story alone." but "A user story and at least one criterion.";
    /// Structure.
    DUPLICATE Error "duplicate-id"
        "An id stands once in a file."
        because "Whatever refers to it would mean two things."
        not "Two tasks 1.2." but "Tasks 1.2 and 1.3.";
    /// Structure.
    REPEATED Warning "repeated-number"
        "A list of criteria counts upwards."
        because "A renderer shows other numbers than those that are written, and references to either are taken for the other."
        not "1. 2. 2. 3." but "1. 2. 3. 4.";
    /// Trace.
    DANGLING Error "dangling-reference"
        "A reference points to something that is there."
        because "A task for a criterion that nobody finds is work for nothing."
        not "_Requirements: 9.9_" but "_Requirements: 1.2_";
    /// Trace.
    NO_TASK Warning "criterion-without-task"
        "Each criterion is named by a task."
        because "What no task names is left out."
        not "Criterion 2.3, which no task names." but "_Requirements: 2.3_ under a task.";
    /// Trace.
    NO_CRITERION Advice "task-without-criterion"
        "A task that makes something names the criteria it is for."
        because "Work that serves no criterion was not asked for, or a criterion is missing."
        not "A task without _Requirements:_." but "_Requirements: 1.1_ under it.";
    /// Order.
    CYCLE Error "dependency-cycle"
        "Tasks do not depend on each other in a circle, nor on themselves."
        because "None of them could ever begin."
        not "T001 depends on T002, and T002 on T001." but "One of them first.";
    /// Order.
    NOT_MADE Error "need-not-made"
        "What a task needs is made by a task that it depends on, or given."
        because "Begun in its turn, the task would find it missing."
        not "Needs: table `users` in a task that does not wait for the one that makes it." but "_Depends: 1.1_, where 1.1 has: Provides: table `users`";
    /// Order.
    TWICE Warning "made-twice"
        "A file or a thing is made by one task."
        because "The second one to make it overwrites the first, or fails."
        not "CREATE: `src/list.rs` in two tasks." but "CREATE: in the first, EDIT: in the second.";
    /// Order.
    TOO_EARLY Error "wave-too-early"
        "A task stands in a later wave than the tasks it depends on."
        because "The tasks of a wave are done at once, and before those of the next."
        not "Tasks 1.1 and 1.2 in one wave, where 1.2 depends on 1.1." but "1.2 in the wave after that of 1.1.";
    /// Order.
    COLLISION Error "wave-collision"
        "Tasks of one wave touch no common file, and need no common resource."
        because "They are done at once, and one undoes what the other did."
        not "Two tasks of one wave with EDIT: `src/lib.rs`." but "The second one in the next wave.";
    /// Order.
    NO_WAVE Warning "task-without-wave"
        "Each task stands in one wave of the dependency graph, by itself or by the task it is a part of."
        because "Whoever follows the waves would leave it out, or do it twice."
        not "Task 2.3, which is in no wave." but "\"tasks\": [\"2.3\"] in a wave.";
    /// Sums.
    TOTAL Error "total-off"
        "A number that can be counted is what counting gives."
        because "Plans are made from totals."
        not "**Total:** 12 tasks above 11 of them." but "**Total:** 11 tasks";
    /// Data.
    NO_COLUMN Error "unknown-column"
        "A column that is named has a place in the tables of the data model."
        because "Code for a column that no table has fails."
        not "`users.nick`, where the table `users` has no such column." but "The column in CREATE TABLE users, or another name.";
    /// Data.
    IDLE_COLUMN Warning "column-without-task"
        "Where tasks name the columns of a table, they name all of them."
        because "A column that no task names is left out, or nobody needs it."
        not "The column `users.nick`, where tasks name all others." but "Provides: column `users.nick`";
    /// Data.
    NO_ENDPOINT Warning "unknown-endpoint"
        "Where tasks say which endpoints they make, an endpoint that is named is among them."
        because "A path that is written in two ways is found when it is called."
        not "`GET /api/user`, where a task provides `GET /api/users`." but "`GET /api/users` in both places.";
    /// Data.
    NEAR_NAME Warning "near-name"
        "A name that stands once is not one letter away from one that tasks name."
        because "It is written to mean the same, and means nothing."
        not "`order_itms`, where a task provides table `order_items`." but "`order_items`";
    /// Copies.
    COPY Warning "copy-differs"
        "What tasks repeat of the spec is what the spec says."
        because "Whoever works by the tasks builds what the spec said once."
        not "- [ ] Criterion 1.2: waits 5 seconds, where criterion 1.2 says 4." but "The words of the criterion.";
    /// Wording.
    NO_UNIT Advice "number-without-unit"
        "A number that limits something has a unit, or what is counted behind it."
        because "Nobody can test a limit without knowing of what."
        not "THE API SHALL answer within 5." but "THE API SHALL answer within 5 seconds.";
    /// Wording.
    CONTRADICTION Warning "contradictory-numbers"
        "Two criteria that differ in a number alone contradict each other."
        because "Only one of them can be met."
        not "A session ends after 30 minutes in one criterion, and after 60 minutes in another." but "One of the two.";
    /// Surroundings.
    FORBIDDEN Error "forbidden-technology"
        "A spec uses what the steering files ask for."
        because "Steering is what the project has agreed on."
        not "Data is stored in MongoDB, where steering says: use PostgreSQL." but "Data is stored in PostgreSQL.";
    /// Surroundings.
    STALE Warning "stale-steering"
        "Steering names what the project's manifests have."
        because "Whoever follows steering that is out of date builds on what is gone."
        not "Steering says MongoDB, and `package.json` has `pg` alone." but "Steering says PostgreSQL.";
    /// Surroundings.
    NO_PATH Error "index-path-missing"
        "The path of an entry of the index is there."
        because "Whoever looks a spec up by the index finds nothing."
        not "\"path\": \"specs/core/spec-009\", and no such folder." but "The path where the spec lies.";
    /// Surroundings.
    NOT_LISTED Warning "spec-not-in-index"
        "A spec of SmartSpec's stands in the index, where there is one."
        because "Other specs are found by the index, and this one is not."
        not "specs/core/spec-009/spec.md without an entry." but "An entry with its path.";
    /// Surroundings.
    BROKEN_JSON Error "broken-json"
        "A file of JSON can be read as JSON."
        because "No other program can read it either."
        not "{\"specs\": [}" but "{\"specs\": []}";
    /// Surroundings.
    UNREAD Warning "unread-folder"
        "Every folder below the checked one can be read."
        because "A spec in it is not checked, and nobody would know."
        not "A folder that belongs to another user." but "One that you may read.";
    /// Progress.
    EARLY Error "ticked-before-its-parts"
        "A task is ticked when all its required parts are."
        because "A tick says that it is done."
        not "[x] 1 with [ ] 1.1 under it" but "[ ] 1 until 1.1 is done";
    /// Drift.
    NUMBER_LOST Warning "number-lost"
        "A number that a spec had when it was made stays, or its change is taken over."
        because "Amounts, days and limits come from a request or an answer; one that is lost or changed by a slip changes what is built."
        not "charges every 30 days, where $29.00 stood" but "charges $29.00 every 30 days";
}

/// The rule of a name.
pub fn named(name: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.name == name)
}

/// All rules as a page of documentation, in Markdown.
pub fn page() -> String {
    let mut page = String::from(
        "# The rules of `specie spec check`\n\nMade from the program: \
         `cargo run -p specie-spec --example rules > docs/spec-rules.md`. An error or a warning makes \
         `check` end with exit code 3; advice does not. Criteria in a language whose keywords are not \
         known get no findings about their wording.\n",
    );
    for rule in ALL {
        let Rule { name, severity, what, why, bad, good } = rule;
        page.push_str(&format!(
            "\n## {name}\n\n{what} {why} ({})\n\n- not: {bad}\n- but: {good}\n",
            severity.as_str()
        ));
    }
    page
}
