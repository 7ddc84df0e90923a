"""A private `reef serve` and accounts in it, used through the command line and HTTP only."""

import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

READY_LIMIT_S = 30
STOP_LIMIT_S = 35
ASSISTANTS = "/api/v1/assistants"
# The host name of the receiver, which `CALLBACK_OVERRIDES` exempts from the address guard.
CALLBACK_HOST = "hooks.apitest.test"
CALLBACK_URL = f"https://{CALLBACK_HOST}/journey"


def wait_for(what, check, limit_s=20):
    """Polls until `check` returns a value. Raises an error that names `what` after `limit_s` seconds."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise TimeoutError(f"timed out after {limit_s} s: {what}")


class Receiver:
    """Receives callbacks on loopback. GET returns all of them with their exact headers and bodies."""

    def __init__(self):
        self.received = received = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                received.append({"headers": {name.lower(): value for name, value in self.headers.items()}, "body": body})
                self.answer(b"")

            def do_GET(self):
                self.answer(json.dumps(received).encode())

            def answer(self, body):
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Suppresses the request log."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Reef:
    """The binary in `REEF_BIN`, with SQLite and the sandbox, in a temporary folder and on a free port."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="reef-apitest-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self.url, self.receiver = f"http://{address}", Receiver()
        # The caller's own configuration must not affect the tests.
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "BIND_ADDR": address, "SANDBOX": "true",
            "RATE_LIMIT_PER_MINUTE": "1000000", "RUST_LOG": "info",
            "CALLBACK_OVERRIDES": f"{CALLBACK_HOST}={self.receiver.url}",
        }
        self.log = open(self.folder / "reef.log", "wb")
        self.process = subprocess.Popen(
            [binary(), "serve"], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log,
        )
        try:
            wait_for("/readyz", self.is_ready, READY_LIMIT_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"reef has exited: {self.read_log()[-2000:]}")
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).ok
        except requests.ConnectionError:
            return False

    def read_log(self):
        return (self.folder / "reef.log").read_text(errors="replace")

    def __exit__(self, *_):
        self.receiver.server.shutdown()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, *words, stdin=""):
        """Runs a `reef` command on the same database and returns its output."""
        result = subprocess.run(
            [binary(), *words], cwd=self.folder, env=self.environment, input=stdin, capture_output=True,
            text=True, timeout=60, check=False,
        )
        if result.returncode != 0:
            raise RuntimeError(f"reef {' '.join(words)}: {result.stderr.strip()}")
        return result.stdout.strip()

    def account(self):
        """Creates an account with an API key that has all permissions."""
        email = f"u{secrets.token_hex(4)}@example.com"
        self.command("user", "create", "--email", email, "--password-stdin", stdin="correct horse battery staple 9")
        return Account(self, email, self.command("key", "create", "--email", email, "--name", "apitest"))


class Account:
    """A customer with an API key."""

    def __init__(self, reef, email, key):
        self.reef, self.email, self.key = reef, email, key

    def call(self, method, path, body=None):
        """Calls the API and returns the `data` of the response, which must be successful."""
        answer = requests.request(
            method, f"{self.reef.url}{ASSISTANTS}{path}", headers={"X-API-Key": self.key}, json=body, timeout=40,
        )
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()["data"]

    def until(self, deployment, status):
        wait_for(f"status {status}", lambda: self.call("GET", f"/{deployment}/status")["status"] == status)

    def in_status(self, status, mode="byok"):
        """Creates an assistant in this status and returns its id."""
        bought = self.call("POST", "/purchase", {"apiMode": mode})
        deployment = bought["deploymentId"]
        if status == "pending_payment":
            return deployment
        pay(bought["checkoutUrl"])
        self.until(deployment, "purchased")
        if status == "purchased":
            return deployment
        self.call("POST", f"/{deployment}/activate", activation(bot_token("revoked" if status == "failed" else "ok")))
        self.until(deployment, "failed" if status == "failed" else "active")
        if status == "stopped":
            self.call("POST", f"/{deployment}/stop")
        return deployment


def pay(checkout_url):
    """Pays on the sandbox's checkout page."""
    requests.post(f"{checkout_url}/pay", allow_redirects=False, timeout=10).raise_for_status()


def bot_token(kind):
    """Returns a random bot token. `kind` selects how the sandbox treats it."""
    return f"{secrets.randbelow(9 * 10**8) + 10**8}:{kind}{secrets.token_hex(16)}"


def activation(token):
    """Returns a request body that activates an assistant in either mode."""
    return {
        "name": "My Assistant", "modelProvider": "anthropic", "modelId": "claude-sonnet-4-5-20250929",
        "telegramBotToken": token, "modelApiKey": f"sk-ant-{secrets.token_hex(20)}", "callbackUrl": CALLBACK_URL,
    }


def binary():
    path = os.environ.get("REEF_BIN")
    if not path:
        raise SystemExit("REEF_BIN is not set: run `cargo xtask apitest`")
    return path
