"""ValidatingAdmissionPolicies with their bindings, as far as their expressions can be read here.

Of CEL: ``!``, ``&&``, ``||``, parentheses, ``true``, ``false``, ``has(path)`` and
``'key' in path``. An expression with anything else is refused when the policy is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kubevirt_sandbox.storage import status
from kubevirt_sandbox.storage.admission.matching import concerns, entries, section

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.resources import ResourceType
    from kubevirt_sandbox.storage.store import Store
    from kubevirt_sandbox.storage.webhooks import AdmissionRequest

Obj = dict[str, Any]
POLICIES = "validatingadmissionpolicies.admissionregistration.k8s.io"
BINDINGS = "validatingadmissionpolicybindings.admissionregistration.k8s.io"
_TOKEN = re.compile(
    r"\s*(&&|\|\||[!()]|has\b|in\b|true\b|false\b|'[^']*'|\"[^\"]*\"|[A-Za-z][\w.]*)"
)


class UnreadableError(ValueError):
    """An expression that is more than is read here."""


def holds(expression: str, obj: Obj) -> bool:
    """Whether an expression is true of an object; UnreadableError where it can't be read."""
    reader = _Reader(expression, {"object": obj})
    value = reader.either()
    if reader.left():
        raise UnreadableError(expression)
    return value


class _Reader:
    """Reads one expression and evaluates it on the way."""

    def __init__(self, text: str, variables: Obj) -> None:
        self._tokens: list[str] = []
        self._text, self._variables = text, variables
        position = 0
        while text[position:].strip():
            found = _TOKEN.match(text, position)
            if not found:
                raise UnreadableError(text)
            self._tokens.append(found[1])
            position = found.end()

    def left(self) -> bool:
        """Whether something has not been read yet."""
        return bool(self._tokens)

    def either(self) -> bool:
        """``a || b``, where both are read and any true one is enough."""
        value = self._both()
        while self._takes("||"):
            value = self._both() or value
        return value

    def _both(self) -> bool:
        value = self._one()
        while self._takes("&&"):
            value = self._one() and value
        return value

    def _one(self) -> bool:
        if self._takes("!"):
            return not self._one()
        if self._takes("("):
            value = self.either()
            self._expect(")")
            return value
        word = self._next()
        if word in ("true", "false"):
            return word == "true"
        if word == "has":
            self._expect("(")
            path = self._next()
            self._expect(")")
            return self._at(path) is not None
        self._expect("in")
        return word[1:-1] in (self._at(self._next()) or ())

    def _at(self, path: str) -> Any:
        *parents, last = path.split(".")
        return section(self._variables, *parents).get(last)

    def _takes(self, token: str) -> bool:
        found = self._tokens[:1] == [token]
        del self._tokens[: int(found)]
        return found

    def _next(self) -> str:
        if not self._tokens:
            raise UnreadableError(self._text)
        return self._tokens.pop(0)

    def _expect(self, token: str) -> None:
        if not self._takes(token):
            raise UnreadableError(self._text)


def refuse_by_policy(store: Store, resource: ResourceType, request: AdmissionRequest) -> None:
    """Raises what the first policy refuses with: 403 by its sentence, 422 by its code."""
    for binding in _stored(store, BINDINGS):
        spec = section(binding, "spec")
        if "Deny" not in (spec.get("validationActions") or []):
            continue
        policy = store.get(POLICIES, ("", str(spec.get("policyName"))))
        for sentence in _denials(section(policy, "spec"), request):
            names = f"'{spec['policyName']}' with binding '{binding['metadata']['name']}'"
            text = f"ValidatingAdmissionPolicy {names} denied request: {sentence}"
            raise _refused(resource, request.name, text)


def _stored(store: Store, type_key: str) -> Iterator[Obj]:
    return (obj for _, obj in store.snapshot(type_key, None)[1])


def _denials(policy: Obj, request: AdmissionRequest) -> Iterator[str]:
    if not concerns(section(policy, "matchConstraints"), "resourceRules", request):
        return
    for validation in entries(policy, "validations"):
        expression = str(validation.get("expression", ""))
        if not holds(expression, request.object):
            yield str(validation.get("message") or f"failed expression: {expression}")


def _refused(resource: ResourceType, name: str, text: str) -> status.ApiError:
    details = {**status.details_of(resource, name), "causes": [{"message": text}]}
    message = f'{resource.key} "{name}" is forbidden: {text}'
    return status.failure(HTTPStatus.UNPROCESSABLE_ENTITY, message, "Invalid", details)


def unreadable_expressions(policy: Obj) -> Iterator[status.Cause]:
    """The expressions of a policy that can't be evaluated here."""
    for index, validation in enumerate(entries(section(policy, "spec"), "validations")):
        expression = str(validation.get("expression", ""))
        try:
            holds(expression, {})
        except UnreadableError:
            field = f"spec.validations[{index}].expression"
            message = f'Invalid value: "{expression}": the sandbox can\'t evaluate it'
            yield status.cause("FieldValueInvalid", message, field)
