"""A past for a new world: runs of the last two weeks, with the answers that people gave to them."""

from random import Random

from runkit.server import state
from runkit.server.businesses import BUSINESSES, ORCHESTRATOR
from runkit.server.plan import Answer, Pause, Plan, plan
from runkit.server.world import World

DAY = 86_400_000
MINUTE = 60_000
SPAN = 14 * DAY
QUIET = 15 * MINUTE
"""The past ends this long before now, so that none of its runs is still at work."""
PENDING = 0.2
"""Share of questions that nobody has answered yet."""
OVERNIGHT = 0.3
"""Share of answers that came the next morning; the others came within minutes."""
_WEIGHTS = {"clean_pass": 6, "long_200": 1, "long_5000": 0, "in_audit": 0}
_YES = {"proposal": "approve", "document": "supports", "decision": "approved"}
_NO = {"proposal": "reject", "document": "unrelated", "decision": "rejected"}


def seed_history(world: World, count: int) -> None:
    """Add `count` past runs. Their actions are kept, but leave the businesses ready to be reviewed again."""
    random = Random(f"{world.seed}/history")  # noqa: S311 - a made-up past, no secret
    weights = [_WEIGHTS.get(business.scenario, 2) for business in BUSINESSES]
    with world.writing() as now:
        for created in sorted(random.randrange(now - SPAN, now - QUIET) for _ in range(count)):
            business = random.choices(BUSINESSES, weights)[0]
            thread_id = world.put_thread(business.id, created)
            brief = world.put_run(ORCHESTRATOR, business.id, thread_id, created)
            planned = plan(brief, ())
            while pause := state.pending(planned, now):
                answer = _answer(pause, random)
                if answer is None or answer.at > now - QUIET:
                    break
                world.store.add_answer(
                    brief.run_id, answer, {"decision": answer.verdicts[0][1], "note": answer.note}
                )
                planned = world.plan_of(brief.run_id)
            _keep_actions(world, planned, now)


def _answer(pause: Pause, random: Random) -> Answer | None:
    if random.random() < PENDING:
        return None
    wait = random.uniform(9, 16) * 60 if random.random() < OVERNIGHT else random.uniform(1, 25)
    words = _YES if random.random() < 0.75 else _NO
    note = random.choice((None, "checked by ops", "agrees with our file"))
    verdicts = tuple((agent, words[ask.kind]) for agent, ask in pause.asks)
    return Answer(pause.item["id"], pause.asked + round(wait * MINUTE), verdicts, note)


def _keep_actions(world: World, planned: Plan, now: int) -> None:
    for number, act in enumerate(planned.acts):
        if act.at <= now:
            world.registry.put_agent_action(planned, number, act, apply=False)
