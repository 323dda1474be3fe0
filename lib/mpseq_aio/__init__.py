"""asyncio around the sans-I/O core `mpseq`: carriers and the `Chat` façade.

One source for CPython and MicroPython. Modules are imported one by one
(`from mpseq_aio.tcp import TcpRoom`), so that a board loads only what it uses.
"""
