"""The pages, one file each. Every route names the act that it takes (`web.visit.needs`)."""

from web.pages import (
    accounts,
    approvals,
    overview,
    queue,
    rebalances,
    requests,
    review,
    sign_in,
)

PAGES = [
    each.router
    for each in (
        overview,
        sign_in,
        queue,
        requests,
        review,
        approvals,
        rebalances,
        accounts,
    )
]
