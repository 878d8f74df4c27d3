//! The app's JWTs: as they come, and with any claims or any header under a good signature.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use specie_billing::catalog::JwtClaims;
use specie_server::app::JwtSettings;
use specie_server::auth::jwt::check;
use specie_vocab::{Secret, WallTime};

use crate::{Target, many};

pub const TARGET: Target = Target {
    name: "jwt",
    seeds,
    words: &[
        ".",
        "\"alg\":\"none\"",
        "\"alg\":\"HS256\"",
        "\"alg\":\"HS512\"",
        "\"alg\":\"RS256\"",
        "\"crit\":[\"b64\"]",
        "\"exp\":",
        "\"nbf\":",
        "\"aud\":",
        "\"iss\":",
        "\"sub\":",
        "\"billing\":",
        "1e308",
        "-1e308",
        "9223372036854775807",
        "[\"specie\"]",
        "null",
        "\\u0000",
    ],
    run,
    grown,
};

const NOW: i64 = 1_800_000_000;
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const HEAD: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const GOOD: &str = r#"{"sub":"user_1","exp":1800000060,"aud":"specie","iss":"app"}"#;

fn seeds() -> Vec<Vec<u8>> {
    let whole = signed(HEAD.as_bytes(), GOOD.as_bytes());
    let claims = r#"{"sub":"u","exp":1800000060.5,"nbf":0,"aud":["a","specie"],"iss":"app","billing":"read"}"#;
    let head = r#"{"alg":"HS256","crit":["exp"],"kid":"k","jwk":{},"x5c":[]}"#;
    [whole.as_str(), GOOD, claims, HEAD, head].map(|text| text.as_bytes().to_vec()).into()
}

fn signed(head: &[u8], claims: &[u8]) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes())))
}

fn accepted(token: &str) -> Option<String> {
    let settings = JwtSettings {
        secret: Secret::new(SECRET),
        issuer: "app".into(),
        audience: "specie".into(),
    };
    let names = JwtClaims {
        issuer: "app".into(),
        audience: "specie".into(),
        payer: "sub".into(),
        billing: "billing".into(),
    };
    let claims = check(&settings, &names, token, WallTime::from_second(NOW));
    claims.ok().map(|claims| claims.payer)
}

fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(payer) = accepted(&text) {
        let mut parts = text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part));
        let (Some(Ok(head)), Some(Ok(claims))) = (parts.next(), parts.next()) else {
            panic!("accepted, and no JWT: {text}");
        };
        assert_eq!(*text, signed(&head, &claims), "accepted, and not signed so");
        assert_fits(&head, &claims, &payer);
    }
    if let Some(payer) = accepted(&signed(HEAD.as_bytes(), bytes)) {
        assert_fits(HEAD.as_bytes(), bytes, &payer);
    }
    if let Some(payer) = accepted(&signed(bytes, GOOD.as_bytes())) {
        assert_fits(bytes, GOOD.as_bytes(), &payer);
    }
}

/// Another reading of the rules.
fn assert_fits(head: &[u8], claims: &[u8], payer: &str) {
    let head: Value = serde_json::from_slice(head).expect("an accepted header is JSON");
    let claims: Value = serde_json::from_slice(claims).expect("accepted claims are JSON");
    assert_eq!(head["alg"], "HS256", "{head}");
    assert!(head["crit"].is_null(), "{head}");
    assert_eq!(claims["sub"].as_str(), Some(payer), "{claims}");
    let is = |value: &Value, word: &str| {
        value == word || value.as_array().is_some_and(|all| all.iter().any(|it| it == word))
    };
    assert!(is(&claims["aud"], "specie") && is(&claims["iss"], "app"), "{claims}");
    assert!(claims["exp"].as_f64().is_some_and(|exp| exp > (NOW - 61) as f64), "{claims}");
    let nbf = claims["nbf"].as_f64();
    assert!(nbf.is_none_or(|nbf| nbf < (NOW + 62) as f64), "{claims}");
    let billing = claims.get("billing").map(|it| it.as_str());
    assert!(matches!(billing, None | Some(Some("read" | "write"))), "{claims}");
}

fn grown(size: usize) -> Vec<Vec<u8>> {
    vec![
        many(".", size),
        many("a", size),
        signed(HEAD.as_bytes(), &many("[", size)).into_bytes(),
        [br#"{"sub":""#, many("a", size).as_slice(), br#""}"#].concat(),
        [br#"{"aud":["#, many("\"a\",", size).as_slice(), br#"""]}"#].concat(),
        many("[", size),
    ]
}
