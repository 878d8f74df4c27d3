//! `specie sandbox` from outside.

use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::place::{Place, Running};
use crate::web::{STRIPE, get, linger, send, stripe, try_to_send};

const SOON: Duration = Duration::from_secs(10);

fn start(place: &Place, more: &[&str]) -> (Running, String, Value) {
    let running = place.start(&[&["sandbox", "--port", "0", "--json"], more].concat());
    let said = running.json();
    let url = said["url"].as_str().unwrap().to_owned();
    (running, url, said)
}

fn make(url: &str) -> String {
    let made = stripe("POST", url, "/v1/customers", "email=ada%40example.com");
    made["id"].as_str().unwrap().to_owned()
}

#[test]
fn it_survives_being_killed_and_goes_on() {
    let place = Place::new();
    let (running, url, _) = start(&place, &[]);
    let ada = make(&url);
    running.signal("KILL");
    assert_eq!(running.end().code, None);
    let (running, url, _) = start(&place, &[]);
    let found = stripe("GET", &url, &format!("/v1/customers/{ada}"), "");
    assert_eq!(found["email"], "ada@example.com");
    // Connections that stay open do not keep it.
    assert_eq!(get(&format!("{url}/objects")).status, 200);
    let kept = linger(&url);
    running.stops_by("TERM", SOON);
    drop(kept);

    let (running, url, _) = start(&place, &["--fresh"]);
    assert_eq!(stripe("GET", &url, "/v1/customers", "")["data"], Value::Array(Vec::new()));
    running.until("the old state is in .specie/local/stripe.");
    running.stops_by("INT", SOON);
}

#[test]
fn the_same_seed_gives_the_same_ids() {
    let ids: Vec<_> = ["7", "7", "8"]
        .map(|seed| {
            let place = Place::new();
            let (running, url, _) = start(&place, &["--data-dir", "world", "--seed", seed]);
            let id = make(&url);
            running.stops_by("INT", SOON);
            let again =
                place.run(&["sandbox", "--port", "0", "--data-dir", "world", "--seed", "9"]);
            again.refused(2, &[&format!("begun with seed {seed}"), "`--fresh`"]);
            id
        })
        .into();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

#[test]
fn it_is_for_this_machine_alone() {
    let place = Place::new();
    let (running, url, said) = start(&place, &[]);
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let clock = format!("{url}/_sandbox/clock");
    let key = ("Specie-Sandbox-Key", said["control_key"].as_str().unwrap());
    assert_eq!(send("GET", &clock, &[key], "").status, 200);
    assert_eq!(send("GET", &clock, &[], "").status, 401);
    let elsewhere = ("Origin", "https://evil.example.com");
    assert_eq!(send("GET", &clock, &[key, elsewhere], "").status, 403);
    let ended = place.run(&["sandbox", "--port", "0"]);
    ended.refused(1, &["in use by another process", "name another folder"]);
    running.stops_by("INT", SOON);
}

#[test]
fn chaos_is_let_loose_by_knobs_or_a_file_and_ended() {
    let place = Place::new();
    let status = |more: &[&str]| {
        let (running, url, said) = start(&place, more);
        let answer = send("POST", &format!("{url}/v1/customers"), &STRIPE, "");
        running.stops_by("INT", SOON);
        (answer.status, said["chaos"]["limit"].as_u64())
    };
    assert_eq!(status(&["--chaos", "limit=100,seed=7"]), (429, Some(100)));
    assert_eq!(status(&[]), (429, Some(100)), "it is kept with the state");
    assert_eq!(status(&["--chaos", "off"]), (200, Some(0)));
    place.write("chaos", "# bad days\nerror_before = 100\n");
    assert_eq!(status(&["--chaos", "chaos"]), (500, Some(0)));
    let refused = |knobs: &str, said: &[&str]| {
        place.run(&["sandbox", "--port", "0", "--fresh", "--chaos", knobs]).refused(2, said);
    };
    refused("win=5", &["`--chaos win=5`: there is no knob `win`", "hint: "]);
    refused("nowhere", &["`--chaos nowhere`: ", "hint: name a file or knobs"]);
    assert_eq!(status(&[]).0, 500, "nothing was moved aside");
}

#[test]
fn killing_it_at_any_moment_loses_nothing_that_was_answered() {
    let place = Place::new();
    let mut all: Vec<String> = Vec::new();
    for (wanted, chaos) in [(1, "error_after=30"), (40, "error_before=20,stale=20"), (13, "off")] {
        let (running, url, _) = start(&place, &["--chaos", chaos]);
        let (tell, told) = mpsc::channel();
        let caller = std::thread::spawn(move || {
            let to = format!("{url}/v1/customers");
            while let Ok(Some(answer)) = try_to_send("POST", &to, &STRIPE, "name=Ada") {
                let made = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
                if let Some(id) = made["id"].as_str().filter(|_| answer.status == 200)
                    && tell.send(id.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        all.extend(told.iter().take(wanted));
        running.signal("KILL");
        assert_eq!(running.end().code, None);
        caller.join().unwrap();
        all.extend(told.try_iter());

        let (running, url, _) = start(&place, &["--chaos", "off"]);
        for id in &all {
            let found = stripe("GET", &url, &format!("/v1/customers/{id}"), "");
            assert_eq!(found["name"], "Ada");
        }
        running.stops_by("TERM", SOON);
    }
}
