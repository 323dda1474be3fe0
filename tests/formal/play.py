"""Plays a theory's rules by hand, and looks whether a lemma holds in what was played.

This proves nothing about runs that nobody thought of: that is the prover's work. It shows that
rules fire in the order that the protocol has (so lemmas do not hold for want of any run), and that
a lemma is false where it should be: in an attack, or when a check is taken out of a rule.
"""

from spthy import expanded, variables
from symbolic import Knowledge, ground, name
from wellformed import conjuncts


class CannotFire(Exception):
    pass


class Step:
    """One rule that fired: `values` by variable name, `out`: what it posted, in order."""

    def __init__(self, rule, values, out, actions):
        self.rule = rule
        self.values = values
        self.out = out
        self.actions = actions

    def __getitem__(self, key):
        return self.values[key]


class Run:
    """A state of `theory` (a spthy.Theory), what the adversary knows, and the trace so far."""

    def __init__(self, theory):
        self.theory = theory
        self.state = []
        self.adversary = Knowledge()
        self.trace = []  # per step: [(action name, args)]
        self.fired = []  # the rule of each step
        self._names = 0

    def fresh(self, label):
        self._names += 1
        return name("%s%d" % (label, self._names))

    def fire(self, rule_name, *messages, **known):
        """Fires a rule. `messages`: for its In facts, in order; each must be one the adversary can
        make. `known`: values of variables, without ~ or $; what is not said is matched."""
        rule = self.theory.rule(rule_name)
        premises, actions, conclusions = expanded(rule)
        by_name = {}
        for fact in premises + actions + conclusions:
            for var in variables(fact.args):
                by_name[var[2]] = var
        values = {by_name[key]: value for key, value in known.items()}
        for fact in premises:
            if fact.name == "Fr":
                values.setdefault(fact.args[0], self.fresh(fact.args[0][2]))
        heard = list(messages)
        used = []
        for fact in premises:
            if fact.name not in ("Fr", "In"):
                used.append(self._take(rule_name, fact, values, used))
        for fact in premises:
            if fact.name == "In":
                if not heard:
                    raise CannotFire("%s: a message is missing" % rule_name)
                message = heard.pop(0)
                if not self.adversary.knows(message):
                    raise CannotFire("%s: the adversary cannot make its message" % rule_name)
                if not match(fact.args[0], message, values):
                    raise CannotFire("%s: the message does not fit" % rule_name)
        if heard:
            raise CannotFire("%s: too many messages" % rule_name)
        for fact in used:
            if not fact[2]:
                self.state.remove(fact)
        acts = [(one.name, self._args(one, values)) for one in actions]
        self.trace.append(acts)
        for one in self.theory.restrictions:
            if not Check(self).holds(one.formula, {}):
                self.trace.pop()
                raise CannotFire("%s: against %s" % (rule_name, one.name))
        self.fired.append(rule_name)
        out = []
        for fact in conclusions:
            args = self._args(fact, values)
            if fact.name == "Out":
                out.append(args[0])
                self.adversary.hear(args[0])
            else:
                self.state.append((fact.name, args, fact.persistent))
        return Step(rule_name, {var[2]: term for var, term in values.items()}, out, acts)

    def messages(self, rule_name, known):
        """What its In facts ask for when all variables are known: for a forger who knows all."""
        premises, _, _ = expanded(self.theory.rule(rule_name))
        out = []
        for fact in premises:
            if fact.name == "In":
                values = {var: known[var[2]] for var in variables(fact.args)}
                out.append(ground(fact.args[0], values))
        return out

    def _args(self, fact, values):
        return tuple(ground(one, values) for one in fact.args)

    def _take(self, rule_name, fact, values, used):
        """The one fact of the state that fits; several different ones are an error."""
        fits = {}
        for held in self.state:
            if held[0] != fact.name or (not held[2] and held in used):
                continue
            trial = dict(values)
            if all(match(one, term, trial) for one, term in zip(fact.args, held[1], strict=True)):
                fits.setdefault(held, trial)
        if not fits:
            raise CannotFire("%s: no %s" % (rule_name, fact.name))
        if len(fits) > 1:
            raise CannotFire("%s: which %s?" % (rule_name, fact.name))
        held, trial = fits.popitem()
        values.update(trial)
        return held

    def holds(self, lemma_name):
        return Check(self).holds(self.theory.lemma(lemma_name).formula, {})

    def touches(self, lemma_name):
        """Whether an all-traces lemma says anything of this run: what it begins with is met."""
        kind, bound, body = self.theory.lemma(lemma_name).formula
        atoms = [one for one in conjuncts(body[1]) if one[0] == "at"]
        return any(True for _ in Check(self).matches(atoms, {}))


def match(pattern, term, values):
    """Whether `pattern` can be `term`; binds variables. What stands under a power, a sum or a hash
    must be bound already, or be a power of one unknown."""
    if pattern[0] == "var":
        if pattern in values:
            return values[pattern] == term
        if pattern[1] == "fresh" and term[0] != "name":
            return False
        values[pattern] = term
        return True
    if variables(pattern) <= set(values):
        return ground(pattern, values) == term
    if pattern[0] != "fun":
        return False
    if pattern[1] == "exp" and term[0] == "exp":
        base, exponent = pattern[2]
        return len(term[2]) == 1 and match(base, term[1], values) and match(
            exponent, term[2][0], values
        )
    if term[:2] != ("fun", pattern[1]):
        return False
    left, right = pattern[2], term[2]
    if pattern[1] == "pair":
        left = _flat(pattern)
        right = _flat(term, len(left))
        if len(left) != len(right):
            return False
    pairs = list(zip(left, right, strict=True))
    while pairs:
        # First what needs nothing: a sum or a hash may hold what stands beside it in the clear.
        pairs.sort(key=lambda one: _hidden(one[0], values))
        part, whole = pairs.pop(0)
        if not match(part, whole, values):
            return False
    return True


def _flat(term, most=None):
    """The members of a tuple, `most` at most."""
    out = []
    while term[:2] == ("fun", "pair") and (most is None or len(out) < most - 1):
        out.append(term[2][0])
        term = term[2][1]
    return out + [term]


def _hidden(pattern, values):
    """How many unknown variables stand where matching cannot reach them."""
    if pattern[0] == "fun" and pattern[1] in ("pair", "senc", "sign"):
        return sum(_hidden(one, values) for one in pattern[2])
    return 0 if pattern[0] == "var" else len(variables(pattern) - set(values))


class Check:
    """Evaluates a formula over one trace. K(m) is meant "at the end": whether the adversary can
    make m of all it heard; its timepoint is later than all others."""

    def __init__(self, run):
        self._run = run
        self._end = len(run.trace)

    def holds(self, formula, values):
        kind = formula[0]
        if kind == "false":
            return False
        if kind == "not":
            return not self.holds(formula[1], values)
        if kind == "and":
            return self.holds(formula[1], values) and self.holds(formula[2], values)
        if kind == "or":
            return self.holds(formula[1], values) or self.holds(formula[2], values)
        if kind == "imp":
            return not self.holds(formula[1], values) or self.holds(formula[2], values)
        if kind == "eq":
            return values[formula[1]] == values[formula[2]]
        if kind == "less":
            return values[formula[1]] < values[formula[2]]
        if kind == "at":
            return any(True for _ in self.matches([formula], values))
        values = {var: one for var, one in values.items() if var not in formula[1]}
        if kind == "ex":
            atoms, rest = _split(conjuncts(formula[2]))
            found = self.matches(atoms, values)
            return any(all(self.holds(one, each) for one in rest) for each in found)
        atoms, rest = _split(conjuncts(formula[2][1]))
        return all(
            self.holds(formula[2][2], found)
            for found in self.matches(atoms, values)
            if all(self.holds(one, found) for one in rest)
        )

    def matches(self, atoms, values):
        """All ways to bind the variables of `atoms`, those of K last."""
        atoms = sorted(atoms, key=lambda one: one[1].name == "K")
        if not atoms:
            yield values
            return
        fact, time = atoms[0][1], atoms[0][2]
        for found in self._one(fact, time, values):
            yield from self.matches(atoms[1:], found)

    def _one(self, fact, time, values):
        if fact.name == "K":
            term = ground(fact.args[0], values)
            if self._run.adversary.knows(term):
                yield dict(values) | {time: self._end}
            return
        for at, actions in enumerate(self._run.trace):
            if values.get(time, at) != at:
                continue
            for action, args in actions:
                if action == fact.name and len(args) == len(fact.args):
                    trial = dict(values)
                    trial[time] = at
                    if all(match(*pair, trial) for pair in zip(fact.args, args, strict=True)):
                        yield trial


def _split(parts):
    atoms = [one for one in parts if one[0] == "at"]
    return atoms, [one for one in parts if one[0] != "at"]

