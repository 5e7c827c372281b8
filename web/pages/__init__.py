"""The pages, one file each. Every route names the act that it takes (`web.visit.needs`)."""

from web.pages import (
    accounts,
    approvals,
    breaks,
    loads,
    me,
    overview,
    people,
    queue,
    rebalances,
    record,
    requests,
    review,
    rules,
    sign_in,
    status,
    stories,
    target_edits,
    targets,
    webhooks,
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
        stories,
        accounts,
        targets,
        target_edits,
        breaks,
        loads,
        record,
        rules,
        status,
        me,
        people,
        webhooks,
    )
] + [requests.by_name]
