"""What acts came to, by the types of whoever carried them out: for who shows them."""

from storage.accounts.states import Status
from storage.intake.corporate_actions import ActionDone, ActionsReport
from storage.intake.loading import LoadReport
from storage.intake.prices import PriceReport
from storage.intake.statements import StatementReport
from storage.intake.target_edits import TargetEdit

__all__ = ["ActionDone", "ActionsReport", "LoadReport", "PriceReport", "StatementReport", "Status", "TargetEdit"]
