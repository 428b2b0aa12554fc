"""What virtctl printed is given to the sandbox's server, which says what it says of a manifest."""

from __future__ import annotations

from pathlib import Path

from tests.tools import needs

from .comparison import normalised
from .stage import PROGRAMS, Stage
from .transcript import Step, read

RECORDING = "16-virtctl-create-clone"
CREATED = "virtualmachineclone.clone.kubevirt.io/{} created (server dry run)"
REFUSED = (
    'namespaces "other" not found',
    "spec.labels filter a*b is invalid: cannot contain a wildcard character (*); FilterRules: "
    "WildcardChar can be only at the end of the filter",
    "Target name cannot be equal to source name when both are VirtualMachines",
    "interface eth0 has malformed MAC address (00-11-22).",
    'metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of',
)


@needs(*PROGRAMS)
def test_the_server_takes_what_virtctl_prints_but_for_what_it_refuses_of_anybody(
    tmp_path: Path,
) -> None:
    printed = [step.output for step in read(RECORDING) if step.output.startswith("apiVersion: ")]
    with Stage(tmp_path) as stage:
        names = [f"{number:02}.yaml" for number in range(1, len(printed) + 1)]
        for name, manifest in zip(names, printed, strict=True):
            stage.play(Step(RECORDING, 0, f"cat {name}", manifest), "")
        command = f"kubectl create --dry-run=server {' '.join(f'-f {name}' for name in names)}"
        output, _ = stage.play(Step(RECORDING, 0, command, ""), command)

    answers = normalised(output)
    refused = [line for line in answers if line.startswith("Error from server")]
    assert len(refused) == len(REFUSED), refused
    for line, reason in zip(refused, REFUSED, strict=True):
        assert reason in line
    created = [line for line in answers if line not in refused]
    assert created == [CREATED.format(line.split("/")[1].split()[0]) for line in created]
    assert len(created) == len(printed) - len(refused)
