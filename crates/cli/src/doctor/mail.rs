//! The mail server: it lets us in. Nothing is sent, unless somebody says to whom.

use specie_server::{Mailer, Smtp};

use super::code::Code;
use super::report::{Finding, Report, error, warning};
use super::{Patient, now};

/// Connects, greets and logs in.
pub(super) async fn check(patient: &Patient, send_to: Option<&str>, report: &mut Report) {
    let Mailer::Smtp(smtp) = &patient.found.mailer else {
        let finding = warning(
            Code::MailNotConfigured,
            "`SMTP_URL` is not set, and no mail is sent",
            "a mail server",
            "set `SMTP_URL` and `MAIL_FROM`; `.env.example` says how",
        );
        return report.add("mail", vec![finding], "");
    };
    let mut findings: Vec<Finding> = exposed(smtp).into_iter().collect();
    let sent = match smtp.greet().await {
        Ok(()) => match send_to {
            Some(address) => try_to_send(smtp, address).await,
            None => None,
        },
        Err(why) => Some(error(
            Code::MailUnreachable,
            format!("{}: {why}", smtp.server()),
            "a server that answers, and takes the login if there is one",
            "look at `SMTP_URL`, at the server and its certificate (`SMTP_CA_FILE` names another authority)",
        )),
    };
    findings.extend(sent);
    let what = match send_to {
        Some(_) => "took the mail",
        None => "lets us in",
    };
    report.add("mail", findings, format!("{} {what}", smtp.server()));
}

async fn try_to_send(smtp: &Smtp, address: &str) -> Option<Finding> {
    let why = smtp.send_greeting(address, now()).await.err()?;
    Some(error(
        Code::MailNotSent,
        format!("{} did not take the mail: {why}", smtp.server()),
        "a mail on its way",
        "look at `MAIL_FROM`: many servers send for their own addresses alone",
    ))
}

fn exposed(smtp: &Smtp) -> Option<Finding> {
    smtp.server().exposes_login().then(|| {
        warning(
            Code::MailLoginExposed,
            format!("the password travels to {} in clear text", smtp.server()),
            "TLS",
            "take `tls=none` out of `SMTP_URL`, or write `smtps://`",
        )
    })
}
