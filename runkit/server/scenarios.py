"""What an agent meets at each business, as data: the work, what is found, and what a person is asked.

Hosts are `example.gov` and `example.com`: nothing here exists. The sentences of a summary are written here
too, one for each part and each outcome.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial

from runkit.server.businesses import LETTER, Business, business_of
from runkit.server.script import Act, Ask, Finding, Outcome, Part, Scenario, Source, Task


@lru_cache(maxsize=256)
def scenario_of(business_id: str) -> Scenario:
    """What an agent meets at a business; an unknown id is a clean pass."""
    business = business_of(business_id)
    return _SCENARIOS[business.scenario](business)


# -- where things are read


def _irs(b: Business) -> Source:
    return Source(
        f"https://irs.example.gov/tin-matching/{b.ein[-4:]}", "IRS TIN Matching", "government", "tin_match"
    )


def _register(b: Business) -> Source:
    url = f"https://sos.example.gov/{b.state.lower()}/entity/{b.ein[3:]}"
    return Source(url, f"{b.register} Secretary of State", "primary", "sos")


def _licences(b: Business) -> Source:
    url = f"https://licences.example.gov/{b.state.lower()}/{b.ein[3:]}"
    return Source(url, f"{b.city} licence register", "government", "business_licence")


def _web(b: Business) -> Source:
    host = "-".join(b.name.lower().split()[:2])
    return Source(f"https://{host}.example.com/contact", f"Website of {b.name}", "secondary", "website")


def _sanctions(b: Business) -> Source:
    url = f"https://sanctions.example.gov/search/{b.id[-4:]}"
    return Source(url, "Federal sanctions list", "government", "watchlist")


# -- when nothing is wrong


def _clean(b: Business, *changed: Part) -> Scenario:
    """A clean pass, with these parts in place of their agents' ordinary ones."""
    by_agent = {part.agent: part for part in changed}
    parts = tuple(by_agent.get(part.agent, part) for part in (_tin(b), _address(b), _watchlist(b)))
    says = f"{b.name} has been registered in {b.register} since {b.formed}; status active, reports filed."
    registration = Finding("Registration is active", "registration", "high", says, (_register(b),))
    opening = f"{b.name} has been registered in {b.register} since {b.formed} and is in good standing."
    check = Task("check_registration", "Checking the state registration", (25, 60), registration)
    return Scenario(opening, check, parts)


def _tin(b: Business) -> Part:
    says = f"IRS TIN Matching returns the legal name for the EIN ending {b.ein[-4:]}."
    finding = Finding("TIN matches the legal name", "tin_verification", "high", says, (_irs(b),))
    tasks = (
        Task("research_tin", "Researching the TIN", (50, 110), finding),
        Task("compare_filings", "Comparing tax and state filings", (35, 75), alongside=True),
    )
    says = f"The EIN ending {b.ein[-4:]} belongs to that name in IRS TIN Matching."
    return Part("tin_verification", "dispatch_tin", "Delegating TIN verification", tasks, says)


def _address(b: Business) -> Part:
    says = f"A current licence and the company's own website both give {b.address}."
    finding = Finding(
        "Operates at the address", "address_verification", "high", says, (_licences(b), _web(b))
    )
    searches = (
        Task("search_licences", "Searching licence registers", (25, 60)),
        Task("search_web", "Reading the company's website", (20, 50), alongside=True),
    )
    tasks = (
        Task("geocode_address", "Locating the address", (6, 15)),
        Task("gather_evidence", "Gathering evidence of occupancy", subtasks=searches),
        Task("weigh_evidence", "Weighing the evidence", (20, 45), finding),
    )
    says = f"{b.address} is confirmed by a current licence and by the company's website."
    return Part("address_verification", "dispatch_address", "Delegating address verification", tasks, says)


def _watchlist(b: Business) -> Part:
    says = f"Neither {b.name} nor {b.officer} appears on the lists screened."
    finding = Finding("No watchlist hits", "watchlist_screening", "high", says, (_sanctions(b),))
    tasks = (
        Task("screen_business", "Screening the business", (20, 45)),
        Task("screen_people", "Screening people", (35, 80), finding, alongside=True),
    )
    says = f"Neither the company nor {b.officer} has a watchlist hit."
    return Part("watchlist_resolution", "dispatch_watchlist", "Delegating watchlist resolution", tasks, says)


# -- when the TIN is off


def _tin_differs(b: Business, ask: Ask, comparing: str) -> Part:
    tasks = (
        Task("research_tin", "Researching the TIN", (50, 110), _off_by_one(b)),
        Task("compare_documents", comparing, (35, 75), alongside=True),
    )
    says = f"The EIN ending {b.ein[-4:]} differs by one digit from the IRS record of that name."
    return replace(_tin(b), tasks=tasks, says=says, ask=ask)


def _off_by_one(b: Business) -> Finding:
    other = f"{b.ein[-4:-1]}{(int(b.ein[-1]) + 4) % 10}"
    says = (
        f"The application gives an EIN ending {b.ein[-4:]}; the IRS record for {b.name} ends {other}. "
        "One digit differs: a slip of the pen is more likely than another company."
    )
    return Finding(
        "TIN on file differs by one digit", "tin_verification", "medium", says, (_irs(b), _register(b))
    )


def _ask_for_letter(b: Business) -> Ask:
    reading = Task("read_document", "Reading the document", (12, 30))
    agrees = "Name, EIN and issue date on the letter agree with the IRS record; the layout is genuine."
    confirmed = Finding("Letter confirms the corrected TIN", "tin_verification", "high", agrees, (_irs(b),))
    silent = "It names the company and its address but no taxpayer number."
    unrelated = Finding("Document carries no TIN", "tin_verification", "low", silent)
    outcomes = {
        "supports": Outcome(
            "The IRS letter provided on request carries the legal name and the corrected EIN: it was a slip.",
            (
                reading,
                Task("compare_letter", "Comparing the letter with the IRS record", (15, 35), confirmed),
            ),
            recommends="approve, and verify the TIN with the letter",
        ),
        "unrelated": Outcome(
            "The document provided on request does not show an EIN and settles nothing.",
            (reading, Task("search_document", "Looking for an EIN in the document", (10, 25), unrelated)),
            confidence="low",
            still_open="the TIN mismatch, until an IRS letter (CP 575 or 147C) is on file",
        ),
        "none": Outcome(
            "No document was provided, so the first assessment stands: the EIN is probably mistyped.",
            (Task("keep_assessment", "Keeping the first assessment", (4, 10)),),
            confidence="medium",
            still_open="the TIN mismatch, which no document explains",
        ),
    }
    label = "Upload an IRS letter that shows the EIN"
    request = replace(_off_by_one(b), type="document_request")
    return Ask("document", "document", label, request, outcomes, extra={"document_types": [LETTER]})


def _verify_with_letter(b: Business) -> Ask:
    outcomes = {
        "approve": Outcome(
            "The TIN was verified with the IRS letter on file.",
            (Task("verify_tin", "Verifying the TIN with the letter", (8, 20)),),
            acts=True,
        ),
        "reject": Outcome(
            "The proposal to verify the TIN with the letter on file was declined.",
            (Task("keep_mismatch", "Keeping the TIN mismatch open", (3, 8)),),
            confidence="medium",
            still_open="the TIN mismatch",
        ),
    }
    says = "The IRS record carries another last digit; the 147C letter on file agrees with the IRS."
    act = Act("verify_tin", "businesses", b.id, {"document_id": b.documents[0][0]})
    proposal = replace(_off_by_one(b), summary=says)
    return Ask("proposal", "verify_tin", "Verify the TIN with the uploaded letter?", proposal, outcomes, act)


def _tin_fails(b: Business) -> Part:
    cause = "IRS TIN Matching did not answer: 3 attempts, each timed out after 20 s (irs_unavailable)"
    query = Task("query_irs", "Asking IRS TIN Matching", (60, 90), cause=cause)
    return replace(_tin(b), tasks=(Task("prepare_query", "Preparing the TIN query", (5, 12)), query))


# -- when a name is on a list


def _watchlist_hit(b: Business) -> Part:
    says = f"{b.officer} resembles the listed {b.hit} (name score 0.91)."
    hit = Finding(f"Potential hit: {b.hit}", "watchlist_hit", "medium", says, (_sanctions(b),))
    tasks = (
        Task("screen_business", "Screening the business", (20, 45)),
        Task("screen_people", "Screening people", (35, 80), hit, alongside=True),
        Task("compare_identity", "Comparing identities", (25, 55)),
    )
    says = f"{b.officer} shares a name with {b.hit} on the federal sanctions list."
    return replace(_watchlist(b), tasks=tasks, says=says, ask=_dismiss(b))


def _dismiss(b: Business) -> Ask:
    kept = Finding("Hit left open", "watchlist_hit", "low", "The proposal to dismiss it was not followed.")
    outcomes = {
        "approve": Outcome(
            f"The hit on {b.hit} was dismissed: date of birth and country differ.",
            (Task("dismiss_hit", "Recording the dismissal", (4, 12)),),
            acts=True,
        ),
        "reject": Outcome(
            f"The proposal to dismiss the hit on {b.hit} was declined, so the hit stands.",
            (Task("escalate_hit", "Keeping the hit open", (5, 15), kept),),
            confidence="low",
            still_open=f"the watchlist hit on {b.hit}",
        ),
    }
    says = (
        f"{b.hit} was born in 1951 and is listed with an address abroad; {b.officer} of {b.name} was born in "
        "1984 and has lived in the United States since 1990. Date of birth and country differ."
    )
    directory = Source(
        "https://people.example.com/officers", "Officer directory", "secondary", "people_search"
    )
    sources = (_sanctions(b), directory)
    proposal = Finding("Watchlist hit is another person", "dismissal", "high", says, sources)
    act = Act("dismissal", "watchlist_result", b.hit_id)
    return Ask("proposal", "dismissal", "Dismiss 1 potential hit?", proposal, outcomes, act)


# -- when the address lacks evidence


def _address_gap(b: Business) -> Part:
    says = f"The building is known, but no licence or website names the suite in {b.address}."
    missing = Finding("No evidence for the suite", "address_verification", "low", says, (_web(b),))
    clean = _address(b)
    tasks = (*clean.tasks[:2], Task("weigh_evidence", "Weighing the evidence", (20, 45), missing))
    building = b.address.split(",")[0]
    says = f"The building at {building} is known; neither the licence register nor a website names the suite."
    return replace(clean, tasks=tasks, says=says, ask=_add_source(b))


def _add_source(b: Business) -> Ask:
    url = f"https://dental-board.example.gov/{b.state.lower()}/licence/{b.ein[-4:]}"
    board = Source(url, f"{b.register} dental board", "government", "professional_licence")
    outcomes = {
        "approve": Outcome(
            f"The {board.name}'s licence entry was added as a source and confirms the suite.",
            (
                Task("add_source", "Adding the licence entry as a source", (5, 14)),
                Task("recheck_address", "Checking the address again", (20, 45)),
            ),
            acts=True,
        ),
        "reject": Outcome(
            "The licence entry was not accepted as a source.",
            (Task("keep_gap", "Keeping the address gap", (3, 9)),),
            confidence="low",
            still_open="evidence for the suite",
        ),
    }
    says = f"The {board.name} lists {b.officer} at {b.address}, and is not yet among the sources."
    proposal = Finding("Dental board licence names the suite", "add_sources", "medium", says, (board,))
    where = {"addresses": [{"full_address": b.address}], "people": [{"name": b.officer, "titles": ["Owner"]}]}
    source = {
        "source_type": board.type,
        "source_name": board.name,
        "tier": board.tier,
        "url": board.url,
        **where,
    }
    act = Act("add_sources", "businesses", b.id, {"sources": [source]})
    return Ask("proposal", "add_sources", "Add a source for the office address?", proposal, outcomes, act)


# -- when a person must decide

DECISION_SCHEMA = {
    "type": "object",
    "required": ["decision"],
    "properties": {
        "decision": {"type": "string", "title": "Decision", "enum": ["approved", "rejected", "in_review"]},
        "risk": {
            "type": "integer",
            "title": "Risk, 1 (low) to 5 (high)",
            "minimum": 1,
            "maximum": 5,
            "default": 3,
        },
        "note": {"type": "string", "title": "Reason", "maxLength": 500},
        "ask_again": {"type": "boolean", "title": "Review again in 90 days", "default": False},
    },
}
"""The form of a decision; the sandbox reads `decision` and `note`, and keeps the rest with the answer."""


def _decide(b: Business) -> Ask:
    approved = "The business was approved by decision, not by evidence alone."
    rejected = "The business was rejected: what is missing outweighs what agrees."
    doubt = "whether the business operates at all"
    outcomes = {
        "approved": Outcome(
            approved, _recorded("approved"), "medium", recommends="none; it is approved", acts=True
        ),
        "rejected": Outcome(
            rejected, _recorded("rejected"), "medium", recommends="none; it is rejected", acts=True
        ),
        "in_review": Outcome("The decision was put off.", _recorded("in review"), "low", still_open=doubt),
    }
    says = (
        f"For {b.name}: registration and TIN agree. Against: the contact number on its website belongs to "
        f"a virtual office provider, and nothing but filings shows any business since {b.formed}."
    )
    finding = Finding("Evidence points both ways", "decision", "medium", says, (_register(b), _web(b)))
    act = Act("decision", "businesses", b.id)  # the payload's status is the verdict
    return Ask(
        "decision",
        "decision",
        f"Approve {b.name}?",
        finding,
        outcomes,
        act,
        {"response_schema": DECISION_SCHEMA},
    )


def _recorded(status: str) -> tuple[Task, ...]:
    return (Task("record_decision", f"Recording the decision: {status}", (3, 9)),)


# -- long runs

FIXED_STEPS = 7
"""Of every orchestrated run: plan, registration, three dispatches, reconcile, summarise."""
_BULK = {
    "tin_verification": ("Entity", "matching the TIN", "reading the filing"),
    "address_verification": ("Site", "locating the address", "searching the licence register"),
    "watchlist_resolution": ("Person", "screening the name", "comparing identities"),
}


def _long(steps: int, b: Business) -> Scenario:
    """A clean pass of exactly `steps` steps, three levels deep."""
    clean = _clean(b)
    share, rest = divmod(steps - FIXED_STEPS, len(clean.parts))
    counts = (share + rest, *[share] * (len(clean.parts) - 1))
    parts = zip(clean.parts, counts, strict=True)
    return replace(clean, parts=tuple(replace(part, tasks=_bulk(part.agent, count)) for part, count in parts))


def _bulk(agent: str, count: int) -> tuple[Task, ...]:
    """`count` steps: groups of one container with four leaves, then single leaves."""
    groups, rest = divmod(count, 5)
    singles = (Task("spot_check", f"Spot check {number + 1}", (1, 5)) for number in range(rest))
    return (*(_bulk_group(agent, number + 1) for number in range(groups)), *singles)


def _bulk_group(agent: str, number: int) -> Task:
    noun, first, second = _BULK[agent]
    thing = f"{noun} {number}"
    url = f"https://records.example.gov/{noun.lower()}/{number}"
    source = Source(url, "Public records", "primary", "public_record")
    sure = "high" if number % 7 else "medium"
    finding = Finding(f"{thing} agrees", agent, sure, f"{thing} agrees with the public record.", (source,))
    leaves = (
        Task("look_up", f"{thing}: {first}", (1, 6)),
        Task("read_source", f"{thing}: {second}", (1, 6), alongside=True),
        Task("compare", f"{thing}: comparing", (1, 4)),
        Task("conclude", f"{thing}: concluding", (0.5, 2), finding),
    )
    return Task(f"check_{noun.lower()}", thing, subtasks=leaves, alongside=number % 3 == 0)


# -- which business meets what


def _auto_approve(b: Business) -> Scenario:
    return replace(_clean(b, _watchlist_hit(b)), policy=(("watchlist_resolution", "auto_approve"),))


def _combined(b: Business) -> Scenario:
    return _clean(
        b, _tin_differs(b, _verify_with_letter(b), "Comparing the letter on file"), _watchlist_hit(b)
    )


_SCENARIOS: dict[str, Callable[[Business], Scenario]] = {
    "clean_pass": _clean,
    "tin_mismatch": lambda b: _clean(
        b, _tin_differs(b, _ask_for_letter(b), "Comparing tax and state filings")
    ),
    "watchlist_hit": lambda b: _clean(b, _watchlist_hit(b)),
    "address_gap": lambda b: _clean(b, _address_gap(b)),
    "combined_proposal": _combined,
    "decision": lambda b: replace(_clean(b), ask=_decide(b)),
    "specialist_fails": lambda b: _clean(b, _tin_fails(b)),
    "auto_approve": _auto_approve,
    "long_200": partial(_long, 200),
    "long_5000": partial(_long, 5000),
    "two_questions": lambda b: replace(_clean(b, _watchlist_hit(b)), ask=_decide(b)),
    "in_audit": _clean,
}
