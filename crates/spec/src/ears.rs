//! EARS, the Easy Approach to Requirements Syntax: how a criterion begins and what it demands.
//!
//! ```text
//! criterion := lead* system modal response
//! lead      := WHEN trigger | WHILE state | WHERE feature | IF condition [","] THEN
//! system    := ["THE"] name          modal := SHALL ["NOT"] ["CONTINUE TO"] | MUST | SHOULD
//! ```

/// The class of a criterion: by the clause that leads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "EARS' own words")]
pub enum Lead {
    When,
    While,
    Where,
    If,
    /// It holds always: there is no leading clause.
    Ubiquitous,
    /// It has neither a leading clause nor SHALL, MUST or SHOULD.
    None,
}

impl Lead {
    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::When => "when",
            Self::While => "while",
            Self::Where => "where",
            Self::If => "if",
            Self::Ubiquitous => "ubiquitous",
            Self::None => "none",
        }
    }
}

/// The class of a criterion.
pub fn lead(text: &str) -> Lead {
    let mut words = words(text);
    let first = words.next().unwrap_or_default();
    match first.as_str() {
        "WHEN" => Lead::When,
        "WHILE" => Lead::While,
        "WHERE" => Lead::Where,
        "IF" => Lead::If,
        _ => {
            let modal = |word: &String| matches!(word.as_str(), "SHALL" | "MUST" | "SHOULD");
            match modal(&first) || words.any(|word| modal(&word)) {
                true => Lead::Ubiquitous,
                false => Lead::None,
            }
        }
    }
}

/// The words of a text, without marks, in capitals.
fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let split = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    split.filter(|word| !word.is_empty()).map(str::to_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leading_clause_is_the_class() {
        let cases = [
            ("WHEN a refund is asked, THE Ledger SHALL create one entry", Lead::When),
            ("**When** a refund is asked, the Ledger shall create one entry", Lead::When),
            ("IF the amount is too large, THEN THE API SHALL answer 400", Lead::If),
            (
                "WHILE a dispute is open, WHEN a refund is asked, THE API SHALL reject it",
                Lead::While,
            ),
            ("WHERE webhooks are enabled, THE API SHALL emit it", Lead::Where),
            ("THE Ledger SHALL keep debits equal to credits", Lead::Ubiquitous),
            ("All tables created", Lead::None),
            ("", Lead::None),
        ];
        for (text, expected) in cases {
            assert_eq!(lead(text), expected, "{text}");
        }
    }
}
