//! One customer's subscription, from the first payment to the end.

use specie_scenario::{Card, Person};

use crate::set::stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_subscribes_and_sees_it_at_once() {
    eprintln!("opening");
    let (stage, _folder) = stage().await;
    eprintln!("open");
    let ada = Person::new(&stage, "ada", "Ada Lovelace");
    let checkout = ada.checkout("pro", "monthly").await.unwrap();
    eprintln!("{checkout}");
    let paid = ada.pay(checkout["url"].as_str().unwrap(), Card::GOOD).await.unwrap();
    eprintln!("{} {:?}", paid.status, paid.location());
    let view = ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    eprintln!("{view:#}");
    stage.conductor.settle().await.unwrap();
    assert_eq!(view["status"], "active");
}
