//! The service itself: whether it runs on this machine, and calls itself ready.

use axum::http::{Method, StatusCode};
use specie_scenario::Door;
use specie_stripe::https_transport;

use super::code::Code;
use super::report::{Finding, Report, error, warning};

/// Asks the private listener.
pub(super) async fn check(port: u16, report: &mut Report) {
    let base = format!("http://127.0.0.1:{port}");
    let door = Door { transport: https_transport(), base: base.clone() };
    let finding = match door.send(Method::GET, "/readyz", &[], Vec::new()).await {
        Ok(reply) if reply.status == StatusCode::OK => None,
        Ok(reply) => Some(not_ready(&base, reply.status, &reply.json().unwrap_or_default())),
        Err(_) => Some(warning(
            Code::ServiceNotRunning,
            format!("nobody answers at {base}/readyz"),
            "a running `specie serve` on this machine",
            "start it, or say its port with `--private-port`",
        )),
    };
    report.add("service", finding.into_iter().collect(), format!("{base} is ready"));
}

fn not_ready(base: &str, status: StatusCode, said: &serde_json::Value) -> Finding {
    let database = said["database"].as_str().unwrap_or("not told");
    error(
        Code::ServiceNotReady,
        format!("{base}/readyz answers {}; of its database it says: {database}", status.as_u16()),
        "200",
        "mend what it says, or choose another port with `--private-port` if that is no Specie",
    )
}
