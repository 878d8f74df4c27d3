//! Approvals of specs on disk: what lies where, and how a spec stands.

use std::num::NonZeroU32;
use std::path::Path;

use jiff::Timestamp;
use specie_engine::ledger::entry::{By, Mode, Scope, What};
use specie_engine::ledger::{
    ApproverKey, FaultKind, KeyFile, Place, Standing, Store, Subject, approvals, named, task_file,
    verify,
};
use specie_engine::{Spec, specs};
use specie_spec::approval::Level;
use specie_spec::{State, Which, tick};
use specie_vocab::{Secret, SeededChance};
use tempfile::TempDir;

const TASKS: &str = "\
# Implementation Plan

- [ ] 1. One
  - [ ] 1.1 Two, in `src/a.rs` and `../out.rs`
- [ ] 2. Three, in `src/` and `src/gone.rs`
";

struct Project {
    folder: TempDir,
    key: ApproverKey,
}

impl Project {
    fn new() -> Self {
        let (word, once) = (Secret::new("four plain old words"), NonZeroU32::MIN);
        let key = KeyFile::make(&word, once, &SeededChance::new(1)).open(&word).unwrap();
        let project = Self { folder: tempfile::tempdir().unwrap(), key };
        std::fs::create_dir_all(project.path(".kiro/specs/notes")).unwrap();
        std::fs::create_dir_all(project.path("src")).unwrap();
        std::fs::create_dir_all(project.path(".git")).unwrap();
        project.write(".kiro/specs/notes/requirements.md", "# Requirements Document\n");
        project.write(".kiro/specs/notes/design.md", "# Design\n");
        project.write(".kiro/specs/notes/tasks.md", TASKS);
        project.write("src/a.rs", "fn a() {}\n");
        let key = project.key.public();
        let levels = Level::ALL.into();
        project.sign(What::Approver { name: "ada".into(), key, levels }, &[]);
        project
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn spec(&self) -> Spec {
        specs(&self.path(".kiro/specs/notes")).unwrap().remove(0)
    }

    fn place(&self) -> Place {
        Place::of(&self.spec().folder).unwrap()
    }

    fn store(&self) -> Store {
        Store::at(self.place().repository.root())
    }

    fn sign(&self, what: What, texts: &[&[u8]]) {
        let ledger = self.store().read().unwrap();
        let by = By::Key(self.key.public());
        let entry = ledger.propose(by, what, Timestamp::UNIX_EPOCH).unwrap();
        self.store().add(&self.key.signed(&entry), texts).unwrap();
        self.store().write_approvers(&self.store().read().unwrap()).unwrap();
    }

    fn approve(&self, subject: &Subject) {
        let texts: Vec<&[u8]> = subject.files.iter().filter_map(|(_, it)| it.as_deref()).collect();
        self.sign(What::Approval(subject.approval()), &texts);
    }

    fn tick(&self, id: &str) {
        let spec = self.spec();
        let file = task_file(&spec).unwrap();
        let which = Which::Id(id.into());
        let ticked = tick(&file.document, &file.bytes, &which, State::Done).unwrap();
        file.replace(&file.with(&ticked.changes)).unwrap();
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let all = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> =
            all.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn an_entry_and_a_text_are_named_by_their_digests() {
    let project = Project::new();
    project.approve(&project.place().level(&project.spec(), Level::Spec));
    let entries = project.names(".specie/ledger");
    assert_eq!((entries.len(), entries[0].as_str()), (4, ".gitattributes"));
    let texts = project.names(".specie/ledger/texts");
    let named = |folder: &str, name: &str| {
        let bytes = std::fs::read(project.path(folder).join(name)).unwrap();
        specie_engine::ledger::Digest::of(&bytes).to_string() == name
    };
    assert!(entries[1..3].iter().all(|name| named(".specie/ledger", name)), "{entries:?}");
    assert!(texts.len() == 2 && texts.iter().all(|it| named(".specie/ledger/texts", it)));
    assert_eq!(entries[3], "texts");
    let beside = project.store().beside().unwrap();
    assert_eq!(verify(&project.store().read().unwrap(), &beside, &[]), []);
    assert!(
        String::from_utf8(beside.approvers.unwrap()).unwrap().contains("\nada spec,plan,task ")
    );
}

#[test]
fn a_list_of_approvers_that_nobody_approved_is_found() {
    let project = Project::new();
    let text = std::fs::read_to_string(project.path(".specie/approvers")).unwrap();
    let line = text.lines().last().unwrap();
    let other = line.replace("ada ", "eve ").replace("ed25519:", "ed25519:00");
    let cases = [
        (Some(text.replace(line, "")), "ada is not in it, and the ledger says so"),
        (Some(text.replace("spec,plan,task", "spec")), "what it says of ada is not"),
        (Some(format!("{text}{}\n", &other[..other.len() - 2])), "eve is in it, and no entry"),
        (Some(format!("{text}eve all\n")), "line 4 says nothing"),
        (None, "it is not there"),
    ];
    for (text, said) in cases {
        match text {
            Some(text) => project.write(".specie/approvers", &text),
            None => std::fs::remove_file(project.path(".specie/approvers")).unwrap(),
        }
        let ledger = project.store().read().unwrap();
        let found = verify(&ledger, &project.store().beside().unwrap(), &[]);
        assert!(found.len() == 1 && found[0].kind == FaultKind::Approvers, "{found:?}");
        assert!(found[0].message.contains(said), "{found:?}");
        assert_eq!(ledger.approvers().len(), 1, "the ledger decides");
    }
}

#[test]
fn ticking_lets_nothing_lapse_and_changing_a_task_does() {
    let project = Project::new();
    project.approve(&project.place().level(&project.spec(), Level::Task));
    project.tick("1.1");
    project.tick("2");
    let now = approvals(&project.spec()).unwrap();
    assert!(now.of(Level::Task).is_by_person(), "{now:?}");
    assert_eq!((now.governed, now.damaged, now.mode), (true, false, Mode::PerTask));
    assert_eq!((now.of(Level::Spec), now.of(Level::Plan)), (&Standing::Never, &Standing::Absent));
    let lines = now.tasks.iter().map(|(id, line, it)| (id.as_str(), *line, it.is_by_person()));
    assert_eq!(lines.collect::<Vec<_>>(), [("1", 3, true), ("1.1", 4, true), ("2", 5, true)]);
    project.write(".kiro/specs/notes/tasks.md", &TASKS.replace("Three", "3"));
    let now = approvals(&project.spec()).unwrap();
    assert_eq!(now.of(Level::Task).as_str(), "lapsed");
    assert_eq!(now.tasks[0].2.as_str(), "lapsed", "only the whole was approved");
    let of = |it: &Standing| it.sentence();
    assert!(of(&now.tasks[0].2).contains("(1 line added, 1 removed)"), "{now:?}");
    for text in project.names(".specie/ledger/texts") {
        project.write(&format!(".specie/ledger/texts/{text}"), "another text");
    }
    let now = approvals(&project.spec()).unwrap();
    assert!(
        of(&now.tasks[0].2).ends_with("tasks.md has changed"),
        "a text that was changed is none"
    );
    let spec = project.spec();
    let file = task_file(&spec).unwrap();
    let task = named(&file.document, "1")[0];
    project.approve(&project.place().task(file, task).unwrap());
    let now = approvals(&project.spec()).unwrap();
    let states: Vec<&str> = now.tasks.iter().map(|it| it.2.as_str()).collect();
    assert_eq!(states, ["approved", "approved", "lapsed"], "a part is covered by its task");
}

#[test]
fn the_files_of_a_task_are_those_of_the_repository() {
    let project = Project::new();
    let spec = project.spec();
    let file = task_file(&spec).unwrap();
    let of = |id: &str| {
        let subject = project.place().files(file, named(&file.document, id)[0]).unwrap();
        assert_eq!(subject.scope, Scope::Files(id.into()));
        subject.files
    };
    assert_eq!(of("1"), [("src/a.rs".into(), Some(b"fn a() {}\n".to_vec()))]);
    assert_eq!(of("2"), [("src/gone.rs".into(), None)], "a file that is not there has no text");
    let subject = project.place().files(file, named(&file.document, "1")[0]).unwrap();
    project.approve(&subject);
    let store = project.store();
    let text = |digest: &_| store.text(digest);
    assert!(store.read().unwrap().standing(&subject, &text).is_by_person());
    project.write("src/a.rs", "fn b() {}\n");
    let subject = project.place().files(file, named(&file.document, "1")[0]).unwrap();
    let now = store.read().unwrap().standing(&subject, &text);
    assert!(now.sentence().contains("src/a.rs has changed"), "{now:?}");
}

#[test]
fn a_spec_is_known_by_its_folder_from_the_root() {
    let project = Project::new();
    assert_eq!(project.place().spec, ".kiro/specs/notes");
    assert_eq!(Place::of(project.folder.path()).unwrap().spec, ".");
    assert!(Place::of(Path::new("/nowhere/at/all")).is_err());
    let without = tempfile::tempdir().unwrap();
    std::fs::write(without.path().join("tasks.md"), TASKS).unwrap();
    let spec = specs(without.path()).unwrap().remove(0);
    let now = approvals(&spec).unwrap();
    assert!(!now.governed && !without.path().join(".specie").exists(), "reading writes nothing");
}
