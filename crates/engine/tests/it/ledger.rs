//! Ledgers as files: what holds, what is found, who may do what.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use jiff::Timestamp;
use specie_engine::ledger::entry::{Approval, By, Entry, Levels, Mode, Scope, What};
use specie_engine::ledger::{
    ApproverKey, Beside, Digest, Fault, FaultKind, KeyFile, Ledger, Need, Signer, Standing, Step,
    Subject, Touched, Unwritable, Void, need, verify, written,
};
use specie_spec::approval::Level;
use specie_vocab::{Secret, SeededChance};

const SPEC: &str = "specs/ledger";

fn key(seed: u64) -> ApproverKey {
    let (word, once) = (Secret::new("four plain old words"), NonZeroU32::MIN);
    KeyFile::make(&word, once, &SeededChance::new(seed)).open(&word).unwrap()
}

/// The files of a ledger, and the time at which the next entry is made.
#[derive(Clone, Default)]
struct Files {
    entries: BTreeMap<String, Vec<u8>>,
    texts: BTreeMap<String, Vec<u8>>,
    second: i64,
}

impl Files {
    /// Where ada is the first approver, at all levels.
    fn begun() -> Self {
        let mut files = Self { second: 1_790_000_000, ..Self::default() };
        files.sign(&key(1), approver("ada", &key(1), &Level::ALL)).unwrap();
        files
    }

    fn list(&self) -> Vec<(String, Vec<u8>)> {
        self.entries.clone().into_iter().collect()
    }

    fn ledger(&self) -> Ledger {
        Ledger::read(&self.list())
    }

    fn add(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.entries.insert(digest.to_string(), bytes);
        digest
    }

    fn now(&mut self) -> Timestamp {
        self.second += 1;
        Timestamp::from_second(self.second).unwrap()
    }

    /// As the program does it: what would not count is not written.
    fn sign(&mut self, key: &ApproverKey, what: What) -> Result<Digest, Unwritable> {
        let now = self.now();
        let entry = self.ledger().propose(By::Key(key.public()), what, now)?;
        Ok(self.add(key.signed(&entry)))
    }

    /// As somebody does it who writes files by hand.
    fn force(&mut self, key: &ApproverKey, what: What, parents: &[Digest]) -> Digest {
        let parents = parents.iter().copied().collect();
        let entry = Entry { at: self.now(), by: By::Key(key.public()), what, parents };
        self.add(key.signed(&entry))
    }

    fn approve(&mut self, key: &ApproverKey, subject: &Subject) -> Result<Digest, Unwritable> {
        for text in subject.files.iter().filter_map(|(_, text)| text.clone()) {
            self.texts.insert(Digest::of(&text).to_string(), text);
        }
        self.sign(key, What::Approval(subject.approval()))
    }

    /// What a merge of two branches gives.
    fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.entries.extend(other.entries.clone());
        both.texts.extend(other.texts.clone());
        both.second = self.second.max(other.second);
        both
    }

    fn text(&self) -> impl Fn(&Digest) -> Option<Vec<u8>> {
        let texts = self.texts.clone();
        move |digest: &Digest| texts.get(&digest.to_string()).cloned()
    }

    fn standing(&self, subject: &Subject) -> Standing {
        self.ledger().standing(subject, &self.text())
    }

    fn faults(&self) -> Vec<Fault> {
        let beside = Beside { texts: self.texts.clone(), approvers: None };
        let found = verify(&self.ledger(), &beside, &[]);
        found.into_iter().filter(|it| it.kind != FaultKind::Approvers).collect()
    }

    fn names(&self) -> BTreeSet<String> {
        self.ledger().approvers().values().map(|it| it.name.clone()).collect()
    }
}

fn approver(name: &str, key: &ApproverKey, levels: &[Level]) -> What {
    let levels: Levels = levels.iter().copied().collect();
    What::Approver { name: name.into(), key: key.public(), levels }
}

fn mode(mode: Mode) -> What {
    What::Mode { spec: SPEC.into(), mode }
}

fn subject(scope: Scope, files: &[(&str, &str)]) -> Subject {
    let files = files.iter().map(|(name, text)| ((*name).into(), Some(text.as_bytes().to_vec())));
    Subject { spec: SPEC.into(), scope, files: files.collect() }
}

fn spec(text: &str) -> Subject {
    subject(Scope::Spec, &[("requirements.md", text)])
}

fn kinds(faults: &[Fault]) -> Vec<&'static str> {
    faults.iter().map(|it| it.kind.as_str()).collect()
}

#[test]
fn an_approval_holds_for_the_text_that_it_was_given_for() {
    let mut files = Files::begun();
    let (first, second) = (spec("one\ntwo\n"), spec("one\n2\n3\n"));
    assert_eq!(files.standing(&first), Standing::Never);
    assert_eq!(files.standing(&subject(Scope::Plan, &[])), Standing::Absent);
    files.approve(&key(1), &first).unwrap();
    assert!(files.standing(&first).is_by_person());
    assert_eq!(
        files.standing(&subject(Scope::Plan, &[("requirements.md", "one")])),
        Standing::Never
    );
    let Standing::Lapsed { by, since, .. } = files.standing(&second) else { panic!() };
    assert_eq!(since, ["requirements.md has changed (2 lines added, 1 removed)"]);
    assert_eq!(by.name(), "ada");
    files.approve(&key(1), &second).unwrap();
    assert!(files.standing(&second).is_by_person());
    assert!(!files.standing(&first).is_approved(), "what was approved before last has lapsed");
    assert_eq!(files.faults(), []);
}

#[test]
fn a_file_that_comes_or_goes_lets_an_approval_lapse() {
    let mut files = Files::begun();
    let of = |names: &[&str]| {
        let all: Vec<_> = names.iter().map(|name| (*name, "text")).collect();
        subject(Scope::Spec, &all)
    };
    files.approve(&key(1), &of(&["bugfix.md", "design.md"])).unwrap();
    let since = |subject: &Subject| match files.standing(subject) {
        Standing::Lapsed { since, .. } => since.join(", "),
        other => panic!("{other:?}"),
    };
    assert_eq!(since(&of(&["bugfix.md"])), "design.md is gone");
    let more = of(&["bugfix.md", "design.md", "requirements.md"]);
    assert_eq!(since(&more), "requirements.md is new");
    assert_eq!(since(&of(&[])), "bugfix.md is gone, design.md is gone");
    let shown = files.ledger().differences(&more, &files.text());
    assert_eq!((shown.len(), shown[0].path.as_str(), &shown[0].was), (1, "requirements.md", &None));
}

#[test]
fn two_branches_are_merged_by_putting_their_files_together() {
    let mut base = Files::begun();
    base.sign(&key(1), approver("bob", &key(2), &[Level::Task])).unwrap();
    let (mut left, mut right) = (base.clone(), base);
    let tasks = subject(Scope::Tasks, &[("tasks.md", "- [ ] 1. a")]);
    left.approve(&key(1), &spec("a")).unwrap();
    left.sign(&key(1), mode(Mode::PerFile)).unwrap();
    right.approve(&key(2), &tasks).unwrap();
    right.sign(&key(1), mode(Mode::Auto)).unwrap();
    for mut both in [left.with(&right), right.with(&left)] {
        assert_eq!(both.faults(), []);
        assert_eq!(both.ledger().heads().len(), 2);
        assert!(both.standing(&spec("a")).is_by_person());
        assert!(both.standing(&tasks).is_by_person());
        assert_eq!(both.ledger().mode(SPEC), Mode::PerFile, "the stricter of two holds");
        both.approve(&key(1), &spec("b")).unwrap();
        assert_eq!((both.ledger().heads().len(), both.faults().len()), (1, 0));
        both.sign(&key(1), mode(Mode::Auto)).unwrap();
        assert_eq!(both.ledger().mode(SPEC), Mode::Auto, "whoever knows of both decides");
    }
    left.approve(&key(1), &spec("ours")).unwrap();
    right.approve(&key(1), &spec("theirs")).unwrap();
    let both = left.with(&right);
    assert!(both.standing(&spec("ours")).is_by_person());
    assert!(both.standing(&spec("theirs")).is_by_person());
    assert!(!both.standing(&spec("a mix of them")).is_approved());
}

#[test]
fn each_byte_that_is_changed_is_found_and_its_file_is_named() {
    let mut files = Files::begun();
    files.sign(&key(1), mode(Mode::PerTask)).unwrap();
    files.approve(&key(1), &spec("a")).unwrap();
    for (name, bytes) in files.list() {
        for at in 0..bytes.len() {
            let mut changed = files.clone();
            changed.entries.get_mut(&name).unwrap()[at] ^= 1;
            let found = changed.faults();
            let path = format!(".specie/ledger/{name}");
            let named = |it: &Fault| it.path == path && it.kind == FaultKind::Changed;
            assert!(found.iter().any(named), "{at} of {name}: {found:?}");
        }
        for other in [&bytes[..bytes.len() - 1], &[], &[bytes.as_slice(), b"\n"].concat()] {
            let mut changed = files.clone();
            changed.entries.insert(name.clone(), other.to_vec());
            assert_eq!(kinds(&changed.faults()), ["changed"]);
        }
    }
    let (name, _) = files.texts.first_key_value().unwrap();
    let mut changed = files.clone();
    changed.texts.insert(name.clone(), b"b".to_vec());
    assert_eq!(kinds(&changed.faults()), ["changed"]);
    changed.texts.clear();
    let found = changed.faults();
    assert!(kinds(&found) == ["missing"] && found[0].path.contains("/texts/"), "{found:?}");
    assert!(changed.standing(&spec("a")).is_by_person(), "the digest alone decides");
}

#[test]
fn whoever_renames_what_was_changed_lacks_the_signature() {
    let mut files = Files::begun();
    let approved = files.approve(&key(1), &spec("a")).unwrap();
    let bytes = files.entries[&approved.to_string()].clone();
    let text = String::from_utf8(bytes).unwrap();
    let other = Digest::of(b"b").to_string();
    let changed = text.replace(&Digest::of(b"a").to_string(), &other);
    let unsigned = changed.split("signature ").next().unwrap().to_owned();
    let crlf = text.replace('\n', "\r\n");
    for (bytes, kind) in [(changed, "badly-signed"), (unsigned, "unsigned"), (crlf, "malformed")] {
        let mut files = files.clone();
        files.entries.remove(&approved.to_string());
        let digest = files.add(bytes.into_bytes());
        let found = files.faults();
        assert_eq!(kinds(&found), [kind]);
        assert!(found[0].path.ends_with(&digest.to_string()));
        assert!(!files.standing(&spec("b")).is_approved());
    }
    let mut stray = files.clone();
    stray.entries.insert("notes.txt".into(), Vec::new());
    assert_eq!(kinds(&stray.faults()), ["malformed"]);
}

#[test]
fn what_something_rests_on_is_missed_and_nothing_above_it_holds() {
    let mut files = Files::begun();
    let gone = files.sign(&key(1), mode(Mode::PerFile)).unwrap();
    files.sign(&key(1), approver("bob", &key(2), &[Level::Spec])).unwrap();
    let last = files.approve(&key(2), &spec("a")).unwrap();
    assert!(files.standing(&spec("a")).is_by_person());
    let mut short = files.clone();
    short.entries.remove(&gone.to_string());
    let found = short.faults();
    assert_eq!(kinds(&found), ["missing"]);
    assert!(found[0].path.ends_with(&gone.to_string()), "{found:?}");
    assert_eq!(short.standing(&spec("a")), Standing::Never);
    assert!(short.ledger().governs(SPEC) && short.ledger().is_damaged());
    // Nor does what rests on something else beside it.
    let heads: Vec<Digest> = short.ledger().heads().into_iter().chain([gone]).collect();
    let merged = short.force(&key(1), mode(Mode::Auto), &heads);
    assert!(short.ledger().entries().all(|it| it.digest != merged));
    // The newest can be taken away without a trace in the hashes; whoever remembers it finds out.
    files.entries.remove(&last.to_string());
    assert_eq!(files.faults(), []);
    let found = verify(&files.ledger(), &Beside::default(), &[last]);
    assert!(found.iter().any(|it| it.kind == FaultKind::Missing), "{found:?}");
}

#[test]
fn a_damaged_ledger_is_not_believed_to_ask_for_nothing() {
    let mut files = Files::begun();
    files.sign(&key(1), mode(Mode::Auto)).unwrap();
    assert_eq!(files.ledger().mode(SPEC), Mode::Auto);
    assert!(!files.ledger().governs("specs/other"));
    files.entries.insert(Digest::of(b"x").to_string(), b"y".to_vec());
    assert_eq!(files.ledger().mode(SPEC), Mode::PerTask);
    assert!(files.ledger().governs("specs/other"), "nobody can tell what is missing");
}

#[test]
fn only_approvers_approve_and_only_at_their_levels() {
    let mut files = Files::begun();
    let (ada, bob, eve) = (key(1), key(2), key(3));
    files.sign(&ada, approver("bob", &bob, &[Level::Task])).unwrap();
    let tasks = subject(Scope::Task("1".into()), &[("tasks.md", "- [ ] 1. a")]);
    files.approve(&bob, &tasks).unwrap();
    let refused = |files: &mut Files, key: &ApproverKey, what: What| match files.sign(key, what) {
        Err(Unwritable::Void(why)) => why.to_string(),
        other => panic!("{other:?}"),
    };
    let of = |subject: &Subject| What::Approval(subject.approval());
    let cases = [
        (&bob, of(&spec("a")), "bob was no approver at level spec then"),
        (&bob, of(&subject(Scope::Plan, &[("plan.md", "a")])), "at level plan"),
        (&bob, approver("eve", &eve, &[Level::Spec, Level::Task]), "at level spec,task then"),
        (&bob, approver("ada", &ada, &[]), "bob was no approver at level spec,plan,task then"),
        (&bob, approver("bob", &bob, &Level::ALL), "at level spec,plan then"),
        (&bob, approver("mallory", &ada, &Level::ALL), "at level spec,plan,task then"),
        (&ada, approver("bob", &eve, &[Level::Task]), "another approver was called bob then"),
        (&eve, of(&tasks), "was no approver then"),
        (&eve, mode(Mode::Auto), "was no approver then"),
        (&eve, approver("eve", &eve, &[Level::Task]), "was no approver then"),
    ];
    for (key, what, why) in cases {
        let told = refused(&mut files, key, what.clone());
        assert!(told.contains(why), "{told}");
        // Written by hand it is found, and counts for nothing.
        let mut forced = files.clone();
        let heads: Vec<Digest> = files.ledger().heads().into_iter().collect();
        forced.force(key, what, &heads);
        let found = forced.faults();
        assert!(kinds(&found) == ["not-allowed"] && found[0].message.contains(why), "{found:?}");
        assert_eq!(forced.ledger().heads(), files.ledger().heads());
        assert_eq!(forced.ledger().approvers(), files.ledger().approvers());
        assert!(!forced.standing(&spec("a")).is_approved());
    }
    files.sign(&bob, approver("eve", &eve, &[Level::Task])).unwrap();
    files.sign(&bob, approver("bob", &bob, &[])).unwrap();
    assert_eq!(files.names(), BTreeSet::from(["ada".into(), "eve".into()]));
    assert!(files.standing(&tasks).is_by_person(), "what bob approved before he went holds");
    assert_eq!(
        refused(&mut files, &bob, of(&tasks)),
        format!("{} was no approver then", bob.public())
    );
    assert_eq!(files.faults(), []);
}

#[test]
fn whoever_was_removed_cannot_go_on_from_an_old_entry() {
    let mut files = Files::begun();
    let (ada, bob, mallory) = (key(1), key(2), key(3));
    let let_in = files.sign(&ada, approver("bob", &bob, &Level::ALL)).unwrap();
    files.approve(&bob, &spec("his")).unwrap();
    files.sign(&ada, approver("bob", &bob, &[])).unwrap();
    assert!(files.standing(&spec("his")).is_by_person());
    let forged = files.force(&bob, What::Approval(spec("new").approval()), &[let_in]);
    let friend = files.force(&bob, approver("mallory", &mallory, &Level::ALL), &[let_in]);
    files.force(&mallory, What::Approval(spec("worse").approval()), &[friend]);
    files.force(&mallory, approver("ada", &ada, &[]), &[friend]);
    let renamed = files.force(&bob, approver("zoe", &ada, &[Level::Spec]), &[let_in]);
    let nothing = files.force(&bob, approver("bob", &bob, &Level::ALL), &[let_in]);
    assert!(!files.standing(&spec("new")).is_approved());
    assert!(!files.standing(&spec("worse")).is_approved());
    assert!(!files.names().contains("mallory") && !files.names().contains("zoe"));
    let found = files.faults();
    let about = |digest: &Digest| {
        let path = format!(".specie/ledger/{digest}");
        found.iter().find(|it| it.path == path).map(|it| it.message.clone()).unwrap_or_default()
    };
    for it in [forged, friend, renamed, nothing] {
        assert!(about(&it).contains("bob's rights were changed by"), "{found:?}");
    }
}

#[test]
fn whoever_was_removed_cannot_undo_it_by_removing_whoever_let_their_remover_in() {
    let mut files = Files::begun();
    let (ada, bob, cleo) = (key(1), key(2), key(3));
    let let_in = files.sign(&ada, approver("bob", &bob, &Level::ALL)).unwrap();
    files.sign(&ada, approver("cleo", &cleo, &Level::ALL)).unwrap();
    let removal = files.sign(&cleo, approver("bob", &bob, &[])).unwrap();
    // Behind the entry by which ada let cleo in, who removed him.
    let back = files.force(&bob, approver("ada", &ada, &[]), &[let_in]);
    let after = files.force(&bob, What::Approval(spec("new").approval()), &[removal, back]);
    assert_eq!(files.names(), BTreeSet::new(), "he takes rights away, and gets none");
    assert!(!files.standing(&spec("new")).is_approved());
    let found = files.faults();
    let kind = |digest: Digest| {
        let path = format!(".specie/ledger/{digest}");
        found.iter().find(|it| it.path == path).map(|it| it.kind)
    };
    assert_eq!(kind(back), Some(FaultKind::Disputed));
    assert_eq!(kind(after), Some(FaultKind::NotAllowed));
    // His entry can be taken away, since nothing that counts rests on it.
    for digest in [back, after] {
        files.entries.remove(&digest.to_string());
    }
    assert_eq!((files.faults(), files.names().len()), (vec![], 2));
}

#[test]
fn two_who_remove_each_other_are_both_gone_and_rights_of_two_branches_are_what_both_give() {
    let mut base = Files::begun();
    let (ada, bob, cleo) = (key(1), key(2), key(3));
    base.sign(&ada, approver("bob", &bob, &Level::ALL)).unwrap();
    let (mut left, mut right) = (base.clone(), base.clone());
    left.sign(&ada, approver("bob", &bob, &[])).unwrap();
    right.sign(&bob, approver("ada", &ada, &[])).unwrap();
    assert_eq!(left.with(&right).names(), BTreeSet::new());
    assert_eq!(kinds(&left.with(&right).faults()), ["disputed", "disputed"]);
    let (mut left, mut right) = (base.clone(), base);
    left.sign(&ada, approver("cleo", &cleo, &[Level::Spec, Level::Plan])).unwrap();
    right.sign(&bob, approver("cleo", &cleo, &[Level::Plan, Level::Task])).unwrap();
    let both = left.with(&right);
    assert_eq!(both.ledger().approvers()[&cleo.public()].levels, Levels::from([Level::Plan]));
}

#[test]
fn a_ledger_has_one_beginning() {
    let mut files = Files::begun();
    files.approve(&key(1), &spec("a")).unwrap();
    let stranger = key(9);
    files.force(&stranger, What::Approval(spec("b").approval()), &[]);
    let found = files.faults();
    assert_eq!(kinds(&found), ["not-allowed"]);
    assert!(files.standing(&spec("a")).is_by_person(), "that one is no beginning");
    files.force(&stranger, approver("eve", &stranger, &Level::ALL), &[]);
    let found = files.faults();
    let said = |it: &&Fault| it.message == Void::SecondBeginning(2).to_string();
    assert_eq!(found.iter().filter(said).count(), 2, "{found:?}");
    assert!(!files.standing(&spec("a")).is_approved(), "nobody can tell which of them is ours");
    let nobody = Files::default().ledger();
    let late = nobody.propose(By::Key(key(1).public()), mode(Mode::Auto), Timestamp::UNIX_EPOCH);
    assert_eq!(late, Err(Unwritable::Void(Void::NotTheFirst)));
    let anew = files.sign(&key(1), approver("ada", &key(1), &Level::ALL));
    assert_eq!(anew, Err(Unwritable::NoGround), "a third beginning would not mend it");
}

fn by_rule(files: &mut Files, subject: &Subject, rule: Digest) -> Result<Digest, Unwritable> {
    let now = files.now();
    let what = What::Approval(subject.approval());
    let entry = files.ledger().propose(By::Rule(rule), what, now)?;
    for text in subject.files.iter().filter_map(|(_, text)| text.clone()) {
        files.texts.insert(Digest::of(&text).to_string(), text);
    }
    Ok(files.add(written(&entry, None)))
}

#[test]
fn what_is_approved_by_rule_is_never_counted_as_a_persons() {
    let mut files = Files::begun();
    let (ada, bob) = (key(1), key(2));
    let tasks = subject(Scope::Tasks, &[("tasks.md", "- [ ] 1. a")]);
    assert_eq!(files.ledger().auto(SPEC), None, "auto has to be asked for");
    let auto = files.sign(&ada, mode(Mode::Auto)).unwrap();
    assert_eq!(files.ledger().auto(SPEC), Some(auto));
    by_rule(&mut files, &tasks, auto).unwrap();
    let standing = files.standing(&tasks);
    assert!(standing.is_approved() && !standing.is_by_person(), "{standing:?}");
    assert!(matches!(standing, Standing::Approved { by: Signer::Rule, .. }));
    assert_eq!(files.ledger().counts(), (2, 1));
    // A person's approval is not overwritten by one that nobody gave.
    files.approve(&ada, &spec("a")).unwrap();
    by_rule(&mut files, &spec("b"), auto).unwrap();
    assert!(files.standing(&spec("a")).is_by_person());
    assert!(matches!(files.standing(&spec("b")), Standing::Approved { by: Signer::Rule, .. }));
    // When the mode goes, so does what it allowed.
    files.sign(&ada, mode(Mode::PerTask)).unwrap();
    let Standing::Lapsed { since, .. } = files.standing(&tasks) else { panic!() };
    assert_eq!(since, ["it was by rule, and the mode is per-task now"]);
    assert!(matches!(by_rule(&mut files, &tasks, auto), Err(Unwritable::Void(Void::NoRule(_)))));
    assert_eq!(files.faults(), []);
    // Who may not approve a spec cannot let a rule do it.
    files.sign(&ada, approver("bob", &bob, &[Level::Task])).unwrap();
    let auto = files.sign(&bob, mode(Mode::Auto)).unwrap();
    by_rule(&mut files, &tasks, auto).unwrap();
    assert!(by_rule(&mut files, &spec("c"), auto).is_err());
    let other = files.sign(&ada, mode(Mode::PerTask)).unwrap();
    assert!(by_rule(&mut files, &tasks, other).is_err(), "that one is no rule");
    // Nor does a rule make rules or approvers, whoever writes it down, on this branch or beside it.
    let heads = files.ledger().heads();
    files.approve(&ada, &spec("d")).unwrap();
    for what in [mode(Mode::Auto), approver("ada", &ada, &[])] {
        for parents in [&heads, &files.ledger().heads()] {
            let mut forced = files.clone();
            let (at, what) = (forced.now(), what.clone());
            let entry = Entry { at, by: By::Rule(auto), what, parents: parents.clone() };
            forced.add(written(&entry, None));
            assert_eq!(kinds(&forced.faults()), ["not-allowed"]);
            assert!(forced.names().contains("ada"));
            assert!(forced.standing(&spec("d")).is_by_person());
        }
    }
}

#[test]
fn the_modes_decide_what_a_step_needs() {
    let mut files = Files::begun();
    let ada = key(1);
    let task = subject(Scope::Task("1".into()), &[("tasks.md", "- [ ] 1. a")]);
    let all = subject(Scope::Tasks, &[("tasks.md", "- [ ] 1. a\n")]);
    let left = subject(Scope::Files("1".into()), &[("src/a.rs", "fn a() {}")]);
    let touched = Touched { name: "1".into(), covering: vec![task.clone(), all.clone()] };
    let files_of_it = vec![(Mode::PerFile, left.clone())];
    let step = Step { spec: SPEC.into(), tasks: vec![touched], files: files_of_it };
    let needs = |files: &Files| need(&files.ledger(), &step, &files.text());
    assert_eq!(needs(&Files::default()), Need::Nothing, "without a ledger nothing is asked");
    assert_eq!(needs(&files), Need::Nothing, "nor where no entry is about the spec");
    files.approve(&ada, &spec("a")).unwrap();
    let never = Need::Task { name: "1".into(), standing: Standing::Never };
    assert_eq!(needs(&files), never, "per task, when nobody has said otherwise");
    for subject in [&task, &all] {
        let mut files = files.clone();
        files.approve(&ada, subject).unwrap();
        assert_eq!(needs(&files), Need::Nothing);
        files.sign(&ada, mode(Mode::PerFile)).unwrap();
        assert_eq!(needs(&files), Need::Files(vec![left.clone()]));
        files.approve(&ada, &left).unwrap();
        assert_eq!(needs(&files), Need::Nothing);
    }
    let old = subject(Scope::Task("1".into()), &[("tasks.md", "- [ ] 1. b")]);
    files.approve(&ada, &old).unwrap();
    let Need::Task { standing, .. } = needs(&files) else { panic!() };
    assert!(standing.sentence().contains("tasks.md has changed (1 line added, 1 removed)"));
    let auto = files.sign(&ada, mode(Mode::Auto)).unwrap();
    assert_eq!(needs(&files), Need::Nothing);
    by_rule(&mut files, &task, auto).unwrap();
    files.sign(&ada, mode(Mode::PerTask)).unwrap();
    assert!(matches!(needs(&files), Need::Task { .. }), "by rule is nobody's approval");
}

#[test]
fn the_edits_of_a_sync_are_asked_for_as_the_mode_says() {
    let mut files = Files::begun();
    let of = |names: &[&str]| {
        let all: Vec<_> = names.iter().map(|name| (*name, "new")).collect();
        subject(Scope::Files("sync".into()), &all)
    };
    let (tasks, plan) = (of(&["tasks.md"]), of(&["plan.md"]));
    let left = vec![(Mode::PerTask, tasks.clone()), (Mode::PerFile, plan)];
    let step = Step { spec: SPEC.into(), tasks: Vec::new(), files: left };
    let needs = |files: &Files| need(&files.ledger(), &step, &files.text());
    for (mode_now, expected) in [
        (Mode::Auto, Need::Nothing),
        (Mode::PerTask, Need::Files(vec![tasks])),
        (Mode::PerFile, Need::Files(vec![of(&["plan.md", "tasks.md"])])),
    ] {
        files.sign(&key(1), mode(mode_now)).unwrap();
        assert_eq!(needs(&files), expected);
    }
    files.approve(&key(1), &of(&["plan.md", "tasks.md"])).unwrap();
    assert_eq!(needs(&files), Need::Nothing);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let files = Files::begun();
    let propose =
        |what| files.ledger().propose(By::Key(key(1).public()), what, Timestamp::UNIX_EPOCH);
    let bad = subject(Scope::Files("1".into()), &[("a\nfile", "x")]);
    assert_eq!(propose(What::Approval(bad.approval())), Err(Unwritable::Word("a\nfile".into())));
    for name in ["", "a b", "rule", "ad\u{200b}a", "#1"] {
        let what = approver(name, &key(2), &[Level::Task]);
        assert_eq!(propose(what), Err(Unwritable::Word(name.into())));
    }
    let many = (0..20_000).map(|n| (format!("{n:0>60}"), None)).collect();
    let large = Approval { spec: SPEC.into(), scope: Scope::Spec, files: many };
    assert!(matches!(propose(What::Approval(large)), Err(Unwritable::Large)));
}

#[test]
fn thousands_of_entries_are_verified_in_one_go() {
    let mut files = Files::begun();
    let ada = key(1);
    let mut heads: Vec<Digest> = files.ledger().heads().into_iter().collect();
    for n in 0..3000 {
        let what = match n % 50 {
            0 => mode(Mode::PerTask),
            25 => approver("bob", &key(2), if n % 100 == 25 { &[Level::Task] } else { &[] }),
            _ => What::Approval(spec(&n.to_string()).approval()),
        };
        // A branch every hundred entries, which the next one merges.
        let parents = if n % 100 == 99 { heads.clone() } else { vec![heads[0]] };
        let new = files.force(&ada, what, &parents);
        if n % 100 == 98 { heads.push(new) } else { heads = vec![new] }
    }
    let ledger = files.ledger();
    assert_eq!((ledger.counts(), ledger.heads().len()), ((3001, 0), 1));
    assert!(files.standing(&spec("2999")).is_by_person());
    assert!(!files.standing(&spec("2998")).is_approved());
}
