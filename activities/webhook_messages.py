"""What is asked of the steps that send events, and what they answer. Small, and without any address or secret."""

from pydantic import BaseModel, ConfigDict


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OfWebhook(_Message):
    """The webhook that a step is about."""

    webhook_id: str


class Followed(_Message):
    """How many events its receiver took; `over` where it was removed or disabled, and nothing is to be sent there."""

    sent: int
    over: bool


class GaveUp(_Message):
    """Whether it was disabled: not where its receiver took what was sent last."""

    disabled: bool
