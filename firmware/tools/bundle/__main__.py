"""Makes few modules of many, for boards that take the library as .mpy files.

    python bundle LIB OUT

Each .mpy file has its own table of the names that it uses, and each module costs a board a
dictionary and its imports: in two dozen files the core is half as large again as in one. What a
program can see stays what it is:

- of a package, the modules of its plan's `core` become one, PACKAGE.core; what they import of one
  another is a plain name there, and what never changes stands where it is used;
- names that start with an underscore, names of the core's own functions and classes, and the
  parameters of functions that only a package itself calls become short ones (names.py);
- functions that are called once are put where that is (inline.py).

Of the modules that became a part of a core a small one remains that hands out what was public in
it; our own packages take that from the core at once.
"""

import ast
import itertools
import sys
from pathlib import Path

from inline import Inliner
from names import flatten, internal_attributes, other_packages, owners_of, share
from rewrite import Bundler
from sources import Module, constants, number, origin, short_names, words


class Plan:
    """`core`: modules in the order of their imports. `inside`: modules whose classes no program
    sees, but for those of `api`. `exported`: of the core's names those that programs use, with
    parameters by name if they like; None: all without an underscore. `cpython`: not for boards."""

    def __init__(self, package, core, inside=(), api=(), exported=None, cpython=()):
        self.package = package
        self.core = core
        self.inside = inside
        self.api = api
        self.exported = exported
        self.cpython = cpython

    def keeps(self, name):
        if self.exported is None:
            return not name.startswith("_")
        return name in self.exported


_CORE = (
    "primitives", "code", "wire", "roster", "bodies", "identity", "invitation", "exchange",
    "attempt", "suspicion", "membership", "inviting", "failures", "outbox", "parts", "session",
    "talk", "watch", "rounds", "conversation",
)  # fmt: skip
PLANS = (
    Plan(
        "mpseq",
        _CORE,
        inside=(*_CORE, "judgement"),
        api=(
            "Conversation", "Talk", "Watch", "Rounds", "Failures", "Inviting", "Joiner",
            "Settings", "Identity", "Invitation",
        ),  # fmt: skip
        exported=("Conversation", "Settings", "Identity", "fingerprint"),
        cpython=("_pymonocypher", "_cryptolib"),
    ),
    # What a board on a cable always has: over a network it wants the console's part of it too.
    Plan(
        "mpseq_aio",
        (
            "clock", "link", "plain", "entropy", "inbox", "door", "ports", "framing", "serial",
            "chat",
        ),  # fmt: skip
    ),
    # What a node keeps; the rest is given back after use.
    Plan("mpseq_board", ("store", "entropy", "company", "node")),
)


def bundle(plan, library):
    """({file name: syntax tree}, {(module, name): what it is called in the core or its value})."""
    folder = Path(library) / plan.package
    names = sorted(path.stem for path in folder.glob("*.py") if path.stem not in plan.cpython)
    order = [*plan.core, *(name for name in names if name not in plan.core)]
    modules = {name: Module(name, folder / f"{name}.py") for name in order}
    taken = words(modules)
    # Attributes, what the module defines and parameters are never looked up in the same place: the
    # same few names do for all three.
    attributes = internal_attributes(plan, modules, library, short_names(taken))
    values = constants(plan, modules)
    pool = list(itertools.islice(short_names(taken), 30))
    short = short_names(taken | set(pool))
    globals_, used = {}, set()
    for module in plan.core:
        for name in modules[module].defined:
            if (module, name) not in values:
                keeps = plan.keeps(name) and name not in used
                globals_[module, name] = name if keeps else next(short)
                used.add(name)
    for module in order[len(plan.core) :]:
        for name in modules[module].defined:
            if name.startswith("_") and not name.startswith("__") and (module, name) not in values:
                globals_[module, name] = next(short)
    keywords = {
        node.arg
        for module in modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.keyword)
    }
    tool = Bundler(plan, modules, values, globals_, attributes, keywords, pool)
    trees = {}
    core, seen = [], set()
    for name, module in modules.items():
        body = tool.run(module)
        if name not in plan.core:
            trees[name] = ast.Module(body, [])
            continue
        for node in body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                # Several modules import the same: once is enough.
                of = getattr(node, "module", ""), getattr(node, "level", 0)
                node.names = [one for one in node.names if (of, one.name, one.asname) not in seen]
                seen |= {(of, one.name, one.asname) for one in node.names}
                if not node.names:
                    continue
            core.append(node)
    trees["core"] = ast.Module(core, [])
    trees.update(doors_of(plan, modules, library, values, globals_))
    flatten(trees["core"])
    owners = owners_of(trees.values())
    own = {name for (_, old), name in globals_.items() if not plan.keeps(old)}
    others = [tree for name, tree in trees.items() if name != "core"]
    Inliner(trees["core"], others, own, set(attributes.values())).run()
    share(trees.values(), set(attributes.values()), owners, taken)
    return trees, {**globals_, **values}


def doors_of(plan, modules, library, values, globals_):
    """(module, tree) of what hands out what was public in a module of the core: everything, or of
    a package with a list of exported names what our other packages take."""
    wanted = {}
    if plan.exported is None:
        for name in plan.core:
            wanted[name] = {one for one in modules[name].defined if not one.startswith("_")}
            if "__all__" in modules[name].defined:
                wanted[name] |= set(ast.literal_eval(modules[name].defined["__all__"].value))
    for tree in other_packages(plan, library):
        for node in ast.walk(tree):
            of = moved_from(plan, node)
            if of:
                wanted.setdefault(of, set()).update(one.name for one in node.names)
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


def moved_from(plan, node):
    """The module of the core that an import of another package names, or None."""
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(plan.package + "."):
        name = node.module[len(plan.package) + 1 :]
        return name if name in plan.core else None
    return None


class Straight(ast.NodeTransformer):
    """Imports of what has moved into the core of another package come from there."""

    def __init__(self, plan, names):
        self.plan = plan
        self.names = names

    def visit_ImportFrom(self, node):
        of = moved_from(self.plan, node)
        if not of:
            return node
        moved, body = [], []
        for one in node.names:
            here, there = one.asname or one.name, self.names.get((of, one.name), one.name)
            if isinstance(there, str):
                moved.append(ast.alias(there, None if there == here else here))
            else:
                body.append(ast.Assign([ast.Name(here, ast.Store())], number(there)))
        if moved:
            body.insert(0, ast.ImportFrom(self.plan.package + ".core", moved, 0))
        return body


def main(library, out):
    packages = {plan.package: bundle(plan, library) for plan in PLANS}
    for folder in sorted(Path(library).glob("mpseq*")):
        if folder.name in packages:
            trees = packages[folder.name][0]
        else:
            trees = {path.stem: ast.parse(path.read_text()) for path in folder.glob("*.py")}
        place = Path(out) / folder.name
        place.mkdir(parents=True, exist_ok=True)
        for name, tree in trees.items():
            for plan in PLANS:
                tree = Straight(plan, packages[plan.package][1]).visit(tree)
            text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
            (place / f"{name}.py").write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
