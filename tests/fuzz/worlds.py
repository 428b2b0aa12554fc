"""Everything that a reader may be given, drawn together: one world for all of them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from hypothesis import strategies as st

from kubectl_virt_clone.clone.checks.cluster import RIGHTS, ClusterFacts
from kubectl_virt_clone.clone.checks.facts import IDS, LEVELS, Facts, Finding
from kubectl_virt_clone.clone.hint import Command, Field, Flag, Hint
from kubectl_virt_clone.clone.progress.judgement import Evidence, Need
from kubectl_virt_clone.clone.progress.progress import (
    Cause,
    Goal,
    Outcome,
    Result,
    Surroundings,
    Verdict,
    parse_goal,
)
from kubectl_virt_clone.clone.progress.timeline import Step
from kubectl_virt_clone.clone.removal import Limits, Remains
from kubectl_virt_clone.clone.target.preview import Preview
from kubectl_virt_clone.clone.target.projection import project
from kubectl_virt_clone.objects.jsonpath import Path, parse_jsonpath
from kubectl_virt_clone.objects.resource import Access, Listing, Lookup, Selection
from kubectl_virt_clone.render.answers import Answers
from kubectl_virt_clone.render.progress.frames import Style
from kubectl_virt_clone.render.rows import Chunk, Layout
from kubectl_virt_clone.render.tables import Table
from tests.fuzz import corpus
from tests.fuzz.hostile import TEXTS, VALUES, objects_like
from tests.unit.builders import NOW

KINDS = {
    "clone": objects_like(*corpus.clones()),
    "vm": objects_like(*corpus.vms()),
    "snapshot": objects_like(*corpus.snapshots()),
    "content": objects_like(*corpus.contents()),
    "restore": objects_like(*corpus.restores()),
    "claim": objects_like(*corpus.claims()),
    "event": objects_like(*corpus.events()),
    "class": objects_like(*corpus.classes()),
    "kubevirt": objects_like(*corpus.kubevirts()),
    "volume": objects_like(
        {"name": "disk", "persistentVolumeClaim": {"claimName": "a"}},
        {"name": "disk", "dataVolume": {"name": "a"}},
    ),
    "versions": objects_like(
        {
            "clientVersion": {"gitVersion": "v1"},
            "serverVersion": {"gitVersion": "v1.36.0"},
            "kubeVirtVersion": "v1.9.0",
        }
    ),
}
GOALS = (
    *("phase=Succeeded", "phase=Failed", "condition=Ready", "condition=Ready=false", "delete"),
    *("create", "volumes-bound", "jsonpath={.status.phase}=x", "jsonpath={..*}", "jsonpath={.*}=1"),
    "jsonpath={.status.conditions[?(@.type=='Ready')].status}=True",
)
PATHS = (
    *(
        "{.metadata.name}",
        "{..name}",
        "{.status.conditions[*].type}",
        "{.spec}",
        "{.a[-1:]}",
        "{..*}",
    ),
    *(
        "{.status.conditions[?(@.status>'A')].reason}",
        "{.metadata.labels.a\\.b}",
        "{.metadata.uid}",
    ),
)


@dataclass
class World:
    """Some objects of each kind, hostile texts and values; all else is made of these by chance."""

    objects: dict[str, list[dict[str, Any]]]
    texts: list[str]
    values: list[Any]
    times: list[datetime]
    chance: random.Random = field(repr=False)

    def one(self, kind: str) -> dict[str, Any]:
        """An object of a kind; one in ten is another's."""
        if self.chance.random() < 0.1:
            kind = self.chance.choice(list(self.objects))
        return self.chance.choice(self.objects[kind])

    def some(self, make: Any, most: int = 3) -> list[Any]:
        """None or a few of what is made."""
        return [make() for _ in range(self.chance.randint(0, most))]

    def maybe(self, make: Any) -> Any:
        """It or None."""
        return make() if self.chance.random() < 0.8 else None

    def text(self) -> str:
        """A text of a server."""
        return self.chance.choice(self.texts)

    def value(self) -> Any:
        """Any JSON value."""
        return self.chance.choice([*self.values, *self.objects["clone"]])

    def yes(self) -> bool:
        """One of two."""
        return self.chance.random() < 0.5

    def time(self) -> datetime:
        """Now, or whenever."""
        return self.chance.choice(self.times)

    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.text(), self.text()

    def lookup(self, kind: str) -> Lookup:
        """What was found under a name."""
        return Lookup(self.maybe(lambda: self.one(kind)), self.text() if self.yes() else "")

    def listing(self, kind: str) -> Listing:
        """What a list brought."""
        return Listing(tuple(self.some(lambda: self.one(kind))), self.text() if self.yes() else "")

    def surroundings(self) -> Surroundings:
        """What stands around a clone."""
        source = "vm" if self.yes() else "snapshot"
        return Surroundings(
            source=self.maybe(lambda: self.lookup(source)),
            target=self.maybe(lambda: self.lookup("vm")),
            snapshot=self.maybe(lambda: self.lookup("snapshot")),
            content=self.maybe(lambda: self.lookup("content")),
            restore=self.maybe(lambda: self.lookup("restore")),
            claims={
                self.chance.choice([*self.texts, "restore-1-disk"]): self.lookup("claim")
                for _ in range(2)
            },
            storage_classes=self.listing("class"),
            events=self.listing("event"),
        )

    def evidence(self) -> Evidence:
        """What is known beside a clone."""
        read = {
            need: self.surroundings() for need in self.some(lambda: self.chance.choice(list(Need)))
        }
        return Evidence(self.surroundings(), read, self.text(), self.yes())

    def facts(self) -> Facts:
        """What the checks judge by."""
        return Facts(
            namespace=self.text(),
            source=self.lookup("vm" if self.yes() else "snapshot"),
            content=self.lookup("content"),
            target=self.lookup("vm"),
            clones=self.listing("clone"),
            vms=self.maybe(lambda: self.listing("vm")),
            claims=self.maybe(lambda: self.listing("claim")),
            storage_classes=self.maybe(lambda: self.listing("class")),
            kubevirt=self.listing("kubevirt"),
            fields=self.maybe(lambda: frozenset([*self.some(self.text), "patches"])),
            may_create=self.maybe(self.yes),
            user=self.text(),
        )

    def cluster(self) -> ClusterFacts:
        """What is known of the cluster."""
        return ClusterFacts(
            namespace=self.text(),
            versions=tuple(self.some(self.text)),
            unserved=self.text() if self.yes() else "",
            kubevirt=self.listing("kubevirt"),
            rights={verb: self.maybe(self.yes) for verb in RIGHTS},
            user=self.text(),
        )

    def finding(self) -> Finding:
        """A finding that quotes the server."""
        level, known = self.chance.choice(LEVELS), self.chance.choice(IDS)
        return Finding(known, level, self.text(), self.hint())

    def cause(self) -> Cause | None:
        """A cause that quotes the server."""
        return self.maybe(lambda: Cause(self.text(), self.text(), self.hint(), self.yes()))

    def goal(self) -> Goal:
        """What is waited for."""
        return parse_goal(self.chance.choice(GOALS))

    def path(self) -> Path:
        """Where a user may look."""
        return parse_jsonpath(self.chance.choice(PATHS))

    def result(self) -> Result:
        """How a wait ended."""
        verdict = Verdict(self.chance.choice(list(Outcome)), self.text())
        clone = self.maybe(lambda: self.one("clone"))
        return Result(self.key(), verdict, clone, self.yes(), self.cause())

    def chunk(self) -> Chunk:
        """Some clones as a watch brings them."""
        children = {
            ("VirtualMachineRestore", "default", self.text()): self.one("restore"),
            ("VirtualMachineSnapshot", "default", self.text()): self.one("snapshot"),
        }
        event = self.chance.choice(("ADDED", "MODIFIED", "DELETED"))
        return Chunk(self.some(lambda: self.one("clone")), event, children)

    def answers(self) -> Answers:
        """What is printed of objects that were created."""
        output = self.chance.choice((None, "json", "yaml", "name"))
        dry_run = self.chance.choice(("none", "client", "server"))
        return Answers(self.some(lambda: self.one("clone")), output, dry_run)

    def preview(self) -> Preview:
        """What a target will be."""
        clone, source = self.one("clone"), self.one("vm")
        return Preview(clone, source, project(source, clone), tuple(self.some(self.finding)))

    def step(self) -> Step:
        """A step of a timeline."""
        return Step(self.text(), self.time(), self.maybe(lambda: self.chance.random() * 1e9))

    def layout(self) -> Layout:
        """How rows are to look."""
        output = self.chance.choice((None, "wide", "json", "yaml", "name"))
        return Layout(output, *(self.yes() for _ in range(5)))

    def words(self) -> tuple[str, ...]:
        """Words of a command line."""
        return tuple(self.some(self.text))

    def flag(self) -> Flag:
        """A flag of ours."""
        names = ("--label", "--start", "--patch", "--new-mac-address", "--skip-check")
        return Flag(self.chance.choice(names), self.words())

    def hint(self) -> Hint:
        """What to do next."""
        command = Command(self.words(), self.text(), stdin=self.text(), for_an_admin=self.yes())
        field = Field(self.text(), self.value())
        return tuple(
            self.some(lambda: self.chance.choice((self.text(), self.flag(), command, field)))
        )

    def access(self) -> Access:
        """What a user typed."""
        return Access(self.words(), self.words(), self.text())

    def selection(self) -> Selection:
        """Which clones a user wants."""
        return Selection(label_selector=self.text(), all_namespaces=self.yes())

    def limits(self) -> Limits:
        """Which clones may be deleted."""
        return Limits(self.yes(), self.maybe(lambda: self.chance.random() * 1e12))

    def remains(self) -> Remains:
        """What stays of deleted clones."""
        return Remains(self.some(self.key, 7), self.some(self.key), ("virtualmachines",))

    def style(self) -> Style:
        """What a stream can show."""
        return Style(self.yes(), self.chance.choice(("utf-8", "ascii")))

    def table(self) -> Table:
        """An empty table of two columns."""
        return Table(["A", "B"], shown=self.yes())


WORLDS = st.builds(
    World,
    objects=st.fixed_dictionaries(
        {kind: st.lists(of, min_size=1, max_size=2) for kind, of in KINDS.items()}
    ),
    texts=st.lists(TEXTS, min_size=3, max_size=6),
    values=st.lists(VALUES, min_size=1, max_size=3),
    times=st.lists(
        st.just(NOW) | st.datetimes(timezones=st.just(timezone.utc)), min_size=1, max_size=3
    ),
    chance=st.integers(0, 2**32).map(random.Random),
)
