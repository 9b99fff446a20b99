-- Requests for wrk, and its numbers as one line of JSON.
--
-- Arguments after `--`: a file of requests, the number to count from, and a file of the header lines of all requests.
-- Each line of the first is a path, after a tab the ETag to send, if any, and after another tab the body, if it is a
-- POST. `__N__` in a path or body is replaced by a number that no other request of the run has, so that no answer can
-- come from a cache.

local requests, counter = {}, 0

local function split(text)
  local parts, from = {}, 1
  while true do
    local first, last = text:find("__N__", from, true)
    if not first then break end
    parts[#parts + 1] = text:sub(from, first - 1)
    from = last + 1
  end
  parts[#parts + 1] = text:sub(from)
  return parts
end

function init(args)
  local common = ""
  for line in io.lines(args[3]) do common = common .. line .. "\r\n" end
  for line in io.lines(args[1]) do
    local path, etag, body = line:match("^([^\t]*)\t?([^\t]*)\t?(.*)$")
    local head = " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port .. "\r\n" .. common
    if etag ~= "" then head = head .. "If-None-Match: " .. etag .. "\r\n" end
    local parts
    if body == "" then
      parts = split("GET " .. path .. head .. "\r\n")
    else
      parts = split(body)
      parts.head = "POST " .. path .. head .. "Content-Length: "
    end
    requests[#requests + 1] = parts
  end
  counter = tonumber(args[2])
end

function request()
  counter = counter + 1
  local parts = requests[counter % #requests + 1]
  local text = parts[1]
  if #parts > 1 then text = table.concat(parts, tostring(counter)) end
  if parts.head then return parts.head .. #text .. "\r\n\r\n" .. text end
  return text
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50": %.3f, "p99": %.3f, "longest": %.3f, "bytes": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, summary.bytes, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
