#!/bin/sh
# etcd and kube-apiserver for tests/envtest, as controller-tools releases them for Linux on amd64.
#   sh tests/envtest/download.sh FOLDER
set -eu

release=v1.36.2
# Of the archive, from controller-tools' envtest-releases.yaml.
sha512=ea743186c8a799f5cf8faf16969f86189d003cb7d130e0ac4b58789f1e5748dcf30ebe91c837a10d5ac415383da3e10b9e64d65785c938c23e739781cfb76f08

archive=envtest-$release-linux-amd64.tar.gz
cd "$1"
curl --fail --silent --show-error --location --retry 3 --remote-name \
    "https://github.com/kubernetes-sigs/controller-tools/releases/download/envtest-$release/$archive"
echo "$sha512  $archive" | sha512sum --check --quiet
tar -xzf "$archive" --strip-components 2 controller-tools/envtest/etcd controller-tools/envtest/kube-apiserver
rm "$archive"
