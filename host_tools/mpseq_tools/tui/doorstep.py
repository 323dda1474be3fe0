"""People whom I invited before they were in the room: they get the invitation when they come.

A carrier keeps nothing for who is not there. What is posted is the same frame again: it costs no
approval, and whoever has it knows it as a duplicate.
"""

import asyncio
import contextlib

from mpseq import wire
from mpseq_aio import link

REST = 3.0  # seconds between two times: strangers can come and go as often as they like
MOST = 8  # invitations posted at a time: who they are not for has the work of looking


class Doorstep:
    """`invite` as Chat does it; then `came()` whenever somebody came into the room, `arrived(key)`
    of who is in the conversation, and `cancelled(key)` of who is no longer wanted."""

    def __init__(self, chat):
        self._chat = chat
        self._open = []  # (frame, keys of whom it invites and who did not come yet)
        self._posting = None
        self._again = False

    def invite(self, invitees, replace=False):
        """LocalError as Chat.invite."""
        conversation = self._chat.conversation
        take = conversation.take_frames
        frames = []

        def look():
            taken = take()
            frames.extend(taken)
            return taken

        conversation.take_frames = look
        try:
            self._chat.invite(invitees, replace=replace)
        finally:
            conversation.take_frames = take
        keys = {key for _, key in invitees}
        for key in keys:
            self.arrived(key)  # the new invitation is the one that is open
        self._open += [
            (bytes(frame), keys) for frame in frames if wire.frame_type(frame) == wire.INVITATION
        ]

    def came(self):
        """Posts what is open again, at once or REST seconds after the last time."""
        self._again = bool(self._open)
        if self._again and (self._posting is None or self._posting.done()):
            self._posting = asyncio.ensure_future(self._post())

    def arrived(self, key: bytes):
        """Nothing more is posted for this key alone."""
        for _, keys in self._open:
            keys.discard(key)
        self._open = [one for one in self._open if one[1]]

    def cancelled(self, key: bytes):
        """Nothing more is posted that invites this key, whoever else it is for."""
        self._open = [one for one in self._open if key not in one[1]]

    def close(self):
        """Nobody is waited for any more."""
        self._open = []
        if self._posting is not None:
            self._posting.cancel()

    async def _post(self):
        while self._again:
            self._again = False
            for frame, _ in self._open[-MOST:]:
                with contextlib.suppress(link.CarrierLost, link.LinkError):
                    if self._chat.connected:
                        await self._chat.carrier.post(frame)
            await asyncio.sleep(REST)
