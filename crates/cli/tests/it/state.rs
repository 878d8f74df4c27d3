//! The folder of `specie dev`: what is wrong with it is told, and nothing in it is damaged further.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::dev::start;
use crate::place::Place;
use crate::web::stripe;

const SOON: Duration = Duration::from_secs(10);

const DEV: [&str; 5] = ["dev", "--port", "0", "--sandbox-port", "0"];
const LOCAL: &str = ".specie/local";

/// A folder in which dev ran once.
fn used() -> Place {
    let place = Place::new();
    let (running, _) = start(&place, &[]);
    running.stops_by("INT", SOON);
    place
}

/// Every file below a folder, but for locks.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if !path.to_string_lossy().ends_with("lock") {
            all.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
    all
}

#[track_caller]
fn refuses_and_leaves_alone(place: &Place, said: &[&str]) {
    let before = files(&place.path(LOCAL));
    place.run(&DEV).refused(2, said);
    assert_eq!(files(&place.path(LOCAL)), before, "nothing is damaged");
}

#[test]
fn a_damaged_database_is_told_with_the_mend() {
    let place = used();
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(place.path(&format!("{LOCAL}/specie.db{end}")));
    }
    place.write(&format!("{LOCAL}/specie.db"), "this is no database, whatever its name says");
    // The sandbox is sound, and notes in its journal that it stands on another port now.
    place.run(&DEV).refused(2, &["specie.db` is not a sound SQLite database", "`--fresh`"]);
    assert!(place.read(&format!("{LOCAL}/specie.db")).starts_with("this is no database"));

    let (running, _) = start(&place, &["--fresh"]);
    running.stops_by("INT", SOON);
    let aside = std::fs::read_dir(place.path(".specie")).unwrap();
    let aside = aside.map(|it| it.unwrap().path()).find(|it| !it.ends_with("local")).unwrap();
    let kept = std::fs::read_to_string(aside.join("specie.db")).unwrap();
    assert!(kept.starts_with("this is no database"), "the old state is aside, as it was");
}

#[test]
fn a_damaged_sandbox_is_told_with_the_mend() {
    let place = used();
    place.write(&format!("{LOCAL}/sandbox/journal"), "this is no journal\nnor this\n");
    refuses_and_leaves_alone(&place, &["sandbox/journal` is damaged in line 1", "`--fresh`"]);
}

#[test]
fn damaged_keys_are_told_with_the_mend() {
    let place = used();
    place.write(&format!("{LOCAL}/keys.json"), "{\"server_key\": 1}");
    refuses_and_leaves_alone(&place, &["keys.json` is damaged", "`--fresh`"]);
}

#[test]
fn a_part_that_is_lost_is_named() {
    let place = used();
    std::fs::remove_file(place.path(&format!("{LOCAL}/keys.json"))).unwrap();
    refuses_and_leaves_alone(&place, &["lacks `keys.json`", "`--fresh`"]);

    let place = used();
    std::fs::remove_dir_all(place.path(&format!("{LOCAL}/sandbox"))).unwrap();
    refuses_and_leaves_alone(&place, &["holds `specie.db` and lacks `sandbox`", "`--fresh`"]);
}

#[test]
fn a_folder_that_cannot_be_one_is_told() {
    let place = Place::new();
    place.write("file", "mine");
    for folder in ["file", "file/below"] {
        let ended = place.run(&[&DEV[..], &["--data-dir", folder]].concat());
        ended.refused(2, &["a file is in its way", "`--data-dir`"]);
    }
    assert_eq!(place.read("file"), "mine");
}

#[test]
fn fresh_moves_nothing_that_is_not_ours() {
    let place = Place::new();
    std::fs::create_dir(place.path("pictures")).unwrap();
    place.write("pictures/cat.jpg", "cat");
    let ended = place.run(&[&DEV[..], &["--fresh", "--data-dir", "pictures"]].concat());
    ended.refused(2, &["holds no state of specie, and is not moved", "`--data-dir`"]);
    assert_eq!(place.read("pictures/cat.jpg"), "cat");
    std::fs::create_dir_all(place.path("services/stripe")).unwrap();
    place.write("services/stripe/client.ts", "mine");
    let ended = place.run(&[&DEV[..], &["--fresh", "--data-dir", "services"]].concat());
    ended.refused(2, &["holds no state of specie, and is not moved"]);
    assert_eq!(place.names(), ["pictures", "services"]);
}

#[test]
fn fresh_leaves_a_folder_in_which_something_else_runs() {
    let place = Place::new();
    let sandbox = place.start(&["sandbox", "--port", "0", "--json"]);
    let url = sandbox.json()["url"].as_str().unwrap().to_owned();
    let fresh = [&DEV[..], &["--fresh"]].concat();
    place.run(&fresh).refused(1, &["`specie sandbox` runs on `stripe` inside", LOCAL]);
    stripe("POST", &url, "/v1/customers", "name=Ada");
    sandbox.stops_by("INT", SOON);

    // What it has left is ours, too, and dev's folder around it stays out of git's sight.
    let (running, _) = start(&place, &[]);
    assert_eq!(place.read(".specie/local/.gitignore"), "*\n");
    running.stops_by("INT", SOON);
    let held =
        std::fs::File::options().write(true).open(place.path(&format!("{LOCAL}/specie.db.lock")));
    let held = held.unwrap();
    held.lock().unwrap();
    place.run(&fresh).refused(1, &["another `specie` uses `specie.db` inside", LOCAL]);
    drop(held);
    let (running, _) = start(&place, &["--fresh"]);
    running.stops_by("INT", SOON);
    assert!(!place.path(&format!("{LOCAL}/stripe")).exists());
}

#[test]
fn dev_begins_anew_where_only_the_sandbox_was() {
    let place = Place::new();
    std::fs::create_dir_all(place.path(LOCAL)).unwrap();
    place.write(&format!("{LOCAL}/.DS_Store"), "of the desktop");
    let sandbox = place.start(&["sandbox", "--port", "0", "--json"]);
    sandbox.json();
    sandbox.stops_by("INT", SOON);
    let (running, _) = start(&place, &["--fresh"]);
    running.stops_by("INT", SOON);
}

#[test]
fn a_folder_of_somebody_elses_is_neither_moved_nor_hidden_from_git() {
    let place = Place::new();
    place.run(&["init"]).fine();
    let here = ["sandbox", "--port", "0", "--data-dir", "."];
    let sandbox = place.start(&[&here[..], &["--json"]].concat());
    sandbox.json();
    sandbox.stops_by("INT", SOON);
    assert!(!place.names().contains(&".gitignore".into()), "{:?}", place.names());
    let ended = place.run(&[&here[..], &["--fresh"]].concat());
    ended.refused(2, &["holds `.env.example`", "is not moved", "`--data-dir`"]);
    assert!(place.names().contains(&"specie.toml".into()));
}

#[test]
fn state_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = used();
    for name in [LOCAL, &format!("{LOCAL}/keys.json"), &format!("{LOCAL}/specie.db")] {
        let mode = place.path(name).metadata().unwrap().permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{name} is open to others");
    }
}
