"""Ground terms modulo the equations of the theories, and what an adversary can make of them.

A ground term is ("name", n) for a fresh value, ("const", c), ("fun", f, args), or
("exp", base, exponents) and ("xor", parts), sorted tuples: so equal terms are equal tuples.
Products stand only in exponents. Normal forms and deduction are written for what the theories use,
not for Diffie-Hellman or XOR at large: exponents are never inverted.
"""

TRUE = ("fun", "true", ())
ZERO = ("xor", ())
NEUTRAL = ("fun", "DH_neutral", ())


def name(label):
    return ("name", label)


def const(label):
    return ("const", label)


def fun(symbol, *args):
    """f(args) in normal form; the arguments are so already."""
    if symbol == "exp":
        return _power(args[0], _factors(args[1]))
    if symbol == "mult":
        return ("mult", tuple(sorted(_factors(args[0]) + _factors(args[1]))))
    if symbol == "xor":
        return _xor(_parts(args[0]) + _parts(args[1]))
    if symbol == "zero":
        return ZERO
    if symbol == "verify":
        signature, message, key = args
        if signature[:2] == ("fun", "sign") and key == ("fun", "pk", (signature[2][1],)):
            if signature[2][0] == message:
                return TRUE
    if symbol == "sdec" and args[0][:2] == ("fun", "senc") and args[0][2][1] == args[1]:
        return args[0][2][0]
    if symbol in ("before", "after") and args[0][:2] == ("fun", "pad"):
        left, right = args[0][2]
        if symbol == "before" and args[1] == right:
            return left
        if symbol == "after" and args[1] == left:
            return right
    if symbol in ("fst", "snd") and args[0][:2] == ("fun", "pair"):
        return args[0][2][symbol == "snd"]
    return ("fun", symbol, args)


def _factors(term):
    return term[1] if term[0] == "mult" else (term,)


def _power(base, factors):
    if base == NEUTRAL:
        return NEUTRAL
    if base[0] == "exp":
        base, factors = base[1], base[2] + factors
    return ("exp", base, tuple(sorted(factors)))


def _parts(term):
    return term[1] if term[0] == "xor" else (term,)


def _xor(parts):
    odd = sorted(one for one in set(parts) if parts.count(one) % 2)
    return odd[0] if len(odd) == 1 else ("xor", tuple(odd))


def ground(term, values):
    """A term of `spthy` with `values` {variable: ground term} put in; all must be there."""
    if term[0] == "var":
        return values[term]
    if term[0] == "const":
        return term
    return fun(term[1], *[ground(one, values) for one in term[2]])


def tuple_of(*terms):
    out = terms[-1]
    for one in reversed(terms[:-1]):
        out = fun("pair", one, out)
    return out


def items(term, count):
    """The first count - 1 members of a tuple, and the rest of it as the last."""
    out = []
    for _ in range(count - 1):
        if term[:2] != ("fun", "pair"):
            raise ValueError("not a tuple of %d" % count)
        out.append(term[2][0])
        term = term[2][1]
    return out + [term]


class Knowledge:
    """What an adversary has heard; it makes names of its own too ("name", "evil…")."""

    def __init__(self):
        self._heard = set()
        self._cache = {}

    def hear(self, term):
        self._cache = {}
        todo = [term]
        while todo:
            one = todo.pop()
            if one in self._heard:
                continue
            self._heard.add(one)
            if one[:2] == ("fun", "pair"):
                todo += list(one[2])
        self._open()

    def _open(self):
        """What comes out of seals and pads as soon as their keys are known."""
        again = True
        while again:
            again = False
            for one in list(self._heard):
                for out in self._inside(one):
                    if out not in self._heard:
                        self._cache = {}
                        self._heard.add(out)
                        if out[:2] == ("fun", "pair"):
                            self.hear(out[2][0])
                            self.hear(out[2][1])
                        again = True

    def _inside(self, term):
        if term[:2] == ("fun", "senc") and self.knows(term[2][1]):
            yield term[2][0]
        if term[:2] == ("fun", "pad"):
            for here, there in (term[2], term[2][::-1]):
                if self.knows(here):
                    yield there

    def knows(self, term):
        return self._knows(term, frozenset())

    def _knows(self, term, asked):
        if term in self._heard or term[0] == "const":
            return True
        if term in self._cache:
            return self._cache[term]
        if term in asked:
            return False
        below = asked | {term}
        known = self._made(term, below) or self._summed(term, below)
        if known or not asked:
            self._cache[term] = known  # a No inside another question may be for the loop's sake
        return known

    def _made(self, term, asked):
        if term[0] == "name":
            return term[1].startswith("evil")
        if term[0] == "fun":
            return all(self._knows(one, asked) for one in term[2])
        if term[0] == "exp":
            return self._raised(term, asked)
        if term[0] == "xor":
            return all(self._knows(one, asked) for one in term[1])
        return False

    def _raised(self, term, asked):
        """From a base or a power of it that is known, with the exponents that are left."""
        starts = [()] if self._knows(term[1], asked) else []
        starts += [one[2] for one in self._heard if one[0] == "exp" and one[1] == term[1]]
        for held in starts:
            left = list(term[2])
            if all(one in left and not left.remove(one) for one in held):
                if all(self._knows(one, asked) for one in left):
                    return True
        return False

    def _summed(self, term, asked):
        """Whether `term` is a sum of heard sums and of known summands: elimination over GF(2)."""
        sums = [set(one[1]) for one in self._heard if one[0] == "xor"]
        wanted = set(_parts(term))
        if not wanted & set().union(*sums):
            return False
        free = {}

        def strip(parts):
            for one in parts:
                if one not in free:
                    free[one] = one in self._heard or (
                        one != term and self._knows(one, asked)
                    )
            return {one for one in parts if not free[one]}

        rows = [strip(one) for one in sums]
        wanted = strip(wanted)
        pivots = {}
        for row in rows:
            row = _reduce(row, pivots)
            if row:
                pivots[min(row)] = row
        return not _reduce(wanted, pivots)


def _reduce(row, pivots):
    row = set(row)
    done = False
    while not done:
        done = True
        for one in sorted(row):
            if one in pivots:
                row ^= pivots[one]
                done = False
                break
    return row
