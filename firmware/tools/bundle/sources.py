"""Reading the sources of a package: what its modules define, import and never change."""

import ast
import builtins
import itertools
import keyword
from collections import Counter

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Module:
    """One source file: what its top level defines and imports."""

    def __init__(self, name, path):
        self.name = name
        self.tree = ast.parse(path.read_text())
        self.defined = {}  # name: the node that defines it
        self.modules = {}  # alias: module of the package
        self.symbols = {}  # alias: (module of the package, name there)
        for node in self.tree.body:
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                self.defined[node.name] = node
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    for one in ast.walk(target):
                        if isinstance(one, ast.Name):
                            self.defined[one.id] = node
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                for one in node.names:
                    if node.module:
                        self.symbols[one.asname or one.name] = (node.module, one.name)
                    else:
                        self.modules[one.asname or one.name] = one.name


class Locals(ast.NodeVisitor):
    """The names that a function binds itself: parameters and assignments, not those of functions
    inside it."""

    def __init__(self, function):
        self.names = set()
        self.outer = set()
        for one in arguments(function):
            self.names.add(one.arg)
        body = function.body if isinstance(function.body, list) else [function.body]
        for node in body:
            self.visit(node)
        self.names -= self.outer

    def visit_Name(self, node):
        if isinstance(node.ctx, (ast.Store, ast.Del)):
            self.names.add(node.id)

    def visit_ExceptHandler(self, node):
        if node.name:
            self.names.add(node.name)
        self.generic_visit(node)

    def visit_Global(self, node):
        self.outer.update(node.names)

    def visit_Import(self, node):
        for one in node.names:
            self.names.add(one.asname or one.name)

    visit_ImportFrom = visit_Import

    def visit_FunctionDef(self, node):
        self.names.add(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        pass

    def visit_ListComp(self, node):
        self.visit(node.generators[0].iter)

    visit_GeneratorExp = visit_SetComp = visit_ListComp


def arguments(function):
    if isinstance(function, (*FUNCTIONS, ast.Lambda)):
        a = function.args
        yield from a.posonlyargs + a.args + a.kwonlyargs
        yield from [one for one in (a.vararg, a.kwarg) if one]


def constants(plan, modules):
    """{(module, name): value} of what is assigned once, at the top of a module: integers, and
    texts and tuples that are used at one place."""
    used = Counter(
        found
        for module in modules.values()
        for node in ast.walk(module.tree)
        for found in [mention(modules, module, node)]
    )
    found = {}
    for module in modules.values():
        changed = {n for node in ast.walk(module.tree) if isinstance(node, ast.Global)
                   for n in node.names}  # fmt: skip
        for name, node in module.defined.items():
            if not isinstance(node, ast.Assign) or name in changed:
                continue
            pairs = []
            for target in node.targets:
                if isinstance(target, ast.Name):
                    pairs.append((target, node.value))
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs += zip(target.elts, node.value.elts, strict=True)
            for target, value in pairs:
                if target.id == name:
                    known = {}
                    for one in ast.walk(value):
                        if isinstance(one, ast.Name):
                            known[one.id] = found.get(origin(modules, module, one.id))
                        elif isinstance(one, (ast.Call, ast.Attribute, ast.List, ast.Dict)):
                            known[one] = None
                    if None not in known.values():
                        code = compile(ast.Expression(value), module.name, "eval")
                        result = eval(code, {"__builtins__": {}}, known)
                        if type(result) is int or (
                            type(result) in (bytes, str, tuple)
                            and used[module.name, name] == 1
                            and (module.name in plan.core or name.startswith("_"))
                        ):
                            found[module.name, name] = result
    return found


def mention(modules, module, node):
    """What is named by a node that reads a name or an attribute of a module."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return origin(modules, module, node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        of = module.modules.get(node.value.id)
        return origin(modules, modules[of], node.attr) if of in modules else None
    return None


def origin(modules, module, name):
    """(module, name) where what `name` means in this module is defined, or None."""
    if name in module.defined:
        return module.name, name
    if name in module.symbols:
        of, there = module.symbols[name]
        return origin(modules, modules[of], there) if of in modules else None
    return None


def short_names(taken):
    """a, b, … aa, ab, …: what is not taken."""
    first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for size in itertools.count(1):
        for letters in itertools.product(first, repeat=size):
            name = "".join(letters)
            if name not in taken and not keyword.iskeyword(name):
                yield name


def words(modules):
    """Every name that stands anywhere in the sources."""
    taken = set(dir(builtins))
    for module in modules.values():
        for node in ast.walk(module.tree):
            for field in ("id", "attr", "arg", "name", "asname"):
                name = getattr(node, field, None)
                if isinstance(name, str):
                    taken.add(name)
    return taken


def number(value):
    if type(value) is int and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def bound(class_):
    """The attributes that a class binds: its methods, its variables, what it sets in `self`."""
    for node in class_.body:
        if isinstance(node, FUNCTIONS):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from [n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    for node in ast.walk(class_):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                yield node.attr
