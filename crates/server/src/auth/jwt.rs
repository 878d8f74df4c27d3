//! The app's own JWTs: one algorithm, demanded claims, our clock.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};
use specie_billing::catalog::JwtClaims;
use specie_vocab::WallTime;

use super::Rights;
use crate::app::JwtSettings;

/// How far two machines' clocks may differ, in seconds.
const LEEWAY: i64 = 60;
/// No token of an app is longer, in bytes.
const LONGEST: usize = 8 * 1024;

/// What a token that was accepted says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who pays, by the app's id.
    pub payer: String,
    /// What this user may do.
    pub rights: Rights,
}

/// Why a token is refused. Safe to show: it tells only what the token itself says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadJwt {
    /// No JWT, or not signed by the app with HS256.
    #[error("it is not a JWT signed with HS256 by this app's secret")]
    NotSigned,
    /// A claim is missing or of the wrong type.
    #[error("the claims `exp`, `aud`, `iss` and the one that names who pays are demanded")]
    Incomplete,
    /// Made for, or by, somebody else.
    #[error("`aud` or `iss` is not what this installation expects")]
    Stranger,
    /// Too old.
    #[error("it has expired")]
    Expired,
    /// `nbf` lies ahead.
    #[error("it is not valid yet")]
    Early,
    /// `billing` is neither `read` nor `write`.
    #[error("the claim that says what its user may do must be `read` or `write`")]
    UnknownRights,
}

/// Accepts a token that the app signed for us and that is valid at `now`. `names` says in which
/// claims the app writes who pays and what its user may do.
pub fn check(
    settings: &JwtSettings,
    names: &JwtClaims,
    token: &str,
    now: WallTime,
) -> Result<Claims, BadJwt> {
    use jsonwebtoken::errors::ErrorKind;

    if token.len() > LONGEST {
        return Err(BadJwt::NotSigned);
    }
    let mut validation = Validation::new(Algorithm::HS256);
    // The library reads the system's clock; times are checked below against ours.
    validation.validate_exp = false;
    validation.set_audience(&[&settings.audience]);
    validation.set_issuer(&[&settings.issuer]);
    validation.set_required_spec_claims(&["exp", "aud", "iss"]);
    let key = DecodingKey::from_secret(settings.secret.expose().as_bytes());
    let claims =
        jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation).map_err(|error| {
            match error.kind() {
                ErrorKind::MissingRequiredClaim(_) => BadJwt::Incomplete,
                ErrorKind::InvalidAudience | ErrorKind::InvalidIssuer => BadJwt::Stranger,
                _ => BadJwt::NotSigned,
            }
        })?;
    // What a header declares critical must be understood, and nothing is.
    if claims.header.crit.is_some() {
        return Err(BadJwt::NotSigned);
    }
    let claims = claims.claims;
    let payer = claims.get(&names.payer).and_then(Value::as_str).ok_or(BadJwt::Incomplete)?;
    let second = |name| match claims.get(name) {
        None => Ok(None),
        // RFC 7519 allows fractions; what lies behind the point never matters.
        Some(value) => {
            let whole = value.as_i64().or_else(|| value.as_f64().map(|number| number as i64));
            whole.map(Some).ok_or(BadJwt::Incomplete)
        }
    };
    let exp = second("exp")?.ok_or(BadJwt::Incomplete)?;

    if exp.saturating_add(LEEWAY) <= now.as_second() {
        return Err(BadJwt::Expired);
    }
    if second("nbf")?.is_some_and(|nbf| nbf.saturating_sub(LEEWAY) > now.as_second()) {
        return Err(BadJwt::Early);
    }
    let rights = match claims.get(&names.billing).map(Value::as_str) {
        None | Some(Some("write")) => Rights::Change,
        Some(Some("read")) => Rights::Read,
        Some(_) => return Err(BadJwt::UnknownRights),
    };
    Ok(Claims { payer: payer.into(), rights })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;
    use specie_vocab::Secret;

    const NOW: i64 = 1_800_000_000;

    fn settings() -> JwtSettings {
        JwtSettings {
            secret: Secret::new("0123456789abcdef0123456789abcdef"),
            issuer: "app".into(),
            audience: "specie".into(),
        }
    }

    fn names() -> JwtClaims {
        JwtClaims {
            issuer: "app".into(),
            audience: "specie".into(),
            payer: "sub".into(),
            billing: "billing".into(),
        }
    }

    fn signed(claims: &Value, algorithm: Algorithm, secret: &[u8]) -> String {
        let key = EncodingKey::from_secret(secret);
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    fn checked(claims: &Value) -> Result<Claims, BadJwt> {
        let settings = settings();
        let token = signed(claims, Algorithm::HS256, settings.secret.expose().as_bytes());
        check(&settings, &names(), &token, WallTime::from_second(NOW))
    }

    fn good() -> Value {
        json!({ "sub": "user_1", "exp": NOW + 60, "aud": "specie", "iss": "app" })
    }

    fn but(name: &str, value: Value) -> Value {
        let mut claims = good();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        claims
    }

    #[test]
    fn the_subject_pays_and_may_change_billing_unless_the_app_says_read() {
        let rights = |billing| checked(&but("billing", billing)).map(|claims| claims.rights);
        assert_eq!(checked(&good()).unwrap().payer, "user_1");
        assert_eq!(rights(Value::Null), Ok(Rights::Change));
        assert_eq!(rights(json!("write")), Ok(Rights::Change));
        assert_eq!(rights(json!("read")), Ok(Rights::Read));
        assert_eq!(rights(json!("READ")), Err(BadJwt::UnknownRights));
        assert_eq!(rights(json!("")), Err(BadJwt::UnknownRights));
        assert_eq!(rights(json!(true)), Err(BadJwt::UnknownRights));
    }

    #[test]
    fn the_catalog_may_name_other_claims() {
        let settings = settings();
        let claims = but("team", json!("team_1"));
        let token = signed(&claims, Algorithm::HS256, settings.secret.expose().as_bytes());
        let names = JwtClaims { payer: "team".into(), ..names() };
        let found = check(&settings, &names, &token, WallTime::from_second(NOW)).unwrap();
        assert_eq!(found.payer, "team_1");
    }

    #[test]
    fn each_claim_is_demanded_and_checked() {
        for name in ["exp", "aud", "iss", "sub"] {
            assert_eq!(checked(&but(name, Value::Null)), Err(BadJwt::Incomplete), "{name}");
        }
        assert_eq!(checked(&but("aud", json!("other"))), Err(BadJwt::Stranger));
        assert_eq!(checked(&but("iss", json!("other"))), Err(BadJwt::Stranger));
        assert_eq!(checked(&but("exp", json!("soon"))), Err(BadJwt::Incomplete));
        assert!(checked(&but("aud", json!(["other", "specie"]))).is_ok());
    }

    #[test]
    fn our_clock_decides_with_a_minute_of_leeway() {
        assert!(checked(&but("exp", json!(NOW - 59))).is_ok());
        assert_eq!(checked(&but("exp", json!(NOW - 60))), Err(BadJwt::Expired));
        assert_eq!(checked(&but("exp", json!(0))), Err(BadJwt::Expired));
        assert!(checked(&but("exp", json!(1_800_000_000.5))).is_ok());
        assert!(checked(&but("nbf", json!(NOW + 60))).is_ok());
        assert_eq!(checked(&but("nbf", json!(NOW + 61))), Err(BadJwt::Early));
    }

    #[test]
    fn only_hs256_with_the_apps_secret_counts() {
        let settings = settings();
        let refused = |token: &str| {
            check(&settings, &names(), token, WallTime::from_second(NOW)).unwrap_err()
        };
        let secret = settings.secret.expose().as_bytes();
        assert_eq!(refused(&signed(&good(), Algorithm::HS512, secret)), BadJwt::NotSigned);
        assert_eq!(refused(&signed(&good(), Algorithm::HS256, b"guess")), BadJwt::NotSigned);
        let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1c2VyXzEifQ.";
        assert_eq!(refused(unsigned), BadJwt::NotSigned);
        assert_eq!(refused(&"a".repeat(LONGEST + 1)), BadJwt::NotSigned);
        assert_eq!(refused(""), BadJwt::NotSigned);
        let header = Header { crit: Some(vec!["b64".into()]), ..Header::new(Algorithm::HS256) };
        let key = EncodingKey::from_secret(secret);
        let critical = jsonwebtoken::encode(&header, &good(), &key).unwrap();
        assert_eq!(refused(&critical), BadJwt::NotSigned);
    }
}
