//! The stable codes of errors, for programs; the documentation page lists them.

use serde::Serialize;
use utoipa::ToSchema;

/// A code that a problem document may carry.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// The code.
    pub code: &'static str,
    /// The HTTP status it comes with.
    pub status: u16,
    /// When it comes, and what to do.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($code:literal $status:literal $meaning:literal;)*) => {
        /// All codes, by status.
        pub const CODES: &[Code] =
            &[$(Code { code: $code, status: $status, meaning: $meaning }),*];
    };
}

codes! {
    "invalid_request" 400 "The body, the query or a header is not what was expected.";
    "return_url_not_allowed" 400 "A return address is not on the catalog's allow-list.";
    "unauthenticated" 401 "Send a server key or a JWT of the app; a page needs a link made for its visitor.";
    "forbidden" 403 "The credential does not allow this.";
    "form_expired" 403 "A form of the hosted pages was not made for this session. Load the page again.";
    "not_found" 404 "There is no such thing, or it belongs to somebody else.";
    "method_not_allowed" 405 "The address does not take this method.";
    "already_subscribed" 409 "The customer holds a plan of this group; `subscription` says which.";
    "catalog_not_applied" 409 "The price is not in Stripe yet as the catalog has it. Run `specie catalog apply`.";
    "change_in_progress" 409 "Another change of this customer is under way. Try again.";
    "checkout_in_progress" 409 "Another checkout of this customer is under way. Try again.";
    "currency_mismatch" 409 "The customer pays in another currency than the catalog's.";
    "idempotency_key_in_use" 409 "A request with this key is still being carried out. Try again.";
    "needs_operator" 409 "An earlier change is stuck, and a person must look at it first.";
    "no_stripe_customer" 409 "The customer has bought nothing, or nothing since they were deleted at Stripe: there is nothing to manage.";
    "not_possible" 409 "Stripe does not allow this in the present state; `subscription` says which.";
    "not_sold_yet" 409 "The catalog allows this, and the service cannot sell it yet.";
    "not_subscribed" 409 "The customer has no subscription to change.";
    "version_ahead" 409 "No decision about this customer is as new as `at_least` says. Try again.";
    "wrong_account" 409 "The Stripe key is of another account or mode than this installation's.";
    "changed_meanwhile" 412 "The subscription has changed since it was read; `subscription` says how.";
    "too_large" 413 "The body is too large.";
    "unsupported_media_type" 415 "Send the body as `application/json`.";
    "idempotency_key_reused" 422 "The key was used for another request.";
    "rate_limited" 429 "Too many calls for one customer. `Retry-After` says when to come back.";
    "internal" 500 "This went wrong on our side; the log says why.";
    "timed_out" 503 "This took too long. A change that was begun is finished by itself; ask what is so.";
    "stripe_unavailable" 503 "Stripe does not answer. What was begun is finished by itself; the call may be repeated.";
    "unavailable" 503 "The database is away. `Retry-After` says when to come back; the call may be repeated.";
}

/// An error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Where the code is explained.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// Stable, for programs.
    code: String,
    /// For people.
    detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn sources(folder: &Path, all: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, all);
            } else {
                all.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }

    /// Codes that the source makes: the first text after `ApiError::new(` or `conflict(`.
    fn made() -> Vec<String> {
        let mut text = String::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
        let calls = text.match_indices("ApiError::new(").chain(text.match_indices("conflict("));
        let code = |(at, _): (usize, &str)| {
            let (_, after) = text[at..].split_once('"')?;
            let (code, _) = after.split_once('"')?;
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            (!code.is_empty() && code.bytes().all(plain)).then(|| code.to_owned())
        };
        calls.filter_map(code).collect()
    }

    #[test]
    fn every_code_that_is_made_is_listed_and_explained() {
        let made = made();
        assert!(made.len() > 10, "the source is searched: {made:?}");
        for code in made {
            assert!(CODES.iter().any(|known| known.code == code), "`{code}` is not in CODES");
        }
    }

    #[test]
    fn codes_are_unique_and_ordered_by_status() {
        assert!(CODES.is_sorted_by_key(|code| code.status));
        let mut names: Vec<_> = CODES.iter().map(|code| code.code).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CODES.len());
    }
}
