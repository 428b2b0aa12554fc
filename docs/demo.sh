#!/bin/sh
# What `make demo` runs inside the sandbox: clone vm-cirros, describe the clone, read the new VM back.
set -eu

run() {
    printf '\n$ %s\n' "$*"
    "$@"
}

if command -v kubectl >/dev/null; then
    run kubectl virt-clone create nightly --source vm-cirros --target vm-cirros-copy --wait
    run kubectl virt-clone describe nightly
    run kubectl get virtualmachine vm-cirros-copy -o yaml
else
    run kubectl-virt_clone create nightly --source vm-cirros --target vm-cirros-copy --wait
    run kubectl-virt_clone describe nightly
    printf '\nkubectl is not installed, so the new VM is not read back with it.\n'
fi
