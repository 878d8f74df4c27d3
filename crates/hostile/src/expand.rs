//! `expand[]` and the rest of a query, as the sandbox reads them.

use std::cell::RefCell;

use serde_json::Value;
use specie_sandbox::world::{Call, Config, World};
use specie_stripe::Form;

use crate::{Target, many};

pub const TARGET: Target = Target {
    name: "expand",
    seeds,
    words: &[
        "data",
        "customer",
        "latest_invoice",
        "payments",
        "payment",
        "payment_intent",
        "items",
        "default_payment_method",
        "price",
        "product",
        "subscriptions",
        "invoice_settings",
        ".",
        "..",
        "refunds",
        "latest_charge",
        "object",
        "id",
        "0",
        "expand[]=",
        "&",
        "limit=",
        "starting_after=",
        "created[gte]=",
        "[",
        "]",
        "%00",
    ],
    run,
    grown,
};

fn seeds() -> Vec<Vec<u8>> {
    [
        "latest_invoice.payments.data.payment",
        "data.customer.invoice_settings.default_payment_method",
        "customer.subscriptions.data.items",
        "items.data.price.product",
        "data",
        "expand[]=data.customer&limit=3&status=all&created[gte]=1",
        "expand[0]=customer&expand[1]=latest_invoice.customer",
        "limit=100&starting_after=sub_1&ending_before=sub_2",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

/// A world with a customer who pays, the id of the subscription, and how often it was written.
struct Scene {
    world: World,
    subscription: String,
    written: u32,
}

/// After so many writes another world is made: each leaves an event.
const MOST_WRITTEN: u32 = 1_000;

thread_local! {
    static SCENE: RefCell<Scene> = RefCell::new(scene());
}

const NOW: i64 = 1_767_225_600;

fn call(world: &mut World, method: &str, path: &str, query: String, body: &Form) -> (u16, Value) {
    let reply = world.call(
        &Call {
            method: method.into(),
            path: path.into(),
            query,
            body: body.to_body(),
            authorization: Some("Bearer sk_test_anybody".into()),
            ..Call::default()
        },
        NOW,
    );
    let body = serde_json::from_str(&reply.body).expect("every answer is JSON");
    (reply.status, body)
}

fn made(world: &mut World, path: &str, form: &Form) -> String {
    let (status, body) = call(world, "POST", path, String::new(), form);
    assert_eq!(status, 200, "{path}: {body}");
    body["id"].as_str().expect("what is made has an id").to_owned()
}

fn scene() -> Scene {
    let mut world = World::new(Config::new(1, NOW, "http://stripe.localhost"));
    let product = made(&mut world, "/v1/products", &Form::new().set("name", "Pro"));
    let price = Form::new()
        .set("product", product)
        .set("currency", "usd")
        .set_int("unit_amount", 2900)
        .set("recurring[interval]", "month");
    let price = made(&mut world, "/v1/prices", &price);
    let customer = made(&mut world, "/v1/customers", &Form::new().set("name", "Ada"));
    let form = Form::new().set("customer", customer.as_str());
    let card = made(&mut world, "/v1/payment_methods/pm_card_visa/attach", &form);
    let form = Form::new()
        .set("customer", customer)
        .set("default_payment_method", card)
        .set("items[0][price]", price);
    let subscription = made(&mut world, "/v1/subscriptions", &form);
    Scene { world, subscription, written: 0 }
}

fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    SCENE.with_borrow_mut(|scene| {
        write(scene, &text);
        let Scene { world, subscription, .. } = scene;
        let one = format!("/v1/subscriptions/{subscription}");
        let expanded = Form::new().set("expand[]", text.as_ref()).to_body();
        for (path, query) in [
            (one.as_str(), expanded.clone()),
            ("/v1/subscriptions", expanded),
            ("/v1/subscriptions", text.clone().into_owned()),
        ] {
            let (status, body) = call(world, "GET", path, query, &Form::new());
            match status {
                200 => assert!(body["object"].is_string(), "{text}: {body}"),
                400 => assert!(body["error"]["type"].is_string(), "{text}: {body}"),
                other => panic!("{text}: {other}: {body}"),
            }
        }
        assert_eq!(world.list("subscription").len(), 1, "a read has changed something");
    });
}

/// A write that is refused for what it asks to be expanded has changed nothing.
fn write(scene: &mut Scene, text: &str) {
    if scene.written == MOST_WRITTEN {
        *scene = self::scene();
    }
    scene.written += 1;
    let Scene { world, subscription, written } = scene;
    let mark = written.to_string();
    let form = Form::new().set("metadata[written]", &mark).set("expand[]", text);
    let path = format!("/v1/subscriptions/{subscription}");
    let (status, body) = call(world, "POST", &path, String::new(), &form);
    let kept = world.object(subscription).expect("it is there");
    let changed = kept["metadata"]["written"] == mark;
    assert!(status == if changed { 200 } else { 400 }, "{text}: {status}: {body}");
}

fn grown(size: usize) -> Vec<Vec<u8>> {
    vec![
        many("data.", size),
        many(".", size),
        many("expand[]=data.customer&", size),
        many("expand[]=data&", size),
        many("customer", size),
        many("limit=1&", size),
    ]
}
