"""What a module of a package needs of that package: itself, and all that it imports, one after another."""

import ast
from collections.abc import Iterator
from pathlib import Path


class UnreadableImport(ValueError):
    """An import from which it can't be told what is needed; the text says which and where."""


def closure(package: Path, module: str) -> dict[str, str]:
    """The sources that a module of a package needs, by their path in it, the packages that they lie in included."""
    found: dict[str, str] = {}
    waiting = {_file(package, [module])}
    while waiting:
        path = waiting.pop()
        source = path.read_text(encoding="utf-8")
        found[path.relative_to(package).as_posix()] = source
        needed = {file for node in _imports(source, package.name, path) for file in _needed(package, node)}
        lies_in = {folder / "__init__.py" for folder in path.parents if folder == package or package in folder.parents}
        waiting |= {file for file in needed | lies_in if file.relative_to(package).as_posix() not in found}
    return dict(sorted(found.items()))


def renamed(source: str, package: str, name: str) -> str:
    """The source with a package imported by another name, and nothing else changed."""
    lines = source.splitlines(keepends=True)
    for node in _imports(source, package, Path(name)):
        line, column = lines[node.lineno - 1], node.col_offset
        if isinstance(node, ast.ImportFrom):
            changed = line[column:].replace(f"from {package}", f"from {name}", 1)
        else:
            known_as = "" if node.names[0].asname else f" as {package}"
            changed = line[column:].replace(f"import {package}", f"import {name}{known_as}", 1)
        lines[node.lineno - 1] = line[:column] + changed
    return "".join(lines)


def _imports(source: str, package: str, path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of the package. Raises UnreadableImport where the house imports otherwise than it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                raise UnreadableImport(f"{path}:{node.lineno} imports relatively: name the package")
            if (node.module or "").partition(".")[0] == package:
                yield node
        elif isinstance(node, ast.Import) and any(each.name.partition(".")[0] == package for each in node.names):
            if [each.name for each in node.names] != [package]:
                raise UnreadableImport(f"{path}:{node.lineno}: write `from {package} import …`")
            yield node


def _needed(package: Path, node: ast.Import | ast.ImportFrom) -> Iterator[Path]:
    """The files of what is imported: modules, and of a package its own file and those of its modules that are named."""
    if isinstance(node, ast.Import):
        yield package / "__init__.py"
        return
    parts = str(node.module).split(".")[1:]
    yield _file(package, parts)
    for name in (alias.name for alias in node.names):
        if package.joinpath(*parts).is_dir() and _exists(package, [*parts, name]):
            yield _file(package, [*parts, name])


def _file(package: Path, parts: list[str]) -> Path:
    folder = package.joinpath(*parts)
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def _exists(package: Path, parts: list[str]) -> bool:
    return _file(package, parts).exists()
