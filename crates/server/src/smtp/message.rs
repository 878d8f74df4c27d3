//! A mail as bytes: the same ones at each try, so that nobody sees two.

use std::time::SystemTime;

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, MultiPartKind, SinglePart};
use specie_store::mails::Mail;
use specie_vocab::{WallTime, hex};

use crate::digest::sha256;

/// A mail with a text and an HTML part under its `Message-ID`. An error is one word for what it
/// lacks.
pub(super) fn of(mail: &Mail, from: &Mailbox, now: WallTime) -> Result<Message, String> {
    // The parts' border must not be chance, and must not occur in them.
    let border = format!("specie-{}", hex(&sha256(mail.message_id.as_bytes())[..16]));
    let parts = MultiPart::builder().kind(MultiPartKind::Alternative).boundary(border);
    let parts = parts
        .singlepart(SinglePart::plain(mail.text.clone()))
        .singlepart(SinglePart::html(mail.html.clone()));
    begun(&mail.recipient, from, now)?
        .subject(mail.subject.clone())
        .message_id(Some(mail.message_id.clone()))
        .multipart(parts)
        .map_err(|_| "it cannot be written as a mail".into())
}

/// One line, to see whether mails arrive.
pub(super) fn greeting(recipient: &str, from: &Mailbox, now: WallTime) -> Result<Message, String> {
    let text = "This is a test by `specie doctor`: mails of the billing service arrive here.\n";
    let id = hex(&sha256(format!("{recipient}{now}").as_bytes())[..16]);
    begun(recipient, from, now)?
        .subject("Mails of the billing service arrive")
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .singlepart(SinglePart::plain(text.to_owned()))
        .map_err(|_| "it cannot be written as a mail".into())
}

fn begun(
    recipient: &str,
    from: &Mailbox,
    now: WallTime,
) -> Result<lettre::message::MessageBuilder, String> {
    let to = recipient.parse().map_err(|_| "the recipient has no address that mail can go to")?;
    // So that no assistant of the recipient's answers.
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    Ok(Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .date(SystemTime::from(now.timestamp()))
        .raw_header(HeaderValue::new(automatic, "auto-generated".into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use specie_vocab::{BusinessTime, PayerId};

    fn mail() -> Mail {
        Mail {
            key: "receipt:in_1".into(),
            payer: PayerId(uuid::Uuid::nil()),
            kind: "receipt".into(),
            recipient: "ada@example.com".into(),
            subject: "Ihr Beleg für Ä".into(),
            text: "Thänk you\n.\nend\n".into(),
            html: "<p>Thänk you</p>".into(),
            message_id: "<1@specie.example>".into(),
            created_at: BusinessTime::from_second(0),
            sent_at: None,
            failed_at: None,
            failure: None,
        }
    }

    fn written(mail: &Mail) -> String {
        let from = "SaaSKit <billing@example.com>".parse().unwrap();
        let message = of(mail, &from, WallTime::from_second(784_111_777)).unwrap();
        String::from_utf8(message.formatted()).unwrap()
    }

    #[test]
    fn a_mail_has_its_id_both_parts_and_the_same_bytes_each_time() {
        let text = written(&mail());
        for line in [
            "Message-ID: <1@specie.example>\r\n",
            "From: SaaSKit <billing@example.com>\r\n",
            "To: ada@example.com\r\n",
            "Date: Sun, 06 Nov 1994 08:49:37 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert!(text.contains(line), "`{line}` is not in {text}");
        }
        assert_eq!(text, written(&mail()));
    }

    #[test]
    fn what_people_wrote_makes_no_header_and_no_recipient() {
        let sly = Mail { subject: "a\r\nBcc: eve@example.com".into(), ..mail() };
        assert!(!written(&sly).lines().any(|line| line.starts_with("Bcc:")));
        let from = "billing@example.com".parse().unwrap();
        let now = WallTime::from_second(0);
        for recipient in ["", "ada", "a@b.c\r\nBcc: eve@example.com", "a@b.c, eve@example.com"] {
            let sly = Mail { recipient: recipient.into(), ..mail() };
            assert!(of(&sly, &from, now).is_err(), "{recipient}");
        }
    }
}
