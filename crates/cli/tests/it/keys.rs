//! `specie init`, `migrate` and `keys` from outside, without a service.

use std::fs::File;

use crate::place::Place;
use crate::web::free_port;

#[test]
fn init_writes_what_is_not_there_and_says_so() {
    let place = Place::new();
    let ended = place.run(&["init"]).fine();
    assert!(ended.out.contains("wrote specie.toml") && ended.out.contains("wrote .env.example"));
    assert_eq!(place.names(), [".env.example", "specie.toml"]);
    place.run(&["catalog", "check"]).fine();

    place.write("specie.toml", "mine");
    std::fs::remove_file(place.path(".env.example")).unwrap();
    let ended = place.run(&["init"]).fine();
    assert!(ended.out.contains("kept  specie.toml"), "{}", ended.out);
    assert_eq!(place.read("specie.toml"), "mine");
    assert!(place.read(".env.example").contains("STRIPE_SECRET_KEY="));
    let told = place.run(&["init", "--json"]).fine().json();
    assert_eq!(told, serde_json::json!({ "wrote": [], "kept": ["specie.toml", ".env.example"] }));
}

#[test]
fn whoever_only_asks_makes_no_database() {
    let place = Place::new();
    let commands = [
        &["migrate", "status"][..],
        &["migrate", "down", "--to", "0"],
        &["keys", "list"],
        &["keys", "create"],
    ];
    for arguments in commands {
        let ended = place.run(arguments);
        ended.refused(2, &["there is no database `specie.db`", "`specie migrate up`"]);
    }
    assert_eq!(place.names(), [] as [String; 0]);
}

#[test]
fn the_schema_goes_up_and_down() {
    let place = Place::new();
    let up = place.run(&["migrate", "up", "--json"]).fine().json();
    assert_eq!(up["schema"], up["newest"]);
    let again = place.run(&["migrate", "up"]).fine().out;
    assert!(again.contains("nothing to do"), "{again}");
    let newest = up["newest"].to_string();
    let beyond = (up["newest"].as_i64().unwrap() + 1).to_string();
    place.run(&["migrate", "down", "--to", &beyond]).refused(2, &["it cannot go down to"]);
    place.run(&["migrate", "down", "--to", "-1"]).refused(2, &["--to"]);
    let down = place.run(&["migrate", "down", "--to", "0"]).fine().out;
    assert_eq!(down, format!("schema 0 of {newest}, from {newest}\n"));
    place.run(&["keys", "list"]).refused(2, &["has schema 0", "`specie migrate up`"]);
    place.run(&["migrate", "up"]).fine();
    let status = place.run(&["migrate", "status"]).fine().out;
    assert_eq!(status, format!("schema {newest} of {newest}; up to date\n"));
}

#[test]
fn a_key_is_shown_once_listed_without_its_secret_and_revoked() {
    let place = Place::new();
    place.run(&["migrate", "up"]).fine();
    place.run(&["keys", "create", "--name", ""]).refused(2, &["a key's name has 1 to 100"]);
    place.run(&["keys", "create", "--realm", "a b"]).refused(2, &["a realm has 1 to 100"]);
    assert!(place.run(&["keys", "list"]).fine().out.contains("there are no keys yet"));
    let made = place.run(&["keys", "create", "--name", "a back end with a long name"]).fine();
    let key = made.out.trim();
    assert!(key.starts_with("sk_specie_") && made.out.lines().count() == 1, "{made:?}");
    assert!(made.err.contains("shown once"));
    let other = place.run(&["keys", "create", "--json"]).fine().json();
    assert!(other["key"].as_str().unwrap().starts_with("sk_specie_"));

    let list = place.run(&["keys", "list"]).fine().out;
    assert!(!list.contains(key) && list.contains(&key[..22]), "{list}");
    let told = place.run(&["keys", "list", "--json"]).fine().json();
    let id = told["keys"][0]["id"].as_str().unwrap();
    place.run(&["keys", "revoke", id]).fine();
    place.run(&["keys", "revoke", id]).refused(2, &["no active key", "`specie keys list`"]);
    place.run(&["keys", "revoke", "x"]).refused(2, &["invalid value 'x'"]);
    let told = place.run(&["keys", "list", "--json"]).fine().json();
    assert!(told["keys"][0]["revoked_at"].is_string() && told["keys"][1]["revoked_at"].is_null());
}

#[test]
fn a_database_of_another_kind_is_refused_without_its_password() {
    let place = Place::new().with("DATABASE_URL", "mysql://me:secret@host/db");
    let ended = place.run(&["migrate", "up"]);
    ended.refused(2, &["`DATABASE_URL` begins with `mysql://`"]);
    assert!(!ended.err.contains("secret"));
    let misspelled = "postgres://me@127.0.0.1:1/db?sslmode=disable&pasword=secret";
    let ended = place.with("DATABASE_URL", misspelled).run(&["migrate", "up"]);
    assert!(ended.err.contains("has a parameter `pasword`, which nothing"), "{}", ended.err);
    assert!(!ended.err.contains("secret"), "{}", ended.err);
    let place = Place::new();
    for more in ["sqlite://specie.db?mode=rwc", "specie.db?mode=ro", ":memory:", "sqlite::memory:"]
    {
        let place = Place::new().with("DATABASE_URL", more);
        place
            .run(&["migrate", "up"])
            .refused(2, &["`DATABASE_URL` is to name a SQLite file alone"]);
        assert_eq!(place.names(), [""; 0], "{more}");
    }
    let place = place.with("DATABASE_URL", "postgres://me:secret@127.0.0.1:1/db");
    let ended = place.run(&["migrate", "status"]);
    ended.refused(1, &["the database cannot be reached"]);
    assert!(!ended.err.contains("secret"), "{}", ended.err);
}

/// A database that is in use for as long as the file is open.
fn held(place: &Place) -> File {
    place.run(&["migrate", "up"]).fine();
    let lock = File::options().write(true).open(place.path("specie.db.lock")).unwrap();
    lock.lock().unwrap();
    lock
}

#[test]
fn who_holds_the_file_for_a_moment_is_waited_for() {
    let place = Place::new();
    let lock = held(&place);
    let waiting = place.start(&["keys", "create"]);
    assert_eq!(waiting.until("waiting").len(), 1);
    drop(lock);
    assert!(waiting.end().out.starts_with("sk_specie_"));
}

#[test]
fn who_holds_the_file_and_does_not_answer_is_told() {
    let place = Place::new();
    let _lock = held(&place);
    place.run(&["keys", "create"]).refused(1, &["another process uses", "takes no orders"]);
    place.write("specie.db.door", "{");
    place.run(&["keys", "create"]).refused(1, &["takes no orders", "hint: stop it"]);
    let port = free_port();
    let door = format!(r#"{{"address": "http://127.0.0.1:{port}", "token": "t"}}"#);
    place.write("specie.db.door", &door);
    let told = format!("does not answer at http://127.0.0.1:{port}");
    place.run(&["keys", "create"]).refused(1, &[&told, "hint: stop it"]);
}
