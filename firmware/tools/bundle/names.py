"""Which names a bundle has."""

import ast
from collections import Counter
from pathlib import Path

from sources import FUNCTIONS, bound, short_names


def internal_attributes(plan, modules, library, names):
    """Short names for the attributes that only a package itself uses: those with an underscore in
    front, and what only classes have that no program is given."""
    private, internal, kept, count = set(), set(), set(), {}
    for type_ in (bytes, bytearray, str, int, list, tuple, dict, set, memoryview, Exception):
        kept |= set(dir(type_))
    for module in modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                found = set(bound(node))
                private |= {n for n in found if n.startswith("_") and not n.startswith("__")}
                inside = module.name in plan.inside and node.name not in plan.api
                (internal if inside else kept).update(found)
            elif isinstance(node, ast.Attribute):
                count[node.attr] = count.get(node.attr, 0) + 1
    for module in modules.values():
        if module.name not in plan.inside:
            kept |= set(module.defined)
    for tree in other_packages(plan, library):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                kept.add(node.attr)
    internal = {name for name in internal if not name.startswith("_")}
    if "events" in modules:
        events = ast.literal_eval(modules["events"].defined["EVENTS"].value)
        kept |= set(events.replace(";", " ").split())
    order = sorted(private | (internal - kept), key=lambda name: (-count.get(name, 0), name))
    return dict(zip(order, names, strict=False))


def other_packages(plan, library):
    for folder in sorted(Path(library).glob("mpseq*")):
        if folder.name != plan.package:
            for path in sorted(folder.glob("*.py")):
                yield ast.parse(path.read_text())


def owners_of(trees):
    """{attribute: the classes that have it}; of one that is set from outside, None: any class.
    `trees`: of all modules, in any order."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    one_of = {node.name: node.name for node in classes}  # a class and its bases are one

    def whole(name):
        while one_of[name] != name:
            name = one_of[name]
        return name

    for node in classes:
        for base in node.bases:
            if getattr(base, "id", "") in one_of:
                one_of[whole(base.id)] = whole(node.name)
    owners = {}
    for node in classes:
        for name in bound(node):
            owners.setdefault(name, set()).add(whole(node.name))
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
                    if isinstance(one, FUNCTIONS):
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
        if not bases or any(
            getattr(one, "id", "") not in classes or uses[one.id] != 1 for one in bases
        ):
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
    if isinstance(node, FUNCTIONS):
        return [node.name]
    return [one.id for one in ast.walk(node) if isinstance(one, ast.Name)
            and isinstance(one.ctx, ast.Store)]  # fmt: skip
