"""The options that say what to clone become manifests."""

import io
import sys

import click
import pytest

from kubectl_virt_clone.cli.flags_clone import CloneFlags, clone_options, requested_clones
from kubectl_virt_clone.errors import InvalidValue, ManifestError


@click.command()
@clone_options
def flags_of(clones):
    """The value that the flags become."""
    return clones


def flags(*args, **more):
    return flags_of.main(list(args), standalone_mode=False)._replace(**more)


def requested(*args, name="clone-1", filenames=(), namespace=""):
    return requested_clones(flags(*args, name=name, filenames=filenames), namespace)


VM = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm-cirros"}
SNAPSHOT = {
    "apiGroup": "snapshot.kubevirt.io",
    "kind": "VirtualMachineSnapshot",
    "name": "nightly",
}


@pytest.mark.parametrize(
    ("args", "spec"),
    [
        (["--source", "vm-cirros"], {"source": VM}),
        (["--source", "vm/vm-cirros"], {"source": VM}),
        (["--source-name", "vm-cirros"], {"source": VM}),
        (["--source", "vmsnapshot/nightly"], {"source": SNAPSHOT}),
        (["--source", "nightly", "--source-type", "vmsnapshot"], {"source": SNAPSHOT}),
        (["--source-name=nightly", "--source-type=VirtualMachineSnapshot"], {"source": SNAPSHOT}),
        (
            ["--source=vm-cirros", "--target=copy"],
            {"source": VM, "target": {**VM, "name": "copy"}},
        ),
        (
            ["--source=vm-cirros", "--target-name=vm/copy", "--target-type=vm"],
            {"source": VM, "target": {**VM, "name": "copy"}},
        ),
        (
            ["--source=vm-cirros", "--label-filter=*", "--label-filter=!app"],
            {"source": VM, "labelFilters": ["*", "!app"]},
        ),
        (
            [
                "--source=vm-cirros",
                "--annotation-filter=a",
                "--template-label-filter=b",
                "--template-annotation-filter=c",
            ],
            {
                "source": VM,
                "annotationFilters": ["a"],
                "template": {"labelFilters": ["b"], "annotationFilters": ["c"]},
            },
        ),
        (
            [
                "--source=vm-cirros",
                "--new-mac-address=a=02:00:00:00:00:01",
                "--new-mac-address=b:0200.0000.0002",
                "--new-smbios-serial=SN 1",
            ],
            {
                "source": VM,
                "newMacAddresses": {"a": "02-00-00-00-00-01", "b": "02-00-00-00-00-02"},
                "newSMBiosSerial": "SN 1",
            },
        ),
        (
            ["--source=a", "--volume-name-policy=prefixtargetname"],
            {"source": {**VM, "name": "a"}, "volumeNamePolicy": "PrefixTargetName"},
        ),
        (
            [
                "--source=vm-cirros",
                "--annotation=example.com/Note=a = b",
                "--label=example.com/tier=",
                "--hostname=web-1",
                "--start",
                '--patch={"op":"remove","path":"/spec/running"}',
                "--label=app=web",
                "--patch",
                ' { "op": "test", "path": "/spec/x", "value": 1 }',
            ],
            {
                "source": VM,
                "patches": [
                    '{"op":"remove","path":"/spec/running"}',
                    ' { "op": "test", "path": "/spec/x", "value": 1 }',
                    '{"op":"replace","path":"/spec/runStrategy","value":"Always"}',
                    '{"op":"add","path":"/spec/template/spec/hostname","value":"web-1"}',
                    '{"op":"add","path":"/metadata/labels/example.com~1tier","value":""}',
                    '{"op":"add","path":"/metadata/labels/app","value":"web"}',
                    '{"op":"add","path":"/metadata/annotations/example.com~1Note","value":"a = b"}',
                ],
            },
        ),
        (
            ["--source=vm-cirros", "--run-strategy=manual"],
            {
                "source": VM,
                "patches": ['{"op":"replace","path":"/spec/runStrategy","value":"Manual"}'],
            },
        ),
        # What the restore would refuse is a finding, which may be skipped.
        (
            ["--source=vm-cirros", '--patch={"op":"remove","path":"/status"}'],
            {"source": VM, "patches": ['{"op":"remove","path":"/status"}']},
        ),
    ],
)
def test_flags_become_the_spec_that_one_would_write_by_hand(args, spec):
    assert requested(*args, namespace="vms") == [
        {
            "apiVersion": "clone.kubevirt.io/v1beta1",
            "kind": "VirtualMachineClone",
            "metadata": {"name": "clone-1", "namespace": "vms"},
            "spec": spec,
        }
    ]


def test_an_unnamed_clone_gets_a_name_of_its_own_each_time():
    names = [requested("--source=a", name="")[0]["metadata"]["name"] for _ in range(20)]
    assert len(set(names)) == 20


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "what to clone is missing: give --source or -f"),
        (["--target=copy"], "what to clone is missing: give --source or -f"),
        (
            ["--source=a", "--source-name=b"],
            "--source can't be used together with --source-name",
        ),
        (
            ["--source=a", "--target=vmsnapshot/b"],
            "--target: a clone's target is a vm, not a VirtualMachineSnapshot",
        ),
        (
            ["--source=a", "--target=b", "--target-type=vmsnapshot"],
            "--target-type: a clone's target is a vm, not a VirtualMachineSnapshot",
        ),
        (
            [
                "--source=a",
                "--new-mac-address=x=02-00-00-00-00-01",
                "--new-mac-address=x=02-00-00-00-00-02",
            ],
            "--new-mac-address names the interface x twice",
        ),
        (
            ["--source=a", "--source-type=pod"],
            "Invalid value for '--source-type': \"pod\" can't be cloned;"
            " a source is one of vm, vmsnapshot",
        ),
        (
            ["--source=a", "--label-filter=a*b"],
            "Invalid value for '--label-filter': filter \"a*b\": * can stand only at the end",
        ),
        (
            ["--source=a", "--label-filter="],
            "Invalid value for '--label-filter': a filter can't be empty",
        ),
        (
            ["--source=a", "--new-mac-address=x=zz"],
            "Invalid value for '--new-mac-address': \"zz\" is not a MAC address;"
            " write one like 02-00-00-00-00-01",
        ),
        (
            ["--source=a", "--patch=5"],
            "Invalid value for '--patch': the patch 5 is not a JSON object",
        ),
        (
            ["--source=a", '--patch={"op":"frob"}'],
            'Invalid value for \'--patch\': the patch {"op":"frob"} needs an "op":'
            " one of add, remove, replace, move, copy, test",
        ),
        (
            ["--source=a", "--start", "--run-strategy=Always"],
            "--start can't be used together with --run-strategy",
        ),
        (
            ["--source=a", "--run-strategy=Sometimes"],
            "Invalid value for '--run-strategy': \"Sometimes\" is none of Always, Halted, Manual,"
            " Once, RerunOnFailure, WaitAsReceiver",
        ),
        (
            ["--source=a", "--volume-name-policy=Same"],
            "Invalid value for '--volume-name-policy': \"Same\" is none of RandomizeNames,"
            " PrefixTargetName",
        ),
        (["--source=a", "--label=x=1", "--label=x=2"], "--label names the key x twice"),
        (
            ["--source=a", "--annotation=x=1", "--annotation=x=1"],
            "--annotation names the key x twice",
        ),
        (
            ["--source=a", "--label=x"],
            "Invalid value for '--label': \"x\" has no value; write KEY=VALUE",
        ),
        (
            ["--source=a", "--hostname=Web"],
            "Invalid value for '--hostname': \"Web\" is not a host name; it needs lower case"
            " letters, digits and -, and begins and ends with a letter or digit",
        ),
    ],
)
def test_flags_that_mean_nothing_are_wrong_usage(args, message):
    with pytest.raises(click.UsageError) as refusal:
        requested(*args)
    assert refusal.value.format_message() == message


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--new-mac-address", "a=02:00:00:00:00:01"), ("--new-smbios-serial", "s")],
)
@pytest.mark.parametrize("several", [["--target=b", "--target=c"], ["--target=b-{}", "--count=2"]])
def test_what_no_two_vms_may_share_is_given_to_one(flag, value, several):
    with pytest.raises(click.UsageError) as refusal:
        requested("--source=a", *several, flag, value, name="")
    assert refusal.value.format_message() == f"{flag} can't be given to several VMs"
    assert len(requested("--source=a", "--target=b-{}", "--count=1", flag, value)) == 1


@pytest.mark.parametrize(
    ("args", "filenames", "form"),
    [
        ((), ("f.yaml",), "files"),
        (("--source=a",), (), "flags"),
        (("--source=a", "--target=b"), (), "flags"),
        (("--source=a", "--target=b", "--target=c"), (), "series"),
        (("--source=a", "--target=b-{}", "--count=1"), (), "series"),
    ],
)
def test_how_clones_were_asked_for_is_known_to_the_hints(args, filenames, form):
    assert flags(*args, filenames=filenames).form == form


@pytest.mark.parametrize("args", [("--source=",), ("--target=",), ("--start",), ("nightly",)])
def test_a_flag_that_says_what_to_clone_asks_for_a_clone(args):
    asked = (bool(flags()), bool(flags(*args)), flags())
    assert asked == (False, args != ("--source=",), CloneFlags())


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["--source="], "the name is empty"),
        (["--source=a", "--target="], "the name is empty"),
        (["--source-name="], "the name is empty"),
        (
            ["--source=vm/a", "--source-type=vmsnapshot"],
            '"vm/a" is a VirtualMachine, but the type asked for is VirtualMachineSnapshot',
        ),
    ],
)
def test_a_reference_that_means_nothing_is_an_invalid_value(args, reason):
    with pytest.raises(InvalidValue) as refusal:
        requested(*args)
    assert refusal.value.reason == reason


FIRST = """\
apiVersion: clone.kubevirt.io/v1beta1
kind: VirtualMachineClone
metadata: {name: first, namespace: vms}
spec: {source: {apiGroup: kubevirt.io, kind: VirtualMachine, name: a}}
"""
SECOND = FIRST.replace("first, namespace: vms", "second")


def names_of(clones):
    return [clone["metadata"]["name"] for clone in clones]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "b.yaml").write_text(SECOND)
    (tmp_path / "a.yml").write_text(FIRST)
    (tmp_path / "c.json").write_text('{"kind": "List", "items": []}')
    (tmp_path / "notes.txt").write_text("not: a clone")
    return tmp_path


@pytest.mark.parametrize(
    ("filenames", "names"),
    [
        (["a.yml"], ["first"]),
        (["b.yaml", "a.yml"], ["second", "first"]),
        (["."], ["first", "second"]),
    ],
)
def test_files_and_folders_are_read_in_their_order(folder, filenames, names):
    paths = tuple(str(folder / name) for name in filenames)
    assert names_of(requested(name="", filenames=paths)) == names


def test_a_manifest_is_read_from_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{FIRST}---\n{SECOND}"))
    assert names_of(requested(name="", filenames=("-",))) == ["first", "second"]


def test_a_manifest_is_sent_as_it_was_written(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text(FIRST)
    assert requested(name="", filenames=(str(path),), namespace="vms") == [
        {
            "apiVersion": "clone.kubevirt.io/v1beta1",
            "kind": "VirtualMachineClone",
            "metadata": {"name": "first", "namespace": "vms"},
            "spec": {"source": {**VM, "name": "a"}},
        }
    ]


@pytest.mark.parametrize(
    ("text", "namespace", "message"),
    [
        ("", "", "no objects passed"),
        ("kind: List\nitems: []\n", "", "no objects passed"),
        ("text", "", "the document is not a Kubernetes object"),
        (
            FIRST,
            "other",
            'the namespace from the provided object "vms" does not match the namespace'
            " \"other\". You must pass '--namespace=vms' to perform this operation.",
        ),
    ],
)
def test_a_file_without_a_clone_for_this_namespace_is_refused(tmp_path, text, namespace, message):
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(ManifestError) as refusal:
        requested(name="", filenames=(str(path),), namespace=namespace)
    assert str(refusal.value) == f"error: {message}"


def test_a_file_that_is_not_there_is_refused(tmp_path):
    path = str(tmp_path / "missing.yaml")
    with pytest.raises(ManifestError) as refusal:
        requested(name="", filenames=(path,))
    assert str(refusal.value) == f'error: the path "{path}" does not exist'


def test_a_file_that_is_no_text_is_refused_by_its_name(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ManifestError) as refusal:
        requested(name="", filenames=(str(path),))
    assert str(refusal.value).startswith(
        f"error: error reading {path}: 'utf-8' codec can't decode byte 0xff"
    )


@pytest.mark.parametrize(
    ("args", "name", "rival"),
    [
        (["--source=a"], "", "--source"),
        (["--label-filter=*"], "", "--label-filter"),
        (["--target-type=vm"], "", "--target-type"),
        (["--start"], "", "--start"),
        (["--hostname=web"], "", "--hostname"),
        (['--patch={"op":"remove","path":"/spec/running"}'], "", "--patch"),
        (["--volume-name-policy=RandomizeNames"], "", "--volume-name-policy"),
        ([], "nightly", "NAME"),
    ],
)
def test_a_file_leaves_no_room_for_flags_of_the_spec(args, name, rival):
    with pytest.raises(click.UsageError) as refusal:
        requested(*args, name=name, filenames=("f.yaml",))
    assert refusal.value.message == f"-f can't be used together with {rival}"
