"""What `specie spec --json` prints is as its schema says, for any program to read."""

import hashlib
import json
import os
import pty
import subprocess
import tempfile
import unittest
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

ROOT = Path(__file__).resolve().parents[2]
SPECIE = os.environ.get("SPECIE_BINARY", str(ROOT / "target/debug/specie"))
SCHEMA = json.loads((ROOT / "docs" / "spec.schema.json").read_text())

REQUIREMENTS = """# Requirements Document
## Glossary
- **Editor**: what people write with
### Requirement 1: Copies
**User Story:** As a writer, I want copies, so that nothing is lost.
#### Acceptance Criteria
7. WHEN a file is saved, THE Editor SHALL keep a copy quickly.
7. THE Editor SHALL keep ten copies.
"""

TASKS = """# Implementation Plan
- [x] 1. Copies in `copies.rs`
  - [ ]* 1.1 Keep one
    - _Requirements: 1.7, 1.1-1.3, 9.9_
- [-] 2. Second
- [ ] 2. Twice
"""


class SpecJson(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "requirements.md").write_text(REQUIREMENTS)
        (self.folder / "tasks.md").write_bytes(TASKS.replace("\n", "\r\n").encode())

    def said(self, *arguments, code=0):
        command = [SPECIE, "spec", "--json", *arguments]
        ended = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(ended.returncode, code, ended.stderr)
        document = json.loads(ended.stdout)
        fault = best_match(Draft202012Validator(SCHEMA).iter_errors(document))
        self.assertIsNone(fault)
        return document

    def test_a_file_is_read(self):
        for name in ["requirements.md", "tasks.md"]:
            document = self.said("read", name)
            size = (self.folder / name).stat().st_size
            self.assertEqual(document["nodes"][0]["span"], [0, size])
            self.assertEqual(document["unclassified"], [])

    def test_a_task_is_ticked(self):
        document = self.said("tick", "tasks.md", "1.1", "--state", "done")
        self.assertEqual([document["from"], document["to"]], ["open", "done"])

    def test_a_spec_is_checked(self):
        document = self.said("check", code=3)
        rules = {found["rule"] for found in document["diagnostics"]}
        expected = {"vague-word", "repeated-number", "dangling-reference", "duplicate-id"}
        self.assertLessEqual(expected, rules)

    def test_a_spec_is_traced(self):
        document = self.said("trace", code=3)
        self.assertEqual(document["totals"]["criteria"], 2)

    def test_a_status_is_told(self):
        document = self.said("status")
        self.assertEqual(document["totals"]["tasks"], 4)

    def recorded(self, *arguments, code=0):
        """What `record` says, and that each entry lies there as it is told, under its digest."""
        document = self.said("record", *arguments, code=code)
        for entry in document["entries"]:
            found = self.folder / entry["path"]
            self.assertEqual(found.stem, hashlib.sha256(found.read_bytes()).hexdigest())
            self.assertEqual(json.loads(found.read_text()), entry["evidence"])
        return document

    def test_evidence_is_recorded(self):
        (self.folder / "copies.rs").write_text("")
        self.assertEqual(self.said("status")["tasks"][0]["progress"], "claimed")
        failed = self.recorded("1", "--", "false", code=1)
        self.assertEqual(failed["progress"], "contradicted")
        blocker = self.said("status", code=3)["blockers"][0]
        self.assertEqual([blocker["id"], blocker["why"]], ["1", "`false` ended with code 1"])
        (self.folder / "copies.rs").write_text("fn copies() {}")
        killed = self.recorded("1.1", "--", "sh", "-c", "kill -9 $$", code=1)
        self.assertEqual(killed["entries"][0]["evidence"]["signal"], 9)
        for entry in (self.folder / ".specie/evidence").iterdir():
            entry.unlink()
        self.assertEqual(self.recorded("1", "--", "true")["progress"], "verified")
        (self.folder / "copies.rs").write_text("")
        self.assertEqual(self.said("status")["totals"]["stale"], 1)
        (self.folder / ".specie/evidence/renamed.json").write_text("{}")
        self.assertEqual(len(self.said("status")["rejected"]), 1)

    def test_a_report_is_written(self):
        written = self.said("status", "--write", "--now", "2026-01-31T08:00:00Z")["written"]
        self.assertEqual(written[0]["what"], "written")
        report = (self.folder / "progress-report-20260131.md").read_text()
        self.assertIn("**Overall Progress:** 1/3 tasks complete (33%)", report)

    def answered(self, answer):
        """Runs the validation of a task at a terminal where somebody answers."""
        (self.folder / "tasks.md").write_text("- [ ] 1. One\n  - Validation: `echo it was run`\n")
        terminal, theirs = pty.openpty()
        command = [SPECIE, "spec", "record", "1"]
        with subprocess.Popen(
            command, cwd=self.folder, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE
        ) as running:
            os.close(theirs)
            shown = b""
            while b"[y/N]" not in shown:
                shown += os.read(terminal, 1024)
            self.assertIn(b"  echo it was run", shown)
            os.write(terminal, answer + b"\n")
            running.wait(60)
        os.close(terminal)
        return running.returncode, (self.folder / ".specie").exists()

    def test_a_validation_is_asked_for_at_a_terminal(self):
        self.assertEqual(self.answered(b""), (1, False))
        self.assertEqual(self.answered(b"n"), (1, False))
        self.assertEqual(self.answered(b"y"), (0, True))


if __name__ == "__main__":
    unittest.main()
