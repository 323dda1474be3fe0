"""What `mpseq chat` shows and does: `room` and `talk` are what both the plain lines and the screen
show, `commands` what both understand; `lines` prints, `app` is the screen, `web` serves it."""
