"""Values of the books as somebody is shown them: a page of a listing, a request's accounts, which plan of each."""

from storage.people.proof import ShownPlan
from storage.work.listings import Page
from storage.work.request_standing import RequestAccount

__all__ = ["Page", "RequestAccount", "ShownPlan"]
