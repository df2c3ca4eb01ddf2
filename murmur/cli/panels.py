"""Help texts with the options in groups, as plain text: Typer has panels only with rich, which is slow to load."""

from typing import Any

from typer.core import TyperCommand

OPTIONS = "Options"  # the panel of all that names none


class PanelCommand(TyperCommand):
    """A command whose help lists each `rich_help_panel` under its own heading."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for panel, parameters in panels(self.get_params(ctx)).items():
            arguments = [parameter for parameter in parameters if parameter.param_type_name == "argument"]
            options = [parameter for parameter in parameters if parameter not in arguments]
            for heading, group in (("Arguments", arguments), (panel, options)):
                if records := [record for parameter in group if (record := parameter.get_help_record(ctx)) is not None]:
                    with formatter.section(heading):
                        formatter.write_dl(records)


def panels(parameters: list[Any]) -> dict[str, list[Any]]:
    """The parameters of each panel, in the order of the panels' first ones; those without a panel come first."""
    grouped: dict[str, list[Any]] = {OPTIONS: []}
    for parameter in parameters:
        grouped.setdefault(parameter.rich_help_panel or OPTIONS, []).append(parameter)
    return grouped
