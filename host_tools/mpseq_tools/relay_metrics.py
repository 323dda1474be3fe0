"""What a relay counts, for Prometheus, at a port of this machine alone: no names, no addresses."""

import logging

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from .relay import LATENCIES, Relay

HOST = "127.0.0.1"
# aiohttp would print each request that it cannot read, and any program here can make many.
_QUIET = logging.getLogger("mpseq.metrics")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class Collector:
    """The relay's counters in Prometheus' words."""

    def __init__(self, relay: Relay, log=None):
        self._relay = relay
        self._log = log

    def collect(self):
        """Called by the registry for each look."""
        relay = self._relay
        counts = relay.counts
        for name, text, value in (
            ("clients", "Connected clients.", len(relay)),
            ("rooms", "Rooms with somebody in.", len(relay.rooms)),
            ("backlog_bytes", "Bytes that wait for and of clients.", relay.waiting),
        ):
            yield GaugeMetricFamily(f"mpseq_relay_{name}", text, value=value)
        for name, text, value in (
            ("connections", "Connections that came.", counts.connections),
            ("frames_posted", "Frames that clients posted.", counts.posted),
            ("posted_bytes", "Their bytes, as they are passed on.", counts.posted_bytes),
            ("frames_delivered", "Frames given to members.", counts.delivered),
            ("delivered_bytes", "Their bytes.", counts.delivered_bytes),
            ("held_back", "Times that a client was over its rates.", counts.held_back),
            ("log_lines_lost", "Lines that nobody took in time.", self._log and self._log.lost),
        ):
            yield CounterMetricFamily(f"mpseq_relay_{name}", text, value=value or 0)
        ended = CounterMetricFamily(
            "mpseq_relay_ended", "Connections that ended, by reason.", labels=["reason"]
        )
        for reason, count in counts.ended.items():
            ended.add_metric([reason], count)
        yield ended
        total = 0
        buckets = []
        for bound, count in zip((*LATENCIES, None), counts.latency, strict=True):
            total += count
            buckets.append(("+Inf" if bound is None else str(float(bound)), total))
        yield HistogramMetricFamily(
            "mpseq_relay_latency_seconds",
            "From reading a frame to having given it to its room.",
            buckets=buckets,
            sum_value=counts.latency_sum,
        )


class Metrics:
    """The HTTP server. Port 0 takes a free one; `port` holds the real one after `start`."""

    def __init__(self, relay: Relay, port: int, log=None):
        self.port = port
        self._relay = relay
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Collector(relay, log))
        self._runner = None

    async def start(self):
        """OSError when the port is taken."""
        application = web.Application(middlewares=[_local_only])
        application.add_routes(
            [web.get("/metrics", self._metrics), web.get("/healthz", self._health)]
        )
        self._runner = web.AppRunner(
            application, access_log=None, handle_signals=False, logger=_QUIET
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self):
        """Closes it."""
        await self._runner.cleanup()

    async def _metrics(self, request):
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _health(self, request):
        if self._relay.stopping:
            return web.Response(status=503, text="stopping\n")
        return web.Response(text="ok\n")


@web.middleware
async def _local_only(request, handler):
    # A page in this machine's browser could name its own host, and have it point here.
    if request.host.rpartition(":")[0] not in (HOST, "localhost"):
        raise web.HTTPForbidden(text="only for this machine\n")
    return await handler(request)
