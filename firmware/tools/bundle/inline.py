"""Fewer functions in a module's syntax tree, which does the same afterwards.

On a board a function that is not frozen costs some 80 bytes of heap beside its code: the function,
its bytecode and its name's place in a dictionary are separate pieces of memory. So

- a list comprehension, which is a function too, becomes a loop where it is the first thing that
  its statement evaluates;
- a function that is called at one place is put there, where that place is a statement of its own
  or the first thing that one evaluates, and where each `return` stands at an end of it.

What cannot be moved without a doubt stays as it is.
"""

import ast
import copy
from collections import Counter

from moving import (
    Caller,
    CannotMove,
    Rename,
    arguments_of,
    as_statements,
    bound_in,
    each_block,
    ends,
    fixed,
    is_call,
    is_plain,
    moved,
    names_in,
    returns,
    take_out,
    unroll,
)
from sources import FUNCTIONS

_GENEROSITY = 0.7  # below 1: what is weighed is a guess, and locals beyond 16 cost more


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

    def check(self, host):
        """CannotMove when one of the calls in this function cannot be one."""
        parameters = {one.arg for one in self.function.args.args}
        clash = (set(self.uses) - parameters) & bound_in(host)
        for node in ast.walk(host):
            if is_call(node, self.function, self.is_method):
                self.found += 1
                if clash:
                    raise CannotMove()
                for name, value in arguments_of(self.function, node, self.is_method):
                    if not fixed(value) and not (is_plain(value) and self.uses[name] == 1):
                        raise CannotMove()

    def visit_Call(self, node):
        self.generic_visit(node)
        if not is_call(node, self.function, self.is_method):
            return node
        new = dict(arguments_of(self.function, node, self.is_method))
        return Rename(new).visit(copy.deepcopy(self.value))


def mentions(*nodes):
    """(whether it is an attribute, name) of each name and attribute in these nodes."""
    for node in nodes:
        for one in ast.walk(node):
            if isinstance(one, ast.Attribute):
                yield True, one.attr
            elif isinstance(one, ast.Name):
                yield False, one.id


class Inliner:
    """Moves functions of a module into the one place where they are called."""

    def __init__(self, tree, others, functions, methods):
        self.tree = tree
        self.may_go = (functions, methods)
        self.count = (Counter(), Counter())  # of names, of attributes
        self.defined = (Counter(), Counter())
        self.others = (Counter(), Counter())  # the same, outside of this module
        for root in (tree, *others):
            imported = [node.name for node in ast.walk(root) if isinstance(node, ast.alias)]
            # Twice: what is imported may be used any number of times.
            for kind, name in [*mentions(root), *[(False, name) for name in 2 * imported]]:
                self.count[kind][name] += 1
                if root is not tree:
                    self.others[kind][name] += 1
            for node in ast.walk(root):
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
        self.sizes = {}  # function: its weight, and
        self.seen = {}  # what it mentions, until it changes

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
                    self.changes(host)
            self.count_again(count - 1, value)
            self.remove(function)

    def count_again(self, times, *nodes):
        """What these name stands in so many places more."""
        for kind, name in mentions(*nodes):
            self.count[kind][name] += times

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
        for node in ast.walk(function):
            if node is function:
                continue
            if isinstance(node, (*FUNCTIONS, ast.Lambda, ast.Yield, ast.Await, ast.Global)):
                self.stuck.add(function)
                return False
            if isinstance(node, ast.Name) and node.id == "super":
                self.stuck.add(function)
                return False
        return self.waiting().isdisjoint(mentions(*function.body))

    def is_method(self, function):
        return self.places[function] is not self.tree.body

    def waiting(self):
        return {(self.is_method(one), one.name) for one in self.places
                if one not in self.stuck and self.is_worth_it(one)}  # fmt: skip

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
        return (count - 1) * size <= _GENEROSITY * (19 + 5 * count + len(function.args.args))

    def place_all(self, function):
        """Whether it could be put wherever it is called; otherwise nothing was changed."""
        kind = self.is_method(function)
        before = {one: copy.deepcopy(one.body) for one in self.places if self.calls(one, function)}
        count = self.count[kind][function.name]
        for _ in range(count):
            if not self.place(function):
                for one, body in before.items():
                    one.body = body
                    self.changes(one)
                self.stuck.add(function)
                return False
        self.count_again(count - 1, *function.body)
        return True

    def calls(self, host, function):
        if host not in self.seen:
            self.seen[host] = set(mentions(host))
        return (self.is_method(function), function.name) in self.seen[host]

    def changes(self, host):
        self.sizes.pop(host, None)
        self.seen.pop(host, None)

    def place(self, function):
        is_method = self.is_method(function)

        def wanted(node):
            return is_call(node, function, is_method)

        for host in self.places:
            if host is function or not self.calls(host, function):
                continue
            for block in each_block(host):
                for at, statement in enumerate(block):
                    found = take_out(statement, wanted, fixed)
                    if found is None:
                        continue
                    try:
                        block[at : at + 1] = self.fit(function, is_method, host, statement, found)
                    except CannotMove:
                        return False
                    self.changes(host)
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
