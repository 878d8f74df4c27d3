"""Mails of `specie serve` reach a mail server: over TLS, with a login, once, and in the end."""

import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from email import message_from_bytes, policy
from pathlib import Path

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from specie import BINARY, Folder, Sandbox, free_port

# The library tells of its own deprecations.
logging.getLogger("mail.log").setLevel(logging.ERROR)

KEY = "sk_test_specie"
LOGIN = (b"billing@example.com", b"p@ss:word")
LOGGED_IN = "billing%40example.com:p%40ss%3Aword@"


class Post:
    """A mail server's side: what came, and what it answers next."""

    def __init__(self, *answers, pause=0):
        self.answers = list(answers)
        self.pause = pause
        self.seen = []
        self.taken = []

    async def handle_DATA(self, server, session, envelope):
        mail = message_from_bytes(envelope.content, policy=policy.default)
        mail.session = session
        self.seen.append(mail)
        await asyncio.sleep(self.pause)
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            self.taken.append(mail)
        return answer


def listening(post, port, **settings):
    """The server, until the block ends."""
    server = Controller(post, hostname="127.0.0.1", port=port, ready_timeout=20, **settings)
    server.start()
    stack = contextlib.ExitStack()
    stack.callback(server.stop)
    return stack


def check_login(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == LOGIN, handled=False)


def until(true, what, patience=60):
    """Waits for a fact that another process brings about."""
    deadline = time.monotonic() + patience
    while not (found := true()):
        if time.monotonic() > deadline:
            raise AssertionError(f"this did not come about: {what}")
        time.sleep(0.05)
    return found


def fetch(url, body=None, headers=()):
    request = urllib.request.Request(url, data=body, headers=dict(headers))
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


class Service:
    """`specie serve` in a folder of its own."""

    def __init__(self, sandbox, **settings):
        self.folder = Folder("specie-mail-")
        self.folder.leave([KEY, "p@ss:word", "p%40ss%3Aword"])
        self.ports = free_port(), free_port()
        self.url, self.private = [f"http://127.0.0.1:{port}" for port in self.ports]
        self.environment = {
            "PATH": os.environ["PATH"],
            "STRIPE_API_BASE": sandbox.url,
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_WEBHOOK_SECRET_FILE": "webhook.secret",
            "PUBLIC_URL": self.url,
            "MAIL_FROM": "SaaSKit <billing@example.com>",
            **settings,
        }
        self.log = open(os.path.join(self.folder.name, "log"), "w+")
        self.run("init")
        self.run("migrate", "up")
        self.run("catalog", "apply", "--secret-file", "webhook.secret")
        self.start()
        self.key = self.run("keys", "create").strip()

    def run(self, *arguments, code=0):
        ended = subprocess.run(
            [BINARY, *arguments], cwd=self.folder.name, env=self.environment,
            capture_output=True, text=True, check=False,
        )
        assert ended.returncode == code, (arguments, ended)
        return ended.stdout

    def start(self):
        port, private = map(str, self.ports)
        self.process = subprocess.Popen(
            [BINARY, "serve", "--port", port, "--private-port", private],
            cwd=self.folder.name, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log,
        )
        until(self.answers, "the service listens")

    def answers(self):
        assert self.process.poll() is None, self.said()
        try:
            return fetch(f"{self.url}/healthz") == "ok"
        except OSError:
            return False

    def stop(self):
        """Ends it as an init system does, and answers with its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def close(self):
        if self.process.poll() is None:
            self.stop()
        self.log.close()
        self.folder.cleanup()

    def said(self):
        return Path(self.log.name).read_text()

    def metric(self, name):
        found = re.search(rf"^{re.escape(name)} (\S+)$", fetch(f"{self.private}/metrics"), re.M)
        return float(found[1]) if found else None

    def doctor(self, *arguments, **settings):
        """What is found of the mail server: codes and sentences."""
        told = subprocess.run(
            [BINARY, "doctor", "--json", "--private-port", str(self.ports[1]), *arguments],
            cwd=self.folder.name, env={**self.environment, **settings},
            capture_output=True, text=True, check=False,
        )
        findings = json.loads(told.stdout)["findings"]
        return {it["code"]: it["found"] for it in findings if it["check"] == "mail"}

    def buy(self, customer):
        """A purchase, of which a receipt tells."""
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Specie-Customer": customer,
            "Content-Type": "application/json",
        }
        body = b'{"plan": "pro", "price": "monthly"}'
        session = json.loads(fetch(f"{self.url}/api/billing/checkout", body, headers.items()))
        page = urllib.parse.urlsplit(session["url"])
        form = urllib.parse.urlencode({
            "email": f"{customer}@example.com", "number": "4242424242424242",
            "expiry": "12 / 34", "cvc": "123", "name": customer,
        })
        own_page = {"Origin": f"{page.scheme}://{page.netloc}", "Sec-Fetch-Site": "same-origin"}
        pay = urllib.request.Request(session["url"], form.encode(), own_page)
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.build_opener(Stay).open(pay, timeout=30)
        sync = f"{self.url}/api/billing/checkout/{session['id']}/sync"
        fetch(sync, b"", headers.items())


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Mails(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = cls.enterClassContext(Sandbox())
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        authority = trustme.CA()
        cls.authority = str(folder / "authority.pem")
        authority.cert_pem.write_to_path(cls.authority)
        cls.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(cls.tls)

    def service(self, **settings):
        service = Service(self.sandbox, **settings)
        self.addCleanup(service.close)
        return service

    def test_a_mail_goes_over_starttls_with_a_login_and_has_both_parts(self):
        post, port = Post(), free_port()
        self.enterContext(listening(
            post, port, tls_context=self.tls, require_starttls=True,
            authenticator=check_login, auth_required=True,
        ))
        url = f"smtp://{LOGGED_IN}localhost:{port}?tls=required"
        service = self.service(SMTP_URL=url, SMTP_CA_FILE=self.authority)
        service.buy("ada")
        until(lambda: post.taken, "a mail is taken")
        mail = post.taken[0]
        self.assertTrue(mail.session.authenticated)
        self.assertIsNotNone(mail.session.ssl)
        self.assertEqual(mail["From"], "SaaSKit <billing@example.com>")
        self.assertEqual(mail["To"], "ada@example.com")
        self.assertIn("receipt", mail["Subject"].lower())
        self.assertRegex(mail["Message-ID"], r"^<[0-9a-f]{32}@127\.0\.0\.1>$")
        kinds = [part.get_content_type() for part in mail.iter_parts()]
        self.assertEqual(kinds, ["text/plain", "text/html"])
        self.assertIn("$29.00", mail.get_body(["plain"]).get_content())
        self.assertIn("<html", mail.get_body(["html"]).get_content())
        until(lambda: service.metric('specie_mails_total{outcome="sent"}') == 1, "it is counted")

        self.assertEqual(service.doctor(), {})
        self.assertEqual(len(post.seen), 1, "the doctor sends nothing by itself")
        self.assertEqual(service.doctor("--send-to", "eve@example.com"), {})
        self.assertEqual([it["To"] for it in post.taken], ["ada@example.com", "eve@example.com"])
        wrong = service.doctor(SMTP_URL=url.replace("%3Aword", ""))
        self.assertIn("535", wrong["mail-unreachable"])
        self.assertIn("mail-unreachable", service.doctor(SMTP_CA_FILE=""))
        service.stop()
        for secret in ["p@ss", "p%40ss", "ada@example.com"]:
            self.assertNotIn(secret, service.said())

    def test_a_server_that_speaks_tls_at_once_is_spoken_to(self):
        post, port = Post(), free_port()
        self.enterContext(listening(post, port, ssl_context=self.tls))
        url = f"smtps://localhost:{port}"
        service = self.service(SMTP_URL=url, SMTP_CA_FILE=self.authority)
        service.buy("ben")
        until(lambda: post.taken, "a mail is taken")

    def test_a_server_without_tls_gets_nothing(self):
        post, port = Post(), free_port()
        self.enterContext(listening(post, port))
        service = self.service(SMTP_URL=f"smtp://localhost:{port}?tls=required")
        service.buy("cleo")
        deferred = 'specie_mails_total{outcome="deferred"}'
        until(lambda: service.metric(deferred) >= 1, "the try is counted")
        self.assertEqual(post.seen, [])
        self.assertIn("mail-unreachable", service.doctor())

    def test_what_is_busy_is_tried_again_under_the_same_id(self):
        post, port = Post("451 come back later"), free_port()
        self.enterContext(listening(post, port))
        service = self.service(SMTP_URL=f"smtp://127.0.0.1:{port}")
        service.buy("dan")
        until(lambda: post.taken, "the second try succeeds")
        self.assertEqual(len(post.seen), 2)
        self.assertEqual(post.seen[0].as_bytes(), post.seen[1].as_bytes().replace(
            post.seen[1]["Date"].encode(), post.seen[0]["Date"].encode()))

    def test_what_is_refused_is_given_up_and_raises_the_alarm(self):
        post, port = Post("550 no such user"), free_port()
        self.enterContext(listening(post, port))
        service = self.service(SMTP_URL=f"smtp://127.0.0.1:{port}")
        failing = 'specie_alarm{code="mail_failing"}'
        self.assertEqual(service.metric(failing), 0)
        service.buy("eve")
        until(lambda: service.metric('specie_mails_total{outcome="failed"}') == 1, "it is given up")
        self.assertEqual(service.metric(failing), 1)
        self.assertEqual(service.metric("specie_outbox_waiting"), 0)
        service.buy("finn")
        until(lambda: post.taken, "another mail is sent")
        self.assertEqual([it["To"] for it in post.seen], ["eve@example.com", "finn@example.com"])
        until(lambda: '"mail_failing"' in service.said(), "the alarm is in the log")
        self.assertNotIn("@example.com", service.said())

    def test_a_server_that_is_away_is_waited_for(self):
        post, port = Post(), free_port()
        service = self.service(SMTP_URL=f"smtp://127.0.0.1:{port}")
        service.buy("gil")
        deferred = 'specie_mails_total{outcome="deferred"}'
        until(lambda: service.metric(deferred) >= 1, "the first try fails")
        self.assertEqual(service.metric("specie_outbox_waiting"), 1)
        self.enterContext(listening(post, port))
        until(lambda: post.taken, "a later try succeeds")
        until(lambda: service.metric("specie_outbox_waiting") == 0, "nothing waits")
        self.assertEqual(len(post.seen), 1)

    def test_a_server_that_takes_longer_than_a_claim_gets_a_mail_once(self):
        # A claim lasts for a minute: another try would begin before this one has ended.
        post, port = Post(pause=70), free_port()
        self.enterContext(listening(post, port))
        service = self.service(SMTP_URL=f"smtp://127.0.0.1:{port}")
        service.buy("jan")
        until(lambda: post.taken, "the mail is taken", 100)
        until(lambda: service.metric('specie_mails_total{outcome="sent"}') == 1, "it is counted")
        self.assertEqual(len(post.seen), 1)
        self.assertFalse(service.metric('specie_mails_total{outcome="deferred"}'))
        service.buy("kim")
        until(lambda: len(post.seen) == 2, "the next mail is on its way")
        self.assertEqual(service.stop(), 0)
        self.assertIn("it was under way when the process ended, and is left", service.said())
        self.assertNotIn("did not end in time", service.said())

    def test_a_stop_in_the_middle_of_a_mail_neither_loses_nor_doubles_it(self):
        post, port = Post(pause=2), free_port()
        self.enterContext(listening(post, port))
        service = self.service(SMTP_URL=f"smtp://127.0.0.1:{port}")
        service.buy("hal")
        until(lambda: post.seen, "the mail is on its way")
        self.assertEqual(post.taken, [])
        self.assertEqual(service.stop(), 0)
        self.assertEqual(len(post.taken), 1)
        service.start()
        service.buy("ida")
        until(lambda: len(post.taken) == 2, "the next mail is sent")
        self.assertEqual([it["To"] for it in post.seen], ["hal@example.com", "ida@example.com"])


if __name__ == "__main__":
    unittest.main()
