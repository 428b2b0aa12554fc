#!/bin/sh
# lightkube 1.0.0 (PyPI) can't send a request with httpx2 2.13.0 or newer, which it allows.
#
# It hands its connection parameters to httpx2 through dataclasses.asdict, which also turns a
# dataclass inside into a dict; since 2.13.0 httpx2's Timeout is one. Seen: with 2.12.0 the client
# tries to connect, with 2.13.0 each request raises TypeError before that: 'dict' object cannot be
# interpreted as an integer. Pin httpx2<2.13. It fails once that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cat >"$folder/list.py" <<'PY'
import socket

from lightkube import Client, KubeConfig
from lightkube.config.models import Cluster, User
from lightkube.resources.core_v1 import Namespace

with socket.socket() as bound:  # a port that nobody listens on
    bound.bind(("127.0.0.1", 0))
    cluster = Cluster(server=f"http://127.0.0.1:{bound.getsockname()[1]}")
    client = Client(config=KubeConfig.from_one(cluster=cluster, user=User()))
    try:
        print(list(client.list(Namespace)))
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
PY
for version in 2.12.0 2.13.0; do
  "$folder/venv/bin/pip" install -q lightkube==1.0.0 "httpx2==$version"
  env -i PATH="$PATH" HOME="$folder" "$folder/venv/bin/python" "$folder/list.py" >"$folder/$version"
  echo "httpx2 $version: $(cat "$folder/$version")"
done
grep -q '^ConnectError: ' "$folder/2.12.0"
grep -q "^TypeError: 'dict' object cannot be interpreted as an integer" "$folder/2.13.0"
echo "lightkube 1.0.0 needs httpx2 older than 2.13.0"
