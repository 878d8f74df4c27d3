//! The header `Stripe-Signature`: its first line is the header, the rest is the body.

use specie_stripe::{BadSignature, Secrets, sign};
use specie_vocab::{Secret, WallTime};

use crate::{Target, many};

pub const TARGET: Target = Target {
    name: "signature",
    seeds,
    words: &["t=", "v1=", "v0=", ",", "t=1700000000", "t=-1", "t=99999999999999999999", "v1=ff"],
    run,
    grown,
};

const NOW: i64 = 1_700_000_000;
const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;

fn secrets() -> [Secret; 2] {
    ["whsec_old", "whsec_new"].map(Secret::new)
}

fn signed(seconds: i64) -> String {
    sign(&secrets()[1], BODY, WallTime::from_second(NOW + seconds))
}

fn seeds() -> Vec<Vec<u8>> {
    let two = signed(0).replace(",v1=", &format!(",v1={},v1=", "0".repeat(64)));
    let headers = [signed(0), signed(-301), signed(600), two, "t=1,v1=00".into()];
    headers.map(|header| [header.as_bytes(), b"\n", BODY].concat()).into()
}

fn run(bytes: &[u8]) {
    let secrets = secrets();
    let known = Secrets::new(secrets.clone());
    let now = WallTime::from_second(NOW);
    let (header, body) = bytes.split_at(bytes.iter().position(|b| *b == b'\n').unwrap_or(0));
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let header = String::from_utf8_lossy(header);

    // Believed is only what one of the two secrets signs, under a stamp of the header's.
    match known.verify(&header, body, now) {
        Ok(verified) => {
            assert_eq!(verified.bytes(), body);
            let stamp = header.split(',').find_map(|part| part.trim().strip_prefix("t="));
            let at = stamp.and_then(|stamp| stamp.parse().ok()).expect("it had a stamp");
            let lower = header.to_ascii_lowercase();
            let made = |secret| sign(secret, body, WallTime::from_second(at));
            let tag = |made: String| made.split_once(",v1=").map(|(_, tag)| tag.to_owned());
            let tags = secrets.iter().filter_map(|secret| tag(made(secret)));
            assert!(tags.into_iter().any(|tag| lower.contains(&tag)), "{header}");
            assert!(at >= NOW - 300, "{header}");
            assert_eq!(verified.from_future(), at > NOW, "{header}");
        }
        Err(reason) => assert!(!reason.to_string().is_empty()),
    }

    // Whatever the bytes are: what was signed holds, and holds for nothing else.
    let good = sign(&secrets[0], bytes, now);
    assert!(known.verify(&good, bytes, now).is_ok());
    let late = now.plus_seconds(301);
    assert_eq!(known.verify(&good, bytes, late).err(), Some(BadSignature::Late));
    let mut other = bytes.to_vec();
    other.push(b' ');
    assert_eq!(known.verify(&good, &other, now).err(), Some(BadSignature::Wrong));
}

fn grown(size: usize) -> Vec<Vec<u8>> {
    let tag = format!("v1={},", "0".repeat(64));
    let line = |unit: &str| [b"t=1700000000,", many(unit, size).as_slice(), b"\n{}"].concat();
    vec![line(&tag), line(","), line("t="), [b"t=1,v1=00\n", many("a", size).as_slice()].concat()]
}
