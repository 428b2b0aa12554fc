#!/bin/sh
# kubernetes 37.0.2 (PyPI) goes on without credentials where a kubeconfig's exec plugin fails.
#
# kubectl stops and says why: no request is sent. The package logs an error ("exec: process
# returned 1"), raises nothing and sends the request as nobody. Seen: the server gets a request
# without an Authorization header. It fails once that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q kubernetes==37.0.2 urllib3==2.8.0
env -i PATH="$PATH" HOME="$folder" "$folder/venv/bin/python" - <<'PY'
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from kubernetes import client, config

seen, logged = [], []


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        seen.append(self.headers["Authorization"])
        body = json.dumps({"versions": [], "serverAddressByClientCIDRs": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Log(logging.Handler):
    def emit(self, record):
        logged.append(record.getMessage())


logging.getLogger().addHandler(Log())
server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "false"}
config.load_kube_config_from_dict(
    {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "u", "user": {"exec": {**plugin, "interactiveMode": "Never"}}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
)
client.CoreApi().get_api_versions()
print(seen, logged)
assert seen == [None], "the failure is no longer passed over"
assert logged == ["exec: process returned 1"], logged
PY
echo "kubernetes 37.0.2 sends requests without credentials where an exec plugin fails"
