-- For wrk: posts the JSON of a file again and again, and ends with the figures as one line of JSON.
--   wrk ... -s wrk-request.lua URL -- FILE [HEADER]
-- HEADER gets another value with each request.
function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = file:read("*a")
  file:close()
  if args[2] then
    local run = string.format("%d-%s", os.time(), tostring({}):match("0x(%x+)"))
    local count = 0
    request = function()
      count = count + 1
      wrk.headers[args[2]] = run .. "-" .. count
      return wrk.format()
    end
  end
end

-- wrk counts microseconds.
function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    '{"answers":%d,"failed":%d,"perSecond":%.3f,"p50Ms":%.4f,"p99Ms":%.4f}',
    summary.requests,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status,
    summary.requests * 1e6 / summary.duration,
    latency:percentile(50) / 1000,
    latency:percentile(99) / 1000))
end
