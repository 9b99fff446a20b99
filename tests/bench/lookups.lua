-- Requests for wrk, and its numbers as one line of JSON.
--
-- Arguments after `--`: a file of requests, and the number to count from. Each line of the file is a path, and after a
-- tab the ETag to send, if any. `__N__` in a path is replaced by a number that no other request of the run has, so that
-- no answer can come from a cache.

local requests, counter = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local path, etag = line:match("^([^\t]*)\t?(.*)$")
    local head = " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
      "\r\nAccept: application/sparql-results+json\r\n"
    if etag ~= "" then head = head .. "If-None-Match: " .. etag .. "\r\n" end
    local parts, from = {}, 1
    while true do
      local first, last = path:find("__N__", from, true)
      if not first then break end
      parts[#parts + 1] = path:sub(from, first - 1)
      from = last + 1
    end
    parts[#parts + 1] = path:sub(from)
    parts[1] = "GET " .. parts[1]
    parts[#parts] = parts[#parts] .. head .. "\r\n"
    requests[#requests + 1] = parts
  end
  counter = tonumber(args[2])
end

function request()
  counter = counter + 1
  local parts = requests[counter % #requests + 1]
  if #parts == 1 then return parts[1] end
  return table.concat(parts, tostring(counter))
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50": %.3f, "p99": %.3f, "longest": %.3f, "bytes": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, summary.bytes, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
