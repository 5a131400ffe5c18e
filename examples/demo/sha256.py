"""A handler that stays running (`netmgr join --stream TYPE`), in Python.

One JSON line comes in per message, one JSON line goes out: the id, and the payload or an error.
"""

import hashlib
import json
import sys


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


for line in sys.stdin:
    message = json.loads(line)
    if "cancel" in message:
        continue
    answer = {"id": message["id"]}
    try:
        answer["payload"] = sha256(message["payload"])
    except OSError as error:
        answer["error"] = str(error)
    print(json.dumps(answer), flush=True)
