"""`speil serve` as its operator runs it: keys from `speil keygen`, a configuration file, a free port; and the vendor's
tokens from `speil task token`."""

import base64
import calendar
import hashlib
import json
import re
import signal
import subprocess
import time
from pathlib import Path

APPLICATION = "0123456789abcdef0123456789abcdef"

CONFIGURATION = f"""
[server]
listen = "127.0.0.1:0"

[[application]]
id = "{APPLICATION}"
environment = "custom"
private_key = "application/private.xml"
certificates = ["vendor/public.pem"]

[mirror]
store = "sqlite"
directory = "mirrors"

[log]
filter = "error"
"""


class Host:
    """A running `speil serve`; a context manager."""

    def __init__(self, binary, folder):
        self.binary = str(Path(binary).resolve())
        self.folder = Path(folder).resolve() / "host"
        self.folder.mkdir()

    def __enter__(self):
        for name in ("vendor", "application"):
            self.run("keygen", "--bits", "1024", "--out", str(self.folder / name))
        (self.folder / "speil.toml").write_text(CONFIGURATION, encoding="utf-8")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--config", str(self.folder / "speil.toml")],
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        # The first lines say where it listens; an end of the output says that it does not.
        for line in self.process.stdout:
            found = re.search(r"(http://\S+\.svc)", line)
            if found:
                self.url = found.group(1)
                return self
        raise SystemExit(f"speil serve did not start: exit code {self.process.wait()}")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.exit_code = self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()

    def run(self, *arguments):
        return subprocess.run([self.binary, *arguments], check=True, capture_output=True, text=True).stdout

    def token(self, tenant, nonce=None):
        arguments = ["--application-id", APPLICATION, "--signing-key", str(self.folder / "vendor" / "private.pem")]
        if nonce:
            arguments += ["--nonce", nonce]
        return self.run("task", "token", "--tenant", tenant, *arguments).strip()

    def mirror(self, tenant):
        return self.folder / "mirrors" / f"{tenant}.db"

    def signed(self, answer, nonce):
        """Whether a SignedApplicationToken is what the vendor wants, worked out from the public key's own numbers."""
        answered, stamp, signature = answer.split(".")
        key = (self.folder / "application" / "public.xml").read_text(encoding="utf-8")
        number = lambda name: int.from_bytes(  # noqa: E731
            base64.b64decode(re.search(f"<{name}>(.*?)</{name}>", key, re.S).group(1)), "big"
        )
        modulus, exponent = number("Modulus"), number("Exponent")
        length = (modulus.bit_length() + 7) // 8
        opened = pow(int.from_bytes(base64.b64decode(signature), "big"), exponent, modulus).to_bytes(length, "big")
        digest = hashlib.sha256(f"{nonce}.{stamp}".encode()).digest()
        info = bytes.fromhex("3031300d060960864801650304020105000420") + digest
        padded = b"\x00\x01" + b"\xff" * (length - len(info) - 3) + b"\x00" + info
        age = time.time() - calendar.timegm(time.strptime(stamp, "%Y%m%d%H%M"))
        return answered == nonce and opened == padded and abs(age) < 15 * 60


class Checks:
    """Counts what holds, and says what does not."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def equal(self, what, got, expected):
        if got == expected:
            self.passed += 1
        else:
            self.failed += 1
            print(f"DIFFERS: {what}\n  expected {json.dumps(expected, default=repr)}\n  got      {json.dumps(got, default=repr)}")

    def true(self, what, holds):
        self.equal(what, bool(holds), True)

    def end(self):
        print(f"zeep: {self.passed} checks passed, {self.failed} failed")
        return 1 if self.failed else 0
