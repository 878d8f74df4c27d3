//! `specie.toml`.

use specie_billing::{SAASKIT, Severity, TIERS, catalog};

use crate::{Target, many};

pub const TARGET: Target = Target {
    name: "catalog",
    seeds,
    words: &[
        "[[plans]]",
        "[plans]",
        "[features]",
        "key = ",
        "amount = \"29.00\"",
        "every = \"30 days\"",
        "\"\"\"",
        "'''",
        "0x7fffffffffffffff",
        "-9223372036854775808",
        "nan",
        "inf",
        "{",
        "}",
        "[",
        "]",
        "=",
        "\n",
        "1979-05-27T07:32:00Z",
        "\"\\u0000\"",
        "sk_live_x",
        "whsec_x",
        "\u{feff}",
        "seats = ",
        "trial_days = ",
        "months = ",
        "99999999999999999.99",
        "0 days",
        "é",
    ],
    run,
    grown,
};

fn seeds() -> Vec<Vec<u8>> {
    let folded = SAASKIT.replace("\"annual\"", "\"an\\nual\"");
    [SAASKIT, TIERS, &folded].map(|text| text.as_bytes().to_vec()).into()
}

fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let checked = catalog::check(&text, "specie.toml");
    let good = checked.diagnostics.iter().all(|fault| fault.severity != Severity::Error);
    assert_eq!(checked.catalog.is_some(), good, "{text}");
    for fault in checked.diagnostics.iter().take(3) {
        assert!(text.get(fault.span.clone()).is_some(), "{fault}: {text}");
        assert!(fault.line > 0 && fault.column > 0, "{fault}");
        assert!(!fault.full(&text).is_empty() && !fault.to_string().contains('\n'), "{fault}");
    }
}

fn grown(size: usize) -> Vec<Vec<u8>> {
    let numbered = |unit: fn(usize) -> String, length: usize| {
        (0..size / length).map(unit).collect::<String>().into_bytes()
    };
    vec![
        many("a = \n", size),
        many("[", size),
        many("#\n", size),
        numbered(|n| format!("k{n} = 1\n"), 10),
        numbered(|n| format!("[t{n}]\n"), 10),
        numbered(|n| format!("[[plans]]\nkey = \"p{n}\"\n"), 24),
        [b"[features]\n".as_slice(), &numbered(|n| format!("f{n} = \"F\"\n"), 14)].concat(),
        [b"name = \"".as_slice(), &many("sk_live_a ", size), b"\""].concat(),
        [b"a = ".as_slice(), &many("[", size)].concat(),
        [b"a = ".as_slice(), &many("{b=", size)].concat(),
    ]
}
