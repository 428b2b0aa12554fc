#!/bin/sh
# kr8s 0.20.15 (PyPI): wait("condition=Ready") raises on an object that has no status yet.
#
# kubectl wait waits until the controller has written the condition. kr8s looks for `status` first
# and raises BoxKeyError where there is none, as there is none for a moment after each creation.
# Seen: BoxKeyError: "'status'"; the same call returns once the object has a status. Wait for the
# key first. It fails once that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q kr8s==0.20.15
env -i PATH="$PATH" HOME="$folder" "$folder/venv/bin/python" - <<'PY'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import kr8s
from kr8s.objects import new_class

GROUP, PLURAL = "clone.kubevirt.io", "virtualmachineclones"
stored = {
    "apiVersion": f"{GROUP}/v1beta1",
    "kind": "VirtualMachineClone",
    "metadata": {"name": "new", "namespace": "default", "resourceVersion": "1"},
    "spec": {},
}


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        body = {"major": "1", "minor": "36", "gitVersion": "v1.36.0"}
        if PLURAL in self.path:
            metadata = {"resourceVersion": "1"}
            body = {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": [stored]}
        if self.path.split("?")[0].endswith("/new"):
            body = stored
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
file = Path.home() / "kubeconfig"
cluster = {"server": f"http://127.0.0.1:{server.server_port}"}
config = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "c", "cluster": cluster}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "default"}}],
    "current-context": "x",
}
file.write_text(json.dumps(config))
Clone = new_class(kind="VirtualMachineClone", version=f"{GROUP}/v1beta1", namespaced=True)
clone = Clone.get("new", namespace="default", api=kr8s.api(kubeconfig=str(file)))
try:
    clone.wait("condition=Ready", timeout=3)
    said = "it waited"
except KeyError as error:
    said = f"{type(error).__name__}: {error}"
print(said)
assert said.startswith("BoxKeyError: ") and "status" in said
stored["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
clone.refresh()
clone.wait("condition=Ready", timeout=3)
PY
echo "kr8s 0.20.15 can't wait for a condition of an object without a status"
