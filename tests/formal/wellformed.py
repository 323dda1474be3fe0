"""What Tamarin's wellformedness checks would complain about, and a little more, without Tamarin.

`faults(theory)` gives a list of sentences, empty when all is well. It looks at form only: whether
a lemma holds is for the prover, whether its rules can fire for `play`.
"""

from spthy import expanded, variables

_RESERVED_RULES = ("Fresh", "ISend", "IRecv", "irecv", "isend", "coerce", "fresh", "pub")
_ONLY_PREMISE = ("In", "Fr")
_ONLY_CONCLUSION = ("Out",)
_NEVER_IN_RULES = ("K", "KU", "KD", "Ded")


def faults(theory):
    out = []
    for check in (_names, _equations, _facts, _rules, _restricted, _derivable, _formulas):
        out += ["%s: %s" % (theory.source, one) for one in check(theory)]
    return out


def _names(theory):
    for kind in ("rules", "lemmas", "restrictions"):
        seen = set()
        for one in getattr(theory, kind):
            if one.name in seen:
                yield "%s occurs twice among the %s" % (one.name, kind)
            seen.add(one.name)
    for rule in theory.rules:
        if rule.name in _RESERVED_RULES:
            yield "rule name %s is reserved" % rule.name


def _equations(theory):
    for left, right in theory.equations:
        if left[0] != "fun" or left[1] in ("xor", "exp", "mult", "pair"):
            yield "an equation must begin with a function of ours"
        if not variables(right) <= variables(left):
            yield "an equation makes a variable"
        if right not in list(_subterms(left))[1:]:
            yield "an equation does not lead to a part of its left side"


def _subterms(term):
    yield term
    if term[0] == "fun":
        for one in term[2]:
            yield from _subterms(one)


# --- facts and rules

def _facts(theory):
    """Arity and persistence are the same everywhere; what is needed is made, and used."""
    shapes, made, needed = {}, set(), set()
    for rule in theory.rules:
        premises, _, conclusions = expanded(rule)
        for fact, place in [(one, "premise") for one in premises] + [
            (one, "conclusion") for one in conclusions
        ]:
            (needed if place == "premise" else made).add(fact.name)
            wrong = _ONLY_CONCLUSION if place == "premise" else _ONLY_PREMISE
            if fact.name in wrong + _NEVER_IN_RULES:
                yield "rule %s: %s as a %s" % (rule.name, fact.name, place)
            if fact.name in _ONLY_PREMISE + _ONLY_CONCLUSION:
                if len(fact.args) != 1 or fact.persistent:
                    yield "rule %s: %s takes one term" % (rule.name, fact.name)
            if fact.name == "Fr" and fact.args and fact.args[0][:2] != ("var", "fresh"):
                yield "rule %s: Fr of something else than ~x" % rule.name
            shape = (fact.name, len(fact.args), fact.persistent)
            if shapes.setdefault(fact.name.lower(), shape) != shape:
                yield "rule %s: %s has another shape or spelling" % (rule.name, fact.name)
    for rule in theory.rules:
        for fact in rule.actions:
            if fact.name.lower() in shapes:
                yield "rule %s: %s is an action and a fact" % (rule.name, fact.name)
    for name in sorted(needed - made - set(_ONLY_PREMISE)):
        yield "no rule makes %s" % name
    for name in sorted(made - needed - set(_ONLY_CONCLUSION)):
        yield "no rule needs %s" % name


def _rules(theory):
    nullary = [name for name, arity in theory.functions.items() if arity == 0]
    for rule in theory.rules:
        premises, actions, conclusions = expanded(rule)
        bound = set()
        for fact in premises:
            bound |= variables(fact.args)
        for fact in actions + conclusions:
            for _, sort, name in sorted(variables(fact.args) - bound):
                if sort != "pub":
                    yield "rule %s: %s in %s is not bound" % (rule.name, name, fact.name)
        used = bound | set().union(*[variables(one.args) for one in actions + conclusions], set())
        first = {}
        for _, sort, name in sorted(used):
            if first.setdefault(name.lower(), (sort, name)) != (sort, name):
                yield "rule %s: %s has two sorts or spellings" % (rule.name, name)
            for symbol in nullary:
                if name.startswith(symbol):
                    yield "rule %s: Tamarin reads %s as %s" % (rule.name, name, symbol)
        yield from _lets(rule)
        fresh = [one.args[0] for one in premises if one.name == "Fr"]
        if len(set(fresh)) != len(fresh):
            yield "rule %s: the same Fr twice" % rule.name


def _lets(rule):
    written = rule.premises + rule.actions + rule.conclusions
    names = [name for name, _ in rule.lets]
    for at, (name, term) in enumerate(rule.lets):
        var = ("var", "msg", name)
        later = [other for _, other in rule.lets[at + 1 :]]
        if names.count(name) > 1:
            yield "rule %s: let %s twice" % (rule.name, name)
        if var in variables(term) or any(
            ("var", "msg", other) in variables(term) for other in names[at:]
        ):
            yield "rule %s: let %s uses itself or what comes later" % (rule.name, name)
        if not any(var in variables(one) for one in later) and not any(
            var in variables(one.args) for one in written
        ):
            yield "rule %s: let %s is not used" % (rule.name, name)
        for sort in ("fresh", "pub"):
            every = [variables(one.args) for one in written] + [variables(one) for one in later]
            if any(("var", sort, name) in one for one in every):
                yield "rule %s: let %s is also a variable" % (rule.name, name)


def _restricted(theory):
    """Tamarin's "multiplication restriction": no products; what a conclusion holds must stand in a
    premise outside of powers, sums and destructors, or inside the very same one ('g'^~b)."""
    reducible = {"exp", "mult", "xor", "verify", "sdec", "fst", "snd", "inv"}
    reducible |= {left[1] for left, _ in theory.equations}
    for rule in theory.rules:
        premises, actions, conclusions = expanded(rule)
        for fact in premises + actions + conclusions:
            for arg in fact.args:
                if any(one[:2] == ("fun", "mult") for one in _subterms(arg)):
                    yield "rule %s: a product in %s" % (rule.name, fact.name)
        hidden = set()
        plain = set()
        for fact in premises:
            for arg in fact.args:
                plain |= variables(_cut(arg, reducible, hidden))
        for fact in conclusions:
            for arg in fact.args:
                for _, sort, name in variables(_without(arg, hidden)) - plain:
                    if sort != "pub":
                        yield "rule %s: %s is bound under a power or sum only" % (rule.name, name)


def _cut(term, reducible, hidden):
    """The term with its reducible parts, which go into `hidden`, made constants."""
    if term[0] != "fun":
        return term
    if term[1] in reducible:
        hidden.add(term)
        return ("const", "cut")
    return ("fun", term[1], tuple(_cut(one, reducible, hidden) for one in term[2]))


def _without(term, hidden):
    if term in hidden:
        return ("const", "cut")
    if term[0] != "fun":
        return term
    return ("fun", term[1], tuple(_without(one, hidden) for one in term[2]))


def _derivable(theory):
    """Every variable of a premise must come out of it: a rule cannot look inside a hash."""
    for rule in theory.rules:
        premises, _, _ = expanded(rule)
        known = set()
        while True:
            before = len(known)
            for fact in premises:
                for arg in fact.args:
                    _open(arg, known)
            if len(known) == before:
                break
        for fact in premises:
            for _, _, name in sorted(variables(fact.args) - known):
                yield "rule %s: %s cannot be had from %s" % (rule.name, name, fact.name)


def _open(term, known):
    if term[0] == "var":
        known.add(term)
    elif term[0] == "fun" and term[1] == "pair":
        for one in term[2]:
            _open(one, known)
    elif term[0] == "fun" and term[1] == "senc" and variables(term[2][1]) <= known:
        _open(term[2][0], known)
    elif term[0] == "fun" and term[1] == "xor":
        unknown = [one for one in _summands(term) if not variables(one) <= known]
        if len(unknown) == 1:
            _open(unknown[0], known)
    elif term[0] == "fun" and term[1] == "exp":
        # 'g'^~b names the owner of ~b in !Id and !Opened: the state's own data, not a message.
        known.update(one for one in variables(term) if one[1] == "fresh")


def _summands(term):
    if term[0] == "fun" and term[1] == "xor":
        return _summands(term[2][0]) + _summands(term[2][1])
    return [term]


# --- lemmas and restrictions

def _formulas(theory):
    actions = {"K": 1}
    for rule in theory.rules:
        for fact in rule.actions:
            arity = actions.setdefault(fact.name, len(fact.args))
            if arity != len(fact.args) or fact.persistent or fact.name in ("In", "Out", "Fr"):
                yield "rule %s: action %s" % (rule.name, fact.name)
    for one in theory.lemmas + theory.restrictions:
        for what in _formula(one.formula, frozenset(), actions):
            yield "%s: %s" % (one.name, what)


def _terms(formula):
    if formula[0] == "at":
        return list(formula[1].args) + [formula[2]]
    return list(formula[1:])


def conjuncts(formula):
    if formula[0] == "and":
        return conjuncts(formula[1]) + conjuncts(formula[2])
    return [formula]


def _guarded(bound, guard):
    seen = set()
    for atom in conjuncts(guard):
        if atom[0] == "at":
            seen |= variables(tuple(_terms(atom)))
    return [one[2] for one in bound if one not in seen]


def _formula(formula, bound, actions):
    kind = formula[0]
    if kind in ("all", "ex"):
        body = formula[2]
        if kind == "all" and body[0] != "imp":
            yield "All without ==>"
            return
        for name in _guarded(formula[1], body[1] if kind == "all" else body):
            yield "%s is not guarded by an action" % name
        yield from _formula(body, bound | set(formula[1]), actions)
    elif kind in ("and", "or", "imp"):
        yield from _formula(formula[1], bound, actions)
        yield from _formula(formula[2], bound, actions)
    elif kind == "not":
        yield from _formula(formula[1], bound, actions)
    elif kind != "false":
        if kind == "at":
            name, arity = formula[1].name, len(formula[1].args)
            if actions.get(name) != arity:
                yield "no rule has an action %s with %d arguments" % (name, arity)
        for term in _terms(formula):
            for part in _subterms(term):
                if part[0] == "fun" and part[1] != "pair":
                    yield "the function %s in a formula" % part[1]
            for var in variables(term) - bound:
                yield "%s is free" % var[2]


