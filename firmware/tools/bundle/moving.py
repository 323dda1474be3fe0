"""Moving pieces of a function about: what may be taken out of a statement, and statements fit for
another place. A part of inline.py."""

import ast
import builtins
import copy

from sources import FUNCTIONS

_BUILTINS = set(dir(builtins))


class CannotMove(Exception):
    """It stays where it is."""


def names_in(*nodes):
    """Names that these nodes read or bind."""
    read = {one.id for node in nodes for one in ast.walk(node) if isinstance(one, ast.Name)}
    return read | bound_in(*nodes)


def bound_in(*nodes):
    """Names that these nodes bind, parameters too."""
    found = set()
    for node in nodes:
        for one in ast.walk(node):
            if isinstance(one, ast.Name) and isinstance(one.ctx, (ast.Store, ast.Del)):
                found.add(one.id)
            elif isinstance(one, ast.arg):
                found.add(one.arg)
            elif isinstance(one, ast.ExceptHandler) and one.name:
                found.add(one.name)
            elif isinstance(one, ast.alias):
                found.add((one.asname or one.name).split(".")[0])
    return found


def is_call(node, function, is_method):
    """Whether a node calls a function, or method, of this name."""
    if not isinstance(node, ast.Call):
        return False
    if is_method:
        return isinstance(node.func, ast.Attribute) and node.func.attr == function.name
    return isinstance(node.func, ast.Name) and node.func.id == function.name


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
    bound = bound_in(*body)
    parameters = {name for name, _ in pairs}
    free = names_in(*body) - bound - parameters
    if free & bound_in(caller.function):
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
