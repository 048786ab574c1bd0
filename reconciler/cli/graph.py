"""``reconcile graph``: the order in which resources need each other."""

from __future__ import annotations

import click

from reconciler.cli.output import clean, show_clean
from reconciler.cli.state import State
from reconciler.cli.values import OneOf

FORMATS = ("text", "dot", "mermaid", "svg")


@click.command("graph")
@click.option("--format", "form", type=OneOf(FORMATS), default="text", help="Output format.")
@click.pass_obj
def command(state: State, *, form: str) -> None:
    """Print which resource needs which other ones. Asks neither the engine nor Keycloak.

    Needs that follow from others are left out. In pictures the start runs from left to right.
    """
    from reconciler.core.plan.graph import needs_of, ordered
    from reconciler.render.answers import graph

    with state.session(starts=False) as session:
        resources = {resource.address: resource for resource in session.reconciler().desired()}
        needs = needs_of(resources, session.kinds)
        drawn = graph.graph_of(ordered(resources, needs), needs, clean)
    match form:
        case "dot":
            show_clean(graph.graph_dot(drawn))
        case "mermaid":
            show_clean(graph.graph_mermaid(drawn))
        case "svg":
            show_clean(graph.graph_svg(drawn))
        case _:
            show_clean(graph.graph_text(drawn))
