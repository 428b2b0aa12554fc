#!/bin/sh
# A cluster for the integration suite: kind with KubeVirt. Needs docker, kind and kubectl.
#   sh tests/e2e/cluster.sh v1.9.0 KUBECONFIG    (kind delete cluster --name virt-clone removes it)
set -eu

release=$1
KUBECONFIG=$2
export KUBECONFIG

kind create cluster --name virt-clone --wait 5m

kubectl apply -f "https://github.com/kubevirt/kubevirt/releases/download/$release/kubevirt-operator.yaml"
kubectl wait --for=condition=Established crd/kubevirts.kubevirt.io --timeout=2m
# The suite's VMs stay halted, so no node has to run one.
kubectl apply -f - <<'KUBEVIRT'
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata:
  name: kubevirt
  namespace: kubevirt
spec:
  infra:
    replicas: 1
  configuration:
    developerConfiguration:
      featureGates: [Snapshot]
KUBEVIRT
kubectl wait --namespace kubevirt kubevirt/kubevirt --for=condition=Available --timeout=15m
