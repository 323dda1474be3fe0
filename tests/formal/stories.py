"""Runs of the theories, played: who does what in which order, and what the adversary passes on.
Those of exchange.spthy and join.spthy are in `exchange_stories`.

Each function takes a Theory and gives the Run. An adversary's own values are names that begin
with "evil".
"""

from play import Run
from symbolic import NEUTRAL, const, fun, items, name, tuple_of

G = const("g")
CONTEXT = const("room")


def power(exponent):
    return fun("exp", G, exponent)


# --- pairwise.spthy

class Two:
    """Ana is the lower of the two, ben the higher."""

    def __init__(self, theory):
        self.run = run = Run(theory)
        self.a = run.fire("Identity")["a"]
        self.b = run.fire("Identity")["a"]
        self.ana = run.fire("Keys", a=self.a)
        self.ben = run.fire("Keys", a=self.b)

    def tdh(self):
        ana, ben = self.ana, self.ben
        self.run.fire("Tdh_low", power(ben["x"]), a=self.a, b=self.b)
        self.run.fire("Tdh_high", power(ana["x"]), a=self.b, b=self.a)

    def shares(self):
        pk = [fun("pk", one["t"]) for one in (self.ana, self.ben)]
        self.low = self.run.fire("Share_low", tuple_of(CONTEXT, pk[1]), a=self.a)
        self.high = self.run.fire("Share_high", tuple_of(CONTEXT, pk[0]), a=self.b)

    def accept(self):
        self.run.fire("Accept_low", self.high.out[0])
        self.run.fire("Accept_high", self.low.out[0])

    def talk(self):
        text = self.run.fire("Say", const("hello"), A=power(self.b), counter=const("1"))
        self.run.fire("Hear", tuple_of(const("1"), const("hello"), text.out[0]), A=power(self.a))


def pair_talks(theory):
    two = Two(theory)
    two.tdh()
    two.shares()
    two.accept()
    two.talk()
    return two.run


def pair_corrupted_later(theory):
    """Both long-term keys leak when all is over."""
    two = Two(theory)
    two.tdh()
    two.shares()
    two.accept()
    two.talk()
    two.run.fire("Corrupt", a=two.a)
    two.run.fire("Corrupt", a=two.b)
    return two.run


def pair_impersonated(theory, leak, tdh=""):
    """The adversary makes y and t for ben, and speaks as ben to ana; ben is not there. `leak`:
    ana's "x" or "a", ben's "b", or ""; `tdh`: what a mutant's TDH leaves out."""
    run = Run(theory)
    a = run.fire("Identity")["a"]
    b = run.fire("Identity")["a"]
    x = run.fire("Keys", a=a)["x"]
    if leak == "x":
        run.fire("Steal", a=a)
    elif leak:
        run.fire("Corrupt", a=a if leak == "a" else b)
    y = name("evil_y")
    run.fire("Tdh_low", power(y), a=a, b=b)
    share = run.fire("Share_low", tuple_of(CONTEXT, fun("pk", name("evil_t"))))
    static = [fun("exp", power(a), y), fun("exp", power(b), x)]
    if tdh == "no A":
        static[1] = const("none")
    elif tdh == "static":
        static = [fun("exp", power(b), a), const("none")]
    ends = [power(a), power(x), power(b), power(y)]
    key = fun("h", tuple_of(const("tdh"), *static, fun("exp", power(y), x), *ends))
    run.fire("Accept_low", _evil_share(share, key))
    return run


def _evil_share(share, key):
    """What the adversary answers to a SHARE of the lower one, if it knows the pairwise key."""
    sid = share.actions[0][1][1]
    w, s = name("evil_w"), fun("pk", name("evil_s"))
    auth = fun("kdf", key, tuple_of(const("auth"), sid, const("high"), const("low"), s))
    digest = fun("h", tuple_of(const("share"), sid, const("high"), w))
    return tuple_of(w, fun("sign", digest, name("evil_t")), s, auth)


def pair_shares_a_key(theory):
    """Ana and cyd are both shown the neutral element; without its ends a TDH is then one key."""
    run = Run(theory)
    people = [run.fire("Identity")["a"] for _ in range(4)]
    key = fun("h", tuple_of(const("tdh"), NEUTRAL, NEUTRAL, NEUTRAL))
    for me, peer in ((0, 1), (2, 3)):
        x = run.fire("Keys", a=people[me])["x"]
        run.fire("Tdh_low", NEUTRAL, x=x, b=people[peer])
        seen = tuple_of(CONTEXT, fun("pk", name("evil_t")))
        share = run.fire("Share_low", seen, x=x)
        run.fire("Accept_low", _evil_share(share, key), x=x)
    return run


def pair_hears_another(theory):
    """The adversary signs a text of ben's with a key of its own."""
    two = Two(theory)
    two.tdh()
    two.shares()
    two.accept()
    two.run.fire("Hear", tuple_of(const("1"), const("hello"), name("evil")), A=power(two.a))
    return two.run


def pair_with_neutral_key(theory):
    """Ben's y is the neutral element (np1sec's case 5)."""
    two = Two(theory)
    two.run.fire("Tdh_low", NEUTRAL, a=two.a, b=two.b)
    return two.run


def pair_with_a_changed_part(theory, part, say=False):
    """Of ben's SHARE the carrier changes w (0) or s (2), and shows it to ana; with `say` it speaks
    as ben under that s."""
    two = Two(theory)
    two.tdh()
    two.shares()
    parts = items(two.high.out[0], 4)
    parts[part] = name("evil") if part == 0 else fun("pk", name("evil"))
    two.run.fire("Accept_low", tuple_of(*parts))
    if say:
        sid = two.high.actions[0][1][1]
        digest = fun(
            "h", tuple_of(const("message"), sid, const("high"), const("1"), const("hello"))
        )
        text = fun("sign", digest, name("evil"))
        two.run.fire("Hear", tuple_of(const("1"), const("hello"), text))
    return two.run


# --- ring.spthy

def ring(theory, reveal=False, forge=False, confirm=(0, 1, 2), switch=(0, 1, 2)):
    """Three seats; `forge`: seat 0 is shown z that the carrier changed so that the ring still
    closes. `confirm` and `switch`: who gets so far."""
    run = Run(theory)
    seats = run.fire("Seats")
    sid = const("sid")
    shares = [run.fire("Share_%d" % i, sid) for i in range(3)]
    if reveal:
        run.fire("Reveal_pair", k=seats["k01"])
    z, p = zip(*[items(one.out[0], 2) for one in shares], strict=True)
    z = [list(z) for _ in range(3)]
    if forge:
        delta = name("evil_delta")
        z[0][1] = fun("xor", z[0][1], delta)
        z[0][2] = fun("xor", z[0][2], delta)
    confirms = [None] * 3
    for i in confirm:
        j, k = [one for one in range(3) if one != i]
        seen = tuple_of(z[i][j], p[j], z[i][k], p[k])
        confirms[i] = run.fire("Confirm_%d" % i, seen).out[0]
    for i in switch:
        j, k = [one for one in range(3) if one != i]
        run.fire("Switch_%d" % i, tuple_of(confirms[j], confirms[k]))
    return run


def ring_that_does_not_close(theory):
    run = Run(theory)
    run.fire("Seats")
    shares = [run.fire("Share_%d" % i, const("sid")) for i in range(3)]
    z, p = zip(*[items(one.out[0], 2) for one in shares], strict=True)
    run.fire("Confirm_0", tuple_of(z[1], p[1], name("evil"), p[2]))
    return run


def ring_in_two_sids(theory):
    """Seat 0 switches in two sids, with the c that its S asks for."""
    run = Run(theory)
    run.fire("Seats")
    for sid in (const("first"), const("second")):
        shares = [run.fire("Share_%d" % i, sid) for i in range(3)]
        z, p = zip(*[items(one.out[0], 2) for one in shares], strict=True)
        for i in (1, 2, 0):
            j, k = [one for one in range(3) if one != i]
            seen = tuple_of(z[j], p[j], z[k], p[k])
            ready = run.fire("Confirm_%d" % i, seen, sid=sid).actions[1][1]
        key = fun("kdf", ready[3], const("confirm"))
        checks = [fun("kdf", key, const(one)) for one in "12"]
        run.fire("Switch_0", tuple_of(*checks), sid=sid)
    return run


# --- healing.spthy

def healing(theory, plan):
    """`plan`: words "start", "switch", "abort", "steal" (every key still in memory), "steal-old"
    (those that were in use before), "chains" (of the last session)."""
    run = Run(theory)
    meet = run.fire("Meet")
    alive = [meet[one] for one in ("x0", "x1", "x2")]
    old, following, last, step = [], [], None, None
    for word in plan.split():
        if word == "start":
            step = run.fire("Start")
            following = [step[one] for one in ("n0", "n1", "n2")]
        elif word == "switch":
            last = run.fire("Switch")
            old, alive, following = alive, following, []
        elif word == "abort":
            step = run.fire("Abort")
            alive, following = [step[one] for one in ("m0", "m1", "m2")], []
        elif word == "chains":
            run.fire("Steal_session", f=last["f"])
        else:
            for one in old if word == "steal-old" else alive + following:
                run.fire("Steal", x=one)
    return run


# --- deniability.spthy

def forged(theory):
    """Frank knows three public keys and makes all else himself."""
    run = Run(theory)
    a, b, e = [run.fire("Identity")["a"] for _ in range(3)]
    rule_values = {}
    for i in range(3):
        for kind in "xts":
            rule_values["%s%d" % (kind, i)] = name("evil_%s%d" % (kind, i))
        rule_values["n%d" % i] = name("evil_n%d" % i)
    rule_values.update(context=CONTEXT, m=const("hello"), counter=const("1"), a=a, b=b, e=e)
    run.fire("Judge", *run.messages("Judge", rule_values), **rule_values)
    return run
