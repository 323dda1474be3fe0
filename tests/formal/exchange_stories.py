"""Runs of exchange.spthy and join.spthy, played: see `stories`. Those with an ABORT(check) are in
`check_stories`."""

from play import Run
from stories import CONTEXT, power
from symbolic import const, fun, items, name, tuple_of

# --- exchange.spthy

class Three:
    """Three people with fresh keys; `place` i is the i-th of them."""

    def __init__(self, theory):
        self.run = Run(theory)
        self.a = [self.run.fire("Identity")["a"] for _ in range(3)]
        self.fresh_keys()

    def fresh_keys(self):
        self.keys = [self.run.fire("Keys", a=one) for one in self.a]
        for i in range(3):
            for j in range(3):
                if i != j:
                    rule = "Tdh_low" if i < j else "Tdh_high"
                    self.run.fire(rule, power(self.keys[j]["x"]), x=self.keys[i]["x"],
                                  b=self.a[j])

    def shares(self, context=CONTEXT, who=(0, 1, 2), third=None):
        """`third`: (y, t) that stand in the roster for the last one's."""
        y = [power(one["x"]) for one in self.keys]
        t = [fun("pk", one["t"]) for one in self.keys]
        if third:
            y[2], t[2] = third
        self.share = [None] * 3
        self.changed = {}
        self.confirms = {}
        for i in who:
            j, k = [one for one in range(3) if one != i]
            self.share[i] = self.run.fire(
                "Share_%d" % i, tuple_of(context, t[j], t[k]), x=self.keys[i]["x"],
                P=power(self.a[j]), Q=power(self.a[k]), Yp=y[j], Yq=y[k],
            )
        self.sid = self.share[who[0]].actions[1][1][1]

    def frame(self, i):
        return self.changed.get(i, self.share[i].out[0])

    def change_frame(self, i, part, term):
        """In the SHARE of i, as it is shown from here on."""
        parts = items(self.frame(i), 6)
        parts[part] = term
        self.changed[i] = tuple_of(*parts)

    def confirm(self, who=(0, 1, 2)):
        for i in who:
            j, k = [one for one in range(3) if one != i]
            self.confirms[i] = self.run.fire(
                "Confirm_%d" % i, tuple_of(self.frame(j), self.frame(k)),
                x=self.keys[i]["x"], sid=self.sid,
            ).out[0]

    def switch(self, who=(0, 1, 2)):
        for i in who:
            j, k = [one for one in range(3) if one != i]
            self.run.fire("Switch_%d" % i, self.confirms[j], self.confirms[k],
                          x=self.keys[i]["x"])

    def doubt(self, author):
        self.cry = self.run.fire("Abort_doubt", x=self.keys[author]["x"], sid=self.sid).out[0]
        self.author = const(str(author))

    def answer_doubt(self, who):
        for i in who:
            self.run.fire("Reveal_doubt", self.cry, x=self.keys[i]["x"], sid=self.sid,
                          k=self.author)


def exchange(theory, corrupt_later=False, corrupt_first=False, steal_later=False):
    """`corrupt_later`: all long-term keys leak after the switch; `corrupt_first`: cyd's before;
    `steal_later`: two x are stolen, as if they had not been wiped."""
    three = Three(theory)
    if corrupt_first:
        three.run.fire("Corrupt", a=three.a[2])
    three.shares()
    three.confirm()
    three.switch()
    if corrupt_later:
        for one in three.a:
            three.run.fire("Corrupt", a=one)
    if steal_later:
        for one in three.keys[:2]:
            three.run.fire("Steal", x=one["x"])
    return three.run


def exchange_with_another_s(theory):
    """The carrier (and whoever knows E) puts another s into ben's SHARE, and shows it to ana."""
    three = Three(theory)
    three.shares()
    three.change_frame(1, 3, fun("pk", name("evil_s")))
    three.confirm((0,))
    return three.run


def switch_without_c(theory):
    """Ana is shown another auth from ben to cyd than cyd is, so her S is another; the CONFIRMs are
    as they were."""
    three = Three(theory)
    three.shares()
    three.confirm((1, 2))
    three.change_frame(1, 5, name("evil"))
    three.confirm((0,))
    three.switch((0,))
    return three.run


def joiners_key_in_two_sids(theory):
    """One key serves two sids; the first fails at its SHAREs, all x are shown, and the second goes
    on with them."""
    three = Three(theory)
    three.shares(const("first"))
    three.doubt(0)
    three.answer_doubt((0, 1, 2))
    three.shares(const("second"))
    three.confirm()
    three.switch()
    return three.run


def reveal_elsewhere_after_confirm(theory):
    """One key serves two sids; CONFIRM is out in the second when the first one's ABORT comes, and
    ana and ben answer it all the same."""
    three = Three(theory)
    three.shares(const("first"))
    first = three.sid
    three.doubt(2)
    three.shares(const("second"))
    three.confirm()
    three.switch((2,))
    three.sid = first
    three.answer_doubt((0, 1))
    return three.run


def reveal_after_doubt(theory):
    """Cyd doubts; ana and cyd show their x. Cyd sent CONFIRM before, and so ben has switched."""
    three = Three(theory)
    three.shares()
    three.confirm()
    three.switch((1,))
    three.doubt(2)
    three.answer_doubt((0, 2))
    return three.run


def reveal_before_switch(theory):
    """Cyd doubts and sends no CONFIRM; ana and cyd show their x; ben goes on waiting."""
    three = Three(theory)
    three.shares()
    three.confirm((0, 1))
    three.doubt(2)
    three.answer_doubt((0, 2))
    return three.run


# --- join.spthy

class Guest:
    """Ana invites dan; ben is present too."""

    def __init__(self, theory):
        self.run = run = Run(theory)
        self.a, self.b, self.d = [run.fire("Identity")["a"] for _ in range(3)]
        self.keys = run.fire("Guest_keys", a=self.d)
        self.invitation = run.fire("Invite", a=self.a, b=self.d, room=CONTEXT)

    def open(self):
        self.run.fire("Open", self.invitation.out[0], a=self.d, i=self.a)

    def join(self):
        self.joined = self.run.fire("Join")

    def admit(self):
        self.run.fire("Admit", self.joined.out[0], fun("pk", self.keys["t"]))

    def propose(self):
        self.roster = self.run.fire("Propose", p=self.b)

    def enter(self, frame=None):
        self.run.fire("Enter", frame or self.roster.out[0])


def guest_joins(theory, corrupt_later="", leak=False, until="enter"):
    """`corrupt_later`: whose long-term keys leak at the end, of "abd"; `leak`: a member tells the
    ticket; `until`: the last step."""
    guest = Guest(theory)
    for step in ("invite", "open", "join", "admit", "propose", "enter"):
        if step != "invite":
            getattr(guest, step)()
        if step == until:
            break
    if leak:
        guest.run.fire("Leak_ticket")
    for who in corrupt_later:
        guest.run.fire("Corrupt", a=getattr(guest, who))
    return guest.run


def guest_joins_twice(theory):
    """The carrier shows one JOIN twice."""
    guest = Guest(theory)
    guest.open()
    guest.join()
    guest.admit()
    guest.admit()
    return guest.run


def removed_member_tells_secret(theory):
    guest = Guest(theory)
    guest.open()
    guest.join()
    guest.admit()
    guest.propose()
    guest.run.fire("Leak_secret")
    return guest.run


def stranger_invites(theory):
    """Somebody seals an invitation that names ana, with an e of its own."""
    run = Run(theory)
    a, d = [run.fire("Identity")["a"] for _ in range(2)]
    e, public = name("evil_e"), power(name("evil_e"))
    k1 = fun("kdf", fun("exp", power(d), e), tuple_of(const("invitation"), public, power(d)))
    k2 = fun("kdf", const("none"),
             tuple_of(const("invitation"), k1, public, power(a), power(d)))
    first = fun("senc", tuple_of(public, power(a)), k1)
    second = fun("senc", tuple_of(public, CONTEXT, name("evil_id"), name("evil_k")), k2)
    run.fire("Open", tuple_of(public, first, second), a=d, i=a)
    return run


def stranger_makes_roster(theory, leak, ticket=True):
    """Somebody makes a ROSTER for dan, with dan's y from the JOIN in clear, and, with `leak`, the
    ticket; without `ticket` for a mutant that asks for none."""
    guest = Guest(theory)
    guest.open()
    guest.join()
    if leak:
        guest.run.fire("Leak_ticket")
    secret = name("evil_E")
    wrap = fun("kdf", secret, const("wrap"))
    public = power(wrap)
    mine = guest.joined["ticket"] if ticket else public
    slot = tuple_of(
        fun("kdf", mine, public) if ticket else public,
        fun("senc", tuple_of(public, secret),
            fun("kdf", fun("exp", power(guest.keys["x"]), wrap), tuple_of(const("wrap"), mine))),
    )
    evil = [name("evil%d" % i) for i in range(5)]
    people = tuple_of(power(guest.a), *evil, power(guest.d), power(guest.keys["x"]),
                      fun("pk", guest.keys["t"]))
    rest = fun("senc", tuple_of(public, slot, name("evil_N"), CONTEXT, people),
               fun("kdf", secret, const("roster")))
    guest.enter(tuple_of(public, slot, rest))
    return guest.run
