//! All alarms that this service can raise.

/// Something that needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its name, in logs and metrics.
    pub code: &'static str,
    /// What it says.
    pub meaning: &'static str,
    /// What to do about it.
    pub mend: &'static str,
    /// Whether it is known only that it happened: then it stands for a day.
    pub(super) happens: bool,
}

const fn state(code: &'static str, meaning: &'static str, mend: &'static str) -> Alarm {
    Alarm { code, meaning, mend, happens: false }
}

const fn happens(code: &'static str, meaning: &'static str, mend: &'static str) -> Alarm {
    Alarm { code, meaning, mend, happens: true }
}

/// All of them, by their codes.
pub const ALARMS: [Alarm; 20] = [
    state(
        "clock_off",
        "this machine's clock and the database's, or Stripe's, differ by more than a minute",
        "switch time synchronisation on (NTP)",
    ),
    state(
        "event_parked",
        "an event failed again and again and was set aside; its customer's view is `stale`",
        "look at its id in the log, and replay it once the cause is mended",
    ),
    state(
        "foreign_event",
        "an event of another Stripe account or mode came within the last day and was kept apart",
        "take the endpoint out of the other account or mode, or give this installation its own secret",
    ),
    state(
        "intent_stuck",
        "a change at Stripe cannot be finished or undone by itself",
        "look at its customer in Stripe's dashboard, then `specie intents retry ID` or `specie intents close ID`",
    ),
    state(
        "mail_failing",
        "mails wait after several tries, or were given up within the last day",
        "run `specie doctor`; look at `failure` in the table `mails`",
    ),
    state(
        "no_webhook",
        "events are made at Stripe, and none has been delivered for five minutes",
        "run `specie doctor`; look at the endpoint's deliveries in Stripe's dashboard",
    ),
    state(
        "not_stored",
        "the database did not take the events that came last; they were answered 503",
        "make room on the database's disk, or look at the log for what it says; Stripe sends them again",
    ),
    happens(
        "not_taken_back",
        "a second subscription could not be canceled and refunded",
        "cancel and refund it in Stripe's dashboard",
    ),
    state(
        "quarantined",
        "an object is of another currency or period than the catalog's, and grants nothing",
        "look at it in Stripe's dashboard; cancel it, or mend it there",
    ),
    happens(
        "refund_ceiling",
        "more second subscriptions came up in a day than are taken back by themselves",
        "find out where they come from; cancel and refund them in Stripe's dashboard",
    ),
    happens(
        "row_corrupt",
        "a row of the database holds what it never should; what needs it waits, and nothing else",
        "the log names table, column and key: put the row right, from a backup if need be",
    ),
    state(
        "second_subscription",
        "a customer has two subscriptions of one plan group",
        "cancel one of them in Stripe's dashboard, and refund it",
    ),
    state(
        "stripe_key_refused",
        "Stripe does not accept the API key; changes wait",
        "put a valid key into `STRIPE_SECRET_KEY` and start the service anew",
    ),
    state(
        "stripe_right_missing",
        "the API key may not read something that is needed, and what needs it waits, or may not change \
         something, and who asked for that change was refused",
        "add the right to the key in Stripe's dashboard (Developers, API keys); `specie doctor` names it",
    ),
    state(
        "stripe_unreachable",
        "Stripe has not answered, or its list of events was not read for five minutes",
        "look at status.stripe.com and at the network; nothing is lost meanwhile",
    ),
    happens(
        "unknown_price",
        "a subscription was moved to a price that is not in the catalog",
        "move it back in Stripe's dashboard, or add the price to the catalog",
    ),
    state(
        "webhook_disabled",
        "Stripe has disabled the webhook endpoint",
        "mend what the deliveries in Stripe's dashboard fail by, and enable the endpoint there",
    ),
    happens(
        "wish_put_off",
        "something that was to be looked at failed again and again; it is tried again each hour",
        "look at its lane in the log; tell us if it stays",
    ),
    happens(
        "worker_panicked",
        "a part of the background work ended by a bug and began again",
        "keep the log and tell us; the work itself is repeated",
    ),
    state(
        "wrong_account",
        "the API key is of another account or mode than this installation; nothing is read or changed",
        "use the key of the account that this database belongs to, or another database",
    ),
];
