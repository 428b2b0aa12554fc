"""What is known of one clone that is waited for: its last version, what was read, how it is judged.

What follows from that is ``clone/progress``'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from kubectl_virt_clone.clone.progress.around import Surroundings
from kubectl_virt_clone.clone.progress.cause import Cause
from kubectl_virt_clone.clone.progress.judgement import Evidence, Judgement, Need
from kubectl_virt_clone.clone.progress.progress import Outcome, Result, Verdict
from kubectl_virt_clone.objects.fields import Key, Object, text_at, uid_of


@dataclass
class Known:
    """The object of that ``key`` and, once it was seen or where it was created before, ``uid``.

    ``turn`` counts its versions: an answer to a question about an earlier one is void. ``read`` and
    ``unanswered`` are as in Evidence, ``read_at`` is when the last answer came. ``outdated``:
    something around it has changed since a question was asked. ``due``: when its need is to be met.
    ``told`` is the cause that was shown last, and ``untold`` says that
    its version was not.
    """

    key: Key
    uid: str
    changed_at: float
    was_created: bool = False
    clone: Object | None = None
    gone: bool = False
    turn: int = 0
    read: dict[Need, Surroundings] = field(default_factory=dict)
    read_at: float = -inf
    unanswered: str = ""
    outdated: bool = False
    due: float = inf
    judgement: Judgement = field(default=Judgement(Verdict(Outcome.POSSIBLE)))
    told: Cause | None = None
    untold: bool = False

    def take(self, clone: Object | None, now: float, *, deleted: bool = False) -> bool:
        """Take note of a version, None where there is none now; whether that is news."""
        ours = clone is not None and uid_of(clone) == (self.uid or uid_of(clone))
        gone = deleted or not ours  # another object of the same name: ours is gone
        same = ours and _version(clone) == _version(self.clone) != ""
        if ours:
            self.uid, self.clone = uid_of(clone), clone
        if self.gone if gone else same:
            return False
        self.gone, self.changed_at = gone, now
        self.turn += 1
        self.read, self.read_at, self.unanswered = {}, -inf, ""
        self.outdated, self.due = False, inf
        self.untold = self.untold or not gone
        return True

    def evidence(self, children: Surroundings) -> Evidence:
        """What a judgement goes by, where ``children`` are those that are followed."""
        return Evidence(children, self.read, self.unanswered, self.gone)

    @property
    def result(self) -> Result:
        """How it stands."""
        judged = self.judgement
        return Result(self.key, judged.verdict, self.clone, self.was_created, judged.cause)


def _version(clone: Object | None) -> str:
    return text_at(clone, "metadata", "resourceVersion")
