"""Makes one module of most of lib/mpseq, for boards that take the library as .mpy files.

    bundle.py LIB OUT

Each .mpy file has its own table of the names that it uses, and each module costs a board a
dictionary and its imports: in two dozen files the core is half as large again as in one. What a
program can see stays what it is:

- the modules of CORE become one, `mpseq.core`; what they import of one another is a plain name
  there, and integers that never change stand where they are used;
- names that start with an underscore, names of the core's own functions and classes, and the
  parameters of functions that only the core calls become short ones.

The other modules of the package, among them `mpseq`, `mpseq.errors` and `mpseq.events`, keep their
names; of CORE's modules those remain from which lib/mpseq_aio or lib/mpseq_board import something,
with just that.
"""

import ast
import builtins
import itertools
import keyword
import sys
from collections import Counter
from pathlib import Path

from inline import Inliner

PACKAGE = "mpseq"
# In the order of their imports.
CORE = (
    "primitives", "code", "wire", "roster", "bodies", "identity", "invitation", "exchange",
    "attempt", "suspicion", "membership", "inviting", "failures", "outbox", "parts", "session",
    "talk", "watch", "rounds", "conversation",
)  # fmt: skip
APART = ("__init__", "errors", "events", "judgement", "aes_ctr")
CPYTHON = ("_pymonocypher", "_cryptolib")  # not for boards
# Classes whose methods programs call, with their parameters by name if they like.
EXPORTED = ("Conversation", "Settings", "Identity", "fingerprint")
# Classes whose objects programs see, and the bases of these.
API = (
    "Conversation", "Talk", "Watch", "Rounds", "Failures", "Inviting", "Joiner",
    "Settings", "Identity", "Invitation",
)  # fmt: skip


class Module:
    """One source file: what its top level defines and imports."""

    def __init__(self, name, path):
        self.name = name
        self.tree = ast.parse(path.read_text())
        self.defined = {}  # name: the node that defines it
        self.modules = {}  # alias: module of the package
        self.symbols = {}  # alias: (module of the package, name there)
        for node in self.tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
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

    def visit_Lambda(self, node):
        pass

    def visit_ListComp(self, node):
        self.visit(node.generators[0].iter)

    visit_GeneratorExp = visit_SetComp = visit_ListComp


def arguments(function):
    if isinstance(function, (ast.FunctionDef, ast.Lambda)):
        a = function.args
        yield from a.posonlyargs + a.args + a.kwonlyargs
        yield from [one for one in (a.vararg, a.kwarg) if one]


def constants(modules):
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
                            and (module.name in CORE or name.startswith("_"))
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
    first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for size in itertools.count(1):
        for letters in itertools.product(first, repeat=size):
            name = "".join(letters)
            if name not in taken and not keyword.iskeyword(name):
                yield name


class Bundler(ast.NodeTransformer):
    """Rewrites one module at a time for its place in the bundle."""

    def __init__(self, modules, values, globals_, attributes, keywords, names):
        self.modules = modules
        self.values = values  # (module, name): int
        self.globals = globals_  # (module, name): its name in the core
        self.attributes = attributes  # private attribute: short name
        self.keywords = keywords  # parameters that somebody names
        self.pool = names  # short names for parameters
        self.scopes = []  # of each function around: {local name: what it becomes}
        self.classes = []

    def run(self, module):
        self.module = module
        body = []
        for node in module.tree.body:
            made = self.top(node)
            if made is not None:
                body += made if isinstance(made, list) else [made]
        return body

    def top(self, node):
        own = self.module.name in CORE
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return None
        if isinstance(node, ast.Assign):
            names = [n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
            if "__all__" in names:
                return None
            if all((self.module.name, n) in self.values for n in names) and (
                own or all(n.startswith("_") for n in names)
            ):
                return None
        return self.visit(node)

    # --- names

    def lookup(self, name):
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return None

    def global_node(self, found, like):
        """What stands for a name defined at the top of a module; None to leave it."""
        if found in self.values:
            return ast.copy_location(number(self.values[found]), like)
        if found in self.globals:
            return ast.copy_location(ast.Name(self.globals[found], ast.Load()), like)
        return None

    def visit_Name(self, node):
        local = self.lookup(node.id)
        if local is not None:
            node.id = local
            return node
        found = origin(self.modules, self.module, node.id)
        if isinstance(node.ctx, ast.Load):
            return self.global_node(found, node) or node
        if found in self.globals:
            node.id = self.globals[found]
        return node

    def visit_Global(self, node):
        node.names = [self.globals.get((self.module.name, n), n) for n in node.names]
        return node

    def visit_Attribute(self, node):
        value = node.value
        if isinstance(value, ast.Name) and self.lookup(value.id) is None:
            of = self.module.modules.get(value.id)
            if of in self.modules:
                made = self.global_node(origin(self.modules, self.modules[of], node.attr), node)
                if made is not None:
                    return made
        self.generic_visit(node)
        node.attr = self.attributes.get(node.attr, node.attr)
        return node

    def visit_ExceptHandler(self, node):
        if node.name:
            node.name = self.lookup(node.name) or node.name
        self.generic_visit(node)
        return node

    # --- what has a scope

    def visit_ClassDef(self, node):
        self.classes.append(node.name)
        if not self.scopes:
            found = (self.module.name, node.name)
            node.name = self.globals.get(found, node.name)
        docless(node)
        # What a class's body binds is an attribute.
        for one in node.body:
            if isinstance(one, ast.Assign):
                one.value = self.visit(one.value)
                for target in one.targets:
                    for name in ast.walk(target):
                        if isinstance(name, ast.Name):
                            name.id = self.attributes.get(name.id, name.id)
        node.bases = [self.visit(base) for base in node.bases]
        node.body = [one if isinstance(one, ast.Assign) else self.visit(one) for one in node.body]
        self.classes.pop()
        return node

    def visit_FunctionDef(self, node):
        inner = bool(self.scopes)
        if inner:
            node.name = self.lookup(node.name) or node.name
        elif self.classes:
            node.name = self.attributes.get(node.name, node.name)
        else:
            node.name = self.globals.get((self.module.name, node.name), node.name)
        docless(node)
        node.decorator_list = [self.visit(one) for one in node.decorator_list]
        return self.function(node)

    def visit_Lambda(self, node):
        return self.function(node)

    def function(self, node):
        node.args.defaults = [self.visit(one) for one in node.args.defaults]
        node.args.kw_defaults = [one and self.visit(one) for one in node.args.kw_defaults]
        scope = {name: name for name in Locals(node).names}
        public = self.module.name not in CORE or any(one in EXPORTED for one in self.classes)
        if not public or node.name.startswith("_"):
            used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            free = (name for name in self.pool if name not in used | set(scope))
            for one in arguments(node):
                if one.arg != "self" and one.arg not in self.keywords:
                    scope[one.arg] = next(free)
        for one in arguments(node):
            one.arg = scope[one.arg]
        self.scopes.append(scope)
        if isinstance(node, ast.Lambda):
            node.body = self.visit(node.body)
        else:
            node.body = [made for made in map(self.visit, node.body) if made is not None]
            node.body = node.body or [ast.Pass()]
        self.scopes.pop()
        return node

    def visit_ListComp(self, node):
        names = set()
        for one in node.generators:
            names |= {n.id for n in ast.walk(one.target) if isinstance(n, ast.Name)}
        first = node.generators[0]
        first.iter = self.visit(first.iter)
        self.scopes.append({name: name for name in names})
        for one in node.generators:
            if one is not first:
                one.iter = self.visit(one.iter)
            one.target = self.visit(one.target)
            one.ifs = [self.visit(test) for test in one.ifs]
        node.elt = self.visit(node.elt)
        self.scopes.pop()
        return node

    visit_GeneratorExp = visit_SetComp = visit_ListComp

    # --- imports

    def visit_ImportFrom(self, node):
        if node.level != 1:
            return node
        kept, moved = [], []
        for one in node.names:
            if node.module:
                found = origin(self.modules, self.modules[node.module], one.name) if (
                    node.module in self.modules) else None  # fmt: skip
                if found in self.values:
                    continue
                if node.module in CORE:
                    if self.module.name not in CORE:
                        moved.append(ast.alias(self.globals[found], None))
                    continue
            elif one.name in CORE:
                assert self.module.name in CORE, (self.module.name, one.name)
                continue
            kept.append(one)
        if moved:
            assert not kept
            return ast.ImportFrom("core", moved, 1)
        return ast.ImportFrom(node.module, kept, 1) if kept else None

    def visit_Try(self, node):
        """What is there for CPython's sake is left out."""
        if imports(node.body, CPYTHON):
            return [self.visit(one) for one in node.handlers[0].body]
        if any(imports(one.body, CPYTHON) for one in node.handlers) and len(node.body) > 1:
            return [self.visit(one) for one in node.body[:1]]
        self.generic_visit(node)
        return node

    def visit_Raise(self, node):
        self.generic_visit(node)
        call = node.exc
        # MicroPython and CPython call a class that is raised.
        if isinstance(call, ast.Call) and not call.args and not call.keywords:
            node.exc = call.func
        return node


def imports(body, names):
    """Whether these statements begin with an import of one of these modules."""
    first = body[0]
    return isinstance(first, ast.ImportFrom) and (
        first.module in names or first.names[0].name in names
    )


def number(value):
    if type(value) is int and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def docless(node):
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        node.body = node.body[1:] or [ast.Pass()]


def bound(class_):
    """The attributes that a class binds: its methods, its variables, what it sets in `self`."""
    for node in class_.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from [n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    for node in ast.walk(class_):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                yield node.attr


def internal_attributes(modules, library, names):
    """Short names for the attributes that only the core uses: those with an underscore in front,
    and what only classes have that no program is given."""
    private, internal, kept, count = set(), set(), set(), {}
    for type_ in (bytes, bytearray, str, int, list, tuple, dict, set, memoryview, Exception):
        kept |= set(dir(type_))
    for module in modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                found = set(bound(node))
                private |= {n for n in found if n.startswith("_") and not n.startswith("__")}
                inside = module.name in (*CORE, "judgement") and node.name not in API
                (internal if inside else kept).update(found)
            elif isinstance(node, ast.Attribute):
                count[node.attr] = count.get(node.attr, 0) + 1
    for name in APART:
        kept |= set(modules[name].defined) if name != "judgement" else set()
    for path in Path(library).glob("mpseq_*/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                kept.add(node.attr)
    internal = {name for name in internal if not name.startswith("_")}
    events = ast.literal_eval(modules["events"].defined["EVENTS"].value)
    kept |= set(events.replace(";", " ").split())
    order = sorted(private | (internal - kept), key=lambda name: (-count.get(name, 0), name))
    return dict(zip(order, names, strict=False))


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


def bundle(library):
    """{file name: source text} of the package as boards get it."""
    folder = Path(library) / PACKAGE
    modules = {name: Module(name, folder / f"{name}.py") for name in (*CORE, *APART)}
    left = {path.stem for path in folder.glob("*.py")} - set(modules)
    if left - set(CPYTHON):
        raise SystemExit(f"bundle.py does not know {', '.join(sorted(left))}")
    taken = words(modules)
    # Attributes, what the module defines and parameters are never looked up in the same place: the
    # same few names do for all three.
    attributes = internal_attributes(modules, library, short_names(taken))
    globals_ = {}
    values = constants(modules)
    pool = list(itertools.islice(short_names(taken), 30))
    names = short_names(taken | set(pool))
    for module in CORE:
        for name in modules[module].defined:
            if (module, name) not in values:
                globals_[module, name] = name if name in EXPORTED else next(names)
    keywords = {node.arg for module in modules.values() for node in ast.walk(module.tree)
                if isinstance(node, ast.keyword)}  # fmt: skip
    tool = Bundler(modules, values, globals_, attributes, keywords, pool)
    core, seen = [], set()
    for name in CORE:
        for node in tool.run(modules[name]):
            if not isinstance(node, ast.ImportFrom):
                core.append(node)
                continue
            # Several modules import the same: once is enough.
            new = [one for one in node.names if (node.module, one.name, one.asname) not in seen]
            seen |= {(node.module, one.name, one.asname) for one in new}
            if new:
                core.append(ast.ImportFrom(node.module, new, node.level))
    trees = {name: ast.Module(tool.run(modules[name]), []) for name in APART}
    trees["core"] = ast.Module(core, [])
    trees.update(doors_of(modules, library, values, globals_))
    flatten(trees["core"])
    owners = owners_of(trees.values())
    own = {name for name in globals_.values() if name not in EXPORTED}
    others = [tree for name, tree in trees.items() if name != "core"]
    Inliner(trees["core"], others, own, set(attributes.values())).run()
    share(trees.values(), set(attributes.values()), owners, taken)
    for tree in trees.values():
        ast.fix_missing_locations(tree)
    return {f"{name}.py": ast.unparse(tree) + "\n" for name, tree in trees.items()}


def doors_of(modules, library, values, globals_):
    """(module, tree) of what hands out what other packages take from a module of the core."""
    wanted = {}
    for path in sorted(Path(library).glob("mpseq_*/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE + "."):
                name = node.module[len(PACKAGE) + 1 :]
                if name in CORE:
                    wanted.setdefault(name, set()).update(one.name for one in node.names)
    for module, names in wanted.items():
        body, moved = [], []
        for name in sorted(names):
            found = origin(modules, modules[module], name)
            if found in values:
                body.append(ast.Assign([ast.Name(name, ast.Store())], number(values[found])))
            else:
                there = globals_.get(found, name)
                moved.append(ast.alias(there, None if there == name else name))
        yield module, ast.Module([ast.ImportFrom("core", moved, 1)] * bool(moved) + body, [])


def owners_of(trees):
    """{attribute: the classes that have it}; of one that is set from outside, None: any class."""
    owners, classes = {}, {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                # A class and its base are one.
                bases = [getattr(one, "id", "") for one in node.bases]
                bases = [classes[one] for one in bases if one in classes]
                classes[node.name] = bases[0] if bases else node.name
                for name in bound(node):
                    if owners.setdefault(name, set()) is not None:
                        owners[name].add(classes[node.name])
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                if not isinstance(node.value, ast.Name) or node.value.id != "self":
                    owners[node.attr] = None
    return owners


def share(trees, names, owners, taken):
    """Attributes that no object has both of get one name, the most used ones first."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    uses = Counter(node.attr for node in nodes if isinstance(node, ast.Attribute))
    new, used = {}, {}
    for name in sorted(names, key=lambda name: (-uses[name], name)):
        mine = owners.get(name)
        for short in short_names(taken):
            others = used.setdefault(short, set())
            if others is None or (mine is None and others) or (mine and others & mine):
                continue
            used[short] = None if mine is None else others | mine
            new[name] = short
            break
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                node.attr = new.get(node.attr, node.attr)
            elif isinstance(node, ast.ClassDef):
                for one in node.body:
                    if isinstance(one, ast.FunctionDef):
                        one.name = new.get(one.name, one.name)
                    elif isinstance(one, ast.Assign):
                        for target in one.targets:
                            for part in ast.walk(target):
                                if isinstance(part, ast.Name):
                                    part.id = new.get(part.id, part.id)


def flatten(tree):
    """A class that is only there to be a base of one other becomes a part of it."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    uses = Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    for node in list(tree.body):
        bases = getattr(node, "bases", [])
        if not bases or any(one.id not in classes or uses[one.id] != 1 for one in bases):
            continue
        body = [one for base in bases for one in classes[base.id].body] + node.body
        bound = [name for one in body for name in binds(one)]
        calls = {one.id for item in body for one in ast.walk(item) if isinstance(one, ast.Name)}
        if len(bound) != len(set(bound)) or "super" in calls:
            continue
        for base in bases:
            tree.body.remove(classes.pop(base.id))
        node.bases, node.body = [], [one for one in body if not isinstance(one, ast.Pass)]


def binds(node):
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    return [one.id for one in ast.walk(node) if isinstance(one, ast.Name)
            and isinstance(one.ctx, ast.Store)]  # fmt: skip


def main(library, out):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in bundle(library).items():
        (out / name).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
