"""What `specie spec` makes of a request holds together, and is told as its schema says."""

import hashlib
import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from openapi_spec_validator import validate

ROOT = Path(__file__).resolve().parents[2]
SPECIE = os.environ.get("SPECIE_BINARY", str(ROOT / "target/debug/specie"))
SCHEMA = json.loads((ROOT / "docs" / "spec.schema.json").read_text())
NOW = "2026-01-31T08:00:00Z"

REQUESTS = [
    "Add subscription billing so users can pay monthly",
    "Create a payment processing system with Stripe integration: one-time payments, subscription"
    " billing, payment history, refund processing, webhook handling, PCI compliance. Technology:"
    " Node.js, TypeScript, PostgreSQL, Stripe API",
    "Build subscription billing with three tiers, Basic $5, Advanced $7 and Pro $10 a month, and"
    " a pass of $4 for 3 months that is paid once.",
]
ENDPOINT = re.compile(r"`?\b(GET|POST|PUT|PATCH|DELETE) (/[^\s`,]+)")


class Place:
    """A folder in which `specie spec` is asked for JSON."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def said(self, *arguments, code=0):
        """What a command says, which is as the schema has it."""
        ended = subprocess.run(
            [SPECIE, "spec", *arguments, "--json", "--now", NOW],
            cwd=self.folder, capture_output=True, text=True,
        )
        assert ended.returncode == code, (ended.returncode, ended.stdout, ended.stderr)
        document = json.loads(ended.stdout)
        fault = best_match(Draft202012Validator(SCHEMA).iter_errors(document))
        assert fault is None, fault
        return document

    def lines(self, path):
        return (self.folder / path).read_text().splitlines()


def fits(named, described):
    """Whether an endpoint is one that is described; examples have values for its `{names}`."""
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(described[1]))
    return named[0] == described[0] and re.fullmatch(pattern, named[1]) is not None


def tables(text):
    """The columns of each table, as the data model lists them."""
    found = {}
    for entity in text.split("\n### ")[1:]:
        rows = re.findall(r"^\| ([a-z_]+) \|", entity, re.M)
        found[entity.split("\n")[0].strip()] = rows
    return found


INDEX = "SPEC_INDEX.json"


class Made(unittest.TestCase):
    def setUp(self):
        self.place = Place(self.enterContext(tempfile.TemporaryDirectory()))

    def accounted(self, document):
        """Each file lies there as it is told, and each of its lines has one cause."""
        causes = {}
        for cause in document["causes"]:
            causes.setdefault(cause["path"], []).append(cause["line"])
        for file in document["files"]:
            data = (self.place.folder / file["path"]).read_bytes()
            self.assertEqual(hashlib.sha256(data).hexdigest(), file["sha256"])
            self.assertEqual(data.count(b"\n"), len(data.decode().splitlines()))
            if file["path"] == INDEX:  # kept in step with all specs, and no page of this one
                continue
            expected = list(range(1, data.count(b"\n") + 1))
            self.assertEqual(causes.pop(file["path"]), expected, file["path"])
        self.assertEqual(causes, {})

    def made(self, request, dialect):
        """The folder of a spec, with all that can be made for it."""
        new = self.place.said("new", request, "--defaults", "--dialect", dialect)
        self.accounted(new)
        folder = str(Path(new["files"][0]["path"]).parent)
        self.accounted(self.place.said("plan", folder))
        self.accounted(self.place.said("tasks", folder, "--draft"))
        return new, self.place.folder / folder

    def described(self, folder):
        """The API's description is valid, and has all that the other files speak of."""
        api = yaml.safe_load((folder / "openapi.yaml").read_text())
        validate(api)
        named = set()
        for path in folder.glob("*.md"):
            named |= set(ENDPOINT.findall(path.read_text()))
        self.assertGreater(len(named), 5)
        there = {(method.upper(), path) for path, item in api["paths"].items() for method in item}
        missing = {one for one in named if not any(fits(one, other) for other in there)}
        self.assertEqual(missing, set())
        model = tables((folder / "data-model.md").read_text())
        self.assertGreater(len(model), 3)
        for entity, columns in model.items():
            schema = api["components"]["schemas"][entity.replace(" ", "")]
            self.assertEqual(list(schema["properties"]), columns, entity)

    def test_each_tree_is_accounted_for_and_describes_its_api(self):
        for request in REQUESTS:
            for dialect in ["kiro", "smartspec"]:
                with self.subTest(request=request, dialect=dialect):
                    self.setUp()
                    _, folder = self.made(request, dialect)
                    self.described(folder)

    def test_facts_say_where_they_come_from(self):
        request = REQUESTS[2]
        new, _ = self.made(request, "kiro")
        facts = {fact["slot"]: fact for fact in new["facts"]}
        origins = [("passes.pass.minor", 400, "$4 for 3 months"), ("tiers", True, "tiers")]
        for slot, value, words in origins:
            self.assertEqual(facts[slot]["value"], value)
            start, end = facts[slot]["from"]["prompt"]
            self.assertIn(words, request.encode()[start:end].decode())
        asked = {question["id"] for question in new["questions"]}
        taken = {fact["from"]["default"] for fact in new["facts"] if "default" in fact["from"]}
        self.assertTrue(taken and taken <= asked, taken - asked)

    def test_a_prompt_counts_its_tokens(self):
        _, folder = self.made(REQUESTS[0], "smartspec")
        for file in self.place.said("prompt", "--draft", "--budget", "4000")["files"]:
            self.assertLessEqual(file["tokens"], 4000)
        folder.joinpath("kilo-prompt.md").unlink()
        dry = self.place.said("prompt", "--draft", "--nogenerate")["files"]
        self.assertEqual([file["action"] for file in dry], ["none"])

    def test_a_change_is_told_as_splices_and_followed(self):
        _, folder = self.made(REQUESTS[0], "kiro")
        before = {path: path.read_bytes() for path in folder.iterdir()}
        amended = self.place.said("amend", str(folder), "Add refunds", "--defaults")
        self.assertEqual([amended["version"], amended["status"]], ["1.1.0", "UPDATED"])
        self.assertEqual(amended["not_understood"], [])
        self.followed(before, amended["files"])
        self.assertEqual(self.place.said("sync", "--check", code=3)["status"], "OUT_OF_SYNC")
        before = {path: path.read_bytes() for path in folder.iterdir()}
        self.followed(before, self.place.said("sync", "--apply")["files"])
        self.assertEqual(self.place.said("sync", "--check")["status"], "IN_SYNC")
        self.described(folder)

    def followed(self, before, files):
        """The spans are those of the file as it lay there, and nothing else has changed."""
        for file in files:
            path = self.place.folder / file["path"]
            data, at, parts = before.get(path), 0, []
            if data is None:
                continue
            for change in file["changes"]:
                start, end = change["span"]
                self.assertEqual(data[start:end].decode(), change["was"])
                parts += [data[at:start], change["now"].encode()]
                at = end
            self.assertEqual(b"".join(parts + [data[at:]]), path.read_bytes())

    def test_what_is_not_understood_is_told_with_its_place(self):
        request = "usage-based billing for API calls in euros, with reseller commissions"
        refused = self.place.said("new", request, "--defaults", "--strict", code=3)
        spans = [request[slice(*words["span"])] for words in refused["not_understood"]]
        self.assertEqual(spans, [words["text"] for words in refused["not_understood"]])
        self.assertEqual(list(self.place.folder.iterdir()), [])
        new = self.place.said("new", request, "--defaults")
        self.assertEqual(new["not_understood"], refused["not_understood"])
        left = [question for question in new["questions"] if question["answer"] is None]
        self.assertEqual(len(left), len(spans))

    def test_what_was_not_overruled_changes_nothing(self):
        _, folder = self.made(REQUESTS[1], "smartspec")
        (self.place.folder / "answers.toml").write_text('overrule-paypal = "no"\n')
        before = {path: path.read_bytes() for path in folder.iterdir()}
        kept = self.place.said("amend", str(folder), "Add PayPal", "--answers", "answers.toml")
        self.assertEqual([kept["version"], kept["files"]], ["1.0.0", []])
        self.assertEqual(before, {path: path.read_bytes() for path in folder.iterdir()})


if __name__ == "__main__":
    unittest.main()
