-- A chat server for rooms of mpseq, on this machine only: prosody -F --config prosody.cfg.lua
-- Everyone enters without an account, at xmpp:ROOM@rooms.localhost. For others, too: see ../CARRIERS.md.
interfaces = { "127.0.0.1" }
modules_enabled = { "disco", "saslauth", "ping" } -- not "limits", which slows a room to 61 messages a second
modules_disabled = { "s2s" }
c2s_require_encryption = false -- on loopback
network_settings = { nagle = false } -- else a frame of over 8 kB takes 45 ms more
run_as_root = true -- if root starts it
storage = "memory" -- its rooms live as long as somebody is in them
certificates = "." -- this folder: none are here, so no TLS
log = { warn = "*console" }

VirtualHost "localhost"
authentication = "anonymous"

Component "rooms.localhost" "muc"
muc_room_locking = false
