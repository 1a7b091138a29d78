"""Writes the parts of two pages that are made from the program: keys.md from the JSON Schema of an
experiment file, cli.md from the commands.

`make reference` calls it, and a test keeps the pages current.
"""

import textwrap
from pathlib import Path

from typer.main import get_command

from lstm_ablate.cli import app
from lstm_ablate.experiment.schema import json_schema

HERE = Path(__file__).parent
SCHEMA = json_schema()
FORMS = SCHEMA["$defs"]


def table(head, rows):
    """Return a table of Markdown; a bar in a cell does not end it."""
    cells = [
        head,
        ["---"] * len(head),
        *([cell.replace("|", "\\|") for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def wrapped(text):
    """Return a paragraph in lines of at most 100 columns."""
    return textwrap.fill(" ".join(text.split()), 100, break_on_hyphens=False)


# ------------------------------------------------------------------------ the keys of an experiment


def written(value):
    """Return a value as it may be written in YAML, in one line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        counted = len(value) > 2 and value == list(range(len(value)))  # n seeds mean 0..n-1
        return str(len(value)) if counted else f"[{', '.join(map(written, value))}]"
    if isinstance(value, str):
        return value if value.strip() else f'"{value}"'
    return f"{value:g}"


def form_of(schema):
    """Return the mapping that a key holds, or None."""
    form = FORMS.get(schema.get("$ref", "").rpartition("/")[2], {})
    return form if "properties" in form else None


def taken(schema):
    """Return in words what a key takes."""
    if form_of(schema):
        return "mapping"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "activation" if name == "ActivationName" else taken(FORMS[name])
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " or ".join(dict.fromkeys(map(taken, options)))
    known = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    return ", ".join(f"`{written(value)}`" for value in known) or taken_by_type(schema)


def taken_by_type(schema):
    """Return in words what a key takes that no list of values says."""
    if "prefixItems" in schema:
        return f"two numbers{bounds(schema['prefixItems'][0])}"
    if schema["type"] == "array":
        kind, _, limits = taken(schema["items"]).partition(" from")
        return f"list of {kind}s{' from' * bool(limits)}{limits}"
    if schema["type"] == "string":
        return "percentage" if "%" in schema.get("pattern", "") else "text"
    words = {
        "integer": "whole number",
        "number": "number",
        "boolean": "`true`, `false`",
        "object": "mapping",
        "null": "`null`",
    }
    return words[schema["type"]] + bounds(schema)


def bounds(schema):
    """Return the words for the range of a number, with a blank before them."""
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    lower = "" if low is above is None else f" above {above:,}" if low is None else f" from {low:,}"
    if high is not None:
        return f"{lower} to {high:,.0f}" if above is None else f"{lower}, at most {high:,.0f}"
    if below is not None:
        return f"{lower} and below {below:,}" if lower else f" below {below:,}"
    return f"{lower} on" if low is not None else lower


def default(form, key):
    """Return what a key is where a file leaves it out."""
    schema = form["properties"][key]
    if key in form.get("required", ()):
        return "required"
    value = schema.get("default")
    return "" if value in (None, "") or isinstance(value, dict) else f"`{written(value)}`"


def rows(form, keys=None):
    for key, schema in form["properties"].items():
        if keys is None or key in keys:
            yield [f"`{key}`", taken(schema), default(form, key), schema["description"]]


KEYS = ["key", "what it takes", "default", "what it is"]


def section(heading, form, keys=None):
    return f"## {heading}\n\n{table(KEYS, rows(form, keys))}"


def common(forms):
    """Return the keys that all of several mappings describe alike, but for their tag."""
    first, *others = (form["properties"] for form in forms.values())
    return [
        key
        for key, schema in first.items()
        if "const" not in schema
        and all(one.get(key, {}).get("description") == schema["description"] for one in others)
    ]


def tagged(schema):
    """Return the mappings that a key chooses from by a tag, by the tag."""
    tag = schema["discriminator"]["propertyName"]
    forms = map(form_of, schema["oneOf"])
    return {form["properties"][tag]["const"]: form for form in forms}


def data():
    """Return the section of the data: what all drawn families share, what each adds, and a file."""
    drawn = tagged(SCHEMA["properties"]["data"])
    file = drawn.pop("file")
    shared = common(drawn)
    first = next(iter(drawn.values()))
    names = ", ".join(f"`{family}`" for family in (*drawn, "file"))
    family = ["`family`", names, default(first, "family"), "what a window is"]
    own = [
        [f"`{name}`", *row]
        for name, form in drawn.items()
        for row in rows(form, form["properties"].keys() - {*shared, "family"})
    ]
    return "\n\n".join([
        f"## `data`\n\n{table(KEYS, [family, *rows(first, shared)])}",
        f"Some families have parameters of their own:\n\n{table(['family', *KEYS], own)}",
        section("`data.samples`", FORMS["Samples"]),
        section("`data` with `family: file`", file, file["properties"].keys() - {"family"}),
        section("`data.split`", FORMS["Split"]),
    ])  # fmt: skip


def optimizers():
    """Return the section of the optimizers: which has which number, with its default."""
    forms = tagged(FORMS["Training"]["properties"]["optimizer"]["anyOf"][0])
    every = {key: schema for form in forms.values() for key, schema in form["properties"].items()}
    lines = []
    for key, schema in every.items():
        if key != "name":
            defaults = [
                (default(form, key) or "`null`") if key in form["properties"] else "-"
                for form in forms.values()
            ]
            lines.append([f"`{key}`", taken(schema), *defaults, schema["description"]])
    head = ["key", "what it takes", *(f"`{name}`" for name in forms), "what it is"]
    said = (
        "The name of an optimizer, or a mapping with its `name` and some of these numbers. Each\n"
        "column has the defaults of one optimizer; a dash means that it has no such number."
    )
    return f"## `training.optimizer`\n\n{said}\n\n{table(head, lines)}"


def tune():
    """Return the section of what is tuned, with the paths below the table."""
    form = FORMS["Tune"]
    path = form["properties"]["path"]
    paths = ", ".join(f"`{one}`" for one in path["enum"])
    text = {key: value for key, value in path.items() if key != "enum"}
    shown = {**form, "properties": {**form["properties"], "path": text}}
    return f"{section('`tune`', shown)}\n\n{wrapped(f'These paths can be tuned: {paths}.')}"


def keys():
    """Return every key of an experiment file, section by section."""
    first = {"`version`", "`name`", "`question`"}  # as a file begins
    free = [
        [f"`{pattern.removeprefix('^')}...`", "anything", "", schema["description"]]
        for pattern, schema in SCHEMA["patternProperties"].items()
    ]
    top = [*sorted(rows(SCHEMA), key=lambda row: row[0] not in first), *free]
    return "\n\n".join([
        f"## At the top\n\n{table(KEYS, top)}",
        data(),
        section("`model`", FORMS["Model"]),
        section("`model.encoder` and `model.decoder` as mappings", FORMS["Repeated"]),
        section("`model.head`", FORMS["Head"]),
        section("`training`", FORMS["Training"]),
        optimizers(),
        section("`seeds` as a mapping", FORMS["UntilDecided"]),
        tune(),
        section("`analysis`", FORMS["Analysis"]),
        section("`execution`", FORMS["Execution"]),
    ])  # fmt: skip


# ----------------------------------------------------------------------------------- the commands


def option(parameter):
    """Return the cells of an argument or option: how it is typed, and what it does."""
    value = parameter.metavar or parameter.name.upper()
    if parameter.param_type_name == "argument":
        names = value
    elif parameter.is_flag:
        names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    else:
        names = f"{', '.join(parameter.opts)} {value}"
    shown = parameter.show_default
    if shown is True and not (parameter.default is None or parameter.is_flag):
        shown = parameter.default
    said = f" Default: {shown}." if shown and shown is not True else ""
    return [f"`{names}`", f"{parameter.help}{said}"]


def command(name, one):
    """Return the section of a command."""
    arguments = [
        word if parameter.required else f"[{word}{' ...' * (parameter.nargs == -1)}]"
        for parameter in one.params
        if parameter.param_type_name == "argument"
        for word in [parameter.metavar]
    ]
    text = "\n\n".join(map(wrapped, one.help.split("\n\n")))
    example = one.epilog.removeprefix("Example: ").replace(", after ", "`, after `")
    parameters = [option(parameter) for parameter in one.params if not parameter.hidden]
    options = [table(["argument or option", "what it does"], parameters)] if parameters else []
    title = " ".join(["lstm-ablate", name, *arguments])
    return "\n\n".join(
        [f"## `lstm-ablate {name}`", f"`{title}`", text, *options, f"Example: `{example}`."]
    )


def commands():
    """Return every command with its arguments and options."""
    return "\n\n".join(command(name, one) for name, one in get_command(app.app).commands.items())


# ---------------------------------------------------------------------------------- into the pages

PARTS = {"keys.md": keys, "cli.md": commands}
BEGIN, END = "<!-- made by `make reference` -->\n", "<!-- end of what is made -->\n"


def with_part(text, part):
    """Return the text of a page with another part between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{part}\n\n{END}{after}"


def main():
    for page, part in PARTS.items():
        path = HERE / page
        path.write_text(with_part(path.read_text(), part()))


if __name__ == "__main__":
    main()
