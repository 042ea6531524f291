"""Checks one message with the reference library of Standard Webhooks.

    check.py SECRET < MESSAGE.json

MESSAGE.json holds `headers` and `body` as they came. Exit code 0 and the type of the event if it is genuine, 1 if not.
"""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

message = json.load(sys.stdin)
try:
    event = Webhook(sys.argv[1]).verify(message["body"], message["headers"])
except WebhookVerificationError as error:
    sys.exit(f"not genuine: {error}")
print(event["type"])
