"""Starts the sandbox for a test: on a free port, in a folder of its own, and gone afterwards."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SPECIE_BINARY", str(ROOT / "target/debug/specie"))


# Checks answers against Stripe's declared shapes; `cargo test` builds it.
SHAPES = os.environ.get("SPECIE_SHAPES", str(ROOT / "target/debug/examples/shapes"))


def noting(client, answers):
    """The library's own HTTP client, which notes every answer."""
    ask = client.request

    def request(method, url, *rest, **named):
        body, status, headers = ask(method, url, *rest, **named)
        text = body.decode() if isinstance(body, bytes) else body
        path = urllib.parse.urlsplit(url).path
        answers.append({"method": method, "path": path, "status": status, "body": text})
        return body, status, headers

    client.request = request
    return client


def misshapen(answers):
    """What is wrong with the answers; nothing, if all have their declared shapes."""
    lines = "\n".join(json.dumps(answer) for answer in answers)
    checked = subprocess.run([SHAPES], input=lines, capture_output=True, text=True, check=False)
    return (checked.stderr or "the checker failed") if checked.returncode else ""


def free_port():
    """A port that nobody listens on right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Folder:
    """A folder that is gone when the test is over, unless `./test` looks through it at the end."""

    def __init__(self, prefix):
        self.kept = os.environ.get("SPECIE_KEEP")
        self.name = tempfile.mkdtemp(prefix=prefix, dir=self.kept)

    def leave(self, secrets):
        """Notes the secrets that were handed out."""
        if self.kept:
            with open(os.path.join(self.name, "secrets"), "a") as file:
                file.writelines(f"{secret}\n" for secret in secrets)

    def cleanup(self):
        if not self.kept:
            shutil.rmtree(self.name, ignore_errors=True)


class Sandbox:
    """A sandbox of its own; `with Sandbox() as sandbox: sandbox.url`."""

    def __enter__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = Folder("specie-client-")
        self.log = open(os.path.join(self.folder.name, "log"), "w+")
        self.process = subprocess.Popen(
            [BINARY, "sandbox", "--port", str(self.port), "--seed", "7"]
            + ["--data-dir", os.path.join(self.folder.name, "world")],
            cwd=self.folder.name,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        deadline = time.monotonic() + 20
        while not self.listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                said = self.log.read()
                self.__exit__()
                raise RuntimeError(f"the sandbox does not listen on {self.port}:\n{said}")
            time.sleep(0.025)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False
