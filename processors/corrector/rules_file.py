"""The file with the rules: YAML to validated rules. Errors name the line and the rule. Pure, but for `read()`.

Every scalar is text until pydantic reads it: `no` is Norwegian, and not false.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from processors.corrector import patterns
from runtime import languages
from runtime.errors import Invalid, UsageError

SIZE_MAX_BYTES = 1 << 20
RULES_MAX = 1000
WORDS_MAX = 10_000
KINDS = ("pattern", "words", "numbers", "casing", "punctuation")
Location = Sequence[int | str]
Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # libyaml's, where it is there: ten times as fast


class BadRules(UsageError):
    """A file that cannot be used. The message names file, line and rule."""


def _language(text: str) -> str:
    try:
        code = languages.parse(text)
    except Invalid as error:
        raise ValueError(str(error)) from error
    if code is None:
        raise ValueError("name the languages, or leave them out for all")
    return code


Text = Annotated[str, Field(max_length=10_000)]
Word = Annotated[Text, Field(min_length=1)]
Languages = tuple[Annotated[str, AfterValidator(_language)], ...]


class Rule(BaseModel):
    """One of KINDS, for these languages and owners; empty: for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)] = ""
    languages: Languages = ()
    owners: tuple[str, ...] = ()
    pattern: Text | None = Field(None, description="a regular expression; `replace`: what its matches become")
    replace: Text | None = None
    ignore_case: bool = False
    words: dict[Word, Text] | None = Field(None, description="whole words, in any case, and what they become")
    numbers: Literal["digits"] | None = Field(None, description="numbers in words become digits")
    casing: Literal["sentences", "lower", "upper"] | None = None
    punctuation: Literal["tidy", "remove"] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        kinds = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError(f"a rule has exactly one of {', '.join(KINDS)}; this one has {', '.join(kinds) or 'none'}")
        if (self.pattern is None) != (self.replace is None):
            raise ValueError("`pattern` and `replace` belong together")
        if self.pattern is not None and self.replace is not None:
            patterns.check(self.pattern, self.replace)
        if self.words is not None and not 0 < len(self.words) <= WORDS_MAX:
            raise ValueError(f"between 1 and {WORDS_MAX} words")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    def is_for(self, owner: str, language: str | None) -> bool:
        return (not self.owners or owner in self.owners) and (not self.languages or language in self.languages)


class RulesFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Rule, ...] = Field((), max_length=RULES_MAX)


def read(file: Path) -> tuple[Rule, ...]:
    """Blocks. Raises BadRules."""
    try:
        with file.open("rb") as opened:
            content = opened.read(SIZE_MAX_BYTES + 1)
    except OSError as error:
        raise BadRules(f"{file} cannot be read: {error.strerror}") from error
    if len(content) > SIZE_MAX_BYTES:
        raise BadRules(f"{file} is larger than {SIZE_MAX_BYTES >> 20} MiB")
    try:
        return parse(content.decode(), str(file))
    except UnicodeDecodeError as error:
        raise BadRules(f"{file} is not UTF-8: byte {error.start}") from error


def parse(text: str, file: str = "the rules") -> tuple[Rule, ...]:
    """Raises BadRules."""
    try:
        loader = Loader(text)
        root = loader.get_single_node()
        if root is None:
            return ()
        for line, problem in _unusable(root):
            raise BadRules(f"{file}, line {line}: {problem}")
        content = loader.construct_document(root)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise BadRules(f"{file}{where}: not YAML: {getattr(error, 'problem', None) or error}") from error
    try:
        rules = RulesFile.model_validate(content).rules
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadRules(_described(file, root, first["loc"], first["msg"])) from error
    return tuple(rule.model_copy(update={"name": rule.name or f"rule {place}"}) for place, rule in enumerate(rules, 1))


def _described(file: str, root: yaml.Node, location: Location, message: str) -> str:
    node, rule = _node(root, location)
    which = f", rule {rule}" if rule else ""
    field = ".".join(str(part) for part in location[2:] if part != "[key]")
    message = message.removeprefix("Value error, ")
    return f"{file}, line {node.start_mark.line + 1}{which}: {field + ': ' if field else ''}{message}"


def _node(root: yaml.Node, location: Location) -> tuple[yaml.Node, str | None]:
    """Where it is, as far as the file goes, and the rule that it is in: its name, or its place."""
    node, rule = root, None
    for depth, part in enumerate(location):
        child = _child(node, part)
        if child is None:
            break
        node = child
        if depth == 1 and isinstance(part, int):
            named = _child(node, "name")
            rule = repr(named.value) if isinstance(named, yaml.ScalarNode) else str(part + 1)
    return node, rule


def _child(node: yaml.Node, part: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        return next(iter(node.value[part : part + 1]), None)
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    return None


def _unusable(root: yaml.Node) -> Iterator[tuple[int, str]]:
    """What YAML permits and a file of rules has no use for: keys twice, of which one would be lost, keys that are not text, and
    aliases, which let a small file become a very large one."""
    seen: set[int] = set()
    nodes = [root]
    while nodes:
        node = nodes.pop()
        line = node.start_mark.line + 1
        if id(node) in seen:
            yield line, "aliases (`*name`) are not supported"
            return
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    yield key.start_mark.line + 1, "a key is not a text"
                elif key.value in keys:
                    yield key.start_mark.line + 1, f"the key {key.value!r} is there twice"
                else:
                    keys.add(key.value)
                nodes.append(value)
