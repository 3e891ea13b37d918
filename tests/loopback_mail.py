"""A mail server on loopback: loopback_mail.py PORT FOLDER MODE [CERT]; run by the tests."""

import asyncio
import os
import ssl
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    """Takes mail into a folder, or misbehaves as `mode` says."""

    def __init__(self, folder, mode):
        self.folder, self.mode = folder, mode

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802, ARG002
        if self.mode == "refuses" or (self.mode == "refuses one" and address.startswith("gone")):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802, ARG002
        if self.mode == "busy once" and not (self.folder / "tried").exists():
            (self.folder / "tried").touch()
            return "451 try again later"
        number = len(list(self.folder.glob("*.eml")))
        (self.folder / f"{number}.eml").write_bytes(envelope.content)
        (self.folder / f"{number}.to").write_text(",".join(envelope.rcpt_tos))
        if self.mode == "drops":
            os._exit(0)
        return "250 taken"


def login(server, session, envelope, mechanism, data):
    right = data.login == b"kit" and data.password == b"right"
    return AuthResult(success=right, handled=False)


async def serve(port, folder, mode, cert):
    more = {}
    if cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert)
        more = {"tls_context": context, "require_starttls": True, "authenticator": login,
                "auth_required": True, "auth_exclude_mechanism": ["LOGIN"]}  # fmt: skip
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Handler(folder, mode), hostname="localhost", **more), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
