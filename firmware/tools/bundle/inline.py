"""Fewer functions in a module's syntax tree, which does the same afterwards; a part of bundle.py.

On a board a function that is not frozen costs some 80 bytes of heap beside its code: the function,
its bytecode and its name's place in a dictionary are separate pieces of memory. So

- a list comprehension, which is a function too, becomes a loop where it is the first thing that
  its statement evaluates;
- a function that is called at one place is put there, where that place is a statement of its own
  or the first thing that one evaluates, and where each `return` stands at an end of it.

What cannot be moved without a doubt stays as it is.
"""

import ast
import builtins
import copy
from collections import Counter

from sources import FUNCTIONS

_BUILTINS = set(dir(builtins))


class CannotMove(Exception):
    """It stays where it is."""


def names_in(*nodes):
    found = set()
    for node in nodes:
        for one in ast.walk(node):
            if isinstance(one, ast.Name):
                found.add(one.id)
            elif isinstance(one, ast.arg):
                found.add(one.arg)
            elif isinstance(one, ast.ExceptHandler) and one.name:
                found.add(one.name)
            elif isinstance(one, ast.alias):
                found.add((one.asname or one.name).split(".")[0])
    return found


def bound_in(nodes):
    """Names that these statements bind."""
    found = set()
    for node in nodes:
        for one in ast.walk(node):
            if isinstance(one, ast.Name) and isinstance(one.ctx, (ast.Store, ast.Del)):
                found.add(one.id)
            elif isinstance(one, ast.ExceptHandler) and one.name:
                found.add(one.name)
            elif isinstance(one, ast.alias):
                found.add((one.asname or one.name).split(".")[0])
    return found


class Rename(ast.NodeTransformer):
    """Names become other names or expressions."""

    def __init__(self, new):
        self.new = new

    def visit_Name(self, node):
        made = self.new.get(node.id)
        if made is None:
            return node
        if isinstance(made, str):
            return ast.Name(made, node.ctx)
        return copy.deepcopy(made)

    def visit_ExceptHandler(self, node):
        self.generic_visit(node)
        if node.name in self.new:
            node.name = self.new[node.name]
        return node

    def visit_alias(self, node):
        here = node.asname or node.name
        if here in self.new:
            node.asname = self.new[here]
        return node


class Caller:
    """A function that others are moved into: which names are free there."""

    def __init__(self, function):
        self.function = function
        self.own = names_in(function)
        self.lent = []  # names of what was moved in; each piece begins anew with them

    def lend(self, wanted, used):
        """A name for a local of a piece: not one of the caller's, nor one in `used`."""
        for name in [*self.lent, wanted]:
            if name not in self.own and name not in used and name not in _BUILTINS:
                break
        else:
            number = 1
            while f"{wanted}{number}" in self.own | used | set(self.lent):
                number += 1
            name = f"{wanted}{number}"
        if name not in self.lent:
            self.lent.append(name)
        used.add(name)
        return name


# --- where something may be taken out of a statement, to stand before it


def is_plain(node):
    """Evaluating it now or a little later is the same: a name, a constant, an attribute."""
    if isinstance(node, ast.Attribute):
        return is_plain(node.value)
    return isinstance(node, (ast.Name, ast.Constant))


def fixed(node):
    return isinstance(node, (ast.Name, ast.Constant))


def first_in(node, wanted, may_pass):
    """(parent, field, index) of the first thing that is evaluated in an expression, if `wanted`
    says so of it; None when something else comes first that `may_pass` does not let pass."""
    places = []
    if isinstance(node, ast.Call):
        func = node.func
        if isinstance(func, ast.Attribute) and not may_pass(func.value):
            places.append((func, "value", None))
        elif not isinstance(func, (ast.Name, ast.Attribute)):
            return None
        places += [(node, "args", i) for i in range(len(node.args))]
    elif isinstance(node, ast.UnaryOp):
        places.append((node, "operand", None))
    elif isinstance(node, ast.BinOp):
        places += [(node, "left", None), (node, "right", None)]
    elif isinstance(node, ast.BoolOp):
        places.append((node, "values", 0))
    elif isinstance(node, ast.Compare):
        places += [(node, "left", None), (node, "comparators", 0)]
    elif isinstance(node, ast.IfExp):
        places.append((node, "test", None))
    elif isinstance(node, (ast.Tuple, ast.List)):
        places += [(node, "elts", i) for i in range(len(node.elts))]
    elif isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        places.append((node, "value", None))
    for parent, field, index in places:
        child = getattr(parent, field)
        child = child if index is None else child[index]
        if wanted(child):
            return parent, field, index
        if not fixed(child):
            return first_in(child, wanted, may_pass)
    return None


def head(statement):
    """The field of a statement that is evaluated before anything else of it."""
    if isinstance(statement, (ast.Expr, ast.Return, ast.Assign)):
        return "value"
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        return None
    return {ast.If: "test", ast.For: "iter", ast.Raise: "exc"}.get(type(statement))


def take_out(statement, wanted, may_pass):
    """(node, put): the first thing evaluated that is `wanted`, and what puts another there."""
    field = head(statement)
    value = field and getattr(statement, field)
    if value is None:
        return None
    if isinstance(statement, ast.Assign):
        for target in statement.targets:  # what a target evaluates comes later: in its own order
            if not isinstance(target, (ast.Name, ast.Tuple, ast.Attribute)):
                return None
    if wanted(value):
        return value, lambda new: setattr(statement, field, new)
    found = first_in(value, wanted, may_pass)
    if found is None:
        return None
    parent, field, index = found
    if index is None:
        return getattr(parent, field), lambda new: setattr(parent, field, new)
    listed = getattr(parent, field)
    return listed[index], lambda new: listed.__setitem__(index, new)


def each_block(node):
    """Every list of statements in a function, the inner ones first; not of functions in it."""
    for field in ("body", "orelse", "finalbody", "handlers"):
        block = getattr(node, field, None)
        if isinstance(block, list):
            for one in block:
                if not isinstance(one, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
                    yield from each_block(one)
            if field != "handlers":
                yield block


# --- comprehensions


def unroll(function):
    """List comprehensions of a function as loops."""
    caller = Caller(function)
    for block in each_block(function):
        at = 0
        while at < len(block):
            found = take_out(block[at], lambda node: isinstance(node, ast.ListComp), is_plain)
            if found is None or len(found[0].generators) != 1:
                at += 1
                continue
            comp, put = found
            used = names_in(block[at]) - caller.own
            loop = comp.generators[0]
            new = {name: caller.lend(name, used) for name in sorted(names_in(loop.target))}
            result = caller.lend("result_", used)
            target = Rename(new).visit(loop.target)
            element = Rename(new).visit(comp.elt)
            tests = [Rename(new).visit(test) for test in loop.ifs]
            grow = ast.Attribute(ast.Name(result, ast.Load()), "append", ast.Load())
            body = ast.Expr(ast.Call(grow, [element], []))
            for test in reversed(tests):
                body = ast.If(test, [body], [])
            put(ast.Name(result, ast.Load()))
            made = [
                ast.Assign([ast.Name(result, ast.Store())], ast.List([], ast.Load())),
                ast.For(target, loop.iter, [body], []),
            ]
            block[at:at] = made
            at += 1  # the loop's own iterable may be another one


# --- functions


def ends(block):
    """Whether nothing behind these statements is ever reached."""
    if not block:
        return False
    last = block[-1]
    if isinstance(last, ast.If):
        return ends(last.body) and ends(last.orelse)
    return isinstance(last, (ast.Return, ast.Raise))


def returns(node):
    return any(isinstance(one, ast.Return) for one in ast.walk(node))


def without_returns(block, result):
    """The statements with each `return` an assignment to `result` (a name, or None to drop it)."""
    made = []
    for at, one in enumerate(block):
        rest = block[at + 1 :]
        if isinstance(one, ast.Return):
            return made + finish(one.value, result)
        if not returns(one):
            made.append(one)
            if isinstance(one, ast.Raise):
                return made
            continue
        if not isinstance(one, ast.If):
            raise CannotMove()
        if ends(one.body):
            body, other = one.body, one.orelse + rest
        elif ends(one.orelse):
            body, other = one.body + rest, one.orelse
        elif not rest:
            body, other = one.body, one.orelse
        else:
            raise CannotMove()
        body, other = without_returns(body, result), without_returns(other, result)
        if body or other:
            made.append(branch(one.test, body, other))
        else:
            made.append(ast.Expr(one.test))
        return made
    return made + (finish(None, result) if result else [])


def in_a_loop(block, result):
    """The same by a loop that runs once, which each `return` breaks off: none may be in another
    loop."""

    class Break(ast.NodeTransformer):
        def visit_Return(self, node):
            return finish(node.value, result) + [ast.Break()]

        def visit_For(self, node):
            if returns(node):
                raise CannotMove()
            return node

        visit_While = visit_For

    made = [one for node in block for one in listed(Break().visit(node))]
    if not ends(block):
        made += (finish(None, result) if result else []) + [ast.Break()]
    return [ast.While(ast.Constant(True), made, [])]


def listed(node):
    return node if isinstance(node, list) else [node]


def as_statements(block, result):
    try:
        return without_returns(copy.deepcopy(block), result)
    except CannotMove:
        return in_a_loop(block, result)


def finish(value, result):
    if result is None:
        return [] if value is None or fixed(value) else [ast.Expr(value)]
    return [ast.Assign([ast.Name(result, ast.Store())], value or ast.Constant(None))]


def branch(test, body, other):
    if body:
        return ast.If(test, body, other)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return ast.If(test.operand, other, [])
    return ast.If(ast.UnaryOp(ast.Not(), test), other, [])


def arguments_of(function, call, is_method):
    """[(parameter, expression)]; CannotMove when a name or a star is among them."""
    a = function.args
    if a.vararg or a.kwarg or a.kwonlyargs or a.posonlyargs or call.keywords:
        raise CannotMove()
    given = ([call.func.value] if is_method else []) + call.args
    if any(isinstance(one, ast.Starred) for one in given) or len(given) > len(a.args):
        raise CannotMove()
    missing = len(a.args) - len(given)
    if missing > len(a.defaults):
        raise CannotMove()
    if missing:
        defaults = a.defaults[-missing:]
        if not all(isinstance(one, ast.Constant) for one in defaults):
            raise CannotMove()
        given = given + defaults
    return list(zip([one.arg for one in a.args], given, strict=True))


def moved(function, call, is_method, caller, used):
    """The function's statements, fit for the place of the call: bindings first."""
    pairs = arguments_of(function, call, is_method)
    body = copy.deepcopy(function.body)
    bound = bound_in(body)
    parameters = {name for name, _ in pairs}
    free = names_in(*body) - bound - parameters
    if free & bound_in([caller.function]):
        raise CannotMove()
    before, new = [], {}
    for name, value in pairs:
        if name not in bound and fixed(value):
            new[name] = value
        else:
            new[name] = caller.lend(name, used)
            before.append(ast.Assign([ast.Name(new[name], ast.Store())], value))
    for name in sorted(bound - parameters):
        new[name] = caller.lend(name, used)
    return before, [Rename(new).visit(one) for one in body]


def weight(value):
    """About how many bytes of bytecode an expression is."""
    size = 0
    for node in ast.walk(value):
        if isinstance(node, (ast.Attribute, ast.Call, ast.BoolOp, ast.Tuple, ast.Slice)):
            size += 2
        elif isinstance(node, (ast.Name, ast.Constant, ast.UnaryOp, ast.BinOp, ast.Compare)):
            size += 1
    return size


class Swap(ast.NodeTransformer):
    """Calls of a function that is one expression become the expression."""

    def __init__(self, function, is_method):
        self.function = function
        self.is_method = is_method
        self.value = function.body[0].value
        self.uses = Counter(n.id for n in ast.walk(self.value) if isinstance(n, ast.Name))
        self.found = 0

    def is_call(self, node):
        if not isinstance(node, ast.Call):
            return False
        func, name = node.func, self.function.name
        if self.is_method:
            return isinstance(func, ast.Attribute) and func.attr == name
        return isinstance(func, ast.Name) and func.id == name

    def check(self, host):
        """CannotMove when one of the calls in this function cannot be one."""
        parameters = {one.arg for one in self.function.args.args}
        free = set(self.uses) - parameters
        bound = names_in(host) if free else ()
        for node in ast.walk(host):
            if self.is_call(node):
                self.found += 1
                if free & bound_in([host]) & set(bound):
                    raise CannotMove()
                for name, value in arguments_of(self.function, node, self.is_method):
                    if not fixed(value) and not (is_plain(value) and self.uses[name] == 1):
                        raise CannotMove()

    def visit_Call(self, node):
        self.generic_visit(node)
        if not self.is_call(node):
            return node
        new = dict(arguments_of(self.function, node, self.is_method))
        return Rename(new).visit(copy.deepcopy(self.value))


class Inliner:
    """Moves functions of a module into the one place where they are called."""

    def __init__(self, tree, others, functions, methods):
        self.tree = tree
        self.may_go = (functions, methods)
        self.count = (Counter(), Counter())  # of names, of attributes
        self.defined = (Counter(), Counter())
        self.others = (Counter(), Counter())  # the same, outside of this module
        for root in (tree, *others):
            for node in ast.walk(root):
                kind, name, times = isinstance(node, ast.Attribute), None, 1
                if isinstance(node, ast.Attribute):
                    name = node.attr
                elif isinstance(node, ast.Name):
                    name = node.id
                elif isinstance(node, ast.alias):
                    name, times = node.name, 2
                if name:
                    self.count[kind][name] += times
                    if root is not tree:
                        self.others[kind][name] += times
                if isinstance(node, (ast.Module, ast.ClassDef)):
                    for one in node.body:
                        if isinstance(one, FUNCTIONS):
                            self.defined[isinstance(node, ast.ClassDef)][one.name] += 1
        self.places = {}  # function: the list of statements that it is in
        for block in [tree.body] + [c.body for c in tree.body if isinstance(c, ast.ClassDef)]:
            for node in block:
                if isinstance(node, FUNCTIONS):
                    self.places[node] = block
        self.stuck = set()  # what stays
        self.sizes = {}
        self.done = 0

    def run(self):
        for function in self.places:
            unroll(function)
        self.spread()
        again = True
        while again:
            again = False
            for function in list(self.places):
                if self.is_candidate(function) and self.place_all(function):
                    self.remove(function)
                    again = True

    def remove(self, function):
        block = self.places.pop(function)
        block.remove(function)
        if not block:
            block.append(ast.Pass())
        self.done += 1

    def spread(self):
        """A function that is one short expression becomes that wherever it is called, if it is
        never bigger than its calls."""
        for function in list(self.places):
            kind = self.is_method(function)
            name = function.name
            body = function.body
            if isinstance(function, ast.AsyncFunctionDef):
                continue
            short = len(body) == 1 and isinstance(body[0], (ast.Return, ast.Expr))
            if not short or body[0].value is None or self.defined[kind][name] != 1:
                continue
            if name not in self.may_go[kind] or function.decorator_list or self.others[kind][name]:
                continue
            value = body[0].value
            inner = (ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.Yield)
            if any(isinstance(one, inner) for one in ast.walk(value)):
                continue
            count = self.count[kind][name]
            parameters = len(function.args.args)
            if count < 2 or count * weight(value) > count * (4 + parameters) + 13 + parameters:
                continue
            swap = Swap(function, kind)
            try:
                for host in self.places:
                    if host is not function:
                        swap.check(host)
            except CannotMove:
                continue
            if swap.found != count:
                continue
            for host in self.places:
                if host is not function:
                    swap.visit(host)
            for node in ast.walk(value):  # what it names stands in several places now
                if isinstance(node, ast.Attribute):
                    self.count[True][node.attr] += count - 1
                elif isinstance(node, ast.Name):
                    self.count[False][node.id] += count - 1
            self.remove(function)

    def is_candidate(self, function):
        """Called at one place, and whole without its own scope. What it calls itself goes first:
        pieces that are moved in never stand in one another."""
        name, kind = function.name, self.is_method(function)
        if function in self.stuck or not self.is_worth_it(function):
            return False
        movable = name in self.may_go[kind] and self.defined[kind][name] == 1
        if not movable or function.decorator_list or isinstance(function, ast.AsyncFunctionDef):
            self.stuck.add(function)
            return False
        waits, waiting = False, self.waiting()
        for node in ast.walk(function):
            if node is function:
                continue
            if isinstance(node, (*FUNCTIONS, ast.Lambda, ast.Yield, ast.Await, ast.Global)):
                self.stuck.add(function)
                return False
            if isinstance(node, ast.Name) and node.id == "super":
                self.stuck.add(function)
                return False
            if isinstance(node, ast.Attribute):
                waits = waits or (True, node.attr) in waiting
            elif isinstance(node, ast.Name):
                waits = waits or (False, node.id) in waiting
        return not waits

    def is_method(self, function):
        return self.places[function] is not self.tree.body

    def waiting(self):
        found = {(self.is_method(one), one.name) for one in self.places
                 if one not in self.stuck and self.is_worth_it(one)}  # fmt: skip
        return found

    def is_worth_it(self, function):
        """Called once, or so short that it is not bigger than its calls."""
        kind = self.is_method(function)
        count = self.count[kind][function.name]
        if count < 2:
            return count == 1
        if self.others[kind][function.name]:
            return False
        if function not in self.sizes:
            self.sizes[function] = sum(weight(one) for one in function.body)
        size = self.sizes[function]
        return (count - 1) * size <= self.generosity * (19 + 5 * count + len(function.args.args))

    generosity = 0.7

    def place_all(self, function):
        """Whether it could be put wherever it is called; otherwise nothing was changed."""
        kind = self.is_method(function)
        before = {one: copy.deepcopy(one.body) for one in self.places if self.calls(one, function)}
        count = self.count[kind][function.name]
        for _ in range(count):
            if not self.place(function):
                for one, body in before.items():
                    one.body = body
                self.stuck.add(function)
                return False
        for _ in range(count - 1):
            for node in function.body:
                for one in ast.walk(node):
                    if isinstance(one, ast.Attribute):
                        self.count[True][one.attr] += 1
                    elif isinstance(one, ast.Name):
                        self.count[False][one.id] += 1
        return True

    def calls(self, host, function):
        if self.is_method(function):
            names = (one.attr for one in ast.walk(host) if isinstance(one, ast.Attribute))
        else:
            names = (one.id for one in ast.walk(host) if isinstance(one, ast.Name))
        return function.name in names

    def place(self, function):
        is_method = self.is_method(function)

        def wanted(node):
            if not isinstance(node, ast.Call):
                return False
            func = node.func
            if is_method:
                return isinstance(func, ast.Attribute) and func.attr == function.name
            return isinstance(func, ast.Name) and func.id == function.name

        for host in self.places:
            if host is function or not self.calls(host, function):
                continue
            self.sizes.pop(host, None)
            for block in each_block(host):
                for at, statement in enumerate(block):
                    found = take_out(statement, wanted, fixed)
                    if found is None:
                        continue
                    try:
                        block[at : at + 1] = self.fit(function, is_method, host, statement, found)
                    except CannotMove:
                        return False
                    return True
        return False

    def fit(self, function, is_method, host, statement, found):
        call, put = found
        caller = Caller(host)
        caller.own -= getattr(host, "lent", set())
        caller.lent = sorted(getattr(host, "lent", set()))
        used = names_in(statement) - caller.own
        before, body = moved(function, call, is_method, caller, used)
        if isinstance(statement, ast.Return) and statement.value is call:
            made = before + body
            if not ends(body):
                made.append(ast.Return(None))
        elif isinstance(statement, ast.Expr) and statement.value is call:
            made = before + as_statements(body, None)
        elif isinstance(body[-1], ast.Return) and not any(map(returns, body[:-1])):
            put(body[-1].value or ast.Constant(None))
            made = before + body[:-1] + [statement]
        else:
            result = caller.lend("result_", used)
            made = before + as_statements(body, result)
            put(ast.Name(result, ast.Load()))
            made.append(statement)
        host.lent = set(caller.lent)
        return made or [ast.Pass()]
