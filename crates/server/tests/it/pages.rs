//! The hosted pages: who gets in, what the forms take, what the headers say.

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::json;

use crate::house::{Browser, House, Wish, both, hidden};

const PAGES: [&str; 5] = [
    "/billing/plans",
    "/billing/account",
    "/billing/cancel",
    "/billing/return?session=cs_1",
    "/billing/account?cursor=x",
];

/// A link into the pages for a customer, as a path of ours.
async fn link(house: &House, customer: &str) -> String {
    let made = house.server(Method::POST, "/api/billing/session-tokens", customer, json!({})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let url = made.json()["url"].as_str().unwrap().to_owned();
    url.strip_prefix(&house.app.settings.public_url).unwrap().into()
}

async fn signed_in(house: &House, customer: &str) -> Browser {
    let browser = Browser::default();
    let entered = browser.get(house, &link(house, customer).await).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text);
    browser
}

#[tokio::test]
async fn a_page_without_a_session_leads_back_to_the_app() {
    let app = "https://app.example.com/home";
    let wish = Wish::default();
    let catalog = wish.catalog.replace("[brand]", &format!("[brand]\napp = \"{app}\""));
    let house = House::new(Wish { catalog, ..wish }).await;
    for path in PAGES {
        let page = Browser::default().get(&house, path).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(page.text.contains(&format!("href=\"{app}\"")), "{path}");
        assert!(page.headers.get("set-cookie").is_none(), "{path}");
    }
}

both! {
    async fn a_link_signs_in_once_and_leaves_the_address(house: &House) {
        let link = link(house, "user_1").await;
        let browser = Browser::default();
        let head = Request::head(link.as_str()).body(Body::empty()).unwrap();
        assert_eq!(
            house.send(head).await.status,
            StatusCode::NO_CONTENT,
            "a scanner uses nothing up"
        );
        let entered = browser.get(house, &link).await;
        assert_eq!(entered.status, StatusCode::SEE_OTHER);
        assert_eq!(entered.header("location"), "/billing/account");
        let cookie = entered.header("set-cookie");
        for part in ["Path=/billing;", "HttpOnly", "SameSite=Lax"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Secure"), "plain http");
        assert_eq!(browser.get(house, "/billing/account").await.status, StatusCode::OK);

        let again = Browser::default().get(house, &link).await;
        assert_eq!(again.status, StatusCode::UNAUTHORIZED);
        assert!(!again.text.contains("token="));
        house.wait(12 * 60 * 60);
        assert_eq!(browser.get(house, "/billing/account").await.status, StatusCode::UNAUTHORIZED);
    }

    async fn a_link_counts_for_fifteen_minutes(house: &House) {
        let (early, late) = (link(house, "user_1").await, link(house, "user_1").await);
        house.wait(15 * 60 - 1);
        assert_eq!(Browser::default().get(house, &early).await.status, StatusCode::SEE_OTHER);
        house.wait(1);
        assert_eq!(Browser::default().get(house, &late).await.status, StatusCode::UNAUTHORIZED);
    }

    async fn a_form_counts_only_from_the_page_it_was_made_for(house: &House) {
        let browser = signed_in(house, "user_1").await;
        let page = browser.get(house, "/billing/plans").await;
        let (token, plan) = (hidden(&page.text, "token"), hidden(&page.text, "plan"));
        let price = hidden(&page.text, "price");
        let fields = |token: &'static str| [("token", token), ("plan", "p"), ("price", "q")];
        for wrong in ["", "x", "0.0"] {
            let answer = browser.post(house, "/billing/choose", &fields(wrong)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{wrong}");
        }
        let other = signed_in(house, "user_2").await;
        let stolen = [("token", token.as_str()), ("plan", &plan), ("price", &price)];
        assert_eq!(
            other.post(house, "/billing/choose", &stolen).await.status,
            StatusCode::FORBIDDEN
        );
        let nobody = Browser::default().post(house, "/billing/choose", &stolen).await;
        assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
        assert_eq!(house.calls.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn the_plan_page_shows_true_intervals_and_what_a_year_saves() {
    let house = House::new(Wish::default()).await;
    let browser = signed_in(&house, "user_1").await;
    let monthly = browser.get(&house, "/billing/plans").await;
    assert!(monthly.text.contains("$29.00") && monthly.text.contains("every 30 days"));
    assert!(!monthly.text.contains("Saves") && monthly.text.contains("save 17%"));
    let annual = browser.get(&house, "/billing/plans?every=365day").await;
    for part in [
        "$290.00",
        "every 365 days",
        "Saves $62.83 (17%)",
        "aria-current=\"true\">Annual <span class=\"save\">save 17%",
    ] {
        assert!(annual.text.contains(part), "{part}");
    }
    assert_eq!(hidden(&annual.text, "plan"), house.app.catalog.prices().next().unwrap().1.key);
}

#[tokio::test]
async fn pages_run_nothing_and_send_forms_only_where_they_must() {
    let house = House::new(Wish::default()).await;
    let browser = signed_in(&house, "user_1").await;
    for path in PAGES {
        let page = browser.get(&house, path).await;
        let policy = page.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "form-action 'self' http://127.0.0.1:12111;",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        for never in ["<script", "style=", "<style", " onclick"] {
            assert!(!page.text.contains(never), "{path}: {never}");
        }
        assert!(!page.text.contains("Development"), "{path}");
    }
    for asset in ["/billing/assets/billing.css", "/billing/theme.css"] {
        let file = Browser::default().get(&house, asset).await;
        assert_eq!(file.header("content-type"), "text/css; charset=utf-8");
        assert!(file.text.contains("--accent:"), "{asset}");
    }
}

#[tokio::test]
async fn a_form_with_a_price_of_its_own_goes_nowhere() {
    let house = House::new(Wish::default()).await;
    let browser = signed_in(&house, "user_1").await;
    let page = browser.get(&house, "/billing/plans").await;
    let (token, plan) = (hidden(&page.text, "token"), hidden(&page.text, "plan"));
    let price = hidden(&page.text, "price");
    let good = [("token", token.as_str()), ("plan", plan.as_str()), ("price", price.as_str())];
    for extra in ["amount", "currency", "customer", "success_url", "price_id"] {
        let mut fields = good.to_vec();
        fields.push((extra, "1"));
        let answer = browser.post(&house, "/billing/choose", &fields).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{extra}");
    }
    for wrong in ["price_123", "other"] {
        let fields = [good[0], good[1], ("price", wrong)];
        let answer = browser.post(&house, "/billing/choose", &fields).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    assert_eq!(house.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn pages_work_under_a_path_prefix_and_https() {
    let wish = Wish { public_url: "https://example.com/pay", ..Wish::default() };
    let house = House::new(wish).await;
    let browser = Browser::default();
    let entered = browser.get(&house, &link(&house, "user_1").await).await;
    assert_eq!(entered.header("location"), "/pay/billing/account");
    let cookie = entered.header("set-cookie");
    assert!(cookie.contains("Path=/pay/billing;") && cookie.ends_with("; Secure"), "{cookie}");
    // A proxy may leave the prefix in place, or take it away.
    for path in ["/pay/billing/plans", "/billing/plans"] {
        let page = browser.get(&house, path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        for part in ["href=\"/pay/billing/theme.css\"", "action=\"/pay/billing/choose\""] {
            assert!(page.text.contains(part), "{path}: {part}");
        }
        assert!(!page.text.contains("=\"/billing"), "{path} leaves the prefix");
    }
    assert_eq!(browser.get(&house, "/").await.header("location"), "/pay/billing/plans");
    let problem = browser.get(&house, "/pay/api/billing/subscription").await;
    assert_eq!(problem.problem().0, 401);
    assert_eq!(problem.json()["type"], "/pay/docs#unauthenticated");
}

#[tokio::test]
async fn what_the_catalog_says_is_shown_and_never_run() {
    let wish = Wish::default();
    let catalog = wish.catalog.replace("\"SaaSKit\"", "\"<script>alert(1)</script>\"");
    assert_ne!(catalog, wish.catalog);
    let house = House::new(Wish { catalog, ..wish }).await;
    let page = signed_in(&house, "user_1").await.get(&house, "/billing/plans").await;
    assert!(page.text.contains("&#60;script&#62;") && !page.text.contains("<script"));
}

#[tokio::test]
async fn what_cannot_be_sold_yet_has_no_button_and_is_not_offered() {
    let wish = Wish::default();
    let priced = "trial_days = 14, ";
    let at = wish.catalog.find("every = \"30 days\"").unwrap();
    let catalog = format!("{}{priced}{}", &wish.catalog[..at], &wish.catalog[at..]);
    let house = House::new(Wish { catalog, ..wish }).await;
    let browser = signed_in(&house, "user_1").await;
    let page = browser.get(&house, "/billing/plans").await;
    assert!(page.text.contains("Not available yet") && !page.text.contains("Choose Pro"));
    let page = browser.get(&house, "/billing/plans?every=365day").await;
    assert!(page.text.contains("Choose Pro"));
    let plans = browser.get(&house, "/api/billing/plans").await.json();
    let prices = plans[0]["prices"].as_array().unwrap();
    assert_eq!(prices.iter().map(|it| &it["price"]).collect::<Vec<_>>(), ["annual"]);
}

#[tokio::test]
async fn two_intervals_of_a_month_are_told_apart() {
    let wish = Wish::default();
    let catalog = wish.catalog.replace("every = \"365 days\"", "every = \"month\"");
    assert_ne!(catalog, wish.catalog);
    let house = House::new(Wish { catalog, ..wish }).await;
    let page = signed_in(&house, "user_1").await.get(&house, "/billing/plans").await;
    assert!(page.text.contains("Every 30 days") && page.text.contains("Every month"));
    assert!(!page.text.contains("Monthly"));
}

#[tokio::test]
async fn there_are_no_development_tools_in_production() {
    let house = House::new(Wish::default()).await;
    let browser = signed_in(&house, "user_1").await;
    assert_eq!(browser.get(&house, "/dev/mailbox").await.status, StatusCode::NOT_FOUND);
    let jump = browser.post(&house, "/dev/clock", &[("jump", "day"), ("back", "")]).await;
    assert_eq!(jump.status, StatusCode::NOT_FOUND);
}
