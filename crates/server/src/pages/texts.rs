//! What the pages say: one file by language, checked when it is read. A text that a page names and
//! the file lacks does not compile or does not load; nothing falls back silently.

use std::sync::LazyLock;

use serde::Deserialize;

macro_rules! texts {
    ($($name:ident)*) => {
        /// The texts of one language. Places in braces are filled by [`fill`].
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(missing_docs, reason = "the texts themselves stand in texts/en.json")]
        pub struct Texts {
            pub months: [String; 12],
            pub months_short: [String; 12],
            $(pub $name: String,)*
        }
    };
}

texts! {
    lang date title skip nav nav_plans nav_account back_to_app legal terms privacy support monthly
    annual every_day every_days every_week every_weeks every_month every_months every_year
    every_years plans_title plans_lead plans_toggle plans_toggle_saves plans_saves plans_choose plans_continue
    plans_yours plans_manage plans_taken plans_not_sold plans_features plans_not_paid plans_not_paid_text
    account_title account_lead account_plan account_price account_next account_next_value
    account_in_group account_none_due account_until account_ended account_since account_none_title account_none_text
    account_see_plans account_cancel account_resume account_card account_card_ending account_no_card
    account_update_card account_history account_history_none account_older account_newest
    account_date account_amount account_status account_with account_receipt account_receipt_of
    account_pdf account_pdf_of account_pay_of account_finish account_open_checkout
    account_open_checkout_text paid_title paid_text canceled_title canceled_text resumed_title
    resumed_text past_due_title past_due_text past_due_ended_text past_due_retry incomplete_title
    incomplete_text conflict_title conflict_text stale_title stale_text status_none status_trialing
    status_active status_active_ending status_past_due status_unpaid status_canceled
    status_incomplete status_incomplete_expired status_paused payment_pending
    payment_requires_action payment_succeeded payment_failed payment_partially_refunded
    payment_refunded payment_disputed cancel_title cancel_text cancel_text_undated cancel_text_owing cancel_confirm
    cancel_keep return_title return_text return_again return_done_title return_done_text return_resume sign_in_title sign_in_text
    error_title error_not_found error_not_found_text error_form error_subscribed error_stripe
    error_busy error_catalog error_no_customer error_not_sold error_not_possible error_request
    error_often error_other error_back
}

static ENGLISH: LazyLock<Texts> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../texts/en.json")).expect("a test reads this file")
});

/// The English texts.
pub fn english() -> &'static Texts {
    &ENGLISH
}

/// Fills the places of a text: `{name}` becomes the value of `name`. A value is never filled again.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let place = after.split_once('}').and_then(|(name, behind)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, behind))
        });
        match place {
            Some((value, behind)) => {
                filled.push_str(value);
                rest = behind;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_english_file_has_every_text() {
        assert_eq!(english().lang, "en");
        assert!(english().months.iter().all(|month| !month.is_empty()));
    }

    #[test]
    fn places_are_filled_once_and_unknown_ones_stay() {
        assert_eq!(fill("a {x} b {y}", &[("x", "{y}"), ("y", "2")]), "a {y} b 2");
        assert_eq!(fill("{z} {", &[("x", "1")]), "{z} {");
    }
}
