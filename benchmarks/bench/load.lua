-- Sends requests as they stand in a file: each as its length, a line feed, its bytes.
-- Arguments: that file, the expected status, a seed or "each" (one after the other, from the first).
local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function init(args)
  requests, unexpected, position = {}, 0, 0
  local file = assert(io.open(args[1], "rb"))
  while true do
    local length = file:read("*n")
    if not length then break end
    file:read(1)
    requests[#requests + 1] = file:read(length)
  end
  file:close()
  expected = tonumber(args[2])
  each = args[3] == "each"
  if not each then math.randomseed(tonumber(args[3]) + number) end
end

function request()
  if each then
    position = position % #requests + 1
    return requests[position]
  end
  return requests[math.random(#requests)]
end

function response(status)
  if status ~= expected then unexpected = unexpected + 1 end
end

function done(summary, latency)
  local wrong = 0
  for _, thread in ipairs(threads) do wrong = wrong + thread:get("unexpected") end
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    '\nbench {"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "unexpected": %d, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    wrong, errors))
end
