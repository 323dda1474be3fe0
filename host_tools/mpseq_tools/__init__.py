"""The desktop's side of mpseq: relay, chat, serial bridge and the demo."""
