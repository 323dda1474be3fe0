"""A Chat for a desktop: what a server had begun to hand round when it died reaches everybody.

Such a server has shown some frames to some people only, each of them the first so many of one
order. Whoever has memory to spare posts again what came shortly before the cut, in that order and
before anything new: what is there already is known as a duplicate, and the others get it, under
the label of who posts it, which is a hint and no more. Boards keep nothing for that.
"""

import asyncio
import collections
import contextlib

from mpseq import events
from mpseq_aio import chat, link
from mpseq_aio.clock import now

ROUND = 1000  # ms before a cut in which a frame may not have been handed round yet
MOST = 32  # frames that are kept for that
MOST_BYTES = 32 * 1024  # of all of them: a board hears them from each desktop
FEW = 8  # people in a conversation up to which each posts everybody's frames, not only their own
APART = 0.5  # seconds between what is posted again and what is new, as others are not so quick
PATIENCE = 5000  # ms after which the new goes out in any case


class Chat(chat.Chat):
    """As mpseq_aio.chat.Chat."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._heard_last = collections.deque()  # (when, frame, whether it is mine)
        self._again = []  # frames to post before anything else
        self._cut = False  # there was one, and the new has to wait
        self._reposting = None

    def _take(self, message):
        if message[0] != link.FRAME:
            super()._take(message)
            return
        frame = bytes(message[2])
        if frame in self._again:  # somebody was quicker
            self._again.remove(frame)
        mine = frame in self._flying
        refused = sum(self.conversation.refused.values())
        super()._take(message)
        if mine or sum(self.conversation.refused.values()) == refused:
            self._heard_last.append((now(), frame, mine))
            self._forget()

    def _forget(self):
        last = self._heard_last
        while last and (
            len(last) > MOST
            or sum(len(one[1]) for one in last) > MOST_BYTES
            or now() - last[0][0] > 2 * ROUND
        ):
            last.popleft()

    def _note(self, event):
        super()._note(event)
        if isinstance(event, events.Left):
            self._heard_last.clear()
            self._again.clear()

    def _disconnected(self, reason):
        if self.connected:
            self._end_reposting()
            self._cut = True
            since = now() - ROUND
            all_of_them = len(self.members) <= FEW
            for when, frame, mine in self._heard_last:
                if when >= since and (mine or all_of_them) and frame not in self._again:
                    self._again.append(frame)
            self._heard_last.clear()
        super()._disconnected(reason)

    async def _connect(self):
        await super()._connect()
        if self._cut and not self._hold:
            self._release()

    def _release(self):
        """All are back, or are not waited for any more: also when there is nothing to post again,
        others may have something."""
        self._end_reposting()
        if self._cut:
            self._cut = False
            self._hold = (float("inf"), now() + PATIENCE)
            self._reposting = asyncio.ensure_future(self._repost())
        else:
            self._again = []
            super()._release()

    async def _repost(self):
        with contextlib.suppress(OSError, link.LinkError):  # a cut is noticed where it is read
            while self._again:
                frame = self._again[0]
                await self.carrier.post(frame)
                if self._again[:1] == [frame]:
                    self._again.pop(0)
            await asyncio.sleep(APART)
            self._reposting = None
            self._release()

    def _end_reposting(self):
        if self._reposting is not None:
            self._reposting.cancel()
            self._reposting = None

    async def close(self):
        """As mpseq_aio.chat.Chat.close."""
        self._end_reposting()
        try:
            await super().close()
        finally:
            self._end_reposting()
