"""The commands that are run against a hostile server, and what they find."""

PREPARED = (
    ("create", "c1", "--source=vm-cirros", "--target=t1", "--label-filter=*", "--wait"),
    ("create", "c2", "--source=nosuch", "--target=t2", "--skip-check=all"),
    ("create", "c3", "--source=vm-cirros", "--target=taken", "--skip-check=all"),
    ("create", "c4", "--source=vm-backend-storage", "--target=t4", "--skip-check=all"),
    ("create", "c5", "--source=vmsnapshot/snap-1", "--target=t5", "--wait"),
)

_ALL_FLAGS = (
    *("--source=vm-cirros", "--target=new", "--label-filter=app", "--annotation-filter=!a"),
    *("--new-mac-address=default=02-00-00-00-00-99", "--new-smbios-serial=S", "--label=a=b"),
    *("--volume-name-policy=PrefixTargetName", "--start"),
)

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("get",),
    ("get", "-A", "-o", "wide", "--show-labels"),
    ("get", "-o", "yaml"),
    ("get", "c1", "-o", "json"),
    ("get", "-o", "json", "--sort-by=.status.phase"),
    ("get", "-w", "--request-timeout=30ms", "--output-watch-events"),
    ("get", "-w", "--request-timeout=30ms", "-o", "json"),
    ("describe", "c1"),
    ("describe", "c3", "c4"),
    ("describe", "c5"),
    ("wait", "c1", "--timeout=0"),
    ("wait", "c3", "--timeout=0"),
    ("wait", "--all", "--timeout=30ms"),
    ("wait", "--all", "--timeout=30ms", "--for=volumes-bound", "-q"),
    ("wait", "c2", "--timeout=30ms", "--fail-on-pending", "--for=condition=Ready"),
    ("delete", "c1", "--timeout=30ms"),
    ("delete", "--all", "--yes", "--wait=false"),
    ("delete", "--finished", "--dry-run=client"),
    ("preview", *_ALL_FLAGS),
    ("preview", "--source=vmsnapshot/snap-1", "--target=new", "-o", "yaml"),
    ("preview", *_ALL_FLAGS, "-o", "diff"),
    ("check",),
    ("check", "-o", "json"),
    ("check", *_ALL_FLAGS),
    ("check", *_ALL_FLAGS, "-o", "json"),
    ("create", "c9", *_ALL_FLAGS),
    ("create", "c8", "--source=vmsnapshot/snap-1", "--target=n8", "-o", "yaml"),
    ("create", "c7", "--source=vm-cirros", "--target=n7", "--wait", "--timeout=30ms"),
    ("create", "--count=2", "--source=vm-cirros", "--target=m-{}", "--no-shared-snapshot"),
    ("version",),
    ("version", "-o", "json"),
    ("__complete", "describe", ""),
    ("__complete", "create", "--source", ""),
    ("__complete", "create", "--source=vm-cirros", "--new-mac-address", ""),
    ("__complete", "get", "-n", ""),
)
