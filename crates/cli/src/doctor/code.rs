//! All that can be found, by the codes that programs read.

/// Writes each code beside its name.
macro_rules! codes {
    ($($name:ident = $code:literal,)*) => {
        /// What was found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Code {
            $($name,)*
        }

        impl Code {
            /// All of them.
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As programs read it.
            pub(super) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

// In the order of `docs/operating.md`.
codes! {
    DatabaseMissing = "database-missing",
    DatabaseUnreachable = "database-unreachable",
    DatabaseReadOnly = "database-read-only",
    SchemaOld = "schema-old",
    SchemaNew = "schema-new",
    DatabaseClock = "database-clock",
    StripeClock = "stripe-clock",
    StripeUnreachable = "stripe-unreachable",
    StripeKeyRefused = "stripe-key-refused",
    StripeRightMissing = "stripe-right-missing",
    AccountMismatch = "account-mismatch",
    ModeMismatch = "mode-mismatch",
    PriceMissing = "price-missing",
    WebhookMissing = "webhook-missing",
    WebhookDisabled = "webhook-disabled",
    WebhookVersion = "webhook-version",
    WebhookEvents = "webhook-events",
    EventsMissing = "events-missing",
    WebhooksSilent = "webhooks-silent",
    MailNotConfigured = "mail-not-configured",
    MailLoginExposed = "mail-login-exposed",
    MailUnreachable = "mail-unreachable",
    MailNotSent = "mail-not-sent",
    ServiceNotRunning = "service-not-running",
    ServiceNotReady = "service-not-ready",
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: &str = include_str!("../../../../docs/operating.md");

    /// The codes of the manual's table: the first cell of a row may name several.
    fn described() -> Vec<&'static str> {
        let (_, part) = MANUAL.split_once("\n## Doctor\n").expect("the manual has that part");
        let lines = part.lines().skip_while(|line| !line.starts_with("| --- "));
        let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
        let cells = rows.filter_map(|row| row.split('|').nth(1));
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
    }

    #[test]
    fn the_manual_and_the_findings_are_one_list() {
        let found: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(described(), found);
    }
}
