"""What `specie spec --json` prints is as its schema says, for any program to read."""

import json
import os
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
        command = [SPECIE, "spec", *arguments, "--json"]
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


if __name__ == "__main__":
    unittest.main()
