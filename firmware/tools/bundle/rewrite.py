"""Rewriting one module after the other for its place in a bundle."""

import ast

from sources import Locals, arguments, number, origin


class Bundler(ast.NodeTransformer):
    """Rewrites one module at a time for its place in the bundle."""

    def __init__(self, plan, modules, values, globals_, attributes, keywords, names):
        self.plan = plan
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
        self.is_core = module.name in self.plan.core
        self.wanted = set()  # names of the core that a module apart uses through a module
        body = []
        for node in module.tree.body:
            made = self.top(node)
            if made is not None:
                body += made if isinstance(made, list) else [made]
        if self.wanted:
            body.insert(0, ast.ImportFrom("core", [ast.alias(n) for n in sorted(self.wanted)], 1))
        return body

    def top(self, node):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return None
        if isinstance(node, ast.Assign):
            names = [n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
            if "__all__" in names:
                return None
            if all((self.module.name, n) in self.values for n in names) and (
                self.is_core or all(n.startswith("_") for n in names)
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
                if isinstance(made, ast.Name):
                    if self.lookup(made.id) is not None:
                        raise SystemExit(f"{self.module.name}: {made.id} is a local name too")
                    if not self.is_core:
                        self.wanted.add(made.id)
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
        public = self.is_public(node.name)
        if self.scopes:
            node.name = self.lookup(node.name) or node.name
        elif self.classes:
            node.name = self.attributes.get(node.name, node.name)
        else:
            node.name = self.globals.get((self.module.name, node.name), node.name)
        docless(node)
        node.decorator_list = [self.visit(one) for one in node.decorator_list]
        return self.function(node, public)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        return self.function(node, False)

    def function(self, node, public):
        node.args.defaults = [self.visit(one) for one in node.args.defaults]
        node.args.kw_defaults = [one and self.visit(one) for one in node.args.kw_defaults]
        scope = {name: name for name in Locals(node).names - self.core_imports(node)}
        if not public:
            used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            for around in self.scopes:  # a lambda sees the names of the function it is in
                used |= set(around.values())
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
            body = []
            for one in node.body:
                made = self.visit(one)
                body += made if isinstance(made, list) else [made] if made is not None else []
            node.body = body or [ast.Pass()]
        self.scopes.pop()
        return node

    def is_public(self, name):
        """Whether programs call this function, maybe with parameters by their names."""
        if self.scopes or (name.startswith("_") and not name.startswith("__")):
            return False
        plan = self.plan
        if not self.is_core or plan.exported is None:
            return not any(one.startswith("_") for one in self.classes)
        return any(one in plan.exported or one in plan.api for one in [*self.classes, name])

    def core_imports(self, function):
        """What a function imports itself that is defined beside it in the bundle."""
        found = set()
        for node in ast.walk(function):
            if isinstance(node, ast.ImportFrom) and node.level == 1 and self.is_core:
                for one in node.names:
                    if (node.module or one.name) in self.plan.core:
                        found.add(one.asname or one.name)
        return found

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
                if node.module in self.plan.core:
                    if not self.is_core:
                        # what the core has from elsewhere is called there as everywhere
                        moved.append(ast.alias(self.globals.get(found, one.name), None))
                    continue
            elif one.name in self.plan.core:
                continue  # each use names what it is
            kept.append(one)
        made = [ast.ImportFrom("core", moved, 1)] if moved else []
        return made + ([ast.ImportFrom(node.module, kept, 1)] if kept else []) or None

    def visit_Try(self, node):
        """What is there for CPython's sake is left out."""
        if imports(node.body, self.plan.cpython):
            return [self.visit(one) for one in node.handlers[0].body]
        ways_out = [one.body for one in node.handlers[:1]]
        if len(node.body) > 1 and ways_out and imports(ways_out[0], self.plan.cpython):
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


def docless(node):
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        node.body = node.body[1:] or [ast.Pass()]
