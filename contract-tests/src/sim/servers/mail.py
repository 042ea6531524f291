"""A mail server on loopback that keeps what it takes: aiosmtpd, with a plan of what it refuses.

Arguments: a folder; then, for STARTTLS and a sign-in, a certificate, its key, a user and a password. Prints its port.
Each message becomes `<n>.json` in the folder. The first line of the folder's `plan` is what the next message is answered with.
"""

import asyncio
import email
import email.policy
import json
import os
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    def __init__(self, folder):
        self.folder = folder
        self.taken = 0

    async def handle_DATA(self, server, session, envelope):
        plan = self.folder / "plan"
        lines = plan.read_text().splitlines() if plan.exists() else []
        if lines:
            plan.write_text("\n".join(lines[1:]))
            return lines[0]
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": [[name, str(value)] for name, value in message.items()],
            "text": message.get_content(),
            "encrypted": session.ssl is not None,
            "signed_in": bool(session.authenticated),
        }
        part = self.folder / "part"
        part.write_text(json.dumps(kept))
        self.taken += 1
        os.rename(part, self.folder / f"{self.taken:06}.json")
        return "250 taken"


async def main():
    folder = pathlib.Path(sys.argv[1])
    keeper = Keeper(folder)
    settings = {"hostname": "mail.turnpike.invalid"}
    if len(sys.argv) > 2:
        certificate, key, user, password = sys.argv[2:6]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        def known(server, session, envelope, mechanism, data):
            is_known = (data.login, data.password) == (user.encode(), password.encode())
            return AuthResult(success=is_known, handled=False)

        settings |= {
            "tls_context": context,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": known,
        }
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(keeper, **settings), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
