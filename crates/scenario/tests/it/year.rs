//! The demo's year, as its JSON tells it.

use specie_billing::{SAASKIT, catalog};
use specie_scenario::demo::{self, Telltale, Told};

#[tokio::test(flavor = "multi_thread")]
async fn a_year_of_three_customers_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("specie.db").display().to_string();
    let saaskit = catalog::parse(SAASKIT, "saaskit").unwrap();
    let stage = demo::stage(&database, saaskit, 7).await.unwrap();
    let telltale = Telltale { tell: &mut |_| {}, seconds: &|| 0.0, tamper: false };
    let told = demo::play(&stage, telltale).await.unwrap();

    assert_eq!(told.agree.differing, [] as [String; 0]);
    assert!(told.agree.of >= 200, "{}", told.agree.of);
    let of = |who: &str, status: &str| {
        told.charges.iter().filter(|it| it.customer == who && it.status == status).count()
    };
    assert_eq!((of("linus", "succeeded"), of("linus", "failed")), (13, 0));
    let linus: i64 =
        told.charges.iter().filter(|it| it.customer == "linus").map(|it| it.amount).sum();
    assert_eq!(linus, 37_700);
    assert_eq!((of("grace", "succeeded"), of("grace", "failed")), (1, 0));
    assert_eq!((of("ada", "succeeded"), of("ada", "failed")), (8, 2));
    assert_eq!(told.total, 37_700 + 29_000 + 8 * 2_900);

    // Periods of 30 days to the second; the charge follows an hour later from the second one on.
    let mut before = None;
    for charge in told.charges.iter().filter(|it| it.customer == "linus") {
        let (start, end) = (charge.period_start.as_second(), charge.period_end.as_second());
        assert_eq!(end - start, 30 * 86_400);
        assert!(before.is_none_or(|end| end == start));
        let late = charge.at.as_second() - start;
        assert_eq!(late, if before.is_none() { 0 } else { 3_601 });
        before = Some(end);
    }
    the_timeline_tells_it_all(&told);
}

/// Each charge, each decline and each mail has its line, and each line what the customer sees.
fn the_timeline_tells_it_all(told: &Told) {
    for line in &told.timeline {
        assert!(!line.sees.is_empty(), "nothing is seen of {line:?}");
    }
    for charge in &told.charges {
        let money = (charge.status == "succeeded").then(|| demo::dollars(charge.amount));
        let lines = told.timeline.iter().filter(|line| {
            let about = if money.is_some() { "pays for" } else { "the card is declined" };
            line.at == charge.at && line.customer == charge.customer && line.what.starts_with(about)
        });
        assert_eq!(lines.map(|line| line.money.clone()).collect::<Vec<_>>(), [money]);
    }
    for mail in &told.mails {
        let lines = told.timeline.iter().filter(|line| {
            line.at == mail.at && mail.to.starts_with(&line.customer) && line.what.contains("mail")
        });
        assert!(lines.count() >= 1, "{mail:?} is not told");
    }
    let mails = told.timeline.iter().filter(|line| line.what.starts_with("mail: "));
    assert_eq!(mails.count(), told.mails.len());
    let renewals = told.timeline.iter().filter(|line| line.what == "the next 30 days begin");
    assert_eq!(renewals.count(), 12 + 7, "Linus renews twelve times, Ada seven");
    assert!(told.timeline.iter().any(|line| line.what == "the subscription ends"));
    assert!(told.mails.is_sorted_by_key(|mail| mail.at));
}
