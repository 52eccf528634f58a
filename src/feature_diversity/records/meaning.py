"""What a module does, as text: its code without what is there for people and for type checkers."""

import ast
import re
from dataclasses import dataclass

SAID = ("announce_ready", "print", "say", "warnings.warn")  # calls of these are for people
PARSERS = ("ArgumentParser", "add_argument", "add_argument_group", "add_parser", "add_subparsers")
HELP = ("description", "epilog", "formatter_class", "help", "metavar", "prog", "title", "usage")
# Literals of an algorithm's file that planning alone reads; a training gets its recipe as a parameter
PLANNED = ("LEGAL", "RECIPE", "SMALL_IMAGES", "VIEWS")
# What makes an annotation of a class more than a note for the reader
KINDS_OF_FIELDS = re.compile(r"\b(ClassVar|InitVar|KW_ONLY)\b")

MARKED = "⟦{}⟧"  # what stands for something imported, around its full name
MARK = re.compile(MARKED.format("([^⟦⟧]*)"))


@dataclass(frozen=True)
class Meaning:
    """What a module does.

    Attributes:
        imports: Full names of all that its import statements bind, wherever they stand.
        text: The module as Python code, without docstrings, import statements, annotations (of fields of
            classes all but their kind), the texts of errors, of what is said and of the help, and what
            planning alone reads. Something imported stands there as `MARKED`, by its full name:
            `⟦feature_diversity.data.store.read⟧` for `read`, `store.read` or whatever the import statement
            called it.
    """

    imports: tuple[str, ...]
    text: str


def meaning(text: str, name: str) -> Meaning:
    """What the module of this name and source does.

    Raises:
        ValueError: For a relative import.
    """
    tree = ast.parse(text, filename=name)
    tree.body = [node for node in tree.body if not _is_for_type_checkers(node)]
    imports: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            if isinstance(node, ast.ImportFrom) and node.level:
                raise ValueError(f"{name}: write absolute imports, relative ones are not followed")
            imports.update(_origins(node).values())
    return Meaning(tuple(sorted(imports)), ast.unparse(_Reduction().visit(tree)))


def _is_for_type_checkers(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and _dotted(node.test).endswith("TYPE_CHECKING")


def _origins(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """What an import statement binds: the name as it is written here -> the full name."""
    if isinstance(node, ast.ImportFrom):
        return {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return {alias.asname or alias.name: alias.name for alias in node.names}


class _Reduction(ast.NodeTransformer):
    """Takes out of a syntax tree what does not count, and marks what is imported."""

    def __init__(self) -> None:
        self.origins: dict[str, str] = {}  # of the names that are visible in what is being visited
        self.in_class = False

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        self.origins = _own_imports(node)
        node.body = [
            inner
            for inner in node.body
            if not (isinstance(inner, ast.Assign) and _dotted(inner.targets[0]) in PLANNED)
        ]
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        outer = self.origins, self.in_class
        arguments = {found.arg for found in ast.walk(node.args) if isinstance(found, ast.arg)}
        visible = {local: origin for local, origin in self.origins.items() if local not in arguments}
        self.origins, self.in_class = visible | _own_imports(node), False
        node.returns = None
        self.generic_visit(node)
        self.origins, self.in_class = outer
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        outer, self.in_class = self.in_class, True
        self.generic_visit(node)
        self.in_class = outer
        return node

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        return None

    visit_ImportFrom = visit_Import

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if not self.in_class:
            plain = node.value and ast.Assign([node.target], node.value, lineno=0)
            return self.visit(plain) if plain else None
        if not KINDS_OF_FIELDS.search(ast.unparse(node.annotation)):
            node.annotation = ast.Name("object")
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        value = node.value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return None  # a docstring, of whatever
        if isinstance(value, ast.Call) and _dotted(value.func) in SAID:
            return None
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc.args, node.exc.keywords = [], []
        return self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name | ast.Attribute) and _last(node.func) in PARSERS:
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in HELP]
        if _dotted(node.func) == "parser.error":
            node.args = []
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._resolved(node.id) or node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return self._resolved(_dotted(node)) or self.generic_visit(node)

    def _resolved(self, written: str) -> ast.Name | None:
        """The mark of an imported thing; None if it is not imported."""
        parts = written.split(".")
        for count in range(len(parts), 0, -1):  # `import a.b` binds a.b
            if origin := self.origins.get(".".join(parts[:count])):
                return ast.Name(MARKED.format(".".join([origin, *parts[count:]])))
        return None


def _own_imports(node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, str]:
    """What the import statements of a module or function bind, those of functions inside it left out."""
    found: dict[str, str] = {}
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, ast.Import | ast.ImportFrom):
            found |= _origins(inner)
        elif not isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting.extend(ast.iter_child_nodes(inner))
    return found


def _dotted(node: ast.expr) -> str:
    """`a.b.c` of an expression that is that; empty for all others."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := _dotted(node.value)):
        return f"{owner}.{node.attr}"
    return ""


def _last(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr
