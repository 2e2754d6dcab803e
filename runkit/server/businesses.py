"""Agents, and twelve businesses with telling names: its business chooses what a run will meet."""

from dataclasses import dataclass
from uuid import UUID, uuid5

ORCHESTRATOR = "cip_orchestrator"
AGENTS = {
    ORCHESTRATOR: ("CIP Orchestrator", "Plans a review, delegates to specialists and writes the summary."),
    "address_verification": ("Address Verification", "Looks for evidence that a business is at its address."),
    "watchlist_resolution": ("Watchlist Resolution", "Screens a business and its people, resolves hits."),
    "tin_verification": (
        "TIN Verification",
        "Compares a TIN with records. Invented for this sandbox.",
    ),  # [A] 15
}
"""Agent type to name and description."""

LETTER = "irs_letter"
DOCUMENTS = {
    "tin_mismatch": ((LETTER, "irs_cp575_letter.pdf"), ("utility_bill", "utility_bill_march.pdf")),
    "combined_proposal": ((LETTER, "irs_147c_letter.pdf"),),
}
"""Scenario to the type and file name of documents that are on file from the start."""


@dataclass(frozen=True)
class Business:
    """A seeded business. `scenario` names what an agent will meet, `shows` says it in words."""

    id: str
    name: str
    scenario: str
    shows: str
    officer: str
    address: str
    city: str
    state: str
    register: str
    """The state that keeps its registration, spelled out."""
    formed: str
    ein: str
    hit: str | None = None
    """The listed name that the watchlist screening finds, if any."""
    status: str = "in_review"

    @property
    def hit_id(self) -> str:
        """Id of its watchlist result: the object that a dismissal names."""
        return str(uuid5(UUID(self.id), "watchlist_result"))

    @property
    def documents(self) -> tuple[tuple[str, str, str], ...]:
        """Documents on file from the start: id, type and file name."""
        kinds = DOCUMENTS.get(self.scenario, ())
        return tuple((str(uuid5(UUID(self.id), name)), kind, name) for kind, name in kinds)


# name | scenario | what it shows
#   | officer | street | city | state | register | formed | EIN | listed name | status
_ROWS = """
Clearwater Bakery LLC | clean_pass | nothing to ask: every check agrees
  | Dana Whitfield | 41 Mill Street | Bend | OR | Oregon | 18 March 2014 | 93-1180426
Onedigit Tools Inc | tin_mismatch | the TIN is off by one digit; asks for a document
  | Marcus Oyelaran | 900 Foundry Road | Toledo | OH | Ohio | 2 June 2009 | 34-7719053
Namesake Imports LLC | watchlist_hit | an officer shares a listed name; proposes a dismissal
  | Viktor Sokolov | 17 Harbor Row | Tacoma | WA | Washington | 9 October 2017 | 91-2045518 | SOKOLOV, Viktor
Missing Suite Dental PLLC | address_gap | no evidence for the office; proposes a source
  | Priya Raman | 2200 Lakeline Drive, Suite 310 | Austin | TX | Texas | 5 January 2021 | 86-3390127
Twofold Freight Co | combined_proposal | a TIN and a watchlist proposal in one question
  | Elena Marchetti | 640 Depot Avenue | Reno | NV | Nevada | 27 August 2012 | 88-0467731 | MARCHETTI, Elena
Judgement Call Ventures LP | decision | mixed evidence; asks a person to decide, with a form
  | Theo Lindqvist | 8 Signal Hill | Boise | ID | Idaho | 14 February 2025 | 99-1027364
Broken Lookup Holdings Inc | specialist_fails | the TIN specialist fails; the run ends in error
  | Renee Castillo | 77 Cable Street | Mobile | AL | Alabama | 30 May 2016 | 63-5518240
Standing Order Supplies LLC | auto_approve | a policy approves the proposal; nobody is asked
  | Samuel Adeyemi | 305 Wharf Lane | Duluth | MN | Minnesota | 11 April 2011 | 41-9902837 | ADEYEMI, Samuel
Two Hundred Rooms Hotel Group | long_200 | a run of 200 steps
  | Ingrid Solberg | 1 Terrace Plaza | Savannah | GA | Georgia | 22 July 2003 | 58-6614902
Five Thousand Doors Storage Corp | long_5000 | a run of 5,000 steps
  | Walter Nakamura | 5000 Gateway Boulevard | Mesa | AZ | Arizona | 3 December 1998 | 86-0571149
Second Thoughts Capital LLC | two_questions | a dismissal, then a decision: two pauses in a row
  | Amira Haddad | 52 Garden Court | Trenton | NJ | New Jersey | 19 September 2023 | 22-7405583 | HADDAD, Amir
Under Audit Partners LLP | in_audit | is in audit: creating a run is refused with 422
  | Georgia Bell | 11 Ledger Street | Hartford | CT | Connecticut | 8 November 2006 | 06-4483921 | | in_audit
"""


def _business(number: int, row: str) -> Business:
    words = [word.strip() for word in row.split("|")]
    name, scenario, shows, officer, street, city, state, register, formed, ein, *rest = words
    hit, status = (*rest, "", "")[:2]
    told = (f"b1500000-0000-4000-8000-{number:012d}", name, scenario, shows, officer)
    place = (f"{street}, {city}, {state}", city, state, register)
    return Business(*told, *place, formed, ein, hit or None, status or "in_review")


BUSINESSES = tuple(
    _business(number, row) for number, row in enumerate(_ROWS.replace("\n  |", " |").strip().split("\n"), 1)
)
BY_ID = {business.id: business for business in BUSINESSES}
BY_HIT = {business.hit_id: business for business in BUSINESSES if business.hit}


def business_of(business_id: str) -> Business:
    """The business of an id; one that is not known here is a clean pass that claims little."""
    words = (
        "This business",
        "clean_pass",
        "unknown here: a clean pass",
        "its officers",
        "The stated address",
    )
    stranger = (*words, "Local", "--", "its state", "the date on file", "00-0000000")
    return BY_ID.get(business_id) or Business(business_id, *stranger)
