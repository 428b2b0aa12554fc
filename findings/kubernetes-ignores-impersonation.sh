#!/bin/sh
# kubernetes 37.0.2 (PyPI) sends a request as the user themselves where the kubeconfig says `as`.
#
# kubectl with the same file sends Impersonate-User, Impersonate-Uid and Impersonate-Group, and so
# acts with fewer rights. The package reads the file, drops the keys and says nothing. Seen: the
# server gets the bearer token and no other header about a user. It fails once that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q kubernetes==37.0.2 urllib3==2.8.0
env -i PATH="$PATH" HOME="$folder" "$folder/venv/bin/python" - <<'PY'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from kubernetes import client, config

seen = []


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        seen.append({k: v for k, v in self.headers.items() if k.title().startswith(("Auth", "Imp"))})
        body = json.dumps({"versions": [], "serverAddressByClientCIDRs": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
user = {"token": "t", "as": "jane", "as-uid": "7", "as-groups": ["viewers", "testers"]}
config.load_kube_config_from_dict(
    {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
)
client.CoreApi().get_api_versions()
sent = [{key.lower(): value for key, value in headers.items()} for headers in seen]
print(sent)
assert sent == [{"authorization": "Bearer t"}], "impersonation is sent now"
PY
echo "kubernetes 37.0.2 ignores as, as-uid and as-groups of a kubeconfig"
