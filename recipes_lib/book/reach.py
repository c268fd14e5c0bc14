"""Which modules of the library a program reaches: its results depend on these and no others."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from recipes_lib.book.errors import BookError

MAGIC = re.compile(r"^(\s*)[%!].*", re.MULTILINE)  # IPython's lines, which are no Python

STATEMENTS = (ast.stmt, ast.ExceptHandler, ast.match_case)


@dataclass(frozen=True)
class Library:
    """A package on disk, by its folder. Raises `BookError` for a file that is not Python.

    >>> sorted(Library(Path("recipes_lib")).reach(["from recipes_lib import mlp"]))
    ['recipes_lib', 'recipes_lib.nets', 'recipes_lib.nets.models']
    """

    folder: Path

    @cached_property
    def files(self) -> dict[str, Path]:
        """The file of each module, by its dotted name; a package's is its `__init__.py`."""
        paths = sorted(self.folder.rglob("*.py"))
        return {self._name(path): path for path in paths}

    def _name(self, path: Path) -> str:
        parts = path.relative_to(self.folder.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def reach(self, sources: Iterable[str]) -> dict[str, str]:
        """The digest of every module that some cells import, and that these import in turn.

        A cell that names the library in a way that IPython alone understands may reach all of it.
        """
        waiting, found = {name for source in sources for name in self._of_cell(source)}, {}
        while waiting:
            name = waiting.pop()
            found[name] = sha256(self.files[name].read_bytes()).hexdigest()
            waiting |= self.imported[name] - found.keys()
        return found

    def _of_cell(self, source: str) -> set[str]:
        if self.folder.name not in source:
            return set()
        try:
            return self._imports(ast.parse(MAGIC.sub(r"\1pass", source)), "")
        except SyntaxError:
            return self._whole(self.folder.name)

    @cached_property
    def imported(self) -> dict[str, set[str]]:
        """What each module imports, anywhere in it, except for types alone."""
        return {name: self._of_module(name) for name in self.files}

    def _of_module(self, name: str) -> set[str]:
        path = self.files[name]
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        return self._imports(_parse(path), package) - {name}

    def _imports(self, tree: ast.AST, package: str) -> set[str]:
        named = {one for node in _at_run_time(tree) for one in self._named(node, package)}
        # To import a module is to run every package above it.
        return named | {above for one in named for above in _above(one)}

    def _named(self, node: ast.AST, package: str) -> set[str]:
        if isinstance(node, ast.Import):
            # Without an alias the name is that of the library, which loads the rest when asked.
            names = [name.name if name.asname else name.name.split(".")[0] for name in node.names]
            return {one for name in names for one in self._whole(name)}
        if isinstance(node, ast.ImportFrom):
            module = _absolute(node, package)
            return {one for name in node.names for one in self._resolve(module, name.name)}
        return set()

    def _resolve(self, module: str, name: str) -> set[str]:
        """The modules behind `from module import name`: where a package's stub leads to."""
        if f"{module}.{name}" in self.files:
            return self._whole(f"{module}.{name}")
        if module in self.files and name in self._stub(module):
            return self._resolve(self._stub(module)[name], name)
        return self._whole(module)

    def _stub(self, package: str) -> dict[str, str]:
        """Where each public name of a package comes from."""
        path = self.files[package].with_suffix(".pyi")
        body = _parse(path).body if path.exists() else []
        froms = [node for node in body if isinstance(node, ast.ImportFrom)]
        return {name.name: _absolute(node, package) for node in froms for name in node.names}

    def _whole(self, module: str) -> set[str]:
        """A module with all below it; none for another library's."""
        return {name for name in self.files if f"{name}.".startswith(f"{module}.")}


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise BookError(
            f"{path} is not Python ({error.msg}, line {error.lineno}); mend it"
        ) from error


def _at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement below `tree` that may run; expressions, which import nothing, aside."""
    for node in ast.iter_child_nodes(tree):
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if isinstance(node, STATEMENTS) and not for_types:
            yield node
            yield from _at_run_time(node)


def _above(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """The module that an import names: one dot is its own package, each more the one above."""
    if not node.level:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])
