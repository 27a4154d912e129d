"""The conditions that are made of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlorch.definitions.automation import AutomationCondition
from mlorch.planning.automation.evaluating import Answer, Evaluation, Operation, Part, Place, Span
from mlorch.planning.automation.partitions import Subset
from mlorch.planning.automation.state import Held


def _and(evaluation: Evaluation, part: Part, place: Place, among: Subset) -> Answer:
    true, answers = among, []
    for one in part.parts:
        if true or one.remembers:
            answers.append(evaluation.answer(one, place, true))
            true &= answers[-1].true
    return Answer(part.condition, place.name, among, true, _spans(answers) if true else (), answers)


def _or(evaluation: Evaluation, part: Part, place: Place, among: Subset) -> Answer:
    answers = [evaluation.answer(one, place, among) for one in part.parts]
    true = 0
    for answer in answers:
        true |= answer.true
    return Answer(part.condition, place.name, among, true, _spans(answers) if true else (), answers)


def _not(evaluation: Evaluation, part: Part, place: Place, among: Subset) -> Answer:
    answer = evaluation.answer(part.parts[0], place, among)
    return Answer(part.condition, place.name, among, among & ~answer.true, (), [answer])


def _newly_true(evaluation: Evaluation, part: Part, place: Place, among: Subset) -> Answer:
    answer = evaluation.answer(part.parts[0], place, place.partitions.full)
    key = place.key(part)
    before = place.before.held.get(key, ())
    if answer.true:
        place.after.held[key] = (Held(answer.true),)
    true = answer.true & ~(before[0].subset if before else 0) & among
    return Answer(part.condition, place.name, among, true, answer.spans, [answer])


def _since(evaluation: Evaluation, part: Part, place: Place, among: Subset) -> Answer:
    """Hold what became true, with the time of it, until the other became true at that time or later."""
    full = place.partitions.full
    trigger = evaluation.answer(part.parts[0], place, full)
    reset = evaluation.answer(part.parts[1], place, full)
    key = place.key(part)
    held = {at: subset for subset, at in place.before.held.get(key, ())}
    if trigger.true:
        _hold(held, trigger)
    if reset.true and held:
        _let_go(held, reset)
    after = tuple(Held(subset, at) for at, subset in held.items() if subset)
    true = 0
    for one in after:
        true |= one.subset
    if after:
        place.after.held[key] = after
    spans = [Span(at, at, subset) for subset, at in after if at is not None]
    return Answer(part.condition, place.name, among, true & among, spans, [trigger, reset])


def _hold(held: dict[float | None, Subset], trigger: Answer) -> None:
    untimed = trigger.true
    for _, end, subset in trigger.spans:
        new = subset & trigger.true
        untimed &= ~new
        for at, known in held.items():
            if at is not None and at >= end:
                new &= ~known
            else:
                held[at] = known & ~new
        held[end] = held.get(end, 0) | new
    for known in held.values():
        untimed &= ~known
    if untimed:
        held[None] = held.get(None, 0) | untimed


def _let_go(held: dict[float | None, Subset], reset: Answer) -> None:
    untimed = reset.true
    for start, _, subset in reset.spans:
        gone = subset & reset.true
        untimed &= ~gone
        for at, known in held.items():
            # What began before this happened may not have known of it.
            if at is None or at <= start:
                held[at] = known & ~gone
    for at, known in held.items():
        held[at] = known & ~untimed


def _any_deps_match(evaluation: Evaluation, part: Part, place: Place, among: Subset) -> Answer:
    true = 0
    answers, spans = [], []
    for answer, found, several in _of_dependencies(evaluation, part, place, among):
        answers.append(answer)
        true |= found
        spans += several
    return Answer(part.condition, place.name, among, true, spans, answers)


def _all_deps_match(evaluation: Evaluation, part: Part, place: Place, among: Subset) -> Answer:
    true = among
    answers, spans = [], []
    for answer, found, several in _of_dependencies(evaluation, part, place, among):
        answers.append(answer)
        true &= found
        spans += several
    return Answer(part.condition, place.name, among, true, spans, answers)


def _of_dependencies(
    evaluation: Evaluation, part: Part, place: Place, among: Subset
) -> list[tuple[Answer, Subset, list[Span]]]:
    """Return what each dependency comes to, and the partitions that read one of which it is true."""
    (operand,) = part.parts
    found: list[tuple[Answer, Subset, list[Span]]] = []
    for name in _narrowed(evaluation, part.condition, evaluation.targets.dependencies(place.name)):
        edge = evaluation.targets.edge(place.name, name)
        above = edge.read_by(among)
        if not above and not operand.remembers:
            found.append((Answer(operand.condition, name, 0, 0), 0, []))
            continue
        answer = evaluation.answer(operand, place.of(name, edge.above), above)
        readers = edge.readers_of(answer.true, among) if answer.true else 0
        spans = [
            Span(start, end, edge.readers_of(subset & answer.true, among))
            for start, end, subset in (answer.spans if readers else ())
        ]
        found.append((answer, readers, spans))
    return found


def _any_checks_match(evaluation: Evaluation, part: Part, place: Place, among: Subset) -> Answer:
    answers, found = _of_checks(evaluation, part, place, among)
    true = 0
    for one in found:
        true |= one
    return Answer(part.condition, place.name, among, true & among, (), answers)


def _all_checks_match(evaluation: Evaluation, part: Part, place: Place, among: Subset) -> Answer:
    answers, found = _of_checks(evaluation, part, place, among)
    true = among
    for one in found:
        true &= one
    return Answer(part.condition, place.name, among, true, (), answers)


def _of_checks(
    evaluation: Evaluation, part: Part, place: Place, among: Subset
) -> tuple[list[Answer], list[Subset]]:
    """Return what each check of an asset comes to, and the partitions of the asset that this is said of."""
    targets = evaluation.targets
    names = targets.checks_of.get(place.name, ())
    if part.condition.setting("blocking_only"):
        names = [name for name in names if targets.checks[name].blocking]
    answers, found = [], []
    for name in _narrowed(evaluation, part.condition, names):
        edge = targets.edge(name, place.name)
        of_check = edge.readers_of(among, edge.below.full)
        answer = evaluation.answer(part.parts[0], place.of(name, edge.below), of_check)
        answers.append(answer)
        found.append(edge.read_by(answer.true))
    return answers, found


def _asset_matches(evaluation: Evaluation, part: Part, place: Place, among: Subset) -> Answer:
    targets = evaluation.targets
    name = targets.graph.get(part.condition.setting("key")).key
    is_below = name in targets.graph.downstream.get(place.name, ())
    edge = targets.edge(name, place.name) if is_below else targets.edge(place.name, name)
    partitions = edge.below if is_below else edge.above
    other = edge.readers_of(among, edge.below.full) if is_below else edge.read_by(among)
    answer = evaluation.answer(part.parts[0], place.of(name, partitions), other)
    true = edge.read_by(answer.true) if is_below else edge.readers_of(answer.true, among)
    return Answer(part.condition, place.name, among, true & among, (), [answer])


def _any_downstream_conditions(evaluation: Evaluation, part: Part, place: Place, among: Subset) -> Answer:
    """Ask the conditions of what is below; one that asks this itself adds nothing to the others."""
    answers: list[Answer] = []
    own = evaluation.targets.condition(place.name)
    below = [] if place.is_expanded else evaluation.targets.below(place.name)
    conditions = dict.fromkeys(evaluation.targets.condition(name) for name in below)
    true = 0
    for condition in conditions:
        if condition is not None and condition != own:
            inner = place.of(place.name, place.partitions)
            inner.is_expanded = True
            answer = evaluation.answer(evaluation.part(condition), inner, among)
            answers.append(answer)
            true |= answer.true
    return Answer(part.condition, place.name, among, true, (), answers)


OPERATORS: Mapping[str, Operation] = {
    "and": _and,
    "or": _or,
    "not": _not,
    "newly_true": _newly_true,
    "since": _since,
    "any_deps_match": _any_deps_match,
    "all_deps_match": _all_deps_match,
    "any_checks_match": _any_checks_match,
    "all_checks_match": _all_checks_match,
    "asset_matches": _asset_matches,
    "any_downstream_conditions": _any_downstream_conditions,
}


def _spans(answers: Sequence[Answer]) -> list[Span]:
    return [span for answer in answers for span in answer.spans if span.subset & answer.true]


def _narrowed(evaluation: Evaluation, condition: AutomationCondition, names: Sequence[str]) -> Sequence[str]:
    """Return the assets, or the checks of assets, that are allowed and not ignored."""
    allowed, ignored = condition.setting("allow"), condition.setting("ignore")
    if allowed is not None:
        names = [name for name in names if _is_chosen(evaluation, allowed, name)]
    if ignored is not None:
        names = [name for name in names if not _is_chosen(evaluation, ignored, name)]
    return names


def _is_chosen(evaluation: Evaluation, selection: object, name: str) -> bool:
    checks = evaluation.targets.checks
    asset = str(checks[name].asset_key) if evaluation.targets.is_check(name) else name
    return asset in evaluation.chosen(selection)  # type: ignore[arg-type]
