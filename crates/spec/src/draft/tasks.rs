//! `tasks.md`, as Kiro and as SmartSpec write it.

use std::collections::BTreeSet;

use super::{Draft, Page};
use crate::power::{FragmentKind, Piece, Task, Thing, is_of_its_own};

/// How a task is called: `2.1` in Kiro's trees, `T004` in SmartSpec's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Kiro,
    SmartSpec,
}

/// The number of a task.
pub(super) fn number(draft: &Draft<'_>, n: usize, form: Form) -> String {
    let task = &draft.work.tasks[n];
    match form {
        Form::Kiro => {
            format!("{}.{}", draft.work.phases[task.phase].number, task.place + 1)
        }
        Form::SmartSpec => format!("T{:03}", task.number),
    }
}

/// The size class of a file.
pub(super) fn size(lines: i64) -> &'static str {
    match lines {
        ..200 => "SMALL",
        200..=500 => "MEDIUM",
        _ => "LARGE",
    }
}

/// The title of a phase: that of its area, numbered when the area has several.
pub(super) fn phase_title(draft: &Draft<'_>, phase: usize) -> String {
    let phase = &draft.work.phases[phase];
    let area = draft.of_kind(FragmentKind::Area).find(|it| it.fragment == phase.area);
    let title = area.map_or(phase.area.as_str(), |it| it.text("title"));
    if phase.nth > 1 { format!("{title} ({})", phase.nth) } else { title.to_owned() }
}

pub(super) fn phase_hours(draft: &Draft<'_>, phase: usize) -> i64 {
    draft.work.phases[phase].tasks.iter().map(|n| draft.work.tasks[*n].hours).sum()
}

/// The facts behind a total over tasks: all that called for them.
pub(super) fn facts_of(draft: &Draft<'_>, tasks: &[usize]) -> BTreeSet<String> {
    let of = |n: &usize| {
        let task = &draft.work.tasks[*n];
        let parts = task.parts.iter().map(|it| &draft.pieces[*it]);
        parts.chain([&draft.pieces[task.piece]]).flat_map(|it| it.facts(&[])).collect::<Vec<_>>()
    };
    tasks.iter().flat_map(of).collect()
}

/// A thing as a task names it: ``table `orders` ``.
fn thing(draft: &Draft<'_>, thing: &Thing) -> Option<String> {
    let name = match thing.kind.as_str() {
        "file" => draft.path(&thing.name)?,
        _ => &thing.name,
    };
    Some(format!("{} `{name}`", thing.kind))
}

pub(super) fn needs(draft: &Draft<'_>, task: &Task) -> Vec<String> {
    let named = |(need, given): &(Thing, bool)| {
        thing(draft, need).map(|it| if *given { format!("{it} (given)") } else { it })
    };
    task.needs.iter().filter_map(named).collect()
}

/// The facts behind what a task needs: where a file lies, the stack says.
fn needed(task: &Task, piece: &Piece) -> BTreeSet<String> {
    let names_files = task.needs.iter().any(|(need, _)| need.kind == "file");
    piece.facts(&["needs"]).into_iter().chain(stack().into_iter().filter(|_| names_files)).collect()
}

/// What a task provides beside its files: what the power says, then the columns of each of its tables.
pub(super) fn provides(draft: &Draft<'_>, task: &Task) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> =
        vec![task.provides.iter().filter_map(|it| thing(draft, it)).collect()];
    for table in task.provides.iter().filter(|it| it.kind == "table") {
        let columns = super::sections::columns(draft, &table.name)
            .map(|it| format!("{}.{}", table.name, it.text("name")))
            .map(|name| Thing { kind: "column".into(), name })
            .filter(|column| !is_of_its_own(&draft.work.tasks, column));
        all.push(columns.map(|it| format!("column `{}`", it.name)).collect());
    }
    all.retain(|it| !it.is_empty());
    all
}

/// The numbers of the criteria that a task is for. One that is for none by itself is for those of the
/// tasks that wait for it, else of those that it waits for.
pub(super) fn criteria(draft: &Draft<'_>, n: usize) -> Vec<String> {
    let work = &draft.work;
    let own = |n: usize| {
        work.tasks[n].criteria.iter().filter_map(|it| draft.numbers.criteria.get(it)).copied()
    };
    let mut all: BTreeSet<(usize, usize)> = own(n).collect();
    if all.is_empty() {
        let waiting = (0..work.tasks.len()).filter(|it| work.tasks[*it].after.contains(&n));
        all.extend(waiting.flat_map(own));
    }
    if all.is_empty() {
        all.extend(work.tasks[n].after.iter().copied().flat_map(own));
    }
    all.into_iter().map(|(requirement, n)| format!("{requirement}.{n}")).collect()
}

/// The validation commands of a task; none without a stack that knows them.
pub(super) fn commands(draft: &Draft<'_>, piece: &Piece) -> Vec<String> {
    let Some(stack) = draft.stack else { return Vec::new() };
    let command = |run: &str| {
        let (name, argument) = run.split_once(':').unwrap_or((run, ""));
        Some(stack.commands.get(name)?.replace("{{ name }}", argument).trim().to_owned())
    };
    piece.list("run").into_iter().filter_map(command).collect()
}

/// The stack's fact, for lines with files and commands.
fn stack() -> BTreeSet<String> {
    BTreeSet::from(["stack".to_owned()])
}

/// Kiro's.
pub(super) fn kiro(draft: &Draft<'_>) -> Page {
    let mut page = Page::new("tasks.md", draft.base());
    page.lay(format!("# Implementation Plan: {}", draft.names.title));
    page.lay("");
    if draft.is_draft {
        page.lay("**Status:** DRAFT");
    }
    let all: Vec<usize> = (0..draft.work.tasks.len()).collect();
    let totals = format!(
        "**Total:** {} phases, {} tasks, {} hours",
        draft.work.phases.len(),
        all.len(),
        draft.work.hours()
    );
    page.put(totals, "totals", facts_of(draft, &all));
    page.head("## Tasks");
    for (p, phase) in draft.work.phases.iter().enumerate() {
        let (nth, hours) = (phase.number, phase_hours(draft, p));
        let text = format!("- [ ] {nth}. {} (~{hours}h)", phase_title(draft, p));
        page.put(text, &format!("area:{}", phase.area), facts_of(draft, &phase.tasks));
        for n in &phase.tasks {
            kiro_task(draft, &mut page, *n);
        }
        let last = phase.places + 1;
        let text = format!(
            "  - [ ] {nth}.{last} Checkpoint - {}: all tests pass, nothing is left open",
            phase_title(draft, p)
        );
        page.put(text, "checkpoint", facts_of(draft, &phase.tasks));
    }
    page.head("## Notes");
    page.lay("- Each task names what it needs and provides; the order follows from that.");
    page.lay("- A checkpoint is passed before the next phase begins.");
    page.head("## Task Dependency Graph");
    waves(draft, &mut page);
    page
}

fn kiro_task(draft: &Draft<'_>, page: &mut Page, n: usize) {
    let task = &draft.work.tasks[n];
    let piece = &draft.pieces[task.piece];
    let id = number(draft, n, Form::Kiro);
    let facts = || {
        let mut all = facts_of(draft, &[n]);
        all.extend(piece.facts(&["title"]));
        all
    };
    page.put(
        format!("  - [ ] {id} {} (~{}h)", piece.text("title"), task.hours),
        &piece.id,
        facts(),
    );
    page.say(format!("    - {}", piece.text("text")), piece, &["text"]);
    for part in task.parts.iter().map(|it| &draft.pieces[*it]) {
        page.say(format!("    - {}", part.text("text")), part, &["text"]);
    }
    for (line, _) in files(draft, task) {
        page.put(
            format!("    - {line}"),
            &piece.id,
            piece.facts(&["create", "edit"]).into_iter().chain(stack()).collect(),
        );
    }
    let needs = needs(draft, task);
    if !needs.is_empty() {
        page.put(format!("    - Needs: {}", needs.join(", ")), &piece.id, needed(task, piece));
    }
    for things in provides(draft, task) {
        page.say(format!("    - Provides: {}", things.join(", ")), piece, &["provides"]);
    }
    for (n, check) in piece.list("checks").into_iter().enumerate() {
        page.say(format!("    - Acceptance: {check}"), piece, &[&format!("checks.{n}")]);
    }
    for command in commands(draft, piece) {
        page.put(
            format!("    - Validation: `{command}`"),
            &piece.id,
            piece.facts(&["run"]).into_iter().chain(stack()).collect(),
        );
    }
    if draft.stack.is_none() {
        page.put(
            "    - Open question: which files and commands are those of this stack?",
            &piece.id,
            stack(),
        );
    }
    let after: Vec<String> = task.after.iter().map(|it| number(draft, *it, Form::Kiro)).collect();
    if !after.is_empty() {
        page.put(
            format!("    - _Depends: {}_", after.join(", ")),
            &piece.id,
            facts_of(draft, &task.after),
        );
    }
    let criteria = criteria(draft, n);
    if !criteria.is_empty() {
        page.put(
            format!("    - _Requirements: {}_", criteria.join(", ")),
            &piece.id,
            facts_of(draft, &[n]),
        );
    }
}

/// The lines of a task's files, without marks: `CREATE: `a` (~80 lines - SMALL)`.
pub(super) fn files(draft: &Draft<'_>, task: &Task) -> Vec<(String, bool)> {
    let mut all = Vec::new();
    for file in &task.files {
        let Some(path) = draft.path(&file.name) else { continue };
        all.push(match file.lines {
            Some(lines) => (format!("CREATE: `{path}` (~{lines} lines - {})", size(lines)), true),
            None => (format!("EDIT: `{path}` ({})", file.what), false),
        });
    }
    all
}

fn waves(draft: &Draft<'_>, page: &mut Page) {
    let all: Vec<usize> = (0..draft.work.tasks.len()).collect();
    let facts = facts_of(draft, &all);
    page.lay("");
    page.lay("```json");
    page.lay("{");
    page.lay("  \"waves\": [");
    let waves = draft.work.waves();
    for (n, wave) in waves.iter().enumerate() {
        let ids: Vec<String> =
            wave.iter().map(|it| format!("\"{}\"", number(draft, *it, Form::Kiro))).collect();
        let comma = if n + 1 < waves.len() { "," } else { "" };
        let text = format!("    {{\"id\": {n}, \"tasks\": [{}]}}{comma}", ids.join(", "));
        page.put(text, "waves", facts.clone());
    }
    page.lay("  ]");
    page.lay("}");
    page.lay("```");
}

/// SmartSpec's.
pub(super) fn smartspec(draft: &Draft<'_>) -> Page {
    let mut page = Page::new("tasks.md", draft.base());
    let names = &draft.names;
    let all: Vec<usize> = (0..draft.work.tasks.len()).collect();
    let facts = facts_of(draft, &all);
    page.lay(format!("# Implementation Tasks - {}", names.title));
    page.lay("");
    if draft.is_draft {
        page.lay("**Status:** DRAFT");
    }
    page.lay(format!("**Generated:** {}", names.generated));
    page.lay(format!("**Author:** {}", names.author));
    page.lay(format!("**Source SPEC:** {} v{}", names.id, names.version));
    page.put(format!("**Total Phases:** {}", draft.work.phases.len()), "totals", facts.clone());
    page.put(format!("**Total Tasks:** {}", all.len()), "totals", facts.clone());
    let (hours, weeks, people) =
        (draft.work.hours(), super::plan::weeks(draft), super::plan::people(draft));
    let effort =
        format!("**Estimated Effort:** {hours} hours (~{weeks} weeks for {people} people)");
    page.put(effort, "totals", facts);
    page.head("## Supporting Documentation");
    documentation(draft, &mut page);
    page.head("## Phase Overview");
    overview(draft, &mut page);
    for p in 0..draft.work.phases.len() {
        page.gap();
        phase(draft, &mut page, p);
    }
    page
}

/// The documents beside the tasks, and other specs.
pub(super) fn documentation(draft: &Draft<'_>, page: &mut Page) {
    page.lay("**Available Files:**");
    for (name, what) in [
        ("spec.md", "Complete specification"),
        ("plan.md", "Project plan"),
        ("README.md", "Implementation guide"),
        ("data-model.md", "Data schemas"),
        ("openapi.yaml", "API specification"),
        ("test-plan.md", "Testing strategy"),
    ] {
        page.lay(format!("- `{name}` - {what}"));
    }
    page.lay("");
    related(draft, page);
}

/// Other specs, resolved by the index.
pub(super) fn related(draft: &Draft<'_>, page: &mut Page) {
    if draft.names.related.is_empty() {
        page.lay("**Related Specs:** none that SPEC_INDEX knows");
        return;
    }
    page.lay("**Related Specs:** (resolved from SPEC_INDEX)");
    for spec in &draft.names.related {
        let here = if spec.is_here { "" } else { " (unresolved: its file is not at hand)" };
        let text = format!(
            "- **{}** (`{}`, repo: {}) - {}{here}",
            spec.id, spec.path, spec.repo, spec.title
        );
        page.put(text, "index", BTreeSet::new());
    }
}

fn overview(draft: &Draft<'_>, page: &mut Page) {
    page.lay("| Phase | Tasks | Focus | Hours | Risk |");
    page.lay("|-------|-------|-------|-------|------|");
    for (p, phase) in draft.work.phases.iter().enumerate() {
        let text = format!(
            "| Phase {} | {} | {} | {} | {} |",
            phase.number,
            range(draft, p),
            phase_title(draft, p),
            phase_hours(draft, p),
            risk(draft, p)
        );
        page.put(text, &format!("area:{}", phase.area), facts_of(draft, &phase.tasks));
    }
}

pub(super) fn risk<'a>(draft: &'a Draft<'_>, phase: usize) -> &'a str {
    let area = &draft.work.phases[phase].area;
    let piece = draft.of_kind(FragmentKind::Area).find(|it| it.fragment == *area);
    piece.map(|it| it.text("risk")).filter(|it| !it.is_empty()).unwrap_or("LOW")
}

/// `T001-T004`
pub(super) fn range(draft: &Draft<'_>, phase: usize) -> String {
    let tasks = &draft.work.phases[phase].tasks;
    let name =
        |n: Option<&usize>| n.map(|n| number(draft, *n, Form::SmartSpec)).unwrap_or_default();
    format!("{}-{}", name(tasks.first()), name(tasks.last()))
}

fn phase(draft: &Draft<'_>, page: &mut Page, p: usize) {
    let phase = &draft.work.phases[p];
    let facts = facts_of(draft, &phase.tasks);
    let title = phase_title(draft, p);
    let area = format!("area:{}", phase.area);
    page.put(
        format!("## Phase {}: {title} ({})", phase.number, range(draft, p)),
        &area,
        facts.clone(),
    );
    for n in &phase.tasks {
        page.gap();
        smartspec_task(draft, page, *n);
        let place = draft.work.tasks[*n].place;
        if place % 5 == 4 && place + 1 < phase.places {
            page.gap();
            let text = format!(
                "**Mini-checkpoint:** the five tasks up to {} hold together: their tests pass.",
                number(draft, *n, Form::SmartSpec)
            );
            page.put(text, "checkpoint", facts.clone());
        }
    }
    page.gap();
    page.put(format!("## ⚡ CHECKPOINT: Phase {} Complete", phase.number), &area, facts.clone());
    page.lay("");
    page.lay("**Validation Required:**");
    page.put(
        match phase.tasks.len() {
            1 => "- [ ] The task is completed".to_owned(),
            n => format!("- [ ] All {n} tasks completed"),
        },
        "checkpoint",
        facts.clone(),
    );
    page.lay("- [ ] All tests passing");
    page.lay("- [ ] No linting errors");
    page.lay("");
    let next = match draft.work.phases.get(p + 1) {
        Some(next) => format!("Continue to Phase {}: {}", next.number, phase_title(draft, p + 1)),
        None => "Verify the progress, and ask for the release".to_owned(),
    };
    page.put(format!("**Next Steps:** {next}"), "checkpoint", facts);
}

fn smartspec_task(draft: &Draft<'_>, page: &mut Page, n: usize) {
    let task = &draft.work.tasks[n];
    let piece = &draft.pieces[task.piece];
    let id = number(draft, n, Form::SmartSpec);
    let mut facts = facts_of(draft, &[n]);
    facts.extend(piece.facts(&["title"]));
    page.put(
        format!("### Task {id}: {} (~{}h)", piece.text("title"), task.hours),
        &piece.id,
        facts,
    );
    page.lay("");
    page.lay("**Description:**");
    page.say(piece.text("text"), piece, &["text"]);
    for part in task.parts.iter().map(|it| &draft.pieces[*it]) {
        page.say(format!("- {}", part.text("text")), part, &["text"]);
    }
    page.lay("");
    page.lay("**Files:**");
    page.lay("");
    let with_stack = |fields: &[&str]| piece.facts(fields).into_iter().chain(stack()).collect();
    for (line, _) in files(draft, task) {
        let (head, rest) = line.split_once(" (").unwrap_or((&line, ""));
        page.put(format!("**{head}** ({rest}"), &piece.id, with_stack(&["create", "edit"]));
    }
    if draft.stack.is_none() {
        page.put("Open question: which files are those of this stack?", &piece.id, stack());
    } else if task.files.is_empty() {
        page.lay("None.");
    }
    page.lay("");
    page.lay("**Supporting Files Referenced:**");
    page.lay(format!("- {}", supporting(task)));
    page.lay("");
    let needs = needs(draft, task);
    if !needs.is_empty() {
        page.put(format!("**Needs:** {}", needs.join(", ")), &piece.id, needed(task, piece));
    }
    for things in provides(draft, task) {
        page.say(format!("**Provides:** {}", things.join(", ")), piece, &["provides"]);
    }
    let after: Vec<String> =
        task.after.iter().map(|it| number(draft, *it, Form::SmartSpec)).collect();
    let after = if after.is_empty() { "None".to_owned() } else { after.join(", ") };
    page.put(format!("**Dependencies:** {after}"), &piece.id, facts_of(draft, &task.after));
    let criteria = criteria(draft, n);
    page.put(
        format!("**Requirements:** {}", criteria.join(", ")),
        &piece.id,
        facts_of(draft, &[n]),
    );
    page.lay("");
    acceptance(draft, page, task, piece);
    validation(draft, page, piece);
}

fn supporting(task: &Task) -> &'static str {
    let provides = |kind: &str| task.provides.iter().any(|it| it.kind == kind);
    match () {
        () if provides("table") => "`data-model.md` → the entities and their columns",
        () if provides("endpoint") => "`openapi.yaml` → the paths and their answers",
        () => "`test-plan.md` → the tests of its criteria",
    }
}

fn acceptance(draft: &Draft<'_>, page: &mut Page, task: &Task, piece: &Piece) {
    page.lay("**Acceptance Criteria:**");
    for criterion in
        draft.of_kind(FragmentKind::Criterion).filter(|it| task.criteria.contains(&it.id))
    {
        let number = draft.numbers.criterion(&criterion.id).unwrap_or_default();
        page.say(
            format!("- [ ] Criterion {number}: {}", criterion.text("text")),
            criterion,
            &["text"],
        );
    }
    for (n, check) in piece.list("checks").into_iter().enumerate() {
        page.say(format!("- [ ] {check}"), piece, &[&format!("checks.{n}")]);
    }
    if task.criteria.is_empty() && piece.list("checks").is_empty() {
        page.say(format!("- [ ] {} is done", piece.text("title")), piece, &["title"]);
    }
    page.lay("");
}

fn validation(draft: &Draft<'_>, page: &mut Page, piece: &Piece) {
    page.lay("**Validation:**");
    let commands = commands(draft, piece);
    if commands.is_empty() {
        page.put("Open question: which command shows it in this stack?", &piece.id, stack());
        return;
    }
    page.lay("```bash");
    for command in commands {
        page.put(command, &piece.id, piece.facts(&["run"]).into_iter().chain(stack()).collect());
    }
    page.lay("```");
}
