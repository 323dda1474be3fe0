"""A Chat for a desktop: what a server had begun to hand round when it died reaches everybody.

Such a server has shown some frames to some people only, each of them the first so many of one
order. Whoever has memory to spare posts again what came shortly before the cut, in that order and
before anything new: what is there already is known as a duplicate, and the others get it. Boards
keep nothing for that.
"""

import asyncio
import collections
import contextlib

from mpseq_aio import chat, link
from mpseq_aio.clock import now

ROUND = 2000  # ms before a cut in which a frame may not have been handed round yet
MOST = 64  # frames that are kept for that
MOST_BYTES = 128 * 1024
FEW = 8  # people in a conversation up to which each posts everybody's frames, not only their own
APART = 0.5  # seconds between what is posted again and what is new, as others are not so quick
PATIENCE = 5000  # ms after which the new goes out in any case


class Chat(chat.Chat):
    """As mpseq_aio.chat.Chat."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._heard_last = collections.deque()  # (when, frame, whether it is mine)
        self._again = []  # frames to post before anything else
        self._reposting = None

    def _take(self, message):
        if message[0] == link.FRAME:
            frame = bytes(message[2])
            self._heard_last.append((now(), frame, frame in self._flying))
            while (
                len(self._heard_last) > MOST
                or sum(len(one[1]) for one in self._heard_last) > MOST_BYTES
                or now() - self._heard_last[0][0] > 2 * ROUND
            ):
                self._heard_last.popleft()
        super()._take(message)

    def _disconnected(self, reason):
        if self.connected:
            self._end_reposting()
            since = now() - ROUND
            all_of_them = len(self.members) <= FEW
            for when, frame, mine in self._heard_last:
                if when >= since and (mine or all_of_them) and frame not in self._again:
                    self._again.append(frame)
            self._heard_last.clear()
        super()._disconnected(reason)

    async def _connect(self):
        await super()._connect()
        if self._again and not self._hold:
            self._release()

    def _release(self):
        if not self._again:
            super()._release()
        elif self._reposting is None:
            self._hold = (float("inf"), now() + PATIENCE)
            self._reposting = asyncio.ensure_future(self._repost())
        else:  # it takes too long
            self._end_reposting()
            self._again = []
            super()._release()

    async def _repost(self):
        with contextlib.suppress(OSError, link.LinkError):  # a cut is noticed where it is read
            for frame in self._again:
                await self.carrier.post(frame)
            await asyncio.sleep(APART)
            self._again = []
            self._reposting = None
            self._release()

    def _end_reposting(self):
        if self._reposting is not None:
            self._reposting.cancel()
            self._reposting = None

    async def close(self):
        """As mpseq_aio.chat.Chat.close."""
        self._end_reposting()
        await super().close()
