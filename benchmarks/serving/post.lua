-- Sends the body in the file BODY again and again, and tells what came back as one line of JSON.
local file = assert(io.open(os.getenv("BODY"), "rb"))
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "application/json"

function done(summary, latency, requests)
  local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write
  io.write(string.format(
    '\nFIGURES {"rps": %.2f, "p50_ms": %.4f, "p99_ms": %.4f, "failed": %d, "timeouts": %d, "requests": %d}\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    failed, summary.errors.timeout, summary.requests))
end
