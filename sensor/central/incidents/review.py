"""What people say of an incident. Theirs is the last word; what the machine thinks is kept beside it.

A judgement is a version like any other, by its author and with a reason. The tag ``reviewed`` carries it on:
who, what, and what fusion says, so that an undo leads back to that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, get_args

from sensor.central.incidents.chain import Signer, seal
from sensor.central.incidents.states import FUSION, check_transition
from sensor.central.types import IncidentClass, IncidentVersion, State, Tag
from sensor.errors import AccessError, CentralError

Action = Literal["acknowledge", "confirm", "reclassify", "retract", "restore", "close"]
REVIEWED = "reviewed"
STICKY = frozenset({REVIEWED, "acknowledged", "unsupported"})
"""Tags that stay when fusion writes the next version."""
REASON_MAX = 2000


class ReviewError(CentralError):
    """A judgement that cannot be taken down as it was given."""


def judgement_of(version: IncidentVersion) -> Tag | None:
    """The tag with what a person said last; None where nobody has."""
    return next((tag for tag in version.tags if tag.name == REVIEWED), None)


def is_judged(version: IncidentVersion) -> bool:
    """Whether a person has judged it, and nobody has taken that back."""
    return judgement_of(version) is not None


def reviewed_by_fusion(last: IncidentVersion, new: IncidentVersion) -> IncidentVersion:
    """Fusion's ``new`` with the class and state that a person gave ``last``; fusion's own go into the tag."""
    tag = judgement_of(last)
    if tag is None:
        return new
    evidence = {
        **tag.evidence,
        "fusion_class": new.incident_class,
        "fusion_state": new.state,
        "fusion_p_gunshot": new.p_gunshot,
    }
    kept = tuple(item for item in new.tags if item.name != REVIEWED)
    return replace(
        new,
        state="reviewed",
        incident_class=last.incident_class,
        tags=(*kept, Tag(name=REVIEWED, evidence=evidence)),
    )


def closed_by_fusion(last: IncidentVersion, at_ns: int) -> IncidentVersion:
    """``last``, closed because nothing more can come; not sealed."""
    tags = tuple(
        Tag(name=REVIEWED, evidence={**tag.evidence, "fusion_state": "closed"})
        if tag.name == REVIEWED
        else tag
        for tag in last.tags
    )
    reason = "nothing more has been heard"
    return replace(last, state="closed", tags=tags, author=FUSION, reason=reason, created_ns=at_ns)


def review(
    last: IncidentVersion,
    *,
    action: Action,
    author: str,
    reason: str,
    at_ns: int,
    incident_class: IncidentClass | None = None,
    signer: Signer | None = None,
) -> IncidentVersion:
    """The version that ``author``'s judgement of ``last`` makes.

    Args:
        last: the last version.
        action: ``acknowledge`` (seen, not judged), ``confirm`` (it is a gunshot), ``reclassify`` (it is
            ``incident_class``), ``retract`` (it was nothing), ``restore`` (take the last judgement back),
            ``close``.
        author: who; not ``fusion``.
        reason: why, for the record.
        at_ns: now.
        incident_class: for ``reclassify``, and optionally for ``confirm``.
        signer: signs it.

    Raises:
        ReviewError: something is missing or makes no sense.
        IllegalTransition: it is not in a state where that can be.
        AccessError: no author.
    """
    if not author.strip() or author == FUSION:
        raise AccessError("a judgement needs its author's name")
    if action not in get_args(Action):
        raise ReviewError(f"no action {action!r}; there are {', '.join(get_args(Action))}")
    if len(reason) > REASON_MAX:
        raise ReviewError(f"the reason is longer than {REASON_MAX} characters; shorten it")
    if action in ("reclassify", "retract", "restore") and not reason.strip():
        raise ReviewError(f"to {action} an incident, say why")
    state, chosen, tags = _outcome(last, action, author, at_ns, incident_class)
    check_transition(last.incident_id, last.state, state, author)
    version = replace(
        last,
        version=last.version + 1,
        state=state,
        incident_class=chosen,
        tags=tags,
        author=author,
        reason=reason.strip() or action,
        created_ns=at_ns,
        prev_hash=last.hash,
        hash=None,
        signature=None,
    )
    return seal(version, signer)


def _outcome(
    last: IncidentVersion, action: Action, author: str, at_ns: int, incident_class: IncidentClass | None
) -> tuple[State, IncidentClass, tuple[Tag, ...]]:
    """State, class and tags after an action."""
    said = judgement_of(last)
    others = tuple(tag for tag in last.tags if tag.name != REVIEWED)
    if action == "acknowledge":
        kept = tuple(tag for tag in last.tags if tag.name != "acknowledged")
        seen = Tag(name="acknowledged", evidence={"by": author, "at_ns": at_ns})
        return last.state, last.incident_class, (*kept, seen)
    if action == "close":
        return "closed", last.incident_class, last.tags
    if action == "restore":
        if said is None:
            raise ReviewError(f"incident {last.incident_id}: nobody has judged it; there is nothing to undo")
        before: State = "closed" if last.state == "closed" else said.evidence["fusion_state"]
        return before, said.evidence["fusion_class"], others
    if incident_class is not None and incident_class not in get_args(IncidentClass):
        raise ReviewError(f"no class {incident_class!r}; there are {', '.join(get_args(IncidentClass))}")
    if action == "reclassify" and incident_class is None:
        raise ReviewError("to reclassify an incident, say as what")
    chosen = incident_class or ("gunshot" if action == "confirm" else last.incident_class)
    evidence: dict[str, Any] = {
        "fusion_class": last.incident_class,
        "fusion_state": last.state,
        "fusion_p_gunshot": last.p_gunshot,
        **({} if said is None else {k: v for k, v in said.evidence.items() if k.startswith("fusion_")}),
        "action": action,
        "by": author,
        "at_ns": at_ns,
    }
    state: State = "retracted" if action == "retract" else "reviewed"
    return state, chosen, (*others, Tag(name=REVIEWED, evidence=evidence))
