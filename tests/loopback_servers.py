"""Real servers on loopback: mail (a process of its own) and a group chat's robot."""

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def mail_server(folder: Path, mode: str = "takes", cert: Path | None = None):
    """A mail server that writes what it takes into `folder`; yields its port."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    script = Path(__file__).with_name("loopback_mail.py")
    command = [sys.executable, str(script), str(port), str(folder), mode, str(cert or "")]
    process = subprocess.Popen(command)
    try:
        _answers(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def _answers(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the mail server did not start")


class Robot:
    """A robot that answers with the scripted answers in turn, then as if all were well.

    An answer is (status, body), "hang" or "drop"; `posts` holds (path, body) of what it was sent.
    """

    def __init__(self, *answers, well=(200, '{"errcode": 0, "errmsg": "ok"}')) -> None:
        self.posts: list[tuple[str, dict]] = []
        self.answers, self.well = list(answers), well


@contextmanager
def listening(robot: Robot):
    """Yield the robot's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            robot.posts.append((self.path, json.loads(body)))
            answer = robot.answers.pop(0) if robot.answers else robot.well
            if answer == "hang":
                time.sleep(2)
            elif answer != "drop":
                status, text = answer
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook?key=SECRET-KEY"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
