-- For wrk: sends the requests of a file in turn. Each of its lines is a path and, behind a tab, a header if there is one.
local requests, last = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local path, field = line:match("^([^\t]*)\t?(.*)$")
    local headers = { ["User-Agent"] = "wrk/4" }
    local name, value = field:match("^([^:]+): (.*)$")
    if name then headers[name] = value end
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
end

function request()
  last = last % #requests + 1
  return requests[last]
end
