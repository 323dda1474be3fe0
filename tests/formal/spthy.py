"""A reader for the part of Tamarin's language (.spthy) that the theories in this folder use.

Stricter than the prover's own: what it does not know is an error. It gives plain tuples:

terms     ("var", sort, name), sort one of msg fresh pub node; ("const", name); ("fun", name, args)
          with "pair", "exp", "mult", "xor" for the operators
facts     Fact(name, args, persistent)
formulas  ("all" | "ex", vars, body), ("imp" | "and" | "or", a, b), ("not", a), ("false",),
          ("at", Fact, time), ("eq", a, b), ("less", time, time)
"""

import re
from collections import namedtuple

Fact = namedtuple("Fact", "name args persistent")
Rule = namedtuple("Rule", "name lets premises actions conclusions line")
Lemma = namedtuple("Lemma", "name attributes exists formula line")
Restriction = namedtuple("Restriction", "name formula line")


class SyntaxFault(Exception):
    pass


BUILTINS = {
    "diffie-hellman": {"inv": 1, "DH_neutral": 0, "one": 0},
    "hashing": {"h": 1},
    "signing": {"sign": 2, "verify": 3, "pk": 1, "true": 0},
    "symmetric-encryption": {"senc": 2, "sdec": 2},
    "xor": {"zero": 0},
}
_OPERATORS = {"diffie-hellman": ("^", "*"), "xor": ("XOR",)}
_PAIRING = {"pair": 2, "fst": 1, "snd": 1}
_ATTRIBUTES = ("reuse", "sources", "use_induction")

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<const>'[A-Za-z0-9][A-Za-z0-9_]*')
      | (?P<word>[A-Za-z0-9][A-Za-z0-9_]*(-[a-z]+)*)
      | (?P<sign>--\[|\]->|-->|==>|[\[\](){}<>,:.=^*~$\#@!&|"/+-])""",
    re.VERBOSE,
)


def _without_comments(text):
    """The text with every comment blanked, so that lines stay where they are."""
    out = []
    at = depth = 0
    while at < len(text):
        if depth == 0 and text.startswith("//", at):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif text.startswith("/*", at):
            depth += 1
            at += 2
        elif depth and text.startswith("*/", at):
            depth -= 1
            at += 2
        else:
            out.append(text[at] if depth == 0 or text[at] == "\n" else " ")
            at += 1
    if depth:
        raise SyntaxFault("a comment is not closed")
    return "".join(out)


def _tokens(text):
    at, line, out = 0, 1, []
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise SyntaxFault("line %d: cannot read %r" % (line, text[at : at + 20]))
        kind = match.lastgroup
        if kind != "space":
            out.append((kind, match.group(), line))
        line += match.group().count("\n")
        at = match.end()
    out.append(("end", "", line))
    return out


class Theory:
    """One .spthy file. `functions`: name -> arity; `equations`: [(left, right)]."""

    def __init__(self, text, name="theory"):
        self.source = name
        self._tokens = _tokens(_without_comments(text))
        self._at = 0
        self.name = ""
        self.builtins = []
        self.functions = dict(_PAIRING)
        self.equations = []
        self.rules = []
        self.restrictions = []
        self.lemmas = []
        self._read()

    def rule(self, name):
        return next(one for one in self.rules if one.name == name)

    def lemma(self, name):
        return next(one for one in self.lemmas if one.name == name)

    # --- tokens

    def _peek(self, ahead=0):
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)][1]

    def _kind(self, ahead=0):
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)][0]

    def line(self):
        return self._tokens[self._at][2]

    def _fault(self, wanted):
        raise SyntaxFault(
            "%s line %d: %s expected, not %r" % (self.source, self.line(), wanted, self._peek())
        )

    def _next(self, wanted=None):
        kind, text, _ = self._tokens[self._at]
        if wanted is not None and text != wanted:
            self._fault(repr(wanted))
        if kind == "end":
            self._fault("more")
        self._at += 1
        return text

    def _is(self, text):
        if self._peek() == text:
            self._at += 1
            return True
        return False

    def _word(self):
        if self._kind() != "word":
            self._fault("a name")
        return self._next()

    def _list(self, one, end):
        out = []
        while not self._is(end):
            if out:
                self._next(",")
            out.append(one())
        return out

    # --- the theory

    def _read(self):
        self._next("theory")
        self.name = self._word()
        self._next("begin")
        sections = {
            "builtins": self._read_builtins,
            "functions": self._read_functions,
            "equations": self._read_equations,
            "restriction": self._read_restriction,
            "rule": self._read_rule,
            "lemma": self._read_lemma,
        }
        while not self._is("end"):
            section = sections.get(self._peek())
            if section is None:
                self._fault("a section")
            self._at += 1
            section()
        if self._kind() != "end":
            self._fault("nothing after 'end'")

    def _read_builtins(self):
        self._next(":")
        while True:
            name = self._word()
            if name not in BUILTINS:
                raise SyntaxFault("unknown builtin " + name)
            self.builtins.append(name)
            self.functions.update(BUILTINS[name])
            if not self._is(","):
                return

    def _read_functions(self):
        self._next(":")
        while True:
            name = self._word()
            self._next("/")
            if name in self.functions:
                raise SyntaxFault("function %s is there already" % name)
            self.functions[name] = int(self._word())
            if not self._is(","):
                return

    def _read_equations(self):
        self._next(":")
        while True:
            left = self.term()
            self._next("=")
            self.equations.append((left, self.term()))
            if not self._is(","):
                return

    def _read_restriction(self):
        line = self.line()
        name = self._word()
        self._next(":")
        self.restrictions.append(Restriction(name, self._quoted(), line))

    def _read_lemma(self):
        line = self.line()
        name = self._word()
        attributes = []
        if self._is("["):
            attributes = self._list(self._word, "]")
            for one in attributes:
                if one not in _ATTRIBUTES:
                    raise SyntaxFault("unknown attribute " + one)
        self._next(":")
        exists = self._is("exists-trace")
        if not exists:
            self._is("all-traces")
        self.lemmas.append(Lemma(name, attributes, exists, self._quoted(), line))

    def _quoted(self):
        self._next('"')
        formula = self._formula()
        self._next('"')
        return formula

    def _read_rule(self):
        line = self.line()
        name = self._word()
        self._next(":")
        lets = []
        if self._is("let"):
            while not self._is("in"):
                left = self._word()
                self._next("=")
                lets.append((left, self.term()))
        premises = self._facts("[", "]")
        actions = []
        if not self._is("-->"):
            actions = self._facts("--[", "]->")
        conclusions = self._facts("[", "]")
        self.rules.append(Rule(name, lets, premises, actions, conclusions, line))

    def _facts(self, start, end):
        self._next(start)
        return self._list(self._fact, end)

    def _fact(self):
        persistent = self._is("!")
        name = self._word()
        if not name[0].isupper():
            raise SyntaxFault("fact %s must begin with a capital" % name)
        self._next("(")
        return Fact(name, tuple(self._list(self.term, ")")), persistent)

    # --- terms: xor binds less than product, product less than power

    def _operator(self, sign, builtin):
        if self._peek() == sign:
            if builtin not in self.builtins:
                raise SyntaxFault("line %d: %s without %s" % (self.line(), sign, builtin))
            self._at += 1
            return True
        return False

    def term(self):
        left = self._product()
        while self._operator("XOR", "xor"):
            left = ("fun", "xor", (left, self._product()))
        return left

    def _product(self):
        left = self._power()
        while self._operator("*", "diffie-hellman"):
            left = ("fun", "mult", (left, self._power()))
        return left

    def _power(self):
        left = self._atom()
        while self._operator("^", "diffie-hellman"):
            left = ("fun", "exp", (left, self._atom()))
        return left

    def _atom(self):
        if self._is("<"):
            return self._tuple(self._list(self.term, ">"))
        if self._is("("):
            inside = self.term()
            self._next(")")
            return inside
        if self._kind() == "const":
            return ("const", self._next()[1:-1])
        for sign, sort in (("~", "fresh"), ("$", "pub"), ("#", "node")):
            if self._is(sign):
                return ("var", sort, self._word())
        name = self._word()
        if self._peek() == "(" and name not in self.functions:
            raise SyntaxFault("line %d: unknown function %s" % (self.line(), name))
        if name in self.functions:
            return self._application(name)
        return ("var", "msg", name)

    def _application(self, name):
        arity = self.functions[name]
        if arity == 0:
            return ("fun", name, ())
        self._next("(")
        args = self._list(self.term, ")")
        if arity == 1 and len(args) > 1:
            args = [self._tuple(args)]
        if len(args) != arity:
            raise SyntaxFault(
                "line %d: %s has %d arguments, not %d" % (self.line(), name, arity, len(args))
            )
        return ("fun", name, tuple(args))

    def _tuple(self, parts):
        if not parts:
            self._fault("a term")
        out = parts[-1]
        for one in reversed(parts[:-1]):
            out = ("fun", "pair", (one, out))
        return out

    # --- formulas: not, and, or, implies; quantifiers reach as far as they can

    def _formula(self):
        left = self._or()
        if self._is("==>"):
            return ("imp", left, self._formula())
        return left

    def _or(self):
        left = self._and()
        while self._is("|"):
            left = ("or", left, self._and())
        return left

    def _and(self):
        left = self._not()
        while self._is("&"):
            left = ("and", left, self._not())
        return left

    def _not(self):
        if self._is("not"):
            return ("not", self._formula_atom())
        return self._formula_atom()

    def _formula_atom(self):
        if self._peek() in ("All", "Ex"):
            kind = "all" if self._next() == "All" else "ex"
            bound = []
            while not self._is("."):
                bound.append(self._variable())
            return (kind, tuple(bound), self._formula())
        if self._peek() == "F" and self._peek(1) != "(":
            self._at += 1
            return ("false",)
        if self._is("("):
            inside = self._formula()
            self._next(")")
            return inside
        if self._kind() == "word" and self._peek()[0].isupper() and self._peek(1) == "(":
            fact = self._fact()
            self._next("@")
            return ("at", fact, self._time())
        left = self.term()
        if self._is("<"):
            return ("less", left, self._time())
        self._next("=")
        return ("eq", left, self.term())

    def _variable(self):
        if self._is("#"):
            return ("var", "node", self._word())
        return ("var", "msg", self._word())

    def _time(self):
        self._next("#")
        return ("var", "node", self._word())


# --- what everyone asks of a term

def variables(term):
    """All variables of a term, or of a tuple of terms."""
    if term and term[0] == "var":
        return {term}
    if term and term[0] == "const":
        return set()
    parts = term[2] if term and term[0] == "fun" else term
    out = set()
    for one in parts:
        out |= variables(one)
    return out


def substitute(term, values):
    """`values`: {variable: term}."""
    if term[0] == "var":
        return values.get(term, term)
    if term[0] == "const":
        return term
    return ("fun", term[1], tuple(substitute(one, values) for one in term[2]))


def expanded(rule):
    """(premises, actions, conclusions) of a rule with its let block put in. A definition may use
    those above it."""
    values = {}
    for name, term in rule.lets:
        values[("var", "msg", name)] = substitute(term, values)

    def put(facts):
        return [
            Fact(one.name, tuple(substitute(arg, values) for arg in one.args), one.persistent)
            for one in facts
        ]

    return put(rule.premises), put(rule.actions), put(rule.conclusions)
