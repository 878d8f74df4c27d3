//! Stripe: reachable, with a key that it takes, at the same time, and of the right account.

use specie_server::catalog::{not_applied, not_in_stripe};
use specie_store::{Db, installation};
use specie_stripe::{Form, Priority, StripeError};

use super::code::Code;
use super::report::{Finding, Report, error, warning};
use super::{Patient, now, off_by};
use crate::fail::Fail;

/// Asks Stripe whose key this is. Answers whether it let us in.
pub(super) async fn check(patient: &Patient, db: Option<&Db>, report: &mut Report) -> bool {
    let account = patient.stripe.get("/v1/account", &Form::new(), Priority::Interactive).await;
    let mut findings: Vec<Finding> = clock(patient).into_iter().collect();
    let account = match account {
        Ok(account) => account["id"].as_str().unwrap_or_default().to_owned(),
        Err(failed) => {
            findings.push(refused(patient, &failed));
            report.add("stripe", findings, "");
            return false;
        }
    };
    report.add(
        "stripe",
        findings,
        format!("{} answers, the key is of `{account}`", patient.found.stripe.base),
    );
    let Some(db) = db else {
        report.skip("account", "it takes the database");
        report.skip("prices", "it takes the database");
        return true;
    };
    match binding(patient, db, &account).await {
        Ok(findings) if findings.is_empty() => {
            report.add("account", findings, "this installation's");
        }
        Ok(findings) => {
            report.add("account", findings, "");
            report.skip("prices", "it takes this installation's key");
            return true;
        }
        Err(fail) => report.skip("account", fail.told()),
    }
    match prices(patient, db).await {
        Ok(findings) => report.add("prices", findings, "all of the catalog's are in Stripe"),
        Err(fail) => report.skip("prices", fail.told()),
    }
    true
}

fn refused(patient: &Patient, failed: &StripeError) -> Finding {
    match failed {
        StripeError::Unauthorized => error(
            Code::StripeKeyRefused,
            failed.to_string(),
            "a key that is valid",
            "make a new one in Stripe's dashboard (Developers, API keys), and put it into `STRIPE_SECRET_KEY`",
        ),
        StripeError::Refused(_) => error(
            Code::StripeRightMissing,
            format!("{failed} at `GET /v1/account`"),
            "a key that may read its own account",
            "give the restricted key the rights of docs/going-live.md",
        ),
        _ => error(
            Code::StripeUnreachable,
            format!("{failed} ({})", patient.found.stripe.base),
            "an answer of Stripe's",
            "look at the network, at a proxy on the way, and at status.stripe.com",
        ),
    }
}

fn clock(patient: &Patient) -> Option<Finding> {
    let ahead = patient.stripe.stripe_time()? - now().as_second();
    off_by("Stripe's", ahead).map(|found| {
        let mend =
            "switch time synchronisation on (NTP): signatures are refused after five minutes";
        error(Code::StripeClock, found, "less than a minute between the clocks", mend)
    })
}

/// Whether the key belongs to what is in the database.
async fn binding(patient: &Patient, db: &Db, account: &str) -> Result<Vec<Finding>, Fail> {
    let bound = installation::get(&mut db.read().await?).await?;
    let Some(bound) = bound else { return Ok(Vec::new()) };
    let mode = |live| if live { "live" } else { "test" };
    let expected = "the account and the mode that this database belongs to";
    let mend = "use that account's key, or another database";
    let mut findings = Vec::new();
    if let Some(ours) = bound.account.filter(|ours| ours.as_str() != account) {
        let found = format!("the key is of `{account}`, the database of `{ours}`");
        findings.push(error(Code::AccountMismatch, found, expected, mend));
    }
    if let Some(ours) = bound.livemode.filter(|ours| *ours != patient.found.stripe.live) {
        let key = mode(patient.found.stripe.live);
        let found = format!("the key is of {key} mode, the database of {} mode", mode(ours));
        findings.push(error(Code::ModeMismatch, found, expected, mend));
    }
    Ok(findings)
}

async fn prices(patient: &Patient, db: &Db) -> Result<Vec<Finding>, Fail> {
    let missing = not_applied(db, &patient.catalog).await?;
    let lost = match not_in_stripe(db, &patient.stripe, &patient.catalog).await {
        Ok(lost) => lost,
        Err(error) if missing.is_empty() => {
            return Err(Fail::Failed(format!("the list of prices cannot be read: {error}")));
        }
        Err(_) => Vec::new(),
    };
    let apply = "run `specie catalog apply`";
    let switch_on = "switch them on in Stripe's dashboard, or run `specie catalog apply`, which names \
                     what is in its way";
    let all = [("not in Stripe yet", missing, apply), ("no longer so in Stripe", lost, switch_on)];
    let found = all.into_iter().filter(|(_, prices, _)| !prices.is_empty());
    Ok(found.map(|(what, prices, mend)| price_missing(what, &prices, mend)).collect())
}

fn price_missing(what: &str, prices: &[String], mend: &str) -> Finding {
    warning(
        Code::PriceMissing,
        format!("{what}: {}", prices.join(", ")),
        "each price of the catalog active in Stripe, with its amount and its interval",
        mend,
    )
}
