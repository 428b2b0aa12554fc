"""The peer of our verbs: imports ``kubernetes``, sends requests in turn, prints the answers.

They stand in the file that is its only argument: a JSON list of (method, path, body).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from kubernetes import client, config

FIRST_ERROR = 400


def main() -> None:
    """Sends them; raises what the client raises."""
    config.load_kube_config()
    configuration = client.Configuration.get_default_copy()
    token = configuration.auth_settings()["BearerToken"]
    headers = {token["key"]: token["value"], "Content-Type": "application/json"}
    http = client.ApiClient(configuration).rest_client.pool_manager
    for method, path, body in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        content = json.dumps(body) if body else None
        answer = http.request(method, configuration.host + path, headers=headers, body=content)
        if answer.status >= FIRST_ERROR and method == "POST":
            raise SystemExit(f"{method} {path}: {answer.status} {answer.data.decode()}")
        sys.stdout.write(f"{json.dumps(answer.json())}\n")


if __name__ == "__main__":
    main()
